"""How answers of `roofline`, `kv`, `train` and `deduce` look from Python."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Rows, View

if TYPE_CHECKING:
    from tokenroof.present.page import Page
    from tokenroof.usecases.analyze.closed_form import RooflineRequest
    from tokenroof.usecases.listing.kv import KvRequest
    from tokenroof.usecases.train.run import TrainRequest

__all__ = ["DEDUCTION", "kv_view", "roofline_view", "train_view"]


def _one_row(answer: Any) -> Rows:
    return [asdict(answer)]


def roofline_view(asked: "RooflineRequest") -> View:
    """The page says what was asked for too."""
    from tokenroof.present.pages.roofline import page_of

    return View(kind="Roofline", page=partial(page_of, asked), tables={"main": _one_row})


def _kv_rows(answer: Any) -> Rows:
    from tokenroof.usecases.listing.kv import kv_rows

    return [asdict(row) for row in kv_rows(answer)]


def _kv_terms(answer: Any) -> Rows:
    return [{"model": kv.id, **asdict(term)} for kv in answer.models for term in kv.terms]


def _kv_page(answer: Any) -> "Page":
    from tokenroof.present.page import Page, Table, numbers, words
    from tokenroof.units import format_bytes, format_si

    rows = [
        (kv.id, f"{at.context:,}", format_bytes(at.stored_bytes), format_bytes(at.read_bytes_per_step))
        for kv in answer.models
        for at in kv.contexts
    ]
    each = [f"{kv.name} {format_si(kv.bytes_per_token, 'B')} a token" for kv in answer.models]
    return Page(
        title="", kind="Kv", brief=[f"{kv.id}" for kv in answer.models],
        sentence=f"KV cache, {answer.kv_dtype}: {', '.join(each)}.",
        blocks=[
            Table(
                name="main", title="One request", rows=rows,
                columns=(words("model"), numbers("context"), numbers("kept"), numbers("read by a step")),
            )
        ],
    )  # fmt: skip


def _kv_draw(asked: "KvRequest", answer: Any, path: Path) -> None:
    from tokenroof.present.charts.kv import draw_kv

    draw_kv(asked.models, asked.kv_dtype, path)


def kv_view(asked: "KvRequest") -> View:
    """The chart is drawn from the models, not from the contexts that were asked for."""
    return View(
        kind="Kv", page=_kv_page, tables={"main": _kv_rows, "formula": _kv_terms}, draw=partial(_kv_draw, asked)
    )


def _train_page(answer: Any) -> "Page":
    from tokenroof.present.page import KeyValues, Page

    best, equal = answer.optimum, answer.equal

    def size(params: float, tokens: float, loss: float) -> str:
        return f"{params / 1e9:,.4g} B active parameters, {tokens / 1e12:,.4g} T tokens, loss {loss:.4f}"

    pairs = [
        ("least cost", size(best.params, best.tokens, best.loss)),
        ("without serving", size(best.alone_params, best.alone_tokens, best.loss)),
        (f"split {':'.join(f'{part:g}' for part in answer.split)}",
         size(equal.params, equal.pretrain_tokens, equal.loss)),
        *((bill.name, f"{bill.gpu_hours:,.4g} GPU-hours, ${bill.usd:,.0f}") for bill in answer.bills),
    ]  # fmt: skip
    return Page(
        title="", kind="Training", brief=() if answer.model is None else (answer.model,),
        sentence=(
            f"Trained and served at the least cost for its loss: {best.params / 1e9:,.4g} B active parameters on "
            f"{best.tokens / 1e12:,.4g} T tokens, {best.overtraining:,.3g} times what training alone asks for."
        ),
        blocks=[KeyValues(title="Models of one loss, and of equal cost", pairs=pairs, name="main")],
        defaults=[f"{one.field} {one.value}: {one.reason}" for one in answer.defaults],
    )  # fmt: skip


def _train_draw(asked: "TrainRequest", answer: Any, path: Path) -> None:
    from tokenroof.present.charts.train import draw

    draw(answer, path, stages=asked.stages, chunks=asked.chunks)


def train_view(asked: "TrainRequest") -> View:
    """Tables of the bills and of the pipeline beside the two models."""
    return View(
        kind="Training", page=_train_page, draw=partial(_train_draw, asked),
        tables={
            "main": lambda answer: [asdict(answer.optimum)], "split": lambda answer: [asdict(answer.equal)],
            "bills": lambda answer: [asdict(one) for one in answer.bills],
            "bubbles": lambda answer: [asdict(one) for one in answer.bubbles],
        },
    )  # fmt: skip


def _deduce_page(answer: Any) -> "Page":
    from tokenroof.present.pages.deduce import page_of

    return page_of(answer)


def _deduce_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.deduce import draw_corner

    draw_corner(answer, path)


DEDUCTION = View(
    kind="Deduction", page=_deduce_page, draw=_deduce_draw,
    tables={
        "main": lambda answer: [asdict(one) for one in answer.estimates],
        "deductions": lambda answer: [asdict(one) for one in answer.deductions],
        "neighbours": lambda answer: [{"model": one.model, "level": one.level} for one in answer.neighbours],
    },
)  # fmt: skip
