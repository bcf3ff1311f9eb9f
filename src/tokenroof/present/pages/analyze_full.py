"""What the full page of `analyze` adds: operators, the domain, speed and price, the closed form as a bound, sources."""

from tokenroof.present.numbers import (
    BYTES,
    MS,
    NUMBER,
    USD_PER_MTOK,
    Unit,
    column,
    count,
    percent,
    quantity,
    times,
)  # fmt: skip
from tokenroof.present.page import BAR, BarRow, Bars, Block, KeyValues, Lines, Table, numbers, words
from tokenroof.present.pages.energy import energy_block
from tokenroof.present.pages.parts import LIMITS, counted, defaults_table
from tokenroof.types.program import OperatorTime
from tokenroof.usecases.analyze.answer import AnalyzeResponse

__all__ = ["full_blocks"]

_BINDS = {"compute": "arithmetic binds", "weights": "weight reads bind", "kv": "KV reads bind"}
_WIDE_DOMAIN, _ROW, _WIDE_ROW = 16, 8, 18
_MOST_DRAWN = 144
_ALL_READ = 0.999
_COUNT = Unit(
    steps=tuple((10.0**n, 10.0**-n, f" {letter}") for n, letter in ((15, "P"), (12, "T"), (9, "G"), (6, "M")))
)


def full_blocks(answer: AnalyzeResponse) -> list[Block]:
    """The blocks below the first screen."""
    blocks: list[Block] = [_operators(answer)]
    if answer.layout.n_gpus > 1:
        blocks.append(_domain(answer))
    blocks += [_money(answer), *energy_block(answer.energy), _parts(answer), _closed(answer), _sources(answer)]
    return [*blocks, *defaults_table(answer.defaults)]


def _bound(row: OperatorTime) -> str:
    """What sets its time; of a collective how it runs, its kind where the name does not say it."""
    if not row.detail:
        return LIMITS.get(row.bound, row.bound)
    kind, algorithm, ranks = row.detail.split(", ")
    return f"{algorithm if row.name.endswith(kind) else kind}, {ranks}"


def _operators(answer: AnalyzeResponse) -> Table:
    rows = [
        (
            row.name, f"{row.count:g}", f"{row.time_s * 1e3:,.3f}", percent(row.share, decimals=1),
            quantity(row.flops, _COUNT) if row.flops else "",
            quantity(row.comm_bytes if row.collective else row.memory_bytes, BYTES),
            quantity(row.flops_per_byte) if row.flops_per_byte else "",
            _bound(row),
        )
        for row in sorted(answer.operators, key=lambda row: -row.time_s)
    ]  # fmt: skip
    heads = [numbers("runs", drop=BAR), *map(numbers, ("time, ms", "share", "FLOP", "bytes", "FLOP/B"))]
    return Table(
        name="operators", title="Operators of one decode step", full=True, rows=rows,
        columns=(words("operator"), *heads, words("bound")),
    )  # fmt: skip


def _domain(answer: AnalyzeResponse) -> Lines:
    """The replica as rows of GPUs: what works, what is idle, what crosses the links."""
    gpus, layout = answer.bound.gpus, answer.layout
    used = min(layout.stage, gpus)
    lines = []
    if gpus <= _MOST_DRAWN:
        per_row = _WIDE_ROW if gpus > _WIDE_DOMAIN else _ROW
        cells = ["#"] * used + ["."] * max(gpus - used, 0)
        lines = [" ".join(cells[start : start + per_row]) for start in range(0, gpus, per_row)]
    rest = f", . {gpus - used} idle or in other replicas" if gpus > used else ""
    lines.append(f"# {counted(used, 'GPU')} {'works' if used == 1 else 'work'} on one step{rest}")
    if answer.experts_per_gpu is not None:
        slots, groups = f"{answer.experts_per_gpu:g} expert slots of every layer", layout.ep
        lines.append(f"{slots} on {'every GPU' if groups == 1 else f'each of {groups} expert groups'}")
    if answer.network_bytes_per_step:
        lines.append(f"{quantity(answer.network_bytes_per_step, BYTES)} sent by each GPU in a decode step")
    return Lines(title="One replica on its domain", lines=lines, full=True)


