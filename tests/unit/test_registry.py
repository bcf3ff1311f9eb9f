"""A formula without its facts cannot be registered; a name that is not there finds its neighbours."""

from collections.abc import Iterator
from typing import Any

import pytest

import tokenroof.formulas.lecture  # noqa: F401  what the registry holds has to be there before a test adds to it
from tokenroof.errors import UnknownName
from tokenroof.registry import REGISTRY, formula, get_formula, nearest
from tokenroof.types.quantities import Bytes, BytesPerS, Seconds
from tokenroof.xp import SCALAR, TRACE, Namespace, Traced


@pytest.fixture(autouse=True)
def registry_as_it_was() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def load(*, size: Bytes, bytes_per_s: BytesPerS, xp: Namespace = SCALAR) -> Seconds:
    """Time to read `size` bytes.

    Formula: t = n
        / W
    Source: definition,
        two lines long.
    """
    return size / bytes_per_s


def test_facts_are_read_from_the_function() -> None:
    formula(increasing=("size",), decreasing=("bytes_per_s",))(load)
    found = get_formula("load")
    assert found.summary == "Time to read `size` bytes."
    assert found.equation == "t = n / W"
    assert found.source == "definition, two lines long."
    assert found.result.unit == "s"
    assert {name: q.unit for name, q in found.inputs.items()} == {"size": "B", "bytes_per_s": "B/s"}
    assert (found.increasing, found.decreasing) == (("size",), ("bytes_per_s",))


def test_the_registered_function_computes_and_traces() -> None:
    registered = formula()(load)
    assert registered(size=6.0, bytes_per_s=2.0) == 3.0
    traced = registered(size=Traced.leaf("n", 6.0), bytes_per_s=2.0, xp=TRACE)
    assert (traced.value, traced.formula) == (3.0, "load")
    assert traced.arguments["size"].label == "n"
    with pytest.raises(TypeError):
        registered(6.0, 2.0)  # type: ignore[misc]
    with pytest.raises(TypeError):
        registered(size=6.0, bytes_per_s=2.0, speed=1.0)  # type: ignore[call-arg]


def test_twice_is_once_too_often() -> None:
    formula()(load)
    with pytest.raises(TypeError, match="registered twice"):
        formula()(load)


def without_source(*, size: Bytes, xp: Namespace = SCALAR) -> Seconds:
    """Summary.

    Formula: t = n
    """


def without_formula(*, size: Bytes, xp: Namespace = SCALAR) -> Seconds:
    """Summary.

    Source: nobody
    """


def without_doc(*, size: Bytes, xp: Namespace = SCALAR) -> Seconds: ...


def without_unit(*, size: float, xp: Namespace = SCALAR) -> Seconds:
    """Summary.

    Formula: t = n
    Source: nobody
    """


def without_result(*, size: Bytes, xp: Namespace = SCALAR) -> float:
    """Summary.

    Formula: t = n
    Source: nobody
    """
    return 0.0


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (without_source, "Source"),
        (without_formula, "Formula"),
        (without_doc, "Formula"),
        (without_unit, r"without_unit\(size\)"),
        (without_result, "result of without_result"),
    ],
)
def test_incomplete_formulas_are_refused(function: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        formula()(function)
    assert function.__name__ not in REGISTRY


@pytest.mark.parametrize(
    "directions",
    [{"increasing": ("speed",)}, {"decreasing": ("speed",)}, {"increasing": ("size",), "decreasing": ("size",)}],
)
def test_directions_must_be_possible(directions: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="directions it cannot have"):
        formula(**directions)(load)


def test_unknown_formula_offers_three() -> None:
    with pytest.raises(UnknownName) as error:
        get_formula("kv_tme_s")
    assert error.value.suggestions[0] == "kv_time_s"
    assert len(error.value.suggestions) == 3


def test_nearest_ignores_case_and_gives_up_on_nonsense() -> None:
    assert nearest("DeepSeek-V3", ["deepseek-v3", "llama-3.1-8b"])[0] == "deepseek-v3"
    assert nearest("zzzzzzzz", ["kv_time_s"]) == ()
