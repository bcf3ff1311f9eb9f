"""No engine: the bound. All of memory but the weights holds cache, any layout can be said, nothing is reserved."""

from tokenroof.types.engine import Engine, Generation, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.xp import Num

__all__ = ["NONE"]


def _pool_bytes(one: MemoryTerms) -> Num:
    """Everything but the weights."""
    return one.fraction * one.total_bytes - one.weights_bytes


def _inexpressible(layout: Layout) -> str:
    return ""


_MEMORY = MemoryRule(
    pool_bytes=_pool_bytes, fraction=1.0, outside_bytes=0.0, outside_per_rank_bytes=0.0, sampled_sequences=None,
    sampler_copies=0.0, source="a bound: nothing but weights and cache",
)  # fmt: skip
_SCHEDULER = Scheduler(name="none", source="no engine: chunks ride on decode, nothing is reserved")

NONE = Engine(
    name="none",
    display_name="no engine",
    generations=(
        Generation(
            name="vllm", first=(0,),  # host times of vLLM, where any are asked for
            memory=(_MEMORY,), schedulers=(_SCHEDULER,),
        ),
    ),
    inexpressible=_inexpressible,
    launcher=None,
)  # fmt: skip
