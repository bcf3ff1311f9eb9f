"""Number formats as engines and their benchmark tools write them, in our words; blank where a word says nothing."""

__all__ = ["KV_WORDS", "kv_word", "weight_word"]

_WEIGHTS = {
    "fp8": "fp8", "fbgemm_fp8": "fp8", "ptpc_fp8": "fp8", "modelopt": "fp8", "w8a8_fp8": "fp8", "fp8_w8a8": "fp8",
    "modelopt_fp8": "fp8", "fp8_block_scales": "fp8",
    "nvfp4": "nvfp4", "fp4": "nvfp4", "modelopt_fp4": "nvfp4", "petit_nvfp4": "nvfp4",
    "mxfp4": "mxfp4", "quark_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "mxfp4",
    "awq": "int4_g128", "awq_marlin": "int4_g128", "gptq": "int4_g128", "gptq_marlin": "int4_g128",
    "w4a16_awq": "int4_g128", "w4a16": "int4_g128", "int4": "int4_g128",
    "int8": "int8", "w8a8_int8": "int8", "w8a8": "int8", "w8a16": "int8", "experts_int8": "int8",
    "bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16", "half": "fp16",
}  # fmt: skip
_CACHE = {
    "fp8": "fp8", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "fp8_inc": "fp8", "float8_e4m3fn": "fp8", "fp8_ds_mla": "fp8",
    "nvfp4": "nvfp4", "fp4": "nvfp4", "fp4_e2m1": "nvfp4", "int8": "int8",
    "bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16", "half": "fp16",
}  # fmt: skip


KV_WORDS = tuple(dict.fromkeys(_CACHE.values()))


def weight_word(quantisation: object) -> str:
    """The format of weights that a word for their quantisation means; blank leaves it to the checkpoint."""
    return _WEIGHTS.get(str(quantisation or "").strip().lower(), "")


def kv_word(word: object) -> str:
    """The format of the cache; blank for `auto`, which leaves it to the checkpoint."""
    return _CACHE.get(str(word or "").strip().lower(), "")
