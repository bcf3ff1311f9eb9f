"""Lowering: rows, folding, sharding and what each part of a model becomes."""

import dataclasses
from dataclasses import replace

import engine_cases as cases
import pytest

from tokenroof.catalog import load_model
from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, kv_read_bytes_per_step
from tokenroof.operators.lower import lower, lower_draft_head
from tokenroof.operators.networks import collective_lines, places_met
from tokenroof.operators.program import cache_bytes_per_sequence, totals
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import arithmetic_rate, bind, curve_of, step
from tokenroof.types.efficiency import PEAK, CollectiveCurve, Efficiency, OperatorCurve
from tokenroof.types.layout import Layout
from tokenroof.types.model import Gqa, Indexer, LayerGroup, Mla, NoFfn, NoMixer
from tokenroof.types.program import Load

ONE = Load(1.0, 1.0, 1000.0)


def rows_of(model, layout=None, system=None, **loads):
    n = (layout or Layout()).n_gpus
    return {r.name: r for r in operator_table(lower(model, layout), system or cases.h100s(n), **loads)}


def with_mixer(mixer, count=4):
    return dataclasses.replace(cases.llama_3_8b(), layers=(LayerGroup(count=count, mixer=mixer, ffn=NoFfn()),))


def test_layers_of_one_kind_fold_into_one_row():
    """DeepSeek-V3 has 61 layers and two kinds of MLP: attention rows run 61 times, MLP rows 3 and 58 times."""
    counts = {row.name: row.count for row in lower(cases.deepseek_v3()).operators}
    assert counts["attention output"] == 61 and counts["MLP up"] == 3 and counts["experts up"] == 58
    assert len(counts) == len(lower(cases.deepseek_v3()).operators)  # every name once


def test_interleaved_windows_make_two_attention_rows():
    full = Gqa(n_heads=8, n_kv_heads=4, head_dim=128, v_head_dim=128)
    local = dataclasses.replace(full, window=512)
    model = dataclasses.replace(
        cases.llama_3_8b(),
        layers=tuple(
            LayerGroup(count=n, mixer=m, ffn=NoFfn()) for n, m in ((5, local), (1, full), (5, local), (1, full))
        ),
    )
    cores = [r for r in lower(model).operators if r.name == "attention (decode)"]
    assert [core.count for core in cores] == [10, 2]
    table = [r for r in operator_table(lower(model), cases.h100s(1), decode=ONE) if r.name == "attention (decode)"]
    assert [r.kv_read_bytes for r in table] == [10 * 512 * 2048, 2 * 1000 * 2048]


def test_tensor_parallel_cuts_what_it_can():
    alone, cut = rows_of(cases.llama_3_70b(), decode=ONE), rows_of(cases.llama_3_70b(), Layout(tp=8), decode=ONE)
    for name in ("QKV projection", "attention output", "MLP up", "MLP down", "unembedding"):
        assert cut[name].weight_bytes == pytest.approx(alone[name].weight_bytes / 8)
    assert cut["norms and residuals"].weight_bytes == alone["norms and residuals"].weight_bytes
    assert cut["attention all-reduce"].comm_bytes == 80 * 8192 * 2


def test_kv_heads_are_copied_beyond_their_number():
    """16 ranks, 8 KV heads: each rank projects, stores and reads one head."""
    cut = rows_of(cases.llama_3_70b(), Layout(tp=16), decode=ONE)
    assert cut["attention (decode)"].kv_read_bytes == 80 * 1000 * 2 * 128 * 2
    assert cut["QKV projection"].weight_bytes == 80 * 8192 * (4 + 2) * 128 * 2


def test_attention_data_parallel_splits_sequences_and_repeats_weights():
    layout = Layout(dp=8, ep=8)
    alone, cut = (rows_of(cases.deepseek_v3(), one, decode=Load(64.0, 64.0, 1000.0)) for one in (None, layout))
    core = "latent attention (decode)"
    assert cut[core].kv_read_bytes == alone[core].kv_read_bytes / 8
    assert cut["attention output"].weight_bytes == alone["attention output"].weight_bytes
    assert cut["experts up"].weight_bytes == pytest.approx(alone["experts up"].weight_bytes / 8)
    assert cut["experts up"].flops == pytest.approx(alone["experts up"].flops / 8)
    assert "experts dispatch" in cut and "experts all-reduce" not in cut and "attention all-reduce" not in cut


