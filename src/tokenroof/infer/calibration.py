"""How far each channel is to be believed: a line fitted through offers whose model is public.

Sellers do not price at cost. What a channel shows, y, follows what the forward model predicts, f, only in part:

    y = offset + pass_through * f + per_year * (year - 2026) + markup + error

All is fitted with the architecture known and the rest drawn from its prior, each architecture counted once. `total_sd`
is the scatter of labs that the line was fitted without; `sd` the part of it that the prior's spread does not already
explain. Channels without a case are assumed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.infer.cases import Case
from tokenroof.infer.evidence import readings
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.levels import Miss, one_a_model, share_of
from tokenroof.infer.population import Population
from tokenroof.infer.priors import N_DIMS, OWN_MARKUP, Setting, mixture_share, unknowns

__all__ = [
    "ASSUMED",
    "LINKS",
    "Calibration",
    "Lines",
    "Point",
    "calibrate",
    "fit_points",
    "line_of",
    "moments",
    "points",
]

# channel of evidence -> channel of the forward model
LINKS: Mapping[str, str] = {
    "input_price": "input_cost",
    "output_speed": "lone_speed",
    "speed_ratio": "active_over",
    "speed_slope": "cache_read",
    "ttft_slope": "prompt_token",
    "known_total": "total",
    "known_active": "active",
    "known_kv": "kv",
    "output_ratio": "output_ratio",
    "cached_ratio": "reload_ratio",
    "long_context": "knee",
    "host_floor": "input_cost",
    "fast_mode": "fast_load",
    "spare_capacity": "duty_cycle",
}
# a speed is what a machine and a model do, whoever sells; a price is a seller's
_POOLED = frozenset({"output_speed", "long_context", "cached_ratio"})
_DRAWS, _SEED = 2048, 20261125
_YEAR = 2026.0
_LEAST_SD = 0.15  # what no fit may go below: sheets are rounded
_RIDGE_YEAR = 4.0  # a change of e to the half a year is one standard deviation, in units of the scatter


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The line of one channel for one kind of seller, `n` offers of `labs` labs behind it."""

    channel: str
    kind: str
    offset: float
    pass_through: float
    per_year: float
    sd: float
    total_sd: float
    lab_share: float
    n: int
    labs: int
    grade: str
    source: str

    def mean(self, predicted: Mapping[str, Any], year: float) -> Any:
        """The line at what the forward model predicts in a year, mark-up left out."""
        return self.at(predicted[LINKS[self.channel]], year)

    def at(self, predicted: Any, year: float) -> Any:
        """The same at one prediction."""
        return self.offset + self.per_year * (year - _YEAR) + self.pass_through * predicted

    def moved(self, over: float, left: float) -> "Calibration":
        """The line of a lab whose level is known: that much higher, with this part of the variance left."""
        explained = self.total_sd**2 - self.sd**2
        total = self.total_sd * math.sqrt(left)
        sd = math.sqrt(max(total**2 - explained, _LEAST_SD**2))
        return replace(self, offset=self.offset + over, sd=sd, total_sd=total)


def _assumed(channel: str, sd: float, why: str) -> Calibration:
    return Calibration(
        channel=channel, kind="any", offset=0.0, pass_through=1.0, per_year=0.0, sd=sd, total_sd=sd, lab_share=0.0, n=0,
        labs=0, grade="assumed", source=why,
    )  # fmt: skip


ASSUMED: Mapping[str, Calibration] = {
    "fast_mode": _assumed("fast_mode", 1.0, "no open model is sold with a claimed speed; 'up to' is an upper bound"),
    "speed_ratio": _assumed("speed_ratio", 0.5, "two models on one host differ in bytes a token reads, up to load"),
    "speed_slope": _assumed("speed_slope", 1.0, "cache read by eight chips at their MBU; 2 to 32 may share it"),
    "ttft_slope": _assumed("ttft_slope", 1.0, "prefill on eight chips at their MFU; 2 to 32 may share it"),
    "known_total": _assumed("known_total", 0.02, "disclosed"),
    "known_active": _assumed("known_active", 0.02, "disclosed"),
    "known_kv": _assumed("known_kv", 0.02, "disclosed"),
    "spare_capacity": _assumed("spare_capacity", 0.5, "discounts are conventions: 0.5 nearly everywhere"),
}


