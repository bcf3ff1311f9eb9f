"""Dialects of config.json: which reader knows which model_type. Readers load when they are needed."""

from importlib import import_module

from tokenroof.catalog.dialects.parts import Architecture
from tokenroof.catalog.dialects.reader import ConfigReader

__all__ = ["DIALECTS", "Architecture", "ConfigReader", "read_architecture"]

_DECODER = (
    "llama mistral ministral3 qwen2 qwen2_moe qwen3 qwen3_moe qwen3_vl_text qwen3_vl_moe_text mimo phi3 olmo2 olmo3 "
    "exaone4 exaone_moe seed_oss granite cohere nemotron mixtral phimoe gpt_oss minimax_m2 glm4_moe hy_v3 dots1 "
    "ernie4_5 ernie4_5_moe bailing_moe grok-1 gemma vaultgemma exaone internlm3 iquestcoder cwm smollm3 helium olmo "
    "olmoe flex_olmo glm glm4 cohere2 stablelm diffllama bitnet arcee apertus apertus1p5_text nanochat jais2 "
    "starcoder2 gpt_neox persimmon muse_glimmer_text beam afmoe kolibri1 flint mellum solar_open sarvam_moe aria_text "
    "muse_spark_text cohere2_moe granite_swa granitemoe granitemoeshared granitemoe_swa doge biogpt "
    "qwen2_vl_text qwen2_5_vl_text glm4v_text glm4v_moe_text"
)
_DEEPSEEK = (
    "hy_v4 hy_v4_vl_text sarvam_mla axk1 youtu minicpm3 dots3_note_text deepseek_v2 deepseek_v3 deepseek_v32 "
    "kimi_k2 glm_moe_dsa glm4_moe_lite mistral4 mistral_large4_text"
)

_LINEAR = "qwen3_next qwen3_5_text qwen3_5_moe_text minimax minimax_m1 minimax_text_01 kimi_linear"
_MOE = "llama4_text laguna step3p5 step3p7_text hunyuan hunyuan_v1_moe dbrx git step3_text mimo_v2_flash"

_ENCODERS = (
    "bert roberta xlm-roberta camembert data2vec-text ernie xlm-roberta-xl roberta-prelayernorm "
    "megatron-bert electra mpnet distilbert deberta-v2 modernbert eurobert nomic_bert"
)

_LEGACY = "bloom gptj codegen gpt_neo gpt_bigcode mpt qwen gpt2 opt falcon palm phi-msft phi"
_HYBRIDS = "granitemoehybrid bamba falcon_h1 lfm2 lfm2_moe lfm3 recurrent_gemma olmo_hybrid"

# model_type -> module of this package that reads it
DIALECTS: dict[str, str] = {
    **dict.fromkeys(_DECODER.split(), "decoder"),
    **dict.fromkeys(_DEEPSEEK.split(), "deepseek"),
    **dict.fromkeys(("deepseek_v4", "deepseek_ref"), "deepseek_v4"),
    **dict.fromkeys(("gemma2", "gemma3_text", "gemma3n_text", "gemma4_text", "gemma4_unified_text"), "gemma"),
    **dict.fromkeys(_LINEAR.split(), "linear"),
    **dict.fromkeys(_MOE.split(), "moe_families"),
    **dict.fromkeys(_ENCODERS.split(), "encoders"),
    **dict.fromkeys(_HYBRIDS.split(), "hybrids"),
    **dict.fromkeys(("glm5_next_text", "bailing_hybrid", "inkling_text", "inkling2_text", "qwen4_exp_text"), "newer"),
    **dict.fromkeys(("zamba2", "inkling2_loop_text"), "looped"),
    **dict.fromkeys(("nemotron_h", "jamba", "mamba", "falcon_mamba", "mamba2"), "ssm"),
    **dict.fromkeys(_LEGACY.split(), "legacy"),
    **dict.fromkeys(("nemotron-nas", "longcat_flash", "mllama_text_model", "minimax_m3_vl_text"), "oddities"),
}


def read_architecture(r: ConfigReader) -> Architecture:
    """Read the architecture with the dialect of the reader's model_type; generic where there is none."""
    module = import_module(f"tokenroof.catalog.dialects.{DIALECTS.get(r.model_type, 'generic')}")
    architecture: Architecture = module.read(r)
    return architecture
