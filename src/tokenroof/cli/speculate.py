"""`tokenroof speculate`: speed-up of speculative decoding by batch and depth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.economics_options import refuse
from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.options import model_argument, output_options, scenario_from, scenario_options, warn
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import WHOLE, QuantityType, echo_json, echo_page
from tokenroof.cli.unused import refuse_unused
from tokenroof.present.json import finite_json
from tokenroof.types.scenario import APART

if TYPE_CHECKING:
    from tokenroof.usecases.money.speculate import SpeculateResponse

__all__ = ["command"]


def _rows(answer: "SpeculateResponse") -> list[dict[str, Any]]:
    """Every depth at every batch."""
    plain = [finite_json(row) for row in answer.rows]
    return [{"batch": row["batch"], "step_s": row["step_s"], **point} for row in plain for point in row["points"]]


def _list() -> None:
    from tokenroof.catalog.acceptance import acceptance_curves
    from tokenroof.present.pages.speculate import curves_page

    echo_page(curves_page(acceptance_curves()))


@click.command("speculate", short_help="Speculative decoding: speed-up by batch and depth.")
@model_argument
@scenario_options("mode", "batch", *APART)
@click.option("--measured", help="A measured acceptance curve: tokenroof speculate --list.")
@click.option("--draft", help="mtp, head (one more layer), or a model. [default: the model's MTP head]")
@click.option("--draft-cost", metavar="SHARE", help="Instead: a draft's step over the target's, 0 to 1.")
@click.option("--depth", "depths", type=WHOLE, multiple=True, help="Drafts in a verify step (repeatable).")
@click.option(
    "--batch",
    "batches",
    type=QuantityType("sequence"),
    multiple=True,
    help="Requests of one step of one replica (repeatable).",
)
@click.option("--list", "show_list", is_flag=True, help="List the measured acceptance curves.")
@click.option("--full", is_flag=True, help="Every depth at every batch.")
@explain_option("speedup, stops_at")
@output_options
def command(
    show_list: bool, full: bool, key: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any
) -> None:
    """How much faster MODEL decodes with drafts, and from which batch on it does not.

    \b
    tokenroof speculate deepseek-v3 --system 8xh200
    tokenroof speculate llama-3.1-70b --system 8xh100 --draft llama-3.1-8b --acceptance 0.8 -o spec.svg
    tokenroof speculate glm-5.2-fp8 --system 8xb200 --depth 1 --depth 3 --batch 64 --batch 512
    tokenroof speculate deepseek-r1 --system 8xh200 --batch 64 --explain speedup
    tokenroof speculate --list
    """
    if show_list:
        refuse_unused(False, "left out with --list, which shows measured curves", *options, "key")
        _list()
        return
    from tokenroof.present.pages.speculate import page_of
    from tokenroof.types.served import Infeasible
    from tokenroof.usecases.money.speculate import SpeculateRequest, speculate

    paths = check_outputs(None, outputs, pages=True)
    answer = speculate(scenario_from(options, SpeculateRequest))
    if isinstance(answer, Infeasible):
        refuse(answer, as_json)
    if as_json or key is not None:  # the page says it itself
        warn(answer)

    def chart(path: Path) -> None:
        from tokenroof.present.charts.speculate import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, _rows(answer), page_of(answer))
    if key is not None:
        echo_explanation("speculate", answer, key, as_json)
    elif as_json:
        echo_json(answer)
    else:
        echo_page(page_of(answer), full)
