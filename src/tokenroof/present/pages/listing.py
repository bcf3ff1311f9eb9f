"""Pages of lists: accelerators, machines, models, memory tiers. A sentence and rows: the first, or all of them."""

from collections.abc import Sequence

from tokenroof.present.asked import Ask, ask
from tokenroof.present.numbers import (
    BYTES,
    E2E,
    GB,
    MS,
    PARAMS,
    Unit,
    count,
    quantity,
)
from tokenroof.present.page import BAR, RANGE, REMARK, Block, Column, Page, Remark, Table, note, numbers, words
from tokenroof.present.pages.parts import counted
from tokenroof.types.machine import RentalPrice
from tokenroof.usecases.listing.machines import ChipRow, SystemRow, TierRow
from tokenroof.usecases.listing.models import ModelRow

__all__ = [
    "MOST_ROWS",
    "chips_page",
    "cut",
    "duration",
    "models_page",
    "rent",
    "systems_page",
    "tags_page",
    "tiers_page",
]

MOST_ROWS = 28
_TFLOPS, _GB_S, _TB_S = Unit(1e-12), Unit(1e-9), Unit(1e-12)
_GB, _SMALL = Unit(1e-9), 1e-5
USD_H = Unit(before="$", money=True)
USD_GB_H = Unit(before="$", after=" per GB and hour", money=True)


def cut(
    rows: Sequence[tuple[str, ...]], full: bool, how: str = "`full`"
) -> tuple[Sequence[tuple[str, ...]], tuple[str, ...]]:
    """The rows of the first screen, and the line that says how many more there are."""
    if full or len(rows) <= MOST_ROWS:
        return rows, ()
    return rows[:MOST_ROWS], (f"and {count(len(rows) - MOST_ROWS)} more: {how}",)


def rent(price: RentalPrice | None) -> tuple[str, str]:
    """Median dollars an hour, and lowest to highest with the number of offers."""
    if price is None:
        return "", ""
    low, high = price.low_usd_per_h, price.high_usd_per_h
    return quantity(price.median_usd_per_h, USD_H), f"{low:,.2f} to {high:,.2f} ({price.n})"


def duration(seconds: float | None) -> str:
    """A time that runs from milliseconds to days."""
    if seconds is None:
        return ""
    for size, unit in ((172_800.0, "days"), (7_200.0, "h"), (120.0, "min")):
        if seconds >= size:
            return f"{quantity(seconds / {'days': 86_400.0, 'h': 3_600.0, 'min': 60.0}[unit])} {unit}"
    return quantity(seconds, MS if seconds < 1.0 else E2E)


def _drain(seconds: float) -> str:
    """Milliseconds; of memory on the chip itself in two figures."""
    return quantity(seconds * 1e3) if seconds >= _SMALL else f"{seconds * 1e3:.2g}"


def _rates(*rates: float | None) -> tuple[str, ...]:
    return tuple("" if rate is None else quantity(rate, _TFLOPS) for rate in rates)


def _ships(announced: bool) -> list[Remark]:
    return [note("* announced, not shipping" if announced else "`announced` adds those that do not ship yet")]


def _page(title: str, kind: str, sentence: str, blocks: Sequence[Block], follow: Sequence[str | Ask]) -> Page:
    return Page(title=title, kind=kind, sentence=sentence, blocks=blocks, next=follow)


