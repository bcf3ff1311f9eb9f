"""Memory against what engines print and what vendors publish."""

import engine_cases as cases
import numpy as np
import pytest

from tokenroof.catalog import load_model
from tokenroof.engines import ENGINES
from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError, UnknownName
from tokenroof.operators.layouts import stack
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import activation_peak_bytes, memory_use
from tokenroof.types.layout import Layout

GIB = cases.GIB

# What a process sees on an A100-SXM4-80GB, where nvidia-smi shows 80 GiB.
A100 = cases.system(
    rates={"bf16": 312e12, "fp16": 312e12}, bytes_per_s=2.039e12, memory=80e9, usable=79.25 * GIB, name="a100"
)


def test_llama_3_8b_fp16_on_one_a100_80_under_vllm():
    """55.1 GiB measured (ridgepoint 0.1.2's calibration run; it predicts 54.5). Public logs range from 54.4 to 54.9."""
    found = memory_use(lower(cases.llama_3_8b()), A100, context=8192, engine=engine_of("vllm", "0.28.0"), fraction=0.9)
    assert found.cache_pool_bytes / GIB == pytest.approx(55.1, rel=0.01)
    assert found.weights_bytes / GIB == pytest.approx(14.96, abs=0.01)  # vLLM prints 14.99 with rotary tables
    assert found.sequences == 54  # 8,192 * 131,072 B = 1 GiB each


def test_pool_is_usable_memory_not_the_label():
    labelled = cases.system(rates={"bf16": 312e12}, memory=80e9)
    small = memory_use(lower(cases.llama_3_8b()), labelled, context=8192)
    assert small.total_bytes == 80e9
    assert memory_use(lower(cases.llama_3_8b()), A100, context=8192).cache_pool_bytes > small.cache_pool_bytes + 3 * GIB


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_adds_up(engine):
    found = memory_use(lower(cases.llama_3_8b(), Layout(tp=2)), cases.h100s(), context=4000, engine=engine)
    parts = found.weights_bytes + found.activations_bytes + found.reserved_bytes + found.cache_pool_bytes
    assert parts == pytest.approx(found.total_bytes)
    assert found.sequences * found.cache_bytes_per_sequence <= found.cache_pool_bytes
    assert (found.sequences + 1) * found.cache_bytes_per_sequence > found.cache_pool_bytes
    assert found.holds_one


def test_no_engine_leaves_more_room_than_none():
    program, machine = lower(cases.llama_3_8b()), cases.h100s(1)
    pools = {name: memory_use(program, machine, context=1000, engine=name).cache_pool_bytes for name in ENGINES}
    assert max(pools, key=pools.get) == "none"
    assert pools["none"] == 80e9 - sum(program.stored_bytes.values())


def test_sglang_reserves_a_fraction_and_keeps_activations_outside_it():
    """mem_fraction_static 0.88: weights and pool together take 88 % less what is outside the allocator."""
    program = lower(cases.llama_3_8b())
    found = memory_use(program, A100, context=8192, engine="sglang", fraction=0.88)
    taken = found.cache_pool_bytes + found.weights_bytes + ENGINES["sglang"].memory.outside_bytes
    assert taken == pytest.approx(0.88 * found.total_bytes)


def test_sglang_leaves_room_for_activations_and_little_for_each_rank():
    """server_args.py of 2026: 512 MiB + 1.5 MiB a token of chunk + 2 MiB a graph (512) + 1 GiB for eight ranks."""
    program = lower(load_model("deepseek-v3"), Layout(tp=1, dp=64, ep=64))
    found = memory_use(program, cases.h100s(64), context=4096, engine="sglang")
    left = found.total_bytes - found.weights_bytes - found.cache_pool_bytes - found.outside_bytes
    mib = 512 + 1.5 * 8192 + 2 * 512 + 64 / 8 * 1024
    assert left == pytest.approx((mib / 1024 + 4) * GIB)  # 4 GiB more with attention in groups
    assert found.holds_one


def test_weights_that_do_not_fit_are_an_answer():
    found = memory_use(lower(cases.llama_3_70b()), cases.h100s(1), context=4096)
    assert found.cache_pool_bytes < 0 and found.sequences == 0 and not found.holds_one


def test_pages_round_the_context_up():
    program = lower(cases.llama_3_8b())
    pages = [memory_use(program, A100, context=c, engine="vllm").cache_bytes_per_sequence for c in (1, 16, 17)]
    assert pages == [131_072 * 16, 131_072 * 16, 131_072 * 32]


