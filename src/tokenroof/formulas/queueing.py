"""Waiting: for the train, the pass that leaves once per period, and before several servers."""

from tokenroof.registry import formula
from tokenroof.types.quantities import AtLeastOne, Number, RequestsPerS, Seconds, SecondsPerRequest
from tokenroof.xp import SCALAR, Namespace

_NO_LIMIT = float("inf")


@formula(increasing=("period_s",))
def train_mean_wait_s(*, period_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Mean wait of a request that arrives at any moment for the next departure.

    Formula: period / 2
    Source: lecture 2.1, the train; uniform arrival within a period.
    """
    return period_s / 2.0


@formula(increasing=("period_s",))
def train_worst_wait_s(*, period_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Wait of a request that just missed a departure.

    Formula: period
    Source: lecture E11.
    """
    return 1.0 * period_s


@formula(increasing=("period_s",))
def train_worst_latency_s(*, period_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """Time from just missing a departure to the end of the next ride.

    Formula: 2 * period
    Source: lecture E11, vector R15; slip S9 leaves it out.
    """
    return 2.0 * period_s


@formula(increasing=("requests_per_s", "service_s", "arrival_cv", "service_cv"), decreasing=("servers",))
def many_servers_mean_wait_s(
    *,
    requests_per_s: RequestsPerS,
    service_s: SecondsPerRequest,
    servers: AtLeastOne,
    arrival_cv: Number,
    service_cv: Number,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Approximate mean wait before several equal servers; unlimited at saturation.

    Formula: (ca^2 + cs^2) / 2 * s / c * u ^ (sqrt(2 * (c + 1)) - 1) / (1 - u), u = lambda * s / c
    Source: Sakasegawa 1977 with Kingman's variability factor; exact for M/M/1.
    """
    use = requests_per_s * service_s / servers
    crowding = xp.power(xp.minimum(use, 1.0), xp.sqrt(2.0 * (servers + 1.0)) - 1.0)
    variability = (arrival_cv * arrival_cv + service_cv * service_cv) / 2.0
    one_service_s = service_s * xp.tag(1.0, "request") / servers
    return xp.ratio(variability * one_service_s * crowding, 1.0 - use, _NO_LIMIT)
