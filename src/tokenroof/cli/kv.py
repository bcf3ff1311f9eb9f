"""`tokenroof kv MODEL...`: what sequences keep and what a step reads, model beside model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import output_options, request_from, some_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

if TYPE_CHECKING:
    from tokenroof.usecases.listing.kv import KvRequest

__all__ = ["command"]


def _draw(request: "KvRequest", path: Path) -> None:
    from tokenroof.present.charts.kv import draw_kv

    draw_kv(request.models, request.kv_dtype, path)


@click.command("kv")
@click.argument("models", nargs=-1, required=True, shell_complete=complete_models)
@click.option("--context", default="8192,131072", show_default=True, help="Contexts in tokens, with commas: 8k,128Ki.")
@click.option("--kv-dtype", metavar="DTYPE", help="Format of the cache. [default: the engine's for each checkpoint]")
@some_options(
    "system", "tp", "weight_dtype", "engine", "engine_version", "memory_fraction", "max_num_seqs", "max_batched_tokens"
)
@click.option("--full", is_flag=True, help="The formula of every model, however many they are.")
@output_options
def command(full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Compare the KV cache of models; the formula is shown with its values.

    \b
    tokenroof kv deepseek-v3 llama-3.1-405b --context 8192,131072
    tokenroof kv qwen3-next-80b-a3b gpt-oss-120b -o kv.svg
    tokenroof kv llama-3.1-8b --system h100 --memory-fraction 0.95 --max-num-seqs 256
    """
    from tokenroof.present.pages.kv import page_of
    from tokenroof.usecases.listing.kv import KvRequest, compare_kv, kv_rows

    check_outputs(None, outputs, pages=True)
    request = request_from(options, KvRequest)
    answer = compare_kv(request)
    write_outputs(answer, outputs, partial(_draw, request), kv_rows(answer), page_of(answer))
    echo_json(answer) if as_json else echo_page(page_of(answer), full)
