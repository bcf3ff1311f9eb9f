"""The main job against hand sums, the invariants it must keep, and its answers where something does not fit."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import InputError, UnknownName
from tokenroof.present.pages.analyze import page_of
from tokenroof.present.text import text
from tokenroof.scenario.formats import served_weights
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.bound import ClosedForm, closed_form
from tokenroof.usecases.analyze.explain import EXPLAINABLE, explain_number
from tokenroof.usecases.analyze.explain_memory import LAYOUT_NUMBERS
from tokenroof.usecases.analyze.pool import pool_of
from tokenroof.usecases.analyze.run import AnalyzeRequest, AnalyzeResponse, analyze
from tokenroof.usecases.analyze.sentence import _share
from tokenroof.usecases.diff.run import diff


def bound(
    model: str = "deepseek-v3", system: str = "gb200-nvl72", *, batch: float = 1000, context: float = 4096,
    rule: str = "lecture", weight_dtype: str | None = None,
) -> ClosedForm:  # fmt: skip
    """The closed form at a batch of one domain."""
    machine = load_system(system)
    served, weights = served_weights(load_model(model), weight_dtype)
    price = machine.rental.median_usd_per_h if machine.rental else None
    return closed_form(pool_of(served, machine, weights=weights), batch, context, rule=rule, usd_per_gpu_h=price)


def ask(model: str = "deepseek-v3", system: str = "gb200-nvl72", **more: object) -> AnalyzeResponse:
    return analyze(AnalyzeRequest(model=model, system=system, **more))  # type: ignore[arg-type]


# ------------------------------------------------------------------ the closed form, a bound beside the answer


def test_deepseek_v3_on_gb200_nvl72_by_hand() -> None:
    # 72 x 8 TB/s; 671.03e9 - 129280 x 7168 weights at 1 + 4/16384 byte (norms and embeddings in bf16 are 0.3 % more);
    # KV 70,272 B/token (lecture.md 9.8 V1); critical context 2 A W / (F kv) = 2 x 36.6e9 x 8e12 / (5e15 x 70272)
    found = bound(batch=1000, context=4096)
    assert found.weight_floor_s == pytest.approx(671.0e9 / 576e12, rel=0.003)
    assert found.roofline.kv_s == pytest.approx(1000 * 4096 * 70272 / 576e12, rel=1e-9)
    assert found.critical_context == pytest.approx(2 * 36.63e9 * 8e12 / (5e15 * 70272), rel=1e-3)
    assert found.drain_time_s == pytest.approx(184.31 * 2**30 / 8e12, rel=1e-3)  # what a process sees


def test_scaling_book_llama_2_13b_on_8_v5e() -> None:
    # lecture.md SB5: KV 6.7 GB a sequence at 8,192 tokens, BF16, W = 6.56e12 there (8.2e11 a chip; ours is 8.19e11)
    found = bound("llama-2-13b", "v5e-8", batch=16, context=8192, rule="book")
    assert found.roofline.kv_s == pytest.approx(16 * 6.711e9 / 6.552e12, rel=1e-3)
    # 133.2 GB in the book's table; eight chips of 16 GiB hold 137.4e9 bytes, so 16 sequences fit and 17 do not
    pool = pool_of(load_model("llama-2-13b"), load_system("v5e-8"))
    assert pool.stored_bytes + 16 * pool.sequence_bytes(8192) == pytest.approx(133.2e9, rel=2e-3)
    assert pool.largest_batch(8192) == 16
    assert found.roofline.step_s * 1e3 == pytest.approx(20.30, rel=0.01)


def test_the_thousand_of_the_lecture_is_a_computed_ratio() -> None:
    cost = bound().cost
    assert cost is not None
    assert cost.batch_1_over_floor == pytest.approx(cost.at_batch_1 / cost.floor, rel=1e-12)
    # at a context far below the critical one, batch 1 costs the critical batch times the floor (lecture.md R4)
    short = bound(context=1)
    assert short.cost is not None
    assert short.cost.batch_1_over_floor == pytest.approx(short.critical_batch, rel=2e-3)
    # and the ridge times the floor where it reads its own experts alone: 5e15 / (2 x 8e12) on GB200 in FP8
    assert short.cost.batch_1_touched_over_floor == pytest.approx(312.5, rel=0.02)


def test_the_fast_mode_of_the_bound_keeps_its_promise() -> None:
    slow = bound(batch=4000)
    fast = slow.fast_mode
    assert fast.possible
    assert fast.batch is not None
    again = bound(batch=fast.batch)
    assert again.roofline.step_s == pytest.approx(slow.roofline.step_s / 2.5, rel=1e-9)
    assert slow.cost is not None
    assert again.cost is not None
    assert fast.price_ratio == pytest.approx(again.cost.at_batch / slow.cost.at_batch, rel=1e-9)


def test_no_price_buys_less_than_the_weight_floor() -> None:
    found = bound(system="8xh200", batch=64)
    assert not found.fast_mode.possible
    assert found.fast_mode.price_ratio is None
    assert found.fast_mode.fastest_speedup < 2.5


def test_a_small_batch_leaves_experts_unread() -> None:
    # closed form 8.7: at batch 1 a token reads its 8 routed experts and everything that is not routed
    found = bound(batch=1, context=1)
    assert found.touched_share == pytest.approx(36.63 / 670.1, rel=0.01)
    assert found.touched_step_s < 0.06 * found.roofline.step_s
    assert bound("llama-3.1-8b", "h100").touched_share == 1.0


@given(
    batch=st.floats(1, 5e4), context=st.floats(1, 2e5), grow=st.floats(1, 50),
    model=st.sampled_from(["deepseek-v3", "gpt-oss-120b", "qwen3-235b-a22b", "llama-3.1-70b"]),
)  # fmt: skip
def test_bounds_never_fall_with_batch_or_context_and_rules_keep_their_order(
    batch: float, context: float, grow: float, model: str
) -> None:
    def step_s(**more: object) -> float:
        return bound(model, **({"batch": batch, "context": context} | more)).roofline.step_s  # type: ignore[arg-type]

    base = step_s()
    assert step_s(batch=batch * grow) >= base * (1 - 1e-12)
    assert step_s(context=context * grow) >= base * (1 - 1e-12)
    text, book = step_s(rule="text"), step_s(rule="book")
    assert text <= base * (1 + 1e-12)
    assert base <= book * (1 + 1e-12)
    assert book <= 2 * text * (1 + 1e-12)


# ------------------------------------------------------------------ what is served


def test_the_page_of_a_70b_by_its_parts() -> None:
    """TPOT = decode step + (n - 1) prompts of others per answer; throughput by Little's law; cost by the rent."""
    answer = ask("llama-3.3-70b", "8xh100", tp=8, batch=64, isl=8192, osl=512, price_per_gpu_hour=2.0)
    assert answer.fits and answer.tpot_s is not None and answer.decode_step_s is not None
    assert answer.decode_step_s.value == pytest.approx(float(answer.step.step_s))
    assert answer.tpot_s.value > 2 * answer.decode_step_s.value  # 8,192 tokens in for 512 out: prefill is most of it
    assert answer.requests_per_s is not None and answer.e2e_s is not None
    assert answer.requests_per_s * answer.e2e_s.value == pytest.approx(64, rel=1e-9)
    out = answer.output_tokens_per_s_per_gpu
    assert out is not None and out.value == pytest.approx(answer.requests_per_s * 512 / 8)
    cost = answer.cost
    assert cost is not None
    assert cost.all_on_output_usd_per_mtok.value == pytest.approx(2.0 / 3600 / out.value * 1e6)
    recovered = cost.input_usd_per_mtok.value * 8192 + cost.output_usd_per_mtok.value * 512
    assert recovered == pytest.approx(cost.request_usd * 1e6, rel=1e-9)


