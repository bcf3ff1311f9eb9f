"""The page of `plan`: how many GPUs and how set up, margins, alternatives and why not, the command to paste."""

import textwrap
from collections.abc import Iterable

from tokenroof.engines import engine
from tokenroof.present.pages.analyze import columns, wrapped
from tokenroof.scenario.layouts import layout_label
from tokenroof.units import format_bytes
from tokenroof.units import format_figures as figures
from tokenroof.usecases.plan.answer import Candidate, MachinePlan, PlanResponse

__all__ = ["full_lines", "page_lines", "sentence_of"]

_WIDTH = 100


def _ms(seconds: float) -> str:
    return f"{figures(seconds * 1e3)} ms"


def _usd(value: float | None) -> str:
    return "-" if value is None else f"${figures(value)}"


def _gpus(number: int) -> str:
    return f"{number:,} GPU{'' if number == 1 else 's'}"


def _shape(one: Candidate) -> str:
    """`6 replicas of tp2`, or `2 x pp4 prefill, 2 x tp2 decode`."""
    if one.prefill_layout is None:
        return layout_label(one.layout, one.units)
    return (
        f"{one.prefill_workers} x {layout_label(one.prefill_layout)} prefill, "
        f"{one.decode_workers} x {layout_label(one.layout)} decode"
    )


def _load(answer: PlanResponse) -> str:
    demand = answer.demand
    if demand.users is not None:
        return f"{demand.users:,.0f} users"
    if demand.rate is not None:
        return f"{demand.rate:,.3g} requests per second"
    if demand.concurrency is not None:
        return f"{demand.concurrency:,.0f} requests at once"
    return ""


def sentence_of(answer: PlanResponse) -> str:
    """The answer in GPUs and money, or what cannot be met."""
    first = answer.machines[0]
    one = answer.winner
    if one is None:
        why = first.unmet.reason if first.unmet is not None else "nothing was found"
        return f"Not met: {why}."
    load, money = _load(answer), ""
    if one.usd_per_month is not None and one.usd_per_mtok_all is not None:
        money = f" ${one.usd_per_month:,.0f} a month, {_usd(one.usd_per_mtok_output)} per M output tokens."
    if load:
        return (
            f"{load} need {_gpus(one.gpus_paid)} of {first.system_name}: {_shape(one)}, {one.weights} weights.{money}"
        )
    return (
        f"Best on {first.system_name}: {_shape(one)}, {one.weights} weights, {one.concurrency:,.0f} requests at once, "
        f"each at {figures(one.tokens_per_s_per_user)} tok/s.{money}"
    )


def _spread(one: Candidate, seconds: float) -> str:
    if one.low == one.high:
        return "-"
    return f"{figures(seconds * one.low * 1e3)} to {figures(seconds * one.high * 1e3)}"


def _winner(answer: PlanResponse, one: Candidate) -> list[str]:
    slo = answer.slo
    limits = {"TTFT": slo.ttft_s, "TPOT": slo.tpot_s}
    limit = {name: "-" if value is None else f"{value * 1e3:,.0f} ms" for name, value in limits.items()}
    used = one.requests_per_s / one.most_requests_per_s
    rows = [
        ("TTFT, mean", _ms(one.ttft_s), "-", limit["TTFT"]),
        ("TPOT, mean", _ms(one.tpot_s), _spread(one, one.tpot_s), limit["TPOT"]),
        ("requests at once", f"{one.concurrency:,.0f}", "-", "-"),
        ("capacity used", f"{100 * used:.0f} %", "-", "-"),
        ("output throughput", f"{figures(one.output_tokens_per_s_per_gpu)} tok/s/GPU", "-", "-"),
    ]
    if one.usd_per_mtok_all is not None:
        rows += [
            ("cost, output", f"{_usd(one.usd_per_mtok_output)} per M", "-", "-"),
            ("cost, input", f"{_usd(one.usd_per_mtok_input)} per M", "-", "-"),
        ]
    lines = columns(rows, ("", "predicted", "80 % range", "limit"))
    if one.gpus_paid > one.gpus:
        lines.append(f"note: {_gpus(one.gpus_paid - one.gpus)} of those that are paid for stay idle")
    if answer.demand.given and used > 0.95:
        lines.append(f"warning: at {100 * used:.0f} % of capacity one lost replica breaks the limits")
    if not one.own_weights:
        lines.append(f"warning: needs a checkpoint in {one.weights}: check its quality")
    return lines


def _alternatives(machine: MachinePlan) -> list[str]:
    rows = [
        (
            f"{_shape(one)}, {one.weights}/{one.kv}", str(one.gpus_paid), _ms(one.ttft_s), _ms(one.tpot_s),
        )
        for one in machine.runner_ups
    ]  # fmt: skip
    table = columns(rows, ("Alternatives", "GPUs", "TTFT", "TPOT"))
    lines = [table[0].removeprefix("  ")]
    for row, one in zip(table[1:], machine.runner_ups, strict=True):
        lines += [row, f"      {one.why_not}"]
    return lines


