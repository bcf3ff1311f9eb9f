"""Why one scenario is faster or cheaper than another: numbers beside numbers, and operator beside operator."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from tokenroof.operators.timing import arithmetic_rate
from tokenroof.types.machine import Chip
from tokenroof.types.program import OperatorTime
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import analyze

__all__ = ["Changed", "Difference", "OperatorPair", "Pair", "diff"]

_SAME = 1e-3  # a ratio nearer to one than this is no reason
_NO_FASTER = 5e-3  # speeds nearer to each other than this are called equal
_TOLD = 0.01  # of the larger step: smaller differences of an operator are summed up as the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A field of the scenario in which the two differ, in words."""

    field: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One number of both; `ratio` is b over a. None where a side does not fit."""

    number: str
    unit: str
    a: float | None
    b: float | None
    ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPair:
    """One operator of a decode step in both, and what its counts or rates make of the difference."""

    operator: str
    a_s: float
    b_s: float
    difference_s: float
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`a` against `b`. `operators` are those that make a hundredth of the step or more, `rest_s` all others' sum."""

    a: AnalyzeResponse
    b: AnalyzeResponse
    changed: tuple[Changed, ...]
    numbers: tuple[Pair, ...]
    operators: tuple[OperatorPair, ...]
    rest_s: float
    step_difference_s: float
    sentence: str


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{name}={changed}" for name, changed in value) or "-"
    return "-" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def _changed(a: AnalyzeResponse, b: AnalyzeResponse) -> tuple[Changed, ...]:
    """Fields that were asked differently, and the layout where it was chosen differently."""
    found = [
        Changed(field=one.name, a=_text(getattr(a.request, one.name)), b=_text(getattr(b.request, one.name)))
        for one in fields(Scenario)
        if getattr(a.request, one.name) != getattr(b.request, one.name)
    ]
    layouts = tuple(f"{one.replicas} x {one.layout_label}" for one in (a, b))
    if layouts[0] != layouts[1]:
        found.append(Changed(field="layout", a=layouts[0], b=layouts[1]))
    return tuple(found)


def _number(value: Ranged | float | None) -> float | None:
    return value.value if isinstance(value, Ranged) else value


def _pair(number: str, unit: str, a: Ranged | float | None, b: Ranged | float | None) -> Pair:
    left, right = _number(a), _number(b)
    ratio = right / left if left and right is not None else None
    return Pair(number=number, unit=unit, a=left, b=right, ratio=ratio)


def _numbers(a: AnalyzeResponse, b: AnalyzeResponse) -> tuple[Pair, ...]:
    served = (
        ("tpot_s", "s"), ("decode_step_s", "s"), ("ttft_s", "s"), ("output_tokens_per_s_per_gpu", "token/s/GPU"),
        ("requests_per_s", "request/s"), ("concurrency", "request"),
    )  # fmt: skip
    pairs = [_pair(name, unit, *(getattr(one, name) if one.fits else None for one in (a, b))) for name, unit in served]
    steps = (_number(one.decode_step_s) if one.fits else None for one in (a, b))
    tokens = (one.deployment.tokens_per_step for one in (a, b))
    each = (None if step is None else step / many for step, many in zip(steps, tokens, strict=True))
    pairs.insert(1, _pair("decode_tpot_s", "s", *each))
    for name in ("output_usd_per_mtok", "input_usd_per_mtok", "all_on_output_usd_per_mtok"):
        costs = [None if one.cost is None else getattr(one.cost, name) for one in (a, b)]
        pairs.append(_pair(f"cost_{name}", "USD/Mtoken", *costs))
    for name in ("weights_bytes", "cache_pool_bytes", "cache_bytes_per_sequence"):
        pairs.append(_pair(f"memory_{name}", "B", float(getattr(a.memory, name)), float(getattr(b.memory, name))))
    pairs.append(_pair("max_batch_memory", "request", a.rooms.by_memory, b.rooms.by_memory))
    return tuple(pairs)


def _reasons(a: OperatorTime, b: OperatorTime, chips: tuple[Chip, Chip]) -> str:
    """The counts and rates that changed, first those of what binds: `bytes 0.500x, memory bandwidth 1.40x`."""
    found: list[tuple[str, float]] = []
    if a.collective or b.collective:
        found.append(("network bytes", _ratio(a.comm_bytes, b.comm_bytes)))
        if a.detail != b.detail:
            return f"{_said(found)}; {_how(a)} -> {_how(b)}".removeprefix("; ")
        return _said(found) or "the network's rates"
    memory = [
        ("bytes", _ratio(a.memory_bytes, b.memory_bytes)),
        ("memory bandwidth", _ratio(chips[0].bytes_per_s, chips[1].bytes_per_s)),
    ]
    compute = [("FLOPs", _ratio(a.flops, b.flops))]
    if a.rate and b.rate:
        rates = [arithmetic_rate(chip, row.rate)[1] for chip, row in zip(chips, (a, b), strict=True)]
        compute.append((f"FLOP/s ({a.rate} -> {b.rate})" if a.rate != b.rate else "FLOP/s", _ratio(*rates)))
    bounds = {a.bound, b.bound}
    order = (compute if "compute" in bounds else []) + (memory if bounds != {"compute"} else [])
    if a.count != b.count:
        order = [("runs", _ratio(a.count, b.count)), *order]
    return _said(order) or "what kernels reach of the chip, or their launches"


