"""Bytes on one GPU: weights, cache, activations, what the runtime keeps; and how many sequences that leaves room for.

Serving engines take a fraction of memory when they start and page the cache inside it, so the room for sequences is
set by their rule (`MemoryRule.pool_bytes` in engines/), not by the label on the card.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.operators.live import activation_peak_bytes, graphs_bytes, kept_buffers_bytes, loaded_more_bytes
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.types.engine import DEFAULT_ENGINE, Engine
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.types.program import Num, Program
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = [
    "MemoryUse",
    "activation_peak_bytes",
    "fraction_of",
    "memory_use",
    "visible_bytes",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Memory of the fullest GPU. Numbers, or arrays with one element per layout.

    `cache_pool_bytes` is what the runtime gives to the cache (negative: the weights alone do not fit), `sequences`
    how many sequences of the asked context fit in the whole deployment at once, over all dp groups and, with pp,
    over all micro-batches in flight. `weights_bytes` is what they take once loaded, copies and padding of the engine
    included (`weights_by_class` has them as `loaded`). `activations_bytes` is the peak of a profiled pass with the
    buffers that stay; `outside_bytes`, CUDA graphs included, is held outside the allocator.
    """

    runtime: str
    total_bytes: Num
    weights_bytes: Num
    weights_by_class: dict[str, Num]
    activations_bytes: Num
    outside_bytes: Num
    reserved_bytes: Num
    cache_pool_bytes: Num
    cache_bytes_per_sequence: Num
    sequences: Num

    @property
    def holds_one(self) -> Any:
        """Whether at least one sequence fits; whether what was asked does is a deployment's to say."""
        return self.sequences >= 1


def visible_bytes(chip: Chip) -> float:
    """Memory that a process sees: the total that driver and runtime report to it, or the label where nobody did."""
    return chip.memory_bytes if chip.usable_memory_bytes is None else chip.usable_memory_bytes


def _stage_share(program: Program) -> Num:
    """Share of the layers that the fullest stage holds."""
    xp = NUMPY if program.vectorised else SCALAR
    return xp.ceil(program.layers / program.layout.pp) / max(program.layers, 1)


def _weights_by_class(program: Program, rules: MemoryRule, chip: Chip) -> dict[str, Num]:
    """Of the fullest stage: its share of the layers, and one of the two tables (both where there is one stage).

    A vision tower stands whole on the first stage, which is taken for the fullest.
    """
    xp = NUMPY if program.vectorised else SCALAR
    share = _stage_share(program)
    tables = {name: program.stored_bytes.get(name, 0.0) for name in ("embedding", "unembedding")}
    one_stage = program.layout.pp == 1
    larger = tables["embedding"] >= tables["unembedding"]
    held = {name: value * share for name, value in program.stored_bytes.items() if name not in tables}
    held["vision"] = program.stored_bytes.get("vision", 0.0)
    held["embedding"] = xp.where(one_stage | larger, tables["embedding"], 0.0)
    held["unembedding"] = xp.where(
        one_stage | (tables["embedding"] < tables["unembedding"]), tables["unembedding"], 0.0
    )
    padding = rules.native_padding if "fp4" in chip.flops_per_s else rules.expert_padding
    more = loaded_more_bytes(program, padding, up_projections=rules.up_projections)
    if isinstance(more, float) and more == 0.0:
        return held
    return {**held, "loaded": more * share}


def _activations(program: Program, rules: MemoryRule, *, tokens: int, sequences: float) -> Num:
    """What a profiled pass of `tokens` tokens holds at most, and the buffers that stay after it."""
    if rules.sampled_sequences is None:
        return 0.0
    sampled = int(min(sequences, rules.sampled_sequences, tokens))
    peak = activation_peak_bytes(
        program, tokens=tokens, sequences=sampled, sampler_copies=rules.sampler_copies,
        sampler_rows=rules.sampler_rows, residual_copies=rules.residual_copies, workspace=rules.expert_workspace,
    )  # fmt: skip
    if rules.profiles_vision:
        xp = NUMPY if program.vectorised else SCALAR
        peak = xp.maximum(peak, program.vision_pass_bytes)
    return peak + kept_buffers_bytes(
        program, tokens=tokens, sequences=int(sequences), penalty_copies=rules.penalty_copies,
        workspace=rules.expert_workspace,
    )  # fmt: skip


