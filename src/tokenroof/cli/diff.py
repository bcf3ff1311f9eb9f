"""`tokenroof diff A B`: two scenarios side by side."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.options import scenario_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page
from tokenroof.errors import InputError

__all__ = ["command"]


@click.command("diff")
@click.argument("a")
@click.argument("b")
@scenario_options("system", "mode")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE.csv, .json, .parquet, .md, .txt or .html. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")
def command(a: str, b: str, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Why is scenario B faster, slower or cheaper than scenario A?

    A and B are scenario files (see --save-scenario) or MODEL@SYSTEM with fields after commas. Options hold for both.

    \b
    tokenroof diff llama-3.3-70b@8xh100,tp=8 llama-3.3-70b@8xb200,tp=8 --batch 64
    tokenroof diff deepseek-v3@8xh200,tp=8 deepseek-v3@8xh200,dp=8,ep=8 --concurrency 64 -o diff.md
    """
    from tokenroof.present.pages.diff import page_of
    from tokenroof.schema import named_scenario
    from tokenroof.usecases.analyze.request import AnalyzeRequest
    from tokenroof.usecases.diff.run import diff

    for name in ("scenario_file", "save_scenario"):
        if options.pop(name, None) is not None:
            raise InputError(name, "given", "left out of diff", "name the file as A or B")
    paths = check_outputs(None, outputs, pages=True, charts=False)
    common = {name: value for name, value in options.items() if value not in (None, ())}
    answer = diff(*(named_scenario(text, AnalyzeRequest, common) for text in (a, b)))
    page = page_of(answer)
    write_outputs(answer, paths, None, answer.numbers, page)
    echo_json(answer) if as_json else echo_page(page)