def test_one_sequence_on_eight_groups_still_takes_a_whole_group():
    cut = rows_of(cases.deepseek_v3(), Layout(dp=8, ep=8), decode=ONE)
    assert cut["latent attention (decode)"].kv_read_bytes == 1000 * 70_272
    assert cut["attention output"].flops == rows_of(cases.deepseek_v3(), decode=ONE)["attention output"].flops


def test_dispatch_sends_a_token_once_to_each_rank_that_holds_its_experts():
    """8 ranks, 8 of 256 experts: a rank is missed with chance (224/256)(223/255)...; 5.3 ranks are met on average."""
    layout = Layout(dp=8, ep=8, dispatch_dtype="fp8")
    cut = rows_of(cases.deepseek_v3(), layout, decode=Load(8.0, 8.0, 10.0))
    missed = 1.0
    for drawn in range(8):
        missed *= (224 - drawn) / (256 - drawn)
    assert cut["experts dispatch"].comm_bytes == pytest.approx(58 * 8 * (1 - missed) * 7168)
    assert cut["experts combine"].comm_bytes == pytest.approx(2 * cut["experts dispatch"].comm_bytes)


def test_experts_cut_over_the_whole_stage_gather_every_token():
    """ep = 1 with two dp groups of two: each token goes to all four ranks, an all-gather's bytes."""
    cut = rows_of(cases.deepseek_v3(), Layout(tp=2, dp=2), decode=Load(8.0, 8.0, 10.0))
    assert cut["experts dispatch"].comm_bytes == pytest.approx(58 * (4 / 2) * 4 * 7168 * 2)  # a rank's half, four times
    assert cut["experts up"].weight_bytes == pytest.approx(
        rows_of(cases.deepseek_v3(), decode=Load(8.0, 8.0, 10.0))["experts up"].weight_bytes / 4
    )


def test_context_parallel_splits_the_cache_and_pools_queries():
    cut = rows_of(cases.llama_3_70b(), Layout(tp=8, cp=4), decode=Load(4.0, 4.0, 1000.0))
    assert cut["attention (decode)"].kv_read_bytes == 4 * 1000 * 40_960 / 4
    assert cut["attention queries all-gather"].comm_bytes == 80 * 4 * 8 * 128 * 2
    assert cut["attention outputs reduce-scatter"].comm_bytes == 80 * 4 * 8 * 128 * 2


def test_pipeline_sums_stages_and_adds_hops():
    cut = rows_of(cases.llama_3_70b(), Layout(tp=8, pp=4), cases.h100s(32), decode=Load(16.0, 16.0, 10.0))
    assert cut["pipeline hop"].comm_bytes == 3 * 16 * 8192 * 2 / 8
    assert cut["MLP up"].count == 80


def test_mla_decodes_absorbed_and_prefills_expanded():
    rows = rows_of(cases.deepseek_v3(), decode=ONE, prefill=Load(512.0, 1.0, 512.0))
    assert rows["latent attention (decode)"].flops == 61 * 278_528 * 1000
    pairs = 512 * 513 / 2
    assert rows["attention (prefill)"].flops == 61 * 2 * 128 * (192 + 128) * pairs
    assert rows["latent expand (prefill)"].flops == 61 * 2 * 512 * 128 * 256 * 512
    only = rows_of(cases.deepseek_v3(), decode=ONE)
    assert not any("(prefill)" in name for name in only)


def test_mla_with_an_indexer_attends_to_top_k_and_scans_everything():
    """DeepSeek-V3.2: 2,048 tokens of 1,152 B read, all tokens scored with a key of 128 fp8 elements and a scale."""
    sparse = Mla(n_heads=128, q_lora_rank=1536, kv_lora_rank=512, qk_nope_dim=128, qk_rope_dim=64, v_head_dim=128,
                 indexer=Indexer(top_k=2048, n_heads=64, head_dim=128, extra_params=7168 * 100))  # fmt: skip
    rows = rows_of(with_mixer(sparse), decode=Load(1.0, 1.0, 100_000.0))
    assert rows["latent attention (decode)"].kv_read_bytes == 4 * 2048 * 576 * 2
    assert rows["indexer scan (decode)"].kv_read_bytes == 4 * 100_000 * 132
    assert rows["indexer scan (decode)"].flops == 4 * 100_000 * 2 * 64 * 128
    shared = dataclasses.replace(sparse, indexer=dataclasses.replace(sparse.indexer, shared=True))
    assert not any(name.startswith("indexer") for name in rows_of(with_mixer(shared), decode=ONE))


