"""The quantities that published tables report, read off what a deployment does under a load, in SI."""

from typing import Protocol

from tokenroof.types.program import Num
from tokenroof.types.workload import Load, Workload

__all__ = ["Means", "as_counted", "quantities"]


class Means(Protocol):
    """Means over requests, as Served, ServingEstimate and Bounds give them. Numbers or arrays."""

    @property
    def ttft_s(self) -> Num: ...
    @property
    def settled_ttft_s(self) -> Num: ...
    @property
    def tpot_s(self) -> Num: ...
    @property
    def e2e_s(self) -> Num: ...
    @property
    def requests_per_s(self) -> Num: ...
    @property
    def decode_step_s(self) -> Num: ...


def quantities(found: Means, work: Workload, load: Load, gpus: int) -> dict[str, Num]:
    """tpot, ttft, ttft_p50, e2e (seconds), output, total, input (tokens/s), output and input by GPU.

    Tables of static batches time their phases apart: input counts prefill alone. Where one part alone was timed, rates
    count its tokens and its time: a batch that is answered yields a token a request each TPOT.
    """
    times = {"tpot": found.tpot_s, "ttft": found.ttft_s, "ttft_p50": found.settled_ttft_s, "e2e": found.e2e_s}
    rates = {"output": found.requests_per_s * work.osl, "input": found.requests_per_s * work.isl}
    if load.kind == "static":
        rates["input"] = load.value * work.isl / found.ttft_s
    rates["total"] = found.requests_per_s * (work.isl + work.osl)
    if load.part == "decode":
        rates = dict.fromkeys(("output", "total"), load.value / found.tpot_s)
    elif load.part == "prefill":
        rates = dict.fromkeys(("input", "total"), rates["input"])
    each = {f"{name}_per_gpu": rates[name] / gpus for name in ("output", "input") if name in rates}
    return times | rates | each


def as_counted(named: dict[str, Num], generated: float, counted: float) -> dict[str, Num]:
    """The same as a client gives them that counted `counted` of the `generated` tokens of an answer (each above 1)."""
    share = counted / generated
    scale = {"tpot": (generated - 1.0) / (counted - 1.0), "output": share, "output_per_gpu": share}
    return {name: value * scale.get(name, 1.0) for name, value in named.items() if name != "total"}
