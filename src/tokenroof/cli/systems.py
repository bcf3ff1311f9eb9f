"""`tokenroof systems [NAME]`: machines of the catalogue, or one of them, or your own file."""

import click

from tokenroof.cli.render import echo_json, echo_page
from tokenroof.cli.unused import refuse_unused

__all__ = ["command"]

_SORTS = ("name", "chips", "bandwidth", "memory", "bf16", "fp8", "fp4", "price")


@click.command("systems")
@click.argument("name", required=False)
@click.option("--announced", is_flag=True, help="Include machines that do not ship yet.")
@click.option("--single", is_flag=True, help="Include every chip standing alone.")
@click.option("--sort", type=click.Choice(_SORTS), default="name", show_default=True, help="Largest first.")
@click.option("--full", is_flag=True, help="All rows; of one machine every figure with source, date and grade.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, SI units.")
def command(name: str | None, announced: bool, single: bool, sort: str, full: bool, as_json: bool) -> None:
    """List machines, or show one: a name, NxCHIP, NxSYSTEM, a TPU slice, or your own TOML file.

    \b
    tokenroof systems --announced --sort bandwidth
    tokenroof systems 2xgb200-nvl72
    tokenroof systems my-cluster.toml --json
    """
    from tokenroof.usecases.listing.machines import list_systems, show_system

    if name is not None:
        refuse_unused(False, "left out with one system: it is about the list", "announced", "single", "sort")
        view = show_system(name)
        if as_json:
            echo_json(view)
            return
        from tokenroof.present.pages.machine import system_page

        echo_page(system_page(view), full)
        return
    rows = list_systems(announced=announced, single=single, sort=sort)
    if as_json:
        echo_json({"systems": rows})
        return
    from tokenroof.present.pages.listing import systems_page

    echo_page(systems_page(rows, announced, full), full)