def _how(row: OperatorTime) -> str:
    """The algorithm and ranks of a collective, whose kind the operator's name says."""
    return row.detail.partition(", ")[2] or row.detail or "none"


def _ratio(a: float, b: float) -> float:
    return b / a if a else float("inf") if b else 1.0


def _said(ratios: list[tuple[str, float]]) -> str:
    return ", ".join(
        f"{name} {format_figures(ratio)}x" if ratio != float("inf") else f"{name} from none"
        for name, ratio in ratios
        if abs(ratio - 1.0) > _SAME
    )


def _because(name: str, sides: tuple[Mapping[str, OperatorTime], ...], chips: tuple[Chip, Chip]) -> str:
    left, right = (side.get(name) for side in sides)
    if left is None or right is None:
        return "only in B" if left is None else "only in A"
    return _reasons(left, right, chips)


def _operators(a: AnalyzeResponse, b: AnalyzeResponse) -> tuple[tuple[OperatorPair, ...], float]:
    sides = tuple({row.name: row for row in one.operators} for one in (a, b))
    chips = (a.deployment.system.chip, b.deployment.system.chip)
    least = _TOLD * max(float(a.step.step_s), float(b.step.step_s))
    pairs, told = [], 0.0
    for name in dict.fromkeys((*sides[0], *sides[1])):
        times = [side[name].time_s if name in side else 0.0 for side in sides]
        difference = times[1] - times[0]
        if abs(difference) < least:
            continue
        told += difference
        because = _because(name, sides, chips)
        pairs.append(OperatorPair(operator=name, a_s=times[0], b_s=times[1], difference_s=difference, because=because))
    pairs.sort(key=lambda pair: -abs(pair.difference_s))
    return tuple(pairs), float(b.step.step_s) - float(a.step.step_s) - told


def _refused(a: AnalyzeResponse, b: AnalyzeResponse) -> str:
    """Which side does not fit, and why."""
    missing = [(name, one) for name, one in (("A", a), ("B", b)) if not one.fits]
    said = [f"{name} does not fit: {one.infeasible.reason}" for name, one in missing if one.infeasible is not None]
    return f"{'. '.join(said)}. So only memory can be compared."


def _missed(a: AnalyzeResponse, b: AnalyzeResponse) -> str:
    """What a side that fits misses, since its numbers are then not of the load that was asked for."""
    said = [f" {name}: {one.infeasible.reason}." for name, one in (("A", a), ("B", b)) if one.infeasible is not None]
    return "".join(said)


def _speed(ratio: float) -> str:
    if abs(ratio - 1.0) < _NO_FASTER:
        return "as fast as A"
    return f"{format_figures(ratio)} times as fast as A" if ratio > 1.0 else f"at {100.0 * ratio:.0f} % of A's speed"


def _dearer(ratio: float) -> str:
    share = 100.0 * (ratio - 1.0)
    if abs(share) < 0.5:
        return " and costs the same per token"
    return f" and costs {abs(share):.0f} % {'more' if share > 0 else 'less'} per token"


def _cause(a: AnalyzeResponse, b: AnalyzeResponse, operators: tuple[OperatorPair, ...]) -> str:
    """What makes most of the difference in TPOT, in the direction that TPOT went."""
    assert a.tpot_s is not None and b.tpot_s is not None
    tpot_s = b.tpot_s.value - a.tpot_s.value
    if abs(tpot_s) < _NO_FASTER * a.tpot_s.value:
        return ""
    steps_s = [float(one.step.step_s) / one.deployment.tokens_per_step for one in (a, b)]
    if abs(tpot_s - (steps_s[1] - steps_s[0])) > 0.5 * abs(tpot_s):
        return "; most of the difference is the prefill of other requests"
    most = next((pair for pair in operators if pair.difference_s * tpot_s > 0.0), None)
    return "" if most is None else f"; most of it comes from {most.operator}: {most.because}"


def _sentence(a: AnalyzeResponse, b: AnalyzeResponse, operators: tuple[OperatorPair, ...]) -> str:
    if not (a.fits and b.fits):
        return _refused(a, b)
    assert a.tpot_s is not None and b.tpot_s is not None
    cost = ""
    if a.cost is not None and b.cost is not None:
        cost = _dearer(b.cost.all_on_output_usd_per_mtok.value / a.cost.all_on_output_usd_per_mtok.value)
    why = _cause(a, b, operators)
    return f"B serves a user {_speed(a.tpot_s.value / b.tpot_s.value)}{cost}{why}.{_missed(a, b)}"


def diff(a: AnalyzeRequest, b: AnalyzeRequest) -> Difference:
    """Lay two scenarios side by side. The operators' differences and `rest_s` add up to that of the decode step."""
    left, right = analyze(a), analyze(b)
    operators, rest = _operators(left, right)
    return Difference(
        a=left,
        b=right,
        changed=_changed(left, right),
        numbers=_numbers(left, right),
        operators=operators,
        rest_s=rest,
        step_difference_s=float(right.step.step_s) - float(left.step.step_s),
        sentence=_sentence(left, right, operators),
    )
