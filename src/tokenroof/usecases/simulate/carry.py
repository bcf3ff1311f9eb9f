"""A run itself: the requests through the replicas, or through prefill and decode workers, and what is seen of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenroof.simulate.arrivals import thinking
from tokenroof.simulate.binding import prefill_rules_of, prefill_table_of, table_of, transfer_of
from tokenroof.simulate.disagg import Role, simulate_apart
from tokenroof.simulate.run import Outcome
from tokenroof.simulate.run import simulate as follow
from tokenroof.usecases.simulate.recorder import Recorder
from tokenroof.usecases.simulate.setup import Setup

__all__ = ["Ran", "carry", "outside_s"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ran:
    """What requests saw, and the machine over time; where prefill has workers of its own they have a `prefill`."""

    outcome: Outcome
    recorder: Recorder
    prefill: Recorder | None


def outside_s(setup: Setup) -> Any:
    """Seconds that each request spends outside of the steps. In a closed loop it is the mean time, which the next one
    waits for: so there are never more requests than the loop has.
    """
    profile = setup.deployment.profile
    if setup.concurrency is None:
        return profile.outside_s(setup.requests.isl)
    return float(profile.outside_s(setup.deployment.workload.isl))


def carry(setup: Setup, on_tokens: Callable[[int], None] | None) -> Ran:
    """Run the requests. In a closed loop the next request waits for all of an answer, its time outside steps too."""
    request_s, seed = outside_s(setup), setup.request.seed
    mean_s = float(np.mean(request_s))
    recorder = Recorder(setup.rules.blocks, on_tokens)
    prefill = Recorder(setup.rules.blocks) if setup.deployment.disaggregated else None
    loop = {
        "concurrency": setup.concurrency, "think_s": mean_s, "router": setup.request.router, "request_s": request_s,
        "thinking": thinking(setup.think_s, mean_s, seed) if setup.think_s > 0.0 else None,
        "cache": None if setup.kept is None else setup.kept.tiers, "watch": recorder,
    }  # fmt: skip
    if prefill is None:
        outcome = follow(
            setup.requests, table_of(setup.deployment), setup.rules, replicas=setup.deployment.replicas,
            **loop,
        )  # fmt: skip
    else:
        outcome = simulate_apart(
            setup.requests, *_roles(setup), transfer_of(setup.deployment), watch_prefill=prefill,
            **loop,
        )  # fmt: skip
        prefill.flush()
    recorder.flush()
    return Ran(outcome=outcome, recorder=recorder, prefill=prefill)


def _roles(setup: Setup) -> tuple[Role, Role]:
    """Workers of all units: any that prefills may send to any that decodes."""
    deployment, split = setup.deployment, setup.deployment.prefill_workers
    assert split is not None
    units = deployment.replicas
    return (
        Role(times=prefill_table_of(deployment), rules=prefill_rules_of(deployment), replicas=units * split.workers),
        Role(times=table_of(deployment), rules=setup.rules, replicas=units * split.decode_workers),
    )
