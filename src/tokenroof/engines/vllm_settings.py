"""vLLM's own settings and how it divides memory, by version: read in its source, checked on logs that it printed.

Sources: the packages 0.11.0, 0.15.1, 0.17.0, 0.19.0, 0.21.0, 0.28.0 and 0.33.0 (engine/arg_utils.py, config/cache.py,
v1/worker/gpu_worker.py, v1/sample, fused_moe). What no source says is read from logs of runs on H100 that no test
of ours scores; those of 0.11 are in llm-d-benchmark, those of 0.19 in llm-d-planner:

- outside the allocator: 0.35 GiB before 0.8 (Llama-3.1-8B on an RTX 3090, vllm issue 10517), 0.13 and 0.55 on one
  and two GPUs under 0.11; under 0.19 0.25 GiB on one, 2.1 with ranks (gpt-oss-20b, Llama-3.3-70B, Mistral-Small-24B),
  0.07 with stages alone (Qwen3-8B on three);
- the sort of the sampler under 0.11: 9.6 times the fp32 logits of 1,024 sequences (gpt-oss-20b, Llama-3.3-70B-FP8,
  Qwen3-0.6B);
- small buffers under 0.19: 0.03 GiB of tables of rotary embeddings and 0.035 of inputs (gpt-oss-20b, DeepSeek-V2-Lite,
  phi-4, granite-3.1-8b);
- pages of models with recurrent states: 1,568 tokens of Qwen3.8-27B (0.28, club-3090 issue 1047);
- a CUDA graph under 0.19: 4 to 8 MiB, the first of its kind 136 to 262 (granite-3.1-8b, Qwen1.5-MoE-A2.7B).
"""

from dataclasses import replace

from tokenroof.engines.memory_facts import (
    GIB,
    MIB,
    OUTSIDE_PER_RANK_BYTES,
    REDUCING_BYTES,
    SAMPLED_SEQUENCES,
)
from tokenroof.types.engine import Scheduler, Tier
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms, Padding
from tokenroof.xp import Num

__all__ = ["MEMORY", "SCHEDULERS"]


def _pool_bytes(one: MemoryTerms) -> Num:
    """fraction * total - weights - peak activations - what sits outside the allocator."""
    return one.fraction * one.total_bytes - one.weights_bytes - one.activations_bytes - one.outside_bytes


# Residual stream: itself, its norm, and what the layer gives.
_V0 = MemoryRule(
    pool_bytes=_pool_bytes, fraction=0.9, outside_bytes=0.35 * GIB, outside_per_rank_bytes=OUTSIDE_PER_RANK_BYTES,
    sampled_sequences=SAMPLED_SEQUENCES, residual_copies=3.0, block_tokens=16,
    source="vLLM before 0.8: gpu_memory_utilization 0.9 of the device's total, 256 sequences",
)  # fmt: skip

# Residual stream: itself, its norm, the embeddings and what the layer gives.
_SORTS = replace(
    _V0, first=(0, 8), outside_bytes=0.13 * GIB, outside_per_rank_bytes=0.42 * GIB, buffers_bytes=0.065 * GIB,
    sampled_sequences=1_000_000,
    sampler_copies=9.6, residual_copies=4.0, profiles_vision=True, up_projections=True,
    expert_padding=Padding(hidden=256, inner=128), native_padding=Padding(hidden=256, inner=256),
    source="vLLM 0.8: 0.9 of the total; logits are sorted in PyTorch; MXFP4 experts run by Marlin",
)  # fmt: skip

# Logits in 16 bits (half a copy), in 32, their softmax and the random numbers; a row of the kernel for each of 132 SMs.
_KERNEL = replace(
    _SORTS, first=(0, 17), outside_bytes=0.25 * GIB, outside_per_rank_bytes=REDUCING_BYTES,
    outside_stages_bytes=0.07 * GIB, sampler_copies=3.5, sampler_rows=132, expert_workspace=True, state_pages=True,
    expert_padding=Padding(summed=256), native_padding=Padding(hidden=256, inner=128),
    source="vLLM 0.17: 0.9 of the total; top-k and top-p in a kernel; workspace of fused experts stays",
)  # fmt: skip

_GRAPHS = replace(
    _KERNEL, first=(0, 21), fraction=0.92, sampler_rows=0, first_graph_bytes=200 * MIB, graph_bytes=6 * MIB,
    equal_pages=True,
    source="vLLM 0.21: gpu_memory_utilization 0.92 of the device's total, CUDA graphs come off it",
)  # fmt: skip

# A count of every token for every sequence, and a bit for those of the prompt.
_RUNNER_2 = replace(
    _GRAPHS,
    first=(0, 33),
    penalty_copies=1.0 + 1.0 / 32.0,
    source="vLLM 0.33: as 0.21, and the second model runner keeps counts for penalties",
)

MEMORY = (_V0, _SORTS, _KERNEL, _GRAPHS, _RUNNER_2)

_SMALL = Tier(from_bytes=0.0, max_sequences=256.0, token_budget=2048.0)
_LARGE = Tier(from_bytes=70 * GIB, max_sequences=1024.0, token_budget=8192.0, but_not=("a100", "gb10"))
_LARGEST = Tier(from_bytes=160 * GIB, max_sequences=1024.0, token_budget=16384.0)

# Until 0.8 a batch is of prompts or of answers, prompts first (docs/source/models/performance.rst of 0.6).
_FIRST = Scheduler(
    name="vllm", puts_back=True, mixed=False,
    source="vLLM before 0.8: prompts first, 8192 tokens at once, 1024 sequences on servers",
)  # fmt: skip
_CHUNKED = replace(
    _FIRST, first=(0, 8), mixed=True, tiers=(_LARGE, _SMALL),
    source="vLLM 0.8: chunked prefill on; 8192 batched tokens and 1024 sequences from 70 GiB on, else 2048 and 256",
)  # fmt: skip
# Passes are planned while others run (--async-scheduling) without being asked from 0.14 on (20 January 2026).
_AHEAD = replace(_CHUNKED, first=(0, 14), ahead=True)
_WIDER = replace(
    _AHEAD, first=(0, 28), tiers=(_LARGEST, _LARGE, _SMALL),
    source="vLLM 0.28: chunked prefill on; 16384 batched tokens from 160 GiB on, 8192 from 70, else 2048; 1024"
           " sequences from 70 GiB on, else 256",
)  # fmt: skip

SCHEDULERS = (_FIRST, _CHUNKED, _AHEAD, _WIDER)
