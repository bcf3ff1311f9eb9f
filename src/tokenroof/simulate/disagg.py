"""Prefill and decode on replicas of their own, with each request's cache sent from the one to the other."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tokenroof.errors import InputError
from tokenroof.simulate.fleet import Pool
from tokenroof.simulate.replica import Replica, Watcher
from tokenroof.simulate.requests import FloatArray, IntArray, Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Columns, Loop, Outcome, Tiers, cache_rules, check_router, keeping, known, totals
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

    `least_free_blocks` is that of the decode replicas. A prompt has ended at `prefilled_s`, its cache has arrived at
    the decode replica at `sent_s` and it first decodes at `joined_s`: NaN for answers of one token. Decode replicas
    answer, as those of vLLM, SGLang and TensorRT-LLM do: the first token is seen when a request joins them.
    """

    prefill_replica: IntArray
    prefill_steps: int
    prefill_busy_s: float
    prefilled_s: FloatArray
    sent_s: FloatArray
    joined_s: FloatArray

    @property
    def taken_s(self) -> FloatArray:
        """When each left the last queue that it stood in."""
        return np.where(np.isnan(self.sent_s), self.started_s, self.joined_s)


def simulate_apart(
    requests: Requests,
    prefill: Role,
    decode: Role,
    transfer_s: Callable[[int], float],
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    thinking: Callable[[], float] | None = None,
    router: str = "round-robin",
    request_s: float | FloatArray = 0.0,
    watch: Watcher | None = None,
    watch_prefill: Watcher | None = None,
    cache: Tiers | None = None,
) -> Apart:
    """As `simulate`, on two pools. `transfer_s` are the seconds in which the cache of a prompt of so many tokens is
    sent, all of it, whatever the prefill replicas found of it in a `cache`; `watch` sees the decode replicas.
    """
    for name, role in (("prefill", prefill), ("decode", decode)):
        if role.rules.policy == "static":
            raise InputError(
                f"{name} scheduler", "static", "mixed, prompts-first or train", "static batches do not move"
            )
        if role.replicas < 1:
            raise InputError(f"{name} replicas", role.replicas, "at least 1")
    front_rules, keeps = prefill.rules, None
    if cache is not None:
        front_rules, keeps = cache_rules(requests, front_rules), keeping(requests, cache)
    check_router(router, keeps)
    columns = Columns(requests, closed=concurrency is not None)
    isl, osl, (started, first, end) = columns.isl, columns.osl, columns.moments
    sent, joined, prompts_end = (array("d", [-1.0]) * len(isl) for _ in range(3))
    loop = Loop(columns, concurrency, think_s, thinking)

    def sent_on(moment: float, request: int) -> None:
        if osl[request] == 1:
            end[request] = moment
            loop.ended(moment)
        else:
            assert loop.fleet is not None
            sent[request] = moment + transfer_s(isl[request])
            loop.fleet.expect(sent[request], 1, request)

    fronts = [
        Replica(
            prefill.times, front_rules, isl, [1] * len(isl), started, first, prompts_end,  # type: ignore[arg-type]
            ended=sent_on, watch=watch_prefill, cache=keeps,
        )
        for _ in range(prefill.replicas)
    ]  # fmt: skip
    backs = [
        Replica(
            decode.times, decode.rules, isl, osl, joined, first, end,  # type: ignore[arg-type]
            ended=loop.ended, watch=watch, prefilled=True,
        )
        for _ in range(decode.replicas)
    ]  # fmt: skip
    prefilled = array("q", [0]) * len(isl)
    stopped = loop.run([Pool(fronts, router, prefilled), Pool(backs, router, columns.placed)])
    front, both = totals(fronts), totals([*fronts, *backs])
    both["least_free_blocks"] = totals(backs)["least_free_blocks"]
    seen, prefilled_s, joined_s = columns.seen(request_s, stopped), known(first), known(joined)
    seen["first_s"] = np.where(requests.osl > 1, joined_s + request_s, seen["first_s"])
    return Apart(
        **seen, rejected=len(loop.rejected), **both, prefill_replica=np.array(prefilled),
        prefill_steps=front["steps"], prefill_busy_s=front["busy_s"], prefilled_s=prefilled_s, sent_s=known(sent),
        joined_s=joined_s,
        cached_tokens=() if keeps is None else tuple(np.array(column) for column in keeps.found),
    )  # fmt: skip
