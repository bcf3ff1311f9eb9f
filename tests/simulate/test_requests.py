"""Requests as columns: order, slices, scale, blocks."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.simulate.requests import Requests, in_order

ROWS = st.lists(
    st.tuples(
        st.floats(min_value=-1e6, max_value=1e6), st.integers(1, 10_000), st.integers(1, 500),
        st.lists(st.integers(0, 2**62), max_size=4), st.integers(-1, 5),
    ),
    max_size=12,
)  # fmt: skip


def made(rows: list[tuple[Any, ...]]) -> Requests:
    return in_order(
        [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows],
        block_lengths=[len(row[3]) for row in rows], block_ids=[i for row in rows for i in row[3]], block_tokens=16,
        sessions=[row[4] for row in rows],
    )  # fmt: skip


def plain(requests: Requests) -> list[tuple[Any, ...]]:
    assert requests.sessions is not None
    return [
        (float(t), int(i), int(o), requests.blocks(k).tolist(), int(s))
        for k, (t, i, o, s) in enumerate(
            zip(requests.arrival_s, requests.isl, requests.osl, requests.sessions, strict=True)
        )
    ]


@given(ROWS)
def test_rows_are_sorted_by_arrival_whole_and_ties_stay_as_they_were(rows: list[tuple[Any, ...]]) -> None:
    wanted = sorted(rows, key=lambda row: row[0])
    first = wanted[0][0] if wanted else 0.0
    assert plain(made(rows)) == [(row[0] - first, *row[1:]) for row in wanted]


@given(ROWS, st.integers(0, 14), st.integers(0, 14))
def test_a_slice_is_the_rows_between_two_times(rows: list[tuple[Any, ...]], start: int, end: int) -> None:
    requests = made([(float(k % 7), *row[1:]) for k, row in enumerate(rows)])
    found = requests.sliced(start / 2, end / 2)
    inside = [row for row in plain(requests) if start / 2 <= row[0] < end / 2]
    assert plain(found) == [(row[0] - inside[0][0], *row[1:]) for row in inside]
    assert plain(requests.first(start)) == plain(requests)[:start]


def test_rate_is_gaps_over_their_time() -> None:
    requests = in_order([10.0, 12.0, 14.0, 18.0], [5] * 4, [1] * 4)
    assert (requests.duration_s, requests.mean_rate) == (8.0, 3 / 8)
    faster = requests.scaled(4.0)
    assert faster.arrival_s.tolist() == [0.0, 0.5, 1.0, 2.0]
    assert faster.mean_rate == 1.5
    assert in_order([3.0, 3.0], [1, 1], [1, 1]).mean_rate == math.inf
    assert in_order([3.0], [1], [1]).mean_rate == 0.0
    assert len(in_order([], [], [])) == 0


def test_order_that_was_mended_is_said() -> None:
    assert in_order([2.0, 1.0, 0.0], [1, 2, 3], [1] * 3).notes == (
        "2 arrivals were earlier than the one before: sorted by time",
    )
    assert in_order([0.0, 1.0, 1.0], [1, 2, 3], [1] * 3).notes == ()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"arrival_s": [1.0, 2.0]}, "arrival_s"),
        ({"arrival_s": [0.0, -1.0]}, "arrival_s"),
        ({"arrival_s": [0.0, math.nan]}, "arrival_s"),
        ({"isl": [1, 0]}, "isl"),
        ({"osl": [1, 2, 3]}, "osl"),
        ({"osl": [1, 200_000_000]}, "osl"),
        ({"block_ids": [1, 2]}, "block_tokens"),
        ({"block_ids": [1, 2], "block_offsets": [0, 1, 3], "block_tokens": 16}, "block_offsets"),
        ({"block_ids": [1, 2], "block_offsets": [0, 2, 1], "block_tokens": 16}, "block_offsets"),
    ],
)
def test_columns_that_break_the_promise_are_refused(changed: dict[str, Any], field: str) -> None:
    good = {"arrival_s": [0.0, 1.0], "isl": [1, 2], "osl": [1, 2]}
    assert len(Requests(**good)) == 2
    with pytest.raises(InputError) as caught:
        Requests(**(good | changed))
    assert caught.value.field == field


def test_columns_cannot_be_written_to_and_the_givers_can() -> None:
    given_by = np.array([0.0, 1.0])
    requests = Requests(arrival_s=given_by, isl=np.array([1, 2]), osl=np.array([1, 2]))
    with pytest.raises(ValueError, match="read-only"):
        requests.arrival_s[0] = 5.0
    given_by[1] = 2.0


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_none_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="factor"):
        in_order([0.0], [1], [1]).scaled(factor)
