"""One row a request, and one a window of time, for files and frames."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tokenroof.simulate.disagg import Apart
from tokenroof.types.columns import Columns
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.statistics import met

__all__ = ["load_rows", "main_rows", "request_columns", "series_rows"]


def request_columns(answer: SimulateResponse) -> Columns:
    """When each request arrived, began, had its first token and ended; empty where it did not."""
    outcome = answer.outcome
    limited = answer.slo_share is not None
    good = met(outcome, answer.deployment.limits)
    columns: dict[str, Any] = {
        "request": np.arange(len(outcome.isl)),
        "arrival_s": outcome.arrival_s, "isl": outcome.isl, "osl": outcome.osl, "replica": outcome.replica,
        "started_s": outcome.started_s, "first_token_s": outcome.first_s, "end_s": outcome.end_s,
        "ttft_s": outcome.ttft_s, "tpot_s": outcome.tpot_s, "e2e_s": outcome.e2e_s, "ended": outcome.done,
        "warmup": np.arange(len(outcome.isl)) < answer.warmup_requests,
    }  # fmt: skip
    if isinstance(outcome, Apart):
        columns |= {
            "prefill_replica": outcome.prefill_replica, "prefilled_s": outcome.prefilled_s, "sent_s": outcome.sent_s,
            "joined_s": outcome.joined_s,
        }  # fmt: skip
    if outcome.cached_tokens:
        columns["cached_tokens"] = np.sum(outcome.cached_tokens, axis=0)
    if limited:
        columns["meets_slo"] = good
    return Columns(columns)


def load_rows(answer: SimulateResponse) -> Iterator[dict[str, Any]]:
    """One row a rate, or a seed."""
    for one in answer.loads or answer.repeats:
        row: dict[str, Any] = {"seed": one.seed, "request_rate": one.request_rate, "requests_per_s": one.requests_per_s}
        for name, spread in (("ttft", one.ttft), ("tpot", one.tpot), ("e2e", one.e2e)):
            for which in ("mean", "p50", "p90", "p99"):
                row[f"{name}_{which}_s"] = None if spread is None else getattr(spread, which)
        yield row | {
            "slo_share": one.slo_share, "goodput": one.goodput,
            "output_tokens_per_s_per_gpu": one.output_tokens_per_s_per_gpu, "batch": one.batch, "kv_fill": one.kv_fill,
            "cache_hit_rate": one.cache_hit_rate, "overloaded": one.overloaded,
        }  # fmt: skip


def main_rows(answer: SimulateResponse) -> Columns | list[dict[str, Any]]:
    """What a table of the answer has: a row a request, or a row a rate or a seed where there are several."""
    return list(load_rows(answer)) if answer.loads or answer.repeats else request_columns(answer)


def series_rows(answer: SimulateResponse) -> Iterator[dict[str, Any]]:
    """The run over time."""
    series = answer.series
    columns = (series.busy, series.batch, series.kv_fill, series.running, series.waiting)
    for at, (busy, batch, kv_fill, running, waiting) in enumerate(zip(*columns, strict=True)):
        yield {
            "start_s": at * series.width_s, "busy": busy, "batch": batch, "kv_fill": kv_fill, "running": running,
            "waiting": waiting,
        }  # fmt: skip
