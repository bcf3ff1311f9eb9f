"""What a busy GPU-hour costs its owner."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Fraction, UsdPerGpuS
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("usd_per_gpu_s",), decreasing=("duty_cycle",))
def busy_usd_per_gpu_s(*, usd_per_gpu_s: UsdPerGpuS, duty_cycle: Fraction, xp: Namespace = SCALAR) -> UsdPerGpuS:
    """Price of a second that does work, when every second is paid for.

    Formula: price / d
    Source: definition of the duty cycle.
    """
    return usd_per_gpu_s / duty_cycle
