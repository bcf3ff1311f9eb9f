"""`tokenroof plan`: the best deployment under limits on latency, and why the others lose."""

import sys
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.options import model_argument, scenario_from, scenario_options, warn
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.progress import progress
from tokenroof.cli.render import echo_json, echo_page, note
from tokenroof.files import put
from tokenroof.present.json import dump
from tokenroof.present.output import CHARTS

__all__ = ["command"]


def _write(answer: Any, path: Path) -> None:
    ending = path.suffix.lower()
    if ending in (".md", ".txt"):
        from tokenroof.present.pages.plan import page_of

        write_outputs(answer, (path,), None, (), page_of(answer))
        return
    if ending.removeprefix(".") in CHARTS:
        from tokenroof.present.charts.plan import draw_plan

        draw_plan(answer, path)
    elif ending == ".csv":
        from tokenroof.usecases.plan.table import to_csv

        put(path, to_csv(answer))
    elif ending == ".json":
        put(path, dump(answer) + "\n")
    else:
        from tokenroof.usecases.plan.table import write_parquet

        write_parquet(answer, path)
    note(f"written to {path}")


@click.command("plan", short_help="The best deployment under limits on latency, and why the others lose.")
@model_argument
@scenario_options("batch", "replicas", "redundant_experts")
@click.option("--gpus", metavar="N", help="GPUs at hand. [default: the system's; with a load, as many as it takes]")
@click.option("--rent-by", metavar="N", help="GPUs that are rented at a time. [default: a whole machine]")
@click.option("--objective", metavar="WHAT", help="cost, throughput, latency or energy. [default: cost]")
@click.option("--confidence", metavar="P", help="Probability with which each limit is to hold. [default: 0.5]")
@click.option("--alternatives", metavar="N", help="How many of the next best to show. [default: 5]")
@click.option("--measured", type=click.Path(dir_okay=False), help="CSV of measured runs, drawn beside the frontier.")
@click.option("--full", is_flag=True, help="Memory, frontier, what was searched, commands of every engine.")
@explain_option("tpot_s, usd_per_mtok_all, of the winner")
@click.option(
    "-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE.csv, .json, .parquet, .svg, .png or .html. Repeatable.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")
def command(outputs: tuple[Path, ...], key: str | None, full: bool, as_json: bool, **options: Any) -> None:
    """The best deployment of MODEL under limits on latency: layout, formats, batch, aggregated or disaggregated.

    \b
    tokenroof plan deepseek-v3 --system gb200-nvl72 --ttft 1s --tpot 50ms
    tokenroof plan llama-3.1-70b --system 8xh100,8xh200,8xb200 --slo chat --request-rate 20
    tokenroof plan deepseek-r1 --system 8xh200 --ttft 2s --tpot 30ms --acceptance 0.8 -o plan.svg -o plan.csv

    Roles on GPUs of their own, held where they are named, on two kinds of GPU if you like:
    --prefill-layout tp4 --decode-layout tp4, --decode-system 8xh200.

    Limits hold on means, or on percentiles that are simulated: --ttft p99:2s --tpot p90:50ms, --slo p99:chat.

    Exit code 1 where nothing meets the limits, with the limit that binds and the nearest change.
    """  # fmt: skip
    from tokenroof.usecases.plan.run import PlanRequest, plan

    check_outputs(None, outputs, pages=True)
    with progress("simulate") as show:
        answer = plan(scenario_from(options, PlanRequest), show)
    if as_json or key is not None:  # the page says it itself
        warn(answer)
    for path in outputs:
        _write(answer, path)
    if key is not None and answer.winner is not None:
        echo_explanation("plan", answer, key, as_json)
    elif as_json:
        echo_json(answer)
    else:
        from tokenroof.present.pages.plan import page_of

        echo_page(page_of(answer), full)
    if answer.winner is None:
        sys.exit(1)
