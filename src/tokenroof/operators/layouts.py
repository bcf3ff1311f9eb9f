"""Which layouts are legal: every degree must divide what it cuts, fit the machine, and use formats that the chip has.

tp    attention heads; KV heads (or the other way round: then they are copied); recurrent heads; MLP widths
ep    the stage tp * dp * cp, and the experts of a layer with their redundant copies
moe_tp = stage / ep      the width of one expert
pp    layers
dcp   the copies of the cache that tp ranks hold: all of MLA's, of KV heads tp / n_kv
all   tp * dp * cp * pp <= chips of the system
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.types.dtype import dtype
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.model import DenseFfn, Model, MoeFfn

__all__ = ["check_layout", "dcp_limit", "is_legal", "layout_faults", "legal_tp", "stack"]

_DEGREES = ("tp", "pp", "ep", "dp", "cp", "dcp")
_MATMUL_CLASSES = ("attention", "dense", "experts", "shared_experts", "recurrent")


def _cuts(model: Model) -> list[tuple[str, int, bool]]:
    """What tp cuts: name, size, and whether it may also be copied (tp a multiple of the size)."""
    found: dict[tuple[str, int, bool], None] = {}
    for group in model.layers:
        mixer, ffn = group.mixer, group.ffn
        for cut in kind_of(mixer).cuts(mixer):
            found[cut.name, cut.size, cut.copies] = None
        if isinstance(ffn, DenseFfn):
            found["MLP width", ffn.intermediate, False] = None
        elif isinstance(ffn, MoeFfn):
            for name, width in (
                ("shared expert width", ffn.shared_intermediate),
                ("parallel MLP width", ffn.parallel_dense_intermediate),
            ):
                if width:
                    found[name, width, False] = None
    return list(found)


def _cut_ok(tp: int, size: int, copies: bool) -> bool:
    return size % tp == 0 or (copies and tp % size == 0)


def legal_tp(model: Model, limit: int = 1_000) -> tuple[int, ...]:
    """Every tensor-parallel degree up to `limit` that divides all that it cuts."""
    cuts = _cuts(model)
    return tuple(tp for tp in range(1, limit + 1) if all(_cut_ok(tp, size, copies) for _, size, copies in cuts))


def _nearest(value: int, legal: Iterable[int]) -> str:
    choices = sorted(set(legal))
    below = [choice for choice in choices if choice < value][-1:]
    above = [choice for choice in choices if choice > value][:1]
    return "use " + " or ".join(str(choice) for choice in below + above) if choices else ""


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, min(number, 100_000) + 1) if number % d == 0]


def _tp_faults(model: Model, layout: Layout) -> Iterable[InputError]:
    for name, size, copies in _cuts(model):
        if not _cut_ok(layout.tp, size, copies):
            limit = f"a divisor of the {size} {name}" + (" or a multiple" if copies else "")
            yield InputError("tp", layout.tp, limit, _nearest(layout.tp, legal_tp(model)))


def _ep_faults(model: Model, layout: Layout) -> Iterable[InputError]:
    experts = {g.ffn for g in model.layers if isinstance(g.ffn, MoeFfn)}
    if not experts:
        if layout.ep > 1:
            yield InputError("ep", layout.ep, f"1, since {model.id} has no experts", "use tp or dp")
        if layout.redundant_experts:
            yield InputError("redundant_experts", layout.redundant_experts, f"0, since {model.id} has no experts")
        return

    def works(ep: int) -> bool:
        return layout.stage % ep == 0 and all(
            (ffn.n_experts + layout.redundant_experts) % ep == 0 and ffn.intermediate % (layout.stage // ep) == 0
            for ffn in experts
        )

    if works(layout.ep):
        return
    fix = _nearest(layout.ep, (ep for ep in _divisors(layout.stage) if works(ep)))
    if layout.stage % layout.ep:
        yield InputError("ep", layout.ep, f"a divisor of tp * dp * cp = {layout.stage}", fix)
        return
    for ffn in experts:
        slots = ffn.n_experts + layout.redundant_experts
        if slots % layout.ep:
            copies = layout.redundant_experts + -slots % layout.ep
            fix = f"{fix}, or `redundant_experts` {copies}".removeprefix(", or ")
            yield InputError("ep", layout.ep, f"a divisor of the {slots} experts of a layer", fix)
        elif ffn.intermediate % layout.moe_tp:
            limit = f"such that tp * dp * cp / ep = {layout.moe_tp} divides the expert width {ffn.intermediate}"
            yield InputError("ep", layout.ep, limit, fix)


def _pp_faults(model: Model, layout: Layout, uneven_layers: bool) -> Iterable[InputError]:
    layers = model.n_layers
    if uneven_layers:
        if layout.pp > layers:
            yield InputError("pp", layout.pp, f"at most the {layers} layers", f"use {layers}")
    elif layers % layout.pp:
        yield InputError("pp", layout.pp, f"a divisor of the {layers} layers", _nearest(layout.pp, _divisors(layers)))


def dcp_limit(model: Model, tp: int) -> int:
    """Into how many parts tp ranks may share the cache that they would hold in copies; 1 where not every layer can."""
    limit = tp
    for group in model.layers:
        kind = kind_of(group.mixer)
        if not kind.cache_free:
            limit = math.gcd(limit, 1 if kind.cache is None or kind.state else kind.cache.copies(group.mixer, tp))
    return limit


def _dcp_faults(model: Model, layout: Layout) -> Iterable[InputError]:
    if layout.dcp == 1:
        return
    if layout.cp > 1:
        yield InputError("dcp", layout.dcp, "1 where cp is above 1", "leave one of them out")
    limit = dcp_limit(model, layout.tp)
    if limit % layout.dcp:
        fix = _nearest(layout.dcp, _divisors(limit)) if limit > 1 else "a larger tp, or leave dcp out"
        shared = f"copies of the cache on {layout.tp} tp rank{'s' if layout.tp > 1 else ''}"
        yield InputError("dcp", layout.dcp, f"a divisor of the {limit} {shared}, full attention in every layer", fix)


def _smaller(model: Model, layout: Layout, most: int) -> Iterable[str]:
    """Each degree that alone brings a layout down to `most` chips, ep following where it has to."""
    for name in ("tp", "dp", "cp", "pp"):
        for degree in range(most * getattr(layout, name) // layout.n_gpus, 0, -1):
            fitting = replace(layout, **{name: degree})  # type: ignore[arg-type]
            fitting = replace(fitting, ep=min(layout.ep, fitting.stage))
            if not layout_faults(model, fitting, uneven_layers=True):
                yield f"{name} = {degree}" + (f" with ep = {fitting.ep}" if fitting.ep != layout.ep else "")
                break


def _count_faults(model: Model, layout: Layout, system: System) -> Iterable[InputError]:
    if layout.n_gpus > system.n_chips:
        limit = f"at most {system.n_chips} chip{'' if system.n_chips == 1 else 's'} of {system.name}"
        fixes = list(_smaller(model, layout, system.n_chips))
        fix = f"use {' or '.join(fixes)}" if fixes else "lower several degrees"
        yield InputError("tp * dp * cp * pp", layout.n_gpus, limit, fix)


def _computes(chip: Chip, name: str) -> bool:
    """Whether a chip has a rate for a format. Parts older than bf16 run 16-bit models in fp16."""
    key = dtype(name).rate_key
    return key in chip.flops_per_s or (key == "bf16" and "fp16" in chip.flops_per_s)


def _dtype_faults(model: Model, layout: Layout, chip: Chip) -> Iterable[InputError]:
    have = ", ".join(sorted(chip.flops_per_s))
    if layout.arithmetic is not None and layout.arithmetic not in chip.flops_per_s:
        yield InputError("arithmetic", layout.arithmetic, f"a rate of {chip.name}: {have}")
    if not _computes(chip, layout.activation_dtype):
        yield InputError("activation_dtype", layout.activation_dtype, f"a format that {chip.name} computes in: {have}")


def layout_faults(
    model: Model, layout: Layout, system: System | None = None, *, uneven_layers: bool = False
) -> tuple[InputError, ...]:
    """All that is wrong with a layout for a model, and on a system where one is given.

    `uneven_layers` lets pipeline stages differ by a layer, as engines do on request.
    """
    return tuple(_faults(model, layout, system, uneven_layers))


def _faults(model: Model, layout: Layout, system: System | None, uneven_layers: bool) -> Iterator[InputError]:
    """One after the other, so that who asks only whether there are any stops at the first."""
    whole = [
        InputError(name, value, "a whole number, at least 1")
        for name, value in ((name, getattr(layout, name)) for name in _DEGREES)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1
    ]
    copies: Any = layout.redundant_experts
    if not isinstance(copies, int) or isinstance(copies, bool) or copies < 0:
        whole.append(InputError("redundant_experts", copies, "a whole number, at least 0"))
    if whole:
        yield from whole
        return
    for name in (layout.kv_dtype, layout.activation_dtype, layout.collective_dtype, layout.dispatch_dtype):
        if name is not None:
            dtype(name)
    # the count first: a layout that is too large has other faults that would mislead
    if system is not None:
        yield from _count_faults(model, layout, system)
    yield from _tp_faults(model, layout)
    yield from _ep_faults(model, layout)
    yield from _pp_faults(model, layout, uneven_layers)
    yield from _dcp_faults(model, layout)
    if system is not None:
        yield from _dtype_faults(model, layout, system.chip)


def check_layout(model: Model, layout: Layout, system: System | None = None, *, uneven_layers: bool = False) -> None:
    """Raise the first fault of a layout, if it has any."""
    for fault in _faults(model, layout, system, uneven_layers):
        raise fault


def is_legal(model: Model, layout: Layout, system: System | None = None, *, uneven_layers: bool = False) -> bool:
    """Whether a layout has no fault."""
    fits = system is None or layout.n_gpus <= system.n_chips
    return fits and next(_faults(model, layout, system, uneven_layers), None) is None


def stack(layouts: Sequence[Layout]) -> Layout:
    """One Layout whose degrees are arrays, for lowering many at once. They must share formats and copies of experts."""
    import numpy as np

    if not layouts:
        raise InputError("layouts", [], "at least one layout")
    first = layouts[0]
    fields = [name for name in Layout.__dataclass_fields__ if name not in _DEGREES]
    for layout in layouts[1:]:
        for name in fields:
            if getattr(layout, name) != getattr(first, name):
                raise InputError(name, getattr(layout, name), f"{getattr(first, name)!r} as in the first layout")
    make = cast(Callable[..., Layout], Layout)
    shared: dict[str, Any] = {name: getattr(first, name) for name in fields}
    return make(**{name: np.array([getattr(one, name) for one in layouts]) for name in _DEGREES}, **shared)
