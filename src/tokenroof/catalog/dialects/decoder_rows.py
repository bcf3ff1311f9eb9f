"""Decoders with grouped-query attention: what the config of each model_type does not say.

Facts are those of the model's published implementation (transformers 5.24.0 unless noted).
"""

from dataclasses import dataclass

__all__ = ["DECODERS", "Decoder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Facts of one model_type.

    `qkv_bias`, `out_bias`: None follows the key attention_bias, absent meaning no. `qk_norm`: "head" one vector
    of head_dim each, "width" vectors over all heads, "heads" one vector of head_dim per head, "no".
    `norms` is the number of norm vectors of hidden size in a layer, biases counted as vectors.
    `head_dim` is the class default where the file has none. `moe` is None where the keys decide.
    `bias` is what a missing attention_bias, use_bias or mlp_bias means; `output_gate` a gate as wide as the query.
    `positions` is how many rows a table of learnt positions has beyond max_position_embeddings; None for no table.
    """

    qkv_bias: bool | None = None
    out_bias: bool | None = None
    qk_norm: str = "no"
    norms: int = 2
    final_norms: int = 1
    gated: bool = True
    bias: bool = False
    output_gate: bool = False
    positions: int | None = None
    mlp_bias: bool | None = None
    tied: bool = False
    head_bias: bool = False
    sinks: bool = False
    head_dim: int | None = None
    moe: bool | None = False
    expert_width: tuple[str, ...] = ("moe_intermediate_size",)
    router_bias: bool = False
    expert_bias: bool = False
    shared_gate: bool = False
    windowed: bool = True
    window_phase: int | None = None


_QWEN2 = Decoder(qkv_bias=True, out_bias=False)
_QWEN3 = Decoder(qk_norm="head", head_dim=128)
_QWEN3_MOE = Decoder(qk_norm="head", moe=True)
_LLAMA = Decoder()
_NEOX = Decoder(norms=4, final_norms=2, gated=False, bias=True, mlp_bias=True)
_PERSIMMON = Decoder(norms=4, final_norms=2, gated=False, qkv_bias=True, out_bias=True, mlp_bias=True, qk_norm="layer")
_GRANITE_MOE = Decoder(moe=True, expert_width=("intermediate_size",))

DECODERS: dict[str, Decoder] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "ministral3": _LLAMA,
    "qwen2": _QWEN2,
    "qwen2_vl_text": _QWEN2,
    "qwen2_5_vl_text": _QWEN2,
    "glm4v_text": Decoder(qkv_bias=True, out_bias=False, norms=4),
    "glm4v_moe_text": Decoder(qkv_bias=True, out_bias=False, moe=True),
    "qwen2_moe": Decoder(qkv_bias=True, out_bias=False, moe=True, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3_MOE,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3_MOE,
    # the published modelling code adds biases to q, k and v as in Qwen2
    "mimo": _QWEN2,
    "phi3": Decoder(qkv_bias=False, out_bias=False),
    "olmo2": Decoder(qk_norm="width"),
    "olmo3": Decoder(qk_norm="width", window_phase=4),
    "exaone4": Decoder(qk_norm="head"),
    "seed_oss": Decoder(qkv_bias=True, out_bias=False),
    "granite": _LLAMA,
    "cohere": Decoder(norms=1, qk_norm="cohere", tied=True, windowed=False),
    "nemotron": Decoder(norms=4, final_norms=2, gated=False, windowed=False),
    "mixtral": Decoder(moe=True, expert_width=("intermediate_size",), qkv_bias=False, out_bias=False),
    "phimoe": Decoder(norms=4, final_norms=2, moe=True, expert_width=("intermediate_size",)),
    "gpt_oss": Decoder(moe=True, expert_width=("intermediate_size",), router_bias=True, expert_bias=True, sinks=True),
    "minimax_m2": Decoder(qk_norm="width", moe=True, expert_width=("intermediate_size",)),
    "glm4_moe": Decoder(out_bias=False, qk_norm="glm", moe=True),
    "hy_v3": Decoder(qk_norm="head", moe=True),
    "exaone_moe": Decoder(qk_norm="head", moe=True),
    "dots1": Decoder(qk_norm="head", moe=True),
    "ernie4_5": Decoder(tied=True),
    "ernie4_5_moe": Decoder(tied=True, moe=True, router_bias=True),
    # bailing_moe (Ling, Ring): use_qkv_bias and use_bias, q/k norm where use_qk_norm says so
    "bailing_moe": Decoder(moe=True, qk_norm="key"),
    "gemma": Decoder(tied=True, head_dim=256),
    "vaultgemma": Decoder(tied=True, head_dim=256),
    "exaone": _LLAMA,
    "internlm3": _LLAMA,
    "iquestcoder": _LLAMA,
    "cwm": _LLAMA,
    "smollm3": Decoder(tied=True),
    "helium": _LLAMA,
    "olmo": Decoder(norms=0, final_norms=0),
    "olmoe": Decoder(qk_norm="width", moe=True, expert_width=("intermediate_size",)),
    "flex_olmo": Decoder(qk_norm="width", moe=True, expert_width=("intermediate_size",)),
    "glm": Decoder(out_bias=False),
    "glm4": Decoder(out_bias=False, norms=4),
    "cohere2": Decoder(norms=1, qk_norm="cohere", tied=True),
    "stablelm": Decoder(norms=4, final_norms=2, qk_norm="stablelm"),
    "diffllama": _LLAMA,
    "bitnet": Decoder(norms=3),
    # networks of two matrices
    "arcee": Decoder(gated=False),
    "apertus": Decoder(gated=False, qk_norm="head"),
    "apertus1p5_text": Decoder(gated=False, qk_norm="head"),
    "nanochat": Decoder(gated=False, norms=0, final_norms=0),
    "jais2": Decoder(gated=False, norms=4, final_norms=2, bias=True),
    "starcoder2": Decoder(gated=False, norms=4, final_norms=2, bias=True, tied=True),
    "gpt_neox": _NEOX,
    "persimmon": _PERSIMMON,
    "biogpt": Decoder(norms=4, final_norms=2, gated=False, bias=True, mlp_bias=True, tied=True, positions=2),
    # norms before and after both halves and a gate on the output of attention
    "muse_glimmer_text": Decoder(norms=4, output_gate=True),
    "beam": Decoder(norms=4, output_gate=True, qk_norm="head", moe=True),
    "afmoe": Decoder(norms=4, output_gate=True, qk_norm="head", moe=True),
    # experts work in a width of their own, with norms before and after; gates on both residuals
    "muse_spark_text": Decoder(norms=5, output_gate=True, moe=True),
    "cohere2_moe": Decoder(norms=1, qk_norm="cohere", tied=True, moe=True, expert_width=("intermediate_size",)),
    "kolibri1": Decoder(norms=4, qk_norm="head", moe=True),
    "flint": Decoder(qk_norm="head", moe=True, sinks=True),
    "mellum": Decoder(qk_norm="head", moe=True),
    "solar_open": Decoder(moe=True),
    "sarvam_moe": Decoder(moe=True, qk_norm="key"),
    "aria_text": Decoder(moe=True, expert_width=("intermediate_size",)),
    "granite_swa": Decoder(sinks=True),
    "granitemoe": _GRANITE_MOE,
    "granitemoeshared": _GRANITE_MOE,
    "granitemoe_swa": Decoder(moe=True, expert_width=("intermediate_size",), sinks=True),
    # a residual weight beside each norm; is_moe says whether the experts are there, and such files are not read
    "doge": Decoder(norms=4, qk_norm="head", moe=None),
    # no reference implementation is public; keys as in Mixtral
    "grok-1": Decoder(moe=True, expert_width=("moe_intermediate_size", "intermediate_size"), norms=4, tied=True),
}  # fmt: skip
