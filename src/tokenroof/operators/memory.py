"""Bytes on one GPU: weights, cache, activations, what the runtime keeps; and how many sequences that leaves room for.

Serving engines take a fraction of memory when they start and page the cache inside it, so the room for sequences is
set by their rule (`MemoryRule.pool_bytes` in engines/), not by the label on the card.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.mixers.rows import LOGITS, ONE, STAGE_TOKENS, TOKENS
from tokenroof.operators.program import cache_bytes_per_sequence, form_value
from tokenroof.types.engine import DEFAULT_ENGINE, Engine, MemoryRule, MemoryTerms
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
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


def visible_bytes(chip: Chip, rules: MemoryRule) -> float:
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
        one_stage | (tables["embedding"] < tables["unembedding"]), tables["unembedding"], 0.0
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


def _activations(program: Program, rules: MemoryRule, *, tokens: int, sequences: float | None) -> Num:
    """Peak of a pass of `tokens` tokens; of `sequences` that run, the engine samples as many as it profiles with."""
    if rules.sampled_sequences is None:
        return 0.0
    sampled = rules.sampled_sequences if sequences is None else min(sequences, rules.sampled_sequences)
    return activation_peak_bytes(program, tokens=tokens, sequences=int(sampled), sampler_copies=rules.sampler_copies)


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

    `max_batched_tokens` and `max_sequences` are those of a pass; None: the engine's own.
    """
    known = engine_of(engine) if isinstance(engine, str) else engine
    rules = known.memory
    if fraction is not None and not 0.0 < fraction <= 1.0:
        raise InputError("fraction", fraction, "above 0 and at most 1")
    layout, xp = program.layout, NUMPY if program.vectorised or hasattr(context, "shape") else SCALAR
    total = visible_bytes(system.chip, rules)
    by_class = _weights_by_class(program)
    weights = sum(by_class.values())
    activations = _activations(
        program, rules, tokens=max_batched_tokens or int(known.scheduler.token_budget), sequences=max_sequences
    )
    outside = rules.outside_bytes + xp.where(layout.n_gpus > 1, rules.outside_per_rank_bytes, 0.0)
    share = fraction_of(rules, total, layout, xp) if fraction is None else fraction
    pool = rules.pool_bytes(MemoryTerms(total, weights, activations, outside, share))
    pages = xp.ceil(context / rules.block_tokens) * rules.block_tokens
    each = cache_bytes_per_sequence(program, pages) * _stage_share(program)
    return MemoryUse(
        runtime=known.name,
        total_bytes=total,
        weights_bytes=weights,
        weights_by_class=by_class,
        activations_bytes=activations,
        reserved_bytes=total - weights - activations - pool,
        cache_pool_bytes=pool,
        cache_bytes_per_sequence=each,
        sequences=layout.dp * xp.floor(xp.ratio(xp.maximum(pool, 0.0), each, float("inf"))),
    )
