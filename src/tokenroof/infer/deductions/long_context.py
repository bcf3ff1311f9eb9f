"""A long-context step, or its absence, and the bytes of cache a token takes (lecture section 5.1)."""

import math
from typing import Any

from tokenroof.formulas.price_sheets import kv_bytes_per_token_at_crossing, least_knee_context
from tokenroof.infer.deductions.base import LOWER, UPPER, Deduction, Machine
from tokenroof.infer.evidence import Evidence

__all__ = ["FLAT_BIAS", "THRESHOLD_BIAS", "kv_from_flat_price", "kv_from_step"]

# true over deduced KV bytes, H100 at 16 bit, on the ladders of the snapshot whose model is known: factor, log-sd, n.
# The price study (test 1) has 28 and 1.29 on its 14. tests/infer recomputes ours.
THRESHOLD_BIAS = (32.2, 1.11, 18)
# the same on flat sheets, whose longest input stands in for the step
FLAT_BIAS = (82.8, 1.06, 14)
_80 = 1.2816  # standard normal, 90 %
_CAVEAT = (
    "steps stand at round numbers that labs share whatever their cache (32K, 128K, 200K, 272K); the chip is not "
    "known, and bytes scale with its bytes per FLOP"
)


def _calibrated(point: float, bias: tuple[float, float, int]) -> tuple[float, float]:
    factor, sd, _ = bias
    return point * factor * math.exp(-_80 * sd), point * factor * math.exp(_80 * sd)


def kv_from_step(
    evidence: Evidence,
    active_params: float,
    machine: Machine,
    bias: tuple[float, float, int] = THRESHOLD_BIAS,
) -> Deduction | None:
    """KV bytes per token from where a price steps up with the length of the input.

    Formula: kv = 2 A W / (F C0); if the surcharge s still covers the longest input, kv >= 2 A W s / (F C_max)
    Direction: lower bound, between the two readings: on known models the truth lies far above both.
    """
    if evidence.step_tokens is None:
        return None
    rates: dict[str, Any] = {"flops_per_s": machine.flops_per_s, "bytes_per_s": machine.bytes_per_s}
    point = kv_bytes_per_token_at_crossing(
        active_params=active_params, **rates, crossing_context=float(evidence.step_tokens)
    )
    low = None
    surcharge = max(evidence.step_input_x or 1.0, 1.0)
    if evidence.step_output_x is not None:
        surcharge = max(evidence.step_output_x, 1.0)
    if evidence.max_tokens is not None:
        knee = least_knee_context(max_context=float(evidence.max_tokens), surcharge=surcharge)
        low = min(point, kv_bytes_per_token_at_crossing(active_params=active_params, **rates, crossing_context=knee))
    calibrated = _calibrated(point, bias)
    return Deduction(
        name="long-context step",
        channel="long_context",
        quantity="KV bytes per token",
        unit="B/token",
        direction=LOWER,
        low=low,
        point=point,
        high=point if low is not None else None,
        formula="2 A W / (F C0), and with C_max / surcharge in place of C0",
        inputs={"active_params": active_params, "C0": float(evidence.step_tokens), "surcharge": surcharge},
        calibrated_low=calibrated[0],
        calibrated_high=calibrated[1],
        calibration=f"truth is {bias[0]:.0f}x the formula, x/÷{math.exp(bias[1]):.1f}, "
        f"on {bias[2]} ladders of open models",
        caveat=_CAVEAT,
    )


def kv_from_flat_price(
    evidence: Evidence,
    active_params: float,
    machine: Machine,
    bias: tuple[float, float, int] = FLAT_BIAS,
) -> Deduction | None:
    """KV bytes per token from a price that does not step up to some length.

    Formula: kv <= 2 A W / (F C_flat)
    Direction: upper bound by the lecture's reasoning; sellers may simply not charge for it.
    """
    if evidence.step_tokens is not None or evidence.flat_to_tokens is None:
        return None
    point = kv_bytes_per_token_at_crossing(
        active_params=active_params,
        flops_per_s=machine.flops_per_s,
        bytes_per_s=machine.bytes_per_s,
        crossing_context=float(evidence.flat_to_tokens),
    )
    return Deduction(
        name="no long-context step",
        channel="long_context",
        quantity="KV bytes per token",
        unit="B/token",
        direction=UPPER,
        low=None,
        point=point,
        high=point,
        formula="kv <= 2 A W / (F C_flat)",
        inputs={"active_params": active_params, "C_flat": float(evidence.flat_to_tokens)},
        calibrated_high=_calibrated(point, bias)[1],
        calibration=f"no bound at all on {bias[2]} flat sheets of open models: truth is {bias[0]:.0f}x the formula, "
        f"x/÷{math.exp(bias[1]):.1f}",
        caveat=_CAVEAT,
    )
