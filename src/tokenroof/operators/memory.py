"""Bytes on one GPU: weights, cache, activations, what the runtime keeps; and how many sequences that leaves room for.

Serving engines take a fraction of memory when they start and page the cache inside it, so the room for sequences is
set by their rule, not by the label on the card:

    vllm     fraction * total - weights - peak activations - what sits outside the allocator
    sglang   free after loading - (1 - fraction) * total; activations live in what the fraction leaves
    trtllm   fraction * (free after loading weights and one warm-up pass)
    none     everything: a bound
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.errors import InputError, UnknownName
from tokenroof.operators.program import cache_bytes_per_sequence, form_value
from tokenroof.operators.rows import LOGITS, ONE, STAGE_TOKENS, TOKENS
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.program import Num, Program
from tokenroof.units import parse_quantity
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = [
    "RUNTIMES",
    "MemoryUse",
    "Runtime",
    "activation_peak_bytes",
    "fraction_of",
    "memory_use",
    "runtime",
    "visible_bytes",
]

_GIB = parse_quantity("1 GiB", "B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How an engine divides GPU memory at start. `fraction` None: the engine works it out from the GPU's size.

    `driver_bytes` is what the driver keeps of the memory it reports, `outside_bytes` what is held outside the tensor
    allocator (context, communication buffers), `sampler_copies` how many fp32 copies of the logits live at once while
    sampling, `block_tokens` the page of the cache.
    """

    name: str
    fraction: float | None
    outside_bytes: float
    outside_per_rank_bytes: float
    max_batched_tokens: int
    max_sequences: int
    driver_bytes: float = 0.6 * _GIB
    sampler_copies: float = 8.0
    block_tokens: int = 1
    source: str = ""


# Defaults of the engines' own documentation and start-up logs. Outside bytes and the eight copies are fitted to
# published vLLM logs of Llama-3-8B on 80 GB parts: 0.06 to 0.65 GiB outside, 1.16 to 1.24 GiB of activations with
# 8,192 tokens and 256 sequences. The driver keeps 0.5 to 0.8 GiB: A100 80.0 reported, 79.15 to 79.25 seen by the
# allocator; H100 79.65 and 79.1; H200 140.4 and 139.8; B200 179.1 and 178.4. Buffers of the communication library:
# about 0.35 GiB once there are ranks to talk to.
RUNTIMES: dict[str, Runtime] = {
    one.name: one
    for one in (
        Runtime(
            name="vllm", fraction=0.9, outside_bytes=0.25 * _GIB, outside_per_rank_bytes=0.35 * _GIB,
            max_batched_tokens=8192, max_sequences=256, block_tokens=16,
            source="vLLM: gpu_memory_utilization 0.9 of the device's total",
        ),
        Runtime(
            name="sglang", fraction=None, outside_bytes=0.25 * _GIB, outside_per_rank_bytes=0.35 * _GIB,
            max_batched_tokens=8192, max_sequences=256,
            source="SGLang: mem_fraction_static leaves 13.5 GiB + 1/8 per rank, 32 GiB from 160 GiB up, 4 more with dp",
        ),
        Runtime(
            name="trtllm", fraction=0.9, outside_bytes=0.25 * _GIB, outside_per_rank_bytes=0.35 * _GIB,
            max_batched_tokens=8192, max_sequences=256, block_tokens=32,
            source="TensorRT-LLM: free_gpu_memory_fraction 0.9 of what is free after a warm-up pass",
        ),
        Runtime(
            name="none", fraction=1.0, outside_bytes=0.0, outside_per_rank_bytes=0.0, max_batched_tokens=0,
            max_sequences=0, driver_bytes=0.0, sampler_copies=0.0, source="a bound: nothing but weights and cache",
        ),
    )
}  # fmt: skip