def _money(answer: AnalyzeResponse) -> KeyValues:
    fast, cost = answer.fast_mode, answer.cost
    pairs: list[tuple[str, ...]] = []
    if cost is not None:
        alone, load = cost.alone_usd_per_mtok, cost.all_on_output_usd_per_mtok.value
        pairs.append(("one request at a time", quantity(alone, USD_PER_MTOK), "all on output"))
        pairs.append(("this load", quantity(load, USD_PER_MTOK), "all on output"))
    if fast is not None and fast.possible and fast.price_ratio is not None and fast.concurrency is not None:
        held = f"{counted(fast.concurrency, 'request')} at once"
        named = f"{times(fast.price_ratio)} its output price"
        pairs.append((f"{fast.speedup:g}x the speed of this load", named, held))
    elif fast is not None:
        most = f"alone it is {times(fast.fastest_speedup)}"
        pairs.append((f"{fast.speedup:g}x the speed", "not for any price", most))
    return KeyValues(title="Speed and price", pairs=pairs, full=True)


def _parts(answer: AnalyzeResponse) -> Bars:
    bound, roof = answer.bound, answer.bound.roofline
    parts = (
        ("arithmetic", roof.compute_s, "compute"), ("weight reads", roof.weights_s, "memory"),
        ("KV reads", roof.kv_s, "memory"),
    )  # fmt: skip
    shown = column([seconds for _, seconds, _ in parts], MS)
    return Bars(
        title=f"Closed form (ideal kernels): batch {count(bound.batch)} on {counted(bound.gpus, 'GPU')}, no network, "
        "no engine",
        rows=[
            BarRow(name, time, seconds, kind)  # type: ignore[arg-type]
            for (name, seconds, kind), time in zip(parts, shown, strict=True)
        ],
        most=roof.step_s, full=True,
        lines=(f"decode step {quantity(roof.step_s, MS)}: {_BINDS[roof.bound]}, rule {bound.rule}; "
               f"MFU {percent(roof.mfu, decimals=1)}",),
    )  # fmt: skip


def _closed(answer: AnalyzeResponse) -> KeyValues:
    bound, train = answer.bound, answer.bound.departures
    twice = percent(bound.mfu_limit_at_double_critical_context)
    practice = f"{count(bound.practice_batch_low)} to {count(bound.practice_batch_high)}"
    pairs: list[tuple[str, ...]] = [
        ("critical batch", count(bound.critical_batch), f"practice takes {practice}"),
        ("critical context", f"{count(bound.critical_context)} tokens", "from here on KV reads outlast arithmetic"),
        ("weight floor", quantity(bound.weight_floor_s, MS), "one read of all weights"),
        ("drain time", quantity(bound.drain_time_s, MS), "one read of all memory"),
        ("MFU limit", percent(bound.mfu_limit), f"any batch; {twice} at twice the critical context"),
    ]
    if bound.cost is not None:
        ratio = f"{quantity(bound.cost.batch_1_touched_over_floor, NUMBER)} times the floor"
        if bound.cost.batch_1_over_floor > 1.01 * bound.cost.batch_1_touched_over_floor:
            ratio += f"; {quantity(bound.cost.batch_1_over_floor, NUMBER)} if it read all experts"
        pairs.append(("cost, one request", quantity(bound.cost.at_batch_1_touched, USD_PER_MTOK), ratio))
        pairs.append(("cost floor", quantity(bound.cost.floor, USD_PER_MTOK), "arithmetic and KV reads of a request"))
    if bound.touched_share < _ALL_READ:
        why = "the rule reads all experts; this batch does not"
        pairs.append(("weights touched", percent(bound.touched_share), why))
    waits = f"worst wait {quantity(train.worst_wait_s, MS)}, answered within {quantity(train.worst_latency_s, MS)}"
    pairs.append(("departures", f"every {quantity(train.period_s, MS)}", waits))
    return KeyValues(title="Limits of the closed form", pairs=pairs, full=True)


def _sources(answer: AnalyzeResponse) -> KeyValues:
    pairs: list[tuple[str, ...]] = [("profile", answer.profile), ("claim", answer.claim)]
    pairs += [(note,) for note in answer.profile_notes]
    if answer.cost is not None:
        pairs.append(("price:", answer.cost.price_source))
    return KeyValues(title="Sources", pairs=pairs, inline=True, full=True)
