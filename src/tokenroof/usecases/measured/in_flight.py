"""Little's law on measured closed loops: how many requests were in flight, beside how many the table says.

The requests in flight are those that come by the second times how long each stays. Where a run gives its throughput
both are measured. Where it gives only its latencies the law still says how many of those in flight were being
answered, and how many waited for their first token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tokenroof.measure.setups import METRICS
from tokenroof.types.run import Run

__all__ = ["FewInFlight", "InFlight", "few_in_flight"]

# The last clients of a run leave one by one: of ten requests each, lengths between nothing and twice the mean, 0.85 of
# them are there on average (the least of 21 public runs that state how many were). Fewer than this is no such drain.
_FEWEST = 0.8
_FEWEST_ANSWERED = 0.5
_LAST_KEPT = 4  # tables give the metrics of one run in rows one after the other
_CLOSED = ("server-closed-loop", "disaggregated")


@dataclass(frozen=True, slots=True, kw_only=True)
class FewInFlight:
    """A run with fewer requests than `stated`, so many `measured` in flight or, with `answered`, being answered."""

    file: str
    line: int
    what: str
    stated: float
    measured: float
    answered: bool


def _requests_per_s(run: Run, measured: Mapping[str, float]) -> float | None:
    isl, osl = run.isl or 0.0, run.osl or 0.0
    tokens = {"output": osl, "total": isl + osl, "input": isl}
    for name, each in tokens.items():
        if name in measured and each > 0.0:
            return measured[name] / each
    return None


def few_in_flight(run: Run, measured: Mapping[str, float]) -> FewInFlight | None:
    """The requests of a closed loop by its own numbers (quantities in SI), where they are far fewer than stated."""
    if run.mode not in _CLOSED or run.concurrency is None or run.osl is None or run.osl < 2.0:
        return None
    answer_s = measured["tpot"] * (run.osl - 1.0) if "tpot" in measured else None
    stay_s = measured.get("e2e")
    if stay_s is None and answer_s is not None and "ttft" in measured:
        stay_s = measured["ttft"] + answer_s
    if stay_s is None:
        return None
    rate = _requests_per_s(run, measured)
    if rate is not None and rate * stay_s < _FEWEST * run.concurrency:
        return _few(run, rate * stay_s, answered=False)
    if answer_s is not None and answer_s < _FEWEST_ANSWERED * stay_s:
        return _few(run, run.concurrency * answer_s / stay_s, answered=True)
    return None


def _few(run: Run, measured: float, *, answered: bool) -> FewInFlight:
    what = f"{run.model}, {run.num_gpus or '?'} x {run.hardware.removeprefix('NVIDIA ')}"
    assert run.concurrency is not None
    return FewInFlight(
        file=run.file, line=run.line, what=what, stated=run.concurrency, measured=measured, answered=answered
    )


@dataclass(slots=True)
class InFlight:
    """Gathers the metrics of each run as its rows go by."""

    _open: dict[Run, tuple[Run, dict[str, float]]] = field(default_factory=dict)

    def add(self, run: Run) -> Iterator[FewInFlight]:
        """One more row; yields what the runs that are complete by now say."""
        quantity, scale = METRICS[run.metric]
        same = replace(run, row_id="", line=0, metric="", value=0.0, unit="", note="")
        if same in self._open and quantity in self._open[same][1]:  # the same configuration, measured again
            yield from self._closed(same)
        while len(self._open) > _LAST_KEPT:
            yield from self._closed(next(iter(self._open)))
        gpus = run.num_gpus if quantity == "output_per_gpu" else 1
        if gpus:
            name = "output" if quantity == "output_per_gpu" else quantity
            self._open.setdefault(same, (run, {}))[1][name] = run.value / scale * gpus

    def rest(self) -> Iterator[FewInFlight]:
        """What the last runs say."""
        for same in list(self._open):
            yield from self._closed(same)

    def _closed(self, same: Run) -> Iterator[FewInFlight]:
        found = few_in_flight(*self._open.pop(same))
        if found is not None:
            yield found
