"""Public deployments through the planner's own functions: what they reached, what they cost, how they were split."""

from dataclasses import replace

import numpy as np
import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.engines import engine as engine_of
from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.operators.exchange import Exchange
from tokenroof.planner.disaggregated import prefill_workers, worker_counts
from tokenroof.planner.points import Space, slice_of
from tokenroof.planner.space import Format
from tokenroof.scenario.resolve import resolve
from tokenroof.serving.scheduling import Passes
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Load
from tokenroof.usecases.plan.answer import Candidate
from tokenroof.usecases.plan.run import PlanRequest, plan
from tokenroof.usecases.plan.score import usd_per_mtok
from tokenroof.xp import NUMPY

HIDDEN = replace(PEAK, overlap=1.0)  # all traffic behind work


def wide_experts(
    system: str, groups: int, *, isl: float, context: float, profile: Efficiency | None, two: bool = False
) -> Space:
    """DeepSeek-V3 with one expert group per GPU, 32 spare copies, FP8 dispatch; `two`: with two-batch overlap."""
    machine = load_system(system)
    layout = Layout(tp=1, dp=groups, ep=groups, redundant_experts=32)
    exchange = Exchange(dispatch_dtype="fp8_block", two_batch_overlap=two)
    return Space(
        model=load_model("deepseek-v3"), system=machine, engine="sglang", scheduler=engine_of("sglang").scheduler,
        profile=profile or profile_for(machine, "sglang"), layouts=(layout,), memory_fraction=0.85,
        formats=(Format(name="fp8_block", kv_name="bf16", own=True, exchange=exchange),), chunks=(16384,), isl=isl,
        osl=2 * (context - isl) + 1,
    )  # fmt: skip


def decode_tokens_per_node(space: Space, per_gpu: float, context: float) -> float:
    part = slice_of(space, 0, 8192, 0, np.array([0]))
    assert part.most[0] >= per_gpu * space.layouts[0].n_gpus, "memory holds the batch"
    passes = Passes(part.timed, part.scheduler, space.isl, space.new, context, NUMPY)
    seconds = float(passes.decode_s(np.array([per_gpu * space.layouts[0].n_gpus]))[0])
    return per_gpu * 8 / seconds


def prefill_tokens_per_node(space: Space) -> float:
    workers = prefill_workers(space, 0)
    return float(workers.rate[0] * space.isl * 8 / workers.gpus[0])


# (system, GPUs of a unit, sequences per GPU, mean KV length, printed output tok/s per node): lecture.md 9.7 and 9.9
DECODE = [("144xh800", 144, 93.0, 4989.0, 14_800.0), ("96xh100", 72, 256.0, 2000.0, 22_282.0)]


@pytest.mark.parametrize(("system", "gpus", "per_gpu", "context", "printed"), DECODE)
def test_decode_of_wide_expert_parallelism(system, gpus, per_gpu, context, printed):
    isl = context - 500.0 if context > 2500 else context
    bound = decode_tokens_per_node(
        wide_experts(system, gpus, isl=isl, context=context, profile=HIDDEN), per_gpu, context
    )
    one, two = (
        decode_tokens_per_node(
            wide_experts(system, gpus, isl=isl, context=context, profile=None, two=two), per_gpu, context
        )
        for two in (False, True)
    )
    assert bound > printed  # nothing measured beats the roof
    assert two == pytest.approx(printed, rel=0.15)
    assert one == pytest.approx(printed / 1.255, rel=0.15)  # it gave these teams 25 % (9.9)


# prefill units of 32 GPUs: 73.7k tok/s with 56 % found in the cache, so 32.2k computed (DS6); 54,543 at 2K (9.9)
PREFILL = [("144xh800", 4989.0, 32_206.0), ("96xh100", 2000.0, 54_543.0)]


@pytest.mark.parametrize(("system", "isl", "printed"), PREFILL)
def test_prefill_of_wide_expert_parallelism_stays_under_the_roof(system, isl, printed):
    space = wide_experts(system, 32, isl=isl, context=isl, profile=HIDDEN)
    assert prefill_tokens_per_node(space) > printed


# 57,674, 54,543 and 50,302 tok/s a node with 16,384 tokens a GPU; without two batches 27 to 35 % less (9.9)
@pytest.mark.parametrize(("isl", "printed"), [(1024.0, 57_674.0), (2048.0, 54_543.0), (4096.0, 50_302.0)])
def test_prefill_of_wide_expert_parallelism_with_two_batches(isl, printed):
    one, two = (
        prefill_tokens_per_node(wide_experts("96xh100", 32, isl=isl, context=isl, profile=None, two=two))
        for two in (False, True)
    )
    assert two == pytest.approx(printed, rel=0.15)
    assert two > 1.27 * one


