"""Drafts, each part by hand: lengths, spans, where they stop paying, a point of a made-up machine, the sentence."""

from types import SimpleNamespace
from typing import Any

import pytest

from tokenroof.catalog.acceptance import AcceptanceCurve
from tokenroof.errors import InputError
from tokenroof.usecases.money import drafting
from tokenroof.usecases.money import speculate as s
from tokenroof.usecases.money.drafts import Drafter
from tokenroof.usecases.money.speculate_sentence import sentence_of


def asked(**fields: Any) -> s.SpeculateRequest:
    return s.SpeculateRequest(**{"model": "llama-3.1-70b", "system": "8xh100", "profile": "peak", **fields})


def answered(**fields: Any) -> s.SpeculateResponse:
    answer = s.speculate(asked(**fields))
    assert isinstance(answer, s.SpeculateResponse)
    return answer


CURVE = AcceptanceCurve(
    id="x/mtp", family="x", checkpoint="x", drafter="mtp", thinking=None, lengths=(1.6, 2.0, 2.2), facts=()
)


def machine(*, compute: float = 0.0, pass_s: float = 0.0, sequence_s: float = 0.0) -> s.Drafting:
    """A step of 1 s, 0.01 s a token of the batch and 0.001 s a token of context; a draft takes 0.1 s.

    Where drafts are verified the host takes `pass_s`, and `sequence_s` for each sequence of one of two groups.
    """

    def step(batch: float, context: float, drafts: float = 0.0) -> Any:
        return SimpleNamespace(
            step_s=1.0 + 0.01 * batch * (1.0 + drafts) + 0.001 * context, compute_s=compute * batch, weights_s=1.0,
            kv_s=0.5,
        )  # fmt: skip

    profile = SimpleNamespace(draft_pass_s=pass_s, draft_sequence_s=sequence_s)
    deployment: Any = SimpleNamespace(step=step, replicas=3, layout=SimpleNamespace(pp=2, dp=2), profile=profile)
    drafter = Drafter(name="", layout=None, step_s=lambda batch, context: 0.1)
    return s.Drafting(deployment=deployment, drafter=drafter, lengths=(1.5, 1.75), depths=(1, 2), context=100.0)


def test_a_point_by_hand() -> None:
    """Batch 10: a step of 1.2 s; two drafts 0.2 s and a verify step of 1 + 0.3 + 0.102 s for 1.75 tokens."""
    timed = machine()
    point = timed.point(10.0, 2, timed.step_s(10.0))
    assert timed.step_s(10.0) == pytest.approx(1.2)
    assert (point.tokens, point.verify_step_s, point.draft_s) == (1.75, pytest.approx(1.402), 0.1)
    assert point.speedup == pytest.approx(1.75 * 1.2 / (1.402 + 0.2)) == timed.speedup_of(2, 10.0)
    hosted = machine(pass_s=0.05, sequence_s=0.004).point(10.0, 2, 1.2)  # 0.05 + 0.004 x 10 / 2
    assert hosted.verify_step_s == pytest.approx(1.402 + 0.07)


def test_a_row_by_hand() -> None:
    """One draft: 1.5 * 1.2 / (1.301 + 0.1) = 1.285; two: 1.311. Six stages of ten requests at 1.2/1.311 s a token."""
    row = machine().row(10.0)
    best = 1.75 * 1.2 / 1.602
    assert (row.best_depth, row.best_speedup) == (2, pytest.approx(best))
    assert row.tpot_s == pytest.approx(1.2 / best)
    assert row.tokens_per_s_per_user == pytest.approx(best / 1.2)
    assert row.output_tokens_per_s == pytest.approx(3 * 2 * 10 * best / 1.2)
    full = machine().row(1_000.0)  # 1.5 * 11.1 / 21.2 and less with two
    assert (full.best_depth, full.best_speedup) == (0, pytest.approx(1.5 * 11.1 / 21.201))
    assert full.tpot_s == full.step_s == pytest.approx(11.1)


def test_a_step_is_compute_bound_where_arithmetic_outlasts_both_reads() -> None:
    """0.01 s a token against 1.0 s of weights and 0.5 s of cache: from a batch of 150."""
    timed = machine(compute=0.01)
    assert drafting.compute_bound_from(timed, 1) == pytest.approx(150.0)
    assert [timed.point(batch, 1, 1.0).compute_bound for batch in (149.0, 151.0)] == [False, True]
    assert drafting.compute_bound_from(machine(compute=2.0), 1) == 1.0
    assert drafting.compute_bound_from(machine(compute=1.4e-6), 1) is None
    assert drafting.compute_bound_from(machine(compute=1.6e-6), 1) == pytest.approx(1.5 / 1.6e-6)


