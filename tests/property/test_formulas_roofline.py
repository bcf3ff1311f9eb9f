"""The roofline holds its shape for any model and machine: directions, modes, scale, balance."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenroof.formulas import lecture, pricing
from tokenroof.formulas import roofline as f
from tokenroof.xp import NUMPY


def between(low: float, high: float) -> st.SearchStrategy[float]:
    """Log-uniform, so that every order of magnitude is tried."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@st.composite
def machines(draw: st.DrawFn) -> dict[str, float]:
    active = draw(between(1e8, 1e12))
    return {
        "active_params": active,
        "params": active * draw(between(1, 100)),
        "bytes_per_param": draw(between(0.5, 4)),
        "kv_bytes_per_token": draw(between(10, 1e7)),
        "flops_per_s": draw(between(1e12, 1e18)),
        "bytes_per_s": draw(between(1e10, 1e15)),
    }


def pieces(m: dict[str, float], batch: float, context: float) -> dict[str, float]:
    return {
        "compute_s": f.compute_time_s(batch=batch, active_params=m["active_params"], flops_per_s=m["flops_per_s"]),
        "weights_s": f.weight_time_s(
            params=m["params"], bytes_per_param=m["bytes_per_param"], bytes_per_s=m["bytes_per_s"]
        ),
        "kv_s": f.kv_time_s(
            batch=batch,
            context=context,
            kv_bytes_per_token=m["kv_bytes_per_token"],
            bytes_per_s=m["bytes_per_s"],
        ),
    }


def balance(m: dict[str, float]) -> float:
    ridge = f.ridge_tokens(
        flops_per_s=m["flops_per_s"], bytes_per_param=m["bytes_per_param"], bytes_per_s=m["bytes_per_s"]
    )
    return float(f.balance_batch(ridge=ridge, params=m["params"], active_params=m["active_params"]))


def knee(m: dict[str, float]) -> float:
    names = ("active_params", "bytes_per_s", "flops_per_s", "kv_bytes_per_token")
    return float(f.knee_context(**{name: m[name] for name in names}))


batches = between(1, 1e6)
contexts = between(1, 1e7)
MODES = [f.step_time_lecture_s, f.step_time_text_s, f.step_time_book_s]


@given(machines(), batches, contexts)
def test_modes_are_ordered(m: dict[str, float], batch: float, context: float) -> None:
    """text <= lecture <= book <= 2 text, and nothing is shorter than its arithmetic or its reads."""
    p = pieces(m, batch, context)
    lecture, text, book = (mode(**p) for mode in MODES)
    slack = 1 + 1e-12
    assert text <= lecture * slack
    assert lecture <= book * slack
    assert book <= 2 * text * slack
    assert text >= max(p.values()) / slack
    assert book <= sum(p.values()) * slack


@given(machines(), batches, contexts, between(1, 100))
@pytest.mark.parametrize("mode", MODES)
def test_longer_with_batch_and_context(mode, m, batch: float, context: float, more: float) -> None:
    base = mode(**pieces(m, batch, context))
    assert mode(**pieces(m, batch * more, context)) >= base
    assert mode(**pieces(m, batch, context * more)) >= base
    assert base >= mode(**pieces(m, 0.0, context)) == pieces(m, 0.0, context)["weights_s"]


@given(machines(), batches, contexts, between(0.01, 100))
@pytest.mark.parametrize("mode", MODES)
def test_scale_invariance(mode, m, batch: float, context: float, scale: float) -> None:
    """A model `scale` times as large on a machine `scale` times as fast takes the same time."""
    grown = m | {
        name: m[name] * scale
        for name in ("params", "active_params", "kv_bytes_per_token", "flops_per_s", "bytes_per_s")
    }
    assert mode(**pieces(grown, batch, context)) == pytest.approx(mode(**pieces(m, batch, context)), rel=1e-12)
    assert balance(grown) == pytest.approx(balance(m), rel=1e-12)
    assert knee(grown) == pytest.approx(knee(m), rel=1e-12)


@given(machines(), batches, contexts, between(0.01, 100))
@pytest.mark.parametrize("mode", MODES)
def test_a_machine_twice_as_fast_halves_the_time(mode, m, batch: float, context: float, factor: float) -> None:
    faster = m | {name: m[name] * factor for name in ("flops_per_s", "bytes_per_s")}
    assert mode(**pieces(faster, batch, context)) * factor == pytest.approx(
        mode(**pieces(m, batch, context)), rel=1e-12
    )


@given(machines())
def test_balance_batch_balances(m: dict[str, float]) -> None:
    p = pieces(m, balance(m), 0.0)
    assert p["compute_s"] == pytest.approx(p["weights_s"], rel=1e-12)


@given(machines(), st.floats(0.0, 0.99))
def test_balance_batch_with_kv_balances(m: dict[str, float], share: float) -> None:
    context = knee(m) * share
    batch = f.balance_batch_at_context(balance=balance(m), context=context, knee=knee(m))
    p = pieces(m, batch, context)
    assert p["compute_s"] == pytest.approx(p["weights_s"] + p["kv_s"], rel=1e-9)
    assert f.mfu(compute_s=p["compute_s"], step_s=f.step_time_lecture_s(**p)) == pytest.approx(1.0, rel=1e-9)


