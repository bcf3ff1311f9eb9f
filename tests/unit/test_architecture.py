"""Counting on small models whose numbers can be checked by hand, and properties that hold for all."""

import math
from dataclasses import replace

import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.mixers.architecture import (
    active_params,
    attention_kind,
    ffn_params,
    mixer_params,
    params_by_class,
    params_by_part,
    total_params,
    uniform_dtypes,
    weight_bytes,
    weight_bytes_by_class,
)
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
    state_bytes_per_sequence,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token, mixer_state_flops
from tokenroof.types.model import (
    CompressedAttention,
    DenseFfn,
    Gqa,
    Indexer,
    LayerGroup,
    LinearAttention,
    Mla,
    Model,
    MoeFfn,
    NoFfn,
    NoMixer,
    Ssm,
    WeightDtypes,
)

HIDDEN, VOCAB = 64, 512
GQA = Gqa(n_heads=8, n_kv_heads=2, head_dim=8, v_head_dim=8)
MLA = Mla(n_heads=8, q_lora_rank=48, kv_lora_rank=32, qk_nope_dim=16, qk_rope_dim=8, v_head_dim=16)
LINEAR = LinearAttention(
    kind="gated delta", n_k_heads=4, n_v_heads=8, k_head_dim=16, v_head_dim=16, conv_kernel=4,
    in_params=1000, out_params=500, state_elements=2048, conv_elements=768, extra_params=7,
)  # fmt: skip


def model(*groups: LayerGroup, **fields: object) -> Model:
    base = Model(id="toy", name="toy", model_type="toy", hidden=HIDDEN, vocab=VOCAB, layers=groups)
    return replace(base, **fields)  # type: ignore[arg-type]


def group(mixer: object, ffn: object = None, *, count: int = 1, norms: int = 0) -> LayerGroup:
    return LayerGroup(count=count, mixer=mixer, ffn=ffn or NoFfn(), norm_params=norms)  # type: ignore[arg-type]


def test_gqa_counts_four_projections() -> None:
    # q 64x64, k and v 64x16 each, o 64x64
    assert mixer_params(GQA, HIDDEN) == 64 * 64 + 2 * 64 * 16 + 64 * 64


def test_values_may_be_narrower_than_keys() -> None:
    narrow = replace(GQA, head_dim=24, v_head_dim=16)
    assert mixer_params(narrow, HIDDEN) == 64 * 8 * 24 + 64 * 2 * (24 + 16) + 8 * 16 * 64
    assert kv_bytes_per_token(model(group(narrow)), 1.0) == 2 * (24 + 16)


def test_k_equals_v_saves_a_projection_and_no_cache() -> None:
    equal = replace(GQA, k_equals_v=True)
    assert mixer_params(GQA, HIDDEN) - mixer_params(equal, HIDDEN) == 64 * 16
    assert kv_bytes_per_token(model(group(equal))) == kv_bytes_per_token(model(group(GQA)))


def test_a_layer_without_its_own_cache_has_no_key_or_value_weights() -> None:
    reader = replace(GQA, stores_kv=False)
    assert mixer_params(GQA, HIDDEN) - mixer_params(reader, HIDDEN) == 2 * 64 * 16
    assert kv_bytes_per_token(model(group(reader))) == 0
    # it reads the other layer's cache all the same
    assert kv_read_bytes_per_step(model(group(reader)), 100) == 100 * 32 * 2


def test_output_gate_widens_the_query_and_a_factored_query_narrows_it() -> None:
    assert mixer_params(replace(GQA, output_gate=True), HIDDEN) - mixer_params(GQA, HIDDEN) == 64 * 64
    factored = replace(GQA, q_lora_rank=16)
    assert mixer_params(factored, HIDDEN) == (64 + 64) * 16 + 2 * 64 * 16 + 64 * 64


def test_mla_counts_both_latents() -> None:
    q = (64 + 8 * 24) * 48
    kv = 64 * (32 + 8) + 32 * 8 * (16 + 16)
    assert mixer_params(MLA, HIDDEN) == q + kv + 8 * 16 * 64
    assert mixer_params(replace(MLA, q_lora_rank=None), HIDDEN) == 64 * 8 * 24 + kv + 8 * 16 * 64


