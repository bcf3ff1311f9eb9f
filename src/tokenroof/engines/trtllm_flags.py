"""Flags of `trtllm-serve` and `trtllm-bench`, and the keys of the YAML file that holds what has no flag. Release 1."""

from collections.abc import Mapping
from typing import Any

from tokenroof.engines.argv import Options, product, whole
from tokenroof.engines.format_words import kv_word, weight_word
from tokenroof.types.benchmark import Deployed

__all__ = ["FLAGS", "SWITCHES", "deployed", "with_file"]

FLAGS = {
    "model": "model", "m": "model", "tokenizer": "tokenizer", "tp-size": "tp", "tp": "tp", "pp-size": "pp", "pp": "pp",
    "ep-size": "ep", "ep": "ep", "max-batch-size": "max_num_seqs", "max-num-tokens": "max_batched_tokens",
    "max-seq-len": "max_length", "kv-cache-free-gpu-memory-fraction": "memory_fraction",
    "kv-cache-free-gpu-mem-fraction": "memory_fraction", "kv-cache-dtype": "kv", "quantization": "quantisation",
    "extra-llm-api-options": "file", "config": "file", "served-model-name": "served",
    **dict.fromkeys((
        "host", "port", "backend", "log-level", "trust-remote-code", "num-postprocess-workers", "gpus-per-node",
        "cluster-size", "reasoning-parser", "max-beam-width", "metadata-server-config-file", "server-role", "dataset",
        "concurrency", "num-requests", "warmup", "streaming", "report-json", "workspace", "model-path",
        "tool-parser", "fail-fast-on-attention-window-too-large", "engine-dir", "request-rate",
    ), ""),
}  # fmt: skip
SWITCHES = frozenset({"trust-remote-code", "streaming", "fail-fast-on-attention-window-too-large"})


def with_file(found: Options, keys: Mapping[str, Any]) -> Options:
    """The options with what a file of `extra_llm_api_options` says, which stands over the flags."""
    cache = _object(keys.get("kv_cache_config"))
    spec = _object(keys.get("speculative_config"))
    said = {
        "tp": keys.get("tensor_parallel_size"), "pp": keys.get("pipeline_parallel_size"),
        "ep": keys.get("moe_expert_parallel_size"), "max_num_seqs": keys.get("max_batch_size"),
        "max_batched_tokens": keys.get("max_num_tokens"), "max_length": keys.get("max_seq_len"),
        "attention_dp": keys.get("enable_attention_dp"), "kv": cache.get("dtype"),
        "memory_fraction": cache.get("free_gpu_memory_fraction"), "reuse": cache.get("enable_block_reuse"),
        "speculation": spec.get("decoding_type"),
        "drafts": spec.get("num_nextn_predict_layers") or spec.get("max_draft_len"),
        "graphs": None if "cuda_graph_config" not in keys else keys["cuda_graph_config"] is not None,
    }  # fmt: skip
    values = {**found.values, **{name: value for name, value in said.items() if value is not None}}
    return Options(values=values, loose=found.loose, unknown=found.unknown)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def deployed(found: Options, checkpoint: str) -> Deployed:
    """What a command and its file say. Its tp is the degree of attention, or the groups of it in data parallel."""
    size, pp = found.degree("tp"), found.degree("pp")
    groups = size or 1 if found.flag("attention_dp") else 1
    method = found.text("speculation").lower()
    graphs = found.values.get("graphs")
    return Deployed(
        model=found.text("served") or checkpoint, tokenizer=checkpoint, gpus=product(size, pp),
        tp=None if size is None else size // groups, pp=pp, dp=groups, ep=found.degree("ep"),
        weight_dtype=weight_word(found.text("quantisation")),
        kv_dtype=kv_word(found.text("kv")), engine="trtllm", max_num_seqs=found.count("max_num_seqs"),
        max_batched_tokens=found.count("max_batched_tokens"), max_length=found.count("max_length"),
        memory_fraction=found.share("memory_fraction"), eager=None if graphs is None else not graphs,
        prefix_caching=found.flag("reuse"), speculation=method or "none",
        drafts=whole(found.values.get("drafts")) if method else None,
    )  # fmt: skip
