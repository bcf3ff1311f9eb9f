"""Decode context parallelism: tp ranks share a cache that they would hold in copies; memory, traffic, limits."""

from dataclasses import replace

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.efficiency import load_profile
from tokenroof.engines import engine
from tokenroof.errors import InputError
from tokenroof.mixers.rows import Rows
from tokenroof.operators.layouts import check_layout, dcp_limit
from tokenroof.operators.lower import lower
from tokenroof.operators.program import form_value, totals, variables
from tokenroof.operators.timing import bind
from tokenroof.planner.space import Format, planned_layouts, stacked
from tokenroof.scenario.resolve import resolve
from tokenroof.types.engine import Worker
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.run import simulate
from tokenroof.xp import SCALAR

KIMI = Scenario(model="kimi-k2.6-nvfp4", system="8xb200", engine="vllm", tp=8, isl=131072, osl=1024, concurrency=8.0)


def comms(model, layout, load):
    """Bytes of the buffers of dcp's collectives, all layers, by name."""
    program = lower(load_model(model), layout)
    values = variables(program, load, None, SCALAR)
    return {row.name: row.count * form_value(row.comm.bytes, values) for row in program.operators
            if row.comm and row.name.startswith("dcp") and row.part == "decode"}  # fmt: skip


@pytest.mark.parametrize(("model", "tp", "limit"), [
    ("kimi-k2.6-nvfp4", 8, 8), ("deepseek-v3", 16, 16),  # the latent is whole on every rank
    ("qwen3-235b-a22b", 8, 2), ("qwen3-235b-a22b", 4, 1), ("qwen3-235b-a22b", 16, 4),  # four KV heads
    ("llama-3.3-70b", 8, 1), ("llama-3.3-70b", 16, 2),
    ("gpt-oss-120b", 16, 1), ("deepseek-v3.2", 8, 1), ("qwen3-next-80b-a3b", 8, 1),  # windows, an index, states
])  # fmt: skip
def test_copies_that_ranks_may_share(model, tp, limit):
    assert dcp_limit(load_model(model), tp) == limit


def test_the_cache_of_a_gpu_is_divided():
    """Kimi-K2.6 on 8 B200 held 20 requests of 131,072 tokens, whatever was asked of it."""
    whole, shared = (resolve(replace(KIMI, dcp=dcp)).memory() for dcp in (1, 8))
    assert shared.cache_bytes_per_sequence == pytest.approx(whole.cache_bytes_per_sequence / 8, rel=1e-3)
    assert (whole.sequences, shared.sequences) == (20, 161)
    assert shared.weights_bytes == whole.weights_bytes


def test_each_rank_reads_its_part_and_computes_as_much():
    model, load = load_model("kimi-k2.6-nvfp4"), Load(64.0, 64.0, 65_536.0)
    one, eight = (totals(lower(model, Layout(tp=8, dcp=dcp)), decode=load) for dcp in (1, 8))
    assert eight.kv_read_bytes == pytest.approx(one.kv_read_bytes / 8, rel=1e-12)
    assert eight.kv_write_bytes == pytest.approx(one.kv_write_bytes / 8, rel=1e-12)
    assert eight.all_flops == pytest.approx(one.all_flops, rel=1e-12)
    assert eight.comm_bytes > one.comm_bytes


def test_what_a_layer_sends_by_hand():
    """64 heads on 8 ranks, entries of 576, latent of 512, 61 layers, 4 sequences, BF16; log-sum-exps in fp32."""
    sent = comms("kimi-k2.6-nvfp4", Layout(tp=8, dcp=8), Load(4.0, 4.0, 1_000.0))
    layers, tokens = 61, 4
    assert sent["dcp queries all-gather"] == layers * tokens * 64 * 576 * 2
    assert sent["dcp outputs reduce-scatter"] == layers * tokens * 64 * 512 * 2
    assert sent["dcp log-sum-exp all-gather"] == layers * tokens * 64 * 8 * 4
    grouped = comms("qwen3-235b-a22b", Layout(tp=8, dcp=2), Load(4.0, 4.0, 1_000.0))
    assert grouped["dcp queries all-gather"] == 94 * 4 * (64 / 8 * 2) * 128 * 2


