"""Counts, bytes and seconds of single operators by hand: absolute numbers, where other tests hold order and bounds.

Every test says how its number comes about from the shape of the model; none takes it from the code.
"""

import dataclasses
from dataclasses import replace

import engine_cases as cases
import numpy as np
import pytest

from tokenroof.catalog import load_chip, load_model
from tokenroof.catalog.efficiency import load_profile
from tokenroof.engines import engine
from tokenroof.mixers.architecture_flops import mixer_state_flops
from tokenroof.operators.layout_space import expert_degrees
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import cache_bytes_per_sequence, totals, touched
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind
from tokenroof.types.efficiency import EVEN, PEAK, OperatorCurve, Routing
from tokenroof.types.layout import Layout
from tokenroof.types.model import Gqa, LayerGroup, LinearAttention, MoeFfn, NoFfn
from tokenroof.types.program import Load
from tokenroof.xp import NUMPY

GIB = 2.0**30
DECODE = Load(16.0, 16.0, 1000.0)  # 16 sequences, one new token each, 1,000 tokens long afterwards


def rows(model, layout=None, **loads):
    n = (layout or Layout()).n_gpus
    return {row.name: row for row in operator_table(lower(model, layout), cases.h100s(n), **loads)}


# ---------------------------------------------------------------- dense layers: Llama 3 8B, h = 4096, 32 layers, bf16


def test_a_norm_reads_two_tensors_and_writes_two():
    """The block's output and the residual come in, the new residual and its norm go out: 4 x 4096 x 2 byte a token.

    Two norms in each of 32 layers and the last one: 65. Their gains: 65 x 4096 numbers of 2 byte.
    """
    row = rows(cases.llama_3_8b(), decode=DECODE)["norms and residuals"]
    assert row.count == 65
    assert row.activation_bytes == 16 * 65 * 4 * 4096 * 2
    assert row.weight_bytes == 65 * 4096 * 2


def test_an_embedding_reads_a_row_and_writes_it():
    """One row of the table in, the same row out: 2 x 4096 x 2 byte a token; the table itself is not read."""
    row = rows(cases.llama_3_8b(), decode=DECODE)["embedding"]
    assert (row.activation_bytes, row.weight_bytes) == (16 * 2 * 4096 * 2, 0)


def test_a_gated_mlp():
    """Up and gate: 2 x 14336 columns of 4096; down: 4096 columns of 14336. 2 FLOP a weight and token."""
    found = rows(cases.llama_3_8b(), decode=DECODE)
    assert found["MLP up"].weight_bytes == 32 * 2 * 14336 * 4096 * 2
    assert found["MLP up"].flops == 16 * 32 * 2 * (2 * 14336 * 4096)
    assert found["MLP up"].activation_bytes == 16 * 32 * (4096 + 2 * 14336) * 2
    assert found["MLP activation"].activation_bytes == 16 * 32 * 3 * 14336 * 2  # two in, one out
    assert found["MLP down"].flops == 16 * 32 * 2 * 14336 * 4096
    assert found["MLP down"].activation_bytes == 16 * 32 * (14336 + 4096) * 2


def test_grouped_query_attention():
    """Q 32, K and V 8 heads of 128: 48 x 128 columns. A cached token: 2 x 8 x 128 x 2 byte a layer.

    Scores and weighted sum: 2 x 2 x 32 x 128 FLOP for each cached token that a new one sees.
    """
    found = rows(cases.llama_3_8b(), decode=DECODE)
    assert found["QKV projection"].weight_bytes == 32 * 48 * 128 * 4096 * 2
    core = found["attention (decode)"]
    assert core.kv_read_bytes == 16 * 1000 * 32 * 2 * 8 * 128 * 2
    assert core.flops == 16 * 1000 * 32 * 4 * 32 * 128
    assert sum(row.kv_write_bytes for row in found.values()) == 16 * 32 * 2 * 8 * 128 * 2


def test_a_prompt_attends_to_half_of_itself():
    """New tokens at 1 ... 4096 see 4096 x 4097 / 2 pairs."""
    core = rows(cases.llama_3_8b(), prefill=Load(4096.0, 1.0, 4096.0))["attention (prefill)"]
    assert core.flops == 32 * 4 * 32 * 128 * 4096 * 4097 / 2