def moments(case: Case, population: Population) -> dict[str, tuple[float, float]]:
    """Mean and variance of every forward channel with this case's architecture and the rest from the prior."""
    import numpy as np

    truth, evidence = case.truth, case.evidence
    setting = Setting(
        kind=evidence.kind, population=population, priced=evidence.priced, released=evidence.released, markup=(1.0, 0.0)
    )
    draws = unknowns(np.random.default_rng(_SEED).standard_normal((_DRAWS, N_DIMS)), setting)
    sparsity = truth.total_params / truth.active_params
    draws["prefill_mfu"] = draws["prefill_mfu"] * (draws["sparsity"] / sparsity) ** mixture_share(evidence.released)
    for name in ("total_params", "active_params", "kv_bytes_per_token", "scan_fraction"):
        draws[name] = np.full(_DRAWS, getattr(truth, name))
    draws["sparsity"] = np.full(_DRAWS, sparsity)
    return {name: (float(v.mean()), float(v.var())) for name, v in predict_prices(draws).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One reading of one case beside what the forward model predicts."""

    channel: str
    kind: str
    predicted: float
    shown: float
    year: float
    variance: float
    model: str
    lab: str
    released: float


def points(cases: Iterable[Case], population: Population) -> tuple[Point, ...]:
    """Every reading of these cases, in use or not; a bound counts as if it were met."""
    found = []
    for case in cases:
        predicted = moments(case, population)
        for reading in readings(case.evidence, every=True):
            if reading.channel in ASSUMED:
                continue
            mean, variance = predicted[LINKS[reading.channel]]
            found.append(
                Point(
                    channel=reading.channel, kind="any" if reading.channel in _POOLED else case.evidence.kind,
                    predicted=mean, shown=reading.log_value, year=case.evidence.priced, variance=variance,
                    model=case.architecture, lab=case.lab,
                    released=case.evidence.released,
                )
            )  # fmt: skip
    return tuple(found)


def _weights(group: Sequence[Point]) -> Any:
    """Each architecture counts once for each kind of seller."""
    import numpy as np

    counts: dict[str, int] = {}
    for point in group:
        counts[f"{point.kind} {point.model}"] = counts.get(f"{point.kind} {point.model}", 0) + 1
    return np.array([1.0 / counts[f"{point.kind} {point.model}"] for point in group])


def _design(group: Sequence[Point], kinds: Sequence[str]) -> Any:
    """Columns: one for each kind of seller, the prediction, the year."""
    import numpy as np

    own = [[float(point.kind == kind) for kind in kinds] for point in group]
    return np.column_stack([own, [p.predicted for p in group], [p.year - _YEAR for p in group]])


def _solve(x: Any, y: Any, weights: Any) -> Any:
    import numpy as np

    shrink = np.diag([1e-6] * (x.shape[1] - 1) + [_RIDGE_YEAR])
    return np.linalg.solve((x * weights[:, None]).T @ x + shrink, x.T @ (weights * y))


def fit_points(group: Sequence[Point], source: str) -> dict[str, Calibration]:
    """Weighted least squares, by kind of seller: slopes in common, offsets and scatters their own.

    The scatter is that of labs left out in turn.
    """
    import numpy as np

    kinds = sorted({p.kind for p in group})
    x, y, weights = _design(group, kinds), np.array([p.shown for p in group]), _weights(group)
    labs, kind_of = np.array([p.lab for p in group]), np.array([p.kind for p in group])
    miss = np.empty(len(group))
    for lab in set(labs):
        out = labs == lab
        miss[out] = y[out] - x[out] @ _solve(x[~out], y[~out], weights[~out])
    *offsets, slope, per_year = (float(value) for value in _solve(x, y, weights))
    variance = np.array([p.variance for p in group])
    found, price = {}, group[0].channel == "input_price"
    for kind, offset in zip(kinds, offsets, strict=True):
        own = kind_of == kind
        total = math.sqrt(float(np.average(miss[own] ** 2, weights=weights[own])))
        explained = slope**2 * float(np.average(variance[own], weights=weights[own]))
        if price:
            explained += OWN_MARKUP[kind][1] ** 2
        found[kind] = Calibration(
            channel=group[0].channel, kind=kind, offset=offset, pass_through=slope, per_year=per_year,
            sd=math.sqrt(max(total**2 - explained, _LEAST_SD**2)), total_sd=total,
            lab_share=share_of(_of_models(group, miss, kind)) if price else 0.0, n=int(own.sum()),
            labs=len(set(labs[own])), grade="fitted", source=source,
        )  # fmt: skip
    return found


def _of_models(group: Sequence[Point], miss: Any, kind: str) -> tuple[Miss, ...]:
    rows = zip(group, miss, strict=True)
    return one_a_model([(p.model, Miss(p.lab, p.released, float(over))) for p, over in rows if p.kind == kind])


Lines = Mapping[tuple[str, str], Calibration]


def calibrate(found: Sequence[Point], source: str = "price history") -> dict[tuple[str, str], Calibration]:
    """Lines by channel and kind of seller."""
    groups: dict[str, list[Point]] = {}
    for point in found:
        groups.setdefault(point.channel, []).append(point)
    fitted = {
        channel: fit_points(group, source) for channel, group in groups.items() if len({p.lab for p in group}) > 2
    }
    return {(channel, kind): line for channel, lines in fitted.items() for kind, line in lines.items()}


def line_of(lines: Lines, channel: str, kind: str) -> Calibration:
    """The line that a reading of a seller is read on; closed models have the open sheets' and a mark-up."""
    if channel in ASSUMED:
        return ASSUMED[channel]
    if channel in _POOLED:
        return lines[channel, "any"]
    return lines[channel, "open" if kind == "closed" else kind]


def rounded(calibration: Calibration, digits: int = 4) -> Calibration:
    """The same line with fewer digits, for shipping as constants."""
    names = ("offset", "pass_through", "per_year", "sd", "total_sd")
    return replace(calibration, **{name: round(getattr(calibration, name), digits) for name in names})
