"""Flags of `vllm serve`, and what they say of a deployment. Names of the releases 0.6 to 0.33."""

from tokenroof.engines.argv import Options, product, whole
from tokenroof.engines.format_words import kv_word, weight_word
from tokenroof.types.benchmark import Deployed
from tokenroof.types.layout import GATHERED, SENT

__all__ = ["FLAGS", "SWITCHES", "deployed"]

# flag -> the name that its value is kept under; blank: it changes nothing that is modelled
FLAGS = {
    "model": "model", "tokenizer": "tokenizer", "served-model-name": "served", "tensor-parallel-size": "tp",
    "tp": "tp", "pipeline-parallel-size": "pp", "pp": "pp", "data-parallel-size": "dp", "dp": "dp",
    "decode-context-parallel-size": "dcp", "dcp": "dcp", "enable-expert-parallel": "ep", "ep": "ep",
    "max-num-seqs": "max_num_seqs", "max-num-batched-tokens": "max_batched_tokens", "max-model-len": "max_length",
    "gpu-memory-utilization": "memory_fraction", "enforce-eager": "eager", "compilation-config": "compilation",
    "o": "level", "o0": "unoptimised", "o1": "", "o2": "", "o3": "", "cudagraph-mode": "graphs",
    "all2all-backend": "a2a", "enable-dbo": "two_batches", "enable-prefix-caching": "prefix_caching",
    "kv-cache-dtype": "kv", "quantization": "quantisation", "q": "quantisation", "dtype": "dtype",
    "speculative-config": "speculative", "sc": "speculative", "speculative-model": "draft_model",
    "num-speculative-tokens": "drafts", "kv-transfer-config": "transfer",
    **dict.fromkeys((
        "host", "port", "api-key", "uvicorn-log-level", "trust-remote-code", "download-dir", "load-format", "revision",
        "seed", "chat-template", "disable-log-requests", "disable-log-stats", "enable-log-requests", "swap-space",
        "tool-call-parser", "enable-auto-tool-choice", "reasoning-parser", "distributed-executor-backend",
        "enable-chunked-prefill", "async-scheduling", "limit-mm-per-prompt", "block-size", "max-log-len",
        "config-format",
        "tokenizer-mode", "hf-overrides", "generation-config", "root-path", "allowed-origins", "attention-backend",
        "dbo-decode-token-threshold", "dbo-prefill-token-threshold", "ubatch-size",
        "data-parallel-backend", "data-parallel-address", "data-parallel-rpc-port", "headless",
        "data-parallel-size-local", "data-parallel-start-rank", "data-parallel-rank", "api-server-count", "enable-eplb",
        "eplb-config", "disable-custom-all-reduce", "max-seq-len-to-capture", "cuda-graph-sizes", "nnodes", "node-rank",
        "master-addr", "master-port", "language-model-only", "stream-interval", "scheduling-policy", "max-logprobs",
        "cudagraph-capture-sizes", "max-cudagraph-capture-size", "moe-backend", "kv-cache-memory-bytes",
    ), ""),
}  # fmt: skip
# Flags without a value: the word behind one is not its own.
SWITCHES = frozenset({
    "enable-expert-parallel", "ep", "enforce-eager", "enable-prefix-caching", "o0", "o1", "o2", "o3",
    "trust-remote-code", "disable-log-requests", "disable-log-stats", "enable-log-requests", "enable-auto-tool-choice",
    "enable-dbo", "enable-chunked-prefill", "async-scheduling", "headless", "enable-eplb", "disable-custom-all-reduce",
    "language-model-only",
})  # fmt: skip


def _eager(found: Options) -> bool:
    mode = str(found.part("compilation").get("cudagraph_mode", found.text("graphs"))).upper()
    return bool(found.flag("eager")) or mode == "NONE" or found.text("level") == "0" or bool(found.flag("unoptimised"))


def _backend(found: Options) -> str:
    """Tokens are gathered by default, from 0.11 on in one step; every other library sends them to their experts."""
    named = found.text("a2a").lower()
    return GATHERED if named in ("", "naive", "allgather_reducescatter") else SENT


def deployed(found: Options, checkpoint: str) -> Deployed:
    """What a command says; degrees that it leaves out are 1, as the engine has them."""
    tp, pp, dp = (found.degree(name) for name in ("tp", "pp", "dp"))
    experts = None if tp is None or dp is None else tp * dp if found.flag("ep") else 1
    spec = found.part("speculative")
    drafts = whole(spec.get("num_speculative_tokens")) or found.count("drafts")
    method = str(spec.get("method") or ("draft model" if spec.get("model") or found.text("draft_model") else ""))
    apart = (dp or 1) > 1 and bool(found.flag("ep"))  # without it experts are cut, not sent to
    return Deployed(
        model=found.text("served") or checkpoint, tokenizer=checkpoint, gpus=product(tp, pp, dp), tp=tp, pp=pp, dp=dp,
        ep=experts, dcp=found.count("dcp"), weight_dtype=weight_word(found.text("quantisation")),
        kv_dtype=kv_word(found.text("kv")), engine="vllm", max_num_seqs=found.count("max_num_seqs"),
        max_batched_tokens=found.count("max_batched_tokens"), max_length=found.count("max_length"),
        memory_fraction=found.share("memory_fraction"), eager=_eager(found),
        moe_a2a_backend=_backend(found) if apart else "",
        two_batch_overlap=bool(found.flag("two_batches")) if apart else None,
        prefix_caching=found.flag("prefix_caching"), speculation=method or ("draft" if drafts else "none"),
        drafts=drafts,
    )  # fmt: skip
