"""Parameters, cache and arithmetic of one layer of each attention kind, by hand from round shapes."""

import pytest

from tokenroof.mixers.architecture import ffn_params, mixer_params
from tokenroof.mixers.architecture_cache import (
    mixer_context_read,
    mixer_kv_bytes_per_token,
    mixer_kv_read_bytes,
    mixer_kv_stored_bytes,
    mixer_state_bytes,
)
from tokenroof.mixers.architecture_flops import indexer_flops_per_context_token, mixer_flops_per_context_token
from tokenroof.types.model import CompressedAttention, DenseFfn, Gqa, Indexer, LinearAttention, Mla, MoeFfn

HIDDEN = 1000
GQA = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=50)
MLA = Mla(n_heads=8, q_lora_rank=300, kv_lora_rank=400, qk_nope_dim=100, qk_rope_dim=20, v_head_dim=60)
INDEXER = Indexer(top_k=16, n_heads=4, head_dim=32, block=2, pool=2, extra_params=7, key_bytes_per_element=1.0)
COMPRESSED = CompressedAttention(
    n_heads=8, head_dim=100, rope_dim=20, q_lora_rank=300, o_groups=4, o_lora_rank=50, window=128, ratio=4,
    extra_params=11, indexer=INDEXER,
)  # fmt: skip


def test_parameters() -> None:
    # queries 8 x 100 columns, keys 2 x 100, values 2 x 50, output 8 x 50 rows
    assert mixer_params(GQA, HIDDEN) == HIDDEN * (800 + 200 + 100 + 400)
    gated = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=100, output_gate=True, k_equals_v=True)
    assert mixer_params(gated, HIDDEN) == HIDDEN * (1600 + 200 + 800)  # a gate as wide as the queries, one K for V
    low = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=50, q_lora_rank=30, stores_kv=False)
    assert mixer_params(low, HIDDEN) == 30 * HIDDEN + 30 * 800 + 400 * HIDDEN  # another layer's keys and values
    # queries through 300 to 8 x 120; down to 400 + 20; up to 8 x (100 + 60); output 8 x 60 rows
    assert mixer_params(MLA, HIDDEN) == 300 * HIDDEN + 300 * 960 + 420 * HIDDEN + 400 * 1280 + 480 * HIDDEN
    # queries through 300 to 800; one key that is the value; output: 800 columns to 50 in groups, 4 x 50 rows back
    assert (
        mixer_params(COMPRESSED, HIDDEN) == 300 * HIDDEN + 300 * 800 + 100 * HIDDEN + 800 * 50 + 200 * HIDDEN + 11 + 7
    )


def test_parameters_of_feed_forward_networks() -> None:
    (plain,) = ffn_params(DenseFfn(intermediate=500, gated=False), HIDDEN)
    (gated,) = ffn_params(DenseFfn(intermediate=500, gated=True), HIDDEN)
    assert (plain.total, gated.total) == (2 * 500 * HIDDEN, 3 * 500 * HIDDEN)
    moe = MoeFfn(n_experts=10, top_k=2, intermediate=30, shared_intermediate=40, latent=200, router_params=9,
                 parallel_dense_intermediate=50)  # fmt: skip
    parts = {part.part: part for part in ffn_params(moe, HIDDEN)}
    assert (parts["routed experts"].total, parts["routed experts"].active) == (10 * 3 * 30 * 200, 2 * 3 * 30 * 200)
    assert parts["shared experts"].total == 3 * 40 * HIDDEN
    assert parts["latent projections"].active == 2 * 200 * HIDDEN
    assert parts["dense MLP"].total == 3 * 50 * HIDDEN and parts["router"].active == 9


def test_flops_of_attention() -> None:
    """2 FLOP a multiply-add: scores over the key's width, a weighted sum over the value's, in every head."""
    assert mixer_flops_per_context_token(GQA) == 2 * 8 * (100 + 50)
    # absorbed, both lie in the latent: scores over 400 + 20, sums over 400; in prefill keys of 120, values of 60
    assert mixer_flops_per_context_token(MLA) == 2 * 8 * (420 + 400)
    assert mixer_flops_per_context_token(MLA, absorbed=False) == 2 * 8 * (120 + 60)
    assert mixer_flops_per_context_token(COMPRESSED) == 2 * 8 * (100 + 100)
    # the indexer scores a key for every two tokens, here of which a quarter is left: 2 x 4 x 32 / 2 / 4
    assert indexer_flops_per_context_token(COMPRESSED) == 2 * 4 * 32 / 2 / 4
    scored = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=50, indexer=INDEXER)
    assert indexer_flops_per_context_token(scored) == 2 * 4 * 32 / 2


def test_cache_of_attention() -> None:
    """Two bytes an element. Keys and values of two heads; the latent and its rotary key; one shared key."""
    assert mixer_kv_bytes_per_token(GQA, 2.0) == 2 * (2 * 100 + 2 * 50)
    assert mixer_kv_bytes_per_token(MLA, 2.0) == 2 * 420
    # the window keeps 100 elements a token; the rest a quarter of that and of a key of 32 byte for two tokens
    assert mixer_kv_bytes_per_token(COMPRESSED, 2.0) == 200 + (200 + 16) / 4
    assert mixer_kv_stored_bytes(COMPRESSED, 1000, 2.0) == 128 * 200 + 250 * (200 + 16)
    assert mixer_kv_stored_bytes(COMPRESSED, 100, 2.0) == 100 * 200 + 25 * (200 + 16)


def test_what_a_decode_step_reads() -> None:
    # 128 of the window and the 16 best of 250 compressed; the indexer looks at all 250 keys of 16 byte
    assert mixer_context_read(COMPRESSED, 1000) == 128 + 16
    assert mixer_kv_read_bytes(COMPRESSED, 1000, 2.0) == (128 + 16) * 200 + 250 * 16
    scored = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=50, indexer=INDEXER)
    assert mixer_kv_read_bytes(scored, 1000, 2.0) == 16 * 2 * 600 + 1000 * 16  # 16 blocks of two
    local = Gqa(n_heads=8, n_kv_heads=2, head_dim=100, v_head_dim=50, window=64)
    assert (mixer_context_read(local, 1000), mixer_context_read(local, 10)) == (64, 10)


@pytest.mark.parametrize(("state", "conv", "size"), [(4.0, 2.0, 4 * 1000 + 2 * 30), (2.0, 4.0, 2 * 1000 + 4 * 30)])
def test_states_have_a_fixed_size(state: float, conv: float, size: float) -> None:
    mixer = LinearAttention(
        kind="KDA", n_k_heads=1, n_v_heads=1, k_head_dim=10, v_head_dim=100, conv_kernel=4, in_params=5, out_params=6,
        state_elements=1000, conv_elements=30, state_bytes_per_element=state, conv_bytes_per_element=conv,
    )  # fmt: skip
    assert mixer_state_bytes(mixer) == size
    assert mixer_params(mixer, HIDDEN) == 11
