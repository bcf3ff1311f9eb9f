"""Loads that have to be solved for: users who come back, limits that are just met, and arrivals at equal times."""

from collections.abc import Callable
from dataclasses import replace

from tokenroof.serving.steady import ServingEstimate
from tokenroof.solve import falling_root

__all__ = ["SETTLED", "arriving_evenly", "fastest_inside", "loop_that_carries", "rate_of_users"]

SETTLED = 1e-7  # share by which a rate stays below what is served at most
_IDLE = 1e-4  # of the highest rate: at so little a request meets nobody
_LONG_S = 1e6
_STEP = 4.0


def rate_of_users(
    users: float, think_s: float, quickest_s: float, full_s: float, most: float, e2e_s: Callable[[float], float]
) -> float:
    """Requests/s of so many users, each of whom comes back after `think_s`: N / (think + E2E).

    The higher the rate the longer they wait, so the two meet once. `quickest_s` is a request alone, `full_s` one in a
    full server; where they would ask for more than `most` requests/s even so, it is `most`.
    """

    def more(rate: float) -> float:
        return users / (think_s + min(e2e_s(rate), _LONG_S)) / rate - 1.0

    if users / (think_s + full_s) >= most:
        return most
    asked = users / (think_s + quickest_s)
    highest = min(asked, most * (1.0 - SETTLED))
    if more(highest) >= 0.0:
        return most if most < asked else highest
    return float(falling_root(more, highest * _IDLE, highest))


def fastest_inside(spare: Callable[[float], float], top: float) -> float:
    """The highest rate up to `top` with a `spare` (falling with the rate) that is not below 0; 0 where none has."""
    rate = float(falling_root(spare, top * _IDLE, top))
    return rate if spare(rate) >= 0.0 else 0.0


def arriving_evenly(
    random: ServingEstimate, closed: Callable[[float], ServingEstimate], rate: float
) -> ServingEstimate:
    """What requests see that arrive at equal times and find always as many inside: the loop that carries this rate.

    `random` is what they would see at random times; what the server does in all is the same.
    """
    loop = loop_that_carries(closed, lambda served, held: rate / served, max(4.0 * float(random.in_flight), 4.0))
    return replace(
        random, ttft_s=loop.ttft_s, settled_ttft_s=loop.settled_ttft_s, tpot_s=loop.tpot_s, e2e_s=loop.e2e_s,
        in_flight=rate * loop.e2e_s, prefill_share=loop.prefill_share, decode_step_s=loop.decode_step_s,
    )  # fmt: skip


def loop_that_carries(
    closed: Callable[[float], ServingEstimate], asked: Callable[[float, float], float], top: float
) -> ServingEstimate:
    """The closed loop of so many requests, up to `top`, that carries what is asked of it, by Little's law.

    `asked` is the load over what a loop of this rate and this many requests carries. Saturated where none suffices.
    """

    def lacking(held: float) -> float:
        return asked(float(closed(held).requests_per_s), held) - 1.0

    high = 1.0
    while lacking(high) > 0.0:
        if high >= top:
            return replace(closed(high), saturated=True)
        high = min(_STEP * high, top)
    held = max(falling_root(lacking, high / _STEP, high), 1.0)
    found = closed(held)
    if held > 1.0:
        return found
    part = 1.0 + min(lacking(held), 0.0)  # less than one at once: as quick as one, but seldom
    return replace(
        found, requests_per_s=found.requests_per_s * part, output_tokens_per_s=found.output_tokens_per_s * part,
        total_tokens_per_s=found.total_tokens_per_s * part,
    )  # fmt: skip
