"""`tokenroof.runs("bench.json", system="h100")`: what result files hold, as it is read."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Answer, Rows, View
from tokenroof.api.asked import Name, name_of, request_of
from tokenroof.errors import InputTypeError

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["runs"]


def _page(answer: Any) -> "Page":
    from tokenroof.present.pages.runs import page_of

    return page_of(answer)


def _rows(answer: Any) -> Rows:
    from tokenroof.usecases.runs.table import rows_of

    return rows_of(answer)


RUNS = View(kind="Runs", page=_page, tables={"main": _rows})


def runs(results: Name | Sequence[Name] = (), **options: Any) -> Answer:
    """Runs of result files of any benchmark tool, recomputed, with what is doubtful and what nobody said."""
    from tokenroof.usecases.runs.run import RunsRequest
    from tokenroof.usecases.runs.run import runs as run

    several = [results] if isinstance(results, str | os.PathLike) else results
    if not isinstance(several, list | tuple):
        raise InputTypeError("results", results, "a path, or several")
    paths = [name_of("results", one) for one in several]
    return Answer(run(request_of(RunsRequest, None, options, results=paths)), RUNS)
