"""Waiting: the batch that has to fill, traffic against machines, and textbook queues."""

from tokenroof.registry import formula
from tokenroof.types.quantities import (
    Number,
    Requests,
    RequestsPerS,
    Seconds,
    SecondsPerRequest,
    Sequences,
    SequencesPerS,
    TokensPerS,
)
from tokenroof.xp import SCALAR, Namespace, Num

_NO_LIMIT = float("inf")


@formula(increasing=("period_s",))
def train_mean_latency_s(*, period_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Mean time from arrival to the end of the first ride.

    Formula: 1.5 * period
    Source: lecture 2.1, the train: half a period of waiting, one of riding.
    """
    return 1.5 * period_s


@formula(increasing=("batch",), decreasing=("arrivals_per_s",))
def batch_fill_time_s(*, batch: Sequences, arrivals_per_s: SequencesPerS, xp: Namespace = SCALAR) -> Seconds:
    """Time that new sequences need to fill a batch once.

    Formula: B / lambda
    Source: lecture 2.1; arrivals at a constant rate.
    """
    return batch / arrivals_per_s


@formula(increasing=("batch",), decreasing=("residence_s",))
def arrivals_to_hold_batch(*, batch: Sequences, residence_s: Seconds, xp: Namespace = SCALAR) -> SequencesPerS:
    """Arrival rate that keeps a batch full when each sequence stays `residence_s`.

    Formula: lambda = B / R
    Source: Little 1961.
    """
    return batch / residence_s


@formula(increasing=("arrivals_per_s", "residence_s"))
def sequences_in_system(*, arrivals_per_s: SequencesPerS, residence_s: Seconds, xp: Namespace = SCALAR) -> Sequences:
    """Mean number of sequences present.

    Formula: L = lambda * R
    Source: Little 1961.
    """
    return arrivals_per_s * residence_s


@formula(increasing=("batch", "think_s"), decreasing=("active_s",))
def users_to_fill_batch(*, batch: Sequences, active_s: Seconds, think_s: Seconds, xp: Namespace = SCALAR) -> Sequences:
    """Users who keep a batch full on average when each generates for `active_s`, then pauses for `think_s`.

    Formula: B * (active + think) / active
    Source: Little 1961 for a closed population; the lecture's 2,000 users never pause.
    """
    return batch * (active_s + think_s) / active_s


@formula(increasing=("traffic_tokens_per_s",), decreasing=("system_tokens_per_s",))
def systems_for_traffic(
    *, traffic_tokens_per_s: TokensPerS, system_tokens_per_s: TokensPerS, xp: Namespace = SCALAR
) -> Number:
    """How many systems a traffic keeps busy; its inverse is one system's share.

    Formula: traffic / system throughput
    Source: lecture W4: one thousandth of Gemini's traffic per system.
    """
    return traffic_tokens_per_s / system_tokens_per_s


@formula(increasing=("requests_per_s", "service_s"))
def offered_load(*, requests_per_s: RequestsPerS, service_s: SecondsPerRequest, xp: Namespace = SCALAR) -> Number:
    """Servers kept busy on average.

    Formula: a = lambda * s
    Source: Erlang 1917.
    """
    return requests_per_s * service_s


@formula(increasing=("requests_per_s", "service_s"))
def md1_mean_wait_s(*, requests_per_s: RequestsPerS, service_s: SecondsPerRequest, xp: Namespace = SCALAR) -> Seconds:
    """Mean wait before one server with constant service time; unlimited at saturation.

    Formula: a * s / (2 * (1 - a)), a = lambda * s
    Source: Pollaczek and Khinchine; M/D/1.
    """
    load = requests_per_s * service_s
    return xp.ratio(load * service_s * xp.tag(1.0, "request"), 2.0 * (1.0 - load), _NO_LIMIT)


@formula(increasing=("requests_per_s", "service_s"))
def mm1_mean_wait_s(*, requests_per_s: RequestsPerS, service_s: SecondsPerRequest, xp: Namespace = SCALAR) -> Seconds:
    """Mean wait before one server with exponential service time; unlimited at saturation.

    Formula: a * s / (1 - a), a = lambda * s
    Source: Erlang 1917; M/M/1.
    """
    load = requests_per_s * service_s
    return xp.ratio(load * service_s * xp.tag(1.0, "request"), 1.0 - load, _NO_LIMIT)


@formula(increasing=("requests_per_s", "residence_s"))
def requests_in_system(*, requests_per_s: RequestsPerS, residence_s: Seconds, xp: Namespace = SCALAR) -> Requests:
    """Mean number of requests present.

    Formula: L = lambda * R
    Source: Little 1961.
    """
    return requests_per_s * residence_s


def erlang_c(*, servers: int, load: Num, xp: Namespace = SCALAR) -> Num:
    """Probability that an arrival waits in M/M/c with `load` Erlangs; 1 from saturation on.

    Exact, by the stable recursion over the number of servers, hence not a registered formula.
    """
    blocked: Num = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    use = load / servers
    return xp.minimum(1.0, xp.ratio(blocked, 1.0 - use * (1.0 - blocked), 1.0))


def mmc_mean_wait_s(*, servers: int, requests_per_s: Num, service_s: Num, xp: Namespace = SCALAR) -> Num:
    """Mean wait of M/M/c: C(c, a) * s / (c - a); unlimited at saturation."""
    load = requests_per_s * service_s
    waits = erlang_c(servers=servers, load=load, xp=xp)
    return xp.ratio(waits * service_s, servers - load, _NO_LIMIT)
