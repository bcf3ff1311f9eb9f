"""`tokenroof deduce`: from public prices and speeds back to what a model can be."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.deduce_flags import MEASURED, check_together, offer_from_flags, sheet_options
from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.offers import parse_rates
from tokenroof.cli.render import WHOLE, QuantityType, echo_json, echo_page, note
from tokenroof.cli.unused import refuse_unused
from tokenroof.files import put
from tokenroof.present.json import dump
from tokenroof.present.output import CHARTS, check

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["command"]

_ENDINGS = ("csv", "json", *CHARTS)


def _save(answer: Any, path: Path, chart: str) -> None:
    """Write the answer in the form that the file's ending names."""
    ending = path.suffix.lower()
    if ending == ".json":
        put(path, dump(answer) + "\n")
    elif ending == ".csv":
        from tokenroof.usecases.deduce.table import estimates_csv

        put(path, estimates_csv(answer))
    else:
        from tokenroof.present.charts.deduce import draw_corner, draw_evidence

        (draw_corner if chart == "corner" else draw_evidence)(answer, path, _page(answer) if ending == ".html" else "")
    note(f"written to {path}")


def _page(answer: Any) -> str:
    """The page of the answer as markup, to stand above its picture."""
    from tokenroof.present.html import html
    from tokenroof.present.pages.deduce import page_of

    return html(page_of(answer))


def _whole(lecture: bool, out: Path | None, full: bool, as_json: bool) -> int:
    """The pages that need no offer: the lecture's claims, and how far deduction holds."""
    from tokenroof.present.pages.deduce_checks import lecture_page, validation_page

    answer: Any
    page: Page
    if lecture:
        from tokenroof.usecases.deduce.lecture import lecture_deductions

        rows = lecture_deductions()
        answer, page = {"claims": rows}, lecture_page(rows, full)
    else:
        from tokenroof.infer.report import validate

        answer = validate()
        page = validation_page(answer)
    echo_json(answer) if as_json else echo_page(page, full)
    if out is not None:
        _save(answer, out, "")
    return 0


def _sheet(name: str, options: dict[str, Any]) -> Any:
    """A sheet by its name, or what is asked for it today."""
    if not options["online"]:
        return name
    from tokenroof.catalog.offers.online import fetched_offer

    return fetched_offer(name, date.today().isoformat())


@click.command("deduce", short_help="From public prices and speeds back to what a model can be.")
@click.argument("offer", required=False)
@click.option("--compare", nargs=2, default=None, metavar="A B", help="Deduce two offers side by side.")
@click.option("--validate", "validating", is_flag=True, help="Check coverage on all open models, each lab left out.")
@click.option("--lecture", is_flag=True, help="The lecture's own deductions: stated, recomputed, calibrated.")
@sheet_options
@click.option("--speed", "tokens_per_s", type=QuantityType("token/s"), help="Measured output speed of one sequence.")
@click.option("--online", is_flag=True, help="Prices of today, fetched by genai-prices (extra: prices).")
@click.option("--rate", "rates", multiple=True, metavar="CUR=USD", help="USD for one unit of a currency.")
@click.option("--leave-out", multiple=True, metavar="CHANNEL", help="Evidence not to use (repeatable).")
@click.option("--prior-only", is_flag=True, help="Use no evidence: shows the prior.")
@click.option(
    "--active",
    "active_params",
    type=QuantityType("param"),
    help="Active parameters that single-channel formulas assume.",
)
@click.option("--draws", type=WHOLE, default=16 * 65_536, show_default=True, help="Weighted draws, at least 10,000.")
@click.option("--seed", type=WHOLE, default=1, show_default=True, help="Seed of the random numbers.")
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="FILE.svg .png .html .csv .json")
@click.option(
    "--chart", type=click.Choice(["corner", "evidence"]), default="corner", show_default=True, help="What -o draws."
)
@click.option("--full", is_flag=True, help="Every unknown, each channel alone, formulas and caveats.")
@explain_option("active_params, price_level")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(offer: str | None, full: bool, key: str | None, as_json: bool, out: Path | None, **options: Any) -> int:
    """What public prices and speeds say of a model: by channel, and jointly with intervals that are calibrated.

    OFFER is an id of `tokenroof offers`, `market/MODEL` for the median host of open weights, a TOML file, or
    one sheet of it as FILE.toml#ID.

    \b
    tokenroof deduce google/gemini-3.1-pro-preview
    tokenroof deduce anthropic/claude-opus-4-7 -o corner.png
    tokenroof deduce --input 3 --output 15 --as-of 2024-06-20 --speed 80
    tokenroof deduce openai/gpt-5 --speed-at 2K:95 --speed-at 200K:70 --known 'total:>500B'
    tokenroof deduce anthropic/claude-opus-5 --online
    tokenroof deduce --compare anthropic/claude-opus-5 anthropic/claude-haiku-5-5
    tokenroof deduce --validate
    """
    check_together({**options, "key": key}, offer)
    refuse_unused(out is not None, "given with -o: it is about the chart", "chart")
    if out is not None:
        # found out before the work, not after
        check(out, ("json",) if not offer and options["price_in"] is None else _ENDINGS, "out")
    if options["validating"] or options["lecture"]:
        return _whole(options["lecture"], out, full, as_json)
    from tokenroof.present.pages.deduce import comparison_page, page_of
    from tokenroof.usecases.deduce.run import DeduceRequest, compare, deduce

    shared = {
        "rates": parse_rates(options["rates"]),
        "tokens_per_s": options["tokens_per_s"],
        **{name: options[name] for name in MEASURED},
        "leave_out": options["leave_out"],
        "prior_only": options["prior_only"],
        "active_params": options["active_params"],
        "draws": options["draws"],
        "seed": options["seed"],
    }
    if options["compare"] is not None:
        both = compare(*(DeduceRequest(offer=_sheet(name, options), **shared) for name in options["compare"]))
        answer: Any = both
        if not as_json:
            echo_page(comparison_page(both))
    else:
        answer = deduce(DeduceRequest(offer=_sheet(offer, options) if offer else offer_from_flags(options), **shared))
        if key is not None:
            echo_explanation("deduce", answer, key, as_json)
        elif not as_json:
            echo_page(page_of(answer), full)
    if as_json and key is None:
        echo_json(answer)
    if out is not None:
        _save(answer, out, options["chart"])
    return 0
