"""Who is put back where memory is full, by hand and against a simulation of lengths alone: every step takes 1 s."""

import numpy as np
import pytest

from tokenroof.serving.put_back import Admitted, admitted
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import simulate
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.xp import NUMPY, SCALAR

VLLM = Scheduler(name="vllm", puts_back=True)
ALONE = Layout()


def found(
    present: float, room: float, isl: int, osl: int, scheduler: Scheduler = VLLM, *, tokens: float = 1.0
) -> Admitted:
    lengths = {"isl": float(isl), "new": float(isl), "osl": float(osl), "passes": osl / tokens}
    return admitted(scheduler, ALONE, SCALAR, present=present, limit=room, **lengths)


def test_where_somebody_always_waits_as_many_tokens_are_lost_as_are_answered() -> None:
    """500 in, 2,000 out, room for 100: 100 / 2,000 of an answer ends in a step and covers its part of the growth.

    Of those admitted 2,000 / 2,500 are too many; half of the square of that, 0.32 of those who run, is put back.
    """
    one = found(1e4, 100.0, 500, 2000)
    assert one.running == pytest.approx(100.0)
    assert one.again == pytest.approx(1 + 2000 / 1.05 / 500)
    assert one.paused == pytest.approx(0.32)
    assert one.waiting == pytest.approx(1e4 - 132.0)


@pytest.mark.parametrize("scheduler", [Scheduler(name="sglang"), Scheduler(name="trtllm", reserves_output=True)])
def test_engines_that_keep_room_for_answers_put_nobody_back(scheduler: Scheduler) -> None:
    one = found(300.0, 100.0, 500, 2000, scheduler)
    assert (one.running, one.paused, one.waiting, one.again) == (100.0, 0.0, 200.0, 1.0)


def test_nobody_is_put_back_where_seats_and_not_memory_end_the_batch() -> None:
    one = found(500.0, 256.0, 500, 2000, Scheduler(name="vllm", puts_back=True, max_sequences=256.0))
    assert (one.running, one.paused, one.waiting, one.again) == (256.0, 0.0, 244.0, 1.0)


def test_it_begins_and_ends_without_a_jump() -> None:
    present = np.linspace(1.0, 400.0, 4001)
    many = admitted(VLLM, ALONE, NUMPY, present=present, limit=200.0, isl=500.0, new=500.0, osl=2000.0, passes=2000.0)
    for one, step in ((many.running, 1.0), (many.paused, 0.02), (many.waiting, 0.4), (many.again, 0.25)):
        assert np.abs(np.diff(one)).max() < step
    assert np.allclose(many.running * (1.0 + many.paused) + many.waiting, present)
    assert (np.diff(many.again) >= 0.0).all() and (np.diff(many.waiting) >= -1e-9).all()


def lengths_alone(isl: int, osl: int, room: int, held: int, drafts: int = 0) -> tuple[float, ...]:
    """Of a closed loop: who runs, how often a prompt's tokens are prefilled, steps per token and to the first."""
    rng, count = np.random.default_rng(0), 12 * held
    prompts, answers = (np.round(mean * rng.uniform(8 / 9, 10 / 9, count)).astype(int) for mean in (isl, osl))
    given = np.minimum((rng.uniform(size=held) * answers[:held]).astype(int), answers[:held] - 1)
    prompts[:held] += given
    answers[:held] -= given
    seen: list[tuple[float, float, int, int, int, int]] = []
    rules = Rules(token_budget=8192, blocks=room * -(-(isl + osl // 2) // 16), drafts=drafts, acceptance=0.8)
    out = simulate(
        Requests(arrival_s=np.zeros(count), isl=prompts, osl=answers), lambda _: 1.0, rules,
        concurrency=held, watch=lambda *step: seen.append(step),
    )  # fmt: skip
    ends = np.sort(out.end_s)
    begin, end = ends[3 * held], ends[count - held - 1]
    steps = np.array(seen)
    steps = steps[(steps[:, 0] >= begin) & (steps[:, 1] <= end)]
    served = (count - 4 * held - 1) / (end - begin)
    kept = slice(3 * held, count - held)
    tpot = np.nansum(out.tpot_s[kept] * (out.osl[kept] - 1)) / (out.osl[kept] - 1).sum()
    running = float((steps[:, 2] * steps[:, 3]).sum() / (end - begin))
    return running, float(steps[:, 4].sum() / (end - begin) / served / isl), float(tpot), float(out.ttft_s[kept].mean())


@pytest.mark.parametrize("isl, osl, room, share, drafts", [
    (500, 2000, 100, 2.0, 3),
    (1000, 1000, 200, 2.0, 1),
    (500, 2000, 300, 1.0, 0),
    (500, 2000, 300, 1.2, 0),
    (1000, 1000, 200, 1.1, 0),
    (1000, 1000, 200, 2.0, 0),
    (500, 4000, 200, 2.0, 0),
    (4000, 500, 100, 1.5, 0),
    (500, 2000, 300, 0.85, 0),
])  # fmt: skip
def test_against_lengths_alone(isl: int, osl: int, room: int, share: float, drafts: int) -> None:
    """With drafts an answer takes fewer steps, and as much memory is lost to its tokens."""
    held, tokens = int(share * room), float(sum(0.8**place for place in range(drafts + 1)))
    running, again, tpot, first = lengths_alone(isl, osl, room, held, drafts)
    one = found(float(held), float(room), isl, osl, tokens=tokens)
    assert one.running == pytest.approx(running, rel=0.06)
    assert one.again == pytest.approx(again, rel=0.2)
    assert 1.0 + one.paused == pytest.approx(tpot * tokens, rel=0.08)
    if one.waiting > 0.01 * held:
        assert one.waiting / one.running * osl / tokens == pytest.approx(first, rel=0.4)
