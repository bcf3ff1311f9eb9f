"""Synthetic requests: moments, ranges, seeds, and what is said of a text that names no distribution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.simulate.arrivals import closed_loop, drawn_lengths, synthetic

MANY = 200_000


def lengths(text: str, count: int = MANY) -> np.ndarray:
    return drawn_lengths(text, count, np.random.default_rng(5))


@pytest.mark.parametrize(
    ("text", "mean", "cv"),
    [
        ("1155", 1155.0, 0.0),
        ("8k", 8000.0, 0.0),
        ("uniform:500:1500", 1000.0, math.sqrt((1001**2 - 1) / 12) / 1000),
        ("normal:1000:200", 1000.0, 0.2),
        ("lognormal:1155:1.1", 1155.0, 1.1),
        ("lognormal:300:0", 300.0, 0.0),
        ("exp:5000", 5000.0, 1.0),
        ("range:0.8:10k", 9000.0, math.sqrt((2001**2 - 1) / 12) / 9000),
        ("range:1:77", 77.0, 0.0),
    ],
)
def test_lengths_have_the_mean_and_spread_that_the_text_names(text: str, mean: float, cv: float) -> None:
    found = lengths(text)
    assert found.dtype == np.int64
    error = 5 * max(cv, 1e-9) / math.sqrt(MANY)
    assert found.mean() == pytest.approx(mean, rel=error + 1e-9)
    assert found.std() == pytest.approx(cv * mean, rel=0.03, abs=1e-9)


def test_whole_ranges_hold_both_ends_and_no_more() -> None:
    assert set(lengths("uniform:3:5").tolist()) == {3, 4, 5}
    assert set(lengths("range:0.5:6").tolist()) == {3, 4, 5, 6}
    assert set(lengths("range:0.01:4").tolist()) == {1, 2, 3, 4}
    assert lengths("normal:2:100").min() == 1
    assert lengths("lognormal:100000000:100").max() == 100_000_000


@pytest.mark.parametrize(("text", "cv"), [("poisson", 1.0), ("constant", 0.0), ("gamma:3", 3.0), ("gamma:0.2", 0.2)])
def test_gaps_have_the_rate_and_the_burstiness_asked_for(text: str, cv: float) -> None:
    requests = synthetic(MANY, rate=8.0, arrivals=text, isl="10", osl="1", seed=3)
    gaps = np.diff(requests.arrival_s)
    assert requests.arrival_s[0] == 0.0
    assert requests.mean_rate == pytest.approx(8.0, rel=6 * max(cv, 1e-9) / math.sqrt(MANY))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05, abs=1e-6)


def test_gaps_of_a_poisson_stream_are_exponential() -> None:
    gaps = np.diff(synthetic(MANY, rate=2.0, isl="10", osl="1").arrival_s)
    for share in (0.1, 0.5, 0.9, 0.99):
        assert np.quantile(gaps, share) == pytest.approx(-math.log(1 - share) / 2.0, rel=0.03)


def test_a_seed_gives_the_same_requests_and_one_stream_leaves_the_others() -> None:
    one = synthetic(500, rate=3.0, isl="exp:900", osl="exp:90", seed=1)
    same = synthetic(500, rate=3.0, isl="exp:900", osl="exp:90", seed=1)
    other = synthetic(500, rate=3.0, isl="uniform:1:9", osl="exp:90", seed=1, arrivals="gamma:2")
    assert (one.arrival_s == same.arrival_s).all() and (one.isl == same.isl).all() and (one.osl == same.osl).all()
    assert (one.osl == other.osl).all() and not (one.isl == other.isl).all()
    assert not (one.osl == synthetic(500, rate=3.0, isl="exp:900", osl="exp:90", seed=2).osl).all()
    closed = closed_loop(500, isl="exp:900", osl="exp:90", seed=1)
    assert (closed.isl == one.isl).all() and (closed.osl == one.osl).all() and not closed.arrival_s.any()


def test_a_million_requests_take_24_bytes_each() -> None:
    requests = synthetic(1_000_000, rate=50.0, isl="lognormal:1155:1.1", osl="exp:211")
    assert sum(column.nbytes for column in (requests.arrival_s, requests.isl, requests.osl)) == 24_000_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one of TOKENS, uniform:LOW:HIGH"),
        ("zipf:3", "one of TOKENS, uniform"),
        ("lognorml:3:1", "did you mean lognormal"),
        ("normal:3", "of the form normal:MEAN:SD"),
        ("normal:3:1:2", "of the form normal:MEAN:SD"),
        ("normal:many:1", "'many' is no number"),
        ("exp:0", "with MEAN from 1 to 1e8 tokens"),
        ("exp:nan", "is no number"),
        ("-5", "with TOKENS from 1"),
        ("lognormal:5:-1", "with CV from 0 to 100"),
        ("range:1.5:100", "with RATIO more than 0 and at most 1"),
        ("uniform:9:3", "LOW at most HIGH"),
    ],
)
def test_a_text_that_names_no_lengths_is_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        closed_loop(5, isl="10", osl=text)
    assert caught.value.field == "osl"
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rate": 0.0}, "rate"),
        ({"rate": math.nan}, "rate"),
        ({"rate": math.inf}, "rate"),
        ({"requests": 0}, "requests"),
        ({"requests": 10**9}, "requests"),
        ({"seed": -1}, "seed"),
        ({"arrivals": "gamma"}, "arrivals"),
        ({"arrivals": "gamma:0"}, "arrivals"),
        ({"arrivals": "12"}, "arrivals"),
    ],
)
def test_a_bad_number_is_named(changed: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        synthetic(**({"requests": 5, "rate": 1.0, "isl": "10", "osl": "1"} | changed))  # type: ignore[arg-type]
    assert caught.value.field == field


@given(st.text(max_size=30))
def test_any_text_is_lengths_or_one_line(text: str) -> None:
    try:
        found = drawn_lengths(text, 3, np.random.default_rng(0))
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert (found >= 1).all() and (found <= 100_000_000).all()
