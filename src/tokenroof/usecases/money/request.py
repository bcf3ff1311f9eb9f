"""The part of a request that says what is served, on what and how; and the layouts that it allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenroof.catalog.profile import profile_for
from tokenroof.errors import InputError
from tokenroof.types.default import Default
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.usecases.money.operating import Infeasible, Operating, cheapest
from tokenroof.usecases.money.serving import Serving, Workload, serving_of, servings

__all__ = ["LAYOUT_DEGREES", "ServingRequest", "candidates_for", "operating_point", "workload_of"]

LAYOUT_DEGREES = ("tp", "pp", "ep", "dp", "cp", "redundant_experts")
_TPOT_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRequest:
    """`layout` gives degrees by name; empty, the cheapest layout is looked for. `tpot_s` is the longest time per
    output token, `concurrency` the sequences in flight on the whole system. `efficiency` auto is the profile of chip
    and engine, peak the speed of light. With `apart` prompts and answers each run in the layout that suits them.
    """

    model: str
    system: str
    isl: float = 4096.0
    osl: float = 512.0
    prefix: float = 0.0
    concurrency: float | None = None
    tpot_s: float | None = None
    layout: Mapping[str, int] = field(default_factory=dict)
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    engine: str = DEFAULT_ENGINE
    efficiency: str = "auto"
    apart: bool = False


def workload_of(request: ServingRequest) -> Workload:
    """Token counts, checked."""
    return Workload(isl=request.isl, osl=request.osl, prefix=request.prefix)


def candidates_for(request: ServingRequest, model: Model, system: System) -> list[Serving]:
    """The layouts that the request allows: the one it names, or all."""
    profile = profile_for(system, request.engine, request.efficiency)
    formats = {"weight_dtype": request.weight_dtype, "kv_dtype": request.kv_dtype}
    if not request.layout:
        return list(servings(model, system, engine=request.engine, profile=profile, **formats))
    degrees: dict[str, Any] = dict(request.layout)
    unknown = sorted(set(degrees) - set(LAYOUT_DEGREES))
    if unknown:
        raise InputError("layout", unknown, f"degrees among {', '.join(LAYOUT_DEGREES)}")
    return [serving_of(model, system, Layout(**degrees), engine=request.engine, profile=profile, **formats)]


def operating_point(
    request: ServingRequest, model: Model, system: System, candidates: list[Serving], defaults: list[Default]
) -> Operating | Infeasible:
    """The cheapest point that the request allows; what it left open is added to `defaults`."""
    tpot_s = request.tpot_s
    if tpot_s is None and request.concurrency is None:
        tpot_s = _TPOT_S
        defaults.append(Default(field="TPOT", value="at most 50 ms", reason="20 tok/s a user"))
    point = cheapest(
        model, system, candidates, workload_of(request), tpot_s=tpot_s, concurrency=request.concurrency,
        apart=request.apart,
    )  # fmt: skip
    if isinstance(point, Operating) and request.concurrency is None:
        why = "the most that memory holds" if point.limit == "memory" else "the most within TPOT"
        defaults.append(Default(field="concurrency", value=f"{point.concurrency:,.0f} sequences", reason=why))
    return point
