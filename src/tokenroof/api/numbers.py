"""How answers of `roofline`, `kv`, `train` and `deduce` look from Python."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Rows, View, explained

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
    from tokenroof.present.pages.kv import page_of

    return page_of(answer)


def _kv_draw(asked: "KvRequest", answer: Any, path: Path) -> None:
    from tokenroof.present.charts.kv import draw_kv

    draw_kv(asked.models, asked.kv_dtype, path)


def kv_view(asked: "KvRequest") -> View:
    """The chart is drawn from the models, not from the contexts that were asked for."""
    return View(
        kind="Kv", page=_kv_page, tables={"main": _kv_rows, "formula": _kv_terms}, draw=partial(_kv_draw, asked)
    )


def _train_page(answer: Any) -> "Page":
    from tokenroof.present.pages.train import page_of

    return page_of(answer)


def _train_draw(asked: "TrainRequest", answer: Any, path: Path) -> None:
    from tokenroof.present.charts.train import draw

    draw(answer, path, stages=asked.stages, chunks=asked.chunks)


def train_view(asked: "TrainRequest") -> View:
    """Tables of the bills and of the pipeline beside the two models."""
    return View(
        kind="Training", page=_train_page, draw=partial(_train_draw, asked), explain=explained("train"),
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
    kind="Deduction", page=_deduce_page, draw=_deduce_draw, explain=explained("deduce"),
    tables={
        "main": lambda answer: [asdict(one) for one in answer.estimates],
        "deductions": lambda answer: [asdict(one) for one in answer.deductions],
        "neighbours": lambda answer: [{"model": one.model, "level": one.level} for one in answer.neighbours],
    },
)  # fmt: skip
