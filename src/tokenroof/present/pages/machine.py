"""Pages of one accelerator and one machine: what it is good for, then every figure with where it comes from."""

from collections.abc import Iterable, Sequence

from tokenroof.present.asked import ask
from tokenroof.present.numbers import BYTES, FLOPS, count, percent, quantity
from tokenroof.present.page import (
    REMARK,
    Block,
    Column,
    KeyValues,
    Lines,
    Page,
    Remark,
    Table,
    note,
    numbers,
    warning,
    words,
)
from tokenroof.present.pages.listing import USD_H, duration, rent
from tokenroof.present.pages.parts import counted
from tokenroof.types.machine import RentalPrice
from tokenroof.units import format_si
from tokenroof.usecases.listing.machines import ChipView, Figure, SystemView

__all__ = ["chip_page", "figure_blocks", "figure_value", "system_page"]


def figure_value(figure: Figure) -> str:
    """A figure as people write it: 3.35 TB/s, 80 GB, 989.4 TFLOP/s, 8."""
    if figure.unit == "GPU":
        return f"{figure.value:,.0f}"
    if figure.unit.startswith("USD/GPU/s"):
        return f"{figure.value * 3600:.2f} USD/GPU/h"
    if figure.unit == "USD/B/s":
        return f"{figure.value * 3.6e12:.3g} USD/GB/h"
    if figure.unit == "USD":
        return f"{figure.value:,.0f} USD"
    return format_si(figure.value, figure.unit, 5)


def figure_blocks(title: str, figures: Iterable[Figure], *, full: bool = False) -> list[Block]:
    """Every figure with grade and date, and the sources that its numbers point at; notes where there are some."""
    given = list(figures)
    if not given:
        return []
    sources = list(dict.fromkeys(figure.source for figure in given))
    rows = [(one.key, figure_value(one), one.grade, one.as_of, f"[{sources.index(one.source) + 1}]") for one in given]
    heads = (Column(whole=True), numbers("value"), words("grade"), words("as of"), words("source", drop=REMARK))
    lines = [f"[{number}] {source}" for number, source in enumerate(sources, 1)]
    notes = [f"{one.key}: {one.note}" for one in given if one.note]
    return [Table(name="figures", title=title, columns=heads, rows=rows, lines=(*lines, *notes), full=full)]


def _rates(view: ChipView) -> list[Block]:
    if not view.ridge:
        return [Lines(title="Arithmetic", lines=["no arithmetic rate is known: ridge and compute time cannot be had"])]
    rates = {figure.key.partition(".")[2]: figure.value for figure in view.figures if figure.key.startswith("flops")}
    rows = [
        (
            key, f"{quantity(rates[key], FLOPS)}/s" if key in rates else "", count(view.flops_per_byte[key]),
            count(ridge),
            percent(view.achievable_share[key]) if key in view.achievable_share else "",
        )
        for key, ridge in view.ridge.items()
    ]  # fmt: skip
    heads = map(numbers, ("dense rate", "FLOP/B", "ridge, tokens", "reached"))
    return [Table(name="rates", title="Arithmetic against reads", columns=(words(), *heads), rows=rows)]


def _memory(view: ChipView) -> KeyValues:
    known = {figure.key: figure.value for figure in view.figures}
    pairs = [("memory", quantity(known["memory_bytes"], BYTES), view.memory_type)]
    pairs.append(("bandwidth", f"{quantity(known['bytes_per_s'], BYTES)}/s", _reached(view)))
    usable = "" if view.drain_usable_s is None else f"{duration(view.drain_usable_s)} on usable bytes"
    pairs.append(("drain time", duration(view.drain_label_s), usable))
    return KeyValues(title="Memory", pairs=pairs)


def _reached(view: ChipView) -> str:
    share = view.achievable_share.get("bandwidth")
    return "" if share is None else f"{percent(share)} reached"


def _offers(price: RentalPrice) -> Table:
    rows = [(one.provider, quantity(one.usd_per_h, USD_H), one.kind, one.as_of, one.note) for one in price.offers]
    heads = (words(), numbers("an hour"), words(), words("as of"), words(drop=REMARK))
    return Table(name="rents", title=f"Rent, {counted(price.n, 'offer')}", columns=heads, rows=rows, full=True)


