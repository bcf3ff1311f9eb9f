"""Reading a posterior: intervals beside the prior's, what each channel moved, known models in the region, checks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenroof.infer.calibration import Calibration
from tokenroof.infer.cases import Truth
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.machines import machines
from tokenroof.infer.priors import Setting, unknowns
from tokenroof.infer.regions import PAIRS, Density, Region, density, joint_region
from tokenroof.infer.sampler import Health, Sample, resample

__all__ = [
    "ARCHITECTURE", "NUMBERS", "UNREAD", "Choice", "Estimate", "Moved", "Neighbour", "Posterior", "Surprise",
    "credible_levels", "estimate", "physical", "read_posterior",
]  # fmt: skip

# unknown -> unit, in the order of reports
NUMBERS: Mapping[str, str] = {
    "total_params": "param",
    "active_params": "param",
    "sparsity": "1",
    "kv_bytes_per_token": "B/token",
    "scan_fraction": "1",
    "usd_per_chip_h": "USD/GPU/h",
    "batch": "sequence",
    "batch_over_balance": "1",
    "markup": "1",
    "price_over_cost": "1",
    "hit_share": "1",
    "duty_cycle": "1",
    "prefill_mfu": "1",
    "decode_mbu": "1",
    "context_in_use": "token",
}
ARCHITECTURE = ("total_params", "active_params", "kv_bytes_per_token")
# no channel's cost depends on these, so their posterior is their prior; docs/deduction.md says why
UNREAD = ("hit_share",)
_SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
_KEPT = 40_000
_SAME_WIDTH, _SAME_PLACE = 0.95, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One unknown: 80 % and 50 % intervals, the same for the prior, and how much of the prior's width is left.

    `shift` is how far the median moved, in widths of the prior's 80 %. The data say nothing about it (`silent`) where
    neither changed. Widths are measured on the logarithm.
    """

    name: str
    unit: str
    low80: float
    low50: float
    median: float
    high50: float
    high80: float
    prior_low80: float
    prior_median: float
    prior_high80: float
    width_left: float
    shift: float

    @property
    def silent(self) -> bool:
        """Whether the prior came back: as wide as it was, and where it was."""
        return self.width_left > _SAME_WIDTH and abs(self.shift) < _SAME_PLACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One discrete unknown: probability of each value, before and after."""

    name: str
    values: tuple[str, ...]
    prior: tuple[float, ...]
    posterior: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What one channel did: medians with it over medians without it, and widths of 80 % likewise, on logarithms."""

    channel: str
    shown: str
    median_factor: Mapping[str, float]
    width_factor: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """Posterior predictive check of one channel: how far the reading lies from what the rest predicts."""

    channel: str
    shown: str
    predicted: float
    observed: float
    z: float
    unlikely: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A known open model, the credible level of the smallest region that holds it (0 centre, 1 outside), its distance.

    The distance is Mahalanobis': in standard deviations of the posterior from its centre, on logarithms.
    """

    model: str
    level: float
    distance: float
    truth: Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """All that deduction says of one offer."""

    health: Health
    estimates: tuple[Estimate, ...]
    choices: tuple[Choice, ...]
    regions: tuple[Region, ...]
    densities: tuple[Density, ...]
    moved: tuple[Moved, ...]
    surprises: tuple[Surprise, ...]
    neighbours: tuple[Neighbour, ...]
    draws: Mapping[str, Any]
    prior_draws: Mapping[str, Any]


def physical(z: Any, setting: Setting, log_price: float | None = None) -> dict[str, Any]:
    """Unknowns and derived numbers of some draws; `log_price` of an input token gives the price over cost."""
    import numpy as np

    u = unknowns(z.astype(float), setting)
    predicted = predict_prices(u)
    u["batch_over_balance"] = np.exp(predicted["batch_over_balance"])
    if log_price is not None:
        u["price_over_cost"] = np.exp(log_price - predicted["input_cost"])
    return u


def estimate(name: str, posterior: Any, prior: Any) -> Estimate:
    """Intervals of one unknown from equally weighted draws."""
    import numpy as np

    low80, low50, median, high50, high80 = (float(q) for q in np.quantile(posterior, _SHARES))
    prior_low, prior_median, prior_high = (float(q) for q in np.quantile(prior, (0.1, 0.5, 0.9)))
    before = math.log(prior_high / prior_low)
    return Estimate(
        name=name,
        unit=NUMBERS[name],
        low80=low80,
        low50=low50,
        median=median,
        high50=high50,
        high80=high80,
        prior_low80=prior_low,
        prior_median=prior_median,
        prior_high80=prior_high,
        width_left=math.log(high80 / low80) / before if before > 0 else 1.0,
        shift=math.log(median / prior_median) / before if before > 0 else 0.0,
    )


def _shares(values: Any, n: int) -> tuple[float, ...]:
    import numpy as np

    return tuple(float(s) for s in np.bincount(values, minlength=n)[:n] / len(values))


def _choices(after: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[Choice, ...]:
    import numpy as np

    table = machines()
    widths = np.array(table.widths)

    def width(draws: Mapping[str, Any]) -> Any:
        return np.abs(draws["weight_bytes"][:, None] - widths).argmin(axis=1)

    def dense(draws: Mapping[str, Any]) -> Any:
        return (draws["sparsity"] == 1).astype(int)

    def full(draws: Mapping[str, Any]) -> Any:
        return (draws["scan_fraction"] == 1).astype(int)

    rows = (
        ("system", table.names, after["system"], before["system"]),
        ("weight_bytes", tuple(f"{w:g}" for w in widths), width(after), width(before)),
        ("experts", ("mixture", "dense"), dense(after), dense(before)),
        ("attention", ("sparse scan", "full scan"), full(after), full(before)),
    )  # fmt: skip
    return tuple(
        Choice(name=n, values=v, prior=_shares(b, len(v)), posterior=_shares(a, len(v))) for n, v, a, b in rows
    )


def credible_levels(draws: Mapping[str, Any], truths: Sequence[Truth]) -> tuple[float, ...]:
    """For each architecture the share of the posterior that is nearer to the centre than it, in logarithms.

    Distance is Mahalanobis' over total and active parameters and cache; the share makes it a credible level
    whatever the shape of the posterior: a region of 80 % holds the architectures below 0.8.
    """
    levels, _ = _places(draws, truths)
    return levels


def _places(draws: Mapping[str, Any], truths: Sequence[Truth]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Credible level of each architecture, and its distance from the centre."""
    import numpy as np

    cloud = np.log(np.stack([draws[name] for name in ARCHITECTURE], axis=1))
    points = np.log([[getattr(truth, name) for name in ARCHITECTURE] for truth in truths]).reshape(-1, 3)
    centre = cloud.mean(axis=0)
    inverse = np.linalg.inv(np.cov(cloud.T) + 1e-9 * np.eye(len(ARCHITECTURE)))
    distance = np.sort(np.einsum("ij,jk,ik->i", cloud - centre, inverse, cloud - centre))
    own = np.einsum("ij,jk,ik->i", points - centre, inverse, points - centre)
    levels = tuple(float(place) / len(distance) for place in np.searchsorted(distance, own))
    return levels, tuple(float(square) for square in np.sqrt(own))


