"""Terms of the planner by hand: what moves between roles, what drafts cost and hold, how many workers keep pace."""

import math
from dataclasses import replace
from types import SimpleNamespace

import engine_cases as cases
import numpy as np
import pytest

from tokenroof.engines import engine as engine_of
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import bind
from tokenroof.planner.disaggregated import Workers, link_bytes_per_s, pairs_served, prefill_workers, worker_counts
from tokenroof.planner.drafts import drafting, tokens_per_pass
from tokenroof.planner.points import Points, Space, slice_of
from tokenroof.planner.space import Format
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load

OWN = Format(name="own", kv_name="own", own=True, weights=None, kv=None)


def space_of(model, machine, *layouts, **more) -> Space:
    return Space(
        model=model, system=machine, engine="vllm", profile=PEAK, scheduler=engine_of("vllm").scheduler,
        layouts=layouts, formats=(OWN,), **{"chunks": (8192,), "isl": 1000.0, "osl": 101.0, **more},
    )  # fmt: skip


def one(space: Space, depth: int = 0) -> Points:
    """One prefill worker and one decode worker of the first layout, one request at a time."""
    layout, gpus, blank = np.zeros(1, int), np.array([space.layouts[0].n_gpus]), np.ones(1)
    worker = Workers(layout=layout, gpus=gpus, rate=blank, seconds=blank, number=blank, chunk=np.array([8192]))
    return pairs_served(space, 0, depth, worker, worker, blank, blank, np.ones(1))


# ---------------------------------------------------------------- prompts and answers apart


def test_a_unit_that_leaves_its_domain_sends_over_the_slow_network():
    machine = cases.system(n=16, domain=8, up=450e9, out=50e9)
    found = link_bytes_per_s(SimpleNamespace(system=machine, machines=(machine,)), np.array([2, 8, 9, 16]))
    assert found.tolist() == [450e9, 450e9, 50e9, 50e9]
    alone = replace(machine, n_chips=4)  # a domain is no larger than the machine
    assert link_bytes_per_s(SimpleNamespace(system=alone, machines=(alone,)), np.array([4])).tolist() == [450e9]


def test_a_request_waits_for_its_cache_to_move():
    """1,000 tokens of 131,072 byte: 2.62 ms at 50 GB/s, 0.29 ms at 450 GB/s. One request at a time feels it whole."""
    near, far = (one(space_of(cases.llama_3_8b(), cases.system(n=2, domain=n), Layout())) for n in (2, 1))
    moved = 1000 * 131072
    assert far.ttft_s[0] - near.ttft_s[0] == pytest.approx(moved / 50e9 - moved / 450e9, rel=2e-3)
    assert far.tpot_s[0] == near.tpot_s[0]


def test_stages_send_their_layers_side_by_side():
    """Two stages hold 16 layers each and send at once: half the time of one."""
    two, one_stage = (
        one(space_of(cases.llama_3_8b(), cases.system(n=4, domain=1, out=out), Layout(pp=pp)))
        for pp, out in ((2, 50e9), (2, 100e9))
    )
    moved = 1000 * 131072 / 2
    # the hop between the stages moves with the network too: 1,000 tokens x 4096 x 2 byte, once for the prompt
    hop = 1000 * 4096 * 2
    slower = two.ttft_s[0] - one_stage.ttft_s[0]
    assert slower == pytest.approx((moved + hop) * (1 / 50e9 - 1 / 100e9), rel=0.15)


def test_decoders_see_half_of_the_answer_on_average():
    """Time per token is a decode pass at 1,000 + 101 / 2 tokens."""
    machine = cases.system(n=2)
    found = one(space_of(cases.llama_3_8b(), machine, Layout()))
    step = bind(lower(cases.llama_3_8b()), machine).step(decode=Load(1.0, 1.0, 1050.5)).step_s
    assert found.tpot_s[0] == pytest.approx(step, rel=1e-9)
    assert found.e2e_s[0] == pytest.approx(found.ttft_s[0] + 100 * step, rel=1e-9)
    assert (found.gpus[0], found.prefill_share[0]) == (2, 0.5)


