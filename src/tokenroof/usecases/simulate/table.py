"""One row a request, and one a window of time, for files and frames."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.statistics import met

__all__ = ["request_rows", "series_rows"]


def request_rows(answer: SimulateResponse) -> Iterator[dict[str, Any]]:
    """When each request arrived, began, had its first token and ended; empty where it did not."""
    outcome = answer.outcome
    limited = answer.slo_share is not None
    good = met(outcome, answer.deployment.limits)
    columns: dict[str, Any] = {
        "arrival_s": outcome.arrival_s, "isl": outcome.isl, "osl": outcome.osl, "replica": outcome.replica,
        "started_s": outcome.started_s, "first_token_s": outcome.first_s, "end_s": outcome.end_s,
        "ttft_s": outcome.ttft_s, "tpot_s": outcome.tpot_s, "e2e_s": outcome.e2e_s, "ended": outcome.done,
        "warmup": np.arange(len(outcome.isl)) < answer.warmup_requests,
    }  # fmt: skip
    if limited:
        columns["meets_slo"] = good
    cells = [column.tolist() for column in columns.values()]
    for number, row in enumerate(zip(*cells, strict=True)):
        yield {"request": number, **dict(zip(columns, row, strict=True))}


def series_rows(answer: SimulateResponse) -> Iterator[dict[str, Any]]:
    """The run over time."""
    series = answer.series
    columns = (series.busy, series.batch, series.kv_fill, series.running, series.waiting)
    for at, (busy, batch, kv_fill, running, waiting) in enumerate(zip(*columns, strict=True)):
        yield {
            "start_s": at * series.width_s, "busy": busy, "batch": batch, "kv_fill": kv_fill, "running": running,
            "waiting": waiting,
        }  # fmt: skip
