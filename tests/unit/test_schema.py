"""A request from plain data: units read, limits held, every fault at once and in the names of the fields."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from tokenroof.cli.main import VERBS
from tokenroof.errors import InputError, InputFaults, TokenroofError
from tokenroof.scenario.files import to_toml
from tokenroof.schema import REQUESTS, changed, json_schema, parse, read_scenario, request_class
from tokenroof.types.limits import OneOf, Within
from tokenroof.types.scenario import Scenario

NAMES = {"model": "llama-3.3-70b", "system": "8xh100"}


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    years: Annotated[float, Within(0.0, 50.0, "years")]
    rate: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest(Scenario):
    """A verb's request: a scenario and fields of its own."""

    speeds: tuple[Annotated[float, Within(1.0, 10.0)], ...] = (2.0,)
    pair: tuple[float, float] | None = None
    words: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    owner: str | Owner | None = None
    own: Owner | None = None
    colour: Colour = Colour.RED
    path: Path | None = None
    kind: Literal["a", "b"] = "a"
    whole: bool = True
    seed: int = 1


def scenario(**given: Any) -> Scenario:
    return parse(Scenario, NAMES | given)


def faults(cls: type = Scenario, **given: Any) -> list[str]:
    with pytest.raises(InputFaults) as caught:
        parse(cls, NAMES | given)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("tpot", "50ms", 0.05),
        ("ttft", "1.5 s", 1.5),
        ("tpot", 0.05, 0.05),
        ("isl", "128k", 128_000.0),
        ("isl", "128Ki", 131_072.0),
        ("isl", "1M", 1e6),
        ("isl", "4_096", 4096.0),
        ("isl", "8 ktoken", 8000.0),
        ("tp", "8", 8),
        ("tp", 8.0, 8),
        ("users", "10k", 10_000.0),
        ("price_per_gpu_hour", "$2.5", 2.5),
        ("memory_fraction", "80%", 0.8),
        ("batch", 64, 64.0),
        ("batch", None, None),
        ("prefix", None, 0.0),
        ("mode", "disagg", "disagg"),
        ("set", {"chip": {"memory_bandwidth": "1.5x"}, "model.kv_heads": 4},
         (("chip.memory_bandwidth", "1.5x"), ("model.kv_heads", "4"))),
        ("set", ["attention=topk:2048", "a=b=c"], (("attention", "topk:2048"), ("a", "b=c"))),
        ("set", [["a", "b"]], (("a", "b"),)),
    ],
)  # fmt: skip
def test_what_is_read(name: str, given: object, value: object) -> None:
    found = getattr(scenario(**{name: given}), name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("tpot", 50, 'tpot = 50: must be more than 0 and at most 10 seconds; write 0.05 or "50ms"'),
        ("tpot", "50 GB", "tpot = '50 GB': must be a number of seconds; write 0.05 or \"50ms\""),
        ("tpot", 0, "tpot = 0: must be more than 0 and at most 10 seconds"),
        ("context", "128Q", "context = '128Q': must be a number of tokens; write 128000, 128k (128,000) or"),
        ("batch", -1, "batch = -1: must be from 1 to 1e9 requests in one step"),
        ("batch", math.nan, "batch = nan: must be from 1 to 1e9 requests in one step"),
        ("batch", math.inf, "batch = inf: must be from 1 to 1e9 requests in one step"),
        ("batch", "nan", "batch = 'nan': must be a number of requests in one step"),
        ("batch", True, "batch = True: must be a number of requests in one step"),
        ("batch", [3], "batch = [3]: must be a number of requests in one step"),
        ("tp", 2.5, "tp = 2.5: must be a whole number of GPUs"),
        ("tp", 0, "tp = 0: must be from 1 to 100,000 GPUs"),
        ("tp", True, "tp = True: must be a whole number of GPUs"),
        ("mode", "disag", "mode = 'disag': must be one of agg, disagg, auto; nearest: disagg"),
        ("engine", 3, "engine = 3: must be text"),
        ("model", None, "model = None: must be text"),
        ("modl", "x", "modl: must be the name of a field; nearest: model"),
        ("set", "bandwidth", "set = 'bandwidth': must be a table of names and values"),
        ("set", 3, "set = 3: must be a table of names and values"),
    ],
)  # fmt: skip
def test_what_is_refused(name: str, given: object, says: str) -> None:
    (found,) = faults(**{name: given})
    assert found.startswith(says)


