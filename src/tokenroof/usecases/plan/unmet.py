"""Where nothing meets the limits: which limit binds, the best that can be had, and the cheapest change that helps."""

from collections.abc import Mapping
from typing import Any

from tokenroof.mixers.architecture import weight_bytes
from tokenroof.operators.layouts import legal_tp
from tokenroof.planner.disaggregated import Workers, decode_workers, prefill_workers
from tokenroof.planner.points import Points, Space, slice_of
from tokenroof.scenario.slo import statistic
from tokenroof.units import format_figures
from tokenroof.usecases.plan.answer import Unmet
from tokenroof.usecases.plan.pick import Terms, label_of
from tokenroof.usecases.plan.score import Scored

__all__ = ["beyond", "limit_text", "said", "unmet_empty", "unmet_of", "what_words"]

_SLACK = 1.0 + 1e-9


def beyond(terms: Terms, points: Points, scored: Scored) -> dict[str, int]:
    """Combinations with no point inside the limits, by the limit that keeps them out."""
    import numpy as np

    slo = terms.slo
    key = points.combination * 2 + (points.prefill >= 0)
    _, which = np.unique(key, return_inverse=True)
    which = which.ravel()

    def some(mask: Any) -> Any:
        return np.bincount(which, weights=mask.astype(float)) > 0

    ttft = points.ttft_s <= (np.inf if slo.ttft_s is None else slo.ttft_s * _SLACK)
    tpot = points.tpot_s <= (np.inf if slo.tpot_s is None else slo.tpot_s * _SLACK)
    met, either_ttft, either_tpot, both = some(scored.met), some(ttft), some(tpot), some(ttft & tpot)
    counts = {
        "TTFT": int((~either_ttft & either_tpot).sum()),
        "TPOT": int((either_ttft & ~either_tpot).sum()),
        "TTFT and TPOT": int((~either_ttft & ~either_tpot).sum() + (either_ttft & either_tpot & ~both).sum()),
        "GPUs": int((both & ~met).sum()),
    }
    return {name: count for name, count in counts.items() if count}


def _pinned(terms: Terms) -> str:
    return " and ".join(f"{machine.n_chips} x {machine.chip.name}" for machine in terms.space.machines)


def unmet_empty(terms: Terms, held: Mapping[str, int], refused: Mapping[str, int]) -> Unmet:
    """No deployment at all: no layout, or none that holds a request, or no room for workers of both roles."""
    import numpy as np

    space = terms.space
    every = np.arange(len(space.layouts))
    if space.front is not None and space.layouts and space.prompts.layouts:
        who = _role_without_room(terms)
        if who:
            return Unmet(binding="memory", reason=who)
    if space.layouts:
        if all(slice_of(space, at, min(space.chunks), 0, every).most.max() < 1 for at in range(len(space.formats))):
            return _unmet_memory(terms)
        return Unmet(
            binding="layout",
            reason=f"no prefill worker and decode worker that hold a request fit on {_pinned(terms)} together",
        )
    with_held = " with " + ", ".join(f"{name} = {value}" for name, value in held.items()) if held else ""
    if refused:
        why = "; ".join(refused)
        return Unmet(binding="layout", reason=f"{space.engine} has no flags for a layout{with_held}: {why}")
    reason = f"no layout{with_held} divides {space.model.name} over {_pinned(terms)}"
    if "tp" in held:
        reason += f"; tp can be {', '.join(map(str, legal_tp(space.model, space.system.n_chips)))}"
    return Unmet(binding="layout", reason=reason)


def _role_without_room(terms: Terms) -> str:
    """Which role has no layout on its machine that holds what it must."""
    space = terms.space
    for role, side, found in (("prefill", space.prompts, prefill_workers), ("decode", space, _decoders)):
        if not any(found(side, form).gpus.size for form in range(len(space.formats))):
            what = f"one request of {space.isl + space.osl:,.0f} tokens"
            what = "the prompts of a full pass" if role == "prefill" else what
            return f"no layout of {role} workers holds {what} on {side.system.n_chips} x {side.system.chip.name}"
    return ""


def _decoders(space: Space, form: int) -> Workers:
    return decode_workers(space, form, 0)[0]


def _unmet_memory(terms: Terms) -> Unmet:
    """No layout holds one request."""
    space = terms.space
    system = space.system
    form = min(space.formats, key=lambda one: weight_bytes(space.model, one.weights or space.model.weights))
    weights = weight_bytes(space.model, form.weights or space.model.weights)
    room = (system.chip.usable_memory_bytes or system.chip.memory_bytes) * system.n_chips
    return Unmet(
        binding="memory",
        reason=f"no layout holds one request of {space.isl + space.osl:,.0f} tokens: {weights / 1e9:,.0f} GB of "
        f"weights in {form.name}, {room / 1e9:,.0f} GB on {_pinned(terms)}, of which {space.engine} keeps a part",
    )


def what_words(terms: Terms, points: Points, at: int) -> str:
    """The deployment of a point in words."""
    space = terms.space
    front = int(points.prefill[at])
    label = label_of(
        space.layouts[int(points.layout[at])], None if front < 0 else space.prompts.layouts[front],
        int(points.prefill_copies[at]), int(points.decode_copies[at]),
    )  # fmt: skip
    form = space.formats[int(points.form[at])]
    depth = int(points.depth[at])
    drafts = f", {depth} draft{'s' if depth > 1 else ''}" if depth else ""
    return f"{label}, {form.name} weights, {form.kv_name} KV{drafts}"


