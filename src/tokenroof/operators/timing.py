"""Times a Program on a System: counts over rates, combined under a named rule.

`bind` divides every coefficient by its rate once; `Timed.step` then costs a few multiplications per operator,
for floats (one point in microseconds) and for arrays (sweeps, product grids by broadcasting) in the same lines.

    lecture    max(compute, weights + KV reads)          one big maximum: everything overlaps
    text       max(compute, weights, KV reads)
    book       KV reads + max(compute, weights)
    operators  sum over rows of max(compute, memory) + communication that nothing hides + overhead; never below
               the communication itself; with two batches at once never below what experts exchange (operators.halves)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.mixers.rows import DECODE, ONE, PREFILL, STAGE_TOKENS
from tokenroof.operators.halves import in_halves
from tokenroof.operators.links import Link, bound_link, traffic_s
from tokenroof.operators.program import form_value, namespace_of, totals, variables
from tokenroof.operators.ranks import busiest_share, longer
from tokenroof.types.efficiency import PEAK, Efficiency, OperatorCurve
from tokenroof.types.machine import Chip, System
from tokenroof.types.program import Form, Load, Num, Operator, Program, StepTimes, Totals
from tokenroof.xp import Namespace

__all__ = [
    "RULES", "Row", "Timed", "arithmetic_rate", "bind", "curve_of", "padded_flops", "row_s", "step",
]  # fmt: skip

RULES = ("lecture", "text", "book", "operators")
_PRESENT = {"all": ONE, "decode": DECODE, "prefill": PREFILL}
_CONTEXT_KINDS = ("attention_", "mla_", "indexer_", "recurrence_")


def arithmetic_rate(chip: Chip, key: str) -> tuple[str, float]:
    """The rate that a format runs at on a chip: its own, or that of the format its weights are expanded to.

    A chip without fp8, fp4 or int8 arithmetic still serves such weights: kernels expand them to 16 bits.
    """
    for name in (key, "bf16", "fp16"):
        if name in chip.flops_per_s:
            return name, chip.flops_per_s[name]
    raise DataMissing(f"chip {chip.id}", f"{key} or bf16 arithmetic rate", "flops_per_s")


def curve_of(profile: Efficiency, kind: str, format: str, rate: str) -> OperatorCurve:
    """The most special curve that the profile has for a kind of operator, its format and its arithmetic rate."""
    for key in (f"{kind}.{format}", f"{kind}.{rate}", kind, ""):
        if key in profile.operators:
            return profile.operators[key]
    raise DataMissing(f"efficiency profile {profile.id}", f"curve for {kind}", "operators")


def _scaled(form: Form, factor: Num) -> Form:
    return tuple((position, coefficient * factor) for position, coefficient in form)


def _merged(*forms: Form) -> Form:
    sums: dict[int, Num] = {}
    for form in forms:
        for position, coefficient in form:
            sums[position] = sums[position] + coefficient if position in sums else coefficient
    return tuple(sorted(sums.items()))


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that the same tokens drive: (compute, memory) seconds of each as linear forms, and sums over rows.

    `rows` take the larger of the two, `smooth` a norm between larger and sum, `added` is the sum of those that add.
    """

    rows: tuple[tuple[Form, Form], ...]
    smooth: tuple[tuple[Form, Form, float], ...]
    added: Form
    fixed_s: Num
    kernels: Num
    compute: Form
    weights: Form
    kv: Form
    activations: Form


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """A Program with every coefficient in seconds, on one System under one Efficiency."""

    program: Program
    profile: Efficiency
    parts: Mapping[str, _Part]
    links: tuple[Link, ...]

    def answer_tokens(self, passes: Num) -> Num:
        """Tokens of an answer that takes so many decode passes."""
        return passes

    def step(self, *, decode: Load | None = None, prefill: Load | None = None, rule: str = "operators") -> StepTimes:
        """One pass: decode, prefill, or both at once (a chunk that rides on decode)."""
        if rule not in RULES:
            raise InputError("rule", rule, f"one of {', '.join(RULES)}")
        if decode is None and prefill is None:
            raise InputError("load", None, "a decode part, a prefill part or both")
        xp = namespace_of(self.program, decode, prefill)
        values = variables(self.program, decode, prefill, xp, self.profile.routing)
        parts = [self.parts["all"]]
        parts += [self.parts["decode"]] if decode is not None else []
        parts += [self.parts["prefill"]] if prefill is not None else []
        compute = _sum([p.compute for p in parts], values)
        weights = _sum([p.weights for p in parts], values)
        kv = _sum([p.kv for p in parts], values)
        communication: Num = 0.0
        overhead: Num = 0.0
        hidden: Num = 0.0
        if rule == "operators":
            shown, beside = traffic_s(self.links, values, xp)
            fixed, host = self._fixed_s(decode, prefill, values), self._host_s(decode, prefill, values)
            roofs = _roofs_s(parts, values, xp)
            communication, overhead = shown, fixed + host
            # what is hidden still takes its time: work can hide no more traffic than it lasts
            work = xp.maximum(roofs + (1.0 - self.profile.overlap) * shown, shown)
            total = work + overhead
            if any(link.beside for link in self.links):
                total, communication = xp.maximum(work + fixed, beside) + host, shown + beside
            if communication is not shown or self.profile.overlap:
                hidden = xp.maximum(roofs + communication + overhead - total, 0.0)
            if (prefill is not None or self.profile.eager) and _given(self.profile.launch_s):
                total = xp.maximum(total, self._launching_s(parts))
        elif rule == "lecture":
            total = xp.maximum(compute, weights + kv)
        elif rule == "text":
            total = xp.maximum(compute, xp.maximum(weights, kv))
        else:
            total = kv + xp.maximum(compute, weights)
        return StepTimes(
            rule=rule, profile=self.profile.id, step_s=total, compute_s=compute, weights_s=weights, kv_s=kv,
            activations_s=_sum([p.activations for p in parts], values), communication_s=communication,
            overhead_s=overhead, hidden_s=hidden,
        )  # fmt: skip

    def counts(self, *, decode: Load | None = None, prefill: Load | None = None) -> Totals:
        """What one GPU of each stage does in a pass, summed over the stages."""
        return totals(self.program, decode=decode, prefill=prefill)

    def _launching_s(self, parts: list[_Part]) -> Num:
        """Time in which the host can start every kernel of an eager pass: less is not possible."""
        kernels = sum((part.kernels for part in parts), sum((link.count for link in self.links), 0.0))
        return self.profile.host_s + self.profile.launch_s * kernels

    def _fixed_s(self, decode: Load | None, prefill: Load | None, values: list[Num]) -> Num:
        """What every kernel costs whatever it does."""
        total: Num = self.parts["all"].fixed_s
        for part, position, load in (("decode", DECODE, decode), ("prefill", PREFILL, prefill)):
            if load is not None and _given(self.parts[part].fixed_s):
                total = total + self.parts[part].fixed_s * values[position]
        return total

    def _host_s(self, decode: Load | None, prefill: Load | None, values: list[Num]) -> Num:
        """Host time of the pass."""
        profile = self.profile
        total: Num = profile.host_s + profile.host_per_layer_s * self.program.layers
        for load in (decode, prefill):
            # every dp group has a scheduler of its own, and they work at the same time
            if load is not None and _given(profile.per_sequence_s):
                total = total + profile.per_sequence_s * load.sequences / self.program.layout.dp
        return total + profile.host_per_token_s * values[STAGE_TOKENS] if _given(profile.host_per_token_s) else total