def test_all_faults_are_told_at_once_with_the_file_before_each() -> None:
    with pytest.raises(InputError) as caught:
        parse(Scenario, {"system": "h100", "tpot": 50, "tp": 0, "batch": 2, "users": 3, "x1": 1}, "a.toml")
    error = caught.value
    assert isinstance(error, InputFaults) and isinstance(error, TokenroofError)
    assert [fault.field for fault in error.faults] == ["tpot", "tp", "x1", "model", "load"]
    assert all(line.startswith("a.toml: ") for line in str(error).splitlines())
    assert (error.field, error.value) == ("tpot", 50)
    assert "a.toml: model: must be given" in str(error)


def test_hundreds_of_faults_are_cut() -> None:
    with pytest.raises(InputFaults) as caught:
        parse(Scenario, NAMES | {f"field_{n}": 1 for n in range(300)})
    assert len(caught.value.faults) == 300 and str(caught.value).endswith("\nand 280 more")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"batch": 3, "users": 5}, "load = 'batch 3, users 5': must be one of batch, concurrency, request_rate, users"),
        ({"isl": 10, "prefix": 10}, "prefix = 10.0: must be at most isl - 1 = 9"),
        ({"isl": 100, "osl": 10, "context": 100}, "context = 100.0: must be isl + osl / 2 = 105"),
    ],
)
def test_what_fields_say_against_each_other(given: dict[str, object], says: str) -> None:
    (found,) = faults(**given)
    assert found.startswith(says)


def test_a_verb_s_own_fields() -> None:
    own = {
        "speeds": "2,3.5", "pair": [6, "2.5"], "words": "one", "rates": {"CNY": "0.14"}, "owner": {"years": 3},
        "own": Owner(years=4.0), "colour": "red", "path": "x/y", "kind": "b", "whole": False, "seed": 10**30,
    }  # fmt: skip
    found = parse(AskRequest, NAMES | own)
    assert (found.speeds, found.pair, found.words, found.rates) == ((2.0, 3.5), (6.0, 2.5), ("one",), {"CNY": 0.14})
    assert (found.owner, found.own, found.colour) == (Owner(years=3.0), Owner(years=4.0), Colour.RED)
    assert (found.path, found.kind, found.whole, found.seed) == (Path("x/y"), "b", False, 10**30)
    assert parse(AskRequest, NAMES | {"speeds": 3}).speeds == (3.0,)
    assert parse(AskRequest, NAMES | {"owner": "me"}).owner == "me"


def test_paths_of_faults_inside_lists_and_tables() -> None:
    found = faults(
        AskRequest, speeds=[1, 11, "x"], pair=[1], words=[1], rates={"CNY": "much"}, own={"years": 99, "yeers": 1},
        colour="blue", kind="c", whole=1, path=3, owner=3,
    )  # fmt: skip
    for says in (
        "speeds[1] = 11: must be from 1 to 10", "speeds[2] = 'x': must be a number", "pair = [1]: must be a list of 2",
        "words[0] = 1: must be text", "rates.CNY = 'much': must be a number", "own.years = 99: must be from 0 to 50",
        "own.yeers: must be the name of a field; nearest: own.years", "colour = 'blue': must be one of red",
        "kind = 'c': must be one of a, b", "whole = 1: must be true or false", "path = 3: must be text",
        "owner = 3: must be a table",
    ):  # fmt: skip
        assert any(line.startswith(says) for line in found), (says, found)