def test_work_adds_up_to_the_decode_step() -> None:
    answer = ask("deepseek-v3", "8xh200", batch=64)
    assert sum(work.time_s for work in answer.work) == pytest.approx(float(answer.step.step_s), rel=1e-9)
    assert sum(work.share for work in answer.work) == pytest.approx(1.0)


def test_the_default_load_is_what_50_ms_and_memory_allow() -> None:
    answer = ask("llama-3.3-70b", "8xh100")
    assert answer.tpot_s is not None and answer.tpot_s.value <= 0.05 * (1 + 1e-9)
    more = ask("llama-3.3-70b", "8xh100", tp=answer.layout.tp, concurrency=answer.concurrency + 2 * answer.replicas)
    assert more.tpot_s is not None and more.tpot_s.value > 0.05
    assert any(default.field == "tpot" for default in answer.defaults)


def test_never_faster_than_the_hardware_allows() -> None:
    for more in ({}, {"profile": "peak"}, {"engine": "trtllm"}):
        answer = ask("llama-3.1-70b", "8xh100", batch=32, **more)
        for number in (answer.tpot_s, answer.decode_step_s, answer.ttft_s):
            assert number is not None and number.bound is not None
            assert number.value >= number.bound * (1 - 1e-9)
        out = answer.output_tokens_per_s_per_gpu
        assert out is not None and out.bound is not None and out.value <= out.bound * (1 + 1e-9)