def runtime(name: str) -> Runtime:
    """A runtime by name."""
    if name not in RUNTIMES:
        raise UnknownName("engine", name, tuple(RUNTIMES))
    return RUNTIMES[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Memory of the fullest GPU. Numbers, or arrays with one element per layout.

    `cache_pool_bytes` is what the runtime gives to the cache (negative: the weights alone do not fit), `sequences`
    how many sequences of the asked context fit in the whole deployment at once, over all dp groups and, with pp,
    over all micro-batches in flight.
    """

    runtime: str
    total_bytes: Num
    weights_bytes: Num
    weights_by_class: dict[str, Num]
    activations_bytes: Num
    reserved_bytes: Num
    cache_pool_bytes: Num
    cache_bytes_per_sequence: Num
    sequences: Num

    @property
    def fits(self) -> Any:
        """Whether at least one sequence fits."""
        return self.sequences >= 1


def visible_bytes(chip: Chip, rules: Runtime) -> float:
    """Memory that the engine sees: what the driver reports less its own part, or the label where nobody reported."""
    return chip.memory_bytes if chip.usable_memory_bytes is None else chip.usable_memory_bytes - rules.driver_bytes


def _stage_share(program: Program) -> Num:
    """Share of the layers that the fullest stage holds."""
    xp = NUMPY if program.vectorised else SCALAR
    return xp.ceil(program.layers / program.layout.pp) / max(program.layers, 1)


def _weights_by_class(program: Program) -> dict[str, Num]:
    """Of the fullest stage: its share of the layers, and one of the two tables (both where there is one stage)."""
    xp = NUMPY if program.vectorised else SCALAR
    share = _stage_share(program)
    tables = {name: program.stored_bytes.get(name, 0.0) for name in ("embedding", "unembedding")}
    one_stage = program.layout.pp == 1
    larger = tables["embedding"] >= tables["unembedding"]
    held = {name: value * share for name, value in program.stored_bytes.items() if name not in tables}
    held["embedding"] = xp.where(one_stage | larger, tables["embedding"], 0.0)
    held["unembedding"] = xp.where(
        one_stage | (~larger if program.vectorised else not larger), tables["unembedding"], 0.0
    )
    return held


def activation_peak_bytes(program: Program, *, tokens: Num, sequences: Num, sampler_copies: float = 8.0) -> Num:
    """Most that live tensors take in a pass of `tokens` tokens on one dp group with `sequences` sampled positions.

    The residual stream in two copies, and beside it the widest operator's inputs and outputs or the sampler's copies
    of the logits, whichever is more.
    """
    xp = NUMPY if program.vectorised or hasattr(tokens, "shape") else SCALAR
    values: list[Num] = [0.0] * len(program.variables)
    values[ONE], values[TOKENS], values[STAGE_TOKENS], values[LOGITS] = 1.0, tokens, tokens * program.layout.dp, 0.0
    widest: Num = 0.0
    logits: Num = 0.0
    for row in program.operators:
        if row.part == "all" and row.kind in ("gemm", "bmm", "grouped_gemm", "elementwise"):
            widest = xp.maximum(widest, form_value(row.activations, values))
        if row.kind == "sampling":
            logits = sampler_copies * sequences * row.activations[0][1]
    residual = 2.0 * tokens * program.hidden * program.activation_bytes
    return residual + xp.maximum(widest, logits)


def fraction_of(rules: Runtime, total: float, layout: Layout, xp: Namespace = SCALAR) -> Num:
    """Share of memory that a runtime takes where it is not told."""
    if rules.fraction is not None:
        return rules.fraction
    # 0.5 GiB for backends, 12 for activations of 8,192 tokens, 1 for graphs, and 1 for every eight ranks. Releases of
    # 2025 left half a GiB for each rank, which on 64 of them would be more than half of an H100.
    small = (13.5 + layout.tp * layout.dp * layout.pp / 8.0) * _GIB
    left = (small if total < 160 * _GIB else 32.0 * _GIB) + xp.where(layout.dp > 1, 4.0 * _GIB, 0.0)
    return xp.maximum(0.0, 1.0 - left / total)


def memory_use(
    program: Program,
    system: System,
    *,
    context: Num,
    engine: str | Runtime = "vllm",
    fraction: float | None = None,
    max_batched_tokens: int | None = None,
    max_sequences: int | None = None,
) -> MemoryUse:
    """What one GPU holds, and the largest number of sequences of `context` tokens that fit."""
    rules = runtime(engine) if isinstance(engine, str) else engine
    if fraction is not None and not 0.0 < fraction <= 1.0:
        raise InputError("fraction", fraction, "above 0 and at most 1")
    layout, xp = program.layout, NUMPY if program.vectorised or hasattr(context, "shape") else SCALAR
    total = visible_bytes(system.chip, rules)
    by_class = _weights_by_class(program)
    weights = sum(by_class.values())
    activations = activation_peak_bytes(
        program,
        tokens=max_batched_tokens or rules.max_batched_tokens,
        sequences=max_sequences or rules.max_sequences,
        sampler_copies=rules.sampler_copies,
    )
    outside = rules.outside_bytes + xp.where(layout.n_gpus > 1, rules.outside_per_rank_bytes, 0.0)
    share = fraction_of(rules, total, layout, xp) if fraction is None else fraction
    if rules.name == "sglang":
        pool = share * total - weights - outside
    elif rules.name == "trtllm":
        pool = share * (total - weights - activations - outside)
    else:
        pool = share * total - weights - activations - outside
    pages = xp.ceil(context / rules.block_tokens) * rules.block_tokens
    each = cache_bytes_per_sequence(program, pages) * _stage_share(program)
    return MemoryUse(
        runtime=rules.name,
        total_bytes=total,
        weights_bytes=weights,
        weights_by_class=by_class,
        activations_bytes=activations,
        reserved_bytes=total - weights - activations - pool,
        cache_pool_bytes=pool,
        cache_bytes_per_sequence=each,
        sequences=layout.dp * xp.floor(xp.ratio(xp.maximum(pool, 0.0), each, float("inf"))),
    )
