"""From a public price sheet back to what the model and its deployment can be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.catalog.offers.index import Rate, base_line, in_usd
from tokenroof.catalog.offers.paths import find_offer
from tokenroof.catalog.offers.releases import release_of
from tokenroof.errors import InputError
from tokenroof.infer.calibration import Calibration, line_of
from tokenroof.infer.calibrations import CALIBRATIONS, MARKUPS, POPULATION, REGRESSIONS
from tokenroof.infer.cases import known_truths
from tokenroof.infer.deductions import Deduction, Machine, all_deductions
from tokenroof.infer.evidence import USED, Evidence, evidence_of, flat_slopes, readings
from tokenroof.infer.known_lab import lines_of_lab, population_of_lab
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.markup import setting_for
from tokenroof.infer.posterior import (
    NUMBERS,
    Choice,
    Estimate,
    Moved,
    Neighbour,
    Posterior,
    Surprise,
    read_posterior,
)
from tokenroof.infer.priors import Prior, priors
from tokenroof.infer.regions import Density, Region
from tokenroof.infer.sampler import Health, sample_posterior
from tokenroof.types.offer import Offer
from tokenroof.usecases.deduce.held import CLOSED, HELD, Held
from tokenroof.usecases.deduce.joined import joined
from tokenroof.usecases.deduce.measured import measured, possible_speed
from tokenroof.usecases.deduce.notes import notes_of
from tokenroof.usecases.deduce.of_lab import LabRead, lab_read, others_of, product_of, read_with
from tokenroof.usecases.deduce.own_offer import UNDATED
from tokenroof.usecases.deduce.sentence import sentence_of

__all__ = [
    "UNDATED", "Comparison", "DeduceRequest", "DeduceResponse", "OddsOf", "Skipped", "compare", "deduce", "find_offer",
    "reference_machine", "sheet_date",
]  # fmt: skip

_LARGEST_SEED = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class DeduceRequest:
    """An offer by id, TOML path or value, what was measured or disclosed of it, and how to look at it.

    `as_of` is the day of the price and `released` that of the model, in place of the sheet's. `speed_at` holds measured
    speeds such as 32K:95 (context, tokens per second), `ttft_at` times such as 32K:1.5s (prompt, time), `beside` an
    open model on the same host with its speed, such as llama-3.3-70b:80, `known` disclosed facts such as total:>1T,
    `also` other sheets of the same weights. `lab` is whose model it is, in place of the sheet's; its other models of
    known size are read beside, and "unknown" reads none.
    `leave_out` names channels not to use; `prior_only` uses none, which returns the prior. `active_params` is what
    single-channel formulas assume (the posterior's median where absent).
    """

    offer: str | Offer
    rates: Mapping[str, float] = field(default_factory=dict)
    tokens_per_s: float | None = None
    as_of: str | None = None
    released: str | None = None
    speed_at: tuple[str, ...] = ()
    ttft_at: tuple[str, ...] = ()
    beside: str | None = None
    known: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    lab: str | None = None
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
class Beside:
    """What a plain regression says of one unknown: 80 % and middle, from price, day and speed alone."""

    name: str
    unit: str
    low80: float
    median: float
    high80: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeduceResponse:
    """What the offer says, channel by channel and jointly. `held`: how often such intervals held known truths.

    `priced_on` and `released_on` are the days that the price and the model are read at; an empty one is that of the
    snapshot, or of the price.
    """

    offer: Offer
    rate: Rate
    priced_on: str
    released_on: str
    evidence: Evidence
    lab: LabRead
    deductions: tuple[Deduction, ...]
    estimates: tuple[Estimate, ...]
    choices: tuple[Choice, ...]
    regions: tuple[Region, ...]
    densities: tuple[Density, ...]
    regression: tuple[Beside, ...]
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
    "output_speed": "no output speed: `speed`",
    "speed_slope": "no speeds at several contexts: `speed_at`",
    "ttft_slope": "no times to first token at several prompts: `ttft_at`",
}


def _regressions(evidence: Evidence) -> tuple[Beside, ...]:
    """The baseline beside the joint posterior, of open weights: closed models have no regression of their own."""
    found = []
    for line in REGRESSIONS:
        low, middle, high = line.interval(evidence)
        unit = NUMBERS[line.unknown]
        found.append(Beside(name=line.unknown, unit=unit, low80=low, median=middle, high80=high))
    return tuple(found)


def deduce(request: DeduceRequest) -> DeduceResponse:
    """Deductions by channel and the joint posterior of one offer."""
    offer = find_offer(request.offer) if isinstance(request.offer, str) else request.offer
    if request.tokens_per_s is not None:
        offer = replace(offer, output_tokens_per_s=possible_speed(request.tokens_per_s))
    if not 0 <= request.seed <= _LARGEST_SEED:
        raise InputError("seed", request.seed, f"a whole number from 0 to {_LARGEST_SEED:,}")
    if request.active_params is not None and not 1e6 <= request.active_params <= 1e14:
        raise InputError("active_params", request.active_params, "a number from 1e6 to 1e14")
    usd, rate = in_usd(offer, request.rates)
    others = joined(offer, request.also, request.rates)
    out = release_of(offer)
    evidence = measured(evidence_of(usd), request, others, out)
    lab, of_lab = lab_read(offer, request.lab, evidence)
    evidence = replace(evidence, product=product_of(offer, evidence, lab.name))
    found = readings(evidence)
    for name in request.leave_out:
        if name not in USED:
            raise InputError("leave_out", name, f"one of {', '.join(USED)}")
    used = tuple(r for r in found if r.channel not in request.leave_out and not request.prior_only)
    priced = lines_of_lab(CALIBRATIONS, of_lab, evidence.released)
    lines = {reading.channel: line_of(priced, reading.channel, evidence.kind) for reading in used}
    # a lab's closed models need not be built as those are that it gives away
    built = POPULATION if evidence.kind == "closed" else population_of_lab(POPULATION, of_lab, evidence.released)
    setting = setting_for(evidence, built, MARKUPS)
    sample = sample_posterior(used, lines, setting, draws=request.draws, seed=request.seed)
    posterior = read_posterior(sample, lines, known_truths(), math.log(evidence.input_usd_per_token))
    active = request.active_params
    if active is None:
        active = next(e.median for e in posterior.estimates if e.name == "active_params")
    machine = reference_machine()
    read = read_with(lab, of_lab, evidence)
    holds = tuple(write.ttl_s for write in base_line(usd).cache_writes)
    channels = {reading.channel for reading in found} | set(flat_slopes(evidence))
    skipped = tuple(Skipped(channel=c, why=why) for c, why in _WOULD_TELL.items() if c not in channels)
    return DeduceResponse(
        offer=offer,
        rate=rate,
        priced_on=request.as_of or ("" if offer.origin.as_of == UNDATED else offer.since or offer.origin.as_of),
        released_on=request.released or ("" if out is None else out.day),
        evidence=evidence,
        lab=read,
        deductions=all_deductions(evidence, active, machine, holds),
        estimates=posterior.estimates,
        choices=posterior.choices,
        regions=posterior.regions,
        densities=posterior.densities,
        regression=_regressions(evidence),
        moved=posterior.moved,
        surprises=posterior.surprises,
        neighbours=posterior.neighbours,
        skipped=skipped,
        calibrations=tuple(lines.values()),
        priors=priors(setting),
        health=posterior.health,
        machine=machine,
        assumed_active_params=active,
        notes=notes_of(offer, rate, evidence, read, request),
        held=(CLOSED, *HELD) if evidence.kind == "closed" else HELD,
        sentence=sentence_of(posterior.estimates, posterior.choices, posterior.moved, others_of(read), read.of_cache),
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