def test_workers_that_keep_pace():
    """3 decoders of 10 requests/s ask for 30; prefill workers of 9 prompts/s are counted at 0.9: 3.7 of them."""
    fewest, most = worker_counts(np.array(9.0), np.array(10.0), np.array(3.0))
    assert (fewest, most) == (math.floor(30 / 8.1), math.ceil(30 / 8.1)) == (3, 4)
    assert worker_counts(np.array(1e6), np.array(1.0), np.array(1.0)) == (1, 1)  # never none


def test_prefill_workers_go_as_fast_as_full_passes():
    """A chunk of 4,000 takes four prompts of 1,000 in each of two dp groups: eight prompts a pass."""
    machine, layout = cases.system(n=2), Layout(dp=2)
    found = prefill_workers(space_of(cases.llama_3_8b(), machine, layout, chunks=(4000,)), 0)
    timed = bind(lower(cases.llama_3_8b(), layout), machine)
    full, alone = (timed.step(prefill=Load(1000.0 * n, n, 1000.0)).step_s for n in (8.0, 1.0))
    assert found.rate[0] == pytest.approx(8 / full, rel=1e-9)
    assert found.seconds[0] == pytest.approx(alone, rel=1e-9)


def test_prefill_workers_hold_the_prompts_of_all_stages():
    """Two stages: passes of one prompt each in both, so two prompts of 1,000 tokens are held.

    A stage has half of the weights (8.03 G numbers in all, of which 0.53 G in each table) and half of 131,072 byte a
    token; memory that holds one prompt less than two leaves the worker out.
    """
    layout, model = Layout(pp=2), cases.llama_3_8b()
    machine = cases.system(n=2, memory=30e9)
    use = memory_use(lower(model, layout), machine, context=1000.0, engine="vllm", max_batched_tokens=1000)
    outside = use.outside_bytes  # stages alone: 0.07 GiB, small buffers 0.065, CUDA graphs
    assert outside == pytest.approx((0.07 + 0.065) * 2**30 + (200 + 6 * (35 + 51 - 2)) * 2**20)
    for held, kept in ((1.5, 0), (2.5, 1)):
        pool = held * 1008 * 131072 / 2
        memory = (pool + use.weights_bytes + use.activations_bytes + outside) / 0.92
        found = prefill_workers(space_of(model, cases.system(n=2, memory=memory), layout, chunks=(1000,)), 0)
        assert found.gpus.size == kept