def test_not_fitting_is_an_answer_with_changes_that_fit() -> None:
    answer = ask(system="8xh100")
    assert not answer.fits
    assert answer.tpot_s is None and answer.cost is None and answer.output_tokens_per_s_per_gpu is None
    assert answer.infeasible is not None
    named = [fix.split()[1] for fix in answer.infeasible.fixes if fix.startswith("system ")]
    assert named == ["16xh100"]
    assert ask(system=named[0]).fits
    assert (answer.layout.tp, answer.layout.dp) == (8, 1)  # eight attention copies lack 35 GB a GPU, these 21


def test_a_batch_too_large_names_the_batch_that_fits() -> None:
    answer = ask("llama-3.1-8b", "h100", batch=100_000)
    assert not answer.fits and answer.infeasible is not None
    most = float(answer.infeasible.fixes[0].removeprefix("batch ").replace(",", ""))
    assert ask("llama-3.1-8b", "h100", batch=most).fits
    assert not ask("llama-3.1-8b", "h100", batch=most + 1).fits


def test_an_announced_machine_says_so() -> None:
    assert ask(system="rubin-nvl72", dp=72, ep=72, redundant_experts=32, batch=72).announced
    assert not ask(system="8xh200", tp=8).announced


def test_256_experts_on_72_gpus_take_spare_copies_or_leave_eight_idle() -> None:
    # lecture 2.2 uses 64 of 72 GPUs, 4 experts each; with 32 redundant copies all 72 hold 4 slots (lecture.md 9.7)
    full = ask(batch=4608, dp=72, ep=72, redundant_experts=32)
    assert (full.experts_per_gpu, full.gpus_idle) == (4, 0)
    part = ask(batch=4608, dp=64, ep=64, redundant_experts=0)
    assert (part.experts_per_gpu, part.gpus_idle) == (4, 8)


def test_idle_gpus_are_paid_for() -> None:
    """72 GPUs are rented, 64 work."""
    part = ask(batch=640, dp=64, ep=64, price_per_gpu_hour=3.0)
    assert part.cost is not None and part.requests_per_s is not None
    assert part.cost.request_usd == pytest.approx(3.0 * 72 / 3600 / part.requests_per_s)


def test_a_given_layout_is_kept_and_an_illegal_one_is_named() -> None:
    answer = ask("llama-3.1-70b", "8xh100", batch=32, tp=4)
    assert (answer.layout.n_gpus, answer.replicas, answer.gpus_idle) == (4, 2, 0)
    with pytest.raises(InputError, match="divisor of the 64 attention heads"):
        ask("llama-3.1-70b", "8xh100", batch=32, tp=6)
    with pytest.raises(InputError, match="at most 8 chips"):
        ask("llama-3.1-70b", "8xh100", batch=32, tp=16)


def test_the_fast_mode_keeps_its_promise() -> None:
    slow = ask("llama-3.1-70b", "8xh100", tp=8, concurrency=64)
    fast = slow.fast_mode
    assert fast is not None and fast.possible and slow.tpot_s is not None and slow.cost is not None
    again = ask("llama-3.1-70b", "8xh100", tp=8, concurrency=fast.concurrency)
    assert again.tpot_s is not None and again.cost is not None
    assert again.tpot_s.value <= slow.tpot_s.value / 2.5 * (1 + 1e-9)
    prices = (one.cost.output_usd_per_mtok.value for one in (again, slow))
    assert fast.price_ratio == pytest.approx(next(prices) / next(prices), rel=1e-9)