def _at(terms: Terms, points: Points, at: int) -> str:
    held = int(points.concurrency[at])
    return f"{what_words(terms, points, at)}, {held} request{'s' if held > 1 else ''} at once"


def limit_text(terms: Terms, name: str, seconds: float) -> str:
    """A limit to be given for so many seconds to be inside: `ttft 250ms`, `ttft p99:250ms`."""
    field = name.removesuffix("_s")
    percentile = getattr(terms.slo, f"{field}_percentile")
    before = "" if percentile is None else f"{statistic(percentile)}:"
    return f"{field} {before}{_ms(terms.as_given(name, seconds))}"


def unmet_of(terms: Terms, points: Points, scored: Scored) -> Unmet:
    """Why no point is inside the limits, and the limits that would be met."""
    import numpy as np

    slo, inf = terms.slo, np.inf
    ttft_limit, tpot_limit = slo.ttft_s or inf, slo.tpot_s or inf
    usable = points.rate > 0
    ttft_ok, tpot_ok = usable & (points.ttft_s <= ttft_limit), usable & (points.tpot_s <= tpot_limit)
    best_ttft, best_tpot = float(points.ttft_s[usable].min()), float(points.tpot_s[usable].min())
    if (ttft_ok & tpot_ok).any():
        return _too_few_gpus(terms, points, scored, ttft_ok & tpot_ok)

    def ttft(at: int) -> str:
        return limit_text(terms, "ttft_s", float(points.ttft_s[at]))

    def tpot(at: int) -> str:
        return limit_text(terms, "tpot_s", float(points.tpot_s[at]))

    def beyond(name: str, planned: float) -> str:
        asked = getattr(terms.asked, name)
        return said(planned) + ("" if asked == planned else f", what it takes to hold {said(asked)} as surely as asked")

    def least(values: Any, where: Any) -> int:
        return int(np.flatnonzero(where)[np.argmin(values[where])])

    by_ttft = least(points.ttft_s, tpot_ok) if tpot_ok.any() else None
    by_tpot = least(points.tpot_s, ttft_ok) if ttft_ok.any() else None
    changes = []
    if by_ttft is not None:
        changes.append((points.ttft_s[by_ttft] / ttft_limit, ttft(by_ttft), by_ttft))
    if by_tpot is not None:
        changes.append((points.tpot_s[by_tpot] / tpot_limit, tpot(by_tpot), by_tpot))
    if not changes:
        both = least(np.maximum(points.ttft_s / ttft_limit, points.tpot_s / tpot_limit), usable)
        changes.append((inf, f"{ttft(both)}, {tpot(both)}", both))
    changes.sort(key=lambda change: change[0])
    if by_ttft is None and by_tpot is None:
        binding, reason = (
            "TTFT and TPOT",
            (f"neither limit can be met: TTFT is {said(best_ttft)} and TPOT {said(best_tpot)} at best"),
        )
    elif by_ttft is None:
        binding, reason = "TPOT", f"TPOT is {said(best_tpot)} at best, above {beyond('tpot_s', tpot_limit)}"
    elif by_tpot is None:
        binding, reason = "TTFT", f"TTFT is {said(best_ttft)} at best, above {beyond('ttft_s', ttft_limit)}"
    else:
        binding = changes[0][1].split()[0].upper()
        reason = (
            f"each limit can be met, not both: TTFT is {said(points.ttft_s[by_ttft])} at best where TPOT holds, "
            f"TPOT {said(points.tpot_s[by_tpot])} where TTFT holds"
        )
    return Unmet(
        binding=binding, reason=reason, best_ttft_s=best_ttft, best_tpot_s=best_tpot,
        changes=tuple(f"{flags} ({_at(terms, points, at)})" for _, flags, at in changes),
    )  # fmt: skip


def _too_few_gpus(terms: Terms, points: Points, scored: Scored, inside: Any) -> Unmet:
    import numpy as np

    positions = np.flatnonzero(inside)
    best = positions[np.argmin(scored.paid[positions])]
    need, have = int(scored.paid[best]), terms.gpus or terms.space.system.n_chips
    rate = float((points.rate * np.floor(have / points.gpus))[positions].max())
    limited = terms.slo.ttft_s is not None or terms.slo.tpot_s is not None
    why = "within the limits" if limited else "to have none of its requests only wait"
    good, changes = "", [f"gpus {need} ({_at(terms, points, int(best))})"]
    if rate > 0.0:  # else no unit fits at all
        good = f", good for about {format_figures(rate)} requests/s"
        changes.append(f"request_rate {rate * 0.999:.3g}")
    return Unmet(
        binding="GPUs",
        reason=f"the load needs {need} GPUs {why}, and there are {have}{good}",
        best_ttft_s=float(points.ttft_s[positions].min()),
        best_tpot_s=float(points.tpot_s[positions].min()),
        changes=tuple(changes),
    )


def said(seconds: float) -> str:
    """The same number in a sentence."""
    number, unit = _ms(seconds)[:-2], "ms"
    return f"{float(number):,.6g} {unit}"


def _ms(seconds: float) -> str:
    """Rounded up, so that it is met when it is given back as a limit."""
    value = float(seconds) * 1e3
    digits = max(0, 3 - len(str(int(value)))) if value < 1000 else 0
    step = 10.0**-digits
    return f"{-(-value // step) * step:.{digits}f}ms"