def chips_page(rows: Sequence[ChipRow], announced: bool, full: bool) -> Page:
    """Accelerators, one a line."""
    cells = [
        (
            row.id, row.vendor, f"{row.year}{'*' if row.announced else ''}", quantity(row.memory_bytes, _GB),
            quantity(row.bytes_per_s, _GB_S), *_rates(row.bf16_flops_per_s, row.fp8_flops_per_s, row.fp4_flops_per_s),
            "" if row.ridge is None else count(row.ridge), _drain(row.drain_s),
            "" if row.scaleup_bytes_per_s is None
            else f"{row.scaleup_domain} x {quantity(row.scaleup_bytes_per_s, _GB_S)}", *rent(row.rental),
        )
        for row in rows
    ]  # fmt: skip
    heads = (
        words(), words("vendor", drop=REMARK), words("year"), *map(numbers, ("GB", "GB/s", "16-bit", "fp8", "fp4")),
        numbers("ridge"), numbers("drain ms"), numbers("domain x GB/s", drop=BAR), numbers("$/h"),
        Column(head="lowest to highest", whole=True, drop=RANGE),
    )  # fmt: skip
    shown, more = cut(cells, full, "`full`, `vendor`, or sorted with `sort`")
    lines = (
        *more, "16-bit, fp8, fp4: dense TFLOP/s. ridge: tokens in a step at which 16-bit matmuls outlast weight reads",
        "drain: one read of all memory. $/h: median of dated on-demand offers",
    )  # fmt: skip
    table = Table(name="main", columns=heads, rows=shown, lines=lines, remarks=_ships(announced))
    return _page(
        counted(len(rows), "chip"), "Chips", _chips_said(rows), (table,), (ask("chip", "h100"), "`sort` price")
    )


def _chips_said(rows: Sequence[ChipRow]) -> str:
    if not rows:
        return "No chip matches."
    rented = sorted((row.rental.median_usd_per_h, row.id) for row in rows if row.rental is not None)
    if not rented:
        return f"{counted(len(rows), 'chip')}, none of them with a recorded rent."
    (low, cheap), (high, dear) = rented[0], rented[-1]
    ends = f"{quantity(low, USD_H)} ({cheap})" + ("" if cheap == dear else f" to {quantity(high, USD_H)} ({dear})")
    return f"{counted(len(rows), 'chip')}, of which {len(rented)} have a recorded rent: {ends} an hour."


def systems_page(rows: Sequence[SystemRow], announced: bool, full: bool) -> Page:
    """Machines, one a line; links and rent of one chip."""
    cells = [
        (
            row.id + ("*" if row.announced else ""), count(row.n_chips), count(row.domain_size),
            quantity(row.memory_bytes, _GB), quantity(row.bytes_per_s, _TB_S),
            *_rates(row.bf16_flops_per_s, row.fp8_flops_per_s, row.fp4_flops_per_s),
            "" if row.scaleup_bytes_per_s is None else quantity(row.scaleup_bytes_per_s, _GB_S),
            "" if row.scaleout_bytes_per_s is None else quantity(row.scaleout_bytes_per_s, _GB_S), *rent(row.rental),
        )
        for row in rows
    ]  # fmt: skip
    heads = (
        words(), *map(numbers, ("chips", "domain", "GB", "TB/s", "16-bit", "fp8", "fp4")), numbers("up GB/s"),
        numbers("out GB/s", drop=REMARK), numbers("$/h"), Column(head="lowest to highest", whole=True, drop=RANGE),
    )  # fmt: skip
    shown, more = cut(cells, full, "`full`, or sorted with `sort`")
    lines = (
        *more, "memory and dense TFLOP/s of all chips; links in one direction and rent of one chip",
        "any count composes: 4xh100, 64xmi300x, 2xgb200-nvl72; every chip stands alone by its name (`single`)",
    )  # fmt: skip
    table = Table(name="main", columns=heads, rows=shown, lines=lines, remarks=_ships(announced))
    sizes = [row.n_chips for row in rows]
    said = f"{counted(len(rows), 'machine')} of {count(min(sizes))} to {count(max(sizes))} chips." if rows else "None."
    follow = (ask("systems", "8xh100"), ask("plan", "MODEL", system="NAME", users="500"))
    return _page(counted(len(rows), "machine"), "Systems", said, (table,), follow)


