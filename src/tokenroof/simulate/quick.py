"""Which runs the quick loop (`alone`) takes, and whom each of its replicas is sent."""

import numpy as np

from tokenroof.simulate.alone import Carried, alone
from tokenroof.simulate.replica import Watcher
from tokenroof.simulate.requests import IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.straight import StraightTimes

__all__ = ["quick"]


def quick(
    requests: Requests,
    times: StraightTimes | None,
    rules: Rules,
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    replicas: int = 1,
    router: str = "round-robin",
    watch: Watcher | None = None,
) -> list[tuple[IntArray, Carried]] | None:
    """By replica, the rows of the requests that it was sent and could hold, and what became of them.

    None where it takes the general loop: ranks, lanes or replicas that depend on each other, step times that are not
    straight, schedulers that work by batches or periods, and closed loops in which a request is rejected.
    """
    if times is None or rules.policy not in ("mixed", "prompts-first") or rules.ranks > 1 or len(rules.stages) > 1:
        return None
    if rules.drafts:
        return None
    most = requests.isl + requests.osl - (rules.reserve == "pages")
    held = -(-most // rules.block_tokens) <= rules.blocks
    if concurrency is not None and (replicas > 1 or not held.all()):
        return None
    if replicas > 1 and router != "round-robin":
        return None
    parts = []
    for first in range(replicas):
        rows = np.arange(first, len(requests), replicas)
        rows = rows[held[rows]]
        arrival_s, isl, osl = (column[rows].tolist() for column in (requests.arrival_s, requests.isl, requests.osl))
        one = alone(arrival_s, isl, osl, times, rules, concurrency=concurrency, think_s=think_s, watch=watch)
        parts.append((rows, one))
        if one.stopped:
            break
    return parts
