"""Faults found in other tools (see the peers survey), each turned into something that ours must get right."""

import engine_cases as cases
import pytest

from tokenroof.catalog import load_chip
from tokenroof.operators.lower import lower
from tokenroof.operators.networks import collective_time_s
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import arithmetic_rate, bind, step
from tokenroof.types.efficiency import PEAK, CollectiveCurve, Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load


def table(model, layout=None, **loads):
    n = (layout or Layout()).n_gpus
    return {row.name: row for row in operator_table(lower(model, layout), cases.h100s(n), **loads)}


def test_llm_viewer_charged_all_heads_for_the_cache_of_a_gqa_model():
    """64 query heads share 8 KV heads: decode reads 8 of them, and twice the batch reads twice."""
    rows = table(cases.llama_3_70b(), decode=Load(256.0, 256.0, 8192.0))
    assert rows["attention (decode)"].kv_read_bytes == 256 * 8192 * 80 * 2 * 8 * 128 * 2


def test_llm_viewer_halved_the_head_and_ignored_the_batch():
    rows = table(cases.llama_3_70b(), decode=Load(32.0, 32.0, 100.0))
    head = rows["unembedding"]
    assert head.flops == 2 * 32 * 8192 * 128256
    assert head.activation_bytes == 32 * (8192 + 128256) * 2


def test_llm_viewer_did_not_halve_causal_prefill():
    rows = table(cases.llama_3_70b(), prefill=Load(4096.0, 1.0, 4096.0))
    assert rows["attention (prefill)"].flops == 80 * 4 * 64 * 128 * (4096 * 4097 / 2)


def test_llm_analysis_ignored_the_context_in_decode_attention():
    short, long = (table(cases.llama_3_70b(), decode=Load(8.0, 8.0, c))["attention (decode)"] for c in (1e3, 1e4))
    assert long.flops == pytest.approx(10 * short.flops) and short.flops == 8 * 1e3 * 80 * 4 * 64 * 128


def test_llm_analysis_read_and_wrote_the_whole_cache():
    """A step reads the cache once and writes one token."""
    core = table(cases.llama_3_70b(), decode=Load(8.0, 8.0, 5000.0))["attention (decode)"]
    assert core.kv_read_bytes == 8 * 5000 * 327_680
    assert core.kv_write_bytes == 8 * 327_680


def test_llm_analysis_paid_for_the_embedding_table_and_not_for_the_head():
    rows = table(cases.llama_3_70b(), decode=Load(1.0, 1.0, 1.0))
    assert rows["embedding"].memory_bytes == 8192 * 4  # one row read, one written
    assert rows["unembedding"].weight_bytes == 8192 * 128256 * 2


def test_vidur_counted_neither_embedding_nor_head():
    rows = table(cases.llama_3_70b(), decode=Load(1.0, 1.0, 1.0))
    read = sum(row.weight_bytes for row in rows.values())
    everything = sum(lower(cases.llama_3_70b()).stored_bytes.values())
    assert read == pytest.approx(everything - 8192 * 128256 * 2)


def test_genz_put_721_gb_of_deepseek_v3_on_each_of_8_chips():
    """671 GB in FP8: 84 GB a chip, and the down-projections of MLA and router whole on each."""
    program = lower(cases.deepseek_v3(), Layout(tp=8))
    assert sum(program.stored_bytes.values()) == pytest.approx(85.0e9, rel=5e-3)
    assert sum(lower(cases.deepseek_v3()).stored_bytes.values()) == pytest.approx(671.03e9, rel=1e-4)


def test_genz_gave_deepseek_v3_kv_heads_instead_of_a_latent():
    rows = table(cases.deepseek_v3(), Layout(tp=8), decode=Load(1.0, 1.0, 1000.0))
    assert rows["latent attention (decode)"].kv_read_bytes == 1000 * 70_272


def test_genz_results_answered_zero_for_a_misspelt_name():
    found = step(lower(cases.llama_3_8b()), cases.h100s(1), sequences=1.0, context=10.0)
    with pytest.raises(AttributeError):
        _ = found.Latency


