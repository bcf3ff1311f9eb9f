"""`simulate`: statistics worked by hand, the verb against the simulator below it and against queueing theory."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tokenroof
from tokenroof.errors import InputError, InputFaults
from tokenroof.present.json import finite_json
from tokenroof.present.pages.simulate import page_of
from tokenroof.present.text import text
from tokenroof.simulate.run import Outcome
from tokenroof.types.workload import Limits
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.recorder import Recorder
from tokenroof.usecases.simulate.run import SimulateRequest, simulate
from tokenroof.usecases.simulate.statistics import count, latency_of, met, overload_of, queue_at

LLAMA = {"model": "llama-3.1-8b", "system": "h100"}


def answered(**options: object) -> SimulateResponse:
    found = simulate(SimulateRequest(**{**LLAMA, **options}))  # type: ignore[arg-type]
    assert isinstance(found, SimulateResponse)
    return found


def outcome(arrival: list[float], started: list[float], first: list[float], end: list[float], osl: int = 11) -> Outcome:
    columns = [np.array(one, dtype=float) for one in (arrival, started, first, end)]
    sizes = np.full(len(arrival), osl)
    return Outcome(
        arrival_s=columns[0], started_s=columns[1], first_s=columns[2], end_s=columns[3], isl=sizes, osl=sizes,
        replica=np.zeros(len(arrival), dtype=np.int64), rejected=int(np.isnan(columns[3]).sum()), put_back=0, steps=1,
        busy_s=1.0, least_free_blocks=0,
    )  # fmt: skip


# ------------------------------------------------------------------ statistics by hand


def test_limits_hold_for_each_request() -> None:
    """TTFT 1, 3, 1, none; TPOT 0.1, 0.1, 0.3."""
    run = outcome([0, 0, 0, 0], [0, 2, 0, math.nan], [1, 3, 1, math.nan], [2, 4, 4, math.nan])
    assert met(run, Limits(ttft_s=2.0, tpot_s=0.2)).tolist() == [True, False, False, False]
    assert met(run, Limits(ttft_s=1.0)).tolist() == [True, False, True, False]
    single = outcome([0], [0], [1], [1], osl=1)
    assert met(single, Limits(tpot_s=0.01)).tolist() == [True]


def test_percentiles_are_those_of_what_is_known() -> None:
    found = latency_of(np.array([1.0, 2.0, 3.0, math.nan]))
    assert found is not None
    assert (found.mean, found.p50, found.p90) == (2.0, 2.0, pytest.approx(2.8))
    assert latency_of(np.array([math.nan])) is None


def test_a_long_run_is_measured_until_the_last_arrival() -> None:
    """Ten requests a second apart that stay 0.5 s: of the eight that count the first seven end in [2, 9]."""
    arrival = [float(k) for k in range(10)]
    run = outcome(arrival, arrival, [a + 0.1 for a in arrival], [a + 0.5 for a in arrival])
    found = count(run, 0.2)
    assert (found.warmup, int(found.ended.sum()), found.from_s, found.to_s) == (2, 8, 2.0, 9.0)
    assert int(found.in_span.sum()) == 7
    slow = outcome(arrival, arrival, [a + 1 for a in arrival], [a + 30.0 for a in arrival])
    assert count(slow, 0.2).to_s == 39.0


def test_queue_worked_by_hand() -> None:
    run = outcome([0, 1, 2], [0, 3, 5], [1, 4, 6], [3, 5, 7])
    waiting, running = queue_at(run, np.array([0.5, 2.5, 4.0, 6.0, 8.0]))
    assert waiting.tolist() == [0, 2, 1, 0, 0]
    assert running.tolist() == [1, 1, 1, 1, 0]


def test_overload_is_a_queue_that_chance_would_not_leave() -> None:
    """One server that takes 1 s. Two arrivals a second from 100 s on: 100 of 300 wait at the end."""
    arrival = [1.01 * k for k in range(100)] + [100.99 + 0.5 * k for k in range(200)]
    free, started = 0.0, []
    for moment in arrival:
        started.append(max(moment, free))
        free = started[-1] + 1.0
    end = [one + 1.0 for one in started]
    found = overload_of(outcome(arrival, started, started, end))
    assert found is not None
    assert found.from_s == pytest.approx(100.99, abs=1.1)
    assert found.waiting == 100
    steady = [1.01 * k for k in range(300)]
    assert overload_of(outcome(steady, steady, steady, [one + 1.0 for one in steady])) is None


def test_windows_keep_sums_however_long_the_run_gets() -> None:
    rng = np.random.default_rng(1)
    recorder, now, busy, tokens, used = Recorder(100), 0.0, 0.0, 0.0, 0.0
    for _ in range(5000):
        now += rng.exponential(0.01) if rng.random() < 0.3 else 0.0
        seconds, steps, decodes, free = rng.exponential(0.05), int(rng.integers(1, 9)), int(rng.integers(0, 20)), 40
        recorder(now, now + seconds, steps, decodes, 0, free)
        now += seconds
        busy, tokens, used = busy + seconds, tokens + steps * decodes, used + seconds * 60
    recorder.flush()
    assert recorder.sum("busy_s", 0.0, 1e9) == pytest.approx(busy)
    assert recorder.sum("decoded", 0.0, 1e9) == pytest.approx(tokens) and recorder.tokens == tokens
    assert recorder.sum("used_s", 0.0, 1e9) == pytest.approx(used)
    assert recorder.sum("busy_s", 0.0, now / 2) + recorder.sum("busy_s", now / 2, 1e9) == pytest.approx(busy)
    assert recorder.gaps.sum() == pytest.approx(tokens)


def test_a_prompt_between_two_decode_steps_is_in_the_gap_of_who_waited() -> None:
    """Steps 0 to 1 (4 decode), a prompt alone 1 to 4, then 4 to 5: of five decodes four waited since 1."""
    recorder = Recorder(100)
    for event in ((0.0, 1.0, 1, 4, 0, 0), (1.0, 4.0, 1, 0, 500, 0), (4.0, 5.0, 1, 5, 0, 0)):
        recorder(*event)
    recorder.flush()
    found = recorder.gap_percentiles((0.5, 0.7), 0.0)  # five gaps of 1 s, four of 4 s
    assert found == pytest.approx((1.0, 4.0), rel=0.01)


# ------------------------------------------------------------------ the verb


def test_light_load_is_the_closed_form() -> None:
    """Nobody meets anybody: TTFT and TPOT are those of one request alone."""
    found = answered(request_rate=0.05, requests=100, isl="1000", osl="200")
    alone = tokenroof.analyze("llama-3.1-8b", "h100", concurrency=1, isl=1000, osl=200)
    assert found.tpot is not None and found.ttft is not None and found.itl is not None
    assert found.tpot.p50 == pytest.approx(alone.tpot.value, rel=0.03)
    assert found.itl.p50 == pytest.approx(found.tpot.p50, rel=0.02)
    assert found.duty_cycle == pytest.approx(0.05 * found.e2e.mean, rel=0.15)  # type: ignore[union-attr]
    assert (found.overload, found.preemptions, found.rejected) == (None, 0, 0)


def test_littles_law_holds() -> None:
    found = answered(request_rate=10.0, requests=2000, isl="lognormal:1155:1.1", osl="exp:211")
    width = found.series.width_s
    inside = [k for k in range(len(found.series.running)) if found.from_s < (k + 1) * width < found.to_s]
    here = np.mean([found.series.running[k] + found.series.waiting[k] for k in inside])
    assert found.e2e is not None
    assert here == pytest.approx(found.requests_per_s * found.e2e.mean, rel=0.04)
    assert found.batch == pytest.approx(found.requests_per_s * 221 * found.itl.mean, rel=0.1)  # type: ignore[union-attr]


def test_goodput_is_what_meets_the_limits() -> None:
    found = answered(request_rate=20.0, isl="lognormal:1155:1.1", osl="exp:211", slo="ttft:500,tpot:50")
    assert (found.ttft_limit_s, found.tpot_limit_s) == (0.5, 0.05)
    run = found.outcome
    sent = np.arange(1000) >= 100
    good = (run.ttft_s <= 0.5) & ((run.tpot_s <= 0.05) | (run.osl == 1))
    assert found.slo_share == good[sent].mean()
    assert found.goodput == pytest.approx(found.requests_per_s * found.slo_share, rel=0.03)
    assert 0.8 < found.slo_share < 1.0 and f"{100 * found.slo_share:.1f} % of requests meet" in found.sentence
    free = answered(request_rate=20.0, isl="lognormal:1155:1.1", osl="exp:211")
    assert (free.slo_share, free.goodput) == (None, None)


def test_overload_is_said_with_its_beginning_and_the_full_machine_is_the_closed_forms() -> None:
    found = answered(request_rate=80.0, requests=3000, isl="1000", osl="200")
    assert found.overload is not None and found.overload.waiting > 500
    assert "does not keep up" in found.sentence and "queue grows without bound" in found.sentence
    most = tokenroof.analyze("llama-3.1-8b", "h100", request_rate=80, isl=1000, osl=200)
    assert found.requests_per_s == pytest.approx(most.requests_per_s, rel=0.12)
    assert found.closed_form.saturated and found.closed_form.ttft_s is None


def test_a_closed_loop_keeps_its_requests() -> None:
    found = answered(concurrency=32, isl="uniform:500:1500", osl="uniform:100:300")
    at_once = [run + wait for run, wait in zip(found.series.running, found.series.waiting, strict=True)]
    assert max(at_once) == 32 and found.request_rate is None and not found.notes
    assert found.requests_per_s * found.e2e.mean == pytest.approx(32, rel=0.05)  # type: ignore[union-attr]
    users = answered(users=40, think=10.0, isl="1000", osl="200")
    assert users.requests_per_s * (10.0 + users.e2e.mean) == pytest.approx(40, rel=0.07)  # type: ignore[union-attr]


def test_a_closed_loop_says_what_its_beginning_does_to_ttft() -> None:
    """Clients of equal lengths stay bunched as they began; with lengths apart the closed form's TTFT is theirs."""
    alike = answered(concurrency=32, requests=200, isl="1000", osl="100", warmup=0.16)
    assert [note.split(":")[0] for note in alike.notes] == [
        "clients begin together and lengths are alike, so prompts come in bunches"
    ]
    early = answered(concurrency=32, requests=200, isl="1000", osl="100", warmup=0.1)
    assert early.notes[0].startswith("12 of the 32 that begin at once") and "`warmup` 0.16 " in early.notes[0]
    apart = answered(concurrency=32, requests=400, isl="1000", osl="exp:100", warmup=0.16)
    assert apart.ttft and alike.ttft and apart.closed_form.ttft_s and not apart.notes
    assert apart.ttft.mean == pytest.approx(apart.closed_form.ttft_s, rel=0.3)
    assert alike.ttft.mean > 1.5 * apart.ttft.mean


