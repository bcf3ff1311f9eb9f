"""The page of `simulate`: latencies in percentiles, what the machine did meanwhile, the closed form beside it."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from tokenroof.engines import engine as engine_of
from tokenroof.present.numbers import (
    E2E,
    MS,
    NUMBER,
    REQUESTS_PER_S,
    TOK_PER_S_PER_GPU,
    UNKNOWN,
    USD_PER_GPU_HOUR,
    USD_PER_MTOK,
    Unit,
    column,
    count,
    percent,
    quantity,
)  # fmt: skip
from tokenroof.present.page import KeyValues, Page, Remark, Table, note, numbers, warning, words
from tokenroof.present.pages.parts import counted, defaults_of, defaults_table
from tokenroof.scenario.slo import statistic
from tokenroof.usecases.simulate.answer import Latency, SimulateResponse

__all__ = ["page_of"]

_FEW = 1000  # requests below which a 99th percentile is that of a handful

_NETWORKS = "what networks between users and servers add"


def _row(name: str, spread: Latency | None, unit: Unit, limit_s: float | None = None) -> tuple[str, ...]:
    if spread is None:
        return (name, *(UNKNOWN,) * 4, "")
    shown = column((spread.mean, spread.p50, spread.p90, spread.p99), unit)
    return (name, *shown, "" if limit_s is None else quantity(limit_s, unit))


def _held(answer: SimulateResponse) -> list[Table]:
    """Limits on percentiles, and whether they hold."""
    rows = [
        (
            f"{statistic(one.percentile)} {one.metric}",
            quantity(one.seen_s, MS) if math.isfinite(one.seen_s) else "never", quantity(one.limit_s, MS),
            "holds" if one.held else "missed",
        )
        for one in answer.percentiles
    ]  # fmt: skip
    return (
        [Table(title="SLO", columns=(words(), numbers("seen"), numbers("limit"), words()), rows=rows)] if rows else []
    )


def _latency(answer: SimulateResponse) -> Table:
    rows = [
        _row("TTFT", answer.ttft, MS, answer.ttft_limit_s),
        _row("TPOT", answer.tpot, MS, answer.tpot_limit_s),
        _row("ITL", answer.itl, MS),
        _row("E2E", answer.e2e, E2E),
    ]
    limited = answer.slo_share is not None
    heads = ("mean", "p50", "p90", "p99", *(("SLO",) if limited else ()))
    return Table(
        title=f"Latency of {counted(answer.counted, 'request')}", columns=(words(), *(numbers(head) for head in heads)),
        rows=rows if limited else [row[:-1] for row in rows], remarks=_remarks(answer),
    )  # fmt: skip


def _remarks(answer: SimulateResponse) -> list[Remark]:
    found = [warning(text) for text in answer.warnings]
    if answer.rejected:
        found.append(warning(f"{counted(answer.rejected, 'request')} rejected: longer than the KV cache of a replica"))
    if answer.warmup_requests:
        found.append(note(f"the first {counted(answer.warmup_requests, 'request')} are left out: the machine fills"))
    if answer.counted < _FEW:
        beyond = -(-answer.counted // 100)
        found.append(note(f"p99 is that of {counted(beyond, 'request')}: `requests` makes it firmer"))
    return found + [note(text) for text in answer.notes]


def _loads(answer: SimulateResponse) -> list[Table]:
    """A row for each rate that was run."""
    if not answer.loads:
        return []

    def times(name: str, which: str) -> tuple[str, ...]:
        spreads = [getattr(one, name) for one in answer.loads]
        return column([None if one is None else getattr(one, which) for one in spreads], MS)

    columns = [
        column([one.request_rate for one in answer.loads]), column([one.requests_per_s for one in answer.loads]),
        *(times(name, which) for name in ("ttft", "tpot") for which in ("p50", "p99")),
        [percent(one.slo_share, decimals=1) for one in answer.loads],
        ["overload" if one.overloaded else "too short" if one.short else "" for one in answer.loads],
    ]  # fmt: skip
    heads = ["arrive/s", "served/s", "TTFT p50", "p99", "TPOT p50", "p99", "meet SLO"]
    if answer.slo_share is None:
        heads, columns = heads[:-1], [*columns[:-2], columns[-1]]
    here = answer.knee if answer.capacity is None else answer.capacity
    said = "knee" if answer.capacity is None else "capacity"
    rows = [list(row) for row in zip(*columns, strict=True)]
    for row, one in zip(rows, answer.loads, strict=True):
        if one.request_rate == here:
            row[-1] = said
    return [Table(title="By load", columns=(*(numbers(head) for head in heads), words()), rows=rows)]


def _repeats(answer: SimulateResponse) -> list[Table]:
    """A row for each seed, and how far the rows spread."""
    if not answer.repeats:
        return []
    points = answer.repeats
    spreads = [
        [None if spread is None else getattr(spread, which) for spread in (getattr(one, name) for one in points)]
        for name in ("ttft", "tpot")
        for which in ("p50", "p99")
    ]
    heads = ["seed", "served/s", "TTFT p50", "p99", "TPOT p50", "p99"]
    columns: list[list[float | None]] = [[one.requests_per_s for one in points], *spreads]
    shown = [column(_with_spread(values), unit) for values, unit in zip(columns, (NUMBER, *(MS,) * 4), strict=True)]
    if answer.slo_share is not None:
        heads.append("meet SLO")
        shares = _with_spread([one.slo_share for one in points])
        shown.append(tuple(percent(one, decimals=1) for one in shares))
    names = [*(str(one.seed) for one in points), "mean", "spread"]
    text = "spread: standard deviation over seeds; all else is of the first"
    rows = list(zip(names, *shown, strict=True))
    return [Table(title="By seed", columns=tuple(map(numbers, heads)), rows=rows, remarks=[note(text)])]


def _with_spread(values: Sequence[float | None]) -> list[float | None]:
    """With the mean of what is known and its standard deviation behind; None where fewer than two are."""
    known = [one for one in values if one is not None]
    if len(known) < 2:
        return [*values, known[0] if known else None, None]
    return [*values, fmean(known), stdev(known)]


def _machine(answer: SimulateResponse) -> KeyValues:
    offered = "" if answer.request_rate is None else f"{quantity(answer.request_rate, REQUESTS_PER_S)} come"
    pairs = [("throughput", quantity(answer.requests_per_s, REQUESTS_PER_S), offered)]
    if answer.goodput is not None:
        inside = f"{percent(answer.slo_share, decimals=1)} meet the SLO"
        if answer.slo_held is not None:
            inside = f"the percentiles {'hold' if answer.slo_held else 'do not hold'}; {inside} each by itself"
        pairs.append(("goodput", quantity(answer.goodput, REQUESTS_PER_S), inside))
    total = f"{quantity(answer.total_tokens_per_s_per_gpu, TOK_PER_S_PER_GPU)} with input"
    fullest = "" if answer.kv_fill_most is None else f"mean; {percent(answer.kv_fill_most, decimals=1)} at most"
    pairs += [
        ("output", quantity(answer.output_tokens_per_s_per_gpu, TOK_PER_S_PER_GPU), total),
        ("duty cycle", percent(answer.duty_cycle, decimals=1), "of the time steps run"),
        ("batch", count(answer.batch), f"requests in a decode step of one {_worker(answer)}, mean"),
        *_drafted(answer),
        ("KV fill", percent(answer.kv_fill, decimals=1), fullest),
        ("waiting", count(answer.waiting_most), f"at most; {count(answer.running_most)} running"),
        *_apart(answer),
        ("preemptions", count(answer.preemptions), "requests that lost their memory and began anew"),
        ("rejected", count(answer.rejected), ""),
    ]
    if answer.cache_hits:
        tiers = ", ".join(f"{percent(one.cache_hit_rate, decimals=1)} {one.tier}" for one in answer.cache_hits)
        where = tiers if len(answer.cache_hits) > 1 else f"in {tiers}"
        pairs.append(("cache hits", percent(answer.cache_hit_rate, decimals=1), f"of prompt tokens: {where}"))
    if answer.output_usd_per_mtok is not None:
        whole = f"all on output; {quantity(answer.total_usd_per_mtok, USD_PER_MTOK)} over all tokens"
        pairs.append(("cost", quantity(answer.output_usd_per_mtok, USD_PER_MTOK), whole))
    span = f"from {quantity(answer.from_s, E2E)} to {quantity(answer.to_s, E2E)}"
    return KeyValues(title=f"The machine, {span}", pairs=pairs, lines=(_closed_form(answer),))


def _drafted(answer: SimulateResponse) -> list[tuple[str, str, str]]:
    """What drafts give."""
    if not answer.drafts:
        return []
    drafts = f"{counted(answer.drafts, 'draft')} accepted at {quantity(answer.acceptance)}"
    return [("tokens per step", quantity(answer.tokens_per_step), f"of a request, mean; {drafts}")]


def _worker(answer: SimulateResponse) -> str:
    return "replica" if answer.prefill_workers is None else "decode worker"


def _apart(answer: SimulateResponse) -> list[tuple[str, str, str]]:
    """What happens between prefill and decode workers."""
    if answer.prefill_duty_cycle is None:
        return []
    sent, wait = (None if one is None else one.mean for one in (answer.kv_transfer, answer.decode_wait))
    return [
        ("prefill duty", percent(answer.prefill_duty_cycle, decimals=1), "of the time steps of prefill workers run"),
        ("KV transfer", quantity(sent, MS), f"mean; then {quantity(wait, MS)} of waiting for a decode worker"),
    ]


def _closed_form(answer: SimulateResponse) -> str:
    """What the formulas say of the same load, as means beside the run's."""
    closed = answer.closed_form
    parts = [
        f"{name} {quantity(value, MS)}"
        for name, value in (("TTFT", closed.ttft_s), ("TPOT", closed.tpot_s)) if value is not None
    ]  # fmt: skip
    rate = quantity(closed.requests_per_s, REQUESTS_PER_S)
    if closed.saturated:
        return f"closed form of the same load: {rate} at most, a queue without bound"
    return f"closed form of the same load, means: {', '.join((*parts, rate))}"


