"""How far each channel is to be believed: a line fitted through offers whose model is public.

Sellers do not price at cost. What a channel shows, y, follows what the forward model predicts, f, only in part:

    y = offset + pass_through * f + markup + error

Offset, pass-through and error are fitted with the architecture known and everything else drawn from its prior;
`sd` is the error that the prior's spread does not already explain. Channels without a case are assumed.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenroof.infer.cases import Case
from tokenroof.infer.evidence import readings
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.priors import N_DIMS, unknowns

__all__ = ["ASSUMED", "LINKS", "Calibration", "Fit", "calibrate", "fit_line", "fit_line_censored", "moments"]

# channel of evidence -> channel of the forward model
LINKS: Mapping[str, str] = {
    "input_price": "input_cost",
    "output_ratio": "output_ratio",
    "cached_ratio": "reload_ratio",
    "long_context": "knee",
    "host_floor": "input_cost",
    "fast_mode": "fast_load",
    "spare_capacity": "duty_cycle",
}
_DRAWS, _SEED = 2048, 20261125
# What no fit may go below: sheets are rounded, and the p10 host stands at 0.56 x/÷1.5 of the median host.
_LEAST_SD, _LEAST_FLOOR_SD = 0.15, 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The line of one channel. `total_sd` is its whole scatter around the truth, `n` and `labs` what it rests on."""

    channel: str
    offset: float
    pass_through: float
    sd: float
    total_sd: float
    n: int
    labs: int
    grade: str
    source: str


def _assumed(channel: str, sd: float, why: str) -> Calibration:
    return Calibration(
        channel=channel, offset=0.0, pass_through=1.0, sd=sd, total_sd=sd, n=0, labs=0, grade="assumed", source=why
    )  # fmt: skip