def test_the_lectures_square_root_attention_is_a_what_if():
    model = cases.llama_3_70b()
    load = Load(1.0, 1.0, 10_000.0)
    usual, (group,) = totals(lower(model), decode=load).kv_read_bytes, model.layers
    thinned = dataclasses.replace(group, mixer=dataclasses.replace(group.mixer, sqrt_context=True))
    model = dataclasses.replace(model, layers=(thinned,))
    assert totals(lower(model), decode=load).kv_read_bytes == pytest.approx(usual / 100)
    assert kv_read_bytes_per_step(model, 10_000.0) == pytest.approx(usual / 100)


def test_a_window_on_latent_attention_bounds_what_is_kept_read_and_expanded():
    base = dict(n_heads=8, q_lora_rank=None, kv_lora_rank=512, qk_nope_dim=128, qk_rope_dim=64, v_head_dim=128)
    model = with_mixer(Mla(**base, window=100))
    rows = rows_of(model, decode=Load(1.0, 1.0, 10_000.0), prefill=Load(50.0, 1.0, 5_000.0))
    assert rows["latent attention (decode)"].kv_read_bytes == 4 * 100 * 576 * 2
    assert rows["latent expand (prefill)"].kv_read_bytes == 4 * (100 + 49) * 576 * 2
    assert kv_bytes_per_sequence(model, 10_000.0) == 4 * 100 * 576 * 2
    assert cache_bytes_per_sequence(lower(model), 10_000.0) == kv_bytes_per_sequence(model, 10_000.0)


def test_a_layer_that_reads_anothers_cache_stores_nothing():
    """Gemma-style cross-layer sharing: no key and value projection, no write, full read."""
    mixer = Gqa(n_heads=8, n_kv_heads=2, head_dim=128, v_head_dim=128, stores_kv=False)
    program = lower(with_mixer(mixer))
    found = totals(program, decode=ONE)
    assert program.cache == () and found.kv_write_bytes == 0 and found.kv_read_bytes == 4 * 1000 * 2 * 256 * 2


def test_verification_reads_the_cache_once_and_unembeds_every_draft():
    """4 tokens a sequence: cache read once, four times the arithmetic, logits at all four."""
    plain = rows_of(cases.llama_3_70b(), decode=Load(8.0, 8.0, 1000.0))
    drafts = rows_of(cases.llama_3_70b(), decode=Load(32.0, 8.0, 1000.0))
    core = "attention (decode)"
    assert drafts[core].kv_read_bytes == plain[core].kv_read_bytes
    assert drafts[core].flops == 8 * 80 * 4 * 64 * 128 * (1000 + 999 + 998 + 997)
    assert drafts["unembedding"].flops == 4 * plain["unembedding"].flops
    prompt = rows_of(cases.llama_3_70b(), prefill=Load(8000.0, 8.0, 1000.0))
    assert prompt["unembedding"].flops == plain["unembedding"].flops  # the last token of each prompt only


def test_a_mixed_pass_keeps_the_contexts_of_its_parts_apart():
    both = rows_of(cases.llama_3_70b(), decode=Load(8.0, 8.0, 9000.0), prefill=Load(512.0, 1.0, 700.0))
    assert both["attention (decode)"].kv_read_bytes == 8 * 9000 * 327_680
    assert both["attention (prefill)"].kv_read_bytes == 700 * 327_680
    assert both["MLP up"].flops == 520 * 80 * 2 * 8192 * 2 * 28672
    assert both["unembedding"].flops == 9 * 2 * 8192 * 128256


def test_draft_head_of_deepseek_v3():
    """One MTP module: a layer like the last, a 2 h to h projection, the shared head. 11.5 B beside embeddings."""
    found = totals(lower_draft_head(cases.deepseek_v3()), decode=Load(1e4, 1e4, 1.0))
    layer = 187_107_328 + 257 * 3 * 7168 * 2048 + 256 * 7168 + 256 + 2 * 7168
    assert found.weight_bytes == pytest.approx(layer + 2 * 7168**2 + 129280 * 7168 + 7168, rel=1e-3)


