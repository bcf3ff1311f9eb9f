"""Which runs the quick loop (`alone`) takes, and whom each of its replicas is sent."""

import math
from collections.abc import Generator, Mapping, Sequence

import numpy as np

from tokenroof.simulate.alone import Carried, alone
from tokenroof.simulate.replica import Watcher
from tokenroof.simulate.requests import IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.straight import StraightTimes

__all__ = ["quick"]


_PAUSES = 256  # of several replicas, so that an interrupt finds all of them at about the same moment


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
    sent, runs = [], []
    pause_s = math.inf if replicas == 1 else max(requests.duration_s / _PAUSES, 1.0)
    for first in range(replicas):
        rows = np.arange(first, len(requests), replicas)
        rows = rows[held[rows]]
        arrival_s, isl, osl = (column[rows].tolist() for column in (requests.arrival_s, requests.isl, requests.osl))
        sent.append(rows)
        run = alone(
            arrival_s, isl, osl, times, rules, concurrency=concurrency, think_s=think_s, watch=watch, pause_s=pause_s
        )
        runs.append(run)
    return list(zip(sent, _side_by_side(runs), strict=True))


def _side_by_side(runs: Sequence[Generator[None, None, Carried]]) -> list[Carried]:
    """All runs to their ends, a pause of each at a time; where one is interrupted the others end where they are."""
    found: dict[int, Carried] = {}
    while len(found) < len(runs):
        for at, run in enumerate(runs):
            if at in found:
                continue
            try:
                next(run)
            except StopIteration as ended:
                found[at] = ended.value
        if any(one.stopped for one in found.values()):
            found |= _ended(runs, found)
    return [found[at] for at in range(len(runs))]


def _ended(runs: Sequence[Generator[None, None, Carried]], found: Mapping[int, Carried]) -> dict[int, Carried]:
    """Those that have not ended, interrupted at their next pause."""
    last: dict[int, Carried] = {}
    for at, run in enumerate(runs):
        try:
            if at not in found:
                next(run)
                run.throw(KeyboardInterrupt)
        except StopIteration as ended:
            last[at] = ended.value
    return last
