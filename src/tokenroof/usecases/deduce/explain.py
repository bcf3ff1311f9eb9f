"""Where numbers of `deduce` came from: the joint posterior of an unknown, the regression beside it, one fact alone.

How far a reading moves an unknown follows from the draws: for one per cent more of it the mean of the unknown's
logarithm moves by its covariance with the change of the log-likelihood.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from tokenroof.catalog.offers.index import base_line, in_usd
from tokenroof.errors import UnknownName
from tokenroof.infer.calibration import Calibration
from tokenroof.infer.calibrations import REGRESSIONS
from tokenroof.infer.deductions import Deduction, Machine, all_deductions
from tokenroof.infer.evidence import Evidence, Reading, readings
from tokenroof.infer.forward import predict_prices
from tokenroof.infer.posterior import NUMBERS, Estimate
from tokenroof.infer.sampler import log_likelihood
from tokenroof.provenance import Grade
from tokenroof.registry import nearest
from tokenroof.types.explanation import Explanation, Input, Term
from tokenroof.usecases.deduce.run import DeduceResponse
from tokenroof.usecases.deduce.sentence import EVIDENCE, learnt

__all__ = ["DEDUCE_KEYS", "explain_deduce", "key_of"]

_BESIDE = "regression_"
_ALONE = (
    "price level", "output over input", "long-context step", "no long-context step", "cached read", "storage price",
    "cache lifetime", "fast mode", "output speed", "bandwidth behind the speed", "discount", "host floor",
)  # fmt: skip
_UNITS = {
    "input_price": "USD/token", "output_speed": "token/s", "speed_slope": "s/token", "ttft_slope": "s/token",
    "known_total": "param", "known_active": "param", "known_kv": "B/token",
}  # fmt: skip
_OF_SHEET = ("input_price", "fast_mode", "spare_capacity")
_LITTLE = 1e-3  # of a logarithm, for slopes
_LEFT_OUT = ("what the seller hopes to earn later", "prices that follow custom", "several models behind one name")


def key_of(deduction: Deduction) -> str:
    """The name of one fact's own number."""
    return deduction.name.replace(" ", "_").replace("-", "_")


DEDUCE_KEYS: tuple[str, ...] = (
    *NUMBERS, *(f"{_BESIDE}{line.unknown}" for line in REGRESSIONS),
    *(name.replace(" ", "_").replace("-", "_") for name in _ALONE),
)  # fmt: skip


def explain_deduce(answer: DeduceResponse, key: str) -> Explanation:
    """The derivation of the median of one unknown, of its regression, or of what one fact says alone."""
    if key not in DEDUCE_KEYS:
        raise UnknownName("number", key, nearest(key, DEDUCE_KEYS), f"known: {', '.join(DEDUCE_KEYS)}")
    if key in NUMBERS:
        return _joint(answer, answer.estimate(key))
    if key.startswith(_BESIDE):
        return _regression(answer, key.removeprefix(_BESIDE))
    for found in answer.deductions:
        if key_of(found) == key and _value(found) is not None:
            return _alone(answer, found)
    raise UnknownName("number", key, (), "this sheet says nothing of it")


# ---------------------------------------------------------------- the joint posterior


def _joint(answer: DeduceResponse, one: Estimate) -> Explanation:
    used = {moved.channel for moved in answer.moved}
    lines = {line.channel: line for line in answer.calibrations}
    read = [reading for reading in readings(answer.evidence) if reading.channel in used]
    names = [EVIDENCE.get(reading.channel, reading.channel) for reading in read]
    inputs = [_prior(answer, one)]
    predicted = predict_prices(answer.posterior.draws) if read else {}
    for reading in read:
        inputs += _reading(answer, one, reading, lines[reading.channel], predicted)
    figures = (
        f"{one.low80:.3g} to {one.high80:.3g} four times in five, {one.low50:.3g} to {one.high50:.3g} at even odds"
    )
    before = (
        f"before the facts {one.prior_low80:.3g} to {one.prior_high80:.3g}; {one.width_left:.0%} of that width is left"
    )
    return Explanation(
        number=one.name, value=one.median, unit=one.unit,
        formula=" * ".join(["posterior = prior", *(f"likelihood({name})" for name in names)]),
        terms=_terms(answer, one), inputs=tuple(inputs), left_out=_LEFT_OUT,
        notes=(f"the median of {answer.health.ess:,.0f} effective draws: {figures}", before),
    )  # fmt: skip


