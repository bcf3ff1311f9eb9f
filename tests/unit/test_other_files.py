"""Files that are no config.json, and the index of weights beside one: an answer or a refusal in their own words."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenroof.catalog.models.importer import load_config, model_from_config, model_from_path
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import active_params, total_params, weight_bytes
from tokenroof.operators.lower import lower
from tokenroof.operators.program import form_value
from tokenroof.scenario.formats import served_weights
from tokenroof.types.dtype import dtype

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
SMALL = {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "hidden_dim": 14336, "vocab_size": 32000,
         "norm_eps": 1e-5}  # fmt: skip


def test_a_gguf_file_is_refused_whatever_its_size(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(InputError, match=r"GGUF file.*`weight_dtype` such as q4_k_m"):
        load_config(file)


def test_params_json_of_experts() -> None:
    model = model_from_config({**SMALL, "moe": {"num_experts": 8, "num_experts_per_tok": 2}})
    assert total_params(model) / 1e9 == pytest.approx(46.7, rel=0.001)  # Mixtral 8x7B


@pytest.mark.parametrize(
    "changes", [{"vision_encoder": {"hidden_size": 1024}}, {"quantization": {"qformat_weight": "fp8_e4m3"}}]
)
def test_params_json_with_keys_that_are_not_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        model_from_config({**SMALL, **changes})


def test_params_json_without_the_width_of_the_mlp_is_refused() -> None:
    with pytest.raises(InputError, match="hidden_dim"):
        model_from_config({key: value for key, value in SMALL.items() if key != "hidden_dim"})


@pytest.mark.parametrize(("share", "said"), [(1.0, False), (1.015, False), (0.5, True), (1.2, True)])
def test_the_index_of_the_weights_is_a_check(tmp_path: Path, share: float, said: bool) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    size = int(weight_bytes(model_from_config(LLAMA)) * share)
    index = {"metadata": {"total_size": size}, "weight_map": {}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    found = model_from_path(tmp_path / "config.json").warnings
    assert any(f"{size / 1e9:,.2f} GB" in text for text in found) is said


@pytest.mark.parametrize("text", ["{", "[]", '{"metadata": {"total_size": "big"}}', '{"metadata": {"total_size": -1}}'])
def test_a_broken_index_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    assert any("not checked" in text for text in model_from_path(tmp_path / "config.json").warnings)


def test_a_gguf_mix_has_the_bytes_of_its_file() -> None:
    model, weights = served_weights(model_from_config(LLAMA), "Q4_K_M")
    assert weight_bytes(model, weights) / 2**30 == pytest.approx(4.58, abs=0.01)  # Llama-3.1-8B, llama.cpp's own table


@pytest.mark.parametrize(
    ("quantization", "linear"),
    [
        ({"quant_method": "gptq", "bits": 2, "group_size": 64}, 2 / 8 + 2.25 / 64),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, 4 / 8 + 2.5 / 32),
        ({"quant_method": "auto-round", "bits": 3, "group_size": 128}, 3 / 8 + 2.375 / 128),
        ({"quant_method": "eetq"}, 1.0),
        ({"quant_method": "mxfp8"}, 1 + 1 / 32),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, 1.0),
        ({"quant_method": "torchao", "quant_type": "int4_weight_only", "quant_type_kwargs": {"group_size": 32}}, 0.625),
        ({"quant_method": "auto-round", "bits": 4, "group_size": 32, "data_type": "mx_fp"}, 4.25 / 8),
        ({"quant_method": "auto-round", "bits": 4, "group_size": 16, "data_type": "nv_fp"}, 4.5 / 8),
        ({"quant_method": "quanto", "weights": "int4"}, 4 / 8 + 4 / 128),
        ({"quant_method": "quanto", "weights": "int8"}, 1.0),
        ({"quant_method": "quanto", "weights": "float8"}, 1.0),
        ({"quant_method": "fp_quant", "forward_dtype": "mxfp4"}, 4.25 / 8),
        ({"quant_method": "bitnet", "linear_class": "bitlinear", "quantization_mode": "offline"}, 2 / 8),
        ({"quant_method": "aqlm", "num_codebooks": 1, "nbits_per_codebook": 16, "in_group_size": 8,
          "out_group_size": 1}, 2 / 8),
        ({"quant_method": "compressed-tensors", "format": "dense", "config_groups": {},
          "sparsity_config": {"format": "sparse-24-bitmask"}}, 9 / 8),
        ({"quant_method": "compressed-tensors", "ignore": ["lm_head"], "sparsity_config": {
            "format": "sparse-24-bitmask"}, "config_groups": {
            "g": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float"}}}}, 5 / 8),
        ({"quant_method": "odd", "bits": 5, "group_size": 64}, 5 / 8 + 2.625 / 64),
        ({"quant_method": "compressed-tensors", "format": "marlin-24", "ignore": ["lm_head"], "config_groups": {
            "g": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "group_size": 128}}}}, 3.125 / 8),
        ({"quant_method": "compressed-tensors", "ignore": ["lm_head"], "config_groups": {
            "g": {"targets": ["Linear"], "weights": {"num_bits": 3, "type": "int", "group_size": 128}}}}, 0.390625),
    ],
)  # fmt: skip
def test_bytes_of_a_linear_weight(quantization: dict[str, Any], linear: float) -> None:
    weights = model_from_config({**LLAMA, "quantization_config": quantization}).weights
    assert dtype(weights.dense).bytes_per_element == pytest.approx(linear)
    assert weights.dense == weights.attention and weights.embedding == weights.unembedding == "bf16"


def test_layers_and_heads_of_their_own() -> None:
    own = {"model.layers.0.mlp.down_proj": {"bits": 8, "group_size": 128}, "model.layers.1.mlp.down_proj": {"bits": 16}}
    quantization = {"quant_method": "auto-round", "bits": 4, "group_size": 128, "extra_config": own, "lm_head": True}
    weights = model_from_config({**LLAMA, "quantization_config": quantization}).weights
    assert weights.mixed["dense"] == pytest.approx({"int8_g128z8": 1 / 32, "bf16": 1 / 32, "int4": 30 / 32})
    assert weights.unembedding == "int4" and weights.attention == "int4"


def test_mlx_quantises_tables_too_and_names_layers() -> None:
    quantization = {"group_size": 64, "bits": 4, "model.layers.3.mlp.down_proj": {"group_size": 64, "bits": 8}}
    weights = model_from_config({**LLAMA, "quantization": quantization}).weights
    assert weights.embedding == weights.unembedding == "int4_g64z16"
    assert weights.mixed["dense"] == pytest.approx({"int8_g64z16": 1 / 32, "int4_g64z16": 31 / 32})


@pytest.mark.parametrize(
    ("scaling", "context"),
    [
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131_072),
        ({"rope_type": "yarn", "factor": 2.0}, 81_920),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}, 40_960),
    ],
)
def test_contexts(scaling: dict[str, Any], context: int) -> None:
    model = model_from_config({**LLAMA, "max_position_embeddings": 40_960, "rope_scaling": scaling})
    assert model.context_config == context


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"model_type": "whisper", "d_model": 512, "encoder_layers": 6, "num_mel_bins": 80},
            "an encoder and a decoder",
        ),
        ({"model_type": "hubert", "hidden_size": 768, "conv_dim": [512]}, "hears or speaks.*conv_dim"),
        (
            {"model_type": "vit", "hidden_size": 768, "image_size": 224, "patch_size": 16},
            "looks at pictures.*patch_size",
        ),
        ({"_class_name": "StableDiffusionPipeline"}, "pictures in steps.*_class_name"),
        (
            {"model_type": "odd", "hidden_size": 2560, "num_mem_blocks": 2, "vocab_size": 32_000},
            "stored once and run several times.*num_mem_blocks",
        ),
        (
            {"model_type": "odd", "hidden_size": 2304, "loop_num_passes": 2},
            "stored once.*loop_num_passes",
        ),
    ],
)
def test_models_that_write_no_text_are_refused_in_words_of_their_own(config: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"a decoder of text: this one .*{words}"):
        model_from_config(config)


# The defaults of Qwen4ExpTextConfig in transformers 5.24.0, with an indexer and with tables of n-grams in two layers.
QWEN4 = {
    "model_type": "qwen4_exp_text", "architectures": ["Qwen4ExpForCausalLM"], "vocab_size": 248_320,
    "hidden_size": 2048,
    "num_hidden_layers": 40, "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
    "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
    "linear_num_value_heads": 32, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
    "num_experts_per_tok": 10, "num_experts": 512, "full_attention_interval": 4, "hc_count": 4, "hc_lowrank": 320,
    "ple_layer_ids": [], "ple_conv_kernel_size": 4, "ngram_size": 3, "heads_per_ngram": 8,
    "ngram_vocab_size_base": 20_000_000, "make_ngram_vocab_size_divisible_by": 128, "indexer_n_heads": 4,
    "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 2048, "indexer_compress_ratio": 16,
    "torch_dtype": "bfloat16", "max_position_embeddings": 32_768,
}  # fmt: skip


def test_qwen4_is_what_the_library_builds() -> None:
    """67,347,848,832 weights, built on the meta device; with n-grams in two of eight layers 3,458,395,264."""
    model = model_from_config(QWEN4)
    assert total_params(model) == 67_347_848_832 and not model.structure_guessed
    few = {"num_hidden_layers": 8, "num_experts": 64, "ple_layer_ids": [2, 6], "ngram_vocab_size_base": 100_000}
    assert total_params(model_from_config({**QWEN4, **few})) == pytest.approx(3_458_395_264, rel=0.0003)


def test_a_table_that_is_looked_up_takes_memory_and_no_time() -> None:
    """20 million rows for each of 16 heads, 128 wide: 82 GB in 16 bits, of which a step reads 16 rows a token."""
    plain, grams = (model_from_config({**QWEN4, "ple_layer_ids": layers}) for layers in ([], [2]))
    assert grams.lookup_params == 16 * 20_000_000 * 128
    assert active_params(grams).with_embeddings - active_params(plain).with_embeddings < 1e8
    stored = [sum(lower(one).stored_bytes.values()) for one in (plain, grams)]
    assert stored[1] - stored[0] > 2 * grams.lookup_params
    read = [
        sum(row.count * form_value(row.weights, [1.0] * 64) for row in lower(one).operators) for one in (plain, grams)
    ]
    assert read[1] - read[0] < 2e8
