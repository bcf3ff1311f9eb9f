"""llama.cpp: GGUF files on a processor, a GPU or both; a cache of fixed size that its server's slots share.

Host times are those of llama-cpp-python's server on two cores of a Zen 4: 9.45 ms a token where a pass takes 8.25.
Facts from its source at 0c1e570 (2026-11): tools/server/server.cpp (four slots with one cache where none are asked
for), common/common.h (2,048 tokens a batch, prompts beside decodes; 1 GiB of each GPU is left free).
"""

from tokenroof.engines.memory_facts import GIB, OUTSIDE_BYTES
from tokenroof.engines.shell import CONTEXT_PARALLEL, DECODE_CONTEXT
from tokenroof.types.engine import Engine, Generation, HostPriors, Prior, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.xp import Num

__all__ = ["LLAMACPP"]

_LEFT_FREE_BYTES = 1.0 * GIB


def _pool_bytes(one: MemoryTerms) -> Num:
    """What `--ctx-size` can be at most: all but weights, buffers and the margin; it is taken whole at start."""
    return one.fraction * one.total_bytes - one.weights_bytes - one.outside_bytes - _LEFT_FREE_BYTES


def _inexpressible(layout: Layout) -> str:
    if layout.dcp > 1:
        return DECODE_CONTEXT
    if layout.cp > 1:
        return CONTEXT_PARALLEL
    if layout.dp > 1:
        return "data parallelism: start one server for each replica"
    return "experts on GPUs of their own" if layout.ep > 1 else ""


_MEMORY = MemoryRule(
    pool_bytes=_pool_bytes, fraction=1.0, outside_bytes=OUTSIDE_BYTES, outside_per_rank_bytes=OUTSIDE_BYTES,
    sampled_sequences=None, block_tokens=1,
    source="llama.cpp at 0c1e570: weights and the cache of n_ctx at start, 1 GiB left free (common/common.h)",
)  # fmt: skip
_SCHEDULER = Scheduler(
    name="llamacpp", token_budget=2048.0, max_sequences=4.0, reserves_output=True,
    source="llama.cpp at 0c1e570: continuous batching over four slots, n_batch 2048, a slot has room for its answer",
)  # fmt: skip

LLAMACPP = Engine(
    name="llama.cpp",
    display_name="llama.cpp",
    aliases=("llama.cpp", "llamacpp", "llama-cpp", "llama-server", "llama-cpp-python"),
    version_words=r"llama\.cpp b?(\d+)",
    generations=(
        Generation(
            name="llamacpp", first=(0,), memory=(_MEMORY,), schedulers=(_SCHEDULER,),
            host=HostPriors(pass_s=Prior(1.2e-3, 0.7), request_s=5e-3),
        ),
    ),
    inexpressible=_inexpressible,
    launcher=None,
)  # fmt: skip