def _prior(answer: DeduceResponse, one: Estimate) -> Input:
    """What was believed before; derived unknowns have none of their own."""
    own = next((prior for prior in answer.priors if prior.name == one.name), None)
    fitted = own is not None and "architectures" in own.why
    return Input(
        name=f"prior of {one.name}", value=one.prior_median, unit=one.unit, elasticity=None,
        source="follows from the priors of the others" if own is None else own.why, as_of=answer.offer.origin.as_of,
        grade=Grade.FITTED if fitted else Grade.ASSUMED, note="" if own is None else own.text,
    )  # fmt: skip


def _reading(
    answer: DeduceResponse, one: Estimate, reading: Reading, line: Calibration, predicted: Mapping[str, Any]
) -> list[Input]:
    """A fact of the sheet, and the line that says how far it is believed."""
    origin, name = answer.offer.origin, EVIDENCE.get(reading.channel, reading.channel).removeprefix("the ")
    sheet = reading.channel in _OF_SHEET
    draws = answer.posterior.draws

    def moved(change: Callable[[float], tuple[Reading, Calibration]]) -> float:
        low, high = (log_likelihood(*change(by), predicted, answer.evidence.priced) for by in (-_LITTLE, _LITTLE))
        return _covariance(draws[one.name], (high - low) / (2.0 * _LITTLE))

    cases = f"{line.n} offers of {line.labs} labs, {line.source}" if line.n else line.source
    return [
        Input(
            name=name, value=math.exp(reading.log_value), unit=_UNITS.get(reading.channel, "1"),
            source=origin.source if sheet else "given by the user", as_of=origin.as_of if sheet else "",
            grade=Grade(origin.grade) if sheet else Grade.GIVEN, note=reading.shown,
            elasticity=moved(lambda by: (replace(reading, log_value=reading.log_value + by), line)),
        ),
        Input(
            name=f"scatter of {name}", value=line.sd, unit="1", source=cases, grade=Grade(line.grade),
            as_of=origin.as_of, note=f"of its logarithm around the line: cost to the power {line.pass_through:g}",
            elasticity=moved(lambda by: (reading, replace(line, sd=line.sd * math.exp(by)))),
        ),
    ]  # fmt: skip


def _covariance(values: Any, score: Any) -> float:
    import numpy as np

    logs = np.log(values)
    return float(((logs - logs.mean()) * (score - score.mean())).mean())


def _terms(answer: DeduceResponse, one: Estimate) -> tuple[Term, ...]:
    """What each fact adds, by leaving it out; shares are of all that the facts say."""
    told = [(moved, max(learnt(moved, one), 0.0)) for moved in answer.moved if one.name in moved.median_factor]
    whole = sum(much for _, much in told)
    return tuple(
        Term(
            name=EVIDENCE.get(moved.channel, moved.channel), value=moved.median_factor[one.name], unit="1",
            share=much / whole if whole else 0.0,
            text=f"median x{moved.median_factor[one.name]:.3g}, width x{moved.width_factor[one.name]:.3g}",
        )
        for moved, much in told
    )  # fmt: skip


# ---------------------------------------------------------------- the regression beside it


def _regression(answer: DeduceResponse, unknown: str) -> Explanation:
    line = next(one for one in REGRESSIONS if one.unknown == unknown)
    evidence, origin = answer.evidence, answer.offer.origin
    known = {
        "price": (evidence.input_usd_per_token * 1e6, "USD/Mtoken", 1.0),
        "day": (evidence.released - 2025.0, "1", evidence.released - 2025.0),
        "speed": (evidence.tokens_per_s or 0.0, "token/s", 1.0 if evidence.tokens_per_s else 0.0),
    }
    weights = dict(zip(line.names, line.weights[2:], strict=True))
    base = line.weights[0] + line.weights[1] * (evidence.kind != "market")
    shape = {"price": "price^{:.3g}", "day": "e^({:.3g} * years)", "speed": "(speed / 90)^{:.3g}"}
    low, middle, high = line.interval(evidence)
    return Explanation(
        number=f"{_BESIDE}{unknown}", value=middle, unit=NUMBERS[unknown],
        formula=" * ".join([f"e^{base:.4g}", *(shape[name].format(weights[name]) for name in line.names)]), terms=(),
        inputs=tuple(
            Input(name=name, value=known[name][0], unit=known[name][1], source=origin.source, as_of=origin.as_of,
                  grade=Grade(origin.grade), elasticity=weights[name] * known[name][2])
            for name in line.names
        ),
        left_out=("everything but prices and days", "what models cost to serve"),
        notes=(f"scatter x/÷{math.exp(line.sd):.3g}, labs left out in turn; four in five: {low:.3g} to {high:.3g}",),
    )  # fmt: skip


