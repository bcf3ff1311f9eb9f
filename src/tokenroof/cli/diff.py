"""`tokenroof diff A B`: two scenarios side by side."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.options import scenario_options
from tokenroof.cli.render import echo_json, echo_page
from tokenroof.errors import InputError
from tokenroof.types.scenario import over

__all__ = ["command"]


def _side(text: str, common: dict[str, Any]) -> dict[str, Any]:
    """A scenario file, or `MODEL@SYSTEM,tp=8,weight_dtype=fp8`; what both share comes from the options."""
    if text.endswith((".toml", ".json")):
        from tokenroof.scenario.files import read_data

        return over(common, read_data(Path(text)))
    name, *pairs = text.split(",")
    model, at, system = name.partition("@")
    if not at or not model or not system:
        raise InputError("scenario", text, "MODEL@SYSTEM or a scenario file", "such as llama-3.3-70b@8xh100,tp=8")
    fields: dict[str, Any] = {"model": model, "system": system}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise InputError("scenario", text, "field=value after the comma", f"{pair!r} has no value")
        fields[field.strip().replace("-", "_")] = value.strip()
    return over(common, fields)


@click.command("diff")
@click.argument("a")
@click.argument("b")
@scenario_options("system", "mode")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")
def command(a: str, b: str, as_json: bool, **options: Any) -> None:
    """Why is scenario B faster, slower or cheaper than scenario A?

    A and B are scenario files (see --save-scenario) or MODEL@SYSTEM with fields after commas. Options hold for both.

    \b
    tokenroof diff llama-3.3-70b@8xh100,tp=8 llama-3.3-70b@8xb200,tp=8 --batch 64
    tokenroof diff deepseek-v3@8xh200,tp=8 deepseek-v3@8xh200,dp=8,ep=8 --concurrency 64
    """
    from tokenroof.present.pages.diff import page_of
    from tokenroof.schema import parse
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.diff.run import diff

    for name in ("scenario_file", "save_scenario"):
        if options.pop(name, None) is not None:
            raise InputError(name, "given", "left out of diff", "name the file as A or B")
    common = {name: value for name, value in options.items() if value not in (None, ())}
    answer = diff(*(parse(AnalyzeRequest, _side(text, common), text) for text in (a, b)))
    echo_json(answer) if as_json else echo_page(page_of(answer))