def test_the_head_computes_its_columns_and_gathers_all_of_them():
    """tp 8: 128256 / 8 columns of logits a rank, in fp32 for the sampler; the gathered buffer holds all, in bf16."""
    found = rows(cases.llama_3_8b(), Layout(tp=8), decode=DECODE)
    assert found["unembedding"].weight_bytes == 128256 // 8 * 4096 * 2
    assert found["logits all-gather"].comm_bytes == 16 * 128256 * 2
    assert found["sampling"].activation_bytes == 16 * 128256 // 8 * 4


def test_only_the_last_position_of_a_prompt_meets_the_head():
    found = rows(cases.llama_3_8b(), prefill=Load(4096.0, 2.0, 2048.0))
    assert found["unembedding"].flops == 2 * 2 * 128256 * 4096


def test_tensor_parallel_sums_three_times_the_residual_stream():
    """The table's sum once, attention's and the MLP's in 32 layers: 65 buffers of 4096 x 2 byte a token."""
    program = lower(cases.llama_3_8b(), Layout(tp=4))
    sums = [row for row in program.operators if row.comm is not None and row.comm.kind == "all_reduce"]
    assert sum(row.count for row in sums) == 65
    gathered = 128256 * 2
    assert totals(program, decode=DECODE).comm_bytes == 16 * (65 * 4096 * 2 + gathered)


def test_a_pipeline_hop_carries_a_ranks_share_of_the_stream():
    """Two stages of tp 4: one hop, each of the four ranks sends a quarter of 4096 x 2 byte a token."""
    row = rows(cases.llama_3_8b(), Layout(tp=4, pp=2), decode=DECODE)["pipeline hop"]
    assert row.count == 1 and row.comm_bytes == 16 * 4096 * 2 / 4


# ---------------------------------------------------------------- experts: DeepSeek-V3, 58 layers of 256 experts, top 8


def test_experts_with_work_and_their_flops():
    """32 ranks hold 8 experts each. A token meets an expert with chance 8/256, so T tokens leave it idle with
    (1 - 1/32)^T: of 8 experts 8 x (1 - (31/32)^64) have work. 64 x 8 visits / 32 ranks = 16 on each rank.
    One expert: up and gate 2 x 2048 x 7168, down 7168 x 2048, fp8.
    """
    load = Load(64.0, 64.0, 1000.0)
    found = rows(cases.deepseek_v3(), Layout(dp=32, ep=32), decode=load)
    touched = 8 * (1 - (31 / 32) ** 64)
    assert found["experts up"].weight_bytes == pytest.approx(58 * touched * 2 * 2048 * 7168, rel=1e-12)
    assert found["experts down"].weight_bytes == pytest.approx(58 * touched * 7168 * 2048, rel=1e-12)
    assert found["experts up"].flops == pytest.approx(58 * 16 * 2 * 2 * 2048 * 7168, rel=1e-12)
    assert found["experts down"].flops == pytest.approx(58 * 16 * 2 * 2048 * 7168, rel=1e-12)
    assert found["experts up"].activation_bytes == pytest.approx(58 * 16 * (2 * 2048 + 7168) * 2, rel=1e-12)
    assert found["experts activation"].activation_bytes == pytest.approx(58 * 16 * 3 * 2048 * 2, rel=1e-12)


def test_tokens_go_to_the_ranks_of_their_experts():
    """8 of 256 experts on 4 ranks of 64: a rank is missed with (192/256)(191/255)...(185/249).

    Each of the 4 ranks holds a quarter of 64 tokens and sends each to every rank that it meets, 7168 numbers, in bf16
    both ways, in 58 layers.
    """
    missed = np.prod([(192 - n) / (256 - n) for n in range(8)])
    met = 4 * (1 - missed)
    found = rows(cases.deepseek_v3(), Layout(dp=4, ep=4), decode=Load(64.0, 64.0, 1000.0))
    for name in ("experts dispatch", "experts combine"):
        assert found[name].comm_bytes == pytest.approx(58 * 16 * met * 7168 * 2, rel=1e-12)