def test_prefix_shortens_the_prefill() -> None:
    whole = ask("llama-3.1-70b", "8xh100", tp=8, batch=8, isl=8192, osl=256)
    cached = ask("llama-3.1-70b", "8xh100", tp=8, batch=8, isl=8192, osl=256, prefix=6144)
    assert 0.2 < cached.prefill_s / whole.prefill_s < 0.5
    assert cached.cost is not None and cached.cost.cached_usd_per_mtok is not None
    assert cached.cost.cached_usd_per_mtok.value < 0.5 * cached.cost.input_usd_per_mtok.value
    with pytest.raises(InputError, match="prefix"):
        ask("llama-3.1-70b", "8xh100", batch=8, isl=1024, prefix=1024)


@pytest.mark.parametrize("key", sorted(set(EXPLAINABLE) - set(LAYOUT_NUMBERS)))
def test_every_explanation_ends_in_the_number_of_the_answer(key: str) -> None:
    answer = ask("llama-3.1-8b", "h100", batch=64, context=2048)
    explained = explain_number(answer, key)
    roof, cost = answer.bound.roofline, answer.cost
    assert cost is not None and roof.cost_usd_per_mtok is not None and roof.cost_floor_usd_per_mtok is not None
    pool = answer.bound.pool
    assert pool is not None
    served = {name: getattr(answer, name).value for name in
              ("tpot_s", "ttft_s", "decode_step_s", "interactivity", "output_tokens_per_s_per_gpu")}  # fmt: skip
    expected = {
        **{name: getattr(roof, name) for name in EXPLAINABLE if hasattr(roof, name)},
        **served,
        "cost_output_usd_per_mtok": cost.output_usd_per_mtok.value,
        "cost_input_usd_per_mtok": cost.input_usd_per_mtok.value,
        "drain_time_s": answer.bound.drain_time_s,
        "worst_wait_s": answer.bound.departures.worst_wait_s,
        "worst_latency_s": answer.bound.departures.worst_latency_s,
        "kv_bytes": answer.bound.batch * pool.sequence_bytes(2048),
        "cost_usd_per_token": roof.cost_usd_per_mtok / 1e6,
        "cost_floor_usd_per_token": roof.cost_floor_usd_per_mtok / 1e6,
    }
    head = getattr(explained, "head", explained)
    assert head.value == pytest.approx(expected[key], rel=1e-9)
    assert all(leaf.source for leaf in (head.leaves if hasattr(head, "leaves") else head.inputs))


@pytest.mark.parametrize("name", ["deepsek-v3", "gpt5", "qwen"])
def test_unknown_models_get_near_names(name: str) -> None:
    with pytest.raises(UnknownName) as caught:
        ask(model=name)
    assert caught.value.suggestions


def test_unknown_system_and_number() -> None:
    with pytest.raises(UnknownName, match="gb200-nvl72"):
        ask(system="gb200-nvl7")
    with pytest.raises(UnknownName, match="tpot_s"):
        explain_number(ask("llama-3.1-8b", "h100"), "tpots")


def test_a_chip_without_a_published_rate_is_named() -> None:
    with pytest.raises(InputError, match="Corsair, one card computes in"):
        ask("llama-3.1-8b", "corsair")


@pytest.mark.parametrize(
    ("system", "model"),
    [("apple-m5-max", "llama-3.1-8b"), ("gb10", "llama-3.1-8b"), ("8xtpu-8t", "llama-3.3-70b"),
     ("rtx-3090", "llama-3.1-8b")],
)  # fmt: skip
def test_chips_whose_16_bit_rate_comes_from_another_format_are_analysed(system: str, model: str) -> None:
    answer = ask(model, system, isl=1024, osl=256, concurrency=1.0)
    bound = load_system(system).n_chips
    assert answer.bound.gpus == bound and answer.step.step_s > answer.bound.weight_floor_s


