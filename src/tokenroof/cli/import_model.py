"""`tokenroof import SOURCE`: read a config.json, show what was understood, keep it if asked."""

from pathlib import Path

import click

from tokenroof.cli.render import echo_json, echo_page, note
from tokenroof.files import put
from tokenroof.present.output import check

__all__ = ["command"]


@click.command("import")
@click.argument("source")
@click.option("--online", is_flag=True, help="Fetch the config of a Hugging Face id (extra: hub).")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the model in tokenroof's schema.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(source: str, online: bool, save: Path | None, as_json: bool) -> None:
    """Read a config.json (a path), or a Hugging Face id from the catalogue; nothing is fetched unless --online.

    \b
    tokenroof import ./config.json --save my-model.json
    tokenroof import Qwen/Qwen3-8B --online
    """
    from tokenroof.catalog.models.files import dump_json, model_to_json
    from tokenroof.usecases.listing.models import import_model, view_model

    if save is not None:
        check(save, ("json",), "save")
    model = import_model(source, online=online)
    view = view_model(model)
    if save is not None:
        put(save, dump_json(model_to_json(model)))
    if as_json:
        echo_json(view)
    else:
        from tokenroof.present.pages.model import page_of

        echo_page(page_of(view), full=True)
    if save is not None:
        note(f"written: {save}; every verb takes it: tokenroof model {save}")