def test_a_router_and_shared_experts_are_whole_on_every_token():
    """256 x 7168 + 256 router numbers in 58 layers; one shared expert of 2048, gated: 3 x 2048 x 7168 in fp8."""
    found = rows(cases.deepseek_v3(), decode=DECODE)
    assert found["router"].flops == pytest.approx(16 * 58 * 2 * (256 * 7168 + 256), rel=1e-12)
    assert found["shared experts up"].weight_bytes == 58 * 2 * 2048 * 7168
    assert found["shared experts down"].weight_bytes == 58 * 2048 * 7168


def test_latent_attention_reads_576_numbers_a_token():
    """512 of the latent, 64 of the rotary key, 61 layers, bf16; absorbed scores and sums: 2 x 128 x (2 x 512 + 64)."""
    core = next(row for row in rows(cases.deepseek_v3(), decode=DECODE).values() if row.kv_read_bytes)
    assert core.kv_read_bytes == 16 * 1000 * 61 * 576 * 2
    assert core.flops == 16 * 1000 * 61 * 2 * 128 * (2 * 512 + 64)


def test_experts_in_a_narrower_space_are_reached_through_two_projections():
    """Hidden 4096, latent 1024: down 1024 x 4096 and up 4096 x 1024 in 4 layers, bf16; experts are 1024 wide."""
    moe = MoeFfn(n_experts=8, top_k=2, intermediate=512, latent=1024, router_params=8 * 4096)
    mixer = Gqa(n_heads=32, n_kv_heads=8, head_dim=128, v_head_dim=128)
    model = replace(cases.llama_3_8b(), layers=(LayerGroup(count=4, mixer=mixer, ffn=moe),))
    found = rows(model, decode=Load(1.0, 1.0, 10.0))
    assert found["latent down"].weight_bytes == found["latent up"].weight_bytes == 4 * 1024 * 4096 * 2
    assert found["latent down"].activation_bytes == found["latent up"].activation_bytes == 4 * (1024 + 4096) * 2
    assert found["experts down"].flops == pytest.approx(4 * 2 * 2 * 512 * 1024)


# ---------------------------------------------------------------- recurrent states


@pytest.mark.parametrize(
    ("kind", "passes"),
    [
        ("lightning", 2),  # S <- a S + k v', then q S
        ("gated delta", 3),  # k S to know what is held, S <- a (S - k held') + k v', then q S
        ("KDA", 3),  # the same, with a decay of its own for each channel
    ],
)
def test_multiply_adds_of_a_recurrent_state(kind, passes):
    """Passes over the state that the recurrence needs, each one multiply-add an element; 2 FLOP each."""
    mixer = LinearAttention(
        kind=kind, n_k_heads=8, n_v_heads=16, k_head_dim=64, v_head_dim=32, conv_kernel=4, in_params=1, out_params=1,
        state_elements=16 * 64 * 32, conv_elements=10,
    )  # fmt: skip
    assert mixer_state_flops(mixer) == passes * 2 * 16 * 64 * 32


# ---------------------------------------------------------------- memory


def test_memory_of_one_gpu_by_hand():
    """Llama 3 8B on a GPU of which a process sees 80 GiB, under vLLM 0.19.

    0.9 of it is taken. Weights 8.03 G numbers x 2. Peak of activations with 8,192 tokens and 1,024 sequences:
    whichever is more, the residual stream four times and the MLP's 3 x 14336 x 2 byte a token, or the stream once,
    two rows for each sequence and 3.5 fp32 copies of 1,024 x 128256 logits with 132 rows more. Outside the allocator
    0.25 GiB, small buffers 0.065. The rest is pages of 16 tokens, 131,072 byte a token.
    """
    weights = 2 * (2 * 128256 * 4096 + 32 * (48 * 128 * 4096 + 4096 * 4096 + 3 * 14336 * 4096 + 2 * 4096) + 4096)
    stream = 8192 * 4096 * 2
    sampling = stream + 2 * 1024 * 4096 * 2 + (3.5 * 1024 + 132) * 128256 * 4
    activations = max(4 * stream + 8192 * 3 * 14336 * 2, sampling)
    pool = 0.9 * 80 * GIB - weights - activations - (0.25 + 0.065) * GIB
    machine = cases.system(n=1, memory=80 * GIB, usable=80 * GIB)
    use = memory_use(lower(cases.llama_3_8b()), machine, context=1000, engine=engine("vllm", "0.19.0"))
    assert use.weights_bytes == weights
    assert use.activations_bytes == activations
    assert use.cache_pool_bytes == pytest.approx(pool, rel=1e-12)
    assert use.cache_bytes_per_sequence == 1008 * 131072  # 63 pages
    assert use.sequences == pool // (1008 * 131072)