def _sum(forms: list[Form], values: list[Num]) -> Num:
    total: Num = 0.0
    for form in forms:
        for position, coefficient in form:
            total = total + coefficient * values[position]
    return total


def _roofs_s(parts: list[_Part], values: list[Num], xp: Namespace) -> Num:
    """Sum over operators of the larger of compute and memory time. The hot loop of every sweep."""
    maximum = xp.maximum
    total: Num = 0.0
    for part in parts:
        for compute_form, memory_form in part.rows:
            compute: Num = 0.0
            for position, coefficient in compute_form:
                compute = compute + coefficient * values[position]
            memory: Num = 0.0
            for position, coefficient in memory_form:
                memory = memory + coefficient * values[position]
            total = total + maximum(compute, memory)
        for position, coefficient in part.added:
            total = total + coefficient * values[position]
        for compute_form, memory_form, sharpness in part.smooth:
            compute, memory = form_value(compute_form, values), form_value(memory_form, values)
            larger = maximum(compute, memory)
            share = xp.ratio(xp.minimum(compute, memory), larger, 0.0)
            total = total + larger * (1.0 + share**sharpness) ** (1.0 / sharpness)
    return total


def bind(
    program: Program,
    system: System,
    profile: Efficiency = PEAK,
    *,
    free_networks: bool = False,
    attention_flops: bool = True,
) -> Timed:
    """Divide a Program by a System's rates. The two switches turn off what the closed form leaves out."""
    whole, program = program, in_halves(program)
    parts = {}
    for part, present in _PRESENT.items():
        rows = [row for row in program.operators if row.part == part and row.comm is None]
        timed = [row_s(row, present, program, system, profile, attention_flops) for row in rows]
        parts[part] = _Part(
            rows=tuple((row.compute, row.memory) for row in timed if row.sharpness == math.inf),
            smooth=tuple((row.compute, row.memory, row.sharpness) for row in timed if 1.0 < row.sharpness < math.inf),
            added=_merged(*(form for row in timed if row.sharpness <= 1.0 for form in (row.compute, row.memory))),
            fixed_s=sum((row.fixed_s for row in timed), 0.0),
            kernels=sum((row.launches for row in timed), 0.0),
            compute=_merged(*(row.arithmetic for row in timed)),
            weights=_merged(*(row.weights for row in timed)),
            kv=_merged(*(row.kv for row in timed)),
            activations=_merged(*(row.activations for row in timed)),
        )
    links = (
        [] if free_networks else [bound_link(row, program, system, profile) for row in program.operators if row.comm]
    )
    return Timed(replace(whole, variables=program.variables), profile, parts, tuple(links))


