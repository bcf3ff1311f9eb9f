"""Waiting for the train: the pass that leaves once per period."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Seconds
from tokenroof.xp import SCALAR, Namespace


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
