"""The main job against hand sums, the invariants it must keep, and its answers where something does not fit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.usecases.analyze.explain import EXPLAINABLE, explain_number
from tokenroof.usecases.analyze.run import AnalyzeRequest, AnalyzeResponse, analyze


def ask(model: str = "deepseek-v3", system: str = "gb200-nvl72", **more: object) -> AnalyzeResponse:
    return analyze(AnalyzeRequest(model=model, system=system, **{"mode": "lecture", **more}))  # type: ignore[arg-type]


def test_deepseek_v3_on_gb200_nvl72_by_hand() -> None:
    # 72 x 8 TB/s; 671.03e9 - 129280 x 7168 weights at 1 + 4/16384 byte (norms and embeddings in bf16 are 0.3 % more);
    # KV 70,272 B/token (lecture.md 9.8 V1); knee 2 A W / (F kv) = 2 x 36.6e9 x 8e12 / (5e15 x 70272)
    answer = ask(batch=1000, context=4096)
    assert answer.weight_floor_s == pytest.approx(671.0e9 / 576e12, rel=0.003)
    assert answer.roofline.kv_s == pytest.approx(1000 * 4096 * 70272 / 576e12, rel=1e-9)
    assert answer.knee_context == pytest.approx(2 * 36.63e9 * 8e12 / (5e15 * 70272), rel=1e-3)
    assert answer.fit.fits
    assert answer.drain_time_s == pytest.approx(198.7e9 / 8e12, rel=1e-3)  # driver's bytes, catalogue.md 2.2


def test_scaling_book_llama_2_13b_on_8_v5e() -> None:
    # lecture.md SB5: KV 6.7 GB a sequence at 8,192 tokens, BF16, W = 6.56e12 there (8.2e11 a chip; ours is 8.19e11)
    answer = ask("llama-2-13b", "v5e-8", batch=16, context=8192, mode="book")
    assert answer.roofline.kv_s == pytest.approx(16 * 6.711e9 / 6.552e12, rel=1e-3)
    # 133.2 GB in the book's table; eight chips of 16 GiB hold 137.4e9 bytes, so 16 sequences fit and 17 do not
    assert answer.fit.weights_bytes + answer.fit.kv_bytes == pytest.approx(133.2e9, rel=2e-3)
    assert answer.fit.largest_batch == 16
    assert answer.roofline.step_s * 1e3 == pytest.approx(20.30, rel=0.01)


@pytest.mark.parametrize("key", sorted(EXPLAINABLE))
def test_every_explanation_ends_in_the_number_on_the_page(key: str) -> None:
    answer = ask("llama-3.1-8b", "h100", batch=64, context=2048)
    explained = explain_number(answer, key)
    flat = {
        **{k: getattr(answer.roofline, k) for k in EXPLAINABLE if hasattr(answer.roofline, k)},
        "tpot_s": answer.tpot_s,
        "tokens_per_s_per_user": answer.tokens_per_s_per_user,
        "output_tokens_per_s_per_gpu": answer.output_tokens_per_s_per_gpu,
        "drain_time_s": answer.drain_time_s,
        "worst_wait_s": answer.train.worst_wait_s,
        "worst_latency_s": answer.train.worst_latency_s,
        "kv_bytes": answer.fit.kv_bytes,
        "cost_usd_per_token": answer.roofline.cost_usd_per_mtok / 1e6,
        "cost_floor_usd_per_token": answer.roofline.cost_floor_usd_per_mtok / 1e6,
    }
    assert explained.value == pytest.approx(flat[key], rel=1e-9)
    assert all(leaf.source for leaf in explained.leaves)


def test_the_thousand_of_the_lecture_is_a_computed_ratio() -> None:
    cost = ask().cost
    assert cost is not None
    assert cost.batch_1_over_floor == pytest.approx(cost.at_batch_1 / cost.floor, rel=1e-12)
    # at a context far below the knee, batch 1 costs the balance batch times the floor (lecture.md R4)
    short = ask(context=1)
    assert short.cost is not None
    assert short.cost.batch_1_over_floor == pytest.approx(short.balance_batch, rel=2e-3)


def test_fast_mode_keeps_its_promise() -> None:
    slow = ask(batch=4000, context=4096)
    fast = slow.fast_mode
    assert fast.possible
    assert fast.batch is not None
    again = ask(batch=fast.batch, context=4096)
    assert again.tpot_s == pytest.approx(slow.tpot_s / 2.5, rel=1e-9)
    assert slow.cost is not None
    assert again.cost is not None
    assert fast.price_ratio == pytest.approx(again.cost.at_batch / slow.cost.at_batch, rel=1e-9)


def test_no_price_buys_less_than_the_weight_floor() -> None:
    answer = ask(system="8xh200", batch=64)
    assert not answer.fast_mode.possible
    assert answer.fast_mode.price_ratio is None
    assert answer.fast_mode.fastest_speedup < 2.5


def test_a_small_batch_leaves_experts_unread() -> None:
    # closed form 8.7: at batch 1 a token reads its 8 routed experts and everything that is not routed
    answer = ask(batch=1, context=1)
    assert answer.touched_share == pytest.approx(36.63 / 670.1, rel=0.01)
    assert answer.touched_step_s < 0.06 * answer.tpot_s
    assert ask("llama-3.1-8b", "h100").touched_share == 1.0


def test_not_fitting_is_an_answer_with_the_nearest_change() -> None:
    answer = ask(system="4xh100", batch=64)
    assert not answer.fit.fits
    assert answer.fit.shortfall_bytes == pytest.approx(
        answer.fit.weights_bytes + answer.fit.kv_bytes - answer.fit.capacity_bytes
    )
    named = [fix for fix in answer.fit.fixes if fix.startswith("system ")]
    assert named
    assert ask(system=named[0].split()[1], batch=64).fit.fits


def test_a_batch_too_large_names_the_batch_and_context_that_fit() -> None:
    answer = ask("llama-3.1-8b", "h100", batch=100_000, context=4096)
    fixes = " ".join(answer.fit.fixes)
    assert not answer.fit.fits
    assert f"batch {answer.fit.largest_batch:,.0f} fits" in fixes
    assert ask("llama-3.1-8b", "h100", batch=answer.fit.largest_batch, context=4096).fit.fits
    assert not ask("llama-3.1-8b", "h100", batch=answer.fit.largest_batch + 1, context=4096).fit.fits


def test_an_announced_machine_says_so() -> None:
    assert ask(system="rubin-nvl72").announced
    assert not ask().announced


def test_a_rack_pair_serves_two_copies() -> None:
    one, two = ask(batch=500), ask(system="2xgb200-nvl72", batch=500)
    assert two.gpus == 2 * one.gpus
    assert two.tpot_s == one.tpot_s
    assert two.output_tokens_per_s_per_gpu == one.output_tokens_per_s_per_gpu


@pytest.mark.parametrize("name", ["deepsek-v3", "gpt5", "qwen"])
def test_unknown_models_get_three_near_names(name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        ask(model=name)
    assert len(caught.value.suggestions) == 3


def test_unknown_system_and_number() -> None:
    with pytest.raises(UnknownName, match="gb200-nvl72"):
        ask(system="gb200-nvl7")
    with pytest.raises(UnknownName, match="step_s"):
        explain_number(ask(), "steps_s")


@given(
    field=st.sampled_from(["batch", "context", "usd_per_gpu_h", "fast_speedup"]),
    bad=st.sampled_from([-1.0, math.nan, math.inf, -math.inf]),
)
def test_bad_quantities_are_refused_by_name(field: str, bad: float) -> None:
    with pytest.raises(InputError) as caught:
        ask(**{field: bad})
    assert caught.value.field.split("_")[0] == field.split("_")[0] or field == "usd_per_gpu_h"


def test_a_chip_without_a_published_rate_is_named() -> None:
    with pytest.raises(DataMissing, match="arithmetic rate"):
        ask("llama-3.1-8b", "apple-m5-max")


@given(
    batch=st.floats(1, 5e4), context=st.floats(1, 2e5), grow=st.floats(1, 50),
    model=st.sampled_from(["deepseek-v3", "gpt-oss-120b", "qwen3-235b-a22b", "llama-3.1-70b"]),
)  # fmt: skip
def test_time_never_falls_with_batch_or_context_and_modes_keep_their_order(
    batch: float, context: float, grow: float, model: str
) -> None:
    base = ask(model, batch=batch, context=context)
    assert ask(model, batch=batch * grow, context=context).tpot_s >= base.tpot_s * (1 - 1e-12)
    assert ask(model, batch=batch, context=context * grow).tpot_s >= base.tpot_s * (1 - 1e-12)
    text = ask(model, batch=batch, context=context, mode="text").tpot_s
    book = ask(model, batch=batch, context=context, mode="book").tpot_s
    assert text <= base.tpot_s * (1 + 1e-12)
    assert base.tpot_s <= book * (1 + 1e-12)
    assert book <= 2 * text * (1 + 1e-12)


# ------------------------------------------------------------------ the operator engine's page


def operate(model: str, system: str, **more: object) -> AnalyzeResponse:
    return ask(model, system, **{"mode": "operators", "efficiency": "peak", **more})


def test_operators_is_the_default_and_never_beats_the_lecture_on_a_dense_model() -> None:
    answer = analyze(AnalyzeRequest(model="llama-3.1-70b", system="8xh100", efficiency="peak"))
    assert answer.operators is not None
    assert answer.tpot_s == pytest.approx(float(answer.operators.step.step_s))
    assert answer.tpot_s >= answer.roofline.step_s * (1 - 1e-9)


def test_256_experts_on_72_gpus_take_spare_copies_or_leave_eight_idle() -> None:
    # lecture 2.2 uses 64 of 72 GPUs, 4 experts each; with 32 redundant copies all 72 hold 4 slots (lecture.md 9.7)
    full = operate("deepseek-v3", "gb200-nvl72", batch=4608).operators
    assert full is not None
    assert (full.layout.ep, full.layout.redundant_experts, full.experts_per_gpu, full.gpus_idle) == (72, 32, 4, 0)
    part = operate("deepseek-v3", "gb200-nvl72", batch=4608, dp=64, ep=64).operators
    assert part is not None
    assert (part.experts_per_gpu, part.gpus_idle) == (4, 8)


def test_a_given_layout_is_kept_and_an_illegal_one_is_named() -> None:
    answer = operate("llama-3.1-70b", "8xh100", batch=32, tp=4)
    assert answer.operators is not None
    assert answer.operators.layout.n_gpus == 4
    assert answer.operators.gpus_used == 8  # two copies
    with pytest.raises(InputError, match="divisor of the 64 attention heads"):
        operate("llama-3.1-70b", "8xh100", batch=32, tp=6)
    with pytest.raises(InputError, match="at most 8 chips"):
        operate("llama-3.1-70b", "8xh100", batch=32, tp=16)


def test_the_engine_reserve_makes_the_answer_infeasible_with_changes_that_fit() -> None:
    answer = operate("deepseek-v3", "8xh100", batch=8)
    assert answer.operators is not None
    assert not answer.operators.fits
    assert any(fix.startswith("system 16xh100") for fix in answer.operator_fixes)


def test_operator_cost_counts_every_gpu_that_is_paid_for() -> None:
    answer = operate("llama-3.1-8b", "8xh100", batch=64, tp=1, usd_per_gpu_h=2.0)
    assert answer.cost is not None
    per_gpu = answer.output_tokens_per_s_per_gpu
    assert answer.cost.at_batch == pytest.approx(2.0 / 3600 / per_gpu * 1e6, rel=1e-9)


def test_operator_fast_mode_keeps_its_promise() -> None:
    slow = operate("llama-3.1-70b", "8xh100", batch=256)
    assert slow.fast_mode.possible
    fast = operate("llama-3.1-70b", "8xh100", batch=slow.fast_mode.batch, tp=8)
    assert fast.tpot_s == pytest.approx(slow.tpot_s / 2.5, rel=1e-3)


def test_prefix_shortens_the_prefill() -> None:
    whole = operate("llama-3.1-70b", "8xh100", batch=8, isl=8192, osl=256)
    cached = operate("llama-3.1-70b", "8xh100", batch=8, isl=8192, osl=256, prefix=6144)
    assert whole.operators is not None
    assert cached.operators is not None
    assert 0.2 < cached.operators.prefill_s / whole.operators.prefill_s < 0.5
    with pytest.raises(InputError, match="prefix"):
        operate("llama-3.1-70b", "8xh100", batch=8, isl=1024, prefix=1024)
