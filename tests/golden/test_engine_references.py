"""Published worked examples, computed by the engine from the models' shapes.

Each name carries the case number of the reference list: SB, SA scaling book chapters 7 and 8 (jax-ml.github.io/
scaling-book); K kipply, Transformer Inference Arithmetic; V ISCA 2025, Insights into DeepSeek-V3 (arXiv 2505.09343);
EP Epoch, Inference economics of language models (arXiv 2506.04645); T, R vectors of the lecture's own roofline.
Where an author counts what a pass does not do (reading the embedding table, unembedding every prompt token), the
tolerance is that share and the comment says so.
"""

import engine_cases as cases
import pytest

from tokenroof.mixers.architecture import active_params, total_params, uniform_dtypes
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.networks import collective_time_s
from tokenroof.operators.program import cache_bytes_per_sequence, totals
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind, step
from tokenroof.types.efficiency import PEAK, CollectiveCurve, Efficiency, OperatorCurve
from tokenroof.types.layout import Layout
from tokenroof.types.model import LayerGroup, MoeFfn
from tokenroof.types.program import Load

V5E_BYTES, V5E_FLOPS = 8.1e11, 1.97e14
WEIGHT_ONLY = Layout(arithmetic="bf16")  # int8 weights, 16-bit arithmetic


def one_chip(n, bytes_per_s, flops, memory=16e9):
    """A slice of n chips as one, as the books reckon: rates add up, networks cost nothing."""
    rates = {"bf16": n * flops, "tf32": n * flops}
    return cases.system(rates=rates, bytes_per_s=n * bytes_per_s, memory=n * memory)


def book(model, machine, batch, context, layout=None, rule="book"):
    found = step(
        lower(model, layout), machine, sequences=float(batch), context=float(context), rule=rule, free_networks=True,
        attention_flops=False,
    )  # fmt: skip
    return 1e3 * found.step_s


# ---------------------------------------------------------------- scaling book, chapter 7


def thirty_billion():
    """30 B in int8, 100 kB of cache a token: 2 * 50 layers * 5 heads * 200, 1 byte; MLP width 19,000 closes the sum."""
    return cases.dense("30b", 50, 10_000, 19_000, 50, 5, 200, 1, dtype="int8", kv="int8", gated=False, norms=False)


def test_sb_case_model_has_its_published_sizes():
    model = thirty_billion()
    assert total_params(model) == pytest.approx(30e9, rel=1e-5)
    assert cache_bytes_per_sequence(lower(model), 1.0) == 100_000


@pytest.mark.parametrize(("case", "batch", "rule", "ms"), [
    ("SB1", 4, "book", 2.568), ("SB2", 256, "book", 21.05), ("SB2 lecture mode", 256, "lecture", 18.50),
])  # fmt: skip
def test_sb1_sb2_step_time_of_a_30b_model_on_16_v5e(case, batch, rule, ms):
    machine = one_chip(16, V5E_BYTES, V5E_FLOPS)
    assert book(thirty_billion(), machine, batch, 8192, WEIGHT_ONLY, rule) == pytest.approx(ms, rel=5e-4)


def test_sb3_llama_2_13b_cache():
    kept = cache_bytes_per_sequence(lower(cases.llama_2_13b()), 8192)
    assert kept == pytest.approx(6.711e9, rel=1e-4)  # printed 6.7 GB


def test_sb4_llama_2_13b_parameters_by_part():
    stored = lower(cases.llama_2_13b(norms=False)).stored_bytes
    assert stored["dense"] / 2 == pytest.approx(8.493e9, rel=1e-3)
    assert (stored["embedding"] + stored["unembedding"]) / 2 == pytest.approx(0.328e9, rel=1e-3)
    assert stored["attention"] / 2 == pytest.approx(4.194e9, rel=1e-3)


BATCHES = (1, 8, 16, 32, 64, 240)


@pytest.mark.parametrize(("case", "kv_heads", "width", "ms"), [
    ("SB5", 40, 13824, (4.98, 12.13, 20.30, 36.65, 69.33, 249.09)),
    ("SB6", 8, 16552, (4.17, 5.60, 7.23, 10.50, 17.04, 52.99)),
])  # fmt: skip
def test_sb5_sb6_llama_2_13b_on_8_v5e_in_tensor_parallel(case, kv_heads, width, ms):
    """8 chips of 8.2e11 B/s. The book reads all 26 GB; a pass leaves the embedding table (0.33 GB, 1.3 %) alone.

    SB6 divides the cache by 5 and keeps 13 B parameters, so the MLP takes over what the KV heads give up.
    """
    machine = cases.system(flops=V5E_FLOPS, bytes_per_s=8.2e11, n=8, memory=16e9)
    model = cases.dense("llama-2-13b", 40, 5120, width, 40, kv_heads, 128, 32000)
    for batch, printed in zip(BATCHES, ms, strict=True):
        ours = book(model, machine, batch, 8192, Layout(tp=8))
        table_ms = 1e3 * 32000 * 5120 * 2 / (8 * 8.2e11)
        assert ours <= printed * 1.002
        assert ours + table_ms == pytest.approx(printed, rel=4e-3)


