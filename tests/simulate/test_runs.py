"""Several runs: one by one, on threads and on a cluster the answers are the same bytes."""

import time
from collections.abc import Callable
from statistics import fmean, stdev
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tokenroof
from tokenroof.errors import InputError, TokenroofError
from tokenroof.present.json import dump
from tokenroof.present.pages.simulate import page_of
from tokenroof.present.text import text
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.run import simulate
from tokenroof.usecases.simulate.runs import Runs

from dask_cluster import Cluster  # isort: skip

LLAMA = {"model": "llama-3.1-8b", "system": "h100", "isl": "exp:500", "osl": "exp:50", "requests": 200}
QUESTIONS = {
    "rates": {"rates": "2:64:6"},
    "capacity": {"capacity": True, "slo": "ttft:200,tpot:30", "percentile": 95.0},
    "seeds": {"request_rate": 20.0, "seeds": 5, "seed": 3, "slo": "ttft:200,tpot:30"},
}


def answered(where: dict[str, Any] | None = None, **options: object) -> SimulateResponse:
    found = simulate(SimulateRequest(**{**LLAMA, **options}), **(where or {}))  # type: ignore[arg-type]
    assert isinstance(found, SimulateResponse)
    return found


def _same(one: SimulateResponse, other: SimulateResponse) -> None:
    assert dump(one) == dump(other)
    for name in ("arrival_s", "first_s", "end_s"):
        np.testing.assert_array_equal(getattr(one.outcome, name), getattr(other.outcome, name))


@pytest.mark.parametrize("question", QUESTIONS)
def test_threads_change_no_byte(question: str) -> None:
    alone = answered(**QUESTIONS[question])
    for threads in (1, 2, 7):
        _same(answered({"threads": threads}, **QUESTIONS[question]), alone)


def test_a_cluster_changes_no_byte(cluster: Callable[[int], Cluster]) -> None:
    pytest.importorskip("distributed", reason="extra cluster")
    address = cluster(2).address
    for question in QUESTIONS.values():
        _same(answered({"cluster": address}, **question), answered(**question))


def test_each_seed_is_the_run_with_that_seed() -> None:
    several = answered(**QUESTIONS["seeds"])
    assert [one.seed for one in several.repeats] == [3, 4, 5, 6, 7] and several.seed == 3
    for point in several.repeats:
        alone = answered(request_rate=20.0, seed=point.seed, slo="ttft:200,tpot:30")
        assert (point.ttft, point.tpot, point.goodput) == (alone.ttft, alone.tpot, alone.goodput)
    first = answered(request_rate=20.0, seed=3, slo="ttft:200,tpot:30")
    assert (several.ttft, several.sentence, several.loads) == (first.ttft, first.sentence, ())


def test_the_page_says_how_far_seeds_spread() -> None:
    several = answered(**QUESTIONS["seeds"])
    lines = text(page_of(several)).splitlines()
    tails = [1e3 * one.ttft.p99 for one in several.repeats]  # type: ignore[union-attr]
    mean, spread = (next(line.split() for line in lines if line.split()[:1] == [name]) for name in ("mean", "spread"))
    assert float(mean[4]) == pytest.approx(fmean(tails), abs=0.6)
    assert float(spread[4]) == pytest.approx(stdev(tails), abs=0.6)
    assert max(map(len, lines)) <= 100


def test_a_closed_loop_and_accepted_drafts_have_seeds_too() -> None:
    closed = answered(concurrency=8.0, seeds=2)
    assert [one.request_rate for one in closed.repeats] == [None, None]
    assert closed.repeats[0].ttft != closed.repeats[1].ttft
    drafts = {"model": "deepseek-v3", "system": "8xh200", "tp": 8, "drafts": 1, "acceptance": 0.8}
    drafted = answered(**drafts, request_rate=1.0, requests=20, isl="500", osl="100", seeds=2)
    assert drafted.repeats[0].tpot != drafted.repeats[1].tpot


def test_files_have_a_row_a_seed(tmp_path: Any) -> None:
    answer = tokenroof.simulate(**LLAMA, request_rate=5, seeds=3, threads=2)
    answer.save(tmp_path / "a.csv")
    assert [line.partition(",")[0] for line in (tmp_path / "a.csv").read_text().split()] == ["seed", "0", "1", "2"]


def _fake(interrupted: bool = False) -> Any:
    return SimpleNamespace(interrupted=interrupted)


def test_a_run_that_is_interrupted_ends_all() -> None:
    with pytest.raises(KeyboardInterrupt):
        Runs(lambda setup, told: _fake(interrupted=setup == 1)).of([0, 1, 2])  # type: ignore[arg-type, list-item]


def test_threads_end_early_when_somebody_interrupts() -> None:
    """The first run is done at once, and its news are an interrupt; the others would go on for ever."""

    def run(setup: Any, on_tokens: Any) -> Any:
        while setup:
            on_tokens(1)
            time.sleep(0.001)
        return _fake()

    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runs(run, width=3, on_progress=interrupt).of([0, 1, 2])  # type: ignore[list-item]


def test_runs_ahead_are_asked_for_only_as_many_as_there_is_room_for() -> None:
    """A search with room for three asks for the half and the two that may follow; one by one it asks for no more."""
    sizes: dict[int, list[int]] = {1: [], 3: []}
    for width, seen in sizes.items():
        real = Runs.of

        def of(self: Runs, setups: Any, seen: list[int] = seen, real: Any = real) -> Any:
            seen.append(len(setups))
            return real(self, setups)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Runs, "of", of)
            answered({"threads": width}, **QUESTIONS["capacity"])
    assert set(sizes[1]) == {1} and set(sizes[3]) <= {1, 2, 3}
    assert len(sizes[3]) < 0.75 * len(sizes[1])


@pytest.mark.parametrize(
    ("options", "where", "says"),
    [
        ({"request_rate": 1.0}, {"threads": 2}, "threads = 2: must be given with `capacity`, `rates` or `seeds`"),
        ({"request_rate": 1.0}, {"cluster": "tcp://h:1"}, "cluster = 'tcp://h:1': must be given with `capacity`"),
        ({"rates": "1:2:3"}, {"threads": 0}, "threads = 0"),
        ({"rates": "1:2:3"}, {"cluster": "h"}, "cluster = 'h': must be the address of a running Dask scheduler"),
        ({"rates": "1:2:3", "seeds": 2}, {}, "seeds = 2: must be left out with rates and capacity"),
        ({"request_rate": 1.0, "seeds": 0}, {}, "seeds = 0"),
        ({"trace": "t.csv", "isl": None, "osl": None, "seeds": 2}, {}, "seeds = 2: must be left out with a trace"),
    ],
)
def test_what_cannot_be_run_is_one_line(options: dict[str, object], where: dict[str, Any], says: str) -> None:
    with pytest.raises(TokenroofError) as raised:
        answered(where, **options)
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_a_cluster_that_cannot_be_reached_is_named() -> None:
    pytest.importorskip("distributed", reason="extra cluster")
    with pytest.raises(InputError, match=r"cluster = 'tcp://127\.0\.0\.1:1': .*Connection refused"):
        answered({"cluster": "tcp://127.0.0.1:1"}, rates="1:2:3")
