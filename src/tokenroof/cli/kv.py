"""`tokenroof kv MODEL...`: what sequences keep and what a step reads, model beside model."""

from pathlib import Path

import click

from tokenroof.cli.model import print_formula
from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.errors import InputError
from tokenroof.units import format_bytes, format_si

__all__ = ["command"]


def _contexts(text: str) -> tuple[int, ...]:
    values = []
    for part in text.split(","):
        plain = part.strip().replace("_", "")
        if not (plain.isascii() and plain.isdigit() and len(plain) <= 12):
            raise InputError("--context", part.strip(), "token counts with commas between them, such as 8192,131072")
        values.append(int(plain))
    return tuple(values)


@click.command("kv")
@click.argument("models", nargs=-1, required=True)
@click.option("--context", default="8192,131072", show_default=True, help="Contexts in tokens, with commas.")
@click.option("--kv-dtype", default="bf16", show_default=True, help="Format of the cache.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw bytes kept against context: svg, png or html.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(models: tuple[str, ...], context: str, kv_dtype: str, plot: Path | None, as_json: bool) -> None:
    """Compare the KV cache of models; the formula is shown with its values.

    \b
    tokenroof kv deepseek-v3 llama-3.1-405b --context 8192,131072
    tokenroof kv qwen3-next-80b-a3b gpt-oss-120b --plot kv.svg
    """
    from tokenroof.usecases.listing.kv import KvRequest, compare_kv

    answer = compare_kv(KvRequest(models=models, contexts=_contexts(context), kv_dtype=kv_dtype))
    if plot is not None:
        from tokenroof.present.charts.kv import draw_kv

        draw_kv(models, kv_dtype, plot)
        note(f"written: {plot}")
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
    note(f"one sequence, {kv_dtype} entries; kept and read leave the recurrent state out")
    if any(at.beyond_config for kv in answer.models for at in kv.contexts):
        note("* longer than the config allows")
    for kv in answer.models:
        for text in kv.warnings:
            note(f"warning: {kv.id}: {text}")
