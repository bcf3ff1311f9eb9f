"""The page of `tokenroof plan`: winner with its margins, runner-ups and why not, machines, commands to paste."""

from typing import TYPE_CHECKING

import click

from tokenroof.cli.economics_options import line, print_defaults
from tokenroof.cli.render import heading, note, print_table
from tokenroof.engines import ENGINES
from tokenroof.units import format_bytes

if TYPE_CHECKING:
    from tokenroof.usecases.plan.answer import Candidate, MachinePlan, PlanResponse

__all__ = ["print_plan"]

_ROWS = 10


def _ms(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _usd(value: float | None) -> str:
    return "-" if value is None else f"${value:,.3f}" if value < 100 else f"${value:,.0f}"


def _gpus(number: int) -> str:
    return f"{number:,} GPU{'' if number == 1 else 's'}"


def _range(one: "Candidate", seconds: float) -> str:
    if one.low == one.high:
        return ""
    return f"80 % range {_ms(seconds * one.low)} to {_ms(seconds * one.high)}"


def _margin(one: "Candidate", name: str) -> str:
    return f"{one.margins[name]:.0%} below the limit" if name in one.margins else "no limit"


def _winner(answer: "PlanResponse", machine: "MachinePlan", one: "Candidate") -> None:
    heading(f"Winner by {answer.objective}   {machine.system}")
    if one.prefill_layout is None:
        what = f"{one.units:,} replica{'' if one.units == 1 else 's'} of {one.label}"
        line("layout", what, f"on {_gpus(one.layout.n_gpus)} each, aggregated")
    else:
        line("prefill", f"{one.prefill_workers} x {one.label.split(' : ')[0].split(' x ', 1)[1].strip('()')}",
             f"on {_gpus(one.prefill_layout.n_gpus)} each")  # fmt: skip
        line("decode", f"{one.decode_workers} x {one.label.split(' : ')[1].split(' x ', 1)[1].strip('()')}",
             f"on {_gpus(one.layout.n_gpus)} each")  # fmt: skip
    own = "the checkpoint's own" if one.own_weights else "needs a checkpoint in this format: check its quality"
    line("weights, KV", f"{one.weights}, {one.kv}", own)
    line("chunk", f"{one.chunk:,} tokens", f"max batched tokens{f'; {one.drafts} drafts' if one.drafts else ''}")
    idle = one.gpus_paid - one.gpus
    rent = f"{one.gpus_paid:,} paid for" + (f", {idle:,} of them idle" if idle else "")
    line("GPUs", f"{one.gpus:,}", f"{rent}; {one.systems:,} x {machine.system}" if one.systems > 1 else rent)
    line(
        "at once",
        f"{one.concurrency:,.0f} requests",
        f"{one.margins['memory']:.0%} of KV memory free; limit: {one.limit}",
    )
    line("TTFT", _ms(one.ttft_s), _margin(one, "TTFT"))
    line("TPOT", _ms(one.tpot_s), f"{_margin(one, 'TPOT')}; {one.tokens_per_s_per_user:,.1f} tok/s/user")
    if _range(one, one.tpot_s):
        line("", "", f"{_range(one, one.tpot_s)} (claim level: {machine.claim_level})")
    line("throughput", f"{one.output_tokens_per_s_per_gpu:,.0f} tok/s/GPU out",
         f"{one.requests_per_s:,.3g} requests/s served, {one.most_requests_per_s:,.3g} possible")  # fmt: skip
    if one.usd_per_mtok_all is not None:
        line("cost", f"{_usd(one.usd_per_mtok_output)} per M output",
             f"{_usd(one.usd_per_mtok_input)} per M input, by machine time; "
             f"{_usd(one.usd_per_mtok_all)} all on output")  # fmt: skip
        line("bill", f"{_usd(one.usd_per_month)} a month",
             f"{_gpus(one.gpus_paid)} at ${machine.usd_per_gpu_h:,.2f} an hour, 730 hours")  # fmt: skip
    if one.joules_per_output_token is not None:
        line("energy", f"{one.joules_per_output_token:,.3g} J per output token", "all-in power of busy GPUs")
    for bar in one.memory:
        line("memory" if len(one.memory) == 1 else f"memory, {bar.role}", f"{format_bytes(bar.weights_bytes)} weights",
             f"{format_bytes(bar.kv_bytes)} of {format_bytes(bar.kv_bytes + bar.free_kv_bytes)} KV, "
             f"{format_bytes(bar.activations_bytes + bar.reserve_bytes)} activations and reserve")  # fmt: skip


def _table(machine: "MachinePlan") -> None:
    if not machine.runner_ups:
        return
    heading("Alternatives, and why not")
    for one in machine.runner_ups:
        click.echo(f"  {one.label:<34} {one.weights}/{one.kv}, {one.gpus} GPUs, TTFT {_ms(one.ttft_s)}, "
                   f"TPOT {_ms(one.tpot_s)}")  # fmt: skip
        click.echo(f"      {one.why_not}")


def _frontier(machine: "MachinePlan") -> None:
    edge = machine.frontier
    if not edge:
        return
    heading("Frontier   no deployment is better in both columns")
    step = max(1, -(-len(edge) // _ROWS))
    shown = sorted({*range(0, len(edge), step), len(edge) - 1})
    print_table(
        ("tok/s/user", "tok/s/GPU", "USD per M", "TTFT", "at once", "inside limits", "layout", "formats"),
        [
            (
                f"{point.tokens_per_s_per_user:,.1f}",
                f"{point.output_tokens_per_s_per_gpu:,.1f}",
                _usd(point.usd_per_mtok_all),
                _ms(point.ttft_s),
                f"{point.concurrency:,.0f}",
                "yes" if point.meets else "no",
                point.label,
                f"{point.weights}/{point.kv}",
            )
            for point in (edge[i] for i in shown)
        ],
        right=(0, 1, 2, 3, 4),
    )


def _machines(answer: "PlanResponse") -> None:
    heading("Machines, best first")
    rows = []
    for machine in answer.machines:
        one = machine.winner
        name = f"{machine.system}{' (announced)' if machine.announced else ''}"
        if one is None:
            why = machine.unmet.reason if machine.unmet else ""
            rows.append((name, "-", "-", "-", "-", "-", "-", why))
            continue
        rows.append(
            (
                name, _usd(one.usd_per_mtok_all), f"{one.output_tokens_per_s_per_gpu:,.0f}", _ms(one.ttft_s),
                _ms(one.tpot_s), f"{one.gpus_paid}", _usd(one.usd_per_month), f"{one.label}, {one.weights}",
            )
        )  # fmt: skip
    print_table(("machine", "USD per M", "tok/s/GPU", "TTFT", "TPOT", "GPUs", "a month", "layout"), rows,
                right=(1, 2, 3, 4, 5, 6))  # fmt: skip


def _searched(machine: "MachinePlan") -> None:
    search = machine.search
    heading("Searched")
    line("combinations", f"{search.combinations:,}", f"{search.layouts:,} layouts, {len(search.formats)} formats")
    line("points", f"{search.points:,}", f"{search.points_met:,} inside all limits")
    for reason, count in search.rejected:
        what = "hold no request" if reason == "memory" else f"{reason.replace('beyond', 'are outside')} at every load"
        line("rejected", f"{count:,}", what)
    for reason, count in search.engine_refused:
        line("no flags for", f"{count:,} layouts", reason)


def print_plan(answer: "PlanResponse") -> None:
    """Everything, the answer first."""
    first, load = answer.machines[0], answer.workload
    limits = [f"{name} at most {_ms(value)}" for name, value in
              (("TTFT", answer.slo.ttft_s), ("TPOT", answer.slo.tpot_s)) if value is not None]  # fmt: skip
    heading(f"{answer.model_name}   {load.isl:,.0f} tokens in, {load.osl:,.0f} out; {', '.join(limits) or 'no limits'}")
    click.echo()
    if len(answer.machines) > 1:
        _machines(answer)
        click.echo()
    if first.winner is not None:
        _winner(answer, first, first.winner)
        click.echo()
        _table(first)
        click.echo()
    _frontier(first)
    click.echo()
    _searched(first)
    for engine, text in answer.flags:
        click.echo()
        heading(ENGINES[engine].display_name)
        click.echo(text)
    for machine in answer.machines:
        for text in machine.notes:
            note(f"note: {machine.system}: {text}")
    print_defaults(answer.defaults)
    note(f"left out: {'; '.join(answer.left_out)}")
