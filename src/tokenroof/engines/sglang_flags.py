"""Flags of `sglang.launch_server`, which its result files repeat as `server_info`. Names of 0.4 to 0.5.9."""

from tokenroof.engines.argv import Options, product
from tokenroof.engines.format_words import kv_word, weight_word
from tokenroof.types.benchmark import Deployed
from tokenroof.types.layout import GATHERED, SENT

__all__ = ["FLAGS", "SWITCHES", "deployed"]

FLAGS = {
    "model-path": "model", "model": "model", "tokenizer-path": "tokenizer", "served-model-name": "served",
    "tp-size": "tp", "tensor-parallel-size": "tp", "tp": "tp", "pp-size": "pp", "pipeline-parallel-size": "pp",
    "pp": "pp", "dp-size": "dp", "data-parallel-size": "dp", "dp": "dp", "ep-size": "ep", "expert-parallel-size": "ep",
    "ep": "ep", "enable-dp-attention": "attention_dp", "max-running-requests": "max_num_seqs",
    "chunked-prefill-size": "chunk", "context-length": "max_length", "mem-fraction-static": "memory_fraction",
    "moe-a2a-backend": "a2a", "enable-deepep-moe": "deepep", "enable-two-batch-overlap": "two_batches",
    "disable-cuda-graph": "eager", "disable-radix-cache": "no_prefix_caching", "kv-cache-dtype": "kv",
    "quantization": "quantisation", "dtype": "dtype", "speculative-algorithm": "speculation",
    "speculative-num-steps": "steps", "speculative-num-draft-tokens": "draft_tokens", "speculative-eagle-topk": "topk",
    "disaggregation-mode": "role",
    **dict.fromkeys((
        "host", "port", "api-key", "trust-remote-code", "log-level", "download-dir", "load-format", "random-seed",
        "schedule-policy", "schedule-conservativeness", "attention-backend", "sampling-backend", "tool-call-parser",
        "reasoning-parser", "enable-metrics", "nnodes", "node-rank", "dist-init-addr",
        "moe-runner-backend", "deepep-mode", "cuda-graph-max-bs", "cuda-graph-bs", "enable-torch-compile",
        "stream-interval", "max-prefill-tokens", "max-total-tokens", "page-size", "chat-template", "watchdog-timeout",
        "disable-overlap-schedule", "enable-mixed-chunk", "ep-num-redundant-experts", "enable-eplb",
        "allow-auto-truncate",
        "disaggregation-ib-device", "disaggregation-transfer-backend", "enable-dp-lm-head", "moe-dense-tp-size",
        "load-balance-method", "decode-log-interval", "speculative-draft-model-path", "disable-custom-all-reduce",
        "enable-flashinfer-allreduce-fusion", "fp8-gemm-backend", "json-model-override-args", "skip-server-warmup",
    ), ""),
}  # fmt: skip
# Flags without a value: the word behind one is not its own.
SWITCHES = frozenset({
    "enable-dp-attention", "disable-cuda-graph", "disable-radix-cache", "enable-deepep-moe", "enable-two-batch-overlap",
    "trust-remote-code", "enable-metrics", "enable-torch-compile", "disable-overlap-schedule", "enable-mixed-chunk",
    "enable-eplb", "allow-auto-truncate", "enable-dp-lm-head", "disable-custom-all-reduce",
    "enable-flashinfer-allreduce-fusion", "skip-server-warmup",
})  # fmt: skip


def deployed(found: Options, checkpoint: str) -> Deployed:
    """What a command or `server_info` says.

    Its tp counts all GPUs of a replica. With attention in data parallel the groups share them, and the chunk and the
    requests that it names are those of all groups; otherwise every group is a copy on GPUs of its own.
    """
    tp, pp, dp = (found.degree(name) for name in ("tp", "pp", "dp"))
    shared = bool(found.flag("attention_dp")) and tp is not None and dp is not None and tp % dp == 0
    groups = dp or 1 if shared else 1
    method = found.text("speculation").lower()
    drafts = found.count("steps") if (found.count("topk") or 1) == 1 else None
    no_cache = found.flag("no_prefix_caching")
    return Deployed(
        model=found.text("served") or checkpoint, tokenizer=checkpoint, gpus=product(tp, pp, 1 if shared else dp),
        tp=None if tp is None else tp // groups, pp=pp, dp=dp, ep=found.degree("ep"),
        weight_dtype=weight_word(found.text("quantisation")), kv_dtype=kv_word(found.text("kv")), engine="sglang",
        max_num_seqs=_each(found.count("max_num_seqs"), groups), max_batched_tokens=_each(found.count("chunk"), groups),
        max_length=found.count("max_length"), memory_fraction=found.share("memory_fraction"),
        moe_a2a_backend=_backend(found) if groups > 1 else "",
        two_batch_overlap=bool(found.flag("two_batches")) if groups > 1 else None,
        eager=bool(found.flag("eager")), prefix_caching=None if no_cache is None else not no_cache,
        speculation=method if method not in ("", "none") else "none", drafts=drafts if method else None,
    )  # fmt: skip


def _backend(found: Options) -> str:
    """Whatever is named sends tokens to the ranks of their experts; by default they are gathered."""
    named = found.text("a2a").lower()
    return SENT if found.flag("deepep") or named not in ("", GATHERED) else GATHERED


def _each(of_all: int | None, groups: int) -> int | None:
    return None if of_all is None else max(1, of_all // groups)