def test_a_shared_indexer_has_no_weights_and_no_keys() -> None:
    own = Indexer(top_k=64, n_heads=4, head_dim=128, extra_params=999)
    with_own, with_shared = replace(MLA, indexer=own), replace(MLA, indexer=replace(own, shared=True))
    assert mixer_params(with_own, HIDDEN) - mixer_params(with_shared, HIDDEN) == 999
    # 128 fp8 and one fp32 scale
    assert kv_bytes_per_token(model(group(with_own))) - kv_bytes_per_token(model(group(with_shared))) == 132
    assert attention_kind(with_shared) == "MLA top-64"


@pytest.mark.parametrize(("pool", "key"), [(1, 256.0), (128, 2.0)])
def test_block_top_k_reads_whole_blocks_and_scans_a_key_of_each_token_or_pool(pool: int, key: float) -> None:
    indexer = Indexer(top_k=16, n_heads=4, head_dim=128, block=128, pool=pool, key_bytes_per_element=2.0)
    sparse = model(group(replace(GQA, indexer=indexer)))
    assert kv_bytes_per_token(sparse) == 32 * 2 + key
    assert kv_read_bytes_per_step(sparse, 1_000_000) == 16 * 128 * 64 + 1_000_000 * key


def test_moe_active_counts_routes_not_experts() -> None:
    ffn = MoeFfn(n_experts=8, top_k=2, intermediate=24, shared_intermediate=24, router_params=8 * 64)
    expert = 3 * 64 * 24
    parts = {part.part: part for part in ffn_params(ffn, HIDDEN)}
    assert parts["routed experts"].total == 8 * expert and parts["routed experts"].active == 2 * expert
    assert parts["shared experts"].active == expert
    assert parts["router"].weight_class == "other"


def test_zero_experts_lower_the_mean_of_real_routes() -> None:
    ffn = MoeFfn(n_experts=8, top_k=3, intermediate=24, zero_experts=4, active_routes=2.0)
    assert ffn_params(ffn, HIDDEN)[0].active == 2 * 3 * 64 * 24


def test_latent_experts_are_as_wide_as_the_latent() -> None:
    ffn = MoeFfn(n_experts=8, top_k=2, intermediate=24, gated=False, latent=32)
    parts = {part.part: part for part in ffn_params(ffn, HIDDEN)}
    assert parts["routed experts"].total == 8 * 2 * 32 * 24
    assert parts["latent projections"].total == 2 * 64 * 32


def test_tables_and_the_three_conventions() -> None:
    layer = group(GQA, DenseFfn(intermediate=160), count=4, norms=128)
    untied, tied = model(layer), model(layer, tied_embeddings=True)
    table = 512 * 64
    body = 4 * (mixer_params(GQA, HIDDEN) + 3 * 64 * 160 + 128)
    assert total_params(untied) == body + 2 * table and total_params(tied) == body + table
    assert active_params(untied).without_input_embedding == body + table
    # a tied table is multiplied as the output matrix, so it stays
    assert active_params(tied).without_input_embedding == body + table
    assert active_params(untied).without_embeddings == active_params(tied).without_embeddings == body


def test_parts_and_classes_are_two_views_of_the_same_sum() -> None:
    toy = model(
        group(GQA, DenseFfn(intermediate=160, gated=False), count=2, norms=128),
        group(LINEAR, MoeFfn(n_experts=8, top_k=2, intermediate=24, router_params=512), count=3, norms=128),
        group(NoMixer(), NoFfn()),
        final_norm_params=64, other_params=11,
    )  # fmt: skip
    assert sum(params_by_class(toy).values()) == sum(p.total for p in params_by_part(toy)) == total_params(toy)
    assert params_by_class(toy)["recurrent"] == 3 * 1507


def test_mtp_and_vision_stay_outside() -> None:
    plain = model(group(GQA))
    assert total_params(replace(plain, mtp_params=10**9, vision_params=10**9)) == total_params(plain)


def test_weight_bytes_by_class_and_mixed_shares() -> None:
    toy = model(group(GQA, DenseFfn(intermediate=160)))
    dense = 3 * 64 * 160
    assert weight_bytes(toy) == 2 * total_params(toy)
    fp8 = weight_bytes_by_class(toy, uniform_dtypes("fp8", keep_embeddings="bf16"))
    assert fp8["dense"] == dense and fp8["embedding"] == 2 * VOCAB * HIDDEN
    mixed = WeightDtypes(dense="nvfp4", mixed={"dense": {"nvfp4": 0.75, "bf16": 0.25}})
    assert weight_bytes_by_class(toy, mixed)["dense"] == dense * (0.75 * 0.5625 + 0.25 * 2)