def eighteen_billion(heads=8, experts=None):
    """L64 D4096 F16384 N32 K8 H256 V32128, embeddings shared, int8."""
    model = cases.dense("18b", 64, 4096, 16384, 32, heads, 256, 32128, dtype="int8", kv="int8", tied=True, norms=False)
    if experts is None:
        return model
    ffn = MoeFfn(n_experts=experts, top_k=2, intermediate=16384)
    group = model.layers[0]
    return cases.Model(
        id="moe", name="moe", model_type="test", hidden=4096, vocab=32128, tied_embeddings=True,
        layers=(LayerGroup(count=64, mixer=group.mixer, ffn=ffn),), weights=uniform_dtypes("int8"), kv_dtype="int8",
    )  # fmt: skip


def test_sb7_parameters_and_cache():
    model = eighteen_billion()
    assert total_params(model) == 18_385_207_296
    assert sum(lower(model).stored_bytes.values()) == 18_385_207_296  # int8: one byte each
    assert cache_bytes_per_sequence(lower(model), 1) == 262_144


@pytest.mark.parametrize(("heads", "batch"), [(8, 7), (1, 56)])  # 7.08 and 56.65 before rounding down
def test_sb8_largest_batch_of_128k_sequences_on_16_v5e(heads, batch):
    machine = one_chip(16, V5E_BYTES, V5E_FLOPS)
    found = memory_use(lower(eighteen_billion(heads)), machine, context=128_000, engine="none")
    assert found.sequences == batch


def test_sb9_weight_load_on_16_v5e():
    found = step(lower(eighteen_billion()), one_chip(16, V5E_BYTES, V5E_FLOPS), sequences=1.0, context=1.0)
    assert 1e3 * found.weights_s == pytest.approx(1.42, rel=2e-3)


def test_sb10_mixture_of_experts():
    model = eighteen_billion(experts=16)
    assert total_params(model) == pytest.approx(211.7e9, rel=1e-3)
    assert active_params(model).without_input_embedding == pytest.approx(31.27e9, rel=1e-3)
    machine = one_chip(128, V5E_BYTES, V5E_FLOPS)
    program = lower(model)
    assert 1e3 * step(program, machine, sequences=1e3, context=1.0).weights_s == pytest.approx(2.04, rel=2e-3)
    free = memory_use(program, machine, context=1, engine="none").cache_pool_bytes / 128
    assert free == pytest.approx(14.3e9, rel=5e-3)


# ---------------------------------------------------------------- scaling book, chapter 8


def test_sa1_sa2_cache_of_llama_3_70b_in_int8():
    program = lower(cases.llama_3_70b(kv="int8"))
    assert cache_bytes_per_sequence(program, 1) == 163_840
    each = cache_bytes_per_sequence(program, 32_768)
    assert each == pytest.approx(5.37e9, rel=1e-3)
    assert 240 * each == pytest.approx(1.29e12, rel=2e-3)


@pytest.mark.parametrize(("chips", "ms"), [(8, 17.28), (16, 8.64)])
def test_sa4_step_of_llama_3_70b_int8_at_batch_32(chips, ms):
    """8.2e11 B/s. The table that a pass does not read is 0.9 % of the bytes."""
    machine = one_chip(chips, 8.2e11, V5E_FLOPS)
    ours = book(cases.llama_3_70b(dtype="int8", kv="int8"), machine, 32, 8192, WEIGHT_ONLY)
    assert ours == pytest.approx(ms, rel=0.01) and ours < ms


def test_sa11_prefill_of_8192_tokens_at_40_percent():
    """0.91 s printed with every prompt token unembedded; a pass unembeds the last one (1.5 % of the matmuls)."""
    machine = one_chip(16, V5E_BYTES, V5E_FLOPS)
    profile = Efficiency(id="40 %", operators={"": OperatorCurve(flops_share=0.4)}, collectives=PEAK.collectives)
    found = step(
        lower(cases.llama_3_70b()), machine, sequences=1.0, context=8192.0, phase="prefill", profile=profile,
        rule="lecture", attention_flops=False,
    )  # fmt: skip
    head = 2 * 128256 * 8192 * 8191 / (16 * V5E_FLOPS * 0.4)
    assert found.step_s + head == pytest.approx(0.91, rel=0.01)