def test_cost_of_a_million_tokens_of_a_node():
    # DS7: $16 a node-hour at 14,800 out: $0.300; 9.9: at 22,282 out $0.1995 (printed 0.20)
    assert usd_per_mtok(2.0, 8, 14_800.0) == pytest.approx(0.300, abs=5e-4)
    assert usd_per_mtok(2.0, 8, 22_282.0) == pytest.approx(0.1995, abs=5e-5)


def test_rate_matching_of_the_scaling_book():
    # SA13: prefill of 8,192 tokens takes 0.91 s; a server of 32 slots decodes 512 tokens at 19 ms: 3 prefill : 1
    fewest, most = worker_counts(1 / 0.91, 32 / (0.019 * 512), 1.0)
    assert pytest.approx(2.99, abs=0.005) == 0.91 * 32 / (0.019 * 512)
    assert (fewest, most) == (3, 4)  # with a tenth of prefill left for its queue it lies between


def test_sequences_beside_llama_3_70b_on_eight_v5e():
    # SA6, with the book's row put right: 128 GB - 70 GB of int8 weights hold 43 sequences of 8,192 int8 tokens
    machine = load_system("v5e-8")
    chip = replace(machine.chip, memory_bytes=16e9, usable_memory_bytes=None)
    space = Space(
        model=load_model("llama-3-70b"), system=replace(machine, chip=chip), engine="none",
        scheduler=engine_of("none").scheduler, profile=PEAK, layouts=(Layout(tp=8),), chunks=(8192,),
        isl=8192.0, osl=1e-6,
        formats=(Format(name="int8", kv_name="int8", own=False, weights=uniform_dtypes("int8"), kv="int8"),),
    )  # fmt: skip
    part = slice_of(space, 0, 16, 0, np.array([0]))  # the book counts no activations: a pass of few tokens
    # 43 in the book with "70 GB"; the 70.55e9 weights of the checkpoint leave 57.4 GB, so 42.8 of 1.342 GB
    assert part.most[0] == 42
    # SA4: 17 ms for 32 of them; the planner's own step adds the collectives that the book leaves out
    load = StepLoad(np.array([32.0]), np.array([32.0]), 8192.0)
    assert float(part.timed.step(decode=load, rule="lecture").step_s[0]) * 1e3 == pytest.approx(17.28, rel=0.015)
    assert part.timed.step(decode=load).step_s[0] > part.timed.step(decode=load, rule="lecture").step_s[0]


def test_no_plan_is_cheaper_than_epoch_s_floor():
    # EP7: Llama-3-70B at 2 USD an hour and 100 % of H100's arithmetic: $0.078 per M output tokens
    answer = plan(
        PlanRequest(
            model="llama-3-70b", system="8xh100", isl=64.0, osl=512.0, tpot=10.0, price_per_gpu_hour=2.0,
            engine="none", profile="peak", weight_dtype="own", kv_dtype="bf16",
        )
    )  # fmt: skip
    floor = 2 * 70.6e9 / 0.9895e15 * 2.0 / 3600 * 1e6
    assert floor == pytest.approx(0.078, abs=0.002)
    assert floor < answer.winner.usd_per_mtok_all < 2.0 * floor


def test_search_finds_no_worse_than_the_published_split():
    """On 12 nodes of H100 as in 9.9, at the lengths of the post, the search does at least as well as 4 : 9 nodes."""
    common = {"model": "deepseek-v3", "system": "96xh100", "isl": 2000.0, "osl": 500.0, "engine": "sglang",
              "memory_fraction": 0.85, "weight_dtype": "own", "kv_dtype": "bf16", "max_batched_tokens": 16384,
              "tpot": 0.15, "ttft": 5.0, "objective": "throughput"}  # fmt: skip
    best = plan(PlanRequest(**common)).winner
    assert best is not None
    from tokenroof.planner.disaggregated import Workers, pairs_served

    machine = load_system("96xh100")
    layouts = (
        Layout(tp=1, dp=32, ep=32, redundant_experts=32), Layout(tp=1, dp=64, ep=64, redundant_experts=0),
    )  # fmt: skip
    space = Space(
        model=load_model("deepseek-v3"), system=machine, engine="sglang", scheduler=engine_of("sglang").scheduler,
        profile=profile_for(machine, "sglang"), layouts=layouts, memory_fraction=0.85, isl=2000.0, osl=500.0,
        formats=(Format(name="fp8_block", kv_name="bf16", own=True),), chunks=(16384,), ttft_s=5.0, tpot_s=0.15,
    )  # fmt: skip
    front = prefill_workers(space, 0).take(np.array([0]))
    numbers = np.array([128.0, 192.0, 256.0]) * 64
    back = Workers(layout=np.ones(3, dtype=int), gpus=np.full(3, 64), rate=numbers / (500 * 0.12),
                   seconds=np.full(3, 0.12), number=numbers, chunk=np.zeros(3))  # fmt: skip
    theirs = pairs_served(
        space, 0, 0, front.take(np.zeros(3, dtype=int)), back, np.ones(3), np.ones(3)
    )  # fmt: skip
    good = (theirs.ttft_s <= 5.0) & (theirs.tpot_s <= 0.15)
    published = float((theirs.rate * 500 / 96)[good].max()) if good.any() else 0.0
    assert best.output_tokens_per_s_per_gpu >= published


