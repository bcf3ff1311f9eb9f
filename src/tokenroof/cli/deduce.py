"""`tokenroof deduce`: from public prices and speeds back to what a model can be."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.offers import TokensType, parse_rates
from tokenroof.cli.render import QuantityType, echo_json, note
from tokenroof.errors import InputError

__all__ = ["command"]


def _pair(text: str, name: str, what: str) -> tuple[float, float]:
    first, colon, second = text.partition(":")
    try:
        values = float(first), float(second)
    except ValueError:
        values = 0.0, 0.0
    if not colon or not all(0 < value < 1e6 for value in values):
        raise InputError(name, text, what)
    return values


def _from_flags(options: dict[str, Any]) -> Any:
    """An offer from --input, --output and what else is given, through the same checks as a file."""
    from tokenroof.catalog.offer_files import offers_from_table

    table: dict[str, Any] = {
        "id": "own/flags",
        "currency": options["currency"].upper(),
        "as_of": "2026-11-25",
        "source": "flags of the command line",
        "grade": "assumed",
        "open_weights": options["open_weights"],
    }
    for key, option in (
        ("input", "price_in"), ("output", "price_out"), ("cached", "cached"), ("storage_per_hour", "storage"),
        ("context", "context"),
    ):  # fmt: skip
        if options[option] is not None:
            table[key] = options[option]
    if options["step"]:
        table["steps"] = []
    for text in options["step"]:
        above, _, multipliers = text.partition(":")
        input_x, output_x = _pair(multipliers or "", "step", "TOKENS:INPUT_X:OUTPUT_X, such as 200K:2:1.5")
        table["steps"].append({"above": above, "input_x": input_x, "output_x": output_x})
    modes = []
    if options["fast"]:
        price, speed = _pair(options["fast"], "fast", "PRICE_X:SPEED_X, such as 6:2.5")
        modes.append({"name": "fast", "x": price, "speed": speed})
    if options["batch_x"] is not None:
        modes.append({"name": "batch", "x": options["batch_x"]})
    if modes:
        table["modes"] = modes
    return offers_from_table(table, "flags")[0]


def _save(answer: Any, path: Path, chart: str) -> None:
    """Write the answer in the form that the file's ending names."""
    ending = path.suffix.lower()
    if ending == ".json":
        import json

        from tokenroof.cli.render import finite_json, write_text

        write_text(path, json.dumps(finite_json(answer), indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    elif ending == ".csv":
        from tokenroof.cli.deduce_text import estimates_csv
        from tokenroof.cli.render import write_text

        write_text(path, estimates_csv(answer))
    elif ending in (".svg", ".png", ".html"):
        from tokenroof.usecases.deduce_charts import draw_corner, draw_evidence

        (draw_corner if chart == "corner" else draw_evidence)(answer, path)
    else:
        raise InputError("output file", str(path), "a file ending in .svg, .png, .html, .csv or .json")
    note(f"written to {path}")


def _validate(as_json: bool) -> int:
    from tokenroof.infer.validate import validate

    answer = validate()
    if as_json:
        echo_json(answer)
    else:
        from tokenroof.cli.deduce_text import show_validation

        show_validation(answer)
    return 0


@click.command("deduce", short_help="From public prices and speeds back to what a model can be.")
@click.argument("offer", required=False)
@click.option("--compare", nargs=2, default=None, metavar="A B", help="Deduce two offers side by side.")
@click.option("--validate", "validating", is_flag=True, help="Check coverage on all open models, each lab left out.")
@click.option("--lecture", is_flag=True, help="The lecture's own deductions: stated, recomputed, calibrated.")
@click.option("--input", "price_in", type=float, help="Own offer: price per million input tokens.")
@click.option("--output", "price_out", type=float, help="Price per million output tokens.")
@click.option("--cached", type=float, help="Price per million cached input tokens.")
@click.option("--step", multiple=True, metavar="TOKENS:IN_X:OUT_X", help="Long-context step, e.g. 200K:2:1.5.")
@click.option("--context", type=TokensType(), help="Longest input sold; without --step: flat up to there.")
@click.option("--storage", type=float, help="Price of holding a million tokens for an hour.")
@click.option("--fast", metavar="PRICE_X:SPEED_X", help="Fast mode, e.g. 6:2.5.")
@click.option("--batch-x", type=float, help="Batch price over standard price.")
@click.option("--currency", default="USD", show_default=True, help="Currency of the prices given.")
@click.option("--open/--closed", "open_weights", default=False, help="Are the weights open?  [default: closed]")
@click.option("--speed", "tokens_per_s", type=QuantityType("token/s"), help="Measured output speed of one sequence.")
@click.option("--rate", "rates", multiple=True, metavar="CUR=USD", help="USD for one unit of a currency.")
@click.option("--leave-out", multiple=True, metavar="CHANNEL", help="Evidence not to use (repeatable).")
@click.option("--prior-only", is_flag=True, help="Use no evidence: shows the prior.")
@click.option("--active", type=QuantityType("param"), help="Active parameters that single-channel formulas assume.")
@click.option("--draws", type=int, default=16 * 65_536, show_default=True, help="Draws from the prior.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the random numbers.")
@click.option("-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="FILE.svg .png .html .csv .json")
@click.option(
    "--chart", type=click.Choice(["corner", "evidence"]), default="corner", show_default=True, help="What -o draws."
)
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(offer: str | None, as_json: bool, out: Path | None, **options: Any) -> int:
    """What public prices and speeds say of a model: by channel, and jointly with intervals that are calibrated.

    OFFER is an id of `tokenroof offers`, `market/MODEL` for the median host of open weights, a TOML file, or
    one sheet of it as FILE.toml#ID.

    \b
    tokenroof deduce google/gemini-3.1-pro-preview
    tokenroof deduce anthropic/claude-opus-4-7 -o corner.png
    tokenroof deduce --input 3 --output 15 --step 200K:2:1.5 --context 1M --speed 80
    tokenroof deduce --compare anthropic/claude-opus-5 anthropic/claude-haiku-5-5
    tokenroof deduce --validate
    """
    from tokenroof.cli import deduce_text

    chosen = [bool(offer), options["compare"] is not None, options["validating"], options["lecture"],
              options["price_in"] is not None or options["price_out"] is not None]  # fmt: skip
    if sum(chosen) != 1:
        raise InputError(
            "offer", offer, "one of OFFER, --input with --output, --compare, --validate, --lecture",
            "see tokenroof deduce --help",
        )  # fmt: skip
    if options["validating"]:
        return _validate(as_json)
    if options["lecture"]:
        from tokenroof.usecases.deduce_lecture import lecture_deductions

        rows = lecture_deductions()
        if as_json:
            echo_json(rows)
        else:
            deduce_text.show_lecture(rows)
        return 0
    from tokenroof.usecases.deduce import DeduceRequest, compare, deduce

    if out is not None:
        # found out before the work, not after
        if out.suffix.lower() not in (".svg", ".png", ".html", ".csv", ".json"):
            raise InputError("output file", str(out), "a file ending in .svg, .png, .html, .csv or .json")
        if not out.resolve().parent.is_dir():
            raise InputError("output file", str(out), "in a directory that exists")
    shared = {
        "rates": parse_rates(options["rates"]),
        "tokens_per_s": options["tokens_per_s"],
        "leave_out": options["leave_out"],
        "prior_only": options["prior_only"],
        "active_params": options["active"],
        "draws": options["draws"],
        "seed": options["seed"],
    }
    if options["compare"] is not None:
        if out is not None and out.suffix.lower() != ".json":
            raise InputError("output file", str(out), "a .json file for a comparison")
        both = compare(*(DeduceRequest(offer=name, **shared) for name in options["compare"]))
        answer: Any = both
        if not as_json:
            deduce_text.show_comparison(both)
    else:
        answer = deduce(DeduceRequest(offer=offer if offer else _from_flags(options), **shared))
        if not as_json:
            deduce_text.show_response(answer)
    if as_json:
        echo_json(answer)
    if out is not None:
        _save(answer, out, options["chart"])
    return 0
