"""From a public price sheet back to what the model and its deployment can be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.catalog.offers.index import Rate, base_line, in_usd
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.errors import InputError
from tokenroof.infer.calibration import Calibration
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.cases import known_truths
from tokenroof.infer.deductions import Deduction, Machine, all_deductions
from tokenroof.infer.evidence import Evidence, evidence_of, readings
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.posterior import Choice, Estimate, Moved, Neighbour, Posterior, Surprise, read_posterior
from tokenroof.infer.priors import PRIORS, Prior
from tokenroof.infer.regions import Region
from tokenroof.infer.sampler import Health, sample_posterior
from tokenroof.types.offer import Offer
from tokenroof.usecases.deduce.held import HELD, Held
from tokenroof.usecases.deduce.own_offer import UNDATED
from tokenroof.usecases.deduce.sentence import sentence_of

__all__ = [
    "UNDATED", "Comparison", "DeduceRequest", "DeduceResponse", "OddsOf", "Skipped", "compare", "deduce", "find_offer",
    "reference_machine", "sheet_date",
]  # fmt: skip

_LARGEST_SEED = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class DeduceRequest:
    """An offer by id, TOML path or value, and how to look at it.

    `leave_out` names channels not to use; `prior_only` uses none, which returns the prior. `active_params` is what
    single-channel formulas assume (the posterior's median where absent).
    """

    offer: str | Offer
    rates: Mapping[str, float] = field(default_factory=dict)
    tokens_per_s: float | None = None
    leave_out: tuple[str, ...] = ()
    prior_only: bool = False
    active_params: float | None = None
    draws: int = 16 * 65_536
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A channel without evidence: what it would have told."""

    channel: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeduceResponse:
    """What the offer says, channel by channel and jointly. `held`: how often such intervals held known truths."""

    offer: Offer
    rate: Rate
    evidence: Evidence
    deductions: tuple[Deduction, ...]
    estimates: tuple[Estimate, ...]
    choices: tuple[Choice, ...]
    regions: tuple[Region, ...]
    moved: tuple[Moved, ...]
    surprises: tuple[Surprise, ...]
    neighbours: tuple[Neighbour, ...]
    skipped: tuple[Skipped, ...]
    calibrations: tuple[Calibration, ...]
    priors: tuple[Prior, ...]
    health: Health
    machine: Machine
    assumed_active_params: float
    notes: tuple[str, ...]
    sentence: str
    held: tuple[Held, ...] = HELD
    posterior: Posterior = field(repr=False, compare=False)

    def estimate(self, name: str) -> Estimate:
        """The estimate of one unknown by name."""
        for found in self.estimates:
            if found.name == name:
                return found
        raise InputError("unknown", name, f"one of {', '.join(e.name for e in self.estimates)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddsOf:
    """How two offers compare in one unknown: chance that the second is the larger, and the 80 % of its ratio."""

    name: str
    chance_second_larger: float
    ratio_low80: float
    ratio_median: float
    ratio_high80: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two deductions side by side; ratios treat the two posteriors as independent."""

    first: DeduceResponse
    second: DeduceResponse
    odds: tuple[OddsOf, ...]


def sheet_date(offer: Offer) -> str:
    """The day of a sheet in words."""
    return "not dated" if offer.origin.as_of == UNDATED else offer.origin.as_of


_WOULD_TELL = {
    "cached_ratio": "no price of cached reads",
    "long_context": "no step and no window on the sheet",
    "fast_mode": "no mode that claims a speed",
    "spare_capacity": "no batch, flex or off-peak price",
    "host_floor": "no prices of several hosts for the same weights",
}


def _notes(offer: Offer, rate: Rate, evidence: Evidence, skipped: tuple[Skipped, ...]) -> tuple[str, ...]:
    found = []
    if rate.currency != "USD":
        when = f", {rate.origin.as_of}" if rate.origin.as_of else ""
        found.append(f"converted at 1 {rate.currency} = {rate.usd:.4g} USD ({rate.origin.source}{when})")
    if evidence.kind == "closed":
        found.append("closed weights: sizes are best read as caps, since the mark-up is hardly known")
    if skipped:
        found.append("intervals are wider for want of: " + ", ".join(s.channel for s in skipped))
    speed, storage = evidence.tokens_per_s, evidence.storage_usd_per_token_h
    read_alone = (("the output speed", speed), ("the price of storage", storage))
    alone = [name for name, value in read_alone if value is not None]
    if alone:
        found.append(f"{' and '.join(alone)} {'is' if len(alone) == 1 else 'are'} read alone, not in the intervals")
    if offer.ttft_s is not None:
        found.append("time to first token is not used: queueing hides the prefill")
    return tuple(found)


def deduce(request: DeduceRequest) -> DeduceResponse:
    """Deductions by channel and the joint posterior of one offer."""
    offer = find_offer(request.offer) if isinstance(request.offer, str) else request.offer
    if request.tokens_per_s is not None:
        if not 1e-3 <= request.tokens_per_s <= 1e9:
            raise InputError("speed", request.tokens_per_s, "a number of tokens per second from 0.001 to 1e9")
        offer = replace(offer, output_tokens_per_s=request.tokens_per_s)
    if not 0 <= request.seed <= _LARGEST_SEED:
        raise InputError("seed", request.seed, f"a whole number from 0 to {_LARGEST_SEED:,}")
    usd, rate = in_usd(offer, request.rates)
    evidence = evidence_of(usd)
    found = readings(evidence)
    for name in request.leave_out:
        if name not in CALIBRATIONS:
            raise InputError("leave_out", name, f"one of {', '.join(CALIBRATIONS)}")
    used = tuple(r for r in found if r.channel not in request.leave_out and not request.prior_only)
    sample = sample_posterior(used, CALIBRATIONS, evidence.kind, draws=request.draws, seed=request.seed)
    posterior = read_posterior(sample, CALIBRATIONS, known_truths(), math.log(evidence.input_usd_per_token))
    active = request.active_params
    if active is None:
        active = next(e.median for e in posterior.estimates if e.name == "active_params")
    elif not 1e6 <= active <= 1e14:
        raise InputError("active_params", active, "a number from 1e6 to 1e14")
    machine = reference_machine()
    holds = tuple(write.ttl_s for write in base_line(usd).cache_writes)
    channels = {reading.channel for reading in found}
    skipped = tuple(Skipped(channel=c, why=why) for c, why in _WOULD_TELL.items() if c not in channels)
    return DeduceResponse(
        offer=offer,
        rate=rate,
        evidence=evidence,
        deductions=all_deductions(evidence, active, machine, holds),
        estimates=posterior.estimates,
        choices=posterior.choices,
        regions=posterior.regions,
        moved=posterior.moved,
        surprises=posterior.surprises,
        neighbours=posterior.neighbours,
        skipped=skipped,
        calibrations=tuple(CALIBRATIONS[r.channel] for r in used),
        priors=PRIORS,
        health=posterior.health,
        machine=machine,
        assumed_active_params=active,
        notes=_notes(offer, rate, evidence, skipped),
        sentence=sentence_of(posterior.estimates, posterior.choices, posterior.moved),
        posterior=posterior,
    )


def compare(first: DeduceRequest, second: DeduceRequest) -> Comparison:
    """Two offers side by side."""
    import numpy as np

    one, other = deduce(first), deduce(replace(second, seed=second.seed + 1))
    odds = []
    for name in ("total_params", "active_params", "kv_bytes_per_token", "markup", "batch_over_balance"):
        a: Any = one.posterior.draws[name]
        # draws of one posterior come in the order of its proposal: shuffle, so that pairs are independent
        b: Any = np.random.default_rng(0).permutation(other.posterior.draws[name])
        low, median, high = (float(q) for q in np.quantile(b / a, (0.1, 0.5, 0.9)))
        odds.append(
            OddsOf(
                name=name,
                chance_second_larger=float((b > a).mean()),
                ratio_low80=low,
                ratio_median=median,
                ratio_high80=high,
            )
        )
    return Comparison(first=one, second=other, odds=tuple(odds))
