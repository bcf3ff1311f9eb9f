"""What a sweep covers: for each field of a scenario one value or many, and the rules that join the fields.

Categorical fields (names and formats) make an outer loop of cases; numeric fields make a grid inside each case.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from tokenroof.catalog.personal import personal_path
from tokenroof.catalog.profile import EFFICIENCIES
from tokenroof.engines import ENGINES
from tokenroof.errors import InputError, TokenroofError
from tokenroof.operators.timing import RULES
from tokenroof.registry import nearest
from tokenroof.types.dtype import DTYPES
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.layout import A2A_BACKENDS, Layout
from tokenroof.types.scenario import OSL_FIX

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = [
    "AUTO", "CATEGORICAL", "LAYOUT_PARTS", "LIMITS", "NUMERIC", "OWN", "PRICE", "RENTAL", "RULE_NAMES", "Axis", "Range",
    "SpecError", "SweepSpec", "axis_faults", "axis_values", "check_spec", "layout_of", "layout_text", "load_faults",
    "name_faults",
]  # fmt: skip

OWN = "own"  # a format as the checkpoint stores it
AUTO = "auto"  # the layout that `analyze` takes at the grid's largest batch and context; none for the closed forms
RENTAL = "rental"  # the median rental price that the catalogue has for the system
RULE_NAMES = RULES  # the last, operators, is the default: the closed forms know neither layout nor engine

CATEGORICAL = ("model", "system", "layout", "rule", "engine", "profile", "weight_dtype", "kv_dtype")
PRICE = "price_per_gpu_hour"
NUMERIC = ("batch", "context", "isl", "osl", "prefix", PRICE)

# field -> (unit, least, greatest, whether a range gives whole numbers)
LIMITS: dict[str, tuple[str, float, float, bool]] = {
    "batch": ("sequence", 1.0, 1e9, True),
    "context": ("token/sequence", 1.0, 1e9, True),
    "isl": ("token/request", 1.0, 1e9, True),
    "osl": ("token/request", 2.0, 1e9, True),
    "prefix": ("token/request", 0.0, 1e9, True),
    PRICE: ("USD/GPU/h", 0.0, 1e6, False),
}
_LOW_FIXES = {"osl": OSL_FIX}
MOST_POINTS_PER_AXIS = 1_000_000
MOST_BLOCK_POINTS = 1_000_000
_DEGREES = ("tp", "pp", "ep", "dp", "cp", "dcp", "redundant_experts")
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("activation_dtype", "collective_dtype", "dispatch_dtype"), tuple(DTYPES)),
    "moe_a2a_backend": A2A_BACKENDS, "two_batch_overlap": ("true", "false"),
}  # fmt: skip
LAYOUT_PARTS = (*_DEGREES, *_WORDS)
_MOST_SHOWN = 20


class SpecError(InputError):
    """A sweep that cannot be run: every fault at once, each with the path of its field."""

    def __init__(self, where: str, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        self.field, self.value, self.limit, self.fix = where, None, "", ""
        shown = "; ".join(self.faults[:_MOST_SHOWN])
        more = f"; and {len(self.faults) - _MOST_SHOWN} more" if len(self.faults) > _MOST_SHOWN else ""
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        Exception.__init__(self, f"{where}: {count}: {shown}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values from `start` to `stop`, both included: `points` of them, even or `log`, or one every `step`."""

    start: float
    stop: float
    points: int | None = None
    step: float | None = None
    log: bool = False