def under_their_conditions(system: str, **named: object) -> tuple[Candidate, float]:
    """The winner, and dollars per M input of all kinds."""
    # lecture.md 9.7: 20 to 22 tok/s a user, mean KV 4,989, 56 % of input from the cache, $2 a GPU-hour. DS7: $0.300 per
    # M output, $0.060 per M input of all kinds. The search has 22 nodes and picks its own split.
    answer = plan(
        PlanRequest(
            model="deepseek-v3", system=system, isl=4739.0, osl=500.0, prefix=2666.0, ttft=5.0, tpot=0.05,
            engine="sglang", memory_fraction=0.85, weight_dtype="own", kv_dtype="bf16", price_per_gpu_hour=2.0,
            two_batch_overlap=True, **named,
        )
    )  # fmt: skip
    best = answer.winner
    return best, (best.usd_per_mtok_input * 2073.0 + best.usd_per_mtok_cached * 2666.0) / 4739.0


@pytest.fixture(scope="module")
def on_their_layouts() -> list[tuple[Candidate, float]]:
    """One and four of their prefill units of four nodes, EP32, before one of EP144, which neither keeps busy."""
    named = {"prefill_layout": "dp32 ep32", "decode_layout": "dp144 ep144", "decode_workers": 1}
    return [
        under_their_conditions(f"{gpus}xh800", prefill_workers=workers, **named)
        for gpus, workers in ((176, 1), (272, 4))
    ]


def test_degrees_and_roles_have_the_same_copies_of_experts() -> None:
    """Beyond a server one on each GPU, unless none are asked for; what does not divide is asked for."""
    wide = Scenario(model="deepseek-v3", system="96xh100", engine="sglang", dp=32, ep=32, concurrency=512.0)
    found = resolve(wide)
    assert found.layout.redundant_experts == 32
    assert any(one.field == "redundant_experts" and one.value == "32" for one in found.defaults)
    assert resolve(replace(wide, redundant_experts=0)).layout.redundant_experts == 0
    within = Scenario(model="deepseek-v3", system="8xh200", dp=8, ep=8, concurrency=64.0)
    assert resolve(within).layout.redundant_experts == 0


def test_as_many_clients_are_tried_as_the_slower_role_feeds(on_their_layouts):
    """Prefill is busy either way, so a token of input costs the same. The search once took so many clients that they
    waited, and then so few that a million tokens were $36.
    """
    (one, each), (_, of_four) = on_their_layouts
    assert each == pytest.approx(of_four, rel=0.02)
    assert one.ttft_s <= 5.0
    assert one.deployment is not None
    more = replace(one.deployment, load=Load(kind="concurrency", value=1.02 * one.concurrency)).serve()
    assert more.requests_per_s == pytest.approx(one.requests_per_s, rel=1e-3) and more.ttft_s > one.ttft_s


@pytest.mark.xfail(reason="$0.044: a quarter below a day's cost, in which GPUs also waited; $0.068 without two batches")
def test_prefill_on_their_layout_costs_what_theirs_did(on_their_layouts):
    assert on_their_layouts[1][1] == pytest.approx(0.060, rel=0.1)


@pytest.fixture(scope="module")
def under_deepseek_s_conditions() -> tuple[float, float]:
    """Dollars per M output, and per M input of all kinds, where the search picks the split."""
    best, of_all_kinds = under_their_conditions("176xh800")
    assert best.mode == "disagg"
    assert best.layout.ep >= 16  # wide expert parallelism, as they have
    return best.usd_per_mtok_output, of_all_kinds


def test_a_plan_under_deepseek_s_conditions_costs_what_theirs_did(under_deepseek_s_conditions):
    output, of_all_kinds = under_deepseek_s_conditions
    assert 500.0 * output + 4739.0 * of_all_kinds == pytest.approx(500.0 * 0.300 + 4739.0 * 0.060, rel=0.15)


@pytest.mark.xfail(reason="$0.501 out, $0.044 in: fewer GPUs decode, at 42 ms; $0.582 and $0.051 without two batches")
def test_its_bill_falls_on_input_and_output_as_theirs_did(under_deepseek_s_conditions):
    output, of_all_kinds = under_deepseek_s_conditions
    assert output == pytest.approx(0.300, rel=0.35)
    assert of_all_kinds == pytest.approx(0.060, rel=0.35)
