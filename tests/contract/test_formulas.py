"""What every registered formula promises, checked for all of them.

A formula that is registered is in this suite; nothing has to be added here for a new one.
"""

import importlib
import inspect
import itertools
import math
import pkgutil
import random

import numpy as np
import pytest

import tokenroof.formulas
import tokenroof.formulas.lecture
from tokenroof.operators.explain import gradients
from tokenroof.registry import REGISTRY, Formula
from tokenroof.units import Quantity, dims_text, parse_unit
from tokenroof.xp import DIMS, NUMPY, TRACE, Dim, Traced

for _module in pkgutil.iter_modules(tokenroof.formulas.__path__):
    importlib.import_module(f"tokenroof.formulas.{_module.name}")

FORMULAS = [pytest.param(f, id=name) for name, f in sorted(REGISTRY.items())]
every_formula = pytest.mark.parametrize("formula", FORMULAS)

POINTS = 40
UNLIMITED = "unlimited"


def middle(quantity: Quantity) -> float:
    """Geometric mean of the range; arithmetic where the range reaches zero or below."""
    if quantity.low > 0:
        return math.sqrt(quantity.low * quantity.high)
    return (quantity.low + quantity.high) / 2


def drawn(quantity: Quantity, rng: random.Random) -> float:
    if quantity.low > 0:
        return math.exp(rng.uniform(math.log(quantity.low), math.log(quantity.high)))
    return rng.uniform(quantity.low, quantity.high)


def points(formula: Formula, n: int = POINTS) -> list[dict[str, float]]:
    """The middle of every range, then random points; the same ones each time."""
    rng = random.Random(formula.name)
    first = {name: middle(q) for name, q in formula.inputs.items()}
    return [first] + [{name: drawn(q, rng) for name, q in formula.inputs.items()} for _ in range(n - 1)]


def close(a: float, b: float, relative: float = 1e-9) -> bool:
    return a == b or math.isclose(a, b, rel_tol=relative, abs_tol=1e-300)


# ------------------------------------------------------------------ what it says of itself


@every_formula
def test_documents_itself(formula: Formula) -> None:
    doc = inspect.getdoc(formula.function)
    assert doc is not None
    assert formula.summary.endswith((".", ":", "?")) or doc.split("\n\n")[0].rstrip().endswith(".")
    assert formula.summary[0].isupper()
    assert len(formula.equation) >= 3
    assert len(formula.source) >= 5
    package = importlib.import_module(formula.function.__module__.rpartition(".")[0])
    family = formula.family.rpartition("/")[2]
    assert package in (tokenroof.formulas, tokenroof.formulas.lecture)
    assert family in dir(package), "the package's __init__.py does not import the family"
    assert family in package.__all__


@every_formula
def test_signature_is_keyword_only_quantities_and_xp(formula: Formula) -> None:
    parameters = inspect.signature(formula.function).parameters
    assert list(parameters) == [*formula.inputs, "xp"]
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters.values())
    assert all(p.default is inspect.Parameter.empty for name, p in parameters.items() if name != "xp")


@every_formula
def test_declares_directions_of_its_own_inputs(formula: Formula) -> None:
    assert set(formula.increasing) | set(formula.decreasing) <= set(formula.inputs)
    assert not set(formula.increasing) & set(formula.decreasing)


@every_formula
def test_ranges_are_ranges(formula: Formula) -> None:
    for quantity in (*formula.inputs.values(), formula.result):
        assert parse_unit(quantity.unit).scale == 1.0, "formulas speak base units"
        assert math.isfinite(quantity.low)
        assert math.isfinite(quantity.high)
        assert quantity.low < quantity.high