@given(machines(), between(1.0, 1000))
def test_no_batch_balances_beyond_the_knee(m: dict[str, float], factor: float) -> None:
    context = knee(m) * factor
    assert f.balance_batch_at_context(balance=1.0, context=context, knee=knee(m)) >= 1e9
    p = pieces(m, 1e30, context)
    mfu = f.mfu(compute_s=p["compute_s"], step_s=f.step_time_lecture_s(**p))
    assert mfu == pytest.approx(lecture.roofline.mfu_beyond_knee(context=context, knee=knee(m)), rel=1e-9)


@given(machines(), batches, contexts)
def test_batch_at_step_time_inverts_the_lecture_rule(m: dict[str, float], batch: float, context: float) -> None:
    p, one = pieces(m, batch, context), pieces(m, 1.0, context)
    step = f.step_time_lecture_s(**p)
    back = f.batch_at_step_time(
        step_s=step,
        weights_s=p["weights_s"],
        compute_s_per_sequence=one["compute_s"],
        kv_s_per_sequence=one["kv_s"],
    )
    again = f.step_time_lecture_s(**pieces(m, back, context))
    assume(p["kv_s"] > 1e-6 * p["weights_s"])  # else rounding of the weight time drowns B
    assert again == pytest.approx(step, rel=1e-6)
    assert back >= batch * (1 - 1e-6)


@given(machines(), batches, contexts)
def test_cost_never_goes_below_its_floor(m: dict[str, float], batch: float, context: float) -> None:
    p = pieces(m, batch, context)
    names = ("active_params", "flops_per_s", "kv_bytes_per_token", "bytes_per_s")
    shared = {"usd_per_s": 0.04, "context": context} | {name: m[name] for name in names}
    for mode, floor in (
        (f.step_time_lecture_s, pricing.cost_floor_usd_per_token),
        (f.step_time_book_s, pricing.cost_floor_book_usd_per_token),
    ):
        cost = pricing.cost_usd_per_token(usd_per_s=0.04, step_s=mode(**p), batch=batch)
        assert cost >= floor(**shared) * (1 - 1e-12)
    p_large = pieces(m, 1e15, context)
    cost = pricing.cost_usd_per_token(usd_per_s=0.04, step_s=f.step_time_lecture_s(**p_large), batch=1e15)
    assert cost == pytest.approx(pricing.cost_floor_usd_per_token(**shared), rel=1e-3)


@given(machines(), st.lists(batches, min_size=1, max_size=5), st.lists(contexts, min_size=1, max_size=5))
def test_broadcasting_equals_scalar_calls(m, some_batches, some_contexts) -> None:
    grid_batch, grid_context = np.array(some_batches)[:, None], np.array(some_contexts)[None, :]
    parts = {
        "compute_s": f.compute_time_s(
            batch=grid_batch, active_params=m["active_params"], flops_per_s=m["flops_per_s"], xp=NUMPY
        ),
        "weights_s": pieces(m, 1, 1)["weights_s"],
        "kv_s": f.kv_time_s(
            batch=grid_batch,
            context=grid_context,
            kv_bytes_per_token=m["kv_bytes_per_token"],
            bytes_per_s=m["bytes_per_s"],
            xp=NUMPY,
        ),
    }
    for mode in MODES:
        grid = mode(**parts, xp=NUMPY)
        expected = [[mode(**pieces(m, b, c)) for c in some_contexts] for b in some_batches]
        np.testing.assert_allclose(grid, expected, rtol=1e-14)


# ------------------------------------------------------------------ experts and caches


@given(st.integers(1, 512), st.data())
def test_experts_touched_against_counting(n_experts: int, data: st.DataObject) -> None:
    """Exact bounds: at least one token's k, at most every expert, and concave in the tokens."""
    k = data.draw(st.integers(1, n_experts))
    tokens = data.draw(st.integers(1, 4096))

    def at(t: float) -> float:
        return float(lecture.moe.experts_touched(n_experts=n_experts, top_k=k, tokens=float(t)))

    assert at(1) == pytest.approx(k)
    assert k - 1e-9 <= at(tokens) <= min(n_experts, k * tokens) + 1e-9
    assert at(tokens + 2) - at(tokens + 1) <= at(tokens + 1) - at(tokens) + 1e-9


@given(between(1, 1e6), between(1, 1e6), between(1, 1e5), between(1, 1e4))
def test_sparse_reads_lie_between_index_and_full(context, top_k, kv, index) -> None:
    read = lecture.kv_cache.sparse_read_bytes(
        context=context, top_k=top_k, kv_bytes_per_token=kv, index_bytes_per_token=index
    )
    assert context * index <= read <= context * (kv + index) * (1 + 1e-12)
    assert context <= 1 or lecture.kv_cache.sqrt_tokens(context=context) <= context


@given(between(1e9, 1e14), between(1e6, 1e14), between(1, 1e6), between(1, 1e6), between(1, 1e9))
def test_what_fits_really_fits(memory, weights, context, kv, state) -> None:
    n = lecture.kv_cache.sequences_that_fit(
        memory_bytes=memory,
        weight_bytes=weights,
        context=context,
        kv_bytes_per_token=kv,
        state_bytes=state,
    )
    each = context * kv + state
    assert n == int(n) >= 0
    assert n == 0 or weights + n * each <= memory * (1 + 1e-12)
    assert weights + (n + 1) * each >= memory * (1 - 1e-12)