def test_prompts_gather_what_was_cached_before_them_and_nothing_else():
    timed = resolve(replace(KIMI, dcp=8)).timed
    (gather,) = [link for link in timed.links if link.part == "prefill"]

    def size(new, context):
        return form_value(gather.size, variables(timed.program, None, Load(new, 1.0, context), SCALAR))

    assert size(8192.0, 8192.0) == pytest.approx(0.0, abs=1.0)
    assert size(8192.0, 40_960.0) == pytest.approx(32_768 * 576, rel=1e-6)  # entries in 8 bits


def test_long_contexts_decode_faster_and_short_ones_slower():
    long, short = (
        [resolve(replace(KIMI, isl=isl, dcp=dcp)).step(16.0).step_s for dcp in (1, 8)] for isl in (131_072, 1_024)
    )
    assert long[1] < 0.8 * long[0] and short[1] > short[0]


def test_many_layouts_at_once_are_those_one_by_one():
    model = load_model("kimi-k2.6-nvfp4")
    layouts, _ = planned_layouts(model, load_system("8xb200"), "vllm")
    some = [one for one in layouts if one.tp == 8 and one.pp == 1][:6]
    assert {one.dcp for one in some} == {1, 2, 8}
    system, load = load_system("8xb200"), Load(32.0, 32.0, 16_384.0)
    profile = load_profile(system.chip, "vllm")
    form = Format(name="own", kv_name="fp8", own=True)
    together = bind(lower(model, stacked(some, form)), system, profile).step(decode=load)
    for at, layout in enumerate(some):
        alone = bind(lower(model, layout), system, profile).step(decode=load)
        assert together.step_s[at] == pytest.approx(alone.step_s, rel=1e-9)


def test_the_simulator_agrees_with_the_closed_form():
    """As well as it does without: both say by how much decoding is slower at 8,192 tokens."""
    slower = []
    for run in ("simulate", "serve"):
        times = []
        for dcp in (1, 8):
            given = {"model": KIMI.model, "system": KIMI.system, "tp": 8, "dcp": dcp, "concurrency": 8.0}
            if run == "serve":
                times.append(resolve(Scenario(**given, isl=8192, osl=256)).serve().tpot_s)
            else:
                times.append(simulate(SimulateRequest(**given, isl="8192", osl="256", requests=80)).tpot.mean)
        slower.append(times[1] / times[0])
    assert slower[0] == pytest.approx(slower[1], rel=0.1)


@pytest.mark.parametrize(("model", "layout", "words"), [
    ("llama-3.3-70b", Layout(tp=8, dcp=2), "1 copies of the cache on 8 tp ranks"),
    ("kimi-k2.6-nvfp4", Layout(tp=8, dcp=3), "divisor of the 8"),
    ("kimi-k2.6-nvfp4", Layout(tp=4, cp=2, dcp=2), "1 where cp"),
    ("gpt-oss-120b", Layout(tp=8, dcp=8), "full attention in every layer"),
])  # fmt: skip
def test_layouts_that_cannot_share_are_refused(model, layout, words):
    with pytest.raises(InputError, match=words):
        check_layout(load_model(model), layout)


def test_only_vllm_has_it_and_its_command_says_so():
    layout = Layout(tp=8, dcp=8)
    assert engine("vllm").inexpressible(layout) == ""
    assert engine("sglang").inexpressible(layout) and engine("trtllm").inexpressible(layout)
    assert Rows(load_model("qwen3-8b"), Layout()).dcp == 1
    fields = {name: None for name in Worker.__dataclass_fields__}
    worker = Worker(**fields | {"layout": layout, "checkpoint": "x", "sequences": 1, "length": 1, "role": "both"})
    assert "--decode-context-parallel-size 8" in engine("vllm").launcher.command(worker).replace("\\\n   ", "")