# ---------------------------------------------------------------- one fact alone


def _value(one: Deduction) -> float | None:
    return next((value for value in (one.point, one.high, one.low) if value is not None), None)


def _alone(answer: DeduceResponse, one: Deduction) -> Explanation:
    """A formula on the sheet's own figures; what moves it is found by changing each of them."""
    value = _value(one)
    assert value is not None
    taken = tuple(
        Input(name=name, value=figure, unit="1", source="as the formula takes it", grade=Grade.DERIVED, elasticity=None)
        for name, figure in one.inputs.items()
    )  # fmt: skip
    return Explanation(
        number=key_of(one), value=value, unit=one.unit, formula=one.formula, terms=(),
        inputs=(*_moving(answer, one), *taken), left_out=(one.caveat,) if one.caveat else (),
        notes=(f"{one.quantity}: {one.direction}", f"calibration: {one.calibration}"),
    )  # fmt: skip


def _moving(answer: DeduceResponse, one: Deduction) -> Iterator[Input]:
    """Figures of the sheet, of the machine that the formula assumes and its active parameters, where they are in it."""
    origin, machine, evidence = answer.offer.origin, answer.machine, answer.evidence
    lines = base_line(in_usd(answer.offer, {answer.rate.currency: answer.rate.usd})[0])
    holds = tuple(write.ttl_s for write in lines.cache_writes)

    def says(evidence: Evidence, active: float, machine: Machine) -> float | None:
        again = all_deductions(evidence, active, machine, holds)
        return next((_value(other) for other in again if other.name == one.name), None)

    def moves(change: Callable[[float], tuple[Evidence, float, Machine]]) -> float | None:
        low, high = says(*change(math.exp(-_LITTLE))), says(*change(math.exp(_LITTLE)))
        return math.log(high / low) / (2.0 * _LITTLE) if low and high and low != high else None

    active = answer.assumed_active_params
    for name, figure in _figures(evidence, _NO_FIGURES).items():
        found = moves(lambda by: (_with(evidence, name, figure * by), active, machine))  # noqa: B023
        if found is not None:
            yield Input(
                name=name.replace("_", " "), value=figure, unit=_unit(name), source=origin.source, as_of=origin.as_of,
                grade=Grade(origin.grade), elasticity=found,
            )  # fmt: skip
    for name, figure in _figures(machine, ()).items():
        found = moves(lambda by: (evidence, active, _with(machine, name, figure * by)))  # noqa: B023
        if found is not None:
            yield Input(
                name=name.replace("_", " "), value=figure, unit=_unit(name), source=machine.name, grade=Grade.ASSUMED,
                as_of=origin.as_of, elasticity=found,
            )  # fmt: skip
    found = moves(lambda by: (evidence, active * by, machine))
    if found is not None:
        yield Input(
            name="active parameters", value=active, unit="param", source="median of the joint posterior, or as given",
            grade=Grade.FITTED, as_of=origin.as_of, elasticity=found,
        )  # fmt: skip


_NO_FIGURES = ("priced", "released", "sheets", "floor_hosts")


def _figures(of: Evidence | Machine, leave_out: tuple[str, ...]) -> dict[str, float]:
    found = {one.name: getattr(of, one.name) for one in fields(of)}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and value and name not in leave_out
    }


def _with(of: Any, name: str, value: float) -> Any:
    """The same with another figure."""
    return replace(of, **{name: value})


def _unit(name: str) -> str:
    """Of a figure, by its name."""
    endings = {"usd_per_token": "USD/token", "tokens": "token", "usd_per_h": "USD/GPU/h", "flops_per_s": "FLOP/s",
               "bytes_per_s": "B/s", "tokens_per_s": "token/s"}  # fmt: skip
    return next((unit for ending, unit in endings.items() if name.endswith(ending)), "1")