def _machines(answer: PlanResponse) -> list[str]:
    rows = []
    for machine in answer.machines:
        one = machine.winner
        if one is None:
            rows.append((machine.system, "-", "-", "-", "-", machine.unmet.binding if machine.unmet else ""))
            continue
        price = _usd(one.usd_per_mtok_all) if machine.usd_per_gpu_h is not None else "no rent known"
        throughput = f"{figures(one.output_tokens_per_s_per_gpu)}"
        rows.append((machine.system, price, throughput, _ms(one.tpot_s), str(one.gpus_paid), _shape(one)))
    lacking = [
        f"  {machine.system}: {machine.unmet.reason}" for machine in answer.machines if machine.unmet is not None
    ]
    table = columns(rows, ("Systems", "per M, all on output", "tok/s/GPU", "TPOT", "GPUs", "deployment"))
    return [table[0].removeprefix("  "), *table[1:], *lacking]


def _launch(answer: PlanResponse, names: Iterable[str]) -> list[str]:
    lines = []
    for name, text in answer.flags:
        if name in names:
            lines += [
                "",
                f"Launch each replica with {engine(name).display_name}",
                *(f"  {row}" for row in text.splitlines()),
            ]
    return lines


def page_lines(answer: PlanResponse) -> list[str]:
    """The first screen."""
    first, work = answer.machines[0], answer.workload
    lines = textwrap.wrap(sentence_of(answer), _WIDTH, break_on_hyphens=False)
    load = f" | {_load(answer)}" if answer.demand.given else ""
    price = "" if first.usd_per_gpu_h is None else f" | ${first.usd_per_gpu_h:.2f} per GPU-hour"
    named = engine(answer.engine).display_name
    scenario = f"Scenario  {answer.model_name} | {work.isl:,.0f} in, {work.osl:,.0f} out{load} | {named}{price}"
    lines += ["", *textwrap.wrap(scenario, _WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False), ""]
    if len(answer.machines) > 1:
        lines += [*_machines(answer), ""]
    one = answer.winner
    if one is None:
        lines += ["What would be met"]
        for machine in answer.machines:
            changes = machine.unmet.changes if machine.unmet is not None else ()
            lines += [f"  {machine.system}: {change}" for change in changes]
        return lines
    lines += _winner(answer, one)
    if first.runner_ups:
        lines += ["", *_alternatives(first)]
    lines += _launch(answer, [answer.engine if answer.engine != "none" else "vllm"])
    lines += ["", *wrapped("Defaults", [f"{d.field} {d.value}: {d.reason}" for d in answer.defaults])]
    lines += wrapped("Left out", answer.left_out)
    notes = [f"{machine.system}: {text}" for machine in answer.machines for text in machine.notes]
    return lines + (wrapped("Notes", notes) if notes else [])


def _memory(one: Candidate) -> list[str]:
    return [
        f"  {bar.role:<10} weights {format_bytes(bar.weights_bytes)} | KV {format_bytes(bar.kv_bytes)} of "
        f"{format_bytes(bar.kv_bytes + bar.free_kv_bytes)} | activations, reserve "
        f"{format_bytes(bar.activations_bytes + bar.reserve_bytes)}"
        for bar in one.memory
    ]


def _frontier(machine: MachinePlan) -> list[str]:
    step = max(1, -(-len(machine.frontier) // 12))
    rows = [
        (
            figures(point.tokens_per_s_per_user), figures(point.output_tokens_per_s_per_gpu),
            _usd(point.usd_per_mtok_all), _ms(point.ttft_s), f"{point.concurrency:,.0f}",
            "yes" if point.meets else "no",
            f"{point.label}, {point.weights}/{point.kv}",
        )
        for point in machine.frontier[::step]
    ]  # fmt: skip
    return columns(rows, ("tok/s/user", "tok/s/GPU", "per M", "TTFT", "at once", "met", "deployment"))


def full_lines(answer: PlanResponse) -> list[str]:
    """What `--full` adds: memory by role, frontier, what was searched, commands of the other engines."""
    first, one = answer.machines[0], answer.winner
    lines: list[str] = []
    if one is not None:
        energy = (
            ""
            if one.joules_per_output_token is None
            else f", {figures(one.joules_per_output_token)} J per output token"
        )
        lines += ["", f"Memory of one GPU{energy}", *_memory(one)]
    if first.frontier:
        lines += ["", "Frontier: no deployment is better in both of the first two columns", *_frontier(first)]
    search = first.search
    kinds = f"{search.combinations:,} combinations of {search.layouts:,} layouts and {len(search.formats)} formats"
    lines += ["", f"Searched  {kinds}, {search.points:,} points, {search.points_met:,} inside all limits"]
    for reason, count in search.rejected:
        what = "hold no request" if reason == "memory" else f"{reason.replace('beyond', 'are outside')} at every load"
        lines.append(f"  {count:,} combinations {what}")
    for reason, count in search.engine_refused:
        lines.append(f"  {count:,} layouts that {answer.engine} cannot express: {reason}")
    return lines + _launch(answer, [name for name, _ in answer.flags if name != answer.engine])
