"""`tokenroof model MODEL`: layers, parameters by part, stored formats, the KV formula with values in it."""

from typing import TYPE_CHECKING

import click

from tokenroof.cli.models import billions
from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.units import format_bytes, format_si

if TYPE_CHECKING:
    from tokenroof.usecases.listing.kv import ModelKv
    from tokenroof.usecases.listing.models import ModelView

__all__ = ["command", "print_formula", "print_model"]


def _size(value: float) -> str:
    """Bytes, exact while they are few."""
    return f"{value:,.6g} B" if value < 1e6 else format_si(value, "B", 4)


def print_formula(kv: "ModelKv") -> None:
    """The KV formula of a model: one line per kind of layer, then the sum."""
    for term in kv.terms:
        if term.bytes_per_token:
            click.echo(f"  {term.kind}: {term.formula}")
            click.echo(f"    = {term.substituted} = {_size(term.bytes_per_token)}/token")
        if term.state_bytes:
            click.echo(
                f"  {term.kind}: {term.layers} layers keep {_size(term.state_bytes)} per sequence, whatever its length"
            )
        if not term.bytes_per_token and not term.state_bytes:
            click.echo(f"  {term.kind}: {term.layers} layers keep nothing")
        if term.note:
            click.echo(f"    {term.note}")
    click.echo(f"  sum: {_size(kv.bytes_per_token)}/token")
    if kv.growth_bytes_per_token != kv.bytes_per_token:
        click.echo(f"  once every window is full: {_size(kv.growth_bytes_per_token)}/token")


def _layers(view: "ModelView") -> None:
    rows = (
        [
            row.layers,
            str(row.count),
            row.attention,
            row.geometry,
            row.ffn,
            format_si(row.params, "", 4),
            f"{row.kv_bytes_per_token:,.6g}",
        ]
        for row in view.layer_rows
    )
    columns = ("layers", "n", "attention", "geometry", "feed-forward", "params each", "KV B/token")
    print_table(columns, rows, right=(1, 5, 6), title="Layers")


def _parts(view: "ModelView") -> None:
    total = view.row.total_params
    rows = [[p.part, f"{p.total:,}", f"{p.total / total:.1%}", f"{p.active:,.0f}"] for p in view.parts]
    rows.append(["total", f"{total:,}", "", f"{view.active.with_embeddings:,.0f}"])
    print_table(("part", "parameters", "share", "active per token"), rows, right=(1, 2, 3), title="Parameters")


def _weights(view: "ModelView") -> None:
    rows = [[w.weight_class, f"{w.params:,}", w.formats, format_si(w.bytes, "B", 4)] for w in view.weights]
    rows.append(["all", f"{view.row.total_params:,}", "", format_si(view.row.weight_bytes, "B", 4)])
    print_table(("class", "parameters", "format", "bytes"), rows, right=(1, 3), title="Stored weights")


def _contexts(view: "ModelView") -> None:
    rows = []
    for at in view.kv.contexts:
        remark = "beyond the config" if at.beyond_config else ""
        kept, read = format_bytes(at.stored_bytes), format_bytes(at.read_bytes_per_step)
        rows.append([f"{at.context:,}", kept, read, remark])
    print_table(("context", "kept", "read per step", ""), rows, right=(0, 1, 2))


def print_model(view: "ModelView") -> None:
    """The whole page."""
    row = view.row
    heading(f"{row.id}   {row.name}")
    shape = f"{row.layers} layers, hidden {view.hidden:,}, vocabulary {view.vocab:,}"
    tied = ", tied embeddings" if view.tied_embeddings else ""
    click.echo(f"  {billions(row.total_params)} parameters, {shape}{tied}")
    if row.active_params != row.total_params:
        both, one, neither = (
            view.active.with_embeddings,
            view.active.without_input_embedding,
            view.active.without_embeddings,
        )
        click.echo(
            f"  active per token: {billions(both)} with both embeddings, {billions(one)} without the input table,"
        )
        click.echo(f"  {billions(neither)} without either")
    if view.mtp_layers:
        click.echo(
            f"  {view.mtp_layers} multi-token-prediction layer(s), {billions(view.mtp_params)}, not in the total"
        )
    if view.vision_params:
        click.echo(f"  vision tower {billions(view.vision_params)}, not in the total")
    for key, fact in view.facts.items():
        text = billions(fact.value) if fact.unit == "param" else f"{fact.value:,.0f} {fact.unit}"
        click.echo(f"  {key.replace('_', ' ')}: {text} ({fact.source}, {fact.grade.value})")
    click.echo()
    _layers(view)
    click.echo()
    _parts(view)
    click.echo()
    _weights(view)
    click.echo()
    heading(f"KV cache, {view.kv.kv_dtype} entries")
    print_formula(view.kv)
    click.echo()
    _contexts(view)
    if view.source:
        note(f"source: {view.source}" + (f", {view.as_of}" if view.as_of else "") + f", grade {row.grade}")
    if row.licence:
        note(f"licence of the weights: {row.licence}")
    for text in view.warnings:
        note(f"warning: {text}")


@click.command("model")
@click.argument("model")
@click.option("--kv-dtype", default="bf16", show_default=True, help="Format of the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(model: str, kv_dtype: str, as_json: bool) -> None:
    """Show one model: an id, a Hugging Face id of the catalogue, or the path of a config.json.

    \b
    tokenroof model deepseek-v3
    tokenroof model ./config.json --kv-dtype fp8
    """
    from tokenroof.usecases.listing.models import show_model

    view = show_model(model, kv_dtype=kv_dtype)
    if as_json:
        echo_json(view)
    else:
        print_model(view)
