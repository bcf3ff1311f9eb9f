"""What a deployment under a load should measure: every quantity that published tables report, in SI."""

from dataclasses import dataclass
from typing import Any

from tokenroof.operators.timing import Timed
from tokenroof.serving.batch import static_batch
from tokenroof.serving.steady import ServingEstimate, serve, serve_open, serve_saturated
from tokenroof.types.engine import Scheduler
from tokenroof.types.machine import System
from tokenroof.types.program import Num

__all__ = ["Load", "quantities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Numbers or arrays. `load`: concurrency (closed), batch (batch), requests/s (open); unused offline."""

    kind: str
    isl: Num
    osl: Num
    load: Num
    prefix: Num = 0.0
    range_ratio: float = 1.0
    requests: Num = None
    memory_fraction: float | None = None


def _of_service(found: ServingEstimate, gpus: int) -> dict[str, Num]:
    return {
        "tpot": found.tpot_s, "ttft": found.ttft_s, "ttft_p50": found.settled_ttft_s, "e2e": found.e2e_s,
        "output": found.output_tokens_per_s, "output_per_gpu": found.output_tokens_per_s / gpus,
        "total": found.total_tokens_per_s, "input": found.total_tokens_per_s - found.output_tokens_per_s,
    }  # fmt: skip


def quantities(timed: Timed, system: System, scheduler: Scheduler, load: Load) -> dict[str, Num]:
    """tpot, ttft, ttft_p50, e2e (seconds), output, total, input (tokens/s), output_per_gpu."""
    gpus = timed.program.layout.n_gpus
    room: dict[str, Any] = {"memory_fraction": load.memory_fraction, "prefix": load.prefix}
    if load.kind == "batch":
        found = static_batch(timed, scheduler, batch=load.load, isl=load.isl, osl=load.osl, prefix=load.prefix)
        rate = found.output_tokens_per_s
        return {
            "tpot": found.step_s, "ttft": found.prefill_s, "ttft_p50": found.prefill_s, "e2e": found.e2e_s,
            "output": rate, "output_per_gpu": rate / gpus, "total": rate * (load.isl + load.osl) / load.osl,
            "input": load.load * load.isl / found.prefill_s, "decode": load.load / found.step_s,
        }  # fmt: skip
    if load.kind == "offline":
        saturated = serve_saturated(timed, system, scheduler, isl=load.isl, osl=load.osl, **room)
        return _of_service(saturated, gpus)
    if load.kind == "open":
        opened = serve_open(
            timed, system, scheduler, rate=load.load, isl=load.isl, osl=load.osl, requests=load.requests, **room
        )
        return _of_service(opened, gpus)
    closed = serve(
        timed, system, scheduler, concurrency=load.load, isl=load.isl, osl=load.osl, requests=load.requests,
        range_ratio=load.range_ratio, **room,
    )  # fmt: skip
    return _of_service(closed, gpus)
