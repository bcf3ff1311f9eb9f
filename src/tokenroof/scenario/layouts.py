"""Which layout a scenario takes where it names none: the best of the usual ones under its load."""

from collections.abc import Callable, Iterable

from tokenroof.errors import InputError
from tokenroof.operators.layouts import check_layout
from tokenroof.planner.space import planned_layouts
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model

__all__ = ["apart_label", "chosen", "layout_label", "unit_label", "usual_layouts"]

_BATCH = "quickest TPOT at this batch"
_MOST = "most requests/s that memory and limits allow"
_ASKED = "most requests/s under this load"
_NONE = "no layout holds this load; this one has most room"
_LATE = "no layout keeps the limits; this one comes nearest"


def usual_layouts(model: Model, system: System, engine: str, replicas: int | None) -> tuple[Layout, ...]:
    """The degrees that people use: powers of two and whole domains, pipelines only where one domain is too small."""
    found, _ = planned_layouts(model, system, engine, width="usual")
    if replicas is not None:
        found = tuple(layout for layout in found if layout.n_gpus * replicas <= system.n_chips)
    return found


def chosen(deployments: Iterable[Deployment]) -> Deployment:
    """The best of some layouts of one scenario; where none keeps the limits the nearest to them, else the roomiest."""
    best: Deployment | None = None
    best_key: tuple[float, ...] = ()
    fallback: Deployment | None = None
    fallback_key: tuple[float, ...] = ()
    for one in deployments:
        if best is not None and _hopeless(one, -best_key[1]):
            continue
        served = one.serve()
        if served.fits:
            speed = served.tpot_s if one.load.kind in ("batch", "static") else -served.requests_per_s
            # all that keep up with arrivals serve the same
            stay_s = served.e2e_s if one.load.kind == "request_rate" and not served.saturated else 0.0
            key = (float(bool(one.missed(served))), speed, stay_s, float(one.layout.n_gpus))
            if best is None or key < best_key:
                best, best_key = one, key
        if best is None:
            short = _shortcoming(one)
            if fallback is None or short < fallback_key:
                fallback, fallback_key = one, short
    found = best or fallback
    if found is None:
        raise InputError("layout", "none", "one that divides the model over these GPUs", "another number of GPUs")
    return found


def _shortcoming(one: Deployment) -> tuple[float, ...]:
    """How far a layout is from what is asked: from the limits with one request at once, else from having room."""
    room = one.room()
    if not one.fits:
        return (1.0, -room, -float(one.memory().cache_pool_bytes))
    alone, limits = one.closed(1.0, room=room), one.limits
    times = ((float(alone.tpot_s) / one.tokens_per_step, limits.tpot_s), (float(alone.ttft_s), limits.ttft_s))
    return (0.0, max((seconds / limit for seconds, limit in times if limit), default=0.0), float(one.layout.n_gpus))


def _hopeless(one: Deployment, requests_per_s: float) -> bool:
    """Whether a full deployment surely serves fewer requests than another: one look where a search takes ten.

    At the limit on TPOT the rate is requests at once over osl * TPOT, so to serve as many it needs about that many at
    once. A tenth is left for what the estimate leaves out.
    """
    limit_s = one.limits.tpot_s
    if one.load.kind != "fill" or limit_s is None:
        return False
    room = one.room()
    if room < 1.0:
        return False
    needed = 0.9 * requests_per_s / one.replicas * one.workload.osl * limit_s
    found = one.closed(max(1.0, min(needed, room)), room=room)
    if needed > room:
        return float(found.requests_per_s) * one.replicas < 0.9 * requests_per_s
    return needed > 1.0 and float(found.tpot_s) / one.tokens_per_step > limit_s


def reason(deployment: Deployment, fits: bool) -> str:
    """Why `chosen` took it, in words."""
    if not fits:
        return _LATE if deployment.fits else _NONE
    kind = deployment.load.kind
    return _BATCH if kind in ("batch", "static") else _MOST if kind == "fill" else _ASKED


def layout_label(layout: Layout, replicas: int = 1) -> str:
    """`tp4`, `dp8 ep8`, `2 replicas of tp4`; one GPU where nothing is cut."""
    degrees = {name: getattr(layout, name) for name in ("tp", "pp", "dp", "cp", "dcp", "ep")}
    shape = " ".join(f"{name}{degree}" for name, degree in degrees.items() if degree > 1) or "tp1"
    return shape if replicas == 1 else f"{replicas} replicas of {shape}"


def apart_label(front: Layout, prefill_workers: int, back: Layout, decode_workers: int) -> str:
    """`5 x (tp4) : 1 x (dp32 ep32)`: prompts, then answers."""
    return f"{prefill_workers} x ({layout_label(front)}) : {decode_workers} x ({layout_label(back)})"


def unit_label(deployment: Deployment, replicas: int = 1) -> str:
    """The layout of a deployment, or both where prompts and answers have workers of their own: `1 x (tp4) : 2 x (tp2)`.

    Where they have machines of their own these are named.
    """
    split = deployment.prefill_workers
    if split is None:
        return layout_label(deployment.layout, replicas)
    shape = apart_label(split.layout, split.workers, deployment.layout, split.decode_workers)
    if split.own_machine:
        front, back = shape.split(" : ")
        shape = f"{front} on {split.system.id} : {back} on {deployment.system.id}"
    return shape if replicas == 1 else f"{replicas} replicas of {shape}"


def legal(model: Model, layout: Layout, system: System, make: Callable[[Layout], Deployment]) -> Deployment:
    """A layout that the scenario names; InputError where it is not legal."""
    check_layout(model, layout, system, uneven_layers=True)
    return make(layout)
