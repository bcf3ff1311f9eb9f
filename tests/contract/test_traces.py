"""What every format of traces promises, checked for all of them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenroof.simulate.traces
from tokenroof.errors import FileError, InputError, TokenroofError
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.traces import FORMATS, TraceFormat, format_of, read_trace

SHARED = {"__init__", "collect", "format", "lines"}
every_format = pytest.mark.parametrize("one", FORMATS, ids=[one.name for one in FORMATS])
LINED = [one for one in FORMATS if one.name != "vLLM or SGLang result"]
every_lined = pytest.mark.parametrize("one", LINED, ids=[one.name for one in LINED])


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "trace"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def sound(requests: Requests) -> None:
    """What any reading that ends well gives."""
    assert len(requests) >= 1
    assert requests.arrival_s[0] == 0.0
    assert np.isfinite(requests.arrival_s).all() and (np.diff(requests.arrival_s) >= 0).all()
    assert requests.isl.min() >= 1 and requests.osl.min() >= 1


def test_every_file_of_a_format_is_in_the_registry() -> None:
    files = {path.stem for path in Path(tokenroof.simulate.traces.__file__).parent.glob("*.py")}
    assert files - SHARED == {one.read.__module__.rpartition(".")[2] for one in FORMATS}
    assert len({one.name for one in FORMATS}) == len(FORMATS)


@every_format
def test_an_example_is_detected_as_its_own_format_and_no_other(one: TraceFormat, tmp_path: Path) -> None:
    assert [other.name for other in FORMATS if other.detect(one.example)] == [one.name]
    assert format_of(written(tmp_path, one.example)) is one


@every_format
def test_an_example_reads_whole_plain_compressed_and_with_other_line_ends(one: TraceFormat, tmp_path: Path) -> None:
    texts = (one.example, one.example.rstrip("\n"), one.example.replace("\n", "\r\n"), "\ufeff" + one.example)
    for content in (*(text.encode() for text in texts), gzip.compress(one.example.encode())):
        requests = read_trace(written(tmp_path, content))
        sound(requests)
        assert len(requests) == 3
        assert (requests.faults, requests.skipped, requests.notes) == ((), 0, ())


@every_format
def test_each_needed_column_is_told_where_it_lacks(one: TraceFormat, tmp_path: Path) -> None:
    for column in one.columns:
        with pytest.raises(FileError, match=column) as caught:
            read_trace(written(tmp_path, one.example.replace(column, "other")))
        assert "\n" not in str(caught.value)


@every_lined
@pytest.mark.parametrize("broken", ['{"half": ', "1,2", "a,b,c,d,e,f,g,h,i", "\x00", '"'])
def test_a_broken_line_has_its_number_and_leaves_the_others(one: TraceFormat, broken: str, tmp_path: Path) -> None:
    whole = one.example.splitlines()
    for place in range(2, len(whole) + 1):
        path = written(tmp_path, "\n".join([*whole[:place], broken, *whole[place:]]) + "\n")
        with pytest.raises(FileError) as caught:
            read_trace(path)
        assert caught.value.line == place + 1 or broken == '"'  # what follows an open quote is inside it
        assert "skip_bad" in caught.value.reason and "\n" not in str(caught.value)
        requests = read_trace(path, skip_bad=True)
        sound(requests)
        assert requests.skipped == len(requests.faults) == 1
        assert requests.faults[0].line == caught.value.line
        assert len(requests) == 3 or broken == '"'


@every_lined
def test_a_last_line_that_is_half_written_is_a_fault(one: TraceFormat, tmp_path: Path) -> None:
    cut = written(tmp_path, one.example.rstrip("\n")[: one.example.rindex(",")])
    with pytest.raises(FileError) as caught:
        read_trace(cut)
    assert caught.value.line == one.example.count("\n")
    assert len(read_trace(cut, skip_bad=True)) == 2


@every_format
def test_a_file_without_a_request_is_said(one: TraceFormat, tmp_path: Path) -> None:
    head = one.example.splitlines()[0] if one in LINED and not one.example.startswith("{") else ""
    for skip_bad in (False, True):
        with pytest.raises(FileError, match="no request" if head else "is empty"):
            read_trace(written(tmp_path, head + "\n"), skip_bad=skip_bad)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("a,b\n1,2\n", "no known format; known are Azure, Mooncake, .*`columns` arrival=NAME"),
        ("{}", "no known format; known are Azure, Mooncake, .*CSV$"),
        ("[1]", "a JSON list"),
        ("isl\n", "no known format; nearest is CSV, without osl$"),
    ],
)
def test_a_file_of_no_known_format_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=says) as caught:
        read_trace(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_and_a_broken_archive_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file"):
        read_trace(tmp_path / "absent")
    packed = gzip.compress(FORMATS[0].example.encode() * 500)
    for content, says in (
        (packed[: len(packed) // 2], "gzip"),
        (b"\x1f\x8bnothing", "gzip"),
        (b"\xff\xfe\x00", "UTF-8"),
    ):
        with pytest.raises(FileError, match=says) as caught:
            read_trace(written(tmp_path, content))
        assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ fuzz

JUNK = st.sampled_from(
    [b"", b"-1", b"0", b"nan", b"NaN", b"inf", b"-Infinity", b"1e999", b"9" * 30, b"12.5", b"true", b"null", b"[]",
     b"{}", b'"', b"\n", b",", b"\x00", b"\xff", b"now", b"NaT", b"2023", b"99999-01-01 00:00:00", b"[" * 3000, b"1_0"]
) | st.binary(max_size=6)  # fmt: skip


@every_format
@given(data=st.data())
def test_spliced_bytes_end_in_requests_or_one_line(
    one: TraceFormat, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = one.example.encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(start + 12, len(raw))))
        raw = raw[:start] + data.draw(JUNK) + raw[end:]
    path = written(tmp_path_factory.mktemp("fuzz"), raw)
    kept = -1
    try:
        requests = read_trace(path, skip_bad=True)
        sound(requests)
        kept = len(requests)
    except TokenroofError as error:
        assert "\n" not in str(error) and len(str(error)) < 800
    try:
        strict = read_trace(path)
    except TokenroofError as error:
        assert "\n" not in str(error) and len(str(error)) < 800
        return
    assert len(strict) == kept, "what is read without a fault is the same with skip_bad"


@every_lined
@given(body=st.binary(max_size=300))
def test_any_bytes_below_the_first_line_end_in_requests_or_one_line(
    one: TraceFormat, body: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("fuzz"), one.example.splitlines()[0].encode() + b"\n" + body)
    try:
        sound(read_trace(path, skip_bad=True))
    except TokenroofError as error:
        assert "\n" not in str(error)
