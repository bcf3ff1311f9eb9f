"""From machine time to prices: what a request costs, whose tokens carry it, and what idle hours do to both.

`busy_s` is time of the whole system that a request keeps busy. `duty_cycle` is mean load over the load the
machines are sized for: idle hours are paid by the tokens of busy ones.
"""

from typing import Annotated, Any

from tokenroof.registry import formula
from tokenroof.types.quantities import Fraction, Number, RequestsPerS, Seconds, Tokens, Usd, UsdPerS, UsdPerToken
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, Namespace

UsdPerRequest = Annotated[Any, Quantity("USD/request", 1e-9, 1e3)]


@formula(increasing=("usd_per_s", "busy_s"), decreasing=("duty_cycle",))
def request_cost_usd(*, usd_per_s: UsdPerS, busy_s: Seconds, duty_cycle: Fraction, xp: Namespace = SCALAR) -> Usd:
    """Cost of one request.

    Formula: price * t / d
    Source: lecture E5 for a whole request; the duty cycle is the ratio of DeepSeek's mean to peak nodes, day 6.
    """
    return usd_per_s * busy_s / duty_cycle


@formula(increasing=("request_usd", "share"), decreasing=("tokens",))
def allocated_usd_per_token(
    *, request_usd: Usd, share: Fraction, tokens: Tokens, xp: Namespace = SCALAR
) -> UsdPerToken:
    """Cost of one token of a kind that carries a share of its request's cost.

    Formula: cost * share / n
    Source: definition; the share is of time, of arithmetic, or all on output.
    """
    return request_usd * share / tokens


@formula(decreasing=("prefill_s", "decode_s"))
def requests_per_s(*, prefill_s: Seconds, decode_s: Seconds, xp: Namespace = SCALAR) -> RequestsPerS:
    """Requests that a system completes in a second when prefill and decode take turns, or share machines as needed.

    Formula: 1 / (t_prefill + t_decode), each the time of the whole system for one request
    Source: DeepSeek's inference system overview, day 6: prefill and decode nodes in proportion to their time (DS5).
    """
    return xp.tag(1.0, "request") / (prefill_s + decode_s)


@formula(increasing=("usd_per_s",), decreasing=("requests_per_s", "usd_per_request"))
def break_even_duty_cycle(
    *, usd_per_s: UsdPerS, requests_per_s: RequestsPerS, usd_per_request: UsdPerRequest, xp: Namespace = SCALAR
) -> Number:
    """Duty cycle from which a machine costs less than the API bill for the same requests; above 1 it never does.

    Formula: d = price / (r * p), r the requests it completes in a second when busy, p the bill for one
    Source: price = d * r * p.
    """
    return usd_per_s / (requests_per_s * usd_per_request)


@formula(decreasing=("duty_cycle",))
def full_share_discount(*, duty_cycle: Fraction, xp: Namespace = SCALAR) -> Fraction:
    """Discount at which work that fills idle hours still pays for all the machine time it takes.

    Formula: 1 - d
    Source: machine time at full load over its price at this load; half off, as batch modes sell, is half idle.
    """
    return 1.0 - duty_cycle


@formula(decreasing=("duty_cycle",), increasing=("off_peak_share",))
def peak_over_off_peak(*, duty_cycle: Fraction, off_peak_share: Fraction, xp: Namespace = SCALAR) -> Number:
    """Peak price over off-peak price when off-peak tokens pay for their machine time only and peak tokens for the rest.

    Formula: (1 / d - s) / (1 - s), s the share of tokens sold off peak
    Source: peak-load pricing: capacity is charged to the hours that it is built for (Boiteux 1949).
    """
    return (1.0 / duty_cycle - off_peak_share) / (1.0 - off_peak_share)
