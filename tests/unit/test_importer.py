"""One small config per dialect, counted to the parameter.

tests/fixtures/configs holds configs written for this test. `total` and `vision` of expected.json come from building
each with transformers 5.23.0 without weights; `cache_elements` and `state_elements` from running it on 40 tokens and
counting what its cache then held. LongCat is the exception: that build gives weights to zero experts, which have
none, so its expected total is the build's less those.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from library_types import LIBRARY

from tokenroof.catalog.dialects import DIALECTS
from tokenroof.catalog.models.importer import load_config, model_from_config, model_from_path
from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers.architecture import active_params, params_by_part, total_params
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, kv_bytes_per_token
from tokenroof.types.model import Gqa, LinearAttention, Mla, Model, MoeFfn, NoMixer, Ssm

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "configs"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
TOKENS = 40


def fixture(name: str) -> dict[str, Any]:
    return load_config(FOLDER / f"{name}.json")


def read(name: str, **changes: Any) -> Model:
    config = fixture(name)
    for key, value in changes.items():
        if value is ...:
            del config[key]
        else:
            config[key] = value
    return model_from_config(config, name=name)


@pytest.mark.parametrize("name", EXPECTED)
def test_counts_equal_a_build_of_the_model(name: str) -> None:
    model = read(name)
    headless = EXPECTED[name].get("no_head", False) and not model.tied_embeddings
    assert total_params(model) - (model.vocab * model.hidden if headless else 0) == EXPECTED[name]["total"]
    assert model.vision_params == EXPECTED[name].get("vision", 0)


@pytest.mark.parametrize("name", [n for n, e in EXPECTED.items() if "cache_elements" in e])
def test_caches_hold_what_a_run_of_the_model_held(name: str) -> None:
    model = read(name)
    index_keys = sum(
        g.count * TOKENS * g.mixer.indexer.head_dim * g.mixer.indexer.key_bytes_per_element / g.mixer.indexer.pool
        for g in model.layers
        if isinstance(g.mixer, Gqa) and g.mixer.indexer is not None
    )
    assert kv_bytes_per_sequence(model, TOKENS, 1.0) - index_keys == EXPECTED[name]["cache_elements"]
    state = sum(g.count * g.mixer.state_elements for g in model.layers if isinstance(g.mixer, Ssm | LinearAttention))
    assert state == EXPECTED[name].get("state_elements", 0)


def test_every_fixture_has_an_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} - {"expected"} == set(EXPECTED)


def test_every_dialect_has_a_fixture_or_a_hand_count_below() -> None:
    def inner(config: dict[str, Any]) -> str:
        text = config.get("text_config")
        return str((text if isinstance(text, dict) else config)["model_type"])

    seen = {inner(fixture(name)) for name in EXPECTED}
    by_hand = {"qwen", "bailing_moe", "grok-1", "git", "hunyuan", "palm", "nemotron-nas", "step3_text",
               "qwen4_exp_text", "zamba2", "inkling2_loop_text"}  # fmt: skip
    # these share every line with a sibling that has one
    siblings = {"kimi_k2", "deepseek_ref", "qwen3_5_moe_text", "qwen3_vl_moe_text", "minimax_m1", "minimax_text_01",
                "phi-msft", "mimo"}  # fmt: skip
    # built by the modelling library from their classes' defaults: test_library_types.py
    built = {inner(row["config"]) for row in LIBRARY}
    unbuilt = {"step3p5", "glm4v_moe_text", "lfm2_moe"}  # as step3p7_text, glm4_moe and lfm2
    assert set(DIALECTS) == seen | by_hand | siblings | (built & set(DIALECTS)) | unbuilt


# ---------------------------------------------------------------- families without a public build, by hand

COMMON = {
    "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 4, "num_attention_heads": 8,
    "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 2048, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
TABLES, ATTENTION, MLP = 2 * 512 * 64, 2 * 64 * 64 + 2 * 64 * 16, 3 * 64 * 160


def by_hand(**keys: Any) -> Model:
    return model_from_config({**COMMON, **keys}, name="hand")


def test_bailing_moe() -> None:
    model = by_hand(model_type="bailing_moe", num_experts=8, num_experts_per_tok=2, moe_intermediate_size=24,
                    num_shared_experts=2, first_k_dense_replace=1, use_qk_norm=True, head_dim=8)  # fmt: skip
    experts = 8 * 3 * 64 * 24 + 3 * 64 * 48 + 8 * 64
    assert total_params(model) == TABLES + 4 * (ATTENTION + 2 * 8 + 128) + MLP + 3 * experts + 64


def test_grok_1_reads_the_expert_width_from_intermediate_size() -> None:
    model = by_hand(model_type="grok-1", num_experts=8, num_experts_per_tok=2, head_dim=8, tie_word_embeddings=True)
    assert total_params(model) == TABLES // 2 + 4 * (ATTENTION + 8 * MLP + 8 * 64 + 4 * 64) + 64


def test_grok_2_has_a_dense_network_beside_the_experts() -> None:
    model = by_hand(model_type="git", num_local_experts=8, num_experts_per_tok=2, moe_intermediate_size=80, head_dim=8,
                    residual_moe=True)  # fmt: skip
    layer = ATTENTION + 8 * 3 * 64 * 80 + MLP + 8 * 64 + 4 * 64
    assert total_params(model) == TABLES + 4 * layer + 64
    with pytest.raises(InputError, match="residual_moe"):
        by_hand(model_type="git", num_local_experts=8)


def test_hunyuan_takes_lists_per_layer_and_shares_caches() -> None:
    keys = {"model_type": "hunyuan", "num_experts": 8, "moe_topk": [2, 2, 2, 3], "moe_intermediate_size": [24] * 4,
            "num_shared_expert": [1, 1, 1, 0], "use_mixed_mlp_moe": True, "attention_head_dim": 8}  # fmt: skip
    model = by_hand(**keys)
    expert = 3 * 64 * 24
    assert total_params(model) == TABLES + 4 * (ATTENTION + 8 * expert + 8 * 64 + 128) + 3 * expert + 64
    assert [g.ffn.top_k for g in model.layers if isinstance(g.ffn, MoeFfn)] == [2, 3]
    # cross-layer attention: every second layer reads the cache of the one before it
    shared = by_hand(**keys, use_cla=True, cla_share_factor=2)
    assert kv_bytes_per_token(shared) == kv_bytes_per_token(model) / 2
    assert total_params(model) - total_params(shared) == 2 * 2 * 64 * 16


def test_palm_has_one_norm_and_one_key_head() -> None:
    model = by_hand(model_type="palm", num_key_value_heads=1, tie_word_embeddings=True)
    assert total_params(model) == TABLES // 2 + 4 * (2 * 64 * 64 + 2 * 64 * 8 + MLP + 64) + 64
    assert kv_bytes_per_token(model) == 4 * 2 * 8 * 2


def test_nemotron_nas_skips_attention_and_scales_widths() -> None:
    blocks = [
        {"attention": {"no_op": False, "n_heads_in_group": 4}, "ffn": {"no_op": False, "ffn_mult": 5.25}},
        {"attention": {"no_op": True, "n_heads_in_group": None}, "ffn": {"no_op": False, "ffn_mult": 0.5}},
        {"attention": {"no_op": True}, "ffn": {"no_op": True}},
        {"attention": {"no_op": False, "n_heads_in_group": 8}, "ffn": {"no_op": True}},
    ]
    model = by_hand(model_type="nemotron-nas", block_configs=blocks, num_key_value_heads=None, intermediate_size=None)
    # two thirds of 2 x 5.25 x 64 = 224, up to 256; 0.5 gives 21, up to 256
    first, second = ATTENTION + 3 * 64 * 256 + 128, 3 * 64 * 256 + 64
    assert total_params(model) == TABLES + first + second + (2 * 64 * 64 + 2 * 64 * 8 + 64) + 64
    assert kv_bytes_per_token(model) == (2 * 16 + 1 * 16) * 2
    assert isinstance(model.layers[1].mixer, NoMixer)


def test_step_3_factors_its_query() -> None:
    model = by_hand(model_type="step3_text", num_attention_groups=1, num_key_value_heads=None, share_q_dim=16,
                    head_dim=8, moe_num_experts=8, moe_top_k=2, moe_intermediate_size=24, share_expert_dim=24,
                    moe_layers_enum="1,2,3")  # fmt: skip
    attention = (64 + 64) * 16 + 16 + 2 * 64 * 8 + 64 * 64
    experts = 9 * 3 * 64 * 24 + 8 * 64
    assert total_params(model) == TABLES + 4 * (attention + 128) + MLP + 3 * experts + 64


def test_kimi_k3_style_latent_experts() -> None:
    # routed_expert_hidden_size 32 of 64: experts half as wide, and a projection each way
    wide, narrow = read("kimi_linear"), read("kimi_linear", routed_expert_hidden_size=32)
    saved = 3 * 8 * 3 * 24 * (64 - 32)
    assert total_params(wide) - total_params(narrow) == saved - 3 * 2 * 64 * 32


# ---------------------------------------------------------------- placement, in the ways files say it


@pytest.mark.parametrize(
    ("keys", "sparse"),
    [
        ({"first_k_dense_replace": 2}, [2, 3]),
        ({"first_k_dense_replace": 1, "moe_layer_freq": 2}, [2]),
        ({"moe_layer_freq": [0, 1, 0, 1]}, [1, 3]),
        ({"mlp_layer_types": ["dense", "sparse", "sparse", "dense"]}, [1, 2]),
        ({"mlp_only_layers": [1], "decoder_sparse_step": 1}, [0, 2, 3]),
        ({"decoder_sparse_step": 2}, [1, 3]),
        ({"interleave_moe_layer_step": 2}, [1, 3]),
        ({"moe_layer_start_index": 1, "moe_layer_end_index": 2, "moe_layer_interval": 1}, [1, 2]),
        ({"moe_layers_enum": "0, 3"}, [0, 3]),
        ({"moe_layers_enum": [3]}, [3]),
    ],
)
def test_where_experts_sit(keys: dict[str, Any], sparse: list[int]) -> None:
    config = {**COMMON, "model_type": "qwen3_moe", "head_dim": 8, "num_experts": 8, "num_experts_per_tok": 2,
              "moe_intermediate_size": 24, **keys}  # fmt: skip
    model = model_from_config(config, name="placed")
    order = model.order or tuple(i for i, g in enumerate(model.layers) for _ in range(g.count))
    assert [i for i, g in enumerate(order) if isinstance(model.layers[g].ffn, MoeFfn)] == sparse


@pytest.mark.parametrize(
    ("keys", "windows"),
    [
        ({"sliding_window": 256}, [256] * 4),
        ({"sliding_window": 4096}, [None] * 4),  # not shorter than the context of 2,048
        ({"sliding_window": 256, "use_sliding_window": False}, [None] * 4),
        ({"sliding_window": 256, "use_sliding_window": True, "max_window_layers": 3}, [None, None, None, 256]),
        ({"sliding_window": 256, "layer_types": ["full_attention", "sliding_attention"] * 2}, [None, 256, None, 256]),
        ({"sliding_window": None}, [None] * 4),
    ],
)
def test_where_windows_sit(keys: dict[str, Any], windows: list[int | None]) -> None:
    model = model_from_config({**COMMON, "model_type": "qwen2", **keys}, name="windowed")
    order = model.order or tuple(i for i, g in enumerate(model.layers) for _ in range(g.count))
    mixers = [model.layers[i].mixer for i in order]
    assert [m.window for m in mixers if isinstance(m, Gqa)] == windows


def test_kimi_linear_counts_full_layers_from_one() -> None:
    nested = {"full_attn_layers": [4], "num_heads": 4, "head_dim": 16, "short_conv_kernel_size": 4}
    model = read("kimi_linear", layer_types=..., linear_attn_config=nested)
    assert [type(model.layers[i].mixer) for i in model.order or (0, 1, 1, 2)][-1] is Mla
    assert total_params(model) == EXPECTED["kimi_linear"]["total"]


def test_nemotron_letters_and_names_say_the_same() -> None:
    letters = read("nemotron_h", layers_block_type=..., hybrid_override_pattern="ME*-ME")
    assert total_params(letters) == EXPECTED["nemotron_h"]["total"]
    with pytest.raises(InputError, match="num_hidden_layers"):
        read("nemotron_h", num_hidden_layers=7)


def test_gemma_3_pattern_is_a_documented_default_with_a_warning() -> None:
    model = read("gemma3_text", layer_types=..., num_hidden_layers=12)
    assert [g.count for g in model.layers] == [10, 2]
    assert any("sliding_window_pattern" in w and "class default" in w for w in model.warnings)


def test_zero_experts_hold_no_weights_and_take_routes() -> None:
    ffn = next(g.ffn for g in read("longcat_flash").layers if isinstance(g.ffn, MoeFfn))
    assert ffn.zero_experts == 4 and ffn.routes == 3 * 8 / 12


def test_multi_token_prediction_is_outside_the_total() -> None:
    model = read("deepseek_v3")
    assert model.mtp_layers == 1
    # one expert layer, the projection from two hidden vectors, three norms
    last = sum(p.total for p in params_by_part(model) if p.part in ("routed experts", "shared experts", "router")) // 3
    attention = sum(p.total for p in params_by_part(model) if p.part == "attention") // 4
    assert model.mtp_params == last + attention + 128 + 2 * 64 * 64 + 3 * 64


# ---------------------------------------------------------------- what is missing or wrong


def test_unknown_type_with_familiar_keys_is_read_with_a_warning() -> None:
    model = by_hand(model_type="brand_new")
    assert total_params(model) == total_params(by_hand(model_type="llama"))
    assert any("brand_new" in w and "key names" in w for w in model.warnings)
    latent = model_from_config({**fixture("deepseek_v3"), "model_type": "brand_new"}, name="x")
    assert total_params(latent) == EXPECTED["deepseek_v3"]["total"]


def test_unknown_type_with_foreign_keys_is_refused_rather_than_misread() -> None:
    with pytest.raises(InputError, match="hybrid_override_pattern"):
        by_hand(model_type="brand_new", hybrid_override_pattern="M*")


def test_a_config_that_cannot_be_read_names_every_missing_key() -> None:
    with pytest.raises(DataMissing) as caught:
        model_from_config({"model_type": "llama", "hidden_size": 64}, name="x")
    text = str(caught.value)
    for key in ("num_hidden_layers", "num_attention_heads", "vocab_size", "'llama'", "hidden_size"):
        assert key in text
    with pytest.raises(DataMissing, match="qk_rope_head_dim"):
        read("deepseek_v3", qk_rope_head_dim=...)


def test_a_wrongly_named_expert_key_is_not_taken_for_no_experts() -> None:
    # two public copies of DeepSeek-V3 say num_routed_experts
    with pytest.raises(DataMissing, match="n_routed_experts"):
        read("deepseek_v3", n_routed_experts=..., num_routed_experts=8)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", 0), ("hidden_size", -64), ("hidden_size", "64"), ("hidden_size", True), ("hidden_size", 64.5),
        ("hidden_size", float("nan")), ("hidden_size", float("inf")), ("hidden_size", 10**30), ("hidden_size", [64]),
        ("num_hidden_layers", 10**6), ("num_key_value_heads", 3), ("num_key_value_heads", 16), ("vocab_size", {}),
        ("tie_word_embeddings", "yes"), ("attention_bias", 2), ("torch_dtype", "int3"), ("torch_dtype", 16),
        ("max_position_embeddings", -1), ("rope_scaling", None), ("model_type", 7), ("model_type", ""),
    ],
)  # fmt: skip
def test_bad_values_name_the_field(key: str, value: object) -> None:
    config = {**fixture("llama"), key: value}
    if key == "rope_scaling":  # not a dimension: nothing is read from it
        assert total_params(model_from_config(config, name="x")) == EXPECTED["llama"]["total"]
        return
    with pytest.raises(InputError) as caught:
        model_from_config(config, name="x")
    assert caught.value.field == key


def test_whole_floats_are_whole_numbers() -> None:
    assert total_params(by_hand(model_type="llama", hidden_size=64.0)) == total_params(by_hand(model_type="llama"))


def test_top_k_above_the_number_of_experts_is_refused() -> None:
    with pytest.raises(InputError, match="number of experts"):
        read("mixtral", num_experts_per_tok=9)


def test_heads_have_to_divide_the_width_where_head_dim_is_absent() -> None:
    with pytest.raises(InputError, match="multiple of num_attention_heads"):
        by_hand(model_type="llama", hidden_size=60)


def test_names_become_ids(tmp_path: Path) -> None:
    folder = tmp_path / "Some Model_7B"
    folder.mkdir()
    (folder / "config.json").write_text((FOLDER / "llama.json").read_text(), encoding="utf-8")
    model = model_from_path(folder / "config.json")
    assert (model.id, model.name) == ("some-model-7b", "Some Model_7B")


def test_dense_models_use_every_weight() -> None:
    model = read("llama")
    assert active_params(model).with_embeddings == total_params(model)
