"""The answer of `compare` as rows: one for each quantity of each run."""

from typing import Any

from tokenroof.usecases.compare.answer import CompareResponse

__all__ = ["part_rows", "rows_of"]


def rows_of(answer: CompareResponse) -> list[dict[str, Any]]:
    """Times in seconds, rates in tokens per second."""
    return [
        {
            "file": run.file, "line": run.line, "run": run.what, "load": run.load, "isl": run.isl, "osl": run.osl,
            "quantity": one.quantity, "measured": one.measured, "predicted": one.predicted.value,
            "low_80": one.predicted.low, "high_80": one.predicted.high, "bound": one.predicted.bound,
            "error": one.error, "verdict": one.verdict,
            "mfu": None if run.roofline is None else run.roofline.mfu,
            "mbu": None if run.roofline is None else run.roofline.mbu,
        }
        for run in answer.runs
        for one in run.numbers
    ]  # fmt: skip


def part_rows(answer: CompareResponse) -> list[dict[str, Any]]:
    """Pieces of the latencies of every run; those of one latency add up to what was measured."""
    return [
        {"file": run.file, "line": run.line, "latency": name, "part": part.name, "time_s": part.time_s,
         "evidence": part.evidence}
        for run in answer.runs
        for name, parts in (("tpot", run.tpot_parts), ("ttft", run.ttft_parts))
        for part in parts
    ]  # fmt: skip
