"""`tokenroof chip NAME`: one accelerator, every figure with where it comes from."""

from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.units import format_si

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokenroof.types.machine import RentalPrice
    from tokenroof.usecases.listing.machines import ChipView, Figure

__all__ = ["command", "figure_value", "show_chip_view", "show_figures"]


def figure_value(figure: "Figure") -> str:
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


def show_figures(figures: "Iterable[Figure]") -> None:
    """A table of figures, and below it the notes of those that have one."""
    figures = list(figures)
    sources = list(dict.fromkeys(figure.source for figure in figures))
    rows = [
        [f.key, figure_value(f), f.grade, f.as_of, f"[{sources.index(f.source) + 1}]", f.note or ""] for f in figures
    ]
    print_table(("figure", "value", "grade", "as of", "source", "note"), rows, right=(1,))
    for number, source in enumerate(sources, 1):
        click.echo(f"[{number}] {source}")


def _shares(view: "ChipView") -> None:
    rows = []
    for key, ridge in view.ridge.items():
        share = view.achievable_share.get(key)
        rows.append(
            [key, f"{view.flops_per_byte[key]:,.0f}", f"{ridge:,.0f}", "-" if share is None else f"{share:.0%}"]
        )
    print_table(("rate", "FLOP/B", "ridge", "reached"), rows, right=(1, 2, 3))
    usable = "" if view.drain_usable_s is None else f", {format_si(view.drain_usable_s, 's')} on usable bytes"
    click.echo(f"drain time {format_si(view.drain_label_s, 's')}{usable}")
    if "bandwidth" in view.achievable_share:
        click.echo(f"memory bandwidth reached {view.achievable_share['bandwidth']:.0%}")


def _offers(price: "RentalPrice") -> None:
    heading(
        f"Rent   {price.low_usd_per_h:.2f} / {price.median_usd_per_h:.2f} / {price.high_usd_per_h:.2f} USD/h, "
        f"lowest / median / highest of {price.n}"
    )
    rows = [[o.provider, f"{o.usd_per_h:.2f}", o.kind, o.as_of, o.note] for o in price.offers]
    print_table(("provider", "USD/h", "kind", "as of", "note"), rows, right=(1,))


def show_chip_view(view: "ChipView") -> None:
    """The page of one chip."""
    status = "announced" if view.announced else f"{view.year}"
    heading(f"{view.name}   {view.vendor}, {view.kind}, {status}, {view.memory_type}".rstrip(", "))
    show_figures(view.figures)
    click.echo()
    if view.ridge:
        _shares(view)
    else:
        click.echo("no arithmetic rate is known: ridge and compute time cannot be had")
    if view.rental is not None:
        click.echo()
        _offers(view.rental)
    for text in view.notes:
        note(text)
    for text in view.doubts:
        note(f"doubt: {text}")


@click.command("chip")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the page as JSON, SI units.")
def command(name: str, as_json: bool) -> None:
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
    show_chip_view(view)
