"""`tokenroof chip NAME`: one accelerator, every figure with where it comes from."""

import click

from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("chip")
@click.argument("name")
@click.option("--full", is_flag=True, help="Every figure with source, date and grade, and every rent.")
@click.option("--json", "as_json", is_flag=True, help="Print the page as JSON, SI units.")
def command(name: str, full: bool, as_json: bool) -> None:
    """Show one accelerator: every figure with value, grade, date, source and what other sources say.

    \b
    tokenroof chip h100
    tokenroof chip mi355x --json
    """
    from tokenroof.usecases.listing.machines import show_chip

    view = show_chip(name)
    if as_json:
        echo_json(view)
        return
    from tokenroof.present.pages.machine import chip_page

    echo_page(chip_page(view), full)