def test_the_fullest_pipeline_stage_holds_the_larger_table():
    """The first stage holds the table of inputs, the last the head; in bf16 and fp8 the first is twice as large."""
    model = cases.llama_3_8b(dtype="fp8")
    table, head = 128256 * 4096 * 2, 128256 * 4096
    for first, last in (("bf16", "fp8"), ("fp8", "bf16")):
        mixed = replace(model, weights=dataclasses.replace(model.weights, embedding=first, unembedding=last))
        use = memory_use(lower(mixed, Layout(pp=2)), cases.h100s(2), context=1000, engine="none")
        held = use.weights_by_class
        assert max(held["embedding"], held["unembedding"]) == table
        assert min(held["embedding"], held["unembedding"]) == 0
        assert (held["embedding"] == table) is (first == "bf16")
    alone = memory_use(lower(mixed), cases.h100s(1), context=1000, engine="none").weights_by_class
    assert {alone["embedding"], alone["unembedding"]} == {table, head}


def test_the_fullest_stage_has_the_layer_that_is_left_over():
    """61 layers on 4 stages: 16, 15, 15, 15. A full cache of 576 x 2 byte a token and layer, on the fullest."""
    use = memory_use(lower(cases.deepseek_v3(), Layout(tp=8, pp=4)), cases.h100s(32), context=1024, engine="none")
    assert use.cache_bytes_per_sequence == pytest.approx(16 * 576 * 2 * 1024, rel=1e-12)


def test_what_each_engine_leaves_to_the_cache():
    """One rule each, on the same 80 GiB and 8 GPUs: 0.35 GiB for the library of communication beside 0.25 GiB."""
    machine, program = cases.system(n=8, memory=80 * GIB, usable=80 * GIB), lower(cases.llama_3_70b(), Layout(tp=8))
    use = {
        name: memory_use(program, machine, context=1000, engine=name) for name in ("vllm", "sglang", "trtllm", "none")
    }
    total, weights, outside = 80.0 * GIB, use["trtllm"].weights_bytes, 0.6 * GIB
    activations, own = use["trtllm"].activations_bytes, use["vllm"].activations_bytes
    graphs = (200 + 6 * (51 + 51 - 2)) * 2**20  # of 51 sizes of whole steps and of pieces up to 512
    around = 0.25 * GIB + 1.85 * GIB + 0.065 * GIB + graphs
    assert use["vllm"].cache_pool_bytes == pytest.approx(0.92 * total - weights - own - around, rel=1e-12)
    left = (13.5 + 8 / 8) * GIB  # SGLang leaves 13.5 GiB and an eighth for each rank, below 160 GiB
    apart = (0.25 + 1.85) * GIB
    assert use["sglang"].cache_pool_bytes == pytest.approx(total - left - weights - apart, rel=1e-12)
    assert use["trtllm"].cache_pool_bytes == pytest.approx(0.9 * (total - weights - activations - outside), rel=1e-12)
    assert use["none"].cache_pool_bytes == pytest.approx(total - weights, rel=1e-12)
    grouped = memory_use(lower(cases.llama_3_70b(), Layout(tp=4, dp=2)), machine, context=1000, engine="sglang")
    assert grouped.cache_pool_bytes == pytest.approx(total - left - 4 * GIB - grouped.weights_bytes - apart, rel=1e-12)


def test_a_window_bounds_the_cache():
    local = Gqa(n_heads=8, n_kv_heads=4, head_dim=128, v_head_dim=128, window=512)
    whole = replace(local, window=None)
    layers = tuple(LayerGroup(count=n, mixer=mixer, ffn=NoFfn()) for n, mixer in ((5, local), (1, whole)))
    program = lower(replace(cases.llama_3_8b(), layers=layers))
    each = 2 * 4 * 128 * 2
    assert cache_bytes_per_sequence(program, 2000) == each * (5 * 512 + 2000)
    assert cache_bytes_per_sequence(program, 100) == each * 6 * 100


# ---------------------------------------------------------------- time of a pass


