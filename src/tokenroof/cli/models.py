"""`tokenroof models`: the catalogue, filtered and sorted."""

from pathlib import Path

import click

from tokenroof.cli.render import echo_json, echo_page, note
from tokenroof.cli.unused import refuse_unused
from tokenroof.present.output import CHARTS, check

__all__ = ["command"]

_SORTS = ("id", "total", "active", "layers", "kv", "state", "bytes", "context")


@click.command("models")
@click.option(
    "--filter", "filters", default="", metavar="WORDS", help="Words with commas: moe,mla,!fp8, or parts of an id."
)
@click.option("--sort", type=click.Choice(_SORTS), default="id", show_default=True, help="Largest first.")
@click.option("--tags", "show_tags", is_flag=True, help="Show the words that a filter can use, with counts.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw KV bytes per token: svg, png or html.")
@click.option("--full", is_flag=True, help="All rows, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(filters: str, sort: str, show_tags: bool, plot: Path | None, full: bool, as_json: bool) -> None:
    """List the models of the catalogue.

    \b
    tokenroof models --filter moe,mla --sort active
    tokenroof models --filter qwen3,!fp8,!nvfp4 --sort kv
    tokenroof models --filter deepseek --plot kv-per-token.svg
    """
    from tokenroof.present.pages.listing import models_page, tags_page
    from tokenroof.usecases.listing.models import list_models

    if plot is not None:
        check(plot, CHARTS, "plot")
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
            echo_page(tags_page(counts))
        return
    if plot is not None:
        from tokenroof.present.charts.kv import draw_kv_per_token

        draw_kv_per_token(rows, plot)
        note(f"written: {plot}")
    if as_json:
        echo_json({"models": rows})
        return
    echo_page(models_page(rows, full), full)
