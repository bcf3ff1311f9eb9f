"""The page of one model: its size, layers, parameters by part, stored formats, and its KV cache."""

from collections.abc import Iterable

from tokenroof.present.asked import ask
from tokenroof.present.numbers import BYTES, PARAMS, count, percent, quantity
from tokenroof.present.page import REMARK, Block, KeyValues, Lines, Page, Remark, Table, numbers, warning, words
from tokenroof.present.pages.kv import formula_lines
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.analyze.sentence import bare_name
from tokenroof.usecases.listing.models import ModelView

__all__ = ["page_of"]


def _sentence(view: ModelView) -> str:
    row = view.row
    active = "" if row.active_params == row.total_params else f", {quantity(row.active_params, PARAMS)} active"
    return (
        f"{bare_name(row.name)} has {quantity(row.total_params, PARAMS)} parameters{active} in "
        f"{counted(row.layers, 'layer')}: {quantity(row.weight_bytes, BYTES)} of weights, and "
        f"{quantity(view.kv.bytes_per_token, BYTES)} of KV cache a token."
    )


def _shape(view: ModelView) -> tuple[str, ...]:
    tied = ("tied embeddings",) if view.tied_embeddings else ()
    return (
        view.row.id, view.row.name, f"hidden {count(view.hidden)}", f"vocabulary {count(view.vocab)}", *tied,
    )  # fmt: skip


def _layers(view: ModelView) -> Table:
    rows = [
        (
            row.layers, str(row.count), row.attention, row.geometry, row.ffn, quantity(row.params, PARAMS),
            quantity(row.kv_bytes_per_token, BYTES),
        )
        for row in view.layer_rows
    ]  # fmt: skip
    heads = (
        words(), numbers("n"), words("attention"), words("geometry"), words("feed-forward"), numbers("each"),
        numbers("KV a token"),
    )  # fmt: skip
    return Table(name="main", title="Layers", columns=heads, rows=rows)


def _parts(view: ModelView) -> Table:
    total = view.row.total_params
    rows = [
        (one.part, f"{one.total:,}", percent(one.total / total, decimals=1), f"{one.active:,.0f}") for one in view.parts
    ]
    rows.append(("total", f"{total:,}", "", f"{view.active.with_embeddings:,.0f}"))
    heads = map(numbers, ("all", "share", "active per token"))
    return Table(name="parts", title="Parameters", columns=(words(), *heads), rows=rows)


def _weights(view: ModelView) -> Table:
    rows = [(one.weight_class, f"{one.params:,}", one.formats, quantity(one.bytes, BYTES)) for one in view.weights]
    rows.append(("all", f"{view.row.total_params:,}", "", quantity(view.row.weight_bytes, BYTES)))
    heads = (words(), numbers("parameters"), words("format"), numbers("size"))
    return Table(name="weights", title="Stored weights", columns=heads, rows=rows, full=True)


def _contexts(view: ModelView) -> Table:
    rows = [
        (
            count(at.context), quantity(at.stored_bytes, BYTES), quantity(at.read_bytes_per_step, BYTES),
            "beyond the config" if at.beyond_config else "",
        )
        for at in view.kv.contexts
    ]  # fmt: skip
    heads = (numbers("context"), numbers("kept"), numbers("read per step"), words(drop=REMARK))
    return Table(name="contexts", title="One sequence", columns=heads, rows=rows)


def _beside(view: ModelView) -> list[Block]:
    """What is not in the total, or published otherwise."""
    pairs: list[tuple[str, ...]] = []
    if view.row.active_params != view.row.total_params:
        without = quantity(view.active.without_input_embedding, PARAMS)
        pairs.append(("active without the input table", without))
        pairs.append(("active without embeddings", quantity(view.active.without_embeddings, PARAMS)))
    if view.mtp_layers:
        what = counted(view.mtp_layers, "multi-token-prediction layer")
        pairs.append((what, quantity(view.mtp_params, PARAMS), "not in the total"))
    if view.vision_params:
        pairs.append(("vision tower", quantity(view.vision_params, PARAMS), "not in the total"))
    for key, fact in view.facts.items():
        shown = quantity(fact.value, PARAMS) if fact.unit == "param" else f"{fact.value:,.0f} {fact.unit}"
        pairs.append((key.replace("_", " "), shown, f"{fact.source}, {fact.grade.value}"))
    return [KeyValues(title="Beside the total", pairs=pairs, name="beside", full=True)] if pairs else []


def _also(view: ModelView) -> Iterable[tuple[str, str]]:
    if view.source:
        dated = f", {view.as_of}" if view.as_of else ""
        yield "Source", f"{view.source}{dated}, grade {view.row.grade}"
    if view.row.licence:
        yield "Licence", f"of the weights: {view.row.licence}"


def _remarks(view: ModelView) -> tuple[Remark, ...]:
    return tuple(map(warning, view.warnings))


def page_of(view: ModelView) -> Page:
    """One model."""
    formula = Lines(title=f"KV cache, {view.kv.kv_dtype} entries", lines=formula_lines(view.kv))
    return Page(
        title=view.row.id, kind="Model", sentence=_sentence(view), remarks=_remarks(view), scenario_label="Model",
        scenario=_shape(view),
        blocks=[_layers(view), _parts(view), _weights(view), formula, _contexts(view), *_beside(view)],
        also=tuple(_also(view)),
        next=("`full`: formats", ask("analyze", view.row.id, system="8xh100"), ask("kv", view.row.id)),
    )  # fmt: skip
