"""Every type of the modelling library that was once right stays right: sizes as the library builds them."""

from typing import Any

import pytest
from library_types import LIBRARY

from tokenroof.catalog.models.importer import model_from_config
from tokenroof.catalog.profile import claim_level, profile_for
from tokenroof.catalog.systems import load_system
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import total_params
from tokenroof.types.efficiency import PEAK


@pytest.mark.parametrize("row", LIBRARY, ids=lambda row: str(row["type"]))
def test_sizes_are_the_librarys(row: dict[str, Any]) -> None:
    model = model_from_config(row["config"], name=row["type"])
    assert total_params(model) + model.vision_params == pytest.approx(row["total"], rel=0.005)


def test_most_types_are_right_to_a_ten_thousandth() -> None:
    off = [abs((total_params(m) + m.vision_params) / row["total"] - 1) for row in LIBRARY
           for m in [model_from_config(row["config"], name=row["type"])]]  # fmt: skip
    assert sum(error < 1e-4 for error in off) > 0.9 * len(off) and len(off) > 120


LLAMA: dict[str, Any] = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip


@pytest.mark.parametrize(
    "key",
    ["sparse_attention_freq", "index_topk", "attention_window", "hybrid_pattern", "linear_head_dim", "moe_hidden_size",
     "hc_mult", "moe_latent_dim", "block_types", "per_layer_config", "lru_width", "kv_channels"],
)  # fmt: skip
def test_an_unknown_type_with_an_unread_key_of_shape_is_refused_with_the_key(key: str) -> None:
    with pytest.raises(InputError, match=key):
        model_from_config({**LLAMA, "model_type": "brand_new", key: 4})


def test_a_known_type_with_an_unread_key_of_shape_is_read_as_guessed() -> None:
    model = model_from_config({**LLAMA, "model_type": "llama", "sparse_attention_freq": 4})
    assert model.structure_guessed and any("sparse_attention_freq" in text for text in model.warnings)
    assert not model_from_config({**LLAMA, "model_type": "llama"}).structure_guessed


def test_an_unknown_type_is_guessed_and_its_unread_keys_are_listed() -> None:
    model = model_from_config({**LLAMA, "model_type": "brand_new", "odd_flavour": "sweet", "rope_theta": 1e6})
    assert model.structure_guessed
    assert "keys not read: odd_flavour" in model.warnings


@pytest.mark.parametrize(
    ("changes", "family"),
    [({"architectures": ["Qwen3ForCausalLM"]}, "qwen3"), ({"architectures": ["Starcoder2ForCausalLM"]}, "starcoder2")],
)
def test_the_class_names_the_family_where_model_type_is_not_known(changes: dict[str, Any], family: str) -> None:
    by_class = model_from_config({**LLAMA, "model_type": "my_finetune", **changes})
    by_type = model_from_config({**LLAMA, "model_type": family})
    assert total_params(by_class) == total_params(by_type) and not by_class.structure_guessed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["Wav2Vec2ForCTC"]}, "generates text"),
        ({"is_encoder_decoder": True}, "an encoder and a decoder"),
        ({"vision_config": {"model_type": "odd_eye", "hidden_size": 8}}, "vision_config"),
        ({"audio_config": {"model_type": "odd_ear"}}, "audio_config"),
    ],
)
def test_what_is_no_language_model_alone_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        model_from_config({**LLAMA, "model_type": "brand_new", **changes})


def test_a_class_without_an_output_table_has_none_counted() -> None:
    config = {**LLAMA, "model_type": "llama"}
    reward = model_from_config({**config, "architectures": ["LlamaForSequenceClassification"]})
    assert total_params(model_from_config(config)) - total_params(reward) == 128256 * 4096


@pytest.mark.parametrize(
    ("model_type", "pattern", "full"),
    [("cohere2", {"sliding_window_pattern": 4}, 8), ("exaone4", {"sliding_window_pattern": "LLLG"}, 8),
     ("afmoe", {"global_attn_every_n_layers": 8}, 4)],
)  # fmt: skip
def test_windows_by_a_pattern(model_type: str, pattern: dict[str, Any], full: int) -> None:
    experts = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
    model = model_from_config({**LLAMA, **experts, "model_type": model_type, "sliding_window": 512, **pattern})
    counts = {getattr(group.mixer, "window", None): 0 for group in model.layers}
    for group in model.layers:
        counts[getattr(group.mixer, "window", None)] += group.count
    assert counts == {512: 32 - full, None: full}


def test_a_guessed_structure_is_never_calibrated_and_widens_the_range() -> None:
    system = load_system("8xh100")
    known = model_from_config({**LLAMA, "model_type": "llama"})
    guessed = model_from_config({**LLAMA, "model_type": "brand_new"})
    sure, wide = (profile_for(system, "vllm", model=model) for model in (known, guessed))
    assert claim_level(wide, guessed) == "structure guessed" == claim_level(PEAK, guessed)
    assert claim_level(sure, known) == "calibrated"
    assert wide.spread["tpot"] == pytest.approx((sure.spread["tpot"] ** 2 + 0.25**2) ** 0.5)
    assert wide.low < sure.low < sure.high < wide.high
