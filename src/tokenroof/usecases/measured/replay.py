"""Logs of single requests: the run's own requests go through the simulator, and the means of both are compared.

The server stamped its times, so what a request costs outside of it (HTTP, tokeniser) is in neither.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tokenroof.errors import FileError, InputError
from tokenroof.measure.deployments import Deployments
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.requests import FloatArray, Requests
from tokenroof.simulate.run import simulate
from tokenroof.simulate.traces import read_trace
from tokenroof.simulate.traces.request_log import read_stamps
from tokenroof.types.run import Run
from tokenroof.types.served import Ranged
from tokenroof.usecases.measured.predict import in_unit, ranged_quantities

__all__ = ["replayed"]

_NAME = re.compile(r"(?:([1-9]\d{0,4})x)?(.+?)__(.+?)(?:__(\d+(?:\.\d+)+))?\.jsonl(?:\.gz)?", re.IGNORECASE)
_FORM = "HARDWARE__MODEL.jsonl or HARDWARE__MODEL__VERSION.jsonl, such as 2xh100__mixtral-8x7b__0.19.0.jsonl"
_UNITS = {"ttft_ms": "ms", "ttft_p50_ms": "ms", "tpot_ms": "ms", "e2e_latency_s": "s", "output_tok_s": "tok/s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Means of a run, as the serving formulas name them; `settled_ttft_s` is the median."""

    ttft_s: float
    settled_ttft_s: float
    tpot_s: float
    e2e_s: float
    requests_per_s: float
    decode_step_s: float

    @classmethod
    def of(cls, queued_s: FloatArray, first_s: FloatArray, end_s: FloatArray, osl: FloatArray) -> "_Seen":
        """From the times of each request. TPOT is the mean over requests of more than one token."""
        later = osl > 1
        tpot_s = float(np.mean((end_s - first_s)[later] / (osl[later] - 1))) if later.any() else 0.0
        ttft_s = first_s - queued_s
        return cls(
            ttft_s=float(ttft_s.mean()), settled_ttft_s=float(np.median(ttft_s)), tpot_s=tpot_s,
            e2e_s=float((end_s - queued_s).mean()), requests_per_s=len(osl) / float(end_s.max() - queued_s.min()),
            decode_step_s=tpot_s,
        )  # fmt: skip

    def value(self, metric: str, osl: float) -> float:
        """In the unit of the metric."""
        quantity, scale = METRICS[metric]
        named = {
            "ttft": self.ttft_s, "ttft_p50": self.settled_ttft_s, "tpot": self.tpot_s, "e2e": self.e2e_s,
            "output": self.requests_per_s * osl,
        }  # fmt: skip
        return named[quantity] * scale


def replayed(path: Path) -> Iterator[tuple[Run, Ranged | Skip]]:
    """Each metric of a log as a run, and what it should have been."""
    requests = read_trace(path, skip_bad=True)
    for fault in requests.faults:
        raise FileError(str(path), fault.line, fault.reason)  # means are of all of its requests or of none
    stamps = read_stamps(path)
    measured = _Seen.of(stamps.queued_s, stamps.first_s, stamps.end_s, stamps.osl)
    base = _run(path, requests)
    setup = setup_of(base)
    found = setup if isinstance(setup, Skip) else _simulated(setup, requests)
    for metric, unit in _UNITS.items():
        value = measured.value(metric, float(requests.osl.mean()))
        run = replace(base, row_id=f"{path.name}-{metric}", metric=metric, unit=unit, value=value)
        if value > 0.0:
            yield run, found if isinstance(found, Skip) else in_unit(found[METRICS[metric][0]], METRICS[metric][1])


def _run(path: Path, requests: Requests) -> Run:
    """The run of a log: machine, model and version are in its name, load and lengths are those of its requests."""
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise InputError(
            "file", path.name, "HARDWARE__MODEL.jsonl, such as 2xh100__mixtral-8x7b.jsonl", "rename the log"
        )
    gpus, hardware, model = int(name[1] or 1), name[2], name[3]
    return Run(
        row_id="", line=0, file=path.name, source="vLLM request log", date="", model=model, model_key="",
        hardware=hardware, hw_key="", num_gpus=gpus, tp=gpus, pp=1, ep=1, dp=1, weight_dtype="", kv_dtype="",
        engine="vLLM", engine_version=name[4] or "", mode="server", isl=float(requests.isl.mean()),
        osl=float(requests.osl.mean()), concurrency=None, request_rate=requests.mean_rate, load="",
        metric="ttft_ms", value=0.0, unit="ms", spec_decode="none", quality="A", split="",
        requests=float(len(requests)),
    )  # fmt: skip


def _simulated(setup: Setup, requests: Requests) -> dict[str, Ranged] | Skip:
    deployment, bound, timed = Deployments().of(setup)
    if deployment.room() < 1.0:
        return Skip("by our count it does not fit into memory")
    out = simulate(requests, table_of(deployment), rules_of(deployment))
    if out.rejected:
        return Skip("by our count a request of the log does not fit into memory")
    seen = _Seen.of(out.arrival_s, out.first_s, out.end_s, out.osl.astype(np.float64))
    return ranged_quantities(seen, deployment, bound, timed)