def test_a_request_made_in_python_is_checked_like_json() -> None:
    made = Scenario(model="m", system="s", tpot=50.0)
    with pytest.raises(InputFaults, match="50ms"):
        parse(Scenario, made)  # type: ignore[arg-type]
    with pytest.raises(InputFaults, match="a table of fields"):
        parse(Scenario, 3)  # type: ignore[arg-type]


def test_changed_scenarios_are_checked_too() -> None:
    first = scenario(tpot="50ms")
    assert changed(first, tpot="30ms", batch=8) == scenario(tpot=0.03, batch=8)
    with pytest.raises(InputFaults, match="tpott"):
        changed(first, tpott="30ms")


def test_a_scenario_file_reads_back(tmp_path: Path) -> None:
    given = scenario(tpot="50ms", isl="8Ki", users=500, tp=2, weight_dtype="fp8", set={"chip.x": 'a"b\\', "y": "é"})
    path = tmp_path / "s.toml"
    path.write_text(to_toml(given), encoding="utf-8")
    assert read_scenario(path) == given
    assert read_scenario(path, AskRequest).tpot == 0.05
    other = tmp_path / "s.json"
    other.write_text(json.dumps(NAMES | {"tpot": "50ms"}), encoding="utf-8")
    assert read_scenario(other) == scenario(tpot=0.05)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("s.toml", "model = ", "scenario file = 's.toml': must be a TOML file"),
        ("s.json", "[1]", "a JSON object"),
        ("s.json", "{", "valid JSON; line 1, column 2"),
        ("s.json", "[" * 100_000, "JSON nested at most 64 deep"),
        ("s.toml", "a" * 1_000_001, "at most 1,000,000 bytes"),
        ("s.toml", 'model = "m"\nsystem = "s"\ntpot = nan', "s.toml: tpot = nan"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_scenario(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_scenario(tmp_path / "none.toml")
    with pytest.raises(InputError, match="can be read"):
        read_scenario("a\0b")


def test_json_schema_holds_the_limits() -> None:
    schema = json_schema(AskRequest)
    properties = schema["properties"]
    assert set(schema["required"]) == {"model", "system"} and schema["additionalProperties"] is False
    assert properties["tp"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 100_000}
    assert properties["tpot"]["anyOf"][0] == {"type": "number", "exclusiveMinimum": 0.0, "maximum": 10.0}
    assert properties["mode"]["enum"] == ["agg", "disagg", "auto"]


def test_every_verb_has_a_request() -> None:
    assert set(REQUESTS) == set(VERBS)
    assert parse(request_class("models"), {"filters": "moe"}) == request_class("models")(filters=("moe",), sort="id")
    assert faults_of_verb("chip", {}) == ["name: must be given"]
    assert faults_of_verb("tiers", {"chips": "h100"}) == ["chips: must be the name of a field; nearest: chip"]


def faults_of_verb(verb: str, data: dict[str, object]) -> list[str]:
    with pytest.raises(InputFaults) as caught:
        parse(request_class(verb), data)
    return str(caught.value).splitlines()


def test_words_and_limits_say_themselves() -> None:
    assert Within(1, 100_000, "GPUs").text == "from 1 to 100,000 GPUs"
    assert Within(0.0, 1e9, "requests", above=True).text == "more than 0 and at most 1e9 requests"
    assert Within(0.05, 1.0).text == "from 0.05 to 1"
    assert not Within(0.0, 1.0).holds(math.nan)
    assert OneOf(("a",)).words == ("a",)


def test_reading_a_request_needs_no_pydantic() -> None:
    code = (
        "import sys; from tokenroof.schema import parse; from tokenroof.types.scenario import Scenario\n"
        "parse(Scenario, {'model': 'm', 'system': 's', 'tpot': '50ms'}); assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
