"""`tokenroof models`: the catalogue, filtered and sorted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import echo_json, note, print_table
from tokenroof.cli.unused import refuse_unused
from tokenroof.units import format_si

if TYPE_CHECKING:
    from tokenroof.usecases.listing.models import ModelRow

__all__ = ["billions", "command", "context_text"]

_SORTS = ("id", "total", "active", "layers", "kv", "state", "bytes", "context")


def billions(value: float) -> str:
    """Parameters as vendors print them."""
    return f"{value / 1e9:,.2f}B" if value < 100e9 else f"{value / 1e9:,.1f}B"


def context_text(row: "ModelRow") -> str:
    """The advertised context, or what the config allows."""
    value = row.context_advertised or row.context_config
    return "-" if value is None else f"{value:,}"


def _cells(row: "ModelRow") -> list[str]:
    active = "" if row.active_params == row.total_params else billions(row.active_params)
    state = format_si(row.state_bytes_per_sequence, "B") if row.state_bytes_per_sequence else ""
    return [
        row.id,
        billions(row.total_params),
        active,
        str(row.layers),
        row.attention,
        row.experts,
        f"{row.kv_bytes_per_token:,.0f}",
        state,
        context_text(row),
    ]


@click.command("models")
@click.option(
    "--filter", "filters", default="", metavar="WORDS", help="Words with commas: moe,mla,!fp8, or parts of an id."
)
@click.option("--sort", type=click.Choice(_SORTS), default="id", show_default=True, help="Largest first.")
@click.option("--tags", "show_tags", is_flag=True, help="Show the words that a filter can use, with counts.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw KV bytes per token: svg, png or html.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(filters: str, sort: str, show_tags: bool, plot: Path | None, as_json: bool) -> None:
    """List the models of the catalogue.

    \b
    tokenroof models --filter moe,mla --sort active
    tokenroof models --filter qwen3,!fp8,!nvfp4 --sort kv
    tokenroof models --filter deepseek --plot kv-per-token.svg
    """
    from tokenroof.usecases.listing.models import list_models

    refuse_unused(not show_tags, "left out with --tags, which counts words", "sort", "plot")
    words = tuple(word.strip() for word in filters.split(",") if word.strip())
    rows = list_models(filters=words, sort=sort)
    if show_tags:
        counts: dict[str, int] = {}
        for row in rows:
            for tag in row.tags:
                counts[tag] = counts.get(tag, 0) + 1
        if as_json:
            echo_json({"tags": counts})
        else:
            print_table(("tag", "models"), ([tag, str(n)] for tag, n in sorted(counts.items())), right=(1,))
        return
    if plot is not None:
        from tokenroof.present.charts.kv import draw_kv_per_token

        draw_kv_per_token(rows, plot)
        note(f"written: {plot}")
    if as_json:
        echo_json({"models": rows})
        return
    columns = ("id", "total", "active", "layers", "attention", "experts", "KV B/token", "state", "context")
    print_table(columns, map(_cells, rows), right=(1, 2, 3, 6, 7, 8))
    note(
        f"{len(rows)} models. active counts both embeddings; experts as all/used; "
        "KV for 16-bit entries while no window is full."
    )
