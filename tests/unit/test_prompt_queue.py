"""What prompts wait before prefill workers, against a server of steps that is followed prompt by prompt."""

import numpy as np
import pytest

from tokenroof.formulas.lecture.queueing import md1_mean_wait_s
from tokenroof.serving.prompt_queue import prompt_wait_s
from tokenroof.xp import NUMPY, SCALAR


def followed(arrivals: np.ndarray, one_s: float, full_s: float, most: int, workers: int) -> float:
    """Mean time beyond a step of its own. A step takes all who are there, `most` at most; workers are taken in turn."""
    fixed = (most * one_s - full_s) / (most - 1) if most > 1 else 0.0
    spent = 0.0
    for worker in range(workers):
        mine, now, at = arrivals[worker::workers], 0.0, 0
        while at < len(mine):
            start = max(now, mine[at])
            end = min(at + most, int(np.searchsorted(mine, start, side="right")))
            now = start + fixed + (one_s - fixed) * (end - at)
            spent += now * (end - at) - mine[at:end].sum()
            at = end
    return spent / len(arrivals) - one_s


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(("full_s", "most"), [(1.0, 1), (2.0, 2), (8.0, 8), (5.0, 8), (1.2, 8), (1.0, 8)])
def test_at_random_arrivals(full_s: float, most: int, workers: int) -> None:
    for load in (0.3, 0.6, 0.85):
        rate = load * workers * most / full_s
        arrivals = np.cumsum(np.random.default_rng(0).exponential(1.0 / rate, 8_000))
        seen = followed(arrivals, 1.0, full_s, most, workers)
        found = prompt_wait_s(rate, one_s=1.0, full_s=full_s, group=float(most), workers=float(workers), xp=SCALAR)
        assert 1.0 + found == pytest.approx(1.0 + seen, rel=0.1)


@pytest.mark.parametrize("clients", [10, 40, 160])
def test_of_a_number_of_clients(clients: int) -> None:
    # Each asks once in a cycle, at a moment of its own: queues before equal times, of many such clients.
    rng, load, seen = np.random.default_rng(1), 0.85, []
    for _ in range(40):
        moments = np.sort(rng.uniform(0.0, clients / load, clients))
        cycles = np.concatenate([moments + turn * clients / load for turn in range(4)])
        seen.append(followed(cycles, 1.0, 1.0, 1, 1))
    found = prompt_wait_s(load, one_s=1.0, full_s=1.0, group=1.0, workers=1.0, clients=float(clients), xp=SCALAR)
    assert found == pytest.approx(float(np.mean(seen)), rel=0.25)
    at_random = prompt_wait_s(load, one_s=1.0, full_s=1.0, group=1.0, workers=1.0, xp=SCALAR)
    assert found < at_random


def test_one_worker_with_one_prompt_in_a_step_is_pollaczek_and_khinchine() -> None:
    found = prompt_wait_s(3.0, one_s=0.2, full_s=0.2, group=1.0, workers=1.0, xp=SCALAR)
    assert found == pytest.approx(md1_mean_wait_s(requests_per_s=3.0, service_s=0.2))


def test_nobody_waits_where_nobody_comes_and_arrays_are_their_elements() -> None:
    rates, workers = np.array([[0.0], [1.0], [4.0]]), np.array([1.0, 3.0])
    found = prompt_wait_s(rates, one_s=0.2, full_s=0.9, group=5.0, workers=workers, xp=NUMPY)
    assert found[0] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert (np.diff(found, axis=0) > 0).all() and (found[:, 1] <= found[:, 0]).all()
    for row in range(3):
        for column in range(2):
            one = prompt_wait_s(
                float(rates[row, 0]), one_s=0.2, full_s=0.9, group=5.0, workers=float(workers[column]), xp=SCALAR
            )
            assert one == pytest.approx(found[row, column], rel=1e-12)
