"""Any JSON-like data at the door of a verb: a request or one TokenroofError, never anything else."""

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenroof.errors import InputError, TokenroofError, faults_of
from tokenroof.reading import parse_toml
from tokenroof.scenario.files import to_toml
from tokenroof.schema import REQUESTS, parse, request_class
from tokenroof.types.scenario import Scenario

CLASSES = [Scenario, *(request_class(verb) for verb in sorted(REQUESTS) if verb != "sweep")]
NAMES = sorted({one.name for cls in CLASSES for one in fields(cls)})
WORDS = ("50ms", "128k", "8Ki", "auto", "agg", "fp8", "a=b", "nan", "-1", "1e999", "3", "", "\0", "\u2028", "9" * 90)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 1 << 70), st.floats(), st.sampled_from(WORDS), st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), values, max_size=12)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(data=tables, named=st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_any_data_is_a_request_or_an_input_error(cls: type, data: dict[str, Any], named: bool) -> None:
    try:
        request = parse(cls, ({"model": "m", "system": "s"} if named else {}) | data, "here")
    except InputError as error:
        assert isinstance(error, TokenroofError)
        for fault in faults_of(error):
            assert len(str(fault).splitlines()) == 1 and len(str(fault)) < 400
        return
    numbers = [v for one in fields(request) if isinstance(v := getattr(request, one.name), float)]
    assert all(math.isfinite(number) for number in numbers)


@given(data=st.integers(10**4300, 10**4301) | st.just(10**5000))
def test_integers_too_long_to_print_are_refused(data: int) -> None:
    with pytest.raises(InputError):
        parse(Scenario, {"model": "m", "system": "s", "batch": data, "tp": data, "engine": data})


def test_data_nested_without_end_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    table: Any = {}
    for _ in range(100_000):
        table = {"a": table}
    for name in ("model", "batch", "set"):
        for value in (deep, table):
            with pytest.raises(InputError):
                parse(Scenario, {"model": "m", "system": "s", name: value})


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(
    model=texts, system=texts, engine=texts, isl=st.none() | st.floats(2, 1e9), tpot=st.none() | st.floats(1e-6, 10),
    tp=st.none() | st.integers(1, 100_000), users=st.none() | st.floats(1e-9, 1e9),
    pairs=st.lists(st.tuples(st.sampled_from(["a", "chip.b"]), st.sampled_from(["1.5x", 'a"=\\', "é"])), max_size=3),
)  # fmt: skip
def test_every_scenario_reads_back_from_its_file(pairs: list[tuple[str, str]], **given_fields: Any) -> None:
    scenario = Scenario(**given_fields, set=tuple(pairs))
    assert parse(Scenario, parse_toml(to_toml(scenario), "s.toml")) == scenario
