"""Wrong copies of configs in public repositories, as listed in reference/catalogue.md 1.3, are caught.

Each is rebuilt here from the catalogue's entry of the true model, with the one fact that the copy has wrong.
"""

from dataclasses import replace

import pytest

from tokenroof.catalog.models.checks import catalogue_twin, contradictions, shape_facts
from tokenroof.catalog.models.importer import model_from_config
from tokenroof.catalog.models.index import load_model, load_models
from tokenroof.errors import DataMissing
from tokenroof.types.model import Gqa, Mla, Model

LLAMA_2_13B = {
    "model_type": "llama", "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40,
    "num_attention_heads": 40, "num_key_value_heads": 40, "vocab_size": 32016, "max_position_embeddings": 4096,
    "tie_word_embeddings": False, "torch_dtype": "float16",
}  # fmt: skip
MIXTRAL = {
    "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2,
    "vocab_size": 32000, "max_position_embeddings": 32768, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
MIXTRAL_22 = {**MIXTRAL, "hidden_size": 6144, "intermediate_size": 16384, "num_hidden_layers": 56,
              "num_attention_heads": 48, "max_position_embeddings": 65536}  # fmt: skip
MISTRAL = {
    "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000, "max_position_embeddings": 32768,
    "sliding_window": 4096, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
DBRX = {
    "model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40, "max_seq_len": 32768, "vocab_size": 100352,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "attn_config": {"kv_n_heads": 8},
    "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048,
    "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256,
    "n_shared_experts": 1, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1,
    "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "vocab_size": 129280, "max_position_embeddings": 163840, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
LLAMA_405B = {
    "model_type": "llama", "hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126,
    "num_attention_heads": 128, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
PHI_35_MINI = {
    "model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064, "max_position_embeddings": 131072,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip

# (where the copy is, the true config, what the copy says instead, the name it goes by, what the warning names)
WRONG = [
    ("microsoft/apex_plus", MISTRAL, {"num_key_value_heads": 1}, "mistral-7b-v0.1", "key/value heads 1"),
    ("microsoft/apex_plus", MIXTRAL, {"num_key_value_heads": 1}, "mixtral_8x7b", "key/value heads 1"),
    ("microsoft/apex_plus", MIXTRAL_22, {"num_key_value_heads": 1}, "Mixtral-8x22B-v0.1", "key/value heads 1"),
    ("aws-neuron/neuronx-distributed", MIXTRAL, {"num_key_value_heads": 32}, "config", "key/value heads 32"),
    ("aws-neuron/neuronx-distributed", LLAMA_2_13B, {}, "config", "vocabulary 32016"),
    ("aws-neuron/neuronx-distributed", DBRX, {"n_layers": 32}, "config", "layers 32"),
    ("sgl-project/ome", DBRX, {"n_layers": 48}, "config", "layers 48"),
    ("xiecailang/llm_roofline_simulation", DEEPSEEK_V3, {"vocab_size": 102400}, "DeepSeek-V3", "vocabulary 102400"),
    ("mlperf results v5.1", LLAMA_405B, {"num_hidden_layers": 84}, "llama-3.1-405b", "layers 84"),
    ("pytorch/executorch", PHI_35_MINI, {"max_position_embeddings": 4096}, "Phi-3.5-mini-instruct", "context 4,096"),
    ("aliyun/SimAI", DEEPSEEK_V3, {"model_type": "deepseek_v2"}, "deepseek-ai/DeepSeek-V3", "model_type 'deepseek_v2'"),
]


def copy(config: dict[str, object], changes: dict[str, object], name: str) -> Model:
    return model_from_config({**config, **changes}, name=name)


@pytest.mark.parametrize(("repository", "config", "changes", "name", "expected"), WRONG)
def test_wrong_copies_are_caught(
    repository: str, config: dict[str, object], changes: dict[str, object], name: str, expected: str
) -> None:
    found = contradictions(copy(config, changes, name))
    assert any(expected in warning and "catalogue" in warning for warning in found), (repository, found)


def test_layers_of_another_kind_are_counted() -> None:
    """Kimi-Linear's class defaults give 6 layers of full attention, the checkpoint has 7 (catalogue.md 1.3)."""
    true = load_model("kimi-linear-48b-a3b")
    full = next(n for n, group in enumerate(true.layers) if isinstance(group.mixer, Mla))
    kda = next(n for n, group in enumerate(true.layers) if not isinstance(group.mixer, Mla) and group.count > 5)
    counts = {full: -1, kda: 1}
    layers = tuple(replace(group, count=group.count + counts.get(n, 0)) for n, group in enumerate(true.layers))
    order = list(true.order)
    order[order.index(full)] = kda
    found = contradictions(replace(true, layers=layers, order=tuple(order)))
    assert any("layers without a growing cache 21" in warning and "has 20" in warning for warning in found)


@pytest.mark.parametrize(
    ("config", "name"),
    [(MISTRAL, "mistral-7b-v0.1"), (MIXTRAL, "mixtral_8x7b"), (DBRX, "config"), (DEEPSEEK_V3, "DeepSeek-V3"),
     (LLAMA_405B, "config"), (PHI_35_MINI, "x"), ({**LLAMA_2_13B, "vocab_size": 32000}, "config")],
)  # fmt: skip
def test_true_copies_are_not(config: dict[str, object], name: str) -> None:
    assert contradictions(copy(config, {}, name)) == ()


def test_a_renamed_expert_key_is_an_error_already() -> None:
    # alibaba/InferSim and aliyun/SimAI: num_routed_experts
    renamed = {k.replace("n_routed", "num_routed"): v for k, v in DEEPSEEK_V3.items()}
    with pytest.raises(DataMissing, match="n_routed_experts"):
        model_from_config(renamed, name="deepseek_v3")


def test_an_abbreviated_gemma_4_is_caught_by_its_size() -> None:
    # sgl-project/ome: without attention_k_eq_v and global_head_dim, 31.47 instead of 30.70 billion
    true = load_model("gemma-4-31b")
    full = next(g for g in true.layers if isinstance(g.mixer, Gqa) and g.mixer.k_equals_v)
    assert isinstance(full.mixer, Gqa)
    own = replace(full, mixer=replace(full.mixer, k_equals_v=False))
    wrong = replace(true, name="gemma-4-31B", layers=tuple(own if g is full else g for g in true.layers))
    assert any("a key seems to be missing" in warning for warning in contradictions(wrong))


def test_a_model_of_ones_own_is_left_alone() -> None:
    own = {**LLAMA_405B, "hidden_size": 5000, "head_dim": 128, "num_hidden_layers": 77}
    assert contradictions(copy(own, {}, "my-model")) == ()
    assert catalogue_twin(copy(own, {}, "my-model")) is None


def test_the_catalogue_does_not_contradict_itself() -> None:
    for model in load_models():
        assert contradictions(model) == (), model.id
        assert set(shape_facts(model)) == set(shape_facts(load_model("llama-3.1-8b")))
