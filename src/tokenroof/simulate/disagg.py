"""Prefill and decode on replicas of their own, with each request's cache sent from the one to the other."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tokenroof.errors import InputError
from tokenroof.simulate.fleet import Pool
from tokenroof.simulate.replica import Replica, Watcher
from tokenroof.simulate.requests import IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Columns, Loop, Outcome, totals
from tokenroof.simulate.step_times import Work

__all__ = ["Apart", "Role", "simulate_apart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """`replicas` alike that prefill, or that decode: the seconds of a step and the scheduler of each."""

    times: Callable[[Sequence[Work]], float]
    rules: Rules
    replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Apart(Outcome):
    """`replica` is the one that decoded, `prefill_replica` the one that prefilled; sums are over both roles.

    `least_free_blocks` is that of the decode replicas.
    """

    prefill_replica: IntArray
    prefill_steps: int
    prefill_busy_s: float


def simulate_apart(
    requests: Requests,
    prefill: Role,
    decode: Role,
    transfer_s: Callable[[int], float],
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    router: str = "round-robin",
    request_s: float = 0.0,
    watch: Watcher | None = None,
) -> Apart:
    """As `simulate`, on two pools. `transfer_s` are the seconds in which the cache of a prompt of so many tokens is
    sent; `watch` sees the decode replicas.
    """
    for name, role in (("prefill", prefill), ("decode", decode)):
        if role.rules.policy == "static":
            raise InputError(
                f"{name} scheduler", "static", "mixed, prompts-first or train", "static batches do not move"
            )
        if role.replicas < 1:
            raise InputError(f"{name} replicas", role.replicas, "at least 1")
    if router == "prefix-aware":
        raise InputError("router", router, "round-robin or least-loaded", "workers apart keep no prefixes")
    columns = Columns(requests, closed=concurrency is not None)
    isl, osl, (started, first, end) = columns.isl, columns.osl, columns.moments
    loop = Loop(columns, concurrency, think_s)

    def sent_on(moment: float, request: int) -> None:
        if osl[request] == 1:
            end[request] = moment
            loop.ended(moment)
        else:
            assert loop.fleet is not None
            loop.fleet.expect(moment + transfer_s(isl[request]), 1, request)

    prompts_end = array("d", [-1.0]) * len(isl)
    fronts = [
        Replica(prefill.times, prefill.rules, isl, [1] * len(isl), started, first, prompts_end, ended=sent_on)  # type: ignore[arg-type]
        for _ in range(prefill.replicas)
    ]
    backs = [
        Replica(
            decode.times, decode.rules, isl, osl, started, first, end, ended=loop.ended, watch=watch, prefilled=True
        )
        for _ in range(decode.replicas)
    ]
    prefilled = array("q", [0]) * len(isl)
    stopped = loop.run([Pool(fronts, router, prefilled), Pool(backs, router, columns.placed)])
    front, both = totals(fronts), totals([*fronts, *backs])
    both["least_free_blocks"] = totals(backs)["least_free_blocks"]
    return Apart(
        **columns.seen(request_s, stopped), rejected=len(loop.rejected), **both, prefill_replica=np.array(prefilled),
        prefill_steps=front["steps"], prefill_busy_s=front["busy_s"],
    )  # fmt: skip