@dataclass(frozen=True, slots=True)
class Row:
    """One operator, all its runs, in seconds."""

    compute: Form
    memory: Form
    arithmetic: Form
    weights: Form
    kv: Form
    activations: Form
    fixed_s: Num
    launches: Num
    sharpness: float


def row_s(
    row: Operator, present: int, program: Program, system: System, profile: Efficiency, attention_flops: bool
) -> Row:
    """One operator in seconds: every coefficient over the rate that its curve leaves."""
    rate, flops_per_s = arithmetic_rate(system.chip, row.rate)
    curve = curve_of(profile, row.kind, row.format, rate)
    busiest = busiest_share(row, program, profile)
    per_flop = row.count * busiest / (curve.flops_share * flops_per_s)
    per_byte = row.count / (curve.bytes_share * system.chip.bytes_per_s)
    counted = attention_flops or not row.kind.startswith(_CONTEXT_KINDS)
    slices = longer(row, curve)
    arithmetic = _scaled(padded_flops(row, program, curve), per_flop * slices) if counted else ()
    weights, kv = _scaled(row.weights, per_byte * slices), _scaled(row.kv_read, per_byte)
    activations = _scaled(row.activations, per_byte * busiest)
    return Row(
        compute=_merged(arithmetic, _floor(curve.compute_floor_s, row.count, present)),
        memory=_merged(
            weights, kv, _scaled(row.kv_write, per_byte), activations, _floor(curve.memory_floor_s, row.count, present)
        ),
        arithmetic=arithmetic,
        weights=weights,
        kv=kv,
        activations=activations,
        fixed_s=row.count * curve.fixed_s,
        launches=row.count * curve.launches,
        sharpness=curve.sharpness,
    )  # fmt: skip


def _given(number: Num) -> bool:
    """Whether a coefficient is there: above zero, or one of an array of trials."""
    return hasattr(number, "shape") or number > 0


def padded_flops(row: Operator, program: Program, curve: OperatorCurve) -> Form:
    """FLOP of a grouped matmul with the rows by which its kernels pad each group that has work."""
    if row.kind != "grouped_gemm" or row.shape is None or not _given(curve.padding_rows):
        return row.flops
    padding = 2.0 * row.shape.n * row.shape.k * curve.padding_rows
    touched = tuple((at, padding) for at, _ in row.weights if program.variables[at].kind == "touched")
    return _merged(row.flops, touched)


def _floor(seconds: float, count: Num, present: int) -> Form:
    return ((present, count * seconds),) if seconds else ()


_BOUND: dict[tuple[int, int, int, bool, bool], tuple[Program, System, Efficiency, Timed]] = {}
_MOST_BOUND = 64


def step(
    program: Program,
    system: System,
    *,
    sequences: Num,
    context: Num,
    new_tokens: Num = None,
    phase: str = "decode",
    prefill: Load | None = None,
    profile: Efficiency = PEAK,
    rule: str = "operators",
    free_networks: bool = False,
    attention_flops: bool = True,
) -> StepTimes:
    """Time of one pass of `sequences` sequences over all dp groups, each `context` long at the end of it.

    `new_tokens` is the pass's total: by default one per sequence in decode (more verifies drafts), the whole
    context in prefill. `prefill` is a chunk that rides on a decode pass.
    """
    if phase not in ("decode", "prefill"):
        raise InputError("phase", phase, "decode or prefill")
    if new_tokens is None:
        new_tokens = sequences if phase == "decode" else sequences * context
    load = Load(new_tokens, sequences, context)
    timed = _bound(program, system, profile, free_networks, attention_flops)
    if phase == "prefill":
        return timed.step(prefill=load, rule=rule)
    return timed.step(decode=load, prefill=prefill, rule=rule)


def _bound(program: Program, system: System, profile: Efficiency, free_networks: bool, attention_flops: bool) -> Timed:
    """`bind`, remembered for the very same objects."""
    key = (id(program), id(system), id(profile), free_networks, attention_flops)
    found = _BOUND.get(key)
    if found is not None and found[0] is program and found[1] is system and found[2] is profile:
        return found[3]
    timed = bind(program, system, profile, free_networks=free_networks, attention_flops=attention_flops)
    if not program.vectorised:
        if len(_BOUND) >= _MOST_BOUND:
            _BOUND.clear()
        _BOUND[key] = (program, system, profile, timed)
    return timed