def models_page(rows: Sequence[ModelRow], full: bool) -> Page:
    """Models, one a line."""
    cells = [
        (
            row.id, quantity(row.total_params, PARAMS),
            "" if row.active_params == row.total_params else quantity(row.active_params, PARAMS), str(row.layers),
            row.attention, row.experts, quantity(row.kv_bytes_per_token, BYTES),
            quantity(row.state_bytes_per_sequence, BYTES) if row.state_bytes_per_sequence else "",
            _context(row.context_advertised or row.context_config),
        )
        for row in rows
    ]  # fmt: skip
    heads = (
        Column(head="", whole=True), numbers("total"), numbers("active"), numbers("layers", drop=RANGE),
        words("attention"), words("experts"), numbers("KV a token"), numbers("state", drop=BAR), numbers("context"),
    )  # fmt: skip
    shown, more = cut(cells, full, "`full`, or fewer with `filter` WORDS (`tags` lists them)")
    lines = (*more, "active counts both embeddings; experts: all/used; KV of 16-bit entries while no window is full")
    table = Table(name="main", columns=heads, rows=shown, lines=lines)
    follow = (ask("model", "deepseek-v3"), ask("models", filter="moe,mla", sort="active"))
    return _page(counted(len(rows), "model"), "Models", _models_said(rows), (table,), follow)


def _context(tokens: int | None) -> str:
    return "" if not tokens else f"{tokens / 1e3:,.0f}K" if tokens >= 1e4 else count(tokens)


def _models_said(rows: Sequence[ModelRow]) -> str:
    if not rows:
        return "No model matches."
    sizes = sorted(rows, key=lambda row: row.total_params)
    small, large = (quantity(row.total_params, PARAMS) for row in (sizes[0], sizes[-1]))
    sparse = sum(bool(row.experts) for row in rows)
    mixed = f"; {count(sparse)} of them mixtures of experts" if sparse else ""
    return f"{counted(len(rows), 'model')} of {small} to {large} parameters{mixed}."


def tags_page(counts: dict[str, int]) -> Page:
    """Words that a filter can use."""
    rows = [(tag, count(n)) for tag, n in sorted(counts.items())]
    table = Table(name="main", columns=(words(), numbers("models")), rows=rows)
    return _page("tags", "Tags", f"{counted(len(rows), 'word')} that `filter` takes.", (table,), ("`filter` moe,!fp8",))


def tiers_page(rows: Sequence[TierRow], sources: Sequence[Block]) -> Page:
    """Where a KV cache can wait."""
    cells = []
    for row in rows:
        price = next((figure for figure in row.figures if figure.key == "usd_per_byte_s"), None)
        cells.append(
            (
                row.id, row.name, "no limit" if row.capacity_bytes is None else quantity(row.capacity_bytes, BYTES),
                f"{quantity(row.bytes_per_s, GB)}/s", duration(row.drain_s),
                "" if row.usd_per_gb_h is None else quantity(row.usd_per_gb_h, USD_H),
                "" if price is None else price.grade,
            )
        )  # fmt: skip
    heads = (
        Column(whole=True), words("place"), *map(numbers, ("capacity", "read", "drain", "$ per GB and hour")),
        words("price is", drop=REMARK),
    )  # fmt: skip
    said = note("a cache held about as long as a tier takes to drain uses its bandwidth and its capacity alike")
    table = Table(name="main", columns=heads, rows=cells, remarks=(said,))
    priced = [row for row in rows if row.usd_per_gb_h is not None]
    cheap = min(priced, key=lambda row: row.usd_per_gb_h or 0.0, default=None)
    dear = max(priced, key=lambda row: row.usd_per_gb_h or 0.0, default=None)
    sentence = f"A KV cache can wait in {counted(len(rows), 'place')}"
    if cheap is not None and dear is not None:
        high, low = quantity(dear.usd_per_gb_h, USD_GB_H), quantity(cheap.usd_per_gb_h, USD_H)
        sentence += f", from {high} in {dear.id} down to {low} in {cheap.id}"
    return _page(
        "memory tiers", "Tiers", f"{sentence}.", (table, *sources), ("`sources`", ask("price", "MODEL", full=True))
    )