# A name that ends like this is in that unit. Longest ending first.
ENDINGS = {
    "usd_per_token_s": "USD/token/s",
    "usd_per_token": "USD/token",
    "usd_per_byte_s": "USD/B/s",
    "usd_per_gpu_s": "USD/GPU/s",
    "usd_per_s": "USD/s",
    "flops_per_s": "FLOP/s",
    "macs_per_s": "MAC/s",
    "bytes_per_s": "B/s",
    "bytes_per_param": "B/param",
    "bytes_per_token": "B/token",
    "tokens_per_s": "token/s",
    "requests_per_s": "request/s",
    "_bytes": "B",
    "_flops": "FLOP",
    "_usd": "USD",
    "_s": "s",
}
# In these the ending means something else, each said in its docstring.
OTHER_UNIT = {
    ("users", "user_tokens_per_s"): "token/s/sequence",
    ("service", "service_s"): "s/request",
    ("read", "read_bytes"): "B/sequence",
    ("read", "sparse_read_bytes"): "B/sequence",
    ("read", "interleaved_read_bytes"): "B/sequence",
    ("state", "state_bytes"): "B/sequence",
    ("arrivals", "arrivals_per_s"): "sequence/s",
}


@every_formula
def test_names_carry_their_unit(formula: Formula) -> None:
    special = {name: unit for (_, name), unit in OTHER_UNIT.items()}
    for name, quantity in ({formula.name: formula.result} | dict(formula.inputs)).items():
        unit = special.get(name) or next((u for end, u in ENDINGS.items() if name.endswith(end)), None)
        if unit is not None:
            assert dims_text(quantity.dims) == dims_text(parse_unit(unit).dims), name


# ------------------------------------------------------------------ one source, several evaluators


@every_formula
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_numpy_equals_scalar(formula: Formula, shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    chosen = points(formula, size + 1)[1:]
    arrays = {name: np.array([p[name] for p in chosen], dtype=np.float64).reshape(shape) for name in formula.inputs}
    before = {name: array.copy() for name, array in arrays.items()}
    result = np.asarray(formula.function(xp=NUMPY, **arrays))
    assert result.shape == shape
    for got, point in zip(result.ravel(), chosen, strict=True):
        assert close(float(got), formula.function(**point))
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name], err_msg="a formula may not write to its input")


@every_formula
def test_float32_stays_float32(formula: Formula) -> None:
    point = points(formula, 1)[0]
    arrays = {name: np.full(3, value, dtype=np.float32) for name, value in point.items()}
    result = np.asarray(formula.function(xp=NUMPY, **arrays))
    assert result.dtype == np.float32
    exact = formula.function(**{name: float(array[0]) for name, array in arrays.items()})
    # Cancellation costs digits: 1 - (1 - p)^T, revenue / cost - 1.
    np.testing.assert_allclose(result, exact, rtol=2e-3, atol=1e-5)


@every_formula
def test_broadcasting_equals_scalar_calls(formula: Formula) -> None:
    """Every input on an axis of its own: the product grid that sweeps use."""
    names = list(formula.inputs)
    pair = points(formula, 2)
    axes = {
        name: np.array([p[name] for p in pair]).reshape([2 if i == j else 1 for j in range(len(names))])
        for i, name in enumerate(names)
    }
    grid = np.broadcast_to(formula.function(xp=NUMPY, **axes), (2,) * len(names))
    for index in itertools.product((0, 1), repeat=len(names)):
        point = {name: pair[i][name] for name, i in zip(names, index, strict=True)}
        assert close(float(grid[index]), formula.function(**point))


@every_formula
def test_dimensions_are_the_declared_ones(formula: Formula) -> None:
    for point in points(formula, 5):
        arguments = {name: Dim.in_unit(v, formula.inputs[name].unit) for name, v in point.items()}
        result = Dim.of(formula.function(xp=DIMS, **arguments))
        value = formula.function(**point)
        unit_free = not result.dims and (value == 0 or math.isinf(value))
        assert unit_free or dims_text(result.dims) == dims_text(formula.result.dims)
        assert close(result.value, value)


def traced(formula: Formula, point: dict[str, float]) -> Traced:
    leaves = {name: Traced.leaf(name, value) for name, value in point.items()}
    return Traced.of(formula.function(xp=TRACE, **leaves))


