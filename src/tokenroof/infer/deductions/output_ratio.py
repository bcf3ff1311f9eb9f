"""Output price over input price, and how far decode is bound by bandwidth (lecture section 5.2)."""

from tokenroof.infer.deductions.base import ESTIMATE, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["decode_share"]

# share of DeepSeek's input tokens that were cache hits (open-infra index, day 6: 342 of 608 billion)
HIT_SHARE = 342 / 608


def decode_share(evidence: Evidence) -> Deduction:
    """MFU of decode over MFU of prefill, if prices follow cost.

    Formula: r = price_out / price_in = t_mem / t_compute, so decode's MFU is 1/r of prefill's; if the input
    price pays for cache hits too, the fresh ratio is r (1 - h)
    Direction: estimate between the two readings.
    """
    ratio = evidence.output_usd_per_token / evidence.input_usd_per_token
    fresh = max(ratio * (1.0 - HIT_SHARE), 1.0) if ratio > 1.0 else ratio
    return Deduction(
        name="output over input",
        channel="output_ratio",
        quantity="decode MFU over prefill MFU",
        unit="1",
        direction=ESTIMATE,
        low=1.0 / ratio,
        point=1.0 / ratio,
        high=1.0 / fresh,
        formula="1 / r, or 1 / (r (1 - h)) where hits are in the input price",
        inputs={"price_ratio": ratio, "hit_share": HIT_SHARE},
        calibration="one case: DeepSeek charged 4.0 where its nodes did 5.0 with hits, 2.2 without",
        caveat="ratios of 3 to 5 recur across labs with different models: largely convention",
    )
