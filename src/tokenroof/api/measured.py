"""`tokenroof.compare("bench.json", system="4xh100", tp=4)` and its like: answers that rest on one's own runs."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Answer, Rows, View
from tokenroof.api.asked import Name, name_of, request_of, scenario_request
from tokenroof.errors import InputTypeError
from tokenroof.types.scenario import Scenario

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["calibrate", "compare", "next"]


def _paths(results: Name | Sequence[Name]) -> list[str]:
    """One file or several, as the request has them."""
    several = [results] if isinstance(results, str | os.PathLike) else results
    if not isinstance(several, list | tuple):
        raise InputTypeError("results", results, "a path, or several")
    return [name_of("results", one) for one in several]


def _compare_page(answer: Any) -> "Page":
    from tokenroof.present.pages.compare import page_of

    return page_of(answer)


def _compare_rows(answer: Any) -> Rows:
    from tokenroof.usecases.compare.table import rows_of

    return rows_of(answer)


def _compare_parts(answer: Any) -> Rows:
    from tokenroof.usecases.compare.table import part_rows

    return part_rows(answer)


def _compare_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.compare import draw

    draw(answer, path)


COMPARISON = View(
    kind="Comparison", page=_compare_page, draw=_compare_draw, tables={"main": _compare_rows, "parts": _compare_parts}
)


def _calibrate_page(answer: Any) -> "Page":
    from tokenroof.present.pages.calibrate import page_of

    return page_of(answer)


def _calibrate_rows(answer: Any) -> Rows:
    from tokenroof.usecases.calibrate.table import rows_of

    return rows_of(answer)


def _calibrate_factors(answer: Any) -> Rows:
    from tokenroof.usecases.calibrate.table import factor_rows

    return factor_rows(answer)


CALIBRATION = View(
    kind="Calibration", page=_calibrate_page, tables={"main": _calibrate_rows, "factors": _calibrate_factors}
)


def calibrate(results: Name | Sequence[Name], **options: Any) -> Answer:
    """A profile fitted to one's own runs, with its error on runs left out; `save` names it for `profile=`."""
    from tokenroof.usecases.calibrate.answer import CalibrateRequest
    from tokenroof.usecases.calibrate.run import calibrate as run

    return Answer(run(request_of(CalibrateRequest, None, options, results=_paths(results))), CALIBRATION)


def compare(results: Name | Sequence[Name], **options: Any) -> Answer:
    """One's own runs beside predictions: ranges, MFU and MBU, and where the gap to the roof goes."""
    from tokenroof.usecases.compare.run import CompareRequest
    from tokenroof.usecases.compare.run import compare as run

    return Answer(run(request_of(CompareRequest, None, options, results=_paths(results))), COMPARISON)


def _next_page(answer: Any) -> "Page":
    from tokenroof.present.pages.next import page_of

    return page_of(answer)


def _next_rows(answer: Any) -> Rows:
    return [asdict(one) for one in answer.proposed]


NEXT = View(kind="Proposal", page=_next_page, tables={"main": _next_rows})


def next(model: Name | Scenario, system: Name | None = None, **options: Any) -> Answer:
    """The runs that narrow the answer of a question most for their GPU-minutes, and what `results` have settled."""
    from tokenroof.schema.other import other_of
    from tokenroof.usecases.next.run import NextRequest
    from tokenroof.usecases.next.run import next_runs as run

    results = options.pop("results", None)
    given = {} if results is None else {"results": _paths(results)}
    asked = scenario_request(NextRequest, model, system, {**options, **given})
    return Answer(run(asked, other_of(asked)), NEXT)
