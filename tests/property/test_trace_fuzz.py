"""Mutated traces end in requests that hold what they promise, or in one TokenroofError of one line; in nothing else.

Seeds are the examples of all formats. Mutations of bytes: cut, doubled, spliced, overwritten with what readers trip
over; of JSON: values of other kinds; plain or gzip, with and without skip_bad, with and without columns by name.
"""

import gzip
import json
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokenroof.errors import FileError, TokenroofError
from tokenroof.present.json import finite_json
from tokenroof.present.pages.trace import page_of
from tokenroof.present.text import text
from tokenroof.simulate.requests import MAX_TOKENS, Requests
from tokenroof.simulate.traces import FORMATS, read_trace
from tokenroof.usecases.trace.run import TraceRequest, trace

HANG_S = 2.0  # of processor time; a mutated example takes milliseconds
MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SEEDS = [one.example.encode() for one in FORMATS]
HOSTILE = st.sampled_from(
    [
        b"", b"\0", b"\n", b"\r", b"\r\n\r\n", b",", b";", b"\t", b'"', b'""', b"{", b"}", b"[", b"]", b"[" * 3_000,
        b"nan", b"inf", b"-1", b"1e400", b"0x10", b"1_000", b"9" * 5_000, b"1e11", b"9" * 20, b"\xff", b"\xef\xbb\xbf",
        b"\x1f\x8b", b"null", b"true", b"\xe2\x80\xa8", "\u0663".encode(), b"0001-01-01 00:00:00",
        b"9999-12-31 23:59:59", b"2023-11-16 18:17:03+99:00", b"2023-11-16T18:17",
        b"a,b,c,d,e,f,g,h,i\n", b'{"a": 1}\n',
    ]
)  # fmt: skip
COLUMNS = st.sampled_from(
    [None, "isl=isl,osl=osl", "arrival=timestamp,isl=input_length,osl=output_length", "isl=,osl="]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        low = draw(st.integers(0, len(data)))
        high = draw(st.integers(low, min(len(data), low + 30)))
        kind = draw(st.sampled_from(["cut", "overwrite", "double", "end", "splice"]))
        if kind == "cut":
            data = data[:low] + data[high:]
        elif kind == "overwrite":
            data = data[:low] + draw(HOSTILE) + data[high:]
        elif kind == "double":
            data = data[:high] + data[low:]
        elif kind == "end":
            data = data[:low]
        else:
            data = data[:low] + draw(st.sampled_from(SEEDS))[low:]
    return gzip.compress(data) if draw(st.booleans()) else data


def holds(found: Requests) -> None:
    assert len(found) >= 1
    assert found.arrival_s[0] == 0.0 and np.isfinite(found.arrival_s).all() and (np.diff(found.arrival_s) >= 0).all()
    for lengths in (found.isl, found.osl):
        assert lengths.min() >= 1 and lengths.max() <= MAX_TOKENS
    assert found.skipped >= len(found.faults)
    assert all(fault.reason and "\n" not in fault.reason for fault in found.faults)


def told(error: TokenroofError) -> None:
    assert len(str(error).splitlines()) == 1
    assert len(str(error)) < 900


@MANY
@given(data=mutated(), columns=COLUMNS)
@example(data=b"isl,osl\r5,1\r", columns=None)
@example(data=b'{"timestamp": 0, "input_length": 5, "output_length": 1, "hash_ids": []}', columns=None)
def test_any_bytes_end_in_requests_or_one_error(
    data: bytes, columns: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "trace"
    path.write_bytes(data)
    started = time.process_time()
    strict = kept = None
    try:
        strict = read_trace(path, columns=columns)
        holds(strict)
        assert strict.skipped == 0
    except TokenroofError as error:
        told(error)
    try:
        kept = read_trace(path, columns=columns, skip_bad=True)
        holds(kept)
    except TokenroofError as error:
        told(error)
    if strict is not None:  # nothing was wrong: leaving out what is wrong changes nothing
        assert kept is not None and kept.skipped == 0
        assert kept.isl.tolist() == strict.isl.tolist()
        assert kept.arrival_s.tolist() == strict.arrival_s.tolist()
    assert time.process_time() - started < HANG_S


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**12), st.text(max_size=8),
    st.sampled_from([10**30, -(10**400), 1e308, math.nan, math.inf, 0.5]),
    st.lists(st.one_of(st.integers(-(2**63), 2**64), st.none(), st.lists(st.integers())), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@MANY
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "timestamp": st.integers(0, 10**7) | VALUES, "input_length": st.integers(1, 3_000) | VALUES,
                "output_length": st.integers(1, 900) | VALUES,
                "hash_ids": st.lists(st.integers(0, 9), max_size=3) | VALUES,
            }
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_any_values_of_a_json_trace_make_a_page_and_json_or_one_error(
    rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "trace.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    try:
        found = trace(TraceRequest(file=str(path), skip_bad=True))
    except FileError as error:
        told(error)
        return
    json.dumps(finite_json(found), allow_nan=False)
    assert found.requests + found.skipped == len(rows)
    assert max(map(len, text(page_of(found)).splitlines())) <= 100
    if found.prefixes is not None:
        assert all(0.0 <= one.cache_hit_rate <= 1.0 for one in found.prefixes.caches)
        assert 0.0 <= found.prefixes.reuse_share <= 1.0


@MANY
@given(columns=st.text(alphabet="arivlosnem_=, \0é\n", max_size=40))
def test_any_columns_end_in_requests_or_one_error(columns: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "trace"
    path.write_bytes(SEEDS[-1])
    try:
        holds(read_trace(path, columns=columns))
    except TokenroofError as error:
        told(error)
