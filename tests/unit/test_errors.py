"""Errors say what is wrong in one line, and carry the parts for doors that show more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import (
    DataMissing,
    FileError,
    InfeasibleError,
    InputError,
    InputTypeError,
    MissingExtra,
    TokenroofError,
    UnitError,
    UnknownName,
)  # fmt: skip


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
        (InputTypeError("a", "1", "a number"), TypeError),
        (InputTypeError("a", "1", "a number"), InputError),
        (FileError("runs.csv", 3, "isl is not a number"), OSError),
        (InfeasibleError("a"), TokenroofError),
        (MissingExtra("a chart", "export"), ImportError),
    ],
)
def test_one_tree_and_the_builtin_that_fits(error: Exception, builtin: type[Exception]) -> None:
    assert isinstance(error, TokenroofError)
    assert isinstance(error, builtin)


def test_what_the_other_errors_say_and_carry() -> None:
    bad = FileError("runs.csv", 3, "isl is 'x', not a number")
    assert str(bad) == "runs.csv:3: isl is 'x', not a number" and (bad.path, bad.line) == ("runs.csv", 3)
    assert str(FileError("runs.csv", 0, "is not a table")) == "runs.csv: is not a table"
    assert str(InfeasibleError("does not fit")) == "does not fit"
    tight = InfeasibleError("does not fit", ["8xh200", "16xh100"])
    assert str(tight) == "does not fit; what would fit: 8xh200, 16xh100" and tight.fixes == ("8xh200", "16xh100")
    gone = MissingExtra("a Parquet file", "export")
    assert str(gone) == "a Parquet file needs a package that is not installed: pip install 'tokenroof[export]'"
    assert (gone.feature, gone.extra) == ("a Parquet file", "export")


@given(st.one_of(st.text(), st.binary(), st.lists(st.text()), st.floats(), st.none()))
def test_messages_stay_on_one_short_line(value: object) -> None:
    for error in (InputError("field", value, "something"), UnknownName("model", str(value))):
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 120