def ops(result: Traced) -> set[str]:
    found, stack = set(), [result]
    seen = {id(result)}
    while stack:
        node = stack.pop()
        found.add(node.op)
        for parent, _ in node.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                stack.append(parent)
    return found


@every_formula
def test_trace_has_the_value_and_names_the_formula(formula: Formula) -> None:
    for point in points(formula, 5):
        result = traced(formula, point)
        assert close(result.value, formula.function(**point), 1e-12)
        assert result.formula == formula.name
        assert {name: a.label for name, a in result.arguments.items()} == {n: n for n in formula.inputs}


@every_formula
def test_derivatives_agree_with_finite_differences(formula: Formula) -> None:
    """Central differences at points without a kink nearby; every input must have had such a point."""
    checked: dict[str, int] = dict.fromkeys(formula.inputs, 0)
    for point in points(formula, 12):
        value = formula.function(**point)
        if not math.isfinite(value):
            continue
        result = traced(formula, point)
        slopes = gradients(result)
        step = 1e-5
        if ops(result) & {"floor", "ceil"}:
            step = 1e-9  # between two steps of a staircase
            if abs(value) * step > 0.1:
                continue  # so many steps that they look like a slope
        for name, x in point.items():
            up = formula.function(**point | {name: x * (1 + step)})
            down = formula.function(**point | {name: x * (1 - step)})
            rise, fall = (up - value) / (x * step), (value - down) / (x * step)
            scale = max(abs(rise), abs(fall), abs(value / x) * 1e-4)
            if not math.isfinite(scale) or abs(rise - fall) > 0.01 * scale:
                continue  # a kink or a cliff
            checked[name] += 1
            found = slopes.get(name, 0.0)
            assert abs(found - (rise + fall) / 2) <= 2e-3 * max(scale, abs(found)), (name, point)
    assert all(checked.values()), checked


# ------------------------------------------------------------------ behaviour over the declared ranges


def increases(formula: Formula, name: str) -> list[tuple[float, float]]:
    """Results before and after raising one input, at random points."""
    rng = random.Random(f"{formula.name} {name}")
    high = formula.inputs[name].high
    found = []
    for point in points(formula):
        x = point[name]
        more = min(high, x + (high - x) * rng.random() ** 3 if x <= 0 else x * math.exp(rng.random() * 3))
        found.append((formula.function(**point), formula.function(**point | {name: more})))
    return found


DIRECTIONS = [
    pytest.param(f, name, sign, id=f"{f.name}-{name}")
    for f in sorted(REGISTRY.values(), key=lambda f: f.name)
    for names, sign in ((f.increasing, 1), (f.decreasing, -1))
    for name in names
]


@pytest.mark.parametrize(("formula", "name", "sign"), DIRECTIONS)
def test_goes_the_declared_way(formula: Formula, name: str, sign: int) -> None:
    moved = False
    for before, after in increases(formula, name):
        slack = 1e-9 * max(abs(before), abs(after)) if math.isfinite(before) and math.isfinite(after) else 0.0
        assert sign * after >= sign * before - slack
        moved = moved or after != before
    assert moved, "declared, but nothing ever changes"


@every_formula
def test_is_finite_at_the_ends_of_its_ranges(formula: Formula) -> None:
    """All corners of the box of ranges. A formula may be infinite only where its docstring says so."""
    ends = [(q.low, q.high) for q in formula.inputs.values()]
    may_be_infinite = UNLIMITED in (inspect.getdoc(formula.function) or "")
    for corner in itertools.product(*ends):
        value = formula.function(**dict(zip(formula.inputs, corner, strict=True)))
        assert isinstance(value, float | int)
        assert not math.isnan(value)
        assert math.isfinite(value) or may_be_infinite, corner


def test_every_family_is_covered() -> None:
    lecture = {f"lecture/{name}" for name in tokenroof.formulas.lecture.__all__}
    assert {f.family for f in REGISTRY.values()} <= set(tokenroof.formulas.__all__) | lecture
    assert len(REGISTRY) >= 150
