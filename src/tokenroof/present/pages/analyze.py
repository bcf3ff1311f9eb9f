"""The page of `analyze`: the answer in a sentence, what is served, where a decode step goes, what would fit."""

import textwrap
from collections.abc import Iterable, Sequence

from tokenroof.engines import engine as engine_of
from tokenroof.types.served import Ranged
from tokenroof.units import format_bytes, format_si
from tokenroof.units import format_figures as figures
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.closed_form import RooflineResponse

__all__ = ["columns", "full_lines", "page_lines", "wrapped"]

_WIDTH = 100
_BAR = 30
_RATES = {
    "bytes_per_s": "memory bandwidth", "scaleup_bytes_per_s": "network", "scaleout_bytes_per_s": "network between "
    "domains", "flops_per_s": "FLOP/s",
}  # fmt: skip
_LIMITS = {"memory": "memory-bound", "compute": "compute-bound", "network": "network-bound", "overhead": "launches"}


def _range(number: Ranged, scale: float) -> str:
    if number.low is None or number.high is None:
        return "-"
    return f"{figures(number.low * scale)} to {figures(number.high * scale)}"


def _number_rows(answer: AnalyzeResponse) -> Iterable[tuple[str, ...]]:
    def row(label: str, number: Ranged | None, scale: float, before: str, unit: str) -> Iterable[tuple[str, ...]]:
        if number is not None:
            bound = "-" if number.bound is None else f"{before}{figures(number.bound * scale)}{unit}"
            yield label, f"{before}{figures(number.value * scale)}{unit}", _range(number, scale), bound

    cost = answer.cost
    rows: list[Iterable[tuple[str, ...]]] = [
        row("TPOT, served", answer.tpot_s, 1e3, "", " ms"),
        row("TPOT, decode steps alone", answer.decode_step_s, 1e3, "", " ms"),
        row("TTFT", answer.ttft_s, 1e3, "", " ms"),
        row("interactivity", answer.interactivity, 1.0, "", " tok/s/user"),
        row("output throughput", answer.output_tokens_per_s_per_gpu, 1.0, "", " tok/s/GPU"),
    ]
    if cost is not None:
        rows += [
            row("cost, output", cost.output_usd_per_mtok, 1.0, "$", " per M"),
            row("cost, input", cost.input_usd_per_mtok, 1.0, "$", " per M"),
            row("cost, cached input", cost.cached_usd_per_mtok, 1.0, "$", " per M"),
        ]
    for some in rows:
        yield from some