ASSUMED: Mapping[str, Calibration] = {
    "fast_mode": _assumed("fast_mode", 1.0, "no open model is sold with a claimed speed; 'up to' is an upper bound"),
    "spare_capacity": _assumed("spare_capacity", 0.5, "discounts are conventions: 0.5 nearly everywhere"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted line: y = offset + slope * x, with the scatter that a new lab would show."""

    offset: float
    slope: float
    sd: float


def _new_lab(variance: float, n: int, labs: int) -> float:
    """Scatter for a lab that was not fitted: two degrees of freedom are spent, and the line itself is unsure."""
    return math.sqrt(variance * n / max(n - 2, 1) * (1.0 + 2.0 / max(labs, 1)))


def fit_line(x: Any, y: Any, labs: int) -> Fit:
    """Least squares."""
    import numpy as np

    slope = float(np.cov(x, y, bias=True)[0, 1] / np.var(x))
    offset = float(np.mean(y) - slope * np.mean(x))
    return Fit(offset=offset, slope=slope, sd=_new_lab(float(np.mean((y - offset - slope * x) ** 2)), len(x), labs))


def fit_line_censored(x: Any, y: Any, at_least: Any, labs: int) -> Fit:
    """Least squares where some y are only known to lie above a value (Tobit), by expectation-maximisation."""
    import numpy as np

    def tail(z: float) -> tuple[float, float]:
        """Mean and mean square of a standard normal above z."""
        above = 0.5 * math.erfc(z / math.sqrt(2.0))
        mills = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / max(above, 1e-300)
        mills = mills if z < 30 else z + 1.0 / z
        return mills, 1.0 + z * mills

    slope, offset, sd = 0.5, float(np.mean(y - 0.5 * x)), 1.0
    for _ in range(500):
        line = offset + slope * x
        mean, square = y.astype(float).copy(), np.zeros(len(y))
        for i in np.flatnonzero(at_least):
            first, second = tail((y[i] - line[i]) / sd)
            mean[i] = line[i] + sd * first
            square[i] = sd * sd * (second - first * first)
        new_slope = float(np.cov(x, mean, bias=True)[0, 1] / np.var(x))
        new_offset = float(np.mean(mean) - new_slope * np.mean(x))
        variance = float(np.mean((mean - new_offset - new_slope * x) ** 2 + square))
        moved = abs(new_slope - slope) + abs(new_offset - offset) + abs(math.sqrt(variance) - sd)
        slope, offset, sd = new_slope, new_offset, math.sqrt(variance)
        if moved < 1e-9:
            break
    return Fit(offset=offset, slope=slope, sd=_new_lab(sd * sd, len(x), labs))


def _nuisance_draws(kind: str) -> dict[str, Any]:
    import numpy as np

    return unknowns(np.random.default_rng(_SEED).standard_normal((_DRAWS, N_DIMS)), kind)


def moments(case: Case, draws: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Mean and variance of every forward channel with this case's architecture and the rest from the prior."""
    import numpy as np

    truth, size = case.truth, len(draws["total_params"])
    sparsity = truth.total_params / truth.active_params
    u = dict(draws)
    u["prefill_mfu"] = draws["prefill_mfu"] * np.sqrt(draws["sparsity"] / sparsity)
    for name in ("total_params", "active_params", "kv_bytes_per_token", "scan_fraction"):
        u[name] = np.full(size, getattr(truth, name))
    u["sparsity"] = np.full(size, sparsity)
    return {name: (float(v.mean()), float(v.var())) for name, v in predict_prices(u).items()}


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    y: float
    at_least: bool
    variance: float
    markup_variance: float
    lab: str


def _points(cases: Iterable[Case]) -> dict[str, list[_Point]]:
    draws: dict[str, dict[str, Any]] = {}
    found: dict[str, list[_Point]] = {}
    for case in cases:
        kind = case.evidence.kind
        if kind not in draws:
            draws[kind] = _nuisance_draws(kind)
        predicted = moments(case, draws[kind])
        for reading in readings(case.evidence):
            if reading.channel in ASSUMED or (reading.channel == "host_floor" and kind != "market"):
                continue  # hosts' prices of one model count once, however many offers it has
            mean, variance = predicted[LINKS[reading.channel]]
            markup = predicted["markup"][1] if reading.channel == "input_price" else 0.0
            point = _Point(mean, reading.log_value, reading.bound == "at least", variance, markup, case.lab)
            found.setdefault(reading.channel, []).append(point)
    return found


def _from_points(channel: str, points: Sequence[_Point], source: str) -> Calibration:
    import numpy as np

    x, y = np.array([p.x for p in points]), np.array([p.y for p in points])
    censored = np.array([p.at_least for p in points])
    labs = len({p.lab for p in points})
    fit = fit_line_censored(x, y, censored, labs) if censored.any() else fit_line(x, y, labs)
    # a negative pass-through would be an accident of few labs: such a channel says nothing
    slope = max(fit.slope, 0.0)
    explained = slope**2 * float(np.mean([p.variance for p in points]))
    explained += float(np.mean([p.markup_variance for p in points]))
    least = _LEAST_FLOOR_SD if channel == "host_floor" else _LEAST_SD
    return Calibration(
        channel=channel,
        offset=fit.offset if fit.slope >= 0 else float(y.mean()),
        pass_through=slope,
        sd=math.sqrt(max(fit.sd**2 - explained, least**2)),
        total_sd=fit.sd,
        n=len(points),
        labs=labs,
        grade="fitted",
        source=source,
    )


def calibrate(cases: Sequence[Case], source: str = "price snapshot") -> dict[str, Calibration]:
    """Lines of all channels from these cases; the assumed ones beside."""
    found = {name: _from_points(name, points, source) for name, points in _points(cases).items()}
    return {**ASSUMED, **found}


def leave_out(cases: Sequence[Case]) -> Callable[[str], dict[str, Calibration]]:
    """A function from a lab to the lines fitted without it; predictions are made once."""
    points = _points(cases)

    def without(lab: str) -> dict[str, Calibration]:
        fitted = {
            name: _from_points(name, [p for p in group if p.lab != lab], f"all labs but {lab}")
            for name, group in points.items()
        }
        return {**ASSUMED, **fitted}

    return without


def rounded(calibration: Calibration, digits: int = 4) -> Calibration:
    """The same line with fewer digits, for shipping as constants."""
    names = ("offset", "pass_through", "sd", "total_sd")
    return replace(calibration, **{name: round(getattr(calibration, name), digits) for name in names})
