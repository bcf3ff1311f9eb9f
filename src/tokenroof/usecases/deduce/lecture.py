"""The lecture's own deductions from price sheets: stated, recomputed on the sheet, and calibrated."""

from dataclasses import dataclass, replace

from tokenroof.catalog.offers.index import load_offer
from tokenroof.infer.deductions import (
    Deduction,
    Machine,
    batch_from_fast_mode,
    decode_share,
    kv_from_cached_price,
    kv_from_step,
    tier_from_storage_price,
    tiers_by_lifetime,
)
from tokenroof.infer.evidence import evidence_of
from tokenroof.infer.machines import reference_machine

__all__ = ["LectureRow", "lecture_deductions"]

_GEMINI, _OPUS = "google/gemini-3.1-pro-preview", "anthropic/claude-opus-4-6"
_ACTIVE = 100e9
_WINDOW = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LectureRow:
    """One claim of the lecture: in its words' sense, what its formula gives, what known cases make of it."""

    claim: str
    section: str
    offer: str
    stated: str
    recomputed: str
    calibrated: str
    deductions: tuple[Deduction, ...]


def _need(found: Deduction | None) -> Deduction:
    assert found is not None, "the sheets named here have this evidence"
    return found


def lecture_deductions() -> tuple[LectureRow, ...]:
    """Section 2.6 of the lecture on real sheets of the snapshot."""
    gemini = replace(evidence_of(load_offer(_GEMINI)), max_tokens=_WINDOW)
    opus = evidence_of(load_offer(_OPUS))
    h100 = reference_machine()
    # the lecture's 1/300 is multiplies per byte, whatever the width: 600 FLOP per byte
    board = Machine(name="the board: 300 multiplies per byte", flops_per_s=600e12, bytes_per_s=1e12, usd_per_h=2.0)
    step, real = _need(kv_from_step(gemini, _ACTIVE, board)), _need(kv_from_step(gemini, _ACTIVE, h100))
    ratio = decode_share(opus)
    cached = _need(kv_from_cached_price(opus, h100))
    lives = tiers_by_lifetime((300.0, 3600.0))
    storage = _need(tier_from_storage_price(opus))
    fast = _need(batch_from_fast_mode(opus))
    kb = 1e-3
    return (
        LectureRow(
            claim="the price steps at 200K tokens where KV reads overtake arithmetic",
            section="2.6, W15",
            offer=_GEMINI,
            stated="almost 2 KB of cache per token at 100 B active",
            recomputed=f"{(step.low or 0) * kb:.2f} to {(step.high or 0) * kb:.2f} KB "
            f"({(real.high or 0) * kb:.2f} KB on an H100 at 16 bit)",
            calibrated=f"{(real.calibrated_low or 0) * kb:.0f} to {(real.calibrated_high or 0) * kb:.0f} KB: "
            f"{real.calibration}",
            deductions=(step, real),
        ),
        LectureRow(
            claim="output costs 5 times input because decode is bound by memory",
            section="2.6, W17",
            offer=_OPUS,
            stated="decode's MFU is a fifth of prefill's",
            recomputed=f"{ratio.point or 0:.2f} of prefill's MFU",
            calibrated=f"{ratio.low or 0:.2f} to {ratio.high or 0:.2f}: {ratio.calibration}",
            deductions=(ratio,),
        ),
        LectureRow(
            claim="a cache hit is 10 times cheaper because loading beats recomputing",
            section="2.6, W18",
            offer=_OPUS,
            stated="retrieval costs a tenth of recomputation",
            recomputed=f"cached over uncached {cached.inputs['cached_over_input']:.2f}; "
            f"at most {(cached.high or 0) * kb:,.0f} KB per token",
            calibrated=f"says nothing about the cache: {cached.calibration}",
            deductions=(cached,),
        ),
        LectureRow(
            claim="caches of 5 minutes and 1 hour lie in flash and on spinning disk",
            section="2.6, W19, W20",
            offer=_OPUS,
            stated="drain times: flash about a minute, disk about an hour",
            recomputed=f"5 min: {lives[0].verdict}; 1 h: {lives[1].verdict}",
            calibrated=f"the hour's surcharge of ${storage.inputs['usd_per_mtok_h']:.2f} per Mtok-hour is "
            f"{storage.verdict}",
            deductions=(*lives, storage),
        ),
        LectureRow(
            claim="fast mode: 6 times the price for 2.5 times the speed",
            section="2.1",
            offer=_OPUS,
            stated="a smaller batch; could 100 times the price buy more?",
            recomputed=f"batch ratio {fast.point or 0:.0f}, per-sequence load {fast.inputs['fast_load']:.2f} of "
            f"the weights; {fast.verdict}",
            calibrated=fast.calibration,
            deductions=(fast,),
        ),
    )