def test_an_eager_pass_is_no_quicker_than_its_launches():
    """Host 0.5 s once and 1 ms for each kernel: every run of every row that a prefill has, and every collective."""
    program = lower(cases.llama_3_8b(), Layout(tp=2))
    kernels = sum(row.count for row in program.operators if row.part in ("all", "prefill"))
    profile = replace(PEAK, host_s=0.5, launch_s=1e-3)
    timed = bind(program, cases.h100s(2), profile)
    eager = timed.step(prefill=Load(16.0, 1.0, 16.0)).step_s
    assert eager == pytest.approx(0.5 + 1e-3 * kernels, rel=1e-12)
    assert timed.step(decode=DECODE).step_s < 0.6  # decode runs from a captured graph


def test_host_time_adds_up():
    """1 ms a pass, 10 us for each of 32 layers, 2 us a sequence of one of two dp groups, 3 us a token of all."""
    slow = replace(PEAK, host_s=1e-3, host_per_layer_s=1e-5, host_per_sequence_s=2e-6, host_per_token_s=3e-6)
    program, machine = lower(cases.llama_3_8b(), Layout(dp=2)), cases.h100s(2)
    extra = bind(program, machine, slow).step(decode=DECODE).step_s - bind(program, machine).step(decode=DECODE).step_s
    assert extra == pytest.approx(1e-3 + 32e-5 + 8 * 2e-6 + 16 * 3e-6, rel=1e-9)


def test_what_overlap_hides():
    """Nothing hidden: work and traffic in turn. All hidden: the longer of the two. Half: work and half the traffic."""
    program, machine = lower(cases.llama_3_8b(), Layout(tp=8)), cases.h100s(8)
    found = {
        share: bind(program, machine, replace(PEAK, overlap=share)).step(decode=DECODE) for share in (0.0, 0.5, 1.0)
    }
    traffic = found[0.0].communication_s
    work = bind(program, machine, free_networks=True).step(decode=DECODE).step_s
    # a switch sums at one crossing of the buffer; gathering, a rank takes in the 7/8 that it lacks
    assert traffic == pytest.approx(16 * (65 * 4096 * 2 + 128256 * 2 * 7 / 8) / 450e9, rel=1e-12)
    assert found[0.0].step_s == pytest.approx(work + traffic, rel=1e-12)
    assert found[0.5].step_s == pytest.approx(max(work + 0.5 * traffic, traffic), rel=1e-12)
    assert found[1.0].step_s == pytest.approx(max(work, traffic), rel=1e-12)


def test_ranks_wait_for_each_other_before_every_collective():
    """1 ns for each of 4096 numbers before 65 sums and one gathering."""
    program, machine = lower(cases.llama_3_8b(), Layout(tp=8)), cases.h100s(8)
    late = bind(program, machine, replace(PEAK, skew_s_per_width=1e-9)).step(decode=DECODE).communication_s
    assert late - bind(program, machine).step(decode=DECODE).communication_s == pytest.approx(66 * 4096e-9, rel=1e-9)


# ---------------------------------------------------------------- where one token decides


@pytest.mark.parametrize(("tokens", "bound"), [(1.0, "network latency"), (8192.0, "network")])
def test_a_collective_is_bound_by_latency_until_its_bytes_take_longer(tokens, bound):
    """An all-reduce on 8 H100 begins in some 10 us; at 450 GB/s 8 KB of a token take 0.02 us, 67 MB of 8,192 149 us."""
    profile = load_profile(load_chip("h100"))
    machine, model = cases.h100s(8), load_model("llama-3.1-8b")
    found = operator_table(lower(model, Layout(tp=8)), machine, prefill=Load(tokens, 1.0, tokens), profile=profile)
    row = {one.name: one for one in found}["MLP all-reduce"]
    assert (row.bound, row.collective) == (bound, True)
    assert 5e-6 < row.fixed_s / row.count < 20e-6
    assert row.comm_bytes / row.count == 2 * 4096 * tokens
    assert 1.0 < (row.time_s - row.fixed_s) / (row.comm_bytes / 450e9) < 8.0


