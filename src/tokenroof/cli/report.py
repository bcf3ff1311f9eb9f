"""`tokenroof report`: a view of the web app as one file."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import scenario_options
from tokenroof.cli.render import note
from tokenroof.errors import InputError
from tokenroof.files import put
from tokenroof.present.output import check
from tokenroof.types.scenario import Scenario

__all__ = ["command"]


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE as fields."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InputError("field", text, "NAME=VALUE, a field of the view's verb")
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def _fields(view: str, subject: str | None, options: dict[str, Any]) -> dict[str, Any]:
    more, file = _pairs(options.pop("field")), options.pop("scenario_file")
    if options.pop("save_scenario") is not None:
        raise InputError("save_scenario", "given", "left out of report")
    held: dict[str, Any] = {}
    if file is not None:
        from tokenroof.scenario.files import read_data

        held = dict(read_data(file))
    named = {} if subject is None else {"offer" if view == "deduce" else "model": subject}
    known = Scenario.__dataclass_fields__
    given = {name: value for name, value in options.items() if name in known and value not in (None, ())}
    return {**held, **given, **named, **more}


@click.command("report", short_help="A view of the web app as one file that can be mailed and still dragged.")
@click.argument("view")
@click.argument("subject", metavar="[MODEL]", required=False, shell_complete=complete_models)
@scenario_options()
@click.option("--field", multiple=True, metavar="NAME=VALUE", help="Another field of the view's verb. Repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="FILE.html to write.")
def command(view: str, subject: str | None, output: Path | None, **options: Any) -> None:
    """Write VIEW as one HTML file with its data inside: no server, nothing fetched, handles can still be dragged.

    VIEW is blackboard, context, operators, layout, plan, machines, money, speculation, simulate, training, deduce (of
    an offer) or learn.

    \b
    tokenroof report blackboard deepseek-r1 --system 8xh200 --tp 8 --batch 64 -o page.html
    tokenroof report deduce google/gemini-3.1-pro-preview -o prices.html
    tokenroof report simulate llama-3.1-8b --system h100 --request-rate 5 --field requests=500 -o page.html
    """
    from tokenroof.schema import parse
    from tokenroof.web.report import ReportRequest, report

    if output is None:
        raise InputError("output", None, "given", "add -o page.html")
    check(output, ("html",))
    request = parse(ReportRequest, {"view": view, "fields": {}})
    page = report(ReportRequest(view=request.view, fields=_fields(view, subject, options)))
    put(output, page)
    note(f"written to {output} ({len(page.encode()) / 1e3:,.0f} KB)")
