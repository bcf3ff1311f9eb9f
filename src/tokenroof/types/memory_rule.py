"""How an engine of some version divides the memory of a GPU."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenroof.types.layout import Layout

__all__ = ["MemoryRule", "MemoryTerms", "Padding"]

Num = Any


@dataclass(frozen=True, slots=True)
class MemoryTerms:
    """Bytes of the fullest GPU that a rule for the cache's pool may use; numbers, or arrays over layouts.

    `fraction` is the share of memory that the engine was told, or takes where it was not. `outside_bytes` is held
    outside the tensor allocator: context, communication buffers, CUDA graphs.
    """

    total_bytes: Num
    weights_bytes: Num
    activations_bytes: Num
    outside_bytes: Num
    fraction: Num


@dataclass(frozen=True, slots=True)
class Padding:
    """Multiples to which a kernel for 4-bit experts rounds their dimensions when weights are loaded.

    `hidden` and `inner` are the two widths of an expert. `summed` is of the dimension that is summed over, whichever it
    is, and grows the values alone, not their scales.
    """

    hidden: int = 1
    inner: int = 1
    summed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRule:
    """How an engine divides GPU memory at start, from version `first` on.

    `pool_bytes` is what it gives to the cache. `fraction` is the share of memory where it is not told one: a number, or
    a function of (total bytes, layout, xp) where it works the share out. `outside_per_rank_bytes` comes to
    `outside_bytes` once there are ranks to talk to; with pipeline stages alone it holds `outside_stages_bytes` in all
    (None: as with ranks). `buffers_bytes` are small and stay: tables of rotary embeddings, inputs of a pass.

    Activations are those of a pass with the scheduler's token budget: the residual stream `residual_copies` times, and
    beside it the widest operator, or what sampling holds for at most `sampled_sequences` sequences: `sampler_copies` of
    the logits in fp32 over the whole vocabulary, and `sampler_rows` rows more. None: the rule counts no activations.
    With `profiles_vision` a vision tower is given its largest picture before.
    Buffers that stay: `penalty_copies` of the logits, and with `expert_workspace` the two of fused experts.

    CUDA graphs that it profiles take `first_graph_bytes`, and `graph_bytes` for each after the first of its kind.
    `expert_padding` and, on chips with arithmetic in 4 bits, `native_padding` round MXFP4 experts up when they are
    loaded. `up_projections`: it keeps 16-bit copies of the up-projections of latent attention where the checkpoint's
    are narrower. `block_tokens` is the page of the cache; with `equal_pages` those of compressed layers are all as
    large as the largest. With `state_pages` a recurrent state is a page too: pages grow until one holds it.
    """

    pool_bytes: Callable[[MemoryTerms], Num]
    fraction: float | Callable[[float, Layout, Any], Num]
    outside_bytes: float
    outside_per_rank_bytes: float
    outside_stages_bytes: float | None = None
    buffers_bytes: float = 0.0
    sampled_sequences: int | None
    sampler_copies: float = 8.0
    sampler_rows: int = 0
    penalty_copies: float = 0.0
    residual_copies: float = 2.0
    profiles_vision: bool = False
    expert_workspace: bool = False
    first_graph_bytes: float = 0.0
    graph_bytes: float = 0.0
    expert_padding: Padding = Padding()
    native_padding: Padding = Padding()
    up_projections: bool = False
    equal_pages: bool = False
    state_pages: bool = False
    block_tokens: int = 1
    first: tuple[int, ...] = (0,)
    source: str = ""
