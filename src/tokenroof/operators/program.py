"""Evaluates a Program's counts: variables from a load, totals by class, cache sizes. Floats and arrays alike."""

import math
from typing import Any

from tokenroof.operators.ranks import largest_deviate
from tokenroof.types.efficiency import EVEN, Routing
from tokenroof.types.program import ContextRule, Form, Load, Num, Program, Totals
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["cache_bytes_per_sequence", "namespace_of", "pairs_and_reads", "totals", "touched", "variables"]

_MANY = 1e9
_LEAST = 1e-30


def namespace_of(program: Program, *loads: Load | None) -> Namespace:
    """Scalar where everything is a number, numpy where anything is an array."""
    if program.vectorised:
        return NUMPY
    for load in loads:
        if load is not None and (
            hasattr(load.tokens, "shape") or hasattr(load.sequences, "shape") or hasattr(load.context, "shape")
        ):
            return NUMPY
    return SCALAR


def _window_pairs(new: Num, context: Num, window: float, xp: Namespace) -> Num:
    """Sum of min(position, window) over the last `new` positions up to `context`."""
    last, before = xp.minimum(context, window), xp.minimum(context - new, window)
    rising = last - before
    return rising * (last + before + 1.0) / 2.0 + window * (new - rising)


def _chunk_start(position: Num, size: float, xp: Namespace) -> Num:
    """Tokens before the chunk that holds `position` (counted from 1)."""
    return size * xp.maximum(0.0, xp.ceil(position / size) - 1.0)


def _chunk_pairs(new: Num, context: Num, size: float, xp: Namespace) -> Num:
    def up_to(position: Num) -> Num:
        start = _chunk_start(position, size, xp)
        rest = position - start
        return start * (size + 1.0) / 2.0 + rest * (rest + 1.0) / 2.0

    return up_to(context) - up_to(context - new)


def pairs_and_reads(rule: ContextRule, new: Num, context: Num, xp: Namespace) -> tuple[Num, Num]:
    """Of one sequence with `new` tokens that end at `context`: attended pairs, and distinct cached tokens read."""
    if rule.kind == "full":
        return new * (context - (new - 1.0) * 0.5), context
    if rule.kind == "window":
        return _window_pairs(new, context, rule.size, xp), xp.minimum(context, rule.size + new - 1.0)
    if rule.kind == "chunk":
        first = context - new + 1.0
        return _chunk_pairs(new, context, rule.size, xp), context - _chunk_start(first, rule.size, xp)
    seen = xp.sqrt(context)
    return new * seen, seen


def touched(size: Num, chance: Num, tokens: Num, ranks: Num, routing: Routing, xp: Namespace) -> Num:
    """Experts with work on a rank that holds `size`: the mean, or with `routing.skew` the most that chance gives any.

    An expert with popularity g (mean 1) is missed by T tokens with probability (1 - chance)^(g T), and over a Gamma
    distribution of g with shape k that is (1 + x / k)^-k at x = -T ln(1 - chance); the first token is always at home.
    A rank's count varies as if each of its experts were met by chance; `alike` tokens meet those of one.
    """
    skew = routing.skew
    # (1 - chance) to the power of tokens: three times as fast over arrays as a power
    alone = xp.log(xp.maximum(1.0 - chance, _LEAST))
    exponent = (xp.minimum(tokens, 1.0) if routing.alike else tokens) * alone
    if not hasattr(routing.shape, "shape") and routing.shape == math.inf:
        missed = xp.exp(exponent)
    else:
        later = xp.maximum(alone - exponent, 0.0)
        missed = xp.exp(xp.maximum(exponent, alone) - routing.shape * xp.log(1.0 + later / routing.shape))
    share = 1.0 - missed
    if skew == 0.0:
        return size * share
    spread = largest_deviate(ranks, xp) * xp.sqrt(size * share * (1.0 - share))
    return xp.minimum(size, size * share + skew * spread)


