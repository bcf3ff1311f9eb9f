"""Errors say what is wrong in one line, and carry the parts for doors that show more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import DataMissing, InputError, TokenroofError, UnitError, UnknownName


def test_input_error_names_field_value_limit_and_fix() -> None:
    error = InputError("batch", -1, "positive", "sequences decoded together")
    assert str(error) == "batch = -1: must be positive; sequences decoded together"
    assert (error.field, error.value, error.limit, error.fix) == ("batch", -1, "positive", "sequences decoded together")
    assert str(InputError("batch", 0, "positive")) == "batch = 0: must be positive"


def test_unknown_name_offers_the_nearest() -> None:
    error = UnknownName("model", "deepsek", ["deepseek-v3", "deepseek-r1"], "see tokenroof models")
    assert str(error) == "unknown model 'deepsek'; nearest: deepseek-v3, deepseek-r1; see tokenroof models"
    assert error.suggestions == ("deepseek-v3", "deepseek-r1")
    assert str(UnknownName("model", "x")) == "unknown model 'x'"


def test_data_missing_names_the_figure() -> None:
    error = DataMissing("TPU v7", "tdp_w", "machines.json", "give --power")
    assert str(error) == "TPU v7 has no tdp_w (machines.json); give --power"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InputError("a", 1, "b"), ValueError),
        (UnknownName("a", "b"), LookupError),
        (DataMissing("a", "b"), LookupError),
        (UnitError("a"), ValueError),
    ],
)
def test_one_tree_and_the_builtin_that_fits(error: Exception, builtin: type[Exception]) -> None:
    assert isinstance(error, TokenroofError)
    assert isinstance(error, builtin)


@given(st.one_of(st.text(), st.binary(), st.lists(st.text()), st.floats(), st.none()))
def test_messages_stay_on_one_short_line(value: object) -> None:
    for error in (InputError("field", value, "something"), UnknownName("model", str(value))):
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 120