def test_bunches_of_an_engine_that_runs_prompts_alone_are_in_its_closed_form() -> None:
    """40 % apart were analyze and simulate, without a word in analyze."""
    asked = {"model": "llama-3.3-70b", "system": "8xh100", "tp": 8, "engine": "sglang", "concurrency": 32}
    found = answered(**asked, isl="2000", osl="200", requests=320)
    closed = found.closed_form
    assert found.ttft and found.tpot and closed.ttft_s and closed.tpot_s
    assert closed.tpot_s == pytest.approx(found.tpot.mean, rel=0.03)
    assert closed.ttft_s == pytest.approx(found.ttft.mean, rel=0.03)
    steady = analyze(AnalyzeRequest(**asked, isl=2000.0, osl=200.0))  # type: ignore[arg-type]
    assert steady.tpot_s and steady.tpot_s.value > 1.2 * closed.tpot_s
    assert any(f"TPOT {1e3 * closed.tpot_s:.3g} ms" in text for text in steady.warnings)
    mixed = analyze(AnalyzeRequest(**asked | {"engine": "vllm"}, isl=2000.0, osl=200.0))  # type: ignore[arg-type]
    assert not any("bunches" in text for text in mixed.warnings)


def test_a_closed_loop_leaves_out_what_begins_at_once_unless_told_otherwise() -> None:
    """Of 256 at once 100 of 1,000 were left out, and p99 of TTFT was that of the others' wait: 11.2 s, not 1.1."""
    asked = {"model": "llama-3.3-70b", "system": "8xh100", "tp": 8, "isl": "1000", "osl": "200", "concurrency": 256}
    found, as_it_was = (answered(**(asked | more)) for more in ({}, {"requests": 1000, "warmup": 0.1}))
    assert (found.requests, found.warmup_requests, as_it_was.warmup_requests) == (2560, 256, 100)
    assert found.ttft and as_it_was.ttft
    assert found.ttft.p99 and found.ttft.p99 < 2.0 and as_it_was.ttft.p99 and as_it_was.ttft.p99 > 5.0
    run = outcome([0.0] * 10, [0.0] * 10, [1.0] * 10, [2.0] * 10)
    assert [count(run, share, wave=wave).warmup for share, wave in ((None, 3), (None, 6), (0.2, 3))] == [3, 1, 2]


