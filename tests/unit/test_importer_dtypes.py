"""quantization_config to bytes per weight class, for the producers and methods met in public checkpoints.

Layouts are those of real files, names and layer numbers shortened.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenroof.catalog.dialects import ConfigReader
from tokenroof.catalog.models.importer import load_config, model_from_config, model_from_path
from tokenroof.catalog.models.importer_patterns import PatternReader, Patterns
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import params_by_class, weight_bytes_by_class
from tokenroof.types.dtype import DTYPES
from tokenroof.types.model import Model

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "configs"
NVFP4 = {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16}
FP8 = {"dynamic": False, "num_bits": 8, "type": "float"}


def read(fixture: str, quantization: dict[str, Any] | None, *, name: str = "x", **keys: Any) -> Model:
    config = {**load_config(FOLDER / f"{fixture}.json"), **keys}
    config.pop("quantization_config", None)
    if quantization is not None:
        config["quantization_config"] = quantization
    return model_from_config(config, name=name)


def formats(model: Model) -> dict[str, str]:
    return {name: getattr(model.weights, name) for name, count in params_by_class(model).items() if count}


def test_bytes_per_element_count_the_scales() -> None:
    # one fp32 per 128 x 128; one fp8 per 16; one e8m0 per 32; a 16-bit scale (and 4-bit zero) per group
    assert DTYPES["fp8_block"].bytes_per_element == 1 + 4 / 16_384
    assert DTYPES["nvfp4"].bytes_per_element == DTYPES["nvfp4_w"].bytes_per_element == 0.5625
    assert DTYPES["mxfp4"].bytes_per_element == 0.53125
    assert DTYPES["int4_g32"].bytes_per_element == 0.5625
    assert DTYPES["int4_g128"].bytes_per_element == 0.5 + 2 / 128
    assert DTYPES["int4"].bytes_per_element == 0.5 + 2.5 / 128


@pytest.mark.parametrize(("torch_dtype", "name"), [("bfloat16", "bf16"), ("float16", "fp16"), ("float32", "fp32")])
def test_plain_checkpoints(torch_dtype: str, name: str) -> None:
    model = read("llama", None, torch_dtype=torch_dtype)
    assert set(formats(model).values()) == {name}
    assert not model.warnings


def test_a_missing_dtype_is_a_warning() -> None:
    model = read("llama", None, torch_dtype=None)
    assert set(formats(model).values()) == {"bf16"} and any("torch_dtype" in w for w in model.warnings)


def test_block_fp8_leaves_tables_and_router_alone() -> None:
    model = read("deepseek_v3", {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3"})
    assert formats(model) == {
        "embedding": "bf16", "attention": "fp8_block", "dense": "fp8_block", "experts": "fp8_block",
        "shared_experts": "fp8_block", "unembedding": "bf16", "other": "bf16",
    }  # fmt: skip


def test_modules_to_not_convert_take_whole_classes_out() -> None:
    listed = ["lm_head", *(f"model.layers.{i}.self_attn.o_proj" for i in range(4)), "model.layers.0.mlp.gate"]
    model = read(
        "qwen3_moe", {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": listed}
    )
    assert model.weights.attention == "bf16" and model.weights.experts == "fp8_block"


def test_a_bare_word_means_the_end_of_a_name() -> None:
    # MiniMax-M2.5 lists "gate", which is the router and not the gate projection of an expert
    model = read("minimax_m2", {"quant_method": "fp8", "weight_block_size": [128, 128],
                                "modules_to_not_convert": ["gate", "e_score_correction_bias", "lm_head"]})  # fmt: skip
    assert model.weights.experts == model.weights.attention == "fp8_block"


def test_layers_left_out_of_a_class_become_shares() -> None:
    model = read("llama", {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.mlp"]})
    assert model.weights.dense == "fp8" and model.weights.mixed["dense"] == {"bf16": 0.25, "fp8": 0.75}
    dense = params_by_class(model)["dense"]
    assert weight_bytes_by_class(model)["dense"] == dense * (0.25 * 2 + 0.75)


def test_mxfp4_is_for_experts_alone() -> None:
    model = read(
        "gpt_oss", {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
    )
    assert model.weights.experts == "mxfp4" and model.weights.attention == "bf16"


def test_modelopt_nvfp4_with_a_list_of_modules_to_ignore() -> None:
    quantization = {
        "quant_method": "modelopt", "quant_algo": "NVFP4",
        "config_groups": {"group_0": {"input_activations": NVFP4, "weights": NVFP4, "targets": ["Linear"]}},
        "ignore": ["lm_head", *(f"model.layers.{i}.self_attn*" for i in range(4)), "model.layers.0*",
                   *(f"model.layers.{i}.mlp.shared_experts*" for i in range(1, 4))],
        "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
    }  # fmt: skip
    model = read("deepseek_v3", quantization)
    assert formats(model) == {
        "embedding": "bf16", "attention": "bf16", "dense": "bf16", "experts": "nvfp4", "shared_experts": "bf16",
        "unembedding": "bf16", "other": "bf16",
    }  # fmt: skip
    assert model.kv_dtype == "fp8"


def test_modelopt_mixed_precision_lists_every_layer() -> None:
    fp8 = [
        f"model.language_model.layers.{i}.{m}"
        for i in range(3)
        for m in ("linear_attn.in_proj_qkv", "linear_attn.out_proj")
    ]
    fp8 += [f"model.language_model.layers.3.self_attn.{m}_proj" for m in "qkvo"]
    fp4 = [f"model.language_model.layers.{i}.mlp.{m}_proj" for i in range(4) for m in ("gate", "up", "down")] + [
        "lm_head"
    ]
    quantization = {
        "quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "ignore": ["mtp*"],
        "config_groups": {"group_0": {"input_activations": FP8, "weights": FP8, "targets": fp8},
                          "group_1": {"weights": NVFP4, "targets": fp4}},
        "quantized_layers": {**{m: {"quant_algo": "FP8"} for m in fp8},
                             **{m: {"quant_algo": "W4A16_NVFP4", "group_size": 16} for m in fp4}},
    }  # fmt: skip
    model = read("qwen3_5_text", quantization)
    assert formats(model) == {
        "embedding": "bf16", "attention": "fp8", "recurrent": "fp8", "dense": "nvfp4_w", "unembedding": "nvfp4_w",
        "other": "bf16",
    }  # fmt: skip


def test_compressed_tensors_int4_with_regexes() -> None:
    # Kimi-K2.5: experts in groups of 32, everything else ignored by pattern
    quantization = {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"input_activations": None, "targets": ["Linear"],
                                      "weights": {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": True}}},
        "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"],
    }  # fmt: skip
    model = read("deepseek_v3", quantization)
    assert formats(model) == {
        "embedding": "bf16", "attention": "bf16", "dense": "bf16", "experts": "int4_g32", "shared_experts": "bf16",
        "unembedding": "bf16", "other": "bf16",
    }  # fmt: skip


def test_compressed_tensors_groups_by_target() -> None:
    block = {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}
    quantization = {
        "quant_method": "compressed-tensors", "format": "mixed-precision", "ignore": [],
        "config_groups": {
            "group_0": {"input_activations": FP8, "weights": block,
                        "targets": ["re:.*attn.*(fused_wqa_wkv|wq_b|wo_a|wo_b)$"]},
            "group_1": {"input_activations": NVFP4, "targets": ["re:.*ffn.*(gate|up|down)_proj$"], "weights": NVFP4},
        },
    }  # fmt: skip
    model = read("deepseek_v4", quantization)
    assert (model.weights.attention, model.weights.experts, model.weights.shared_experts) == (
        "fp8_block",
        "nvfp4",
        "nvfp4",
    )


def test_deepseek_v4_keeps_experts_in_fp4_and_the_rest_in_fp8() -> None:
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    model = read("deepseek_v4", fp8)
    assert (model.weights.attention, model.weights.experts, model.weights.shared_experts) == (
        "fp8_block", "mxfp4", "fp8_block",
    )  # fmt: skip
    assert read("deepseek_v4", fp8, expert_dtype=None).weights.experts == "fp8_block"
    # a producer's NVFP4 experts over an fp8 base: what the group ignores stays in the base format
    over = {**fp8, "quant_algo": "MIXED_PRECISION", "ignore": ["*.attn.*", "*.ffn.shared_experts.*", "head"],
            "config_groups": {"group_0": {"input_activations": NVFP4, "weights": NVFP4, "targets": ["Linear"]}},
            "quantized_layers": {f"layers.{i}.ffn.experts": {"quant_algo": "NVFP4"} for i in range(4)}}  # fmt: skip
    model = read("deepseek_v4", over)
    assert (model.weights.attention, model.weights.experts, model.weights.shared_experts) == (
        "fp8_block", "nvfp4", "fp8_block",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("quantization", "name"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "int4"),
        ({"quant_method": "awq", "w_bit": 4}, "int4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "nf4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_algo": "FP8", "producer": {"name": "modelopt"}}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}, "nvfp4"),
    ],
)
def test_file_wide_methods(quantization: dict[str, Any], name: str) -> None:
    model = read("llama", quantization)
    assert model.weights.dense == model.weights.attention == name
    assert model.weights.unembedding == "bf16"


def test_methods_that_are_not_understood_warn() -> None:
    model = read("llama", {"quant_method": "aqlm", "version": 2})
    assert model.weights.dense == "bf16" and any("aqlm" in w for w in model.warnings)


def test_bits_are_read_of_a_method_that_is_not_known() -> None:
    model = read("llama", {"quant_method": "aqlm", "bits": 2})
    assert model.weights.dense == "int2_g128z2" and any("aqlm" in w and "bits" in w for w in model.warnings)


@pytest.mark.parametrize(
    ("name", "dense", "attention"),
    [("some/Model-NVFP4", "nvfp4", "bf16"), ("some/Model-FP8", "fp8", "fp8"), ("some/Model-AWQ", "int4", "bf16")],
)
def test_a_format_in_the_name_alone_is_taken_with_a_warning(name: str, dense: str, attention: str) -> None:
    model = read("llama", None, name=name)
    assert (model.weights.dense, model.weights.attention) == (dense, attention)
    assert any("no quantization_config" in w for w in model.warnings)
    assert read("llama", None, name="some/Model-FP80").weights.dense == "bf16"


def test_hf_quant_config_beside_the_config_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((FOLDER / "qwen3_moe.json").read_text(), encoding="utf-8")
    beside = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8",
              "group_size": 16, "exclude_modules": ["lm_head", "model.layers.*.self_attn*"]}}  # fmt: skip
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside), encoding="utf-8")
    model = model_from_path(tmp_path / "config.json")
    assert (model.weights.experts, model.weights.attention, model.kv_dtype) == ("nvfp4", "bf16", "fp8")


@pytest.mark.parametrize("scheme", ["FP8", {"num_bits": 8, "type": "float"}])
def test_kv_formats(scheme: object) -> None:
    assert read("llama", {"quant_method": "fp8", "kv_cache_scheme": scheme}).kv_dtype == "fp8"
    assert read("llama", {"quant_method": "fp8", "kv_cache_scheme": None}).kv_dtype == "bf16"


# ---------------------------------------------------------------- patterns of files that nobody vouches for


def patterns(*texts: str) -> tuple[Patterns, list[str]]:
    reader = ConfigReader({}, model_type="x")
    return PatternReader(reader, 4).read(list(texts), "ignore"), reader.warnings


@pytest.mark.parametrize(
    ("text", "name", "hit"),
    [
        ("model.layers.1", "layers.1.mlp.down_proj", True),
        ("model.layers.1", "layers.10.mlp.down_proj", False),
        ("model.layers.1*", "layers.10.mlp.down_proj", True),
        ("language_model.model.layers.1.self_attn*", "layers.1.self_attn.o_proj", True),
        ("*.mlp.shared_expert.*", "layers.1.mlp.shared_expert.down_proj", True),
        ("*.mlp.shared_expert.*", "layers.1.mlp.experts.0.down_proj", False),
        ("re:.*self_attn.*", "layers.1.self_attn.o_proj", True),
        (r"re:.*\.self_attn\.q_proj$", "layers.1.self_attn.o_proj", False),
        ("lm_head", "lm_head", True),
        ("gate", "layers.1.mlp.gate_proj", False),
    ],
)
def test_patterns(text: str, name: str, hit: bool) -> None:
    found, warnings = patterns(text)
    assert found.match(name) is hit and not warnings


@pytest.mark.parametrize(
    "text", ["re:(a+)+$", "re:(.*)*x", "re:.*.*.*.*x", "re:(", "re:(a|b)*", "x" * 500, "re:a{1,9999}"]
)
def test_patterns_that_could_run_for_ever_are_left_out(text: str) -> None:
    found, warnings = patterns(text)
    assert len(warnings) == 1 and "left out" in warnings[0]
    assert not found.match("a" * 60)


def test_the_number_of_regexes_is_bounded_by_the_number_of_layers() -> None:
    reader = ConfigReader({}, model_type="x")
    found = PatternReader(reader, 4_000).read([f"re:.*{i}" for i in range(5)], "ignore")
    assert len(found.regexes) == 2 and len(reader.warnings) == 3


def test_too_many_patterns_are_one_error() -> None:
    with pytest.raises(InputError, match="at most"):
        patterns(*(f"layers.{i}" for i in range(200_001)))