def test_formats_set_bytes_and_rates():
    model = cases.llama_3_70b()
    fp8 = Layout(weights=uniform_dtypes("fp8", keep_embeddings="bf16"), kv_dtype="fp8")
    rows = rows_of(model, fp8, decode=ONE)
    assert rows["MLP up"].weight_bytes == 80 * 8192 * 2 * 28672 and rows["MLP up"].rate == "fp8"
    assert rows["unembedding"].weight_bytes == 2 * 8192 * 128256 and rows["unembedding"].rate == "bf16"
    assert rows["attention (decode)"].kv_read_bytes == 1000 * 163_840
    assert (rows["attention (decode)"].format, rows["attention (decode)"].rate) == ("fp8", "bf16")
    expanded = dataclasses.replace(fp8, arithmetic="bf16")
    assert rows_of(model, expanded, decode=ONE)["MLP up"].rate == "bf16"


def test_mixed_formats_of_one_class_weigh_by_share():
    weights = dataclasses.replace(uniform_dtypes("bf16"), dense="fp8", mixed={"dense": {"fp8": 0.75, "bf16": 0.25}})
    program = lower(cases.llama_3_70b(), Layout(weights=weights))
    assert program.stored_bytes["dense"] == pytest.approx(80 * 3 * 8192 * 28672 * 1.25)


def test_arithmetic_falls_back_to_16_bits_and_no_further():
    h100 = cases.h100s(1).chip
    assert arithmetic_rate(h100, "fp8") == ("fp8", 1978.9e12)
    assert arithmetic_rate(h100, "fp4") == ("bf16", 989.4e12)
    with pytest.raises(DataMissing, match="arithmetic rate"):
        arithmetic_rate(dataclasses.replace(h100, flops_per_s={"fp8": 1e15}), "fp4")


def test_curves_are_found_most_special_first():
    named = {key: OperatorCurve(fixed_s=float(n)) for n, key in enumerate(("gemm.fp8_block", "gemm.fp8", "gemm", ""))}
    profile = Efficiency(id="p", operators=named, collectives=PEAK.collectives)
    asked = (
        ("gemm", "fp8_block", "fp8"),
        ("gemm", "fp8", "fp8"),
        ("gemm", "bf16", "bf16"),
        ("sampling", "bf16", "bf16"),
    )
    found = [curve_of(profile, *key).fixed_s for key in asked]
    assert found == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(DataMissing, match="curve for sampling"):
        curve_of(Efficiency(id="p", operators={"gemm": OperatorCurve()}, collectives={}), "sampling", "bf16", "bf16")


@pytest.mark.parametrize(("sharpness", "expected"), [(1.0, 7.0), (2.0, 5.0), (float("inf"), 4.0)])
def test_sharpness_goes_from_sum_to_maximum(sharpness, expected):
    """A GEMM with 3 s of memory and 4 s of arithmetic."""
    model = dataclasses.replace(cases.dense("m", 1, 64, 64, 1, 1, 64, 1, norms=False), layers=())
    model = dataclasses.replace(model, vocab=1000)
    program = lower(model)
    head = next(r for r in program.operators if r.name == "unembedding")
    flops, moved = head.flops[0][1], head.weights[0][1] + head.activations[0][1]
    machine = cases.system(flops=flops / 4, bytes_per_s=moved / 3)
    curve = OperatorCurve(sharpness=sharpness)
    profile = Efficiency(id="p", operators={"": OperatorCurve(), "gemm": curve}, collectives=PEAK.collectives)
    rows = operator_table(program, machine, decode=Load(1.0, 1.0, 1.0), profile=profile)
    row = next(r for r in rows if r.name == "unembedding")
    assert row.time_s == pytest.approx(expected)
    others = sum(r.time_s for r in rows) - row.time_s
    assert bind(program, machine, profile).step(decode=Load(1.0, 1.0, 1.0)).step_s == pytest.approx(expected + others)


def test_overlap_hides_a_share_of_the_network():
    shown = Efficiency(id="shown", operators=PEAK.operators, collectives=PEAK.collectives, overlap=0.0)
    half = replace(shown, id="half", overlap=0.5)
    program, machine, load = lower(cases.llama_3_70b(), Layout(tp=8)), cases.h100s(8), Load(64.0, 64.0, 1000.0)
    bare, hidden, bound = (bind(program, machine, p).step(decode=load) for p in (shown, half, PEAK))
    assert bare.communication_s == hidden.communication_s > 0
    assert bare.step_s - hidden.step_s == pytest.approx(0.5 * bare.communication_s)
    assert bound.step_s == pytest.approx(bare.step_s - bare.communication_s)


def test_hidden_traffic_still_takes_its_time():
    slow = replace(cases.h100s(8), scaleup_bytes_per_s=1e9)
    program, load = lower(cases.llama_3_70b(), Layout(tp=8)), Load(64.0, 64.0, 1000.0)
    bound = bind(program, slow).step(decode=load)
    assert bound.step_s == pytest.approx(bound.communication_s)