def variables(
    program: Program,
    decode: Load | None,
    prefill: Load | None,
    xp: Namespace,
    routing: Routing = EVEN,
) -> list[Any]:
    """The program's variables for a pass, on its busiest GPU.

    With fewer sequences than dp groups one group still has a whole one; with fewer tokens than cp ranks one rank
    still has one.
    """
    layout = program.layout
    dp, cp = layout.dp, layout.cp
    split = hasattr(dp, "shape") or hasattr(cp, "shape") or dp > 1 or cp > 1
    values: list[Any] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    parts: dict[str, tuple[Num, Num, Num]] = {}
    for offset, part, load in ((4, "decode", decode), (7, "prefill", prefill)):
        if load is None:
            continue
        sequences, tokens = load.sequences, load.tokens
        new = xp.ratio(tokens, sequences, 0.0)
        if split:
            whole = xp.minimum(sequences, 1.0)
            grouped = xp.maximum(sequences / (dp if load.groups is None else load.groups), whole)
            tokens = xp.maximum(grouped * new / cp, xp.minimum(grouped * new, 1.0))
            kept = xp.maximum(grouped / cp, whole)
        else:
            grouped = kept = sequences
        parts[part] = (grouped, new, load.context)
        values[1] = values[1] + tokens
        values[2] = values[2] + load.tokens
        values[3] = values[3] + (tokens if part == "decode" else kept)
        values[offset] = xp.minimum(sequences * _MANY, 1.0)  # 1 where there are any; `where` would widen its numbers
        values[offset + 1] = tokens
        values[offset + 2] = kept
    seen: dict[tuple[str, ContextRule], tuple[Num, Num]] = {}
    for variable in program.variables[10:]:
        if variable.kind == "touched":
            values.append(touched(variable.size, variable.chance, values[2], layout.ep, routing, xp))
            continue
        found = parts.get(variable.part)
        if found is None:
            values.append(0.0)
            continue
        grouped, new, context = found
        key = (variable.part, variable.rule)
        if key not in seen:
            seen[key] = pairs_and_reads(variable.rule, new, context, xp)
        values.append(grouped * seen[key][variable.kind == "reads"])
    return values


def form_value(form: Form, values: list[Any]) -> Num:
    """A linear form at the given variables."""
    total: Num = 0.0
    for position, coefficient in form:
        total = total + coefficient * values[position]
    return total


def totals(program: Program, *, decode: Load | None = None, prefill: Load | None = None) -> Totals:
    """Counts of one pass, summed over operators and stages, on the busiest GPU."""
    values = variables(program, decode, prefill, namespace_of(program, decode, prefill))
    flops: dict[str, Num] = {}
    sums: dict[str, Num] = dict.fromkeys(("weights", "kv_read", "kv_write", "activations", "comm"), 0.0)
    for row in program.operators:
        if (row.part == "decode" and decode is None) or (row.part == "prefill" and prefill is None):
            continue
        if row.flops:
            flops[row.rate] = flops.get(row.rate, 0.0) + row.count * form_value(row.flops, values)
        for name in ("weights", "kv_read", "kv_write", "activations"):
            form = getattr(row, name)
            if form:
                sums[name] = sums[name] + row.count * form_value(form, values)
        if row.comm is not None:
            sums["comm"] = sums["comm"] + row.count * form_value(row.comm.bytes, values)
    return Totals(
        flops=flops,
        weight_bytes=sums["weights"],
        kv_read_bytes=sums["kv_read"],
        kv_write_bytes=sums["kv_write"],
        activation_bytes=sums["activations"],
        comm_bytes=sums["comm"],
    )


def cache_bytes_per_sequence(program: Program, context: Num) -> Num:
    """Cache and state that one GPU keeps for a sequence of its dp group, all stages together."""
    xp = NUMPY if program.vectorised or hasattr(context, "shape") else SCALAR
    total: Num = program.state_bytes_per_sequence
    for entry in program.cache:
        kept = context if entry.rule.kind in ("full", "sqrt") else xp.minimum(context, entry.rule.size)
        total = total + entry.bytes_per_token * kept
    return total
