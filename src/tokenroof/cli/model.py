"""`tokenroof model MODEL`: layers, parameters by part, stored formats, the KV formula with values in it."""

import click

from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("model")
@click.argument("model")
@click.option("--kv-dtype", metavar="DTYPE", help="Format of the cache. [default: the engine's for this checkpoint]")
@click.option("--full", is_flag=True, help="Stored formats, and what is not in the total or published otherwise.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(model: str, kv_dtype: str | None, full: bool, as_json: bool) -> None:
    """Show one model: an id, a Hugging Face id of the catalogue, or the path of a config.json.

    \b
    tokenroof model deepseek-v3
    tokenroof model ./config.json --kv-dtype fp8
    """
    from tokenroof.usecases.listing.models import show_model

    view = show_model(model, kv_dtype=kv_dtype)
    if as_json:
        echo_json(view)
        return
    from tokenroof.present.pages.model import page_of

    echo_page(page_of(view), full)
