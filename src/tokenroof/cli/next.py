"""`tokenroof next`: what to measure."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.measured_options import file_options
from tokenroof.cli.options import model_argument, scenario_from, scenario_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("next")
@model_argument
@scenario_options("mode", "prefill_layout", "decode_layout", "prefill_workers", "decode_workers")
@click.option("--question", metavar="QUESTION", help="slo, better or gpus. [default: by what is given]")
@click.option("--against", metavar="SCENARIO", help="The other scenario: MODEL@SYSTEM,tp=8.")
@click.option("--tool", metavar="TOOL", help="Commands for vllm, sglang or guidellm. [default: vllm]")
@click.option("--runs", metavar="N", help="Most runs to propose. [default: 3]")
@click.option(
    "--results", multiple=True, type=click.Path(path_type=Path), help="A result that was made already. Repeatable."
)
@file_options
@click.option(
    "-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE.csv, .json, .parquet, .md, .txt or .html. Repeatable.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")
def command(results: tuple[Path, ...], outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Which few runs would settle it? Does this layout meet the SLO, is it better than another, how many GPUs?

    The runs that narrow the answer most for their GPU-minutes, as commands to paste. With --results: what they said.

    \b
    tokenroof next llama-3.3-70b --system 8xh100 --tp 4 --concurrency 128 --tpot 40ms
    tokenroof next llama-3.3-70b --system 8xh100 --tp 4 --concurrency 64 --against llama-3.3-70b@8xh100,tp=8
    tokenroof next llama-3.1-8b --system h100 --request-rate 40 --tpot 30ms --question gpus --tool guidellm
    """
    from dataclasses import asdict

    from tokenroof.present.pages.next import page_of
    from tokenroof.schema.other import other_of
    from tokenroof.usecases.next.run import NextRequest, next_runs

    check_outputs(None, outputs, pages=True, charts=False)
    request = scenario_from({**options, "results": [str(one) for one in results]}, NextRequest)
    answer = next_runs(request, other_of(request))
    page = page_of(answer)
    write_outputs(answer, outputs, None, [asdict(one) for one in answer.proposed], page)
    echo_json(answer) if as_json else echo_page(page)
