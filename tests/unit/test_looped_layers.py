"""Layers that are stored once and run several times: what is counted once, what each time, and who reads such files."""

from dataclasses import replace
from typing import Any

import pytest

from tokenroof.catalog import load_system
from tokenroof.catalog.models.files import model_from_json, model_to_json
from tokenroof.catalog.models.importer import model_from_config
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import active_params, total_params, weight_bytes
from tokenroof.mixers.architecture_cache import kv_bytes_per_token, state_bytes_per_sequence
from tokenroof.operators import bind, lower, memory_use
from tokenroof.types.model import Model
from tokenroof.types.program import Load

H, WIDE = 64, 128
# Six layers of Mamba-2; two shared blocks, of which the first runs a second time before the last layer.
ZAMBA: dict[str, Any] = {
    "model_type": "zamba2", "hidden_size": H, "num_hidden_layers": 6, "vocab_size": 512, "num_attention_heads": 4,
    "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_ngroups": 1, "n_mamba_heads": 8,
    "adapter_rank": 8, "num_mem_blocks": 2, "use_shared_attention_adapter": True, "torch_dtype": "bfloat16",
    "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid", "mamba", "hybrid"],
}  # fmt: skip
MAMBA = H * (2 * WIDE + 2 * 16 + 8) + WIDE * H + (WIDE + 32) * 5 + 3 * 8 + WIDE + H
BLOCK = 3 * WIDE * WIDE + WIDE * H + 3 * H * 4 * H + 3 * H
OWN = H * H + 8 * (H + 2 * 4 * H) + 3 * 8 * 2 * WIDE


def zamba(**changes: object) -> Model:
    return model_from_config({**ZAMBA, **changes})


def once(model: Model) -> Model:
    """The same model if every layer had weights of its own."""
    return replace(model, layers=tuple(replace(group, borrowed=False) for group in model.layers))


def test_shared_blocks_are_stored_once_and_used_each_time() -> None:
    model = zamba()
    stored = 512 * H + 6 * MAMBA + 3 * OWN + 2 * BLOCK + H
    assert total_params(model) == stored and not model.structure_guessed
    assert active_params(model).with_embeddings == stored + BLOCK
    assert weight_bytes(model) == 2 * stored


def test_each_run_keeps_a_cache_of_its_own() -> None:
    model = zamba()
    assert kv_bytes_per_token(model) == 3 * 2 * WIDE * 2
    assert kv_bytes_per_token(model) == kv_bytes_per_token(once(model))
    assert state_bytes_per_sequence(model) == state_bytes_per_sequence(once(model)) > 0


def test_a_gpu_holds_them_once_and_reads_them_each_time() -> None:
    model, system = zamba(), load_system("h100")
    alone, apart = lower(model), lower(once(model))
    assert sum(apart.stored_bytes.values()) - sum(alone.stored_bytes.values()) == pytest.approx(2 * BLOCK)
    times = [
        bind(one, system, profile_for(system, "none", "peak")).step(decode=Load(1, 1, 10)) for one in (alone, apart)
    ]
    assert times[0].weights_s == pytest.approx(times[1].weights_s, rel=0.01)  # a norm is read once
    use = [memory_use(one, system, context=100, engine="none").weights_bytes for one in (alone, apart)]
    assert use[1] - use[0] == pytest.approx(2 * BLOCK)


def test_a_saved_model_keeps_what_is_borrowed() -> None:
    assert model_from_json(model_to_json(zamba())).layers == zamba().layers


def test_ids_of_layers_stand_for_their_names() -> None:
    ids = {key: value for key, value in ZAMBA.items() if key != "layers_block_type"} | {"hybrid_layer_ids": [1, 3, 5]}
    assert total_params(model_from_config(ids)) == total_params(zamba())


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"layers_block_type": ["mamba"] * 5 + ["odd"]}, "layers_block_type.*odd"),
     ({"mamba_headdim": 7}, "mamba_headdim"),
     ({"num_attention_heads": 7}, "num_attention_heads"), ({"attention_head_dim": 8}, "attention_head_dim.*32")],
)  # fmt: skip
def test_sizes_that_contradict_each_other_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        zamba(**changes)


LOOP: dict[str, Any] = {
    "model_type": "inkling2_loop_text", "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 520,
    "unpadded_vocab_size": 512, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 16, "sliding_window_size": 32,
    "d_rel": 4, "rel_extent": 32, "conv_kernel_size": 4, "moe_intermediate_size": 24, "n_routed_experts": 8,
    "num_experts_per_tok": 2, "layer_types": ["hybrid_sliding", "hybrid_sliding", "hybrid", "hybrid_sliding"],
    "loop_layer_index_start": 1, "loop_layer_index_end": 3, "loop_num_passes": 3, "loop_gate_rank": 8,
    "n_layers_per_attn_res_block": 1, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip


def test_a_loop_runs_a_stretch_of_layers_again() -> None:
    looped, straight = model_from_config(LOOP), model_from_config({**LOOP, "loop_num_passes": 1})
    assert total_params(looped) == total_params(straight) and looped.n_layers == 4 + 2 * 2
    plain = model_from_config({**LOOP, "model_type": "inkling2_text"})
    assert total_params(looped) - total_params(plain) == 2 * (16 * 8 + 4) * 64
    # a full layer and a window of 32 in each of two further passes
    assert kv_bytes_per_token(looped) - kv_bytes_per_token(straight) == 2 * 2 * 2 * 2 * 16 * 2
    with pytest.raises(InputError, match="loop_layer_index_end"):
        model_from_config({**LOOP, "loop_layer_index_end": 9})
