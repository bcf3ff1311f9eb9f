"""What a planner may choose from: layouts on a number of GPUs, number formats, chunk sizes, numbers of requests.

stage     every size up to the scale-up domain; with experts also 1, 2, 3, 4, 6, 8, 9 ... whole domains
pp        1, 2, 3, 4, 6, 8 stages
tp, dp, cp, ep      every legal split of a stage (engine.layout_space); dp of a dense model is more copies of it
dcp       none, twos, or all of the copies of the cache that tp ranks would hold
engine    layouts that its flags can express
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, cast

from tokenroof.engines import engine as engine_of
from tokenroof.mixers.architecture import params_by_class, weight_bytes
from tokenroof.operators.exchange import Exchange
from tokenroof.operators.layout_space import legal_sizes, stage_layouts
from tokenroof.operators.layouts import dcp_limit, is_legal
from tokenroof.types.dtype import dtype
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.model import Model, WeightDtypes

__all__ = [
    "CHUNKS", "Format", "kv_formats", "ladder", "planned_layouts", "stacked", "weight_formats",
]  # fmt: skip

CHUNKS = (2048, 8192, 16384)
_STAGES = (1, 2, 3, 4, 6, 8)
_DEEP = (2, 4, 8, 16)
_SPLITS = (1, 2, 4, 8)
_DEGREES = ("tp", "pp", "ep", "dp", "cp", "dcp", "redundant_experts")
_degrees_of = attrgetter(*_DEGREES)
_SENT = Exchange()


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Number formats of weights and cache. `weights` None and `kv` None: the checkpoint's and the engine's own.

    `own` says that weights are used as the checkpoint has them, `exchange` how tokens reach experts in them.
    """

    name: str
    kv_name: str
    own: bool
    weights: WeightDtypes | None = None
    kv: str | None = None
    exchange: Exchange = _SENT


def weight_formats(model: Model, chip: Chip) -> tuple[str, ...]:
    """The checkpoint's own format, then narrower ones that the chip multiplies natively."""
    sizes = params_by_class(model)
    own = str(getattr(model.weights, max(sizes, key=lambda name: sizes[name])))
    four_bits = "nvfp4" if chip.vendor.lower() == "nvidia" else "mxfp4"
    narrower = (
        name
        for name in ("fp8", four_bits)
        if dtype(name).bytes_per_element < 0.9 * dtype(own).bytes_per_element
        and dtype(name).rate_key in chip.flops_per_s
    )
    return (own, *narrower)


def kv_formats(model: Model, chip: Chip) -> tuple[tuple[str, str | None], ...]:
    """The engine's own format of the cache, and fp8 where the chip computes in it."""
    found: list[tuple[str, str | None]] = [(model.kv_dtype, None)]
    if "fp8" in chip.flops_per_s and dtype(model.kv_dtype).bytes_per_element > 1.0:
        found.append(("fp8", "fp8"))
    return tuple(found)


def _sizes(model: Model, system: System, width: str) -> list[int]:
    domain = min(system.domain_size, system.n_chips)
    if width == "usual":
        sizes = {domain, *(1 << power for power in range(domain.bit_length()))}
        counts = [1 << power for power in range(1, (system.n_chips // domain).bit_length())]
    else:
        sizes = set(range(1, domain + 1))
        counts = [count for count in legal_sizes(system.n_chips // domain) if count > 1]
    if model.has_experts:
        sizes |= {domain * count for count in counts}
    return sorted(size for size in sizes if size <= system.n_chips)


def _depths(model: Model, system: System, width: str, pinned: dict[str, int]) -> list[int]:
    """Pipeline stages to try. Usual: none, but where one domain cannot hold the weights."""
    domain = min(system.domain_size, system.n_chips)
    if width == "usual":
        alone = float(weight_bytes(model)) < domain * system.chip.memory_bytes
        stages = {1} if alone else {1, *(pp for pp in _DEEP if pp * domain <= system.n_chips)}
    else:
        stages = set(_STAGES)
    return sorted(stages | ({pinned["pp"]} if "pp" in pinned else set()))


def _sharings(model: Model, layout: Layout, width: str, pinned: dict[str, int]) -> Iterator[Layout]:
    """The layout with a cache on every rank, and with the copies of the tp ranks shared: all of them, or in twos."""
    if "dcp" in pinned:
        wanted = {pinned["dcp"]}
    else:
        most = dcp_limit(model, layout.tp) if width == "all" and layout.cp == 1 else 1
        wanted = {1, *(dcp for dcp in (2, most) if most % dcp == 0)}
    for dcp in sorted(wanted):
        sharing = replace(layout, dcp=dcp)
        if is_legal(model, sharing, uneven_layers=True):
            yield sharing


def planned_layouts(
    model: Model,
    system: System,
    engine: str = "none",
    *,
    width: str = "all",
    fixed: dict[str, int] | None = None,
) -> tuple[tuple[Layout, ...], dict[str, int]]:
    """The layouts to be tried on at most the system's chips, and how many the engine cannot express, by reason.

    `width` all: every size and split. usual: powers of two and whole domains, no context parallelism. `fixed` holds
    degrees to their given values.
    """
    known = engine_of(engine)
    domain = min(system.domain_size, system.n_chips)
    experts = model.has_experts
    found: list[Layout] = []
    refused: Counter[str] = Counter()
    pinned = fixed or {}
    cps = _SPLITS if width == "all" else (1,)
    splits = tuple(sorted({*cps, *([pinned["cp"]] if "cp" in pinned else [])}))
    for pp in _depths(model, system, width, pinned):
        for size in _sizes(model, system, width):
            if size * pp > system.n_chips or (pp > 1 and size > domain):
                continue
            for layout in stage_layouts(model, size, system, pp=pp, cps=splits):
                if any(getattr(layout, name) != value for name, value in pinned.items() if name != "dcp"):
                    continue
                if layout.dp > 1 and not experts and "dp" not in pinned:
                    continue
                for sharing in _sharings(model, layout, width, pinned):
                    reason = known.inexpressible(sharing)
                    if reason:
                        refused[reason] += 1
                    else:
                        found.append(sharing)
    return tuple(found), dict(refused)


def stacked(layouts: Sequence[Layout], form: Format) -> Layout:
    """One Layout for many: degrees and copies of experts are arrays, formats those of `form`."""
    import numpy as np

    make = cast(Callable[..., Layout], Layout)
    table = np.array([_degrees_of(layout) for layout in layouts], dtype=int).reshape(len(layouts), len(_DEGREES))
    degrees: dict[str, Any] = dict(zip(_DEGREES, np.ascontiguousarray(table.T), strict=True))
    degrees["redundant_experts"] = degrees["redundant_experts"].astype(float)
    return form.exchange.on(make(**degrees, weights=form.weights, kv_dtype=form.kv))


def ladder(most: Any, rungs: int) -> Any:
    """Whole numbers from 1 to `most` at equal ratios: one row per rung, one column per element of `most`."""
    import numpy as np

    top = np.maximum(np.floor(most), 1.0)
    steps = np.linspace(0.0, 1.0, rungs)[:, None] if rungs > 1 else np.ones((1, 1))
    return np.rint(top[None, :] ** steps)