@pytest.mark.parametrize(
    ("load", "short"),
    [
        ({"request_rate": 3.0, "requests": 20}, True),  # the machine drains
        ({"request_rate": 4.0, "requests": 300}, True),  # fills all the while: 3.24 are served and 4 come
        ({"concurrency": 64, "requests": 64}, True),  # all of the first wave
        ({"users": 50, "requests": 60}, True),  # hardly one for each user
        ({"request_rate": 0.1, "requests": 10}, True),  # few
        ({"request_rate": 3.0}, False), ({"concurrency": 64}, False), ({"users": 50}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_run_that_is_too_short_says_so_first_and_what_would_do(load: dict[str, float], short: bool) -> None:
    found = answered(**load)
    assert found.short == short
    assert found.sentence.startswith("Too short a run to tell (") == short
    if short:
        assert f"`requests` {found.requests_enough} would do" in found.sentence
        assert not answered(**(load | {"requests": found.requests_enough})).short


def test_requests_larger_than_memory_are_rejected_and_miss_the_slo() -> None:
    found = answered(request_rate=1.0, requests=50, isl="uniform:1000:700000", osl="10", slo="ttft:100s", warmup=0.0)
    assert found.rejected > 10 and found.ended == 50 - found.rejected
    assert found.slo_share is not None and found.slo_share <= found.ended / 50
    assert f"{found.rejected} requests rejected" in " ".join(text(page_of(found)).split())


@pytest.mark.parametrize("scheduler", ["vllm", "sglang", "trtllm", "static", "train"])
def test_every_scheduler_serves_all(scheduler: str) -> None:
    found = answered(request_rate=3.0, requests=200, isl="exp:500", osl="exp:100", scheduler=scheduler)
    assert (found.ended, found.scheduler) == (200, scheduler)
    assert scheduler == "vllm" or f"scheduled as {scheduler}" in text(page_of(found))


def test_a_trains_steps_are_its_periods() -> None:
    found = answered(
        request_rate=2.0, requests=200, isl="100", osl="50", scheduler="train", period=0.05, profile="peak"
    )
    assert found.tpot is not None and found.tpot.mean == pytest.approx(0.05, rel=1e-3)
    assert found.ttft is not None and 0.0 < found.ttft.mean < 0.1


def test_replicas_share_the_load() -> None:
    options = {"isl": "1000", "osl": "200", "model": "llama-3.1-8b", "system": "8xh100", "tp": 1, "request_rate": 40.0}
    for router in ("round-robin", "least-loaded"):
        found = answered(**options, router=router)
        assert found.replicas == 8
        assert np.ptp(np.bincount(found.outcome.replica)) <= (1 if router == "round-robin" else 60)
        assert 0.5 < found.duty_cycle <= 1.0


def test_the_same_question_has_the_same_answer_and_another_seed_another() -> None:
    first, again = (answered(request_rate=5.0, requests=300, isl="exp:500", osl="exp:50") for _ in range(2))
    assert finite_json(first) == finite_json(again)
    other = answered(request_rate=5.0, requests=300, isl="exp:500", osl="exp:50", seed=1)
    assert other.ttft != first.ttft


def test_traces_are_read_in_part_and_at_another_rate(tmp_path: Path) -> None:
    rows = "".join(f"{k},{100 + k},{2 + k % 5}\n" for k in range(100))
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,isl,osl\n" + rows, encoding="utf-8")
    found = answered(trace=str(path), start=10.0, end=60.0, scale=5.0, requests=40, warmup=0.0)
    assert (found.requests, found.outcome.isl[0], found.request_rate) == (40, 110, pytest.approx(5.0))
    assert found.source == "t.csv, format CSV"
    path.write_text("isl,osl\n100,5\n100,5\n", encoding="utf-8")
    at_once = answered(trace=str(path), warmup=0.0)
    assert (at_once.requests, at_once.request_rate, at_once.overload) == (2, None, None)


def test_an_interrupt_leaves_what_was_done() -> None:
    told: list[float] = []

    def stop(share: float) -> None:
        told.append(share)
        if len(told) == 1:
            raise KeyboardInterrupt

    asked = SimulateRequest(**LLAMA, request_rate=5.0, requests=20_000, isl="500", osl="exp:100")  # type: ignore[arg-type]
    found = simulate(asked, stop)
    assert isinstance(found, SimulateResponse)
    assert found.interrupted and 100 < found.ended < 20_000 and 0.0 < told[0] < 1.0
    assert found.sentence.startswith(f"Interrupted after {found.ended:,} of 20,000 requests: ")
    whole = answered(request_rate=5.0, requests=20_000, isl="500", osl="exp:100")
    assert found.ttft is not None and whole.ttft is not None
    assert found.ttft.mean == pytest.approx(whole.ttft.mean, rel=0.1)
    assert found.requests_per_s == pytest.approx(5.0, rel=0.1) and found.overload is None


def test_what_memory_never_holds_is_refused_with_changes() -> None:
    answer = tokenroof.simulate("deepseek-v3", "h100", request_rate=1)
    assert "memory" in answer.reason or "needed" in answer.reason or "weights" in answer.reason
    with pytest.raises(tokenroof.TokenroofError):
        answer.check()


MIX = {"isl": "lognormal:1155:1.1", "osl": "exp:211"}


def test_the_capacity_is_the_highest_rate_that_meets_the_slo() -> None:
    """At the rate found 95 % of the requests meet it, at 3 % more they do not; the run is the one at that rate."""
    found = answered(capacity=True, percentile=95.0, slo="ttft:500,tpot:40", **MIX)
    assert found.capacity is not None and found.slo_share is not None and found.slo_share >= 0.95
    here = answered(request_rate=found.capacity, slo="ttft:500,tpot:40", **MIX)
    assert here.ttft is not None and found.ttft is not None
    assert (here.ttft.p99, here.slo_share) == pytest.approx((found.ttft.p99, found.slo_share), rel=1e-3)
    more = answered(request_rate=1.03 * found.capacity, slo="ttft:500,tpot:40", **MIX)
    assert more.slo_share is not None and more.slo_share < 0.95
    rates = [one.request_rate for one in found.loads]
    assert rates == sorted(rates) and found.capacity in rates
    assert f"holds {found.capacity:.1f} requests/s with 95 % of requests inside the SLO" in found.sentence


def test_an_slo_that_no_rate_meets_is_said() -> None:
    found = answered(capacity=True, slo="ttft:1", requests=100, **MIX)
    assert found.capacity == 0.0
    assert "has no rate at which 99 % of requests meet the SLO: at " in found.sentence
    assert found.request_rate == pytest.approx(found.loads[0].request_rate, rel=0.3)


def test_a_sweep_is_its_runs_one_by_one_and_finds_the_knee() -> None:
    found = answered(rates="4:32:4", **MIX)
    assert [one.request_rate for one in found.loads] == pytest.approx([4.0, 8.0, 16.0, 32.0])
    for one in found.loads:
        alone = answered(request_rate=one.request_rate, **MIX)
        assert one.ttft is not None and alone.ttft is not None
        assert (one.ttft.p99, one.requests_per_s) == pytest.approx((alone.ttft.p99, alone.requests_per_s), rel=1e-6)
        assert one.overloaded == (alone.overload is not None)
    assert found.knee in (pytest.approx(8.0), pytest.approx(16.0))
    low = answered(rates="0.1:0.4:3", requests=200, isl="500", osl="50")
    assert low.knee is None and "has no knee from 0.100 to 0.400 requests/s" in low.sentence


def test_a_short_run_is_measured_while_its_machine_is_full() -> None:
    """A second between arrivals, each of which waits for one server of 1 s and stays 40 s: one a second are served."""
    arrival = [float(k) for k in range(100)]
    run = outcome(arrival, arrival, arrival, [one + 40.0 for one in arrival])
    found = count(run, 0.1)
    assert (found.from_s, found.to_s) == (pytest.approx(49.9), 99.0)
    assert found.in_span.sum() / found.span_s == pytest.approx(1.0, rel=0.03)


def test_a_trace_is_searched_at_other_rates(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,isl,osl\n" + "".join(f"{k},1000,200\n" for k in range(300)), encoding="utf-8")
    found = answered(trace=str(path), capacity=True, slo="tpot:20")
    assert found.capacity is not None and found.capacity > 5.0
    assert found.source.startswith("t.csv, format CSV at ")
    path.write_text("isl,osl\n100,5\n100,5\n", encoding="utf-8")
    with pytest.raises(InputError, match="one with arrivals at different times"):
        answered(trace=str(path), capacity=True, slo="tpot:20")


def test_files_of_several_loads_have_a_row_a_rate(tmp_path: Path) -> None:
    answer = tokenroof.simulate("llama-3.1-8b", "h100", rates="1:4:3", requests=50, isl=500, osl=50, slo="ttft:500")
    answer.save(tmp_path / "a.csv", tmp_path / "a.svg")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["request_rate"]) for row in rows] == pytest.approx([1.0, 2.0, 4.0])
    assert "goodput" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "meet SLO" in answer.page() and max(map(len, answer.page().splitlines())) <= 100


def test_the_python_door_is_the_verb(tmp_path: Path) -> None:
    import tokenroof.simulate.run as module  # the package is there beside the verb

    assert module.ROUTERS
    answer = tokenroof.simulate("llama-3.1-8b", "h100", request_rate=5, requests=50, isl=1000, osl="exp:100")
    same = answered(request_rate=5.0, requests=50, isl=1000.0, osl="exp:100")
    assert finite_json(answer.response) == finite_json(same) and answer.page() == text(page_of(same))
    assert answer.tables == ("main", "series", "defaults")
    answer.save(tmp_path / "a.csv", tmp_path / "a.svg")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    assert float(rows[7]["e2e_s"]) == same.outcome.e2e_s[7]
    assert "KV cache in use" in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "request_rate: must be given"),
        ({"request_rate": 1.0, "concurrency": 2.0}, "load = "),
        ({"request_rate": 0.0}, "request_rate = 0"),
        ({"request_rate": 1.0, "requests": 0}, "requests = 0"),
        ({"request_rate": 1.0, "isl": "lognorm:3:1"}, "isl = 'lognorm:3:1'"),
        ({"request_rate": 1.0, "osl": "0"}, "osl = '0'"),
        ({"request_rate": 1.0, "arrivals": "gamma"}, "arrivals = 'gamma'"),
        ({"concurrency": 2.5}, "concurrency = 2.5: must be a whole number"),
        ({"concurrency": 2.0, "arrivals": "poisson"}, "arrivals = 'poisson': must be given with a request rate"),
        ({"request_rate": 1.0, "slo": "ttft:"}, "slo = 'ttft:'"),
        ({"request_rate": 1.0, "slo": "ttft:0"}, "slo"),
        ({"request_rate": 1.0, "period": 0.02}, "period = 0.02: must be given with the scheduler train"),
        ({"request_rate": 1.0, "skip_bad": True}, "skip_bad"),
        ({"request_rate": 1.0, "start": 5.0}, "start = 5.0: must be given with a trace"),
        ({"trace": "x.csv", "isl": "100"}, "isl = '100': must be left out with a trace"),
        ({"trace": "x.csv", "request_rate": 1.0}, "request_rate = 1.0: must be left out with a trace"),
        ({"request_rate": 1.0, "prefix": 100.0, "isl": "1000"}, "prefix"),
        ({"request_rate": 1.0, "batch": 4.0}, "load = "),
        ({"batch": 4.0}, "batch = 4.0: must be left out"),
        ({"capacity": True}, "slo"),
        (
            {"capacity": True, "slo": "ttft:500", "request_rate": 1.0},
            "request_rate = 1.0: must be left out: the rate is",
        ),
        ({"capacity": True, "slo": "ttft:500", "rates": "1:2:3"}, "rates = '1:2:3': must be left out with capacity"),
        ({"rates": "2:1:3"}, "rates = '2:1:3': must be of the form LOW:HIGH:COUNT"),
        ({"rates": "1:2"}, "rates = '1:2': must be of the form"),
        ({"rates": "1:2:1"}, "rates = '1:2:1': must be of the form"),
        ({"rates": "1:2:3", "concurrency": 4.0}, "concurrency = 4.0: must be left out with rates"),
        ({"request_rate": 1.0, "router": "random"}, "router = 'random'"),
    ],
)
def test_what_cannot_be_asked_is_one_line(options: dict[str, object], says: str) -> None:
    with pytest.raises((InputError, InputFaults)) as raised:
        simulate(SimulateRequest(**{**LLAMA, **options}))  # type: ignore[arg-type]
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("system", "users"), [("h100", 100.0), ("8xh100", 400.0)])
def test_users_do_not_bunch(system: str, users: float) -> None:
    """Of one length, each reads 30 s on average: as many come as leave, at the closed form's rate. Were all think times
    equal they would come as one after some rounds: 400 users of eight GPUs waited 3.4 s for a first token, not 0.08 s.
    """
    found = answered(system=system, users=users, think=30.0, isl="1024", osl="256", requests=5000, seed=4)
    closed = found.closed_form
    assert closed is not None and found.tpot is not None and found.ttft is not None
    assert found.requests_per_s == pytest.approx(closed.requests_per_s, rel=0.03)
    assert found.tpot.mean == pytest.approx(closed.tpot_s, rel=0.05)
    assert found.ttft.mean == pytest.approx(closed.ttft_s, rel=0.1)


def test_a_run_that_is_stopped_early_counts_what_it_did() -> None:
    """50 of 1,000 requests ended: a tenth of the 50 is left out, not of the 1,000."""
    at = np.arange(1000.0)
    done = np.where(at < 50, at, math.nan)
    stopped = replace(outcome(list(at), list(done), list(done + 0.5), list(done + 1.0)), stopped_s=51.0)
    found = count(stopped, 0.1)
    assert (found.warmup, int(found.ended.sum())) == (5, 45)
