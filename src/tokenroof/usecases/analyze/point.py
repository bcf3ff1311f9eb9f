"""One operating point through the operator engine: layout, step by operator, memory per GPU, first token."""

from dataclasses import dataclass, replace

from tokenroof.catalog.profile import claim_level
from tokenroof.errors import InputError
from tokenroof.formulas.architecture import uniform_dtypes
from tokenroof.operators.layout_space import stage_layouts
from tokenroof.operators.layouts import check_layout
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import MemoryUse, memory_use
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import step
from tokenroof.types.efficiency import PEAK, Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn
from tokenroof.types.program import Load, OperatorTime, Program, StepTimes

__all__ = ["OperatingPoint", "OperatorReport", "choose_layout", "operate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """Batch over all copies' dp groups, tokens in and out, cached prefix, engine. `context` is the mean in decode."""

    batch: float
    context: float
    isl: float
    osl: float
    prefix: float = 0.0
    engine: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """What the operator engine says about one point. Times of one pass; `low` and `high` bound the 80 % range."""

    layout: Layout
    layout_why: str
    gpus_used: int
    gpus_idle: int
    step: StepTimes
    low_step_s: float
    high_step_s: float
    table: tuple[OperatorTime, ...]
    memory: MemoryUse
    fits: bool
    prefill_s: float
    prefill_table: tuple[OperatorTime, ...]
    output_tokens_per_s_per_gpu: float
    experts_per_gpu: float | None
    scaleup_bytes_per_step: float
    claim_level: str
    point: OperatingPoint
    profile_notes: tuple[str, ...] = ()


def _formats(model: Model, system: System, weight_dtype: str | None, kv_dtype: str | None) -> dict[str, object]:
    return {
        "weights": None if weight_dtype is None else uniform_dtypes(weight_dtype),
        "kv_dtype": kv_dtype,
    }


def _sizes(system: System) -> tuple[int, ...]:
    """The whole domain, and the largest power of two in it: experts and heads rarely divide by 72."""
    domain = min(system.domain_size, system.n_chips)
    power = 1 << (domain.bit_length() - 1)
    return (domain,) if power == domain else (domain, power)


def choose_layout(
    model: Model, system: System, point: OperatingPoint, profile: Efficiency, formats: dict[str, object]
) -> tuple[Layout, str]:
    """The layout with the quickest step at this batch among those that hold it; else the one that holds most."""
    best: tuple[tuple[bool, float, float], Layout] | None = None
    domain = min(system.domain_size, system.n_chips)
    stages = [1, *(pp for pp in (2, 4, 8) if pp * domain <= system.n_chips)]
    for pp in stages:
        for size in _sizes(system):
            for layout in stage_layouts(model, size, system, pp=pp, **formats):  # type: ignore[arg-type]
                program = lower(model, layout)
                use = memory_use(program, system, context=point.context, engine=point.engine)
                time = step(program, system, sequences=point.batch, context=point.context, profile=profile).step_s
                # among layouts that hold nothing, the one that lacks least: its shortfall is what is reported
                short = use.sequences < point.batch
                key = (short, -use.sequences if short else time, -use.cache_pool_bytes)
                if best is None or key < best[0]:
                    best = (key, layout)
        if best is not None and not best[0][0]:
            break
    if best is None:
        check_layout(model, Layout(**formats), system, uneven_layers=True)  # type: ignore[arg-type]
        raise InputError("layout", f"{model.id} on {system.id}", "divisible by some number of these chips")
    why = "quickest step at this batch that fits" if not best[0][0] else "none holds this batch; this holds most"
    return best[1], why


def _experts_per_gpu(model: Model, layout: Layout) -> float | None:
    for group in model.layers:
        if isinstance(group.ffn, MoeFfn):
            return (group.ffn.n_experts + layout.redundant_experts) / layout.ep
    return None


def _prefill(
    program: Program, system: System, point: OperatingPoint, profile: Efficiency
) -> tuple[float, tuple[OperatorTime, ...]]:
    new = point.isl - point.prefix
    times = step(program, system, sequences=1.0, context=point.isl, new_tokens=new, phase="prefill", profile=profile)
    table = operator_table(program, system, prefill=Load(new, 1.0, point.isl), profile=profile)
    return float(times.step_s), table


def operate(
    model: Model,
    system: System,
    point: OperatingPoint,
    *,
    layout: Layout | None = None,
    weight_dtype: str | None = None,
    kv_dtype: str | None = None,
    profile: Efficiency = PEAK,
) -> OperatorReport:
    """Report on one point; a layout that the caller names is checked, otherwise the best is looked for."""
    formats = _formats(model, system, weight_dtype, kv_dtype)
    if layout is None:
        layout, why = choose_layout(model, system, point, profile, formats)
    else:
        layout, why = replace(layout, **formats), "given"  # type: ignore[arg-type]
        check_layout(model, layout, system, uneven_layers=True)
    program = lower(model, layout)
    copies = max(system.n_chips // layout.n_gpus, 1)
    load = Load(point.batch, point.batch, point.context)
    times = step(program, system, sequences=point.batch, context=point.context, profile=profile)
    memory = memory_use(program, system, context=point.context, engine=point.engine)
    prefill_s, prefill_table = _prefill(program, system, point, profile)
    table = operator_table(program, system, decode=load, profile=profile)
    used = copies * layout.n_gpus
    in_flight = layout.pp * point.batch
    return OperatorReport(
        layout=layout,
        layout_why=why,
        gpus_used=used,
        gpus_idle=system.n_chips - used,
        step=times,
        low_step_s=float(times.step_s) * profile.low,
        high_step_s=float(times.step_s) * profile.high,
        table=table,
        memory=memory,
        fits=bool(memory.sequences >= in_flight),
        prefill_s=prefill_s,
        prefill_table=prefill_table,
        output_tokens_per_s_per_gpu=copies * in_flight / float(times.step_s) / system.n_chips,
        experts_per_gpu=_experts_per_gpu(model, layout),
        scaleup_bytes_per_step=sum(row.comm_bytes for row in table),
        claim_level=claim_level(profile),
        point=point,
        profile_notes=profile.notes,
    )
