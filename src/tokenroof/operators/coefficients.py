"""A decode step and the cache as plain numbers: what another language evaluates with sums, maxima and norms alone.

    variable   max(slope * batch, floor) * seen(context), or a value between `points` of (batch, value)
    row        norm of (compute, memory), each a linear form in the variables; infinite sharpness: the larger
    link       count * (wait + the least of latency + size * s_per_byte over its lines)
    step       (max(max(rows + (1 - overlap) * links, links) + fixed, links beside) + host) * rounds
    room       min(most, groups * floor(pool / bytes of a sequence)), a sequence in whole pages

`batch` is what one step of one replica decodes, at least 1, each with one new token; `context` their mean length.
"""

import math
from dataclasses import dataclass

from tokenroof.errors import InputError
from tokenroof.mixers.rows import DECODE, ONE, STAGE_TOKENS
from tokenroof.operators.halves import in_halves
from tokenroof.operators.links import bound_link
from tokenroof.operators.memory import MemoryUse
from tokenroof.operators.program import touched
from tokenroof.operators.timing import Timed, row_s
from tokenroof.types.engine import Engine
from tokenroof.types.machine import System
from tokenroof.types.program import FIXED_VARIABLES, Form, Operator, Program
from tokenroof.xp import SCALAR

__all__ = [
    "Coefficients", "LineCoefficients", "LinkCoefficients", "MemoryCoefficients", "RowCoefficients",
    "VariableCoefficients", "coefficients_of", "memory_coefficients",
]  # fmt: skip

_PRESENT = {"all": ONE, "decode": DECODE}
_POINTS_PER_OCTAVE = 12  # of the experts that tokens meet: the error between points is below 0.04 %

Terms = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableCoefficients:
    """max(`slope` * batch, `floor`), times the tokens that `rule` leaves of a context: full, window, chunk or sqrt.

    With `points` the value lies on straight lines between them, by batch.
    """

    name: str
    slope: float = 0.0
    floor: float = 0.0
    rule: str = ""
    size: float = 0.0
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCoefficients:
    """All runs of one operator on the busiest GPU: seconds and counts as pairs of (variable, coefficient).

    `sharpness` p joins compute and memory to (c^p + m^p)^(1/p); None: the larger. `fixed_s` comes on top.
    """

    name: str
    kind: str
    rate: str
    format: str
    compute_s: Terms
    memory_s: Terms
    sharpness: float | None
    fixed_s: float
    flops: Terms
    weight_bytes: Terms
    kv_bytes: Terms
    activation_bytes: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCoefficients:
    """One algorithm of a collective: for buffers of at most `max_bytes` (None: any)."""

    latency_s: float
    s_per_byte: float
    max_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCoefficients:
    """One collective, all its runs; `size` is the buffer of one. `beside`: it runs beside the other half's work."""

    name: str
    kind: str
    size: Terms
    lines: tuple[LineCoefficients, ...]
    count: float
    wait_s: float
    beside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """A decode step as numbers. `host_s` + `host_per_batch_s` * batch is time of the host.

    `rounds` turns a pass into the time between two tokens of a request: pipeline stages wait for the fullest.
    `compute`, `weights`, `kv` and `activations` are parts of a pass in seconds, each alone: they do not add up.
    """

    variables: tuple[VariableCoefficients, ...]
    rows: tuple[RowCoefficients, ...]
    links: tuple[LinkCoefficients, ...]
    compute: Terms
    weights: Terms
    kv: Terms
    activations: Terms
    overlap: float
    host_s: float
    host_per_batch_s: float
    rounds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTerm:
    """`bytes_per_token` for each token of a context, at most `keeps` of them (None: all)."""

    bytes_per_token: float
    keeps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCoefficients:
    """The cache of one GPU. A sequence of `context` + `beyond` tokens takes whole pages of `page_tokens`.

    `most` is what the engine runs at once, `groups` the data-parallel groups with a cache each.
    """

    pool_bytes: float
    page_tokens: float
    beyond: float
    state_bytes: float
    terms: tuple[CacheTerm, ...]
    groups: float
    most: float


def _batches(most: float) -> tuple[float, ...]:
    points = math.ceil(math.log2(max(most, 2.0)) * _POINTS_PER_OCTAVE)
    return tuple(2.0 ** (at / _POINTS_PER_OCTAVE) for at in range(points + 1))


