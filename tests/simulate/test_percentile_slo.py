"""Limits on percentiles: a verdict for each, goodput by verdict, and the parser of `plan`."""

import json
import math
from typing import Any

import numpy as np
import pytest

from tokenroof.errors import InputError
from tokenroof.present.json import finite_json
from tokenroof.scenario.slo import slo_of
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.run import simulate
from tokenroof.usecases.simulate.statistics import at_percentile

LLAMA: dict[str, Any] = {
    "model": "llama-3.1-8b", "system": "h100", "isl": "exp:500", "osl": "exp:50", "request_rate": 10.0,
    "requests": 300,
}  # fmt: skip


def ran(**changed: Any) -> SimulateResponse:
    found = simulate(SimulateRequest(**(LLAMA | changed)))
    assert isinstance(found, SimulateResponse)
    return found


def test_the_verdict_is_that_of_the_percentile() -> None:
    plain = ran()
    assert (plain.slo_held, plain.percentiles) == (None, ())
    seen = plain.outcome.ttft_s[plain.warmup_requests :]
    p95 = float(np.percentile(seen, 95))
    kept, missed = ran(ttft=f"p95:{p95 * 1e3 + 1e-3}ms"), ran(ttft=f"p95:{p95 * 1e3 - 1e-3}ms")
    assert kept.percentiles[0].seen_s == missed.percentiles[0].seen_s == pytest.approx(p95)
    assert kept.slo_held and kept.goodput == kept.requests_per_s
    assert missed.slo_held is False and missed.goodput == 0.0
    # each request by itself: one in twenty is beyond
    assert kept.slo_share == pytest.approx(0.95, abs=0.01)
    assert "p95 TTFT" in missed.sentence and "misses" in missed.sentence and "keeps" in kept.sentence


def test_a_limit_without_one_is_of_the_mean() -> None:
    plain = ran()
    mean = plain.tpot.mean  # type: ignore[union-attr]
    kept = ran(slo=f"ttft:p99:10s,tpot:{mean * 1.001}s")
    assert [(one.metric, one.percentile) for one in kept.percentiles] == [("TTFT", 99.0), ("TPOT", None)]
    assert kept.slo_held and not ran(slo=f"ttft:p99:10s,tpot:{mean * 0.999}s").slo_held


@pytest.mark.parametrize(
    ("slo", "ttft", "tpot"),
    [
        ("p99:chat", None, None),
        ("ttft:p90:1s,tpot:50ms", None, None),
        (None, "p99:2s", None),
        ("chat", None, "p50:9ms"),
    ],
)
def test_plan_and_simulate_read_the_same(slo: str | None, ttft: str | None, tpot: str | None) -> None:
    asked, found = slo_of(slo, ttft, tpot), ran(slo=slo, ttft=ttft, tpot=tpot)
    verdicts = {one.metric: (one.percentile, one.limit_s) for one in found.percentiles}
    wanted = {"TTFT": (asked.ttft_percentile, asked.ttft_s), "TPOT": (asked.tpot_percentile, asked.tpot_s)}
    assert verdicts == {name: pair for name, pair in wanted.items() if pair[1] is not None}


def test_a_named_one_brings_its_lengths() -> None:
    asked = LLAMA | {"isl": None, "osl": None, "slo": "p99:chat", "requests": 20}
    found = simulate(SimulateRequest(**asked))
    assert isinstance(found, SimulateResponse)
    assert (found.isl, found.osl) == (512.0, 256.0)


def test_who_never_ends_is_late() -> None:
    assert at_percentile(np.array([1.0, 2.0, math.inf]), 50.0) == 2.0
    assert at_percentile(np.array([1.0, 2.0, math.inf]), 99.0) == math.inf
    assert at_percentile(np.array([1.0, 2.0, 3.0]), 50.0) == 2.0
    # one GPU holds 448,000 tokens: longer prompts are rejected, and are among the requests that count
    late = ran(isl="uniform:300000:580000", requests=40, ttft="p99:1000s")
    assert late.rejected > 1 and late.slo_held is False and late.goodput == 0.0
    assert late.percentiles[0].seen_s == math.inf and "never ended" in late.sentence
    json.dumps(finite_json(late), allow_nan=False)


def test_capacity_is_where_the_percentiles_hold() -> None:
    asked = {key: value for key, value in LLAMA.items() if key != "request_rate"} | {"capacity": True}
    by_verdict = simulate(SimulateRequest(**(asked | {"slo": "ttft:p90:150ms"})))
    by_share = simulate(SimulateRequest(**(asked | {"slo": "ttft:150ms", "percentile": 90.0})))
    assert isinstance(by_verdict, SimulateResponse) and isinstance(by_share, SimulateResponse)
    # one limit: its p90 holds where nine in ten requests are inside
    assert by_verdict.capacity == pytest.approx(by_share.capacity, rel=0.03)
    assert by_verdict.slo_held and by_verdict.capacity_share is None
    assert by_verdict.capacity and f"{by_verdict.capacity:.3g}"[:2] in by_verdict.sentence


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"ttft": "p0:1s"}, "ttft"), ({"slo": "ttft:p99"}, "slo"), ({"tpot": "p99:"}, "tpot"),
     ({"slo": "p99:chat", "percentile": 90.0}, "percentile")],
)  # fmt: skip
def test_bad_input(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as found:
        ran(**changed)
    assert found.value.field == field