def test_where_a_speed_up_stops() -> None:
    assert drafting.last_paying(lambda batch: 2.0 - batch / 100.0) == pytest.approx(100.0)
    assert drafting.last_paying(lambda batch: 1.0) == 0.0
    assert drafting.last_paying(lambda batch: 1.1) is None
    assert drafting.last_paying(lambda batch: 1.1 if batch < 9e5 else 0.9) == pytest.approx(9e5)


def test_spans_of_batches_that_pay() -> None:
    curve = [(1.0, 1.2), (2.0, 1.0), (4.0, 1.5), (8.0, 1.1), (16.0, 0.9), (32.0, 1.01)]
    assert drafting.spans_of(curve) == (
        s.Span(low=1.0, high=1.0),
        s.Span(low=4.0, high=8.0),
        s.Span(low=32.0, high=None),
    )
    assert drafting.spans_of([(1.0, 1.0), (2.0, 0.9)]) == ()


def test_batches_between_two_by_equal_ratios() -> None:
    assert drafting.geometric(1.0, 100.0, 3) == pytest.approx([1.0, 10.0, 100.0])
    assert drafting.geometric(5.0, 5.0, 3) == [5.0]


def test_lengths_and_depths() -> None:
    assert s._lengths(None, 0.5, 3) == pytest.approx((1.5, 1.75, 1.875))
    assert s._lengths(CURVE, 0.0, 2) == (1.6, 2.0, 2.2)
    assert s._depths(asked(), None) == (1, 2, 3, 4, 5, 6, 7, 8)
    assert s._depths(asked(), CURVE) == (1, 2, 3)
    assert s._depths(asked(depths=(64, 1, 1)), None) == (1, 64)
    for depths, curve in (((65,), None), ((0,), None), ((4,), CURVE)):
        with pytest.raises(InputError, match="depths"):
            s._depths(asked(depths=depths), curve)


def test_the_acceptance_behind_a_length() -> None:
    assert s.implied_acceptance(1.75, 2) == pytest.approx(0.5)
    assert s.implied_acceptance(1.85, 1) == pytest.approx(0.85)


def test_batches_that_are_shown_and_the_curve() -> None:
    found = answered(acceptance=0.8, draft_cost=0.1, tp=4, pp=2)
    most = found.most_batch
    assert 64 < most < 1024
    assert [row.batch for row in found.rows] == [b for b in (1, 4, 16, 64, 256) if b < most] + [most]
    assert (found.curve[0].batch, found.curve[-1].batch) == (1.0, pytest.approx(most))
    for one in found.curve:
        assert max(one.speedups) <= found.best_speedup
    best = next(one for one in found.curve if one.batch == found.best_batch)
    assert best.speedups[found.depths.index(found.typical_depth)] == found.best_speedup == max(best.speedups)


def test_drafts_at_a_share_of_a_step() -> None:
    found = answered(acceptance=0.8, draft_cost=0.1, depths=(2,), batches=(1.0, 7.0))
    for row in found.rows:
        assert row.points[0].draft_s == pytest.approx(0.1 * row.step_s)
        verify_s = row.points[0].verify_step_s
        assert row.points[0].speedup == pytest.approx(2.44 * row.step_s / (verify_s + 0.2 * row.step_s))
    assert answered(depths=(1,)).lengths == pytest.approx((1.8,))  # assumed: four of five


def test_batches_have_limits() -> None:
    assert answered(batches=(1e6,)).rows[0].batch == 1e6
    for batch in (1.1e6, 0.9):
        with pytest.raises(InputError, match="batches"):
            s.speculate(asked(batches=(batch,)))


@pytest.mark.parametrize(
    ("stops", "most", "said"),
    [
        (0.0, 100.0, "never pay"), (None, 100.0, "pay at every batch: the drafts"),
        (200.0, 100.0, "every batch that memory holds (100), and would up to 200"),
        (100.0, 100.0, "stop paying at a batch of 100"), (50.0, 100.0, "stop paying at a batch of 50"),
    ],
)  # fmt: skip
def test_the_sentence(stops: float | None, most: float, said: str) -> None:
    found = sentence_of("Llama", 1.5, 8.0, 2, stops=stops, most=most)
    assert said in found
    assert ("1.50 times as fast: at a batch of 8, 2 drafts a step" in found) is (stops != 0.0)
    assert "1 draft a step" in sentence_of("Llama", 1.5, 8.0, 1, stops=50.0, most=most)
