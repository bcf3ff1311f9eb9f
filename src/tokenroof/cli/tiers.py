"""`tokenroof tiers`: where a KV cache can wait, and what holding it costs."""

import click

from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


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
    from tokenroof.present.pages.listing import tiers_page
    from tokenroof.present.pages.machine import figure_blocks
    from tokenroof.usecases.listing.machines import list_tiers

    rows = list_tiers(chip=chip)
    if as_json:
        echo_json({"tiers": rows})
        return
    blocks = [block for row in rows for block in figure_blocks(row.name, row.figures)] if sources else []
    echo_page(tiers_page(rows, blocks))
