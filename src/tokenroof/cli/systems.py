"""`tokenroof systems [NAME]`: machines of the catalogue, or one of them, or your own file."""

from typing import TYPE_CHECKING

import click

from tokenroof.cli.chips import rate, rent
from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.cli.unused import refuse_unused
from tokenroof.units import format_bytes, format_si

if TYPE_CHECKING:
    from tokenroof.usecases.listing.machines import SystemRow, SystemView

__all__ = ["command"]

_SORTS = ("name", "chips", "bandwidth", "memory", "bf16", "fp8", "fp4", "price")


def _gb(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e9:,.4g}"


def _cells(row: "SystemRow") -> list[str]:
    return [
        row.id + (" *" if row.announced else ""),
        f"{row.n_chips:,}",
        f"{row.domain_size:,}",
        f"{row.memory_bytes / 1e9:,.0f}",
        f"{row.bytes_per_s / 1e12:,.1f}",
        rate(row.bf16_flops_per_s),
        rate(row.fp8_flops_per_s),
        rate(row.fp4_flops_per_s),
        _gb(row.scaleup_bytes_per_s),
        _gb(row.scaleout_bytes_per_s),
        rent(row.rental),
    ]


def _show(view: "SystemView") -> None:
    from tokenroof.cli.chip import show_chip_view, show_figures

    row = view.row
    domains = -(-row.n_chips // row.domain_size)
    status = ", announced" if row.announced else ""
    heading(f"{row.name}   {row.n_chips:,} chips in {domains:,} scale-up domain(s) of {row.domain_size:,}{status}")
    click.echo(f"memory     {format_bytes(row.memory_bytes)}, {format_si(row.bytes_per_s, 'B/s', 4)}")
    rates = {"16-bit": row.bf16_flops_per_s, "fp8": row.fp8_flops_per_s, "fp4": row.fp4_flops_per_s}
    shown = [f"{name} {format_si(value, 'FLOP/s', 4)}" for name, value in rates.items() if value is not None]
    click.echo(f"dense      {', '.join(shown) or 'no rate known'}")
    links = {"scale-up": row.scaleup_bytes_per_s, "scale-out": row.scaleout_bytes_per_s}
    lines = [f"{name} {format_si(value, 'B/s', 4)}" for name, value in links.items() if value is not None]
    click.echo(f"links      {', '.join(lines) or 'none known'}, one direction of one chip")
    if row.power_w is not None:
        click.echo(f"power      {format_si(row.power_w, 'W', 4)}")
    if view.usd_per_h is not None:
        whole = view.usd_per_h
        click.echo(
            f"rent       {whole.low_usd_per_h:,.2f} / {whole.median_usd_per_h:,.2f} / {whole.high_usd_per_h:,.2f} "
            f"USD/h for all chips, lowest / median / highest of {whole.n}"
        )
    click.echo()
    if view.figures:
        show_figures(view.figures)
        click.echo()
    show_chip_view(view.chip)
    for text in view.notes:
        note(text)


@click.command("systems")
@click.argument("name", required=False)
@click.option("--announced", is_flag=True, help="Include machines that do not ship yet.")
@click.option("--single", is_flag=True, help="Include every chip standing alone.")
@click.option("--sort", type=click.Choice(_SORTS), default="name", show_default=True, help="Largest first.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, SI units.")
def command(name: str | None, announced: bool, single: bool, sort: str, as_json: bool) -> None:
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
        else:
            _show(view)
        return
    rows = list_systems(announced=announced, single=single, sort=sort)
    if as_json:
        echo_json({"systems": rows})
        return
    columns = ("id", "chips", "domain", "GB", "TB/s", "16-bit", "fp8", "fp4", "up GB/s", "out GB/s", "USD/h")
    print_table(columns, map(_cells, rows), right=tuple(range(1, 11)))
    starred = " (* announced)" if announced else "; --announced adds those that do not ship yet"
    note(f"{len(rows)} machines{starred}. Memory and dense TFLOP/s of all chips.")
    note("Links and rent of one chip, links in one direction, rent as lowest / median / highest (offers).")
    note("Any count composes: 4xh100, 64xmi300x, 2xgb200-nvl72. Every chip stands alone by its name (--single).")