def test_unknown_formats_and_classes_are_named() -> None:
    toy = model(group(GQA))
    with pytest.raises(UnknownName, match="fp7"):
        uniform_dtypes("fp7")
    with pytest.raises(InputError, match=r"weights\.mixed"):
        weight_bytes(toy, WeightDtypes(mixed={"atention": {"fp8": 1.0}}))


def test_windows_fill_and_stop() -> None:
    toy = model(group(replace(GQA, window=128), count=3), group(GQA))
    entry = 2 * 16 * 2
    assert kv_bytes_per_token(toy) == 4 * entry and kv_growth_bytes_per_token(toy) == entry
    for context in (0, 1, 127, 128, 129, 10_000):
        assert kv_bytes_per_sequence(toy, context) == entry * (3 * min(context, 128) + context)


def test_compressed_layers_keep_a_window_and_one_entry_per_ratio() -> None:
    layer = CompressedAttention(
        n_heads=8, head_dim=32, rope_dim=8, q_lora_rank=48, o_groups=2, o_lora_rank=16, window=128, ratio=4,
        indexer=Indexer(top_k=64, n_heads=4, head_dim=128),
    )  # fmt: skip
    toy = model(group(layer))
    assert kv_bytes_per_sequence(toy, 1024) == 128 * 64 + 256 * (64 + 132)
    assert kv_read_bytes_per_step(toy, 1024) == 128 * 64 + 64 * 64 + 256 * 132
    assert kv_growth_bytes_per_token(toy) == (64 + 132) / 4
    # query 64x48 and 48x256, key 64x32, grouped output 256x16 in two blocks and 32x64
    assert mixer_params(layer, HIDDEN) == (64 + 256) * 48 + 64 * 32 + 256 * 16 + 32 * 64


def test_recurrent_layers_keep_a_constant() -> None:
    toy = model(group(LINEAR, count=3))
    assert kv_bytes_per_sequence(toy, 10**6) == 0
    assert state_bytes_per_sequence(toy) == 3 * (2048 * 4 + 768 * 2)
    # the delta rule: decay and write, read before the write, read with the query
    assert attention_flops_per_token(toy, 0) == attention_flops_per_token(toy, 10**6) == 3 * 2 * 3 * 2048


def test_mamba_updates_and_reads_its_state() -> None:
    ssm = Ssm(kind="mamba-2", n_heads=8, head_dim=16, d_state=16, n_groups=2, conv_kernel=4, in_params=1, out_params=1,
              state_elements=2048, conv_elements=0)  # fmt: skip
    assert mixer_state_flops(ssm) == 2 * 2 * 2048
    with pytest.raises(InputError, match=r"mixer\.kind"):
        mixer_state_flops(replace(ssm, kind="rwkv"))


def test_cross_attention_adds_nothing_to_the_text_cache() -> None:
    toy = model(group(replace(GQA, cross_attention=True)))
    assert kv_bytes_per_token(toy) == 0 and kv_read_bytes_per_step(toy, 1000) == 0


@pytest.mark.parametrize("context", [-1.0, math.inf, math.nan])
def test_contexts_that_mean_nothing_are_refused(context: float) -> None:
    toy = model(group(GQA))
    for ask in (kv_bytes_per_sequence, kv_read_bytes_per_step, attention_flops_per_token):
        with pytest.raises(InputError, match="context"):
            ask(toy, context)


@pytest.mark.parametrize("width", [0.0, -2.0, math.inf, math.nan])
def test_widths_that_mean_nothing_are_refused(width: float) -> None:
    with pytest.raises(InputError, match="kv_bytes"):
        kv_bytes_per_token(model(group(GQA)), width)


def test_names_of_attention() -> None:
    assert attention_kind(GQA) == "GQA"
    assert attention_kind(replace(GQA, n_kv_heads=1)) == "MQA"
    assert attention_kind(replace(GQA, n_kv_heads=8, window=128)) == "MHA window 128"
    assert attention_kind(replace(GQA, window=8192, chunked=True)) == "GQA chunk 8192"
    assert attention_kind(replace(GQA, stores_kv=False)) == "GQA (shared KV)"
    assert attention_kind(LINEAR) == "gated delta"
    assert attention_kind(NoMixer()) == "none"
