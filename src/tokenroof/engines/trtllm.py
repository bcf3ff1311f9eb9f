"""TensorRT-LLM: --tp_size is tp or dp, `enable_attention_dp` says which; what has no flag goes into a YAML file.

Flags are those of the releases of 2026.
"""

from tokenroof.engines.memory_facts import OUTSIDE_BYTES, OUTSIDE_PER_RANK_BYTES, SAMPLED_SEQUENCES
from tokenroof.engines.shell import CONTEXT_PARALLEL, DECODE_CONTEXT, lines
from tokenroof.types.engine import (
    Dispatched,
    Doubt,
    Engine,
    Generation,
    HostPriors,
    Launcher,
    Prior,
    Scheduler,
    Worker,
)
from tokenroof.types.layout import GATHERED, SENT, Layout
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.xp import Num

__all__ = ["TRTLLM"]


def _pool_bytes(one: MemoryTerms) -> Num:
    """fraction * (free after loading weights and one warm-up pass)."""
    return one.fraction * (one.total_bytes - one.weights_bytes - one.activations_bytes - one.outside_bytes)


_MEMORY = MemoryRule(
    pool_bytes=_pool_bytes, fraction=0.9, outside_bytes=OUTSIDE_BYTES, outside_per_rank_bytes=OUTSIDE_PER_RANK_BYTES,
    sampled_sequences=SAMPLED_SEQUENCES, block_tokens=32,
    source="TensorRT-LLM: free_gpu_memory_fraction 0.9 of what is free after a warm-up pass",
)  # fmt: skip
_SCHEDULER = Scheduler(
    name="trtllm", reserves_output=True, max_sequences=2048.0, gathers=60.0,
    source="TensorRT-LLM: in-flight batching, GUARANTEED_NO_EVICT reserves input and output, 8192 tokens",
)  # fmt: skip
_HELD_BACK = "TensorRT-LLM holds first tokens back in a way that is not modelled"
# The C++ server's time to first token at low load leaves no more for a request.
_REQUEST_CPP_S = 4e-3


def _inexpressible(layout: Layout) -> str:
    if layout.dcp > 1:
        return DECODE_CONTEXT
    if layout.cp > 1:
        return CONTEXT_PARALLEL
    if layout.two_batch_overlap:
        return "two-batch overlap"
    return "tp and dp of attention at once" if layout.tp > 1 and layout.dp > 1 else ""


def _command(worker: Worker) -> str:
    layout = worker.layout
    extra: dict[str, str] = {"enable_attention_dp": "true" if layout.dp > 1 else "false"}
    if worker.gather_passes and layout.dp > 1:
        extra["attention_dp_config"] = (
            f"{{enable_balance: true, batching_wait_iters: 0, timeout_iters: {worker.gather_passes:.0f}}}"
        )
    if worker.kv == "fp8":
        extra["kv_cache_config"] = "{dtype: fp8}"
    if layout.redundant_experts:
        extra["moe_config"] = f"{{load_balancer: {{num_slots: {worker.experts + layout.redundant_experts}}}}}"
    if worker.drafts and worker.role != "prefill":
        extra["speculative_config"] = f"{{decoding_type: MTP, num_nextn_predict_layers: {worker.drafts}}}"
    if worker.role != "both":
        extra["cache_transceiver_config"] = "{backend: DEFAULT}"
    words = [f"trtllm-serve {worker.checkpoint}", f"--tp_size {layout.tp * layout.dp}"]
    if layout.pp > 1:
        words.append(f"--pp_size {layout.pp}")
    if layout.ep > 1:
        words.append(f"--ep_size {layout.ep}")
    tokens = worker.chunk if worker.role != "decode" else int(_SCHEDULER.token_budget)
    words += [f"--max_batch_size {worker.sequences}", f"--max_num_tokens {tokens}",
              f"--max_seq_len {worker.length}", "--extra_llm_api_options extra.yaml"]  # fmt: skip
    yaml = "\n".join(f"{key}: {value}" for key, value in extra.items())
    return f"cat > extra.yaml <<'END'\n{yaml}\nEND\n{lines(words)}"


TRTLLM = Engine(
    name="trtllm",
    display_name="TensorRT-LLM",
    aliases=("tensorrt-llm", "trt-llm", "trtllm", "tensorrt", "trt"),
    generations=(
        Generation(
            name="trtllm-cpp", first=(0,), memory=(_MEMORY,), schedulers=(_SCHEDULER,),
            host=HostPriors(pass_s=Prior(0.6e-3, 0.5), request_s=_REQUEST_CPP_S),
            marks=("triton", "static", "tensorrt 9", "tensorrt 10"), sources=("perf-overview",),
        ),
        Generation(
            name="trtllm", first=(1,), since="2025-06", memory=(_MEMORY,), schedulers=(_SCHEDULER,),
            host=HostPriors(pass_s=Prior(0.5e-3, 0.4), draft_pass_s=Prior(0.5e-3, 1.0)),
            doubts=(Doubt(source="gap", reason=_HELD_BACK),),
        ),
    ),
    inexpressible=_inexpressible,
    sends=tuple(
        Dispatched(
            weights=name, dispatch="nvfp4", backend=backend, as_of="2026-11-30",
            source="TensorRT-LLM fused_moe_cutlass.py: quantised before it is sent (POST_QUANT_ALLTOALLV), or gathered",
        )
        for name in ("nvfp4", "fp4")
        for backend in (SENT, GATHERED)
    ),
    # NVIDIA's quantised checkpoints carry scales for an 8-bit cache, which the engine then uses.
    fp8_cache_with=("fp8", "fp4", "nvfp4"),
    launcher=Launcher(command=_command, fraction_flag="--kv_cache_free_gpu_memory_fraction"),
)  # fmt: skip
