"""`tokenroof runs`: what result files hold, as it is read."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import output_options, request_from, some_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("runs")
@click.argument("results", metavar="[RESULT...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", metavar="NAME", help="Format of the files. [default: found from each]")
@click.option("--server-cmd", metavar="COMMAND", help="Launch command or manifest of the server; read, never run.")
@click.option("--url", metavar="URL", help="A server whose metrics are read twice: http://127.0.0.1:8000/metrics")
@click.option("--interval", "interval_s", metavar="TIME", help="Time between two scrapes. [default with --url: 60s]")
@click.option("--model", metavar="MODEL", shell_complete=complete_models, help="The model that was served.")
@some_options(
    "system", "tp", "pp", "ep", "dp", "weight_dtype", "kv_dtype", "engine", "engine_version", "memory_fraction",
    "max_num_seqs", "max_batched_tokens", "drafts", "acceptance",
)  # fmt: skip
@click.option("--isl", metavar="TOKENS", help="Mean input tokens of a request, where no file says.")
@click.option("--osl", metavar="TOKENS", help="Mean output tokens of a request, where no file says.")
@click.option("--concurrency", metavar="N", help="Requests that the client kept in flight, where no file says.")
@click.option("--request-rate", metavar="PER_S", help="Requests a second that were asked for, where no file says.")
@click.option("--full", is_flag=True, help="Every run.")
@output_options
def command(results: tuple[Path, ...], full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """What do these result files say? Runs of any benchmark tool as one table, recomputed and with what is doubtful.

    RESULT is what a benchmark tool wrote, metrics of a server, what an engine printed at its start, or a table. -o
    writes the table that compare, calibrate and validate read.

    \b
    tokenroof runs examples/results/bench.json --system h100 --tp 1
    tokenroof runs examples/results/bench.json --server-cmd "vllm serve a/b" --system h100 -o table.csv
    """
    from tokenroof.present.pages.runs import page_of
    from tokenroof.usecases.runs.run import RunsRequest, runs
    from tokenroof.usecases.runs.table import rows_of

    check_outputs(None, outputs, pages=True, charts=False)
    answer = runs(request_from({**options, "results": [str(one) for one in results]}, RunsRequest))
    page = page_of(answer)
    write_outputs(answer, outputs, None, rows_of(answer), page)
    echo_json(answer) if as_json else echo_page(page, full)
