"""`tokenroof tiers`: where a KV cache can wait, and what holding it costs."""

import click

from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.units import format_si

__all__ = ["command"]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return format_si(seconds, "s")
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@click.command("tiers")
@click.option("--chip", default="h100", show_default=True, metavar="NAME", help="Whose own memory heads the list.")
@click.option("--sources", is_flag=True, help="Show every figure with its source, date and grade.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, SI units.")
def command(chip: str, sources: bool, as_json: bool) -> None:
    """List memory tiers: capacity, read bandwidth, drain time, dollars for a gigabyte held an hour.

    \b
    tokenroof tiers --chip b200
    tokenroof tiers --sources
    """
    from tokenroof.cli.chip import show_figures
    from tokenroof.usecases.listing.machines import list_tiers

    rows = list_tiers(chip=chip)
    if as_json:
        echo_json({"tiers": rows})
        return
    cells = []
    for row in rows:
        price = next((f for f in row.figures if f.key == "usd_per_byte_s"), None)
        cells.append(
            [
                row.id,
                row.name,
                "no limit" if row.capacity_bytes is None else format_si(row.capacity_bytes, "B", 4),
                format_si(row.bytes_per_s, "B/s"),
                _duration(row.drain_s),
                "-" if row.usd_per_gb_h is None else f"{row.usd_per_gb_h:.2g}",
                "-" if price is None else price.grade,
            ]
        )
    columns = ("id", "name", "capacity", "read", "drain", "USD/GB/h", "price is")
    print_table(columns, cells, right=(2, 3, 4, 5))
    if sources:
        for row in rows:
            click.echo()
            heading(row.name)
            show_figures(row.figures)
    note("A cache held about as long as a tier takes to drain uses its bandwidth and its capacity alike.")
