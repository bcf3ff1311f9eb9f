"""`tokenroof trace FILE`: what a trace of requests is like, and what a prefix cache would find of it."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import output_options, request_from
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


_QUIET_S = 1.0  # of reading, before a line says how far it has come


@contextlib.contextmanager
def _reading() -> Iterator[Callable[[int], None] | None]:
    """How many requests have been read, on stderr where that is a terminal and the reading takes a while."""
    if not sys.stderr.isatty():
        yield None
        return
    started, shown = time.monotonic(), 0.0

    def show(rows: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - started > _QUIET_S and now - shown > _QUIET_S:
            shown = now
            click.echo(f"\r{rows:,} requests read", nl=False, err=True)

    try:
        yield show
    finally:
        if shown:
            click.echo("\r" + " " * 40 + "\r", nl=False, err=True)


@click.command("trace")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--columns", metavar="NAMES", help="Columns or keys: arrival=ts,isl=in,osl=out; arrival_ms=, session=.")
@click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be used, and count them.")
@click.option("--start", metavar="TIME", help="Only requests from then on, counted from the first: 10min.")
@click.option("--end", metavar="TIME", help="Only requests before then: 20min.")
@click.option("--scale", metavar="FACTOR", help="The same requests at so many times the rate: 2 halves every gap.")
@click.option("--model", metavar="MODEL", shell_complete=complete_models, help="Its KV in prefix caches of many sizes.")
@click.option(
    "--cache", metavar="SIZES", help="Sizes to try: 64GiB,1TiB, or with a tier, host-dram:256GiB. Needs --model."
)
@click.option("--kv-dtype", metavar="DTYPE", help="Format of the model's KV cache. [default: the engine's]")
@click.option("--full", is_flag=True, help="The stream window by window.")
@output_options
def command(full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Rate, bursts, lengths and shared prefixes of the requests in FILE.

    Reads Azure's and BurstGPT's CSV, Mooncake's and Qwen's JSON lines, detailed results of vLLM and SGLang benchmarks,
    request logs of vLLM, and any CSV or JSON lines with --columns; each plain or gzip. Shared prefixes need ids of
    prompt blocks, which Mooncake's and Qwen's files have.

    \b
    tokenroof trace AzureLLMInferenceTrace_conv.csv
    tokenroof trace mooncake_trace.jsonl --model llama-3.3-70b --cache 64GiB,1TiB
    tokenroof trace requests.csv.gz --columns arrival=ts,isl=in,osl=out -o trace.svg
    """
    from tokenroof.usecases.trace.caches import named_sizes
    from tokenroof.usecases.trace.run import TraceRequest, trace

    paths = check_outputs(None, outputs, pages=True)
    asked = request_from({**options, "cache": named_sizes(options["cache"])}, TraceRequest)
    with _reading() as show:
        answer = trace(asked, show)

    def chart(path: Path) -> None:
        from tokenroof.present.charts.trace import draw

        draw(answer, path)

    from tokenroof.present.pages.trace import page_of

    page = page_of(answer)
    write_outputs(answer, paths, chart, answer.windows, page)
    if as_json:
        echo_json(answer)
    else:
        echo_page(page, full)
