"""`tokenroof kv MODEL...`: what sequences keep and what a step reads, model beside model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.model import print_formula
from tokenroof.cli.options import output_options, request_from
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.units import format_bytes, format_si

if TYPE_CHECKING:
    from tokenroof.usecases.listing.kv import KvRequest

__all__ = ["command"]


def _draw(request: "KvRequest", path: Path) -> None:
    from tokenroof.present.charts.kv import draw_kv

    draw_kv(request.models, request.kv_dtype, path)


@click.command("kv")
@click.argument("models", nargs=-1, required=True, shell_complete=complete_models)
@click.option("--context", default="8192,131072", show_default=True, help="Contexts in tokens, with commas: 8k,128Ki.")
@click.option("--kv-dtype", default="bf16", show_default=True, help="Format of the cache.")
@output_options
def command(outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Compare the KV cache of models; the formula is shown with its values.

    \b
    tokenroof kv deepseek-v3 llama-3.1-405b --context 8192,131072
    tokenroof kv qwen3-next-80b-a3b gpt-oss-120b -o kv.svg
    """
    from tokenroof.usecases.listing.kv import KvRequest, compare_kv, kv_rows

    check_outputs(None, outputs)
    request = request_from(options, KvRequest)
    answer = compare_kv(request)
    write_outputs(answer, outputs, partial(_draw, request), kv_rows(answer))
    if as_json:
        echo_json(answer)
        return
    for kv in answer.models:
        heading(f"{kv.id}   {kv.name}")
        print_formula(kv)
        click.echo()
    columns = ["model", "B/token", "state"]
    for tokens in answer.contexts:
        columns += [f"kept at {tokens:,}", f"read at {tokens:,}"]
    rows = []
    for kv in answer.models:
        cells = [kv.id, f"{kv.bytes_per_token:,.6g}", format_si(kv.state_bytes_per_sequence, "B")]
        for at in kv.contexts:
            mark = " *" if at.beyond_config else ""
            cells += [format_bytes(at.stored_bytes) + mark, format_bytes(at.read_bytes_per_step)]
        rows.append(cells)
    print_table(columns, rows, right=tuple(range(1, len(columns))))
    note(f"one sequence, {answer.kv_dtype} entries; kept and read leave the recurrent state out")
    if any(at.beyond_config for kv in answer.models for at in kv.contexts):
        note("* longer than the config allows")
    for kv in answer.models:
        for text in kv.warnings:
            note(f"warning: {kv.id}: {text}")