def test_a_slice_counts_whole_requests():
    """Memory for 3.7 requests holds 3."""
    model = cases.llama_3_8b()
    space = space_of(model, cases.system(n=1, memory=40e9), Layout(), osl=1000.0, isl=20000.0)
    part = slice_of(space, 0, 8192, 0, np.arange(1))
    use = memory_use(lower(model), space.system, context=20500.0, engine="vllm", max_batched_tokens=8192)
    each = 131072 * math.ceil(20500 / 16) * 16
    assert part.most.tolist() == [use.cache_pool_bytes // each] and use.cache_pool_bytes % each > 0


# ---------------------------------------------------------------- drafts


def drafted(drafts=1, tokens=1.8, osl=1000.0, layout=None, profile=PEAK):
    layout, machine, model = layout or Layout(), cases.system(n=8, memory=1e12), cases.deepseek_v3()
    timed = bind(lower(model, layout), machine, profile)
    return timed, drafting(timed, model, layout, machine, profile, drafts=drafts, tokens=tokens, osl=osl)


@pytest.mark.parametrize(
    ("acceptance", "drafts", "tokens"), [(0.8, 0, 1.0), (0.8, 1, 1.8), (0.5, 3, 1.875), (1.0, 4, 5.0)]
)
def test_tokens_of_a_pass(acceptance, drafts, tokens):
    """1 + a + a^2 ... one term for each draft."""
    assert tokens_per_pass(acceptance, drafts) == pytest.approx(tokens)


def test_a_draft_head_holds_a_layer_of_cache():
    """DeepSeek-V3's module is a layer like its last: 62 layers of 576 x 2 byte a token where there were 61."""
    timed, both = drafted()
    assert cache_bytes_per_sequence(timed.program, 1000.0) == 61 * 1152 * 1000
    assert cache_bytes_per_sequence(both.program, 1000.0) == 62 * 1152 * 1000


def test_a_draft_head_holds_weights_but_shares_the_tables():
    """The projection 2 x 7168 x 7168, attention, 257 experts of 3 x 2048 x 7168, router, norms; fp8."""
    timed, both = drafted()
    attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168 + 1536 + 512
    layer = attention + 257 * 3 * 2048 * 7168 + 256 * 7168 + 256 + 2 * 7168
    extra = sum(both.program.stored_bytes.values()) - sum(timed.program.stored_bytes.values())
    assert extra == pytest.approx(layer + 2 * 7168 * 7168 + 7168, rel=1e-6)


def test_a_pass_with_drafts_verifies_them_and_runs_the_head_for_each():
    """Two drafts: three tokens a sequence verified, two passes of the head. The context is later by (osl - osl/n)/2:
    1,000 tokens in passes of 2 look like 500 to the formulas, whose middle lies 250 too early.
    """
    timed, both = drafted(drafts=2, tokens=2.0, osl=1000.0)
    verified = timed.step(decode=Load(24.0, 8.0, 3250.0)).step_s
    head = both.head.step(decode=Load(8.0, 8.0, 3250.0)).step_s
    assert both.step(decode=Load(8.0, 8.0, 3000.0)).step_s == pytest.approx(verified + 2 * head, rel=1e-12)
    assert both.step(prefill=Load(100.0, 1.0, 100.0)).step_s == timed.step(prefill=Load(100.0, 1.0, 100.0)).step_s


def test_a_pass_with_drafts_waits_once_for_the_host_and_for_each_sequence():
    """2 ms a pass and 0.1 ms for each of 4 sequences of a group; a pass of prompts alone waits for neither."""
    profile = replace(PEAK, draft_pass_s=2e-3, draft_sequence_s=1e-4)
    (_, quick), (_, both) = (drafted(drafts=2, layout=Layout(dp=2, ep=2), profile=one) for one in (PEAK, profile))
    load = Load(8.0, 8.0, 3000.0)
    assert both.step(decode=load).step_s - quick.step(decode=load).step_s == pytest.approx(2e-3 + 4e-4, rel=1e-9)
    prompt = Load(100.0, 1.0, 100.0)
    assert both.step(prefill=prompt).step_s == quick.step(prefill=prompt).step_s


def test_answers_take_fewer_passes_with_drafts_that_are_always_right():
    """One draft, always accepted: two tokens a pass, so 5,000 passes after the first where there were 10,001.

    What is left is the prompt and half of a step under way, which is there for 1 - 1/e of the time; the queue before it
    is a little longer where answers go faster.
    """
    machine = cases.system(n=2, memory=1e12)
    space = space_of(cases.deepseek_v3(), machine, Layout(), depths=(0, 1), acceptance=1.0, osl=10_002.0)
    plain, quick = one(space), one(space, 1)
    assert quick.tpot_s[0] == pytest.approx(quick.decode_s[0] / 2, rel=1e-12)
    under_way = (1.0 - math.exp(-1.0)) / 2.0
    begin = plain.e2e_s[0] - (10_001 + under_way) * plain.decode_s[0]
    assert quick.e2e_s[0] - (5_000 + under_way) * quick.decode_s[0] == pytest.approx(begin, rel=1e-3)