# ---------------------------------------------------------------- kipply


def kipply(layers, hidden):
    """12 d^2 parameters a layer (plain MLP of 4 d), no vocabulary to speak of."""
    return cases.dense("k", layers, hidden, 4 * hidden, hidden // 128, hidden // 128, 128, 1, gated=False, norms=False)


def a100s(n=1):
    return cases.system(rates={"bf16": 312e12}, bytes_per_s=1.5e12, n=n, memory=40e9, up=300e9)


RING = Efficiency(
    id="8 us a step",
    operators=PEAK.operators,
    collectives={"": (CollectiveCurve(algorithm="two-shot", step_s=8e-6), CollectiveCurve(algorithm="direct"))},
)


def layer_network_s(program, machine, load, profile):
    rows = operator_table(program, machine, decode=load, profile=profile)
    return sum(row.time_s for row in rows if row.name in ("attention all-reduce", "MLP all-reduce"))


def test_k2_k10_arithmetic_per_token():
    program = lower(kipply(64, 8192))
    rows = {r.name: r for r in operator_table(program, a100s(), decode=Load(1.0, 1.0, 1.0))}
    assert rows["QKV projection"].flops * 2 / 3 == 17_179_869_184  # its key and value columns
    layers = ("QKV projection", "attention output", "MLP up", "MLP down")
    assert sum(rows[name].flops for name in layers) == 103_079_215_104


def test_k3_one_pass_of_52b():
    assert book(kipply(64, 8192), a100s(), 1, 0, rule="lecture") == pytest.approx(68.7, rel=1e-3)
    assert book(kipply(64, 8192), a100s(4), 1, 0, Layout(tp=4), "lecture") == pytest.approx(17.2, rel=2e-3)


def test_k4_k5_cache_tokens():
    per_token = cache_bytes_per_sequence(lower(kipply(64, 8192)), 1)
    assert per_token == 2_097_152
    assert (int(16e9 / per_token), int(56e9 / per_token)) == (7_629, 26_702)  # text prints 8,000 and a wrong 23,000


def test_k6_260b_on_16_gpus_batch_1():
    """22 ms from 260 B rounded up; the shape has 257.7 B. Latency: 4 steps of 8 us in each of 80 layers."""
    program, machine = lower(kipply(80, 16384), Layout(tp=16)), a100s(16)
    assert book(kipply(80, 16384), machine, 1, 0, Layout(tp=16), "lecture") == pytest.approx(21.7, rel=0.011)
    latency = layer_network_s(program, machine, Load(1.0, 1.0, 1.0), RING)
    bandwidth = layer_network_s(program, machine, Load(1.0, 1.0, 1.0), PEAK)
    assert latency == pytest.approx(2.56e-3, rel=0.02) and bandwidth < 0.05 * latency


@pytest.mark.parametrize(("case", "layers", "hidden", "gpus", "batch", "compute_ms", "network_ms"), [
    ("K7", 80, 16384, 16, 512, 53.3, 17.9), ("K8", 64, 8192, 4, 256, 21.3, 3.6),
])  # fmt: skip
def test_k7_k8_compute_and_network(case, layers, hidden, gpus, batch, compute_ms, network_ms):
    """The text takes (n-1)/n of a ring's bytes as 1."""
    program, machine = lower(kipply(layers, hidden), Layout(tp=gpus)), a100s(gpus)
    load = Load(float(batch), float(batch), 0.0)
    compute = bind(program, machine, attention_flops=False).step(decode=load).compute_s
    assert 1e3 * compute == pytest.approx(compute_ms, rel=0.011)
    ring = Efficiency(id="ring", operators=PEAK.operators, collectives={
        "": (CollectiveCurve(algorithm="ring"), CollectiveCurve(algorithm="direct"))})  # fmt: skip
    network = layer_network_s(program, machine, load, ring)
    assert 1e3 * network * gpus / (gpus - 1) == pytest.approx(network_ms, rel=6e-3)


@pytest.mark.parametrize(("gpus", "ms"), [(1, 16.78), (2, 8.39)])
def test_k9_13b_weight_reads(gpus, ms):
    layout = Layout(tp=gpus)
    assert book(kipply(40, 5120), a100s(gpus), 1, 0, layout, "lecture") == pytest.approx(ms, rel=1e-3)


# ---------------------------------------------------------------- ISCA 2025, DeepSeek-V3


def test_v1_cache_of_deepseek_v3():
    assert cache_bytes_per_sequence(lower(cases.deepseek_v3()), 1) == 70_272


def test_v2_v3_cache_of_qwen_and_llama_and_the_papers_multipliers():
    qwen = cache_bytes_per_sequence(lower(cases.dense("qwen", 80, 8192, 29568, 64, 8, 128, 152064)), 1)
    llama = cache_bytes_per_sequence(lower(cases.dense("405b", 126, 16384, 53248, 128, 8, 128, 128256)), 1)
    assert (qwen, llama) == (327_680, 516_096)
    assert qwen / 70_272 == pytest.approx(4.663, rel=1e-3)
    assert llama / 70_272 == pytest.approx(7.344, rel=1e-3)  # the paper prints 7.28


def one_expert_per_device(hidden):
    """288 devices hold one expert each and take 32 tokens; 9 experts a token, the shared one counted as routed."""
    group = cases.deepseek_v3().layers[1]
    ffn = MoeFfn(n_experts=288, top_k=9, intermediate=2048, router_params=288 * hidden)
    model = cases.deepseek_v3(layers=(LayerGroup(count=61, mixer=group.mixer, ffn=ffn),), hidden=hidden)
    return lower(model, Layout(dp=288, ep=288, dispatch_dtype="fp8", collective_dtype="bf16"))


def exchange_s(hidden, out):
    machine = cases.system(n=288, domain=1, out=out)
    load = Load(32.0 * 288, 32.0 * 288, 1.0)
    rows = {r.name: r for r in operator_table(one_expert_per_device(hidden), machine, decode=load)}
    stays = 288 / 287  # the paper lets no token stay at home; one in 288 does
    return stays * sum(rows[f"experts {leg}"].time_s for leg in ("dispatch", "combine")) / 61


def test_v4_v5_exchange_over_400_gbit():
    once = exchange_s(7000, 50e9)
    assert once == pytest.approx(120.96e-6, rel=1e-9)
    assert exchange_s(7168, 50e9) == pytest.approx(123.86e-6, rel=1e-4)
    step_s = 2 * once * 61  # two micro-batches hide one another's computation
    assert step_s == pytest.approx(14.76e-3, rel=1e-3)
    assert 1 / step_s == pytest.approx(67.8, rel=1e-3)


def test_v6_exchange_over_nvl72():
    once = exchange_s(7000, 900e9)
    assert once == pytest.approx(6.72e-6, rel=1e-9)
    assert 2 * once * 61 == pytest.approx(0.82e-3, rel=2e-3)
    assert 1 / (2 * once * 61) == pytest.approx(1220, rel=1e-3)


def test_v7_parameters_of_deepseek_v3():
    model = cases.deepseek_v3()
    assert total_params(model) == pytest.approx(671.026e9, rel=1e-5)
    assert active_params(model).without_input_embedding == pytest.approx(36.6e9, rel=2e-3)
    assert active_params(model).with_embeddings == pytest.approx(37.55e9, rel=1e-3)
    stored = lower(model).stored_bytes
    assert stored["experts"] == pytest.approx(653.9e9, rel=1e-4)  # FP8
    assert sum(stored.values()) - stored["experts"] == pytest.approx(17.1e9, rel=5e-3)


def test_absorbed_attention_intensity_8_6():
    """278,528 FLOP and 1,152 bytes per context token and layer: 242 FLOP per byte."""
    program = lower(cases.deepseek_v3())
    rows = {r.name: r for r in operator_table(program, cases.h100s(1), decode=Load(1.0, 1.0, 1e6))}
    core = rows["latent attention (decode)"]
    assert core.flops == pytest.approx(61 * 278_528 * 1e6)
    assert core.kv_read_bytes == pytest.approx(61 * 1_152 * 1e6)
    assert core.flops / core.kv_read_bytes == pytest.approx(241.8, rel=1e-3)


# ---------------------------------------------------------------- Epoch


def mistral_large_2():
    return cases.dense("mistral-large-2", 88, 12288, 28672, 96, 8, 128, 32768)


def test_ep1_balance_batch():
    machine = cases.system(flops=1e15, bytes_per_s=3.3e12)
    found = bind(lower(cases.llama_3_70b(norms=False)), machine, attention_flops=False).step(decode=Load(1.0, 1.0, 0.0))
    assert found.weights_s / found.compute_s == pytest.approx(303, rel=1e-3)


def test_ep5_mistral_large_2_cache_against_weights():
    program = lower(mistral_large_2())
    assert cache_bytes_per_sequence(program, 1) == 360_448
    each, weights = cache_bytes_per_sequence(program, 100_000), sum(program.stored_bytes.values())
    assert each == pytest.approx(36e9, rel=2e-3) and weights == pytest.approx(244e9, rel=6e-3)
    assert 6 * each < weights < 7 * each


def test_ep6_price_of_the_cache_reads_alone():
    machine = cases.system(flops=1e15, bytes_per_s=3.3e12)
    found = step(lower(mistral_large_2()), machine, sequences=1.0, context=36e9 / 360_448)
    assert found.kv_s * 2 / 3600 * 1e6 == pytest.approx(6.06, rel=1e-3)


def test_ep7_price_of_the_arithmetic_of_llama_3_70b():
    """$0.078 with the embedding table among the parameters (1.5 %)."""
    machine = cases.system(flops=1e15, bytes_per_s=3.3e12)
    found = bind(lower(cases.llama_3_70b()), machine, attention_flops=False).step(decode=Load(1.0, 1.0, 0.0))
    assert found.compute_s * 2 / 3600 * 1e6 == pytest.approx(0.078, rel=0.016)


def test_ep8_ring_all_reduce():
    machine = cases.system(n=8, up=112e9)
    ring = Efficiency(id="ring", operators={}, collectives={"": (CollectiveCurve(algorithm="ring"),)})
    seconds, name = collective_time_s("all_reduce", 1e4 * 100, 8, machine, ring)
    assert (seconds, name) == (pytest.approx(15.625e-6), "ring")


def test_ep9_mistral_large_2_parameters():
    """The notebook leaves norms out and counts both tables."""
    assert total_params(cases.dense("m", 88, 12288, 28672, 96, 8, 128, 32768, norms=False)) == pytest.approx(
        122_607_894_528, rel=2e-4
    )


# ---------------------------------------------------------------- lecture vectors


def test_t6_deepseek_v3_on_8_h100_under_the_lecture_rule():
    """28.386 ms with N = 671e9 and every expert read; 256 tokens touch 99.97 % of them, the table stays unread."""
    machine = cases.system(flops=8 * 1.979e15, bytes_per_s=8 * 3.35e12)
    found = bind(lower(cases.deepseek_v3()), machine, attention_flops=False).step(
        decode=Load(256.0, 256.0, 4989.0), rule="lecture"
    )
    assert 1e3 * found.step_s == pytest.approx(28.386, rel=3e-3)
    assert 1e3 * found.kv_s == pytest.approx(3.3489, rel=1e-4)


def test_touched_experts_8_7():
    """3.1, 22.4, 86.9 and 99.97 % of the experts at 1, 8, 64 and 256 tokens."""
    program = lower(cases.deepseek_v3())
    stored = program.stored_bytes["experts"]
    for tokens, share in ((1, 0.03125), (8, 0.224), (64, 0.869), (256, 0.9997)):
        rows = operator_table(program, cases.h100s(1), decode=Load(float(tokens), float(tokens), 1.0))
        read = sum(row.weight_bytes for row in rows if row.kind == "grouped_gemm")
        assert read / stored == pytest.approx(share, rel=2e-3)


def test_w6_doubled_context_halves_mfu_where_cache_reads_bind():
    machine = cases.system(flops=1e15, bytes_per_s=1e15)
    timed = bind(lower(cases.llama_3_70b()), machine, attention_flops=False)
    short = timed.step(decode=Load(1e6, 1e6, 1e6), rule="lecture")
    long = timed.step(decode=Load(1e6, 1e6, 2e6), rule="lecture")
    assert (short.compute_s / short.step_s) / (long.compute_s / long.step_s) == pytest.approx(2.0, rel=1e-3)


def test_totals_of_a_prefill_are_two_flops_per_parameter_and_token():
    """V8's rule without the backward pass: forward 2 N T, the head for the last token only."""
    model = cases.llama_3_70b(norms=False)
    found = totals(lower(model), prefill=Load(4096.0, 1.0, 4096.0))
    body = total_params(model) - 2 * 128256 * 8192
    attention = 80 * 4 * 64 * 128 * 4096 * 4097 / 2
    assert found.all_flops == pytest.approx(2 * body * 4096 + attention + 2 * 128256 * 8192, rel=1e-12)
