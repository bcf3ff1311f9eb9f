"""Public configs that were read wrong, each with its right size: shared/data/cases, whose README has the sources."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenroof.catalog.models.checks import contradictions
from tokenroof.catalog.models.importer import model_from_path
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import (
    active_params,
    params_by_part,
    total_params,
    weight_bytes,
    weight_bytes_by_class,
)
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, kv_bytes_per_token, kv_read_bytes_per_step
from tokenroof.operators.lower import lower
from tokenroof.types.model import Model


@pytest.fixture
def read(shared_data: Path):  # type: ignore[no-untyped-def]
    folder = shared_data / "cases" / "configs"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    return lambda name: model_from_path(folder / f"{name}.json")


def billions(model: Model) -> float:
    return total_params(model) / 1e9


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("kda_full_gate_mxfp4_2780b", 2779.5),
        ("mla_window_perlayer_288b", 279.55),
        ("output_gate_28b", 27.85),
        ("starcoder2_15b", 15.96),
        ("afm_4.5b", 4.62),
        ("gemma_7b", 8.54),
        ("doge_320m", 0.336),
        ("bge_large", 0.335),
        ("recurrent_gemma_2b", 2.683),
        ("granite_h_small", 32.2),
        ("qwen1_7b", 7.72),
    ],
)
def test_sizes(read, name: str, total: float) -> None:  # type: ignore[no-untyped-def]
    model = read(name)
    assert billions(model) == pytest.approx(total, rel=0.001)
    assert not model.structure_guessed and not contradictions(model)


@pytest.mark.parametrize(
    ("name", "active"), [("kda_full_gate_mxfp4_2780b", 105.4), ("mla_window_perlayer_288b", 16.25)]
)
def test_active_parameters_with_both_tables(read, name: str, active: float) -> None:  # type: ignore[no-untyped-def]
    assert active_params(read(name)).with_embeddings / 1e9 == pytest.approx(active, rel=0.001)


def test_bytes_of_full_rank_gates_whose_attention_is_not_quantised(read) -> None:  # type: ignore[no-untyped-def]
    assert weight_bytes(read("kda_full_gate_mxfp4_2780b")) / 1e12 == pytest.approx(1.56, abs=0.005)


def test_windows_of_latent_attention_have_shapes_of_their_own(read) -> None:  # type: ignore[no-untyped-def]
    model = read("mla_window_perlayer_288b")
    full = sum(g.count * (1024 + 64) * 2 for g in model.layers if getattr(g.mixer, "window", None))
    assert full == 71_808
    grown = kv_bytes_per_sequence(model, 100_001) - kv_bytes_per_sequence(model, 100_000)
    assert grown == pytest.approx(16_692)
    assert kv_bytes_per_token(model) == pytest.approx(16_692 + 71_808)


def test_sparse_layers_of_a_nested_file_without_an_inner_type(read) -> None:  # type: ignore[no-untyped-def]
    model = read("nested_no_inner_type_mixed_nvfp4")
    assert model.model_type == "minimax_m3_vl" and not model.structure_guessed
    assert [(g.count, getattr(g.mixer, "indexer", None) is not None) for g in model.layers] == [(1, False), (5, True)]


def minimax_m3() -> dict[str, Any]:
    """MiniMax-M3 in NVFP4 as published: each projection named with its format, experts one by one."""
    sparse, layers = [0] * 3 + [1] * 57, {}
    for n, routed in enumerate(sparse):
        at = f"language_model.model.layers.{n}"
        mlp = f"{at}.block_sparse_moe.shared_experts" if routed else f"{at}.mlp"
        wide = [f"{at}.self_attn.{one}_proj" for one in "qkvo"] + [
            f"{mlp}.{one}_proj" for one in ("gate", "up", "down")
        ]
        layers |= {name: {"quant_algo": "MXFP8"} for name in wide}
        experts = [f"{at}.block_sparse_moe.experts.{e}.w{w}" for e in range(128 * routed) for w in (1, 2, 3)]
        layers |= {name: {"quant_algo": "NVFP4", "group_size": 16} for name in experts}
    text = {
        "hidden_size": 6144, "intermediate_size": 3072, "dense_intermediate_size": 12_288, "vocab_size": 200_064,
        "shared_intermediate_size": 3072, "num_hidden_layers": 60, "num_attention_heads": 64, "num_key_value_heads": 4,
        "head_dim": 128, "num_local_experts": 128, "num_experts_per_tok": 4, "n_shared_experts": 1,
        "moe_layer_freq": sparse, "use_qk_norm": True, "qk_norm_type": "per_head", "max_position_embeddings": 1_048_576,
        "sparse_attention_config": {
            "use_sparse_attention": True, "sparse_index_dim": 128, "sparse_num_index_heads": 4,
            "sparse_topk_blocks": 16, "sparse_block_size": 128, "sparse_attention_freq": sparse,
        },
    }  # fmt: skip
    formats = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers,
               "exclude_modules": ["lm_head", "model.embed_tokens"]}  # fmt: skip
    return {"architectures": ["MiniMaxM3SparseForConditionalGeneration"], "model_type": "minimax_m3_vl",
            "torch_dtype": "bfloat16", "text_config": text, "quantization_config": formats}  # fmt: skip


def test_minimax_m3_in_nvfp4(tmp_path: Path) -> None:
    """Sizes of its published file, and what a step reads: an index key of every token, 256 B in each sparse layer."""
    path = tmp_path / "minimax-m3.json"
    path.write_text(json.dumps(minimax_m3()), encoding="utf-8")
    model = model_from_path(path)
    assert billions(model) == pytest.approx(426.2, abs=0.05)
    params = {one.part: one.total for one in params_by_part(model)}
    assert params["routed experts"] / 1e9 == pytest.approx(413.1, abs=0.05)
    stored = {name: one / 1e9 for name, one in weight_bytes_by_class(model).items()}
    assert stored["experts"] == pytest.approx(232.4, abs=0.05)
    # the published 10.6 leave out the indexers, 0.22 billion weights: they are counted with attention here
    assert sum(stored[one] for one in ("attention", "dense", "shared_experts")) == pytest.approx(10.6 + 0.23, abs=0.06)
    assert stored["embedding"] + stored["unembedding"] == pytest.approx(4.9, abs=0.05)
    assert weight_bytes(model) / 1e9 == pytest.approx(248, abs=0.5)
    assert kv_bytes_per_token(model) == 60 * 2048 + 57 * 256
    assert kv_read_bytes_per_step(model, 131_072) / 1e9 == pytest.approx(3.0, abs=0.06)


def test_recurrences_between_windows(read) -> None:  # type: ignore[no-untyped-def]
    groups = {type(g.mixer).__name__: g for g in read("recurrent_gemma_2b").layers}
    assert (groups["Gqa"].count, groups["LinearAttention"].count) == (8, 18)
    assert getattr(groups["Gqa"].mixer, "window", None) == 2048


def test_yarn_stretches_the_original_context(read) -> None:  # type: ignore[no-untyped-def]
    assert read("yarn_qwen3").context_config == 131_072


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("llama8b_gptq3", 4.85),
        ("llama8b_gptq8", 9.24),
        ("llama8b_hqq4", 6.03),
        ("llama8b_bnb4", 5.70),
        ("llama8b_awq4", 5.73),
        ("mlx_4bit", 4.61),
        ("llama8b_quark_mxfp4", 5.81),
        ("llama8b_torchao_int4", 5.81),
        ("llama8b_modelopt_nested", 6.03),
        # 4 bits for layers, 6 for the head, 16 for the input table
        ("llama8b_exl3", 6.979 * 4 / 8 + 0.5253 * (6 / 8 + 2)),
    ],
)
def test_bytes_by_the_arithmetic_of_the_format(read, name: str, gigabytes: float) -> None:  # type: ignore[no-untyped-def]
    model = read(name)
    assert weight_bytes(model) / 1e9 == pytest.approx(gigabytes, abs=0.006)
    assert not any("16-bit" in text for text in model.warnings)


def test_nested_settings_of_the_cache_are_read(read) -> None:  # type: ignore[no-untyped-def]
    assert read("llama8b_modelopt_nested").kv_dtype == "fp8"


def test_formats_of_a_mixed_file(read) -> None:  # type: ignore[no-untyped-def]
    weights = read("nested_no_inner_type_mixed_nvfp4").weights
    assert weights.attention == weights.dense == weights.shared_experts == "mxfp8"
    assert weights.unembedding == weights.embedding == "bf16"
    assert weights.experts == "nvfp4" and not weights.mixed


def test_params_json_is_answered(read) -> None:  # type: ignore[no-untyped-def]
    model = read("params")
    assert billions(model) == pytest.approx(23.57, rel=0.001) and model.context_config == 262_144


def test_an_adapter_is_refused_with_its_base(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=r"adapter of rank 16.*meta-llama/Llama-3.1-8B-Instruct"):
        read("adapter_config")


def test_an_encoder_keeps_no_cache_and_does_not_decode(read) -> None:  # type: ignore[no-untyped-def]
    model = read("bge_large")
    assert kv_bytes_per_token(model) == 0.0 and model.encoder
    with pytest.raises(InputError, match="writes tokens"):
        lower(model)


@pytest.mark.parametrize("name", ["exaone4_32b", "qwen3_embedding_8b"])
def test_right_files_are_not_called_wrong_copies(read, name: str) -> None:  # type: ignore[no-untyped-def]
    assert not contradictions(read(name))