def test_the_bound_of_a_step_is_of_the_requests_in_it() -> None:
    """489 fit, 413 are in a step, the others wait for their prompts: a step of all of them would take longer."""
    answer = ask("llama-3.1-8b", "h100", isl=1, osl=1791, engine="vllm", profile="peak")
    assert answer.decode_step_s is not None and answer.decode_step_s.bound is not None
    assert 0.8 < answer.decode_step_s.bound / answer.decode_step_s.value < 1.0


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-120b", "llama-3.3-70b", "deepseek-v3"]),
    system=st.sampled_from(["h100", "4xh100", "8xh200", "8xb200", "8xmi300x", "2xa40"]),
    isl=st.floats(1, 2e4), osl=st.floats(2, 4e3),
    load=st.none() | st.tuples(st.sampled_from(["batch", "concurrency", "request_rate", "users"]), st.floats(1, 5000)),
    engine=st.sampled_from(["vllm", "sglang", "trtllm", "none"]), profile=st.sampled_from(["auto", "peak"]),
)  # fmt: skip
def test_one_verdict_and_no_bound_is_beaten(
    model: str, system: str, isl: float, osl: float, load: tuple[str, float] | None, engine: str, profile: str
) -> None:
    """`fits` is the deployment's, speeds exist exactly where it is true, and pages hold what they show."""
    asked = {"model": model, "system": system, "isl": isl, "osl": osl, "engine": engine, "profile": profile}
    if load is not None:
        asked[load[0]] = load[1]
    answer = analyze(AnalyzeRequest(**asked))  # type: ignore[arg-type]
    served = resolve(Scenario(**asked)).serve()  # type: ignore[arg-type]
    assert answer.fits or (not served.fits and answer.infeasible is not None and answer.infeasible.limit == "memory")
    assert answer.fits == (answer.tpot_s is not None)
    assert (answer.infeasible is None) == (not resolve(Scenario(**asked)).missed(served))  # type: ignore[arg-type]
    if answer.infeasible is None:
        assert answer.served == served
    lines = text(page_of(answer), full=True).splitlines()
    assert max(map(len, lines)) <= 100
    assert not any(word in ("nan", "inf") for line in lines for word in line.split())
    if answer.tpot_s is not None and answer.decode_step_s is not None:
        assert answer.tpot_s.value == answer.served.tpot_s
        for number in (answer.tpot_s, answer.decode_step_s):
            assert math.isfinite(number.value) and number.bound is not None
            # the open loop halves its distance to the settled state 24 times: 6e-8 is left
            assert number.bound <= number.value * (1 + 1e-6)


def test_the_share_of_prefill_is_said_in_the_nearest_words() -> None:
    said = {0.43: "two fifths", 0.46: "half", 0.57: "three fifths", 0.65: "two thirds", 0.74: "three quarters"}
    assert {share: _share(share) for share in said} == said


def test_with_drafts_the_step_that_is_taken_apart_is_the_one_that_is_served() -> None:
    """It verified drafts of drafts: 57.1 ms on the page beside 39.0 ms served, and the rest was called host."""
    asked = AnalyzeRequest(model="deepseek-v3", system="8xh200", batch=32.0, drafts=3, acceptance=0.6)
    found = analyze(asked)
    assert float(found.step.step_s) == pytest.approx(found.decode_step_s.value, rel=0.01)
    parts = {one.kind: one.time_s for one in found.work}
    profile = found.deployment.profile
    drafted_s = profile.draft_pass_s + 32 * profile.draft_sequence_s  # and three passes of the head
    head_s = (parts["drafting"] - drafted_s) / 3.0
    assert 1e-4 < head_s < float(found.step.step_s) / 61 * 3  # one layer of the model's 61, and its unembedding
    assert parts["host"] < 1e-3
    tokens = 1 + 0.6 + 0.36 + 0.216
    alone = f"{found.decode_step_s.value / tokens * 1e3:.1f} ms"
    page = text(page_of(found))
    assert re.search(rf"TPOT, decode steps alone +{alone} ", page) and "2.18 tokens a request" in page
    both = {one.number: one.a for one in diff(asked, asked).numbers}
    assert both["decode_tpot_s"] == pytest.approx(found.decode_step_s.value / tokens)


def test_what_lacks_by_little_is_shown_to_lack() -> None:
    """129.9 GB were needed and 129.9 given, and the engine was 0.00 GiB short."""
    found = analyze(AnalyzeRequest(model="kimi-k2", system="8xh200"))
    assert found.infeasible
    numbers = re.findall(r"([\d.]+) GB", found.infeasible.reason)
    needed, given_gb = map(float, numbers)
    assert needed > given_gb and needed - given_gb < 0.01
    assert re.search(r"0\.00[1-9]\d* GiB short", text(page_of(found)))
