"""`tokenroof chips`: accelerators of the catalogue, one a line, or their picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import echo_json, note, print_table

if TYPE_CHECKING:
    from tokenroof.types.machine import RentalPrice
    from tokenroof.usecases.listing.machines import ChipRow

__all__ = ["command", "rate", "rent"]

_SORTS = ("name", "year", "bandwidth", "memory", "bf16", "fp8", "fp4", "ridge", "drain", "price")


def rate(value: float | None) -> str:
    """A FLOP rate in TFLOP/s, or a dash."""
    return "-" if value is None else f"{value / 1e12:,.4g}" if value < 1e15 else f"{value / 1e12:,.0f}"


def rent(price: "RentalPrice | None") -> str:
    """Lowest / median / highest dollars an hour and the number of offers, or a dash."""
    if price is None:
        return "-"
    low, middle, high = price.low_usd_per_h, price.median_usd_per_h, price.high_usd_per_h
    return f"{low:.2f} / {middle:.2f} / {high:.2f} ({price.n})"


def _cells(row: "ChipRow") -> list[str]:
    drain_ms = row.drain_s * 1e3
    return [
        row.id,
        row.vendor,
        f"{row.year}{'*' if row.announced else ''}",
        f"{row.memory_bytes / 1e9:,.4g}",
        f"{row.bytes_per_s / 1e9:,.0f}",
        rate(row.bf16_flops_per_s),
        rate(row.fp8_flops_per_s),
        rate(row.fp4_flops_per_s),
        "-" if row.ridge is None else f"{row.ridge:,.0f}",
        f"{drain_ms:,.1f}" if drain_ms >= 1 else f"{drain_ms:.2g}",
        "-" if row.scaleup_bytes_per_s is None else f"{row.scaleup_domain} x {row.scaleup_bytes_per_s / 1e9:,.4g}",
        rent(row.rental),
    ]


@click.command("chips")
@click.option("--announced", is_flag=True, help="Include parts that do not ship yet.")
@click.option("--vendor", default="", metavar="NAME", help="Only this vendor: nvidia, amd, google ...")
@click.option("--sort", type=click.Choice(_SORTS), default="name", show_default=True, help="Largest first.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw ridge and drain time: svg, png, html."
)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, SI units.")
def command(announced: bool, vendor: str, sort: str, plot: Path | None, as_json: bool) -> None:
    """List accelerators: memory, bandwidth, dense rates, ridge, drain time, rent.

    `tokenroof chip NAME` shows every figure of one with source, date and grade.

    \b
    tokenroof chips --sort bandwidth
    tokenroof chips --vendor amd --announced
    tokenroof chips --announced --plot generations.svg
    """
    from tokenroof.usecases.listing.machines import list_chips

    rows = list_chips(announced=announced, vendor=vendor, sort=sort)
    if plot is not None:
        from tokenroof.present.charts.machines import draw

        draw(rows, plot)
        note(f"wrote {plot}")
    if as_json:
        echo_json({"chips": rows})
        return
    columns = (
        "id",
        "vendor",
        "year",
        "GB",
        "GB/s",
        "16-bit",
        "fp8",
        "fp4",
        "ridge",
        "drain ms",
        "domain x GB/s",
        "USD/h",
    )
    print_table(columns, map(_cells, rows), right=(2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
    starred = " (* announced)" if announced else "; --announced adds those that do not ship yet"
    note(f"{len(rows)} parts{starred}. Rates: dense TFLOP/s. Links: one direction of one chip.")
    note("ridge: tokens in a step at which 16-bit matmuls outlast weight reads. Drain time: label over bandwidth.")
    note("USD/h: lowest / median / highest of (n) dated on-demand offers.")