Axis = tuple[float, ...] | Range


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """A grid over scenarios. Each field is an axis; one value holds a field fixed.

    `layout` holds "auto" and degrees such as "tp=8,ep=8"; `profile` "auto" (the chip's own) and "peak".
    The load is either `context`, the tokens that a decode step finds in each sequence, or `isl` and `osl`, of which
    `prefix` is cached: then requests are known, and what they see is worked out beside decode.
    `price_per_gpu_hour` is a price, prices, "rental" (the catalogue's median for each system), or None: no costs.
    `outputs` None keeps every column. `block_points` bounds what is evaluated and written at a time.
    """

    model: tuple[str, ...]
    system: tuple[str, ...]
    batch: Axis
    context: Axis | None = None
    isl: Axis | None = None
    osl: Axis | None = None
    prefix: Axis | None = None
    price_per_gpu_hour: Axis | str | None = None
    layout: tuple[str, ...] = (AUTO,)
    rule: tuple[str, ...] = ("operators",)
    engine: tuple[str, ...] = (DEFAULT_ENGINE,)
    profile: tuple[str, ...] = ("auto",)
    weight_dtype: tuple[str, ...] = (OWN,)
    kv_dtype: tuple[str, ...] = (OWN,)
    outputs: tuple[str, ...] | None = None
    block_points: int = 65_536

    def numeric_axes(self) -> tuple[str, ...]:
        """The numeric fields in use, in the order in which the grid runs: the last one fastest."""
        return tuple(name for name in NUMERIC if isinstance(getattr(self, name), tuple | Range))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the manifest and its hash."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SweepSpec":
        """The inverse of `as_dict`."""
        return cls(**{name: _unplain(value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Range) else list(value) if isinstance(value, tuple) else value


def _unplain(value: Any) -> Any:
    return Range(**value) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value


def _range_faults(path: str, axis: Range) -> list[str]:
    """What is wrong with a range itself; its ends are checked like any value."""
    if (axis.points is None) == (axis.step is None):
        return [f"{path}: give points or step, one of the two"]
    faults = []
    if axis.stop < axis.start:
        faults.append(f"{path}.to = {axis.stop:g}: must be at least from = {axis.start:g}")
    if axis.points is not None and not 1 <= axis.points <= MOST_POINTS_PER_AXIS:
        faults.append(f"{path}.points = {axis.points}: must be from 1 to {MOST_POINTS_PER_AXIS:,}")
    if axis.log and (axis.step is not None or axis.start <= 0):
        faults.append(f"{path}: a log scale needs points, and from above 0")
    if axis.step is not None and not 0 < axis.step < math.inf:
        faults.append(f"{path}.step = {axis.step:g}: must be a finite number above 0")
    elif axis.step is not None and (axis.stop - axis.start) / axis.step >= MOST_POINTS_PER_AXIS:
        faults.append(f"{path}.step = {axis.step:g}: gives more than {MOST_POINTS_PER_AXIS:,} points")
    return faults


def _value_fault(name: str, path: str, value: float) -> str:
    """Why `value` cannot be used for the numeric field `name`; empty where it can."""
    _, low, high, _ = LIMITS[name]
    if not math.isfinite(value):
        return f"{path} = {value}: must be a finite number"
    fix = f"; {_LOW_FIXES[name]}" if value < low and name in _LOW_FIXES else ""
    return "" if low <= value <= high else f"{path} = {value:g}: must be from {low:g} to {high:g}{fix}"


def axis_faults(name: str, axis: Axis) -> list[str]:
    """What is wrong with the values of a numeric field."""
    if isinstance(axis, Range):
        faults = [_value_fault(name, f"{name}.{end}", v) for end, v in (("from", axis.start), ("to", axis.stop))]
        faults = [fault for fault in faults if fault]
        return faults or _range_faults(name, axis)
    if not axis:
        return [f"{name}: empty; give at least one value"]
    if len(axis) > MOST_POINTS_PER_AXIS:
        return [f"{name}: {len(axis):,} values; at most {MOST_POINTS_PER_AXIS:,}"]
    faults = [_value_fault(name, f"{name}[{i}]" if len(axis) > 1 else name, v) for i, v in enumerate(axis)]
    faults = [fault for fault in faults if fault]
    return faults or ([f"{name}: the same value twice"] if len(set(axis)) < len(axis) else [])


def axis_values(spec: SweepSpec, name: str) -> "ndarray[Any, Any]":
    """The values of a numeric axis as float64. Ranges of counts are rounded to whole numbers, equal ones dropped."""
    import numpy as np

    axis = getattr(spec, name)
    if not isinstance(axis, Range):
        return np.asarray(axis, dtype=np.float64)
    if axis.step is not None:
        count = math.floor((axis.stop - axis.start) / axis.step * (1 + 1e-12)) + 1
        values = axis.start + axis.step * np.arange(count, dtype=np.float64)
    else:
        spaced = np.geomspace if axis.log else np.linspace
        values = spaced(axis.start, axis.stop, axis.points or 1)
    return np.unique(np.round(values)) if LIMITS[name][3] else np.unique(values)


def layout_of(text: str) -> Layout | None:
    """`tp=8,ep=8` as a Layout; None for `auto`. InputError names the part that does not parse."""
    if text == AUTO:
        return None
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in LAYOUT_PARTS or not equals:
            near = nearest(name, LAYOUT_PARTS, 1)
            fix = f"nearest: {near[0]}" if near else ""
            raise InputError("layout", part.strip(), f"one of {', '.join(_DEGREES)} = a whole number", fix)
        if name in given:
            raise InputError("layout", text, "each degree once", f"{name} is given twice")
        given[name] = _degree(name, value) if name in _DEGREES else _word(name, value)
    return Layout(**given)


def _degree(name: str, value: str) -> int:
    least = 0 if name == "redundant_experts" else 1
    if not value.isascii() or not value.isdigit() or not least <= int(value[:10]) <= 1_000_000:
        raise InputError(f"layout.{name}", value, f"a whole number from {least} to 1,000,000")
    return int(value)


def _word(name: str, value: str) -> str | bool:
    known = _WORDS[name]
    if value.lower() not in known:
        raise InputError(f"layout.{name}", value, f"one of {', '.join(known)}")
    return value.lower() == "true" if name == "two_batch_overlap" else value.lower()


def layout_text(parts: Mapping[str, Any]) -> str:
    """The one way to write a layout: known parts in a fixed order."""
    known = [name for name in LAYOUT_PARTS if name in parts]
    rest = [name for name in parts if name not in known]
    return ",".join(f"{name}={_said(parts[name])}" for name in (*known, *rest))


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known() -> dict[str, tuple[str, ...]]:
    formats = (OWN, *DTYPES)
    return {
        "rule": RULE_NAMES, "engine": tuple(ENGINES), "profile": EFFICIENCIES, "weight_dtype": formats,
        "kv_dtype": formats,
    }  # fmt: skip


def _own_profile(name: str) -> bool:
    """Whether it is a profile that `calibrate` saved."""
    try:
        return personal_path(name).is_file()
    except InputError:
        return False


def name_faults(name: str, values: tuple[str, ...]) -> list[str]:
    """What is wrong with the values of a categorical field, as far as that shows without the catalogue."""
    if not values:
        return [f"{name}: empty; give at least one value"]
    faults = [f"{name}: the same value twice"] if len(set(values)) < len(values) else []
    choices = _known().get(name)
    for index, value in enumerate(values):
        path = f"{name}[{index}]" if len(values) > 1 else name
        if choices is not None and value not in choices and not (name == "profile" and _own_profile(value)):
            faults.append(f"{path} = {value!r}: must be one of {', '.join(choices)}")
        if name == "layout":
            try:
                layout_of(value)
            except TokenroofError as error:
                faults.append(str(error).replace("layout", path, 1))
    return faults


def load_faults(given: Collection[str]) -> list[str]:
    """Whether the fields that are given make up one load: context, or isl and osl."""
    requests = [name for name in ("isl", "osl") if name in given]
    faults = []
    if "context" not in given and not requests:
        faults.append("context: missing; give context, or isl and osl")
    if "context" in given and requests:
        faults.append(f"context: given with {' and '.join(requests)}; give one or the other")
    if len(requests) == 1:
        faults.append(f"{'osl' if requests == ['isl'] else 'isl'}: missing; isl and osl are given as a pair")
    if "prefix" in given and not requests:
        faults.append("prefix: needs isl and osl")
    return faults


def _prefix_faults(prefix: Axis | None, isl: Axis | None) -> list[str]:
    if prefix is None or isl is None:
        return []
    longest, shortest = _end(prefix, max), _end(isl, min)
    return [f"prefix = {longest:g}: must be below the least isl, {shortest:g}"] if longest >= shortest else []


def _end(axis: Axis, pick: Any) -> float:
    values = (axis.start, axis.stop) if isinstance(axis, Range) else axis
    return float(pick(values, default=math.nan))


def check_spec(spec: SweepSpec, where: str = "sweep") -> SweepSpec:
    """The spec itself when it can be run; SpecError with every fault otherwise."""
    faults = [fault for name in CATEGORICAL for fault in name_faults(name, getattr(spec, name))]
    for name in NUMERIC:
        axis = getattr(spec, name)
        if isinstance(axis, tuple | Range):
            faults += axis_faults(name, axis)
    price = spec.price_per_gpu_hour
    if isinstance(price, str) and price != RENTAL:
        faults.append(f"{PRICE} = {price!r}: must be numbers, or {RENTAL}")
    faults += load_faults(spec.numeric_axes())
    faults += _prefix_faults(spec.prefix, spec.isl)
    if not 1 <= spec.block_points <= MOST_BLOCK_POINTS:
        faults.append(f"block_points = {spec.block_points}: must be from 1 to {MOST_BLOCK_POINTS:,}")
    if faults:
        raise SpecError(where, faults)
    return spec
