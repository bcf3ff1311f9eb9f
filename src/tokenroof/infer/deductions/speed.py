"""A measured output speed, and how many bytes a token can have read."""

from tokenroof.infer.deductions.base import LOWER, UPPER, Deduction, Machine
from tokenroof.infer.evidence import Evidence

__all__ = ["NODE_CHIPS", "SPEED_GAIN", "active_from_speed", "bandwidth_from_speed"]

NODE_CHIPS = 8
_LEAST_WIDTH = 0.5625  # NVFP4 with scales: the narrowest weights in wide use
SPEED_GAIN = 2.0  # tokens per pass with speculation: upper end of what is published


def active_from_speed(evidence: Evidence, machine: Machine) -> Deduction | None:
    """Largest number of active parameters that a speed allows on one node.

    Formula: A <= n W g / (w v), n chips, g tokens per pass, v the speed
    Direction: upper bound: KV cache, networks and launches take time too.
    """
    if evidence.tokens_per_s is None:
        return None
    high = NODE_CHIPS * machine.bytes_per_s * SPEED_GAIN / (_LEAST_WIDTH * evidence.tokens_per_s)
    return Deduction(
        name="output speed",
        channel="output_speed",
        quantity="active parameters",
        unit="param",
        direction=UPPER,
        low=None,
        point=None,
        high=high,
        formula="A <= n W g / (w v)",
        inputs={"tokens_per_s": evidence.tokens_per_s, "chips": NODE_CHIPS, "tokens_per_pass": SPEED_GAIN},
        calibration="a bound of physics for this machine",
        caveat="a larger domain (72 chips) allows 9 times as many",
    )


def bandwidth_from_speed(evidence: Evidence, active_params: float) -> Deduction | None:
    """Least memory bandwidth behind a speed.

    Formula: W >= A w v / g
    Direction: lower bound.
    """
    if evidence.tokens_per_s is None:
        return None
    low = active_params * _LEAST_WIDTH * evidence.tokens_per_s / SPEED_GAIN
    return Deduction(
        name="bandwidth behind the speed",
        channel="output_speed",
        quantity="memory bandwidth",
        unit="B/s",
        direction=LOWER,
        low=low,
        point=None,
        high=None,
        formula="W >= A w v / g",
        inputs={"tokens_per_s": evidence.tokens_per_s, "active_params": active_params},
        calibration="a bound of physics for this many active parameters",
        caveat="weights only",
    )
