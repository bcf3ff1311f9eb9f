"""The answer of `runs` as the tidy table that every verb on measured runs reads: a row for each metric of a run."""

from typing import Any

from tokenroof.measure.benchmarks import runs_of
from tokenroof.measure.importers.tidy import row_of
from tokenroof.usecases.runs.answer import RunsResponse

__all__ = ["rows_of"]


def rows_of(answer: RunsResponse) -> list[dict[str, Any]]:
    """Rows in the units of the table: ms, s, tokens per second."""
    return [row_of(run) for one in answer.runs for run in runs_of(one.source)]
