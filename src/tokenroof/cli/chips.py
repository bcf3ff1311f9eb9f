"""`tokenroof chips`: accelerators of the catalogue, one a line, or their picture."""

from pathlib import Path

import click

from tokenroof.cli.render import echo_json, echo_page, note

__all__ = ["command"]

_SORTS = ("name", "year", "bandwidth", "memory", "bf16", "fp8", "fp4", "ridge", "drain", "price")


@click.command("chips")
@click.option("--announced", is_flag=True, help="Include parts that do not ship yet.")
@click.option("--vendor", default="", metavar="NAME", help="Only this vendor: nvidia, amd, google ...")
@click.option("--sort", type=click.Choice(_SORTS), default="name", show_default=True, help="Largest first.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw ridge and drain time: svg, png, html."
)
@click.option("--full", is_flag=True, help="All rows, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON, SI units.")
def command(announced: bool, vendor: str, sort: str, plot: Path | None, full: bool, as_json: bool) -> None:
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
    from tokenroof.present.pages.listing import chips_page

    echo_page(chips_page(rows, announced, full), full)