@pytest.mark.parametrize(
    ("skew", "alike", "tokens", "met"),
    [
        (0.0, False, 1.0, 2.0), (0.0, False, 2.0, 3.0), (0.0, True, 2.0, 2.0), (0.0, True, 0.5, 4 * (1 - 0.5**0.5)),
        (0.5, False, 1.0, 2.6901), (1.0, False, 1.0, 3.3802), (3.0, False, 1.0, 4.0),
    ],
)  # fmt: skip
def test_experts_that_are_met(skew, alike, tokens, met):
    """Four experts, each met by a token in one case of two: two by one token, three by two. The luckiest of e^2 ranks
    has 2 (1 - 1 / (2 + 1.2269)) = 1.3802 deviations of sqrt(4 x 1/2 x 1/2) = 1 more, times the skew, at most all four.
    """
    routing = Routing(skew=skew, alike=alike)
    assert touched(4.0, 0.5, tokens, np.e**2, routing, NUMPY) == pytest.approx(met, rel=1e-5)


def test_experts_that_are_met_where_some_are_more_popular():
    """Against drawn popularities: Gamma with shape 1.5, 8 of 256 experts by each token, counted expert by expert."""
    rng = np.random.default_rng(7)
    popularity = rng.gamma(1.5, 1.0 / 1.5, size=400_000)
    alone = np.log1p(-8 / 256)
    for tokens in (1.0, 2.0, 16.0, 64.0, 512.0):
        counted = 256.0 * (1.0 - np.exp(alone) * np.exp(alone * (tokens - 1.0) * popularity).mean())
        found = touched(256.0, 8 / 256, tokens, 1.0, Routing(shape=1.5), NUMPY)
        assert found == pytest.approx(counted, rel=2e-3)
        assert found <= touched(256.0, 8 / 256, tokens, 1.0, EVEN, NUMPY) * (1 + 1e-12)
    assert touched(256.0, 8 / 256, 1.0, 1.0, Routing(shape=1.5), NUMPY) == pytest.approx(8.0)
    assert touched(256.0, 8 / 256, 64.0, 1.0, Routing(shape=1e9), NUMPY) == pytest.approx(
        touched(256.0, 8 / 256, 64.0, 1.0, EVEN, NUMPY)
    )


def test_a_block_of_experts_that_takes_the_host_long_holds_up_a_pass_without_a_graph():
    """Mixtral: 32 layers with two matmuls of experts each; with 9 more launches for each of 1 ms, 576 ms more."""
    program, machine = lower(load_model("mixtral-8x7b"), Layout()), cases.h100s(1, 1)
    plain = replace(PEAK, operators={"": OperatorCurve()}, launch_s=1e-3)
    busy = replace(plain, operators={"": OperatorCurve(), "grouped_gemm": OperatorCurve(launches=10.0)})
    prompt = Load(8.0, 1.0, 8.0)
    slow, quick = (bind(program, machine, one).step(prefill=prompt).step_s for one in (busy, plain))
    assert slow - quick == pytest.approx(0.576)
    decode = Load(8.0, 8.0, 8.0)  # captured in a graph
    assert bind(program, machine, busy).step(decode=decode) == replace(
        bind(program, machine, plain).step(decode=decode), profile=busy.id
    )


def test_a_prompt_of_mla_reads_and_writes_whole_heads():
    """16 heads of 128: queries and keys of 128 + 64, values of 128, in 16 bits, for 1,000 tokens in 61 layers; queries
    in and answers out for each of them, keys and values in for each of them.
    """
    row = rows(load_model("deepseek-v3"), Layout(tp=8), prefill=Load(1000.0, 1.0, 1000.0))["attention (prefill)"]
    assert row.activation_bytes == 61 * 1000 * 2 * 16 * (192 + 128) * 2


def test_experts_are_spread_over_what_divides_them():
    """256 experts on 6 GPUs: one or two shares, or six of 43 with two copies; more GPUs than experts take none."""
    model = load_model("deepseek-v3")
    assert expert_degrees(model, 6) == ((1, 0), (2, 0), (6, 2))
    assert expert_degrees(model, 8) == ((1, 0), (2, 0), (4, 0), (8, 0))
    assert expert_degrees(model, 72)[-1] == (72, 32)
    assert expert_degrees(model, 64)[-2:] == ((32, 32), (64, 64))  # a copy each beyond a server, as DeepSeek has them
    assert expert_degrees(model, 256)[-1] == (256, 0)
    assert expert_degrees(model, 257) == ((1, 0),)
    assert expert_degrees(load_model("llama-3.1-8b"), 8) == ((1, 0),)