def _without_each(sample: Sample) -> dict[str, Any]:
    """Draws of the posterior without each channel in turn."""
    return {
        reading.channel: sample.z[resample(sample.log_weights(reading.channel), _KEPT // 4)]
        for reading in sample.readings
    }


def _surprises(sample: Sample, lines: Mapping[str, Calibration], without: Mapping[str, Any]) -> tuple[Surprise, ...]:
    """Each channel against what the posterior without it predicts."""
    import numpy as np

    found = []
    for reading in sample.readings:
        predicted = predict_prices(unknowns(without[reading.channel].astype(float), sample.setting))
        line = lines[reading.channel]
        mean = line.mean(predicted, sample.setting.priced)
        if reading.channel == "input_price":
            mean = mean + predicted["markup"]
        spread = math.sqrt(float(np.var(mean)) + line.sd**2)
        z = (reading.log_value - float(np.mean(mean))) / spread
        if reading.bound == "at least":
            z = max(z, 0.0)
        found.append(
            Surprise(
                channel=reading.channel,
                shown=reading.shown,
                predicted=math.exp(float(np.mean(mean))),
                observed=math.exp(reading.log_value),
                z=z,
                unlikely=abs(z) > 2.5,
            )
        )
    return tuple(found)


def _moved(sample: Sample, whole: Mapping[str, Any], left_out: Mapping[str, Any]) -> tuple[Moved, ...]:
    """Leave each channel out in turn."""
    import numpy as np

    names = (*ARCHITECTURE, "markup", "batch_over_balance", "duty_cycle")
    found = []
    for reading in sample.readings:
        without = physical(left_out[reading.channel], sample.setting)
        medians, widths = {}, {}
        for name in names:
            low, median, high = np.quantile(without[name], (0.1, 0.5, 0.9))
            with_low, with_median, with_high = np.quantile(whole[name], (0.1, 0.5, 0.9))
            medians[name] = float(with_median / median)
            widths[name] = float(np.log(with_high / with_low) / np.log(high / low))
        found.append(Moved(channel=reading.channel, shown=reading.shown, median_factor=medians, width_factor=widths))
    return tuple(found)


def read_posterior(
    sample: Sample, lines: Mapping[str, Calibration], known: Sequence[tuple[str, Truth]], log_price: float | None
) -> Posterior:
    """Everything a report needs, from one weighted sample."""
    kept = resample(sample.log_weights(), _KEPT)
    draws = physical(sample.z[kept], sample.setting, log_price)
    # the first fifth of the draws is from the prior
    prior = physical(sample.z[: min(_KEPT, len(sample.z) // 5)], sample.setting, log_price)
    names = [name for name in NUMBERS if name in draws]
    levels, far = _places(draws, [truth for _, truth in known])
    near = [Neighbour(model=m, level=v, distance=d, truth=t) for (m, t), v, d in zip(known, levels, far, strict=True)]
    without = _without_each(sample)
    return Posterior(
        health=sample.health,
        estimates=tuple(estimate(name, draws[name], prior[name]) for name in names),
        choices=_choices(draws, prior),
        regions=tuple(joint_region(pair, draws, prior) for pair in PAIRS),
        densities=tuple(density(pair, draws, prior) for pair in PAIRS),
        moved=_moved(sample, draws, without),
        surprises=_surprises(sample, lines, without),
        neighbours=tuple(sorted(near, key=lambda n: n.distance)),
        draws=draws,
        prior_draws=prior,
    )
