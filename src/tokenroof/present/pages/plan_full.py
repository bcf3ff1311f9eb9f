"""What the full page of `plan` adds: why not the others, memory by role, the frontier, what was searched."""

from tokenroof.present.numbers import BYTES, GB, MS, NUMBER, USD_PER_MTOK, count, quantity
from tokenroof.present.page import BAR, KEEP, RANGE, Block, Table, numbers, words
from tokenroof.present.pages.energy import energy_block
from tokenroof.present.pages.parts import defaults_table, formats_and_drafts, roles
from tokenroof.usecases.plan.answer import Candidate, MachinePlan, PlanResponse

__all__ = ["full_blocks"]

_MOST_POINTS = 12


def full_blocks(answer: PlanResponse) -> list[Block]:
    """The blocks below the first screen, but for commands."""
    first, one = answer.machines[0], answer.winner
    blocks: list[Block] = []
    if first.runner_ups:
        blocks.append(_reasons(first))
    if one is not None:
        blocks += [_memory(one), *energy_block(one.energy)]
    if first.frontier:
        blocks.append(_frontier(first))
    return [*blocks, _search(answer), *defaults_table(answer.defaults)]


def _reasons(machine: MachinePlan) -> Table:
    rows = [
        (f"{roles(one.label)}, {formats_and_drafts(one)}", one.why_not.partition("; ")[2].partition(" [")[0])
        for one in machine.runner_ups
    ]
    return Table(title="Why not the alternatives", columns=(words(), words()), rows=rows, full=True)


def _memory(one: Candidate) -> Table:
    rows = [
        (
            bar.role, quantity(bar.weights_bytes, GB), quantity(bar.kv_bytes, BYTES),
            quantity(bar.kv_bytes + bar.free_kv_bytes, GB), quantity(bar.activations_bytes + bar.reserve_bytes, GB),
        )
        for bar in one.memory
    ]  # fmt: skip
    heads = [numbers(head) for head in ("weights", "KV in use", "KV memory", "activations, reserve")]
    lines = [f"{count(one.chunk)} tokens of prompts in a step at most"]
    return Table(title="Memory of one GPU", columns=(words(), *heads), rows=rows, lines=lines, full=True)


def _frontier(machine: MachinePlan) -> Table:
    step = max(1, -(-len(machine.frontier) // _MOST_POINTS))
    rows = [
        (
            f"{roles(point.label)}, {formats_and_drafts(point)}", quantity(point.tokens_per_s_per_user, NUMBER),
            quantity(point.output_tokens_per_s_per_gpu, NUMBER), quantity(point.usd_per_mtok_all, USD_PER_MTOK),
            quantity(point.ttft_s, MS), count(point.concurrency), "yes" if point.meets else "no",
        )
        for point in machine.frontier[::step]
    ]  # fmt: skip
    heads = ("tok/s/user", "tok/s/GPU", "all on output", "TTFT", "at once")
    columns = [numbers(head, drop=RANGE if head == "TTFT" else KEEP) for head in heads]
    return Table(
        name="frontier", title="Frontier", rows=rows, full=True,
        columns=(words(), *columns, words("met", drop=BAR)),
        lines=("no deployment is better in both of the first two columns",),
    )  # fmt: skip


def _search(answer: PlanResponse) -> Table:
    search = answer.machines[0].search
    pairs: list[tuple[str, str]] = [
        ("layouts", count(search.layouts)),
        ("combinations", count(search.combinations)),
        ("points", count(search.points)),
        ("points inside all limits", count(search.points_met)),
    ]
    for reason, number in search.rejected:
        what = "hold no request" if reason == "memory" else f"outside {reason.removeprefix('beyond ')} at every load"
        pairs.append((f"combinations: {what}", count(number)))
    for reason, number in search.engine_refused:
        pairs.append((f"no flags: {reason}", count(number)))
    lines = (f"formats of weights/KV: {', '.join(search.formats)}",)
    return Table(title="Searched", columns=(words(), numbers()), rows=pairs, lines=lines, full=True)
