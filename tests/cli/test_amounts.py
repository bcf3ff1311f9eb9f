"""Tokens, times and bytes are written alike for every option of every verb, in files and in Python."""

from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from tokenroof.catalog.offers.files import parse_tokens, parse_ttl
from tokenroof.cli.main import VERBS, cli
from tokenroof.cli.render import QuantityType
from tokenroof.errors import InputError, TokenroofError, UnitError
from tokenroof.schema import parse, parse_sweep_spec
from tokenroof.types.scenario import Scenario
from tokenroof.units import parse_amount
from tokenroof.usecases.plan.request import PlanRequest

_SAME = {
    "token": (("128000", 128_000.0), ("128k", 128_000.0), ("128K", 128_000.0), ("128Ki", 131_072.0), ("1M", 1e6)),
    "s": (("300", 300.0), ("300s", 300.0), ("50ms", 0.05), ("5min", 300.0), ("5m", 300.0), ("2h", 7200.0),
          ("1d", 86_400.0)),
    "B": (("64GiB", 64 * 2.0**30), ("64GB", 64e9), ("2TB", 2e12)),
    "param": (("37B", 37e9), ("671G", 671e9)),
}  # fmt: skip


@pytest.mark.parametrize(("unit", "text", "value"), [(unit, *one) for unit, all in _SAME.items() for one in all])
def test_one_reader(unit: str, text: str, value: float) -> None:
    assert parse_amount(text, unit) == value
    assert QuantityType(unit).convert(text, None, None) == value


@pytest.mark.parametrize("text", ["128Q", "5 parsec", "80G", "", "m", "nan", "1" * 400])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UnitError):
        parse_amount(text, "B")
    with pytest.raises(UnitError):
        parse_amount(text, "s")


def test_fields_files_and_sheets_read_the_same() -> None:
    for text, value in _SAME["token"]:
        assert parse(Scenario, {"model": "m", "system": "s", "context": text}).context == value
        assert parse_tokens(text) == value
        spec = parse_sweep_spec({"model": "qwen3-8b", "system": "h100", "batch": [1, "2"], "context": [1024, text]})
        assert spec.context == (1024.0, value)
    for text, value in _SAME["s"]:
        assert parse(Scenario, {"model": "m", "system": "s", "users": 1, "think": text}).think == value
    assert (parse_ttl("5m"), parse_ttl("5min"), parse_ttl("1h"), parse_ttl("1d")) == (300.0, 300.0, 3600.0, 86_400.0)


_KIND = {"TOKENS": "128K", "tokens": "128K", "<token>": "128K", "<param>": "37B", "TIME": "50ms", "N": "1k"}
# verbs with what they need beside the option; the value is read before anything is looked up
_WHOLE = {
    "tp", "pp", "ep", "dp", "cp", "years", "pue", "alternatives", "seeds", "gather_passes", "draws", "prefill_workers",
    "decode_workers", "drafts", "threads", "redundant_experts", "replicas",
}  # fmt: skip


def _kind(one: click.Parameter) -> str:
    return one.metavar or (f"<{one.type.unit}>" if isinstance(one.type, QuantityType) else one.type.name)


def _options() -> list[tuple[str, str, str]]:
    found = []
    for verb, (module, _) in sorted(VERBS.items()):
        command: click.Command = import_module(f"tokenroof.cli.{module}").command
        for one in command.params:
            kind = _kind(one)
            if isinstance(one, click.Option) and kind in _KIND and one.name not in _WHOLE:
                found.append((verb, max(one.opts, key=len), _KIND[kind]))
    return found


_FOUND = _options()


def test_the_walk_finds_them() -> None:
    named = {(verb, option) for verb, option, _ in _FOUND}
    assert len(named) > 70
    some = {("kv", "--max-batched-tokens"), ("deduce", "--ttft"), ("trace", "--start"), ("analyze", "--context")}
    assert some | {("offers", "--isl"), ("plan", "--ttft"), ("roofline", "--context")} <= named


@pytest.mark.parametrize(("verb", "option", "text"), _FOUND)
def test_every_option_of_a_kind_takes_it(verb: str, option: str, text: str) -> None:
    """A model that nobody knows ends each verb after its values were read: no complaint is about this one."""
    command: click.Command = import_module(f"tokenroof.cli.{VERBS[verb][0]}").command
    takes = [one for one in command.params if isinstance(one, click.Argument)]
    answer = CliRunner().invoke(command, [*(["no-such-name"] if takes else []), option, text])
    said = f"{answer.output} {answer.exception or ''}"
    for wrong in (
        "is not a valid",
        "must be a number",
        "must be a whole number",
        "is ambiguous",
        "does not start with",
    ):
        assert wrong not in said, said


def test_a_bad_percentile_is_told_whole() -> None:
    with pytest.raises(InputError) as caught:
        parse(PlanRequest, {"model": "m", "system": "s", "ttft": "p99:x"})
    assert "ttft = 'p99:x'" in str(caught.value) and "p99:2s" in str(caught.value)


def test_one_fault_is_told_once() -> None:
    with pytest.raises(InputError) as caught:
        parse(Scenario, {"model": "m", "system": "s", "drafts": 1, "acceptance": 1.5})
    assert str(caught.value) == "acceptance = 1.5: must be from 0 to 1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--micro-batches", "9" * 400], ["deduce", "claude-opus-5", "--seed", "9" * 400],
        ["speculate", "qwen3-8b", "--system", "h100", "--draft", "9" * 3000],
        ["plan", "qwen3-8b", "--system", "h100", "--kv-dtype", ","],
        ["plan", "qwen3-8b", "--system", "h100", "--weight-dtype", " "], ["plan", "qwen3-8b", "--system", ","],
    ],
)  # fmt: skip
def test_what_made_up_inputs_once_broke_is_one_line(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, TokenroofError) or result.exit_code == 2, result.exception