def test_genz_had_only_the_ring():
    """Small messages are a matter of steps, large ones of bytes: the algorithm changes, and is named."""
    library = Efficiency(
        id="t",
        operators=PEAK.operators,
        collectives={
            "": tuple(CollectiveCurve(algorithm=name, step_s=2e-6) for name in ("ring", "tree", "one-shot", "two-shot"))
        },
    )
    machine = cases.h100s(8)
    names = [collective_time_s("all_reduce", size, 8, machine, library)[1] for size in (1e3, 1e8)]
    assert names == ["one-shot", "two-shot"]


def test_inference_roofline_took_the_sparse_rate_of_the_h100_and_gib_for_gb():
    chip = load_chip("h100")
    assert arithmetic_rate(chip, "bf16")[1] == pytest.approx(989.4e12)
    assert arithmetic_rate(chip, "fp8")[1] == pytest.approx(1978.9e12)  # dense; 3,958 is sparse
    assert chip.bytes_per_s == pytest.approx(3.35e12)


def test_vidur_took_2_to_the_40_for_tera():
    chip = load_chip("a100")
    assert chip.flops_per_s["bf16"] == 312e12


def test_the_bound_of_llama_70b_agrees_with_the_peer_that_counts_all_operators():
    """H100, TP8, batch 1, context 2,048. AIConfigurator's speed-of-light mode has 5.23 ms."""
    found = step(lower(cases.llama_3_70b(), Layout(tp=8)), cases.h100s(8), sequences=1.0, context=2048.0)
    floor = (lower(cases.llama_3_70b()).stored_bytes["dense"] / 8) / 3.35e12
    assert found.step_s > floor
    assert 1e3 * found.step_s == pytest.approx(5.23, rel=0.04)


def test_aiconfigurator_charged_hops_inside_a_node_at_network_speed():
    inside, _ = collective_time_s("hop", 1e8, 2, cases.h100s(8), stride=4)
    across, _ = collective_time_s("hop", 1e8, 2, cases.h100s(16), stride=8)
    assert inside == pytest.approx(1e8 / 450e9) and across == pytest.approx(1e8 / 50e9)


def test_aiconfigurator_counted_min_of_experts_and_routes():
    """8 tokens * 8 routes are 64 visits; they meet 57.4 of 256 experts, not 64."""
    rows = table(cases.deepseek_v3(), decode=Load(8.0, 8.0, 1.0))
    one = 58 * 3 * 7168 * 2048
    read = rows["experts up"].weight_bytes + rows["experts down"].weight_bytes
    assert read / one == pytest.approx(57.4, abs=0.05)


def test_aiconfigurator_failed_on_deepseek_v3_without_forced_formats():
    found = step(lower(cases.deepseek_v3(), Layout(tp=8)), cases.h100s(8), sequences=32.0, context=2048.0)
    assert found.step_s > 0


def test_aiconfigurator_kept_its_mode_in_a_shared_object():
    program, machine = lower(cases.llama_3_8b()), cases.h100s(1)
    slow = Efficiency(id="slow", operators=PEAK.operators, collectives=PEAK.collectives, host_s=1.0)
    load = Load(1.0, 1.0, 10.0)
    before = bind(program, machine).step(decode=load).step_s
    assert bind(program, machine, slow).step(decode=load).step_s == pytest.approx(before + 1.0)
    assert bind(program, machine).step(decode=load).step_s == before
    assert step(program, machine, sequences=1.0, context=10.0, profile=slow).step_s == pytest.approx(before + 1.0)
    assert step(program, machine, sequences=1.0, context=10.0).step_s == before


def test_inferencesim_prefill_at_the_roof():
    """Llama-70B, TP8, 2,048 tokens: AIConfigurator's bound is 65 ms in bf16 with attention at its own speed."""
    found = step(
        lower(cases.llama_3_70b(), Layout(tp=8)), cases.h100s(8), sequences=1.0, context=2048.0, phase="prefill"
    )
    assert 36e-3 < found.step_s < 65e-3