def _rent_row(price: RentalPrice | None, what: str) -> list[KeyValues]:
    if price is None:
        return []
    median, ends = rent(price)
    return [KeyValues(title="Rent", pairs=[(what, median, f"median; {ends.rpartition(' (')[0]}, {price.n} offers")])]


def _chip_blocks(view: ChipView) -> list[Block]:
    blocks: list[Block] = [*_rates(view), _memory(view), *_rent_row(view.rental, "an hour")]
    blocks += figure_blocks("Every figure", view.figures, full=True)
    return [*blocks, *([_offers(view.rental)] if view.rental is not None else [])]


def _chip_said(view: ChipView) -> str:
    known = {figure.key: figure.value for figure in view.figures}
    memory = f"{quantity(known['memory_bytes'], BYTES)} at {quantity(known['bytes_per_s'], BYTES)}/s"
    rate = next((key for key in ("bf16", "fp16", *view.ridge) if key in view.ridge), None)
    said = f"{view.name} holds {memory}"
    if rate is not None:
        said += f" and multiplies {rate} at {quantity(known[f'flops_per_s.{rate}'], FLOPS)}/s"
    if view.rental is not None:
        said += f"; an hour rents for {rent(view.rental)[0]}"
    return f"{said}{' (announced, not shipping)' if view.announced else ''}."


def _remarks(notes: Sequence[str], doubts: Sequence[str] = ()) -> tuple[Remark, ...]:
    return (*map(note, notes), *(warning(f"in doubt: {text}") for text in doubts))


def chip_page(view: ChipView) -> Page:
    """One accelerator."""
    status = "announced" if view.announced else f"{view.year}"
    return Page(
        title=view.id, kind="Chip", sentence=_chip_said(view), remarks=_remarks(view.notes, view.doubts),
        scenario_label="Chip", blocks=_chip_blocks(view),
        scenario=[part for part in (view.name, view.vendor, view.kind, status, view.memory_type) if part],
        next=("`full`: every figure with source and date", ask("plan", "MODEL", system=f"8x{view.id}", users="500")),
    )  # fmt: skip


def system_page(view: SystemView) -> Page:
    """One machine, and its chip."""
    row = view.row
    domains = -(-row.n_chips // row.domain_size)
    rates = (("16-bit", row.bf16_flops_per_s), ("fp8", row.fp8_flops_per_s), ("fp4", row.fp4_flops_per_s))
    links = (("scale-up", row.scaleup_bytes_per_s), ("scale-out", row.scaleout_bytes_per_s))
    pairs: list[tuple[str, ...]] = [
        ("memory", quantity(row.memory_bytes, BYTES), f"{quantity(row.bytes_per_s, BYTES)}/s"),
        *((f"dense {name}", f"{quantity(rate, FLOPS)}/s", "") for name, rate in rates if rate is not None),
        *((name, f"{quantity(rate, BYTES)}/s", "one way, one chip") for name, rate in links if rate is not None),
    ]  # fmt: skip
    if row.power_w is not None:
        pairs.append(("power", format_si(row.power_w, "W", 4), ""))
    if view.usd_per_h is not None:
        median, ends = rent(view.usd_per_h)
        pairs.append(("rent an hour", median, f"all chips; {ends.rpartition(' (')[0]}, {view.usd_per_h.n} offers"))
    size = count(row.domain_size)
    said = f"{row.name} is {counted(row.n_chips, 'chip')} in {counted(domains, 'scale-up domain')} of {size}"
    hold = f"with {quantity(row.memory_bytes, BYTES)} of memory at {quantity(row.bytes_per_s, BYTES)}/s"
    return Page(
        title=row.id, kind="System", remarks=_remarks(view.notes, view.chip.doubts),
        sentence=f"{said}, {hold}{', announced, not shipping' if row.announced else ''}.",
        blocks=[
            KeyValues(title="All chips", pairs=pairs, name="main"), *_chip_blocks(view.chip),
            *figure_blocks("Figures of the machine", view.figures, full=True),
        ],
        next=("`full`: every figure with source and date", ask("analyze", "MODEL", system=row.id)),
    )  # fmt: skip
