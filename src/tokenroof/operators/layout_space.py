"""Which layouts there are: every legal combination of degrees on a number of GPUs, smallest communication first."""

from collections.abc import Iterator

from tokenroof.operators.layouts import is_legal, legal_tp
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn, WeightDtypes
from tokenroof.types.program import Num
from tokenroof.xp import SCALAR, Namespace

__all__ = ["expert_degrees", "layouts_on", "legal_sizes", "spare_experts", "stage_layouts", "units_on"]

_SERVER_GPUS = 8


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def spare_experts(model: Model, ep: int) -> int:
    """Copies of busy experts where nobody says how many: what fills up experts that do not divide; beyond a server one
    on each GPU beside its own, without which the busiest would hold up the others: 32 on 32 GPUs, as DeepSeek serves V3
    (inference system overview, 2025-03).
    """
    sizes = [group.ffn.n_experts for group in model.layers if isinstance(group.ffn, MoeFfn)]
    fill = max((-size % ep for size in sizes), default=0)
    return fill or (ep if sizes and _SERVER_GPUS < ep <= min(sizes) // 2 else 0)


def expert_degrees(model: Model, stage: int) -> tuple[tuple[int, int], ...]:
    """(ep, redundant experts) that split the experts of every layer evenly over a stage.

    Where the experts do not divide by the stage, spare copies of busy experts fill it up: 256 experts on 72 GPUs
    take 32 copies, 4 experts a GPU.
    """
    sizes = {group.ffn.n_experts for group in model.layers if isinstance(group.ffn, MoeFfn)}
    if not sizes:
        return ((1, 0),)
    found = [(ep, spare_experts(model, ep)) for ep in _divisors(stage) if all(size % ep == 0 for size in sizes)]
    if all(ep != stage for ep, _ in found) and len(sizes) == 1:
        (size,) = sizes
        if size >= stage:
            found.append((stage, spare_experts(model, stage)))
    return tuple(found)


def stage_layouts(
    model: Model,
    stage: int,
    system: System,
    *,
    pp: int = 1,
    cps: tuple[int, ...] = (1,),
    weights: WeightDtypes | None = None,
    kv_dtype: str | None = None,
    arithmetic: str | None = None,
) -> Iterator[Layout]:
    """Every legal layout whose stage has `stage` GPUs: tp x dp x cp, and each way to spread the experts."""
    domain = min(system.domain_size, system.n_chips)
    experts = expert_degrees(model, stage)
    for tp in legal_tp(model, min(stage, domain)):
        for cp in cps:
            if stage % (tp * cp):
                continue
            for ep, copies in experts:
                layout = Layout(
                    tp=tp, dp=stage // (tp * cp), cp=cp, pp=pp, ep=ep, redundant_experts=copies, weights=weights,
                    kv_dtype=kv_dtype, arithmetic=arithmetic,
                )  # fmt: skip
                if is_legal(model, layout, system, uneven_layers=pp > 1):
                    yield layout


def legal_sizes(limit: int) -> tuple[int, ...]:
    """Stage sizes worth trying: powers of two, and three times them as in 72-GPU racks, and the limit itself."""
    sizes = {limit}
    for base in (1, 3, 9):
        size = base
        while size <= limit:
            sizes.add(size)
            size *= 2
    return tuple(sorted(sizes))


def layouts_on(model: Model, system: System, n_gpus: int, **formats: object) -> tuple[Layout, ...]:
    """Every single-stage layout on exactly `n_gpus` GPUs of one scale-up domain."""
    return tuple(stage_layouts(model, n_gpus, system, **formats))  # type: ignore[arg-type]


def units_on(system: System, gpus: Num, xp: Namespace = SCALAR) -> Num:
    """Whole units of `gpus` GPUs that a system holds; one that fits in a scale-up domain does not straddle two."""
    domain = min(system.domain_size, system.n_chips)
    whole, rest = divmod(system.n_chips, domain)
    inside = whole * (domain // xp.minimum(gpus, domain)) + rest // gpus
    return xp.where(gpus <= domain, inside, system.n_chips // gpus)