def test_kv_heads_replicate_and_the_latent_is_whole_on_every_rank():
    """8 KV heads on 16 ranks: each holds one. MLA: each rank of tp holds all 576 elements; dp splits sequences."""
    program = {tp: lower(cases.llama_3_70b(), Layout(tp=tp)) for tp in (1, 8, 16)}
    each = {
        tp: memory_use(p, cases.h100s(16, 16), context=1, engine="none").cache_bytes_per_sequence
        for tp, p in program.items()
    }
    assert each == {1: 327_680, 8: 40_960, 16: 40_960}
    v3 = [lower(cases.deepseek_v3(), layout) for layout in (Layout(), Layout(tp=8), Layout(dp=8, ep=8))]
    found = [memory_use(p, cases.h100s(), context=1, engine="none").cache_bytes_per_sequence for p in v3]
    assert found == [70_272, 70_272, 70_272]


def test_deepseek_v3_decode_unit_of_day_6():
    """DeepSeek, open-infra-index day 6: EP144, 32 redundant experts: 2 routed and 1 shared expert on each GPU."""
    layout = Layout(dp=144, ep=144, redundant_experts=32)
    stored = lower(cases.deepseek_v3(), layout).stored_bytes
    one_expert = 3 * 7168 * 2048
    assert stored["experts"] == 58 * 2 * one_expert
    assert stored["shared_experts"] == 58 * one_expert


def test_lecture_8_4_pipeline_divides_weights_and_not_the_cache():
    """R13: with as many micro-batches in flight as stages, cache per GPU stays; weights go as 1/P."""
    model = cases.dense("m", 64, 4096, 16384, 32, 8, 128, 64, tied=True)
    weights, together = {}, {}
    for stages in (1, 2, 4, 8):
        found = memory_use(lower(model, Layout(pp=stages)), cases.h100s(), context=1000, engine="none")
        weights[stages] = found.weights_bytes - found.weights_by_class["embedding"]
        micro_batch = 10
        together[stages] = found.cache_bytes_per_sequence * micro_batch * stages
    assert [weights[1] / weights[p] for p in (2, 4, 8)] == pytest.approx([2, 4, 8])
    assert len({round(total) for total in together.values()}) == 1


def test_uneven_stages_are_as_full_as_the_fullest():
    """61 layers on 2 stages: 31 of them on one."""
    one, two = (
        memory_use(lower(cases.deepseek_v3(), Layout(pp=p)), cases.h100s(), context=1, engine="none") for p in (1, 2)
    )
    assert two.weights_by_class["experts"] == pytest.approx(one.weights_by_class["experts"] * 31 / 61)


def test_many_layouts_at_once():
    layouts = [Layout(tp=8), Layout(dp=8, ep=8), Layout(tp=4, dp=2, ep=8), Layout(tp=2, pp=4)]
    for engine in ENGINES:
        together = memory_use(lower(cases.deepseek_v3(), stack(layouts)), cases.h100s(), context=4096, engine=engine)
        for index, layout in enumerate(layouts):
            alone = memory_use(lower(cases.deepseek_v3(), layout), cases.h100s(), context=4096, engine=engine)
            for name in ("weights_bytes", "activations_bytes", "cache_pool_bytes", "sequences"):
                assert np.broadcast_to(getattr(together, name), 4)[index] == pytest.approx(getattr(alone, name)), name


def test_recurrent_state_counts_once_per_sequence():
    group = cases.LayerGroup(
        count=3,
        mixer=cases.Ssm(kind="mamba-2", n_heads=8, head_dim=64, d_state=128, n_groups=8, conv_kernel=4,
                        in_params=1000, out_params=1000, state_elements=65_536, conv_elements=100),
        ffn=cases.NoFfn(),
    )  # fmt: skip
    model = cases.Model(id="s", name="s", model_type="test", hidden=100, vocab=100, layers=(group,))
    for context in (1, 100_000):
        found = memory_use(lower(model), cases.h100s(1), context=context, engine="none")
        assert found.cache_bytes_per_sequence == 3 * (65_536 * 4 + 100 * 2)


def test_activations_grow_with_the_chunk():
    program = lower(cases.deepseek_v3(), Layout(dp=8, ep=8))
    sizes = [activation_peak_bytes(program, tokens=t, sequences=0) for t in (1024, 2048, 4096)]
    assert sizes[1] == pytest.approx(2 * sizes[0]) and sizes[2] == pytest.approx(4 * sizes[0])


def test_bad_engine_and_fraction():
    program = lower(cases.llama_3_8b())
    with pytest.raises(UnknownName, match="vllm"):
        memory_use(program, A100, context=1, engine="tgi")
    for fraction in (0.0, 1.5, float("nan")):
        with pytest.raises(InputError, match="fraction"):
            memory_use(program, A100, context=1, fraction=fraction)