def _variable(timed: Timed, position: int, most: float) -> VariableCoefficients:
    """A variable of a decode pass with one new token a sequence."""
    program = timed.program
    layout, variable = program.layout, program.variables[position]
    if position < len(FIXED_VARIABLES):
        name = FIXED_VARIABLES[position]
        if position in (ONE, DECODE):
            return VariableCoefficients(name=name, floor=1.0)
        if position == STAGE_TOKENS:
            return VariableCoefficients(name=name, slope=1.0)
        if "prefill" in name:
            return VariableCoefficients(name=name)
        return VariableCoefficients(name=name, slope=1.0 / (layout.dp * layout.cp), floor=1.0)
    if variable.kind == "touched":
        at = _batches(most)
        met = (touched(variable.size, variable.chance, batch, layout.ep, timed.profile.routing, SCALAR) for batch in at)
        points = ((float(f"{batch:.7g}"), float(f"{number:.7g}")) for batch, number in zip(at, met, strict=True))
        return VariableCoefficients(name="experts met", points=tuple(points))
    if variable.part == "prefill":
        return VariableCoefficients(name="prefill")
    rule = variable.rule
    if rule.kind == "none":
        return VariableCoefficients(name=variable.kind)
    return VariableCoefficients(
        name=variable.kind, slope=1.0 / layout.dp, floor=1.0, rule=rule.kind, size=float(rule.size)
    )


def _times(form: Form, factor: float = 1.0) -> Terms:
    return tuple((position, float(coefficient) * factor) for position, coefficient in form if coefficient)


def _joined(*forms: Terms) -> Terms:
    sums: dict[int, float] = {}
    for form in forms:
        for position, coefficient in form:
            sums[position] = sums.get(position, 0.0) + coefficient
    return tuple(sorted(sums.items()))


def _row(timed: Timed, row: Operator, system: System) -> RowCoefficients:
    found = row_s(row, _PRESENT[row.part], timed.program, system, timed.profile, True)
    count = float(row.count)
    return RowCoefficients(
        name=row.name, kind=row.kind, rate=row.rate, format=row.format, compute_s=_times(found.compute),
        memory_s=_times(found.memory), sharpness=None if found.sharpness == math.inf else max(found.sharpness, 1.0),
        fixed_s=float(found.fixed_s), flops=_times(row.flops, count), weight_bytes=_times(row.weights, count),
        kv_bytes=_joined(_times(row.kv_read, count), _times(row.kv_write, count)),
        activation_bytes=_times(row.activations, count),
    )  # fmt: skip


def _link(timed: Timed, row: Operator, system: System) -> LinkCoefficients:
    found, comm = bound_link(row, timed.program, system, timed.profile), row.comm
    assert comm is not None
    lines = tuple(
        LineCoefficients(
            latency_s=float(line.latency_s), s_per_byte=float(line.s_per_byte),
            max_bytes=None if line.max_bytes == math.inf else float(line.max_bytes),
        )
        for line in found.lines
        if not line.prompts
    )  # fmt: skip
    return LinkCoefficients(
        name=row.name, kind=comm.kind, size=_times(found.size), lines=lines, count=float(found.count),
        wait_s=float(found.wait_s), beside=found.beside,
    )  # fmt: skip


def coefficients_of(timed: Timed, system: System, *, most: float) -> Coefficients:
    """The decode step of a program whose layout is one, not many, for batches up to `most`."""
    program, profile = timed.program, timed.profile
    if program.vectorised:
        raise InputError("layout", program.layout, "one layout, not an array of them")
    rows = [row for row in in_halves(program).operators if row.part in _PRESENT]
    parts = [timed.parts["all"], timed.parts["decode"]]
    pp, layers = program.layout.pp, max(program.layers, 1)
    host = profile.host_s + profile.host_per_layer_s * program.layers
    return Coefficients(
        variables=tuple(_variable(timed, position, most) for position in range(len(program.variables))),
        rows=tuple(_row(timed, row, system) for row in rows if row.comm is None),
        links=tuple(_link(timed, row, system) for row in rows if row.comm is not None),
        compute=_joined(*(_times(part.compute) for part in parts)),
        weights=_joined(*(_times(part.weights) for part in parts)),
        kv=_joined(*(_times(part.kv) for part in parts)),
        activations=_joined(*(_times(part.activations) for part in parts)),
        overlap=profile.overlap,
        host_s=host,
        host_per_batch_s=profile.per_sequence_s / program.layout.dp + profile.host_per_token_s,
        rounds=pp * math.ceil(layers / pp) / layers,
    )


def memory_coefficients(
    program: Program, use: MemoryUse, engine: Engine, *, beyond: float, most: float
) -> MemoryCoefficients:
    """The cache beside weights and the rest, as `memory_use` counts it."""
    rules, share = engine.memory, math.ceil(program.layers / program.layout.pp) / max(program.layers, 1)
    terms = [
        CacheTerm(
            bytes_per_token=float(entry.bytes_per_token) * share,
            keeps=None if entry.rule.kind in ("full", "sqrt") else float(entry.rule.size),
        )
        for entry in program.cache
    ]
    if rules.equal_pages and program.padding_bytes_per_token:
        terms.append(CacheTerm(bytes_per_token=float(program.padding_bytes_per_token) * share, keeps=None))
    return MemoryCoefficients(
        pool_bytes=max(float(use.cache_pool_bytes), 0.0), page_tokens=float(rules.block_tokens), beyond=beyond,
        state_bytes=float(program.state_bytes_per_sequence) * share, terms=tuple(terms),
        groups=float(program.layout.dp), most=most,
    )  # fmt: skip
