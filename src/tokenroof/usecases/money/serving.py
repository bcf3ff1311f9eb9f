"""A model served on a system: the layouts that may hold it, and machine time of decode and prefill in each.

Prefill and decode are timed apart. What a request costs is the sum of both, whether they take turns on the same GPUs
or run on GPUs of their own in proportion to their time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import uniform_dtypes, weight_bytes
from tokenroof.operators.layout_space import stage_layouts
from tokenroof.operators.layouts import check_layout
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.program import totals
from tokenroof.operators.timing import Timed, bind
from tokenroof.types.checks import check_number
from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn
from tokenroof.types.program import Load, Program

__all__ = ["Serving", "Workload", "holders", "largest_batch", "largest_batch_within", "serving_of", "servings"]

_STAGES = (2, 4, 8, 16)
_LONGEST = 1e8
_TIMED_CHUNKS = 32
_MOST_SEQUENCES = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Tokens of one request: all input, of it a prefix found in the cache, and output."""

    isl: float = 4096.0
    osl: float = 512.0
    prefix: float = 0.0

    def __post_init__(self) -> None:
        check_number("isl", self.isl, low=1.0, high=_LONGEST)
        check_number("osl", self.osl, low=1.0, high=_LONGEST)
        check_number("prefix", self.prefix, low=0.0, high=_LONGEST)
        if self.prefix > self.isl - 1.0:
            raise InputError("prefix", self.prefix, f"at most isl - 1 = {self.isl - 1:g}", "one token is always fresh")

    @property
    def fresh(self) -> float:
        """Input tokens that have to be computed."""
        return self.isl - self.prefix

    @property
    def context(self) -> float:
        """Mean length of a sequence while it is decoded."""
        return self.isl + self.osl / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One layout of a model on a system, in as many copies as fit. Times are those of one copy unless said."""

    model: Model
    system: System
    layout: Layout
    engine: str
    profile: Efficiency
    program: Program = field(repr=False)
    timed: Timed = field(repr=False)

    @property
    def copies(self) -> int:
        """Copies of the layout on the system; GPUs that are left over are idle and paid for."""
        return max(self.system.n_chips // self.layout.n_gpus, 1)

    def in_flight(self, batch: float) -> float:
        """Sequences decoded at once on the whole system, with `batch` in each pass of each copy."""
        return self.copies * self.layout.pp * batch

    def step_s(self, batch: float, context: float, drafts: float = 0.0) -> float:
        """One pass over `batch` sequences, each with one new token and `drafts` to be verified."""
        load = Load(batch * (1.0 + drafts), batch, context)
        return float(self.timed.step(decode=load).step_s)

    def decode_s(self, batch: float, context: float) -> float:
        """Time of the whole system for one output token of one sequence."""
        return self.step_s(batch, context) / self.in_flight(batch)

    def prefill_s(self, fresh: float, context: float) -> float:
        """Time of the whole system to prefill one sequence that ends at `context`, in passes as full as the engine's.

        Short prompts share a pass, long ones take several; pieces fill up what is left, so neither count is whole. Of
        many passes only some are timed: a pass's time is all but linear in where it ends.
        """
        chunk = float(engine_of(self.engine).scheduler.token_budget)
        size, passes = min(fresh, chunk), max(1.0, fresh / chunk)
        together = self.layout.dp * chunk / size if fresh < chunk else float(self.layout.dp)
        timed = int(min(passes, _TIMED_CHUNKS))
        first, last = context - fresh + size, context
        total = 0.0
        for number in range(timed):
            end = first + (last - first) * (number + 0.5) / timed
            total += float(self.timed.step(prefill=Load(size * together, together, end)).step_s)
        return total / timed * passes / (together * self.layout.pp * self.copies)

    def prefill_flops(self, fresh: float, context: float) -> float:
        """Arithmetic to prefill one sequence."""
        groups = float(self.layout.dp)
        load = Load(fresh * groups, groups, context)
        return float(totals(self.program, prefill=load).all_flops) * self.layout.stage / groups

    def decode_flops(self, batch: float, context: float) -> float:
        """Arithmetic of one output token."""
        load = Load(batch, batch, context)
        return float(totals(self.program, decode=load).all_flops) * self.layout.stage / batch

    def most_batch(self, context: float) -> float:
        """Sequences of `context` tokens in one pass of one copy that memory holds; with pp, pp passes are in flight."""
        found = memory_use(self.program, self.system, context=context, engine=self.engine).sequences
        return float(found // self.layout.pp)


def _sizes(model: Model, system: System) -> list[int]:
    """Stages worth trying: powers of two up to the scale-up domain, the whole of it; with experts, several domains."""
    domain = min(system.domain_size, system.n_chips)
    sizes = {domain}
    size = 1
    while size <= domain:
        sizes.add(size)
        size *= 2
    experts = any(isinstance(group.ffn, MoeFfn) for group in model.layers)
    size = 2 * domain
    while experts and size <= system.n_chips:
        sizes.add(size)
        size *= 2
    return sorted(sizes)


def serving_of(
    model: Model,
    system: System,
    layout: Layout,
    *,
    engine: str,
    profile: Efficiency,
    weight_dtype: str | None = None,
    kv_dtype: str | None = None,
) -> Serving:
    """A serving in a layout that the caller names; InputError where the layout is not legal."""
    whole = replace(
        layout,
        weights=None if weight_dtype is None else uniform_dtypes(weight_dtype),
        kv_dtype=kv_dtype,
    )
    check_layout(model, whole, system, uneven_layers=True)
    program = lower(model, whole)
    timed = bind(program, system, profile)
    return Serving(
        model=model, system=system, layout=whole, engine=engine, profile=profile, program=program, timed=timed
    )


def servings(
    model: Model,
    system: System,
    *,
    engine: str,
    profile: Efficiency,
    weight_dtype: str | None = None,
    kv_dtype: str | None = None,
) -> Iterator[Serving]:
    """Every legal layout that may hold the weights: within a domain, and over several where one cannot."""
    for name in (weight_dtype, kv_dtype):
        if name is not None:
            dtype(name)
    engine_of(engine)
    weights = None if weight_dtype is None else uniform_dtypes(weight_dtype)
    least = float(weight_bytes(model, weights or model.weights))
    domain = min(system.domain_size, system.n_chips)
    alone = least < domain * system.chip.memory_bytes
    stages = [1] if alone else [pp for pp in _STAGES if pp * domain <= system.n_chips]
    for pp in stages:
        for size in _sizes(model, system):
            if size * pp > system.n_chips or least >= size * pp * system.chip.memory_bytes:
                continue
            for layout in stage_layouts(model, size, system, pp=pp, weights=weights, kv_dtype=kv_dtype):
                program = lower(model, layout)
                yield Serving(
                    model=model, system=system, layout=layout, engine=engine, profile=profile, program=program,
                    timed=bind(program, system, profile),
                )  # fmt: skip


def holders(candidates: list[Serving], context: float) -> list[Serving]:
    """Those whose memory holds at least one sequence of `context` tokens."""
    return [one for one in candidates if one.most_batch(context) >= 1.0]


def largest_batch(time_s: Callable[[float], float], limit_s: float, most: float) -> float:
    """Largest whole batch up to `most` whose time, which never falls with it, is at most `limit_s`; 0 where none is."""
    top = min(most, _MOST_SEQUENCES)
    if top < 1.0 or time_s(1.0) > limit_s:
        return 0.0
    if time_s(float(int(top))) <= limit_s:
        return float(int(top))
    low, high = 1, int(top)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if time_s(float(middle)) <= limit_s else (low, middle)
    return float(low)


def largest_batch_within(serving: Serving, context: float, step_s: float, longest: float) -> float:
    """Largest batch whose decode pass at the mean `context` takes at most `step_s`, with room for `longest` each."""
    return largest_batch(lambda batch: serving.step_s(batch, context), step_s, serving.most_batch(longest))