def _outside(rules: MemoryRule, layout: Layout, sequences: float, xp: Namespace) -> Num:
    """Bytes outside the tensor allocator: context, buffers of ranks and stages, CUDA graphs."""
    ranks = rules.outside_bytes + rules.outside_per_rank_bytes
    stages = ranks if rules.outside_stages_bytes is None else rules.outside_stages_bytes
    several = xp.where(layout.n_gpus > layout.pp, ranks, stages)
    graphs = graphs_bytes(sequences, first=rules.first_graph_bytes, each=rules.graph_bytes)
    return xp.where(layout.n_gpus > 1, several, rules.outside_bytes) + rules.buffers_bytes + graphs


def _kept_bytes(program: Program, rules: MemoryRule, context: Num, xp: Namespace) -> Num:
    """Of a sequence on a GPU, in whole pages; a page that holds a state may be a little larger than it."""
    block: Num = rules.block_tokens
    state: Num = 0.0
    if rules.state_pages:
        aligned = xp.ceil(program.state_tokens / block) * block
        state = program.state_bytes_per_sequence * (xp.ratio(aligned, program.state_tokens, 1.0) - 1.0)
        block = xp.maximum(block, aligned)
    pages = xp.ceil(context / block) * block
    padding = program.padding_bytes_per_token * pages if rules.equal_pages else 0.0
    return cache_bytes_per_sequence(program, pages) + padding + state


def fraction_of(rules: MemoryRule, total: float, layout: Layout, xp: Namespace = SCALAR) -> Num:
    """Share of memory that a runtime takes where it is not told."""
    return rules.fraction(total, layout, xp) if callable(rules.fraction) else rules.fraction


def memory_use(
    program: Program,
    system: System,
    *,
    context: Num,
    engine: str | Engine = DEFAULT_ENGINE,
    fraction: float | None = None,
    max_batched_tokens: int | None = None,
    max_sequences: float | None = None,
) -> MemoryUse:
    """What one GPU holds, and the largest number of sequences of `context` tokens that fit.

    `max_batched_tokens` and `max_sequences` are those of a pass; None: the engine's own on this chip.
    """
    known = engine_of(engine) if isinstance(engine, str) else engine
    rules = known.memory
    if fraction is not None and not 0.0 < fraction <= 1.0:
        raise InputError("fraction", fraction, "above 0 and at most 1")
    layout, xp = program.layout, NUMPY if program.vectorised or hasattr(context, "shape") else SCALAR
    total = visible_bytes(system.chip)
    by_class = _weights_by_class(program, rules, system.chip)
    weights = sum(by_class.values())
    own = known.scheduler.on(system.chip.id, total)
    sequences = max_sequences or own.max_sequences
    activations = _activations(program, rules, tokens=max_batched_tokens or int(own.token_budget), sequences=sequences)
    outside = _outside(rules, layout, sequences, xp)
    share = fraction_of(rules, total, layout, xp) if fraction is None else fraction
    pool = rules.pool_bytes(MemoryTerms(total, weights, activations, outside, share))
    each = _kept_bytes(program, rules, context, xp) * _stage_share(program)
    return MemoryUse(
        runtime=known.name,
        total_bytes=total,
        weights_bytes=weights,
        weights_by_class=by_class,
        activations_bytes=activations,
        outside_bytes=outside,
        reserved_bytes=total - weights - activations - pool,
        cache_pool_bytes=pool,
        cache_bytes_per_sequence=each,
        sequences=layout.dp * xp.floor(xp.ratio(xp.maximum(pool, 0.0), each, float("inf"))),
    )
