"""A deployment of a plan run through the simulator: requests at random, or the load that was asked for."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.slo import Slo
from tokenroof.simulate.arrivals import closed_loop, synthetic, thinking
from tokenroof.simulate.binding import prefill_rules_of, prefill_table_of, rules_of, table_of, transfer_of
from tokenroof.simulate.disagg import Role, simulate_apart
from tokenroof.simulate.run import Outcome, simulate
from tokenroof.simulate.straight import straight
from tokenroof.types.latency import Latency
from tokenroof.types.workload import Load
from tokenroof.usecases.plan.answer import Simulated
from tokenroof.usecases.simulate.statistics import at_percentile, count, latency_of, overload_of

__all__ = ["Bench", "excess", "holds"]

_FULL = 2000  # requests of a run, at least: a tail of one in a hundred is then some twenty of them
_PIPELINE = 500  # and of pipelines, of which every step is followed
_SEED = 0
_MOST = 20_000
_UNITS = 16  # run side by side at most: each of a thousand sees what each of these does
_STAYS = 4.0  # a run lasts so many times a request's stay, and the first of them is left out
_WARMUP = 0.25
_SCREEN = 250  # a search has fewer, and half of the stays
_COSTS = (1, 12, 300)  # what a request costs to simulate: by the quick loop, by the general one, in pipelines
_SLACK = 1.0 + 1e-9


def holds(slo: Slo, run: Simulated) -> bool:
    """Whether a run is inside every limit."""
    return excess(slo, run) <= _SLACK


def excess(slo: Slo, run: Simulated) -> float:
    """The largest of what was seen over its limit; infinite for a run that is not sound."""
    if not run.sound:
        return float("inf")
    pairs = ((run.ttft_s, slo.ttft_s), (run.tpot_s, slo.tpot_s))
    return max(value / limit for value, limit in pairs if limit is not None)


@dataclass(slots=True, kw_only=True, eq=False)
class Bench:
    """A deployment with its step times and rules, ready to run under several loads and with several units.

    `spent` is what its runs took, in requests of a deployment that is quick to follow.
    """

    deployment: Deployment
    slo: Slo
    whole: Role
    prefill: Role | None
    spent: int = 0

    @classmethod
    def of(cls, deployment: Deployment, slo: Slo) -> "Bench":
        """Step times are tabulated here, once."""
        prefill, split = None, deployment.prefill_workers
        if split is not None:
            prefill = Role(
                times=prefill_table_of(deployment), rules=prefill_rules_of(deployment), replicas=split.workers
            )  # fmt: skip
        copies = 1 if split is None else split.decode_workers
        whole = Role(times=table_of(deployment), rules=rules_of(deployment), replicas=copies)
        return cls(deployment=deployment, slo=slo, whole=whole, prefill=prefill)

    def requests(self, in_system: float, *, screen: bool = False) -> int:
        """How many requests make up a run with so many in the system at once."""
        least = _FULL if self._kind < 2 else _PIPELINE
        stays, least = (0.5 * _STAYS, _SCREEN) if screen else (_STAYS, least)
        return int(min(max(stays * in_system, least), _MOST))

    @property
    def _kind(self) -> int:
        deployment, split = self.deployment, self.deployment.prefill_workers
        if max(deployment.layout.pp, 1 if split is None else split.layout.pp) > 1:
            return 2
        quick = split is None and deployment.layout.dp == 1 and straight(self.whole.times) is not None
        return 0 if quick and not deployment.scenario.drafts else 1

    def seen(self, load: Load, units: int, requests: int) -> Simulated:
        """What so many requests see under a load."""
        self.spent += requests * _COSTS[self._kind]
        outcome, closed = self._run(load, units, requests), load.kind != "request_rate"
        overloaded = not closed and overload_of(outcome) is not None
        ended = count(outcome, _WARMUP, overloaded, int(load.value) if load.kind == "users" else 0).ended
        ttft, tpot = outcome.ttft_s[ended], outcome.tpot_s[ended]
        nothing = Latency(mean=np.inf, p50=None, p90=None, p99=None)
        return Simulated(
            ttft=latency_of(ttft) or nothing, tpot=latency_of(tpot) or nothing,
            ttft_s=_at(ttft, self.slo.ttft_percentile), tpot_s=_at(tpot, self.slo.tpot_percentile),
            request_rate=None if closed else load.value, requests=requests, seed=_SEED,
            max_num_seqs=self.whole.rules.max_sequences, sound=bool(outcome.done.all()) and not overloaded,
        )  # fmt: skip

    def carries(self, load: Load, units: int, in_system: float) -> Simulated:
        """What requests see under a load with so many of them in the system; of a large one a part of the units run."""
        run = max(1, min(units, int(units * _MOST / (_STAYS * max(in_system, 1.0))), _UNITS))
        share = load.value * run / units
        part = replace(load, value=share if load.kind == "request_rate" else float(max(round(share), 1)))
        seen = self.seen(part, run, self.requests(in_system * run / units))
        return seen if run == units else replace(seen, units=run)

    def _run(self, load: Load, units: int, requests: int) -> Outcome:
        work = self.deployment.workload
        request_s = float(self.deployment.profile.outside_s(work.isl))
        lengths = {"isl": f"{work.isl:.0f}", "osl": f"{work.osl:.0f}"}
        loop: dict[str, Any] = {"think_s": request_s, "request_s": request_s}
        if load.kind == "request_rate":
            drawn = synthetic(requests, rate=load.value, seed=_SEED, **lengths)
        else:
            drawn = closed_loop(requests, seed=_SEED, **lengths)
            loop["concurrency"] = int(load.value)
            if load.kind == "users" and load.think_s > 0.0:
                loop["thinking"] = thinking(load.think_s, request_s, _SEED)
        whole = replace(self.whole, replicas=units * self.whole.replicas)
        if self.prefill is None:
            return simulate(drawn, whole.times, whole.rules, replicas=whole.replicas, **loop)
        prefill = replace(self.prefill, replicas=units * self.prefill.replicas)
        return simulate_apart(drawn, prefill, whole, transfer_of(self.deployment), **loop)


def _at(values: Any, percentile: float | None) -> float:
    """The percentile of what requests saw, or the mean; infinite where none ended."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("inf")
    return at_percentile(known, percentile)