def _windows(answer: SimulateResponse) -> Table:
    """The run over time, a line for every few windows."""
    series = answer.series
    every = max(1, -(-len(series.busy) // 32))
    rows = [
        (quantity(at * series.width_s, E2E), percent(series.busy[at]), count(series.batch[at]),
         percent(series.kv_fill[at]), count(series.running[at]), count(series.waiting[at]))
        for at in range(0, len(series.busy), every)
    ]  # fmt: skip
    heads = ("busy", "batch", "KV fill", "running", "waiting")
    return Table(
        title=f"Over time, windows of {quantity(series.width_s, E2E)}",
        columns=(words("from"), *(numbers(head) for head in heads)), rows=rows, full=True,
    )  # fmt: skip


def _scenario(answer: SimulateResponse) -> tuple[str, ...]:
    idle = f", {counted(answer.gpus_idle, 'GPU')} idle" if answer.gpus_idle else ""
    engine = engine_of(answer.engine).display_name
    rule = "" if answer.scheduler == answer.engine else f", scheduled as {answer.scheduler}"
    price = [] if answer.usd_per_gpu_h is None else [quantity(answer.usd_per_gpu_h, USD_PER_GPU_HOUR)]
    return (
        f"{counted(answer.requests, 'request')}, {answer.source}", f"{count(answer.isl)} in, {count(answer.osl)} out",
        f"{answer.weight_dtype} weights, {answer.kv_dtype} KV",
        f"{answer.layout_label}, {counted(answer.replicas, 'replica')}{idle}", f"{engine}{rule}", *price,
    )  # fmt: skip


def _left_out(answer: SimulateResponse) -> tuple[str, ...]:
    caches = ("prefix caches",) if answer.prefix_cache == "off" else ()
    return (*caches, *(() if answer.drafts else ("drafts",)), _NETWORKS)


def page_of(answer: SimulateResponse) -> Page:
    """The answer as a page."""
    following = ["`slo` ttft:500,tpot:50 for goodput"] if answer.slo_share is None else []
    if answer.loads:
        following.append("`output` loads.svg: latencies and throughput by load")
    else:
        following += ["`output` requests.csv: every request", "`output` run.svg: latencies and the run over time"]
    return Page(
        title=f"simulate {answer.model} on {answer.system}", sentence=answer.sentence, scenario=_scenario(answer),
        blocks=(
            *_loads(answer), *_repeats(answer), _latency(answer), *_held(answer), _machine(answer), _windows(answer),
            *defaults_table(answer.defaults),
        ),
        defaults=defaults_of(answer.defaults), left_out=_left_out(answer), next=following, kind="Simulation",
        refused=answer.overload is not None,
    )  # fmt: skip