def columns(rows: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    """A table: names on the left, numbers on the right."""
    widths = [max(len(row[i]) for row in (*rows, head)) for i in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [f"{row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))]
        lines.append(("  " + "   ".join(cells)).rstrip())
    return lines


def _bar(share: float, most: float) -> str:
    return "█" * max(1, round(_BAR * share / most)) if most > 0 else ""


def _work(answer: AnalyzeResponse) -> list[str]:
    lines = [f"Where a decode step of {figures(float(answer.step.step_s) * 1e3)} ms goes"]
    most = answer.work[0].share if answer.work else 1.0
    for one in answer.work:
        limit = "" if one.kind == "host" else _LIMITS.get(one.bound_by, one.bound_by)
        time = f"{figures(one.time_s * 1e3)} ms"
        lines.append(
            f"  {one.kind:<26}{time:>9} {100 * one.share:>4.0f} %  {_bar(one.share, most):<{_BAR}}  {limit}".rstrip()
        )
    return [*lines, _movers(answer)]


def _movers(answer: AnalyzeResponse) -> str:
    """What ten per cent more of each rate would change: only the time that waits for it shrinks."""
    whole = float(answer.step.step_s)
    shares: dict[str, float] = {}
    for name, seconds in answer.step_seconds_by_input.items():
        rate = _RATES.get(name.partition(".")[0])
        if rate:
            shares[rate] = shares.get(rate, 0.0) + seconds / whole
    shown = sorted(shares.items(), key=lambda item: -item[1])[:3]
    return "  " + "    ".join(f"+10 % {rate}: -{100 * share * (1 - 1 / 1.1):.1f} %" for rate, share in shown)


def _rooms(answer: AnalyzeResponse) -> list[str]:
    rooms, memory = answer.rooms, answer.memory
    tokens = answer.isl + answer.osl
    pool = max(float(memory.cache_pool_bytes), 0.0)
    each = format_bytes(float(memory.cache_bytes_per_sequence))
    what = {"tpot": "TPOT", "ttft": "TTFT", "memory": "limits and memory"}[rooms.limit]
    many = "" if answer.replicas == 1 else ", one replica"
    rows = [
        (f"within {what}", rooms.within_limits, "served, prefill included"),
        ("KV memory", rooms.by_memory, f"{format_bytes(pool)} per GPU, {each} per request"),
        ("critical batch", rooms.critical, "where matmul arithmetic equals weight reads"),
    ]
    lines = [f"How many requests at once ({tokens:,.0f} tokens each{many})"]
    return lines + [f"  {label:<26}{value:>9,.0f}   {why}" for label, value, why in rows]


def _memory(answer: AnalyzeResponse) -> str:
    memory = answer.memory
    total = float(memory.total_bytes)
    pool = max(float(memory.cache_pool_bytes), 0.0)
    parts = (
        ("weights", float(memory.weights_bytes)),
        ("activations + rest", total - float(memory.weights_bytes) - pool),
        ("KV", pool),
    )
    return "Memory of one GPU  " + " | ".join(f"{n} {format_bytes(v)} ({100 * v / total:.0f} %)" for n, v in parts)


def _scenario(answer: AnalyzeResponse) -> str:
    replicas = "1 replica" if answer.replicas == 1 else f"{answer.replicas} replicas"
    idle = f", {answer.gpus_idle} GPUs idle" if answer.gpus_idle else ""
    prefix = f" ({answer.prefix:,.0f} cached)" if answer.prefix else ""
    engine = engine_of(answer.engine).display_name
    price = "" if answer.cost is None else f" | ${answer.cost.usd_per_gpu_h:.2f} per GPU-hour"
    return (
        f"Scenario  {answer.weight_dtype} weights, {answer.kv_dtype} KV | {answer.layout_label}, {replicas}{idle} | "
        f"{answer.isl:,.0f} in{prefix}, {answer.osl:,.0f} out | {engine}{price}"
    )


def wrapped(label: str, parts: Iterable[str]) -> list[str]:
    """A line of the footer, as long as it needs to be."""
    return textwrap.wrap(
        " | ".join(parts), _WIDTH, initial_indent=f"{label:<11}", subsequent_indent=" " * 11, break_on_hyphens=False
    )


def _not_fitting(answer: AnalyzeResponse) -> list[str]:
    assert answer.infeasible is not None
    memory = answer.memory
    weights, pool = float(memory.weights_bytes), float(memory.cache_pool_bytes)
    asked = max(answer.deployment.asked_at_once / answer.layout.dp, 1.0)
    cache = asked * float(memory.cache_bytes_per_sequence)
    available = max(weights + pool, 0.0)
    need, most = weights + cache, max(weights + cache, available)
    rows = [
        (f"weights, {answer.weight_dtype}", weights, ""),
        (f"KV cache of {asked:,.0f} request{'s' if asked > 1 else ''}", cache, ""),
        ("needed", need, ""),
        ("available", available, f"{format_bytes(need - available)} short"),
    ]
    lines = ["", f"Memory of one GPU, {answer.layout_label}, {answer.layout_reason}"]
    lines += [
        f"  {label:<30}{format_bytes(v):>10}  {_bar(v, most) if v > most / 60 else '':<{_BAR}}  {text}".rstrip()
        for label, v, text in rows
    ]
    return [*lines, "", *_would_do(answer, "What fits")]


def _would_do(answer: AnalyzeResponse, head: str) -> list[str]:
    assert answer.infeasible is not None
    fixes = answer.infeasible.fixes or ("nothing that was tried: narrower formats, more of this chip, others near it",)
    return [head, *(f"  {fix}" for fix in fixes)]


def _shown_instead(answer: AnalyzeResponse) -> str:
    """What the numbers are of where what was asked is not met."""
    if answer.infeasible is None:
        return ""
    if answer.infeasible.limit == "load":
        return "at its most"
    return "one request each" if answer.concurrency == answer.replicas else ""


def page_lines(answer: AnalyzeResponse) -> list[str]:
    """The first screen."""
    lines = textwrap.wrap(answer.sentence, _WIDTH, break_on_hyphens=False)
    if answer.announced:
        lines.append("note: announced hardware, not shipping: its figures are the vendor's promise")
    for text in answer.warnings:
        lines += textwrap.wrap(f"warning: {text}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    lines += ["", *textwrap.wrap(_scenario(answer), _WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False)]
    if not answer.fits:
        return lines + _not_fitting(answer)
    if answer.infeasible is not None:
        lines += ["", *_would_do(answer, "What is within the limits")]
    head = (_shown_instead(answer), "predicted", "80 % range", "hardware bound")
    lines += ["", *columns([*_number_rows(answer)], head)]
    lines += ["", *_work(answer), "", *_rooms(answer), "", _memory(answer), ""]
    if answer.overrides:
        lines += wrapped("What if", [override.text for override in answer.overrides])
    lines += wrapped("Defaults", [f"{d.field} {d.value}: {d.reason}" for d in answer.defaults])
    lines += wrapped("Left out", answer.left_out)
    if answer.claim != "calibrated":
        lines += wrapped("Claim", [answer.claim, *answer.profile_notes])
    return lines


def _operators(answer: AnalyzeResponse) -> list[str]:
    rows = [
        (
            row.name,
            f"{row.count:g}",
            format_si(row.flops, "FLOP") if row.flops else "",
            format_si(row.comm_bytes if row.bound == "network" else row.memory_bytes, "B"),
            "" if not row.flops_per_byte else f"{row.flops_per_byte:,.1f}",
            row.detail or _LIMITS.get(row.bound, row.bound),
            format_si(row.time_s, "s"),
            f"{100 * row.share:.1f} %",
        )
        for row in sorted(answer.operators, key=lambda row: -row.time_s)
    ]
    return columns(rows, ("operator", "runs", "FLOPs", "bytes", "FLOP/B", "bound", "time", "share"))


def _count(value: float) -> str:
    return "unlimited" if value == float("inf") else f"{value:,.0f}" if value >= 10 else f"{value:,.3g}"


def _closed(answer: AnalyzeResponse) -> list[str]:
    bound, roof = answer.bound, answer.bound.roofline
    mfu, twice = f"{100 * roof.mfu:.1f} %", f"{100 * bound.mfu_limit_at_double_critical_context:.0f} %"
    rows: list[tuple[str, str, str]] = [
        *_parts(roof),
        ("decode step", format_si(roof.step_s, "s", 4), f"{roof.bound} binds, rule {bound.rule}; MFU {mfu}"),
        ("critical batch", _count(bound.critical_batch),
         f"practice takes {_count(bound.practice_batch_low)} to {_count(bound.practice_batch_high)}"),
        ("critical context", f"{_count(bound.critical_context)} tokens", "from here on KV reads outlast arithmetic"),
        ("weight floor", format_si(bound.weight_floor_s, "s", 4), "one read of all weights"),
        ("drain time", f"{bound.drain_time_s * 1e3:.1f} ms", "one read of all memory"),
        ("MFU limit", f"{100 * bound.mfu_limit:.0f} %", f"any batch; {twice} at twice the critical context"),
    ]  # fmt: skip
    if bound.cost is not None:
        cost = bound.cost
        rows += [
            ("cost, one request", f"${cost.at_batch_1:,.2f} per M", f"{cost.batch_1_over_floor:,.0f} times the floor"),
            ("cost floor", f"${cost.floor:,.4f} per M", "arithmetic and KV reads are private to each request"),
        ]
    if bound.touched_share < 0.999:
        touched = f"{100 * bound.touched_share:.0f} %"
        rows.append(("weights touched", touched, "the rule reads all experts; this batch does not"))
    train = bound.departures
    rows.append(
        ("departures", f"every {train.period_s * 1e3:.1f} ms", f"worst wait {train.worst_wait_s * 1e3:.1f} ms, "
         f"answered within {train.worst_latency_s * 1e3:.1f} ms")
    )  # fmt: skip
    head = f"Hardware bound in closed form: batch {_count(bound.batch)} on {bound.gpus} GPUs, no networks, no engine"
    return [head, *(f"  {label:<18}{value:<18}{why}".rstrip() for label, value, why in rows)]


def _parts(roof: RooflineResponse) -> list[tuple[str, str, str]]:
    parts = (("arithmetic", roof.compute_s), ("weight reads", roof.weights_s), ("KV reads", roof.kv_s))
    return [(label, format_si(seconds, "s", 4), _bar(seconds, roof.step_s)) for label, seconds in parts]


def _rack(answer: AnalyzeResponse) -> list[str]:
    """The replica as rows of GPUs: what works, what is idle, what crosses the links."""
    gpus, layout = answer.bound.gpus, answer.layout
    used = min(layout.stage, gpus)
    per_row = 18 if gpus > 16 else 8
    cells = ["■"] * used + ["·"] * max(gpus - used, 0)
    lines = ["One replica on its domain"]
    lines += ["  " + " ".join(cells[start : start + per_row]) for start in range(0, gpus, per_row)]
    rest = f", · {gpus - used} idle or in other replicas" if gpus > used else ""
    lines.append(f"  ■ {used} GPUs work on one step{rest}")
    if answer.experts_per_gpu is not None:
        lines.append(f"  {answer.experts_per_gpu:g} expert slots of every layer on each of {layout.ep} expert groups")
    if answer.network_bytes_per_step:
        lines.append(f"  {format_si(answer.network_bytes_per_step, 'B')} sent by each GPU in a decode step")
    return lines


def _money(answer: AnalyzeResponse) -> list[str]:
    fast, cost = answer.fast_mode, answer.cost
    lines = ["Speed and price"]
    if cost is not None:
        lines.append(f"  one request at a time     ${figures(cost.alone_usd_per_mtok)} per M, all on output")
        lines.append(f"  this load                 ${figures(cost.all_on_output_usd_per_mtok.value)} per M, "
                     "all on output")  # fmt: skip
    if fast is not None and fast.possible and fast.price_ratio is not None and fast.concurrency is not None:
        lines.append(
            f"  {fast.speedup:g}x the speed            {fast.price_ratio:,.2f}x the price, "
            f"{fast.concurrency:,.0f} requests at once"
        )
    elif fast is not None:
        lines.append(f"  {fast.speedup:g}x the speed            not for any price: alone {fast.fastest_speedup:,.2f}x")
    return lines


def full_lines(answer: AnalyzeResponse) -> list[str]:
    """What `--full` adds: every operator, the rack, speed and price, and the closed form as a bound."""
    lines = ["", "Operators of one decode step", *_operators(answer)]
    if answer.layout.n_gpus > 1:
        lines += ["", *_rack(answer)]
    lines += ["", *_money(answer), "", *_closed(answer), ""]
    sources = [f"profile {answer.profile}, claim {answer.claim}", *answer.profile_notes]
    if answer.cost is not None:
        sources.append(f"price: {answer.cost.price_source}")
    return lines + wrapped("Sources", sources)