def test_tokens_cross_to_a_domain_once_and_are_handed_on_there():
    # DeepSeek-V3 prefill on 4 nodes: 8 of 256 experts meet 7.2 of 32 ranks but only 3.6 of 4 nodes
    assert places_met(256, 8, 32) == pytest.approx(32 * (1 - (31 / 32) ** 8), rel=0.02)
    met = places_met(256, 8, 4)
    assert met == pytest.approx(4 * (1 - (3 / 4) ** 8), rel=0.02)
    program = lower(cases.deepseek_v3(), Layout(dp=32, ep=32))
    row = next(row for row in program.operators if row.name == "experts dispatch")
    system = cases.h100s(32)
    lines = {line.algorithm: line for line in collective_lines(
        "all_to_all", 32, 1, system, routes=row.comm.routes)}  # fmt: skip
    crossing = met * 3 / 4 / row.comm.routes[2]
    assert lines["handed on inside domains"].s_per_byte == pytest.approx(
        max(crossing / system.scaleout_bytes_per_s, 7 / 8 / system.scaleup_bytes_per_s), rel=1e-9
    )
    assert lines["handed on inside domains"].s_per_byte < lines["low latency"].s_per_byte


def test_imbalance_slows_routed_experts_only_where_they_are_spread():
    skewed = Efficiency(id="s", operators=PEAK.operators, collectives=PEAK.collectives, expert_imbalance=1.5)
    load = Load(8192.0 * 8, 8192.0 * 8, 10.0)
    for layout, factor in ((Layout(dp=8, ep=8), 1.5), (Layout(tp=8), 1.0)):
        program, machine = lower(cases.deepseek_v3(), layout), cases.h100s(8)
        even, busy = (
            {r.name: r for r in operator_table(program, machine, decode=load, profile=p)} for p in (PEAK, skewed)
        )
        assert busy["experts up"].flops == pytest.approx(factor * even["experts up"].flops)
        assert busy["experts up"].weight_bytes == even["experts up"].weight_bytes


def test_kernels_and_host_cost_time_whatever_they_do():
    profile = Efficiency(id="p", operators={"": OperatorCurve(fixed_s=1e-3)}, collectives=PEAK.collectives, host_s=1.0)
    program, machine = lower(cases.llama_3_8b()), cases.h100s(1)
    found = bind(program, machine, profile).step(decode=Load(1.0, 1.0, 10.0))
    kernels = sum(r.count for r in program.operators if r.part != "prefill" and r.comm is None)
    assert found.overhead_s == pytest.approx(1.0 + 1e-3 * kernels)


def test_a_layer_without_anything_costs_a_norm_at_most():
    empty = dataclasses.replace(cases.llama_3_8b(), layers=(LayerGroup(count=9, mixer=NoMixer(), ffn=NoFfn()),))
    names = {row.name for row in lower(empty).operators}
    assert names == {"embedding", "norms and residuals", "unembedding", "sampling"}


def test_bad_questions():
    program, machine = lower(cases.llama_3_8b()), cases.h100s(1)
    with pytest.raises(InputError, match="rule"):
        step(program, machine, sequences=1.0, context=1.0, rule="guess")
    with pytest.raises(InputError, match="phase"):
        step(program, machine, sequences=1.0, context=1.0, phase="train")
    with pytest.raises(InputError, match="load"):
        bind(program, machine).step()
    unpriced = Efficiency(
        id="p", operators=PEAK.operators, collectives={"all_gather": (CollectiveCurve(algorithm="ring"),)}
    )
    with pytest.raises(DataMissing, match="all_reduce"):
        bind(lower(cases.llama_3_8b(), Layout(tp=2)), cases.h100s(2), unpriced)


def test_a_vision_tower_is_held_and_not_read() -> None:
    with_tower = load_model("qwen3-vl-2b")
    program, blind = lower(with_tower), lower(replace(with_tower, vision_params=0))
    assert sum(program.stored_bytes.values()) == pytest.approx(4.26e9, rel=2e-3)  # the checkpoint
    assert sum(program.stored_bytes.values()) - sum(blind.stored_bytes.values()) == 2 * 406_957_056
    assert program.operators == blind.operators
    halves = lower(with_tower, Layout(tp=2)).stored_bytes["vision"]
    assert halves == program.stored_bytes["vision"] / 2
