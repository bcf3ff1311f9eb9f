"""What a verify step and its drafts take, by batch and depth, and from where on drafts pay no more."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenroof.formulas import speculation
from tokenroof.planner.drafts import host_of_drafts_s
from tokenroof.scenario.deployment import Deployment
from tokenroof.solve import crossing
from tokenroof.usecases.money.drafts import Drafter

__all__ = ["BatchRow", "DepthPoint", "Drafting", "Span", "compute_bound_from", "geometric", "last_paying", "spans_of"]

_FARTHEST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthPoint:
    """One depth at one batch. `tokens` a verify step yields; `compute_bound`: its arithmetic outlasts its reads."""

    depth: int
    tokens: float
    verify_step_s: float
    draft_s: float
    speedup: float
    compute_bound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch: ordinary step, every depth, and the best of them; 0 where no depth pays."""

    batch: float
    step_s: float
    best_depth: int
    best_speedup: float
    tpot_s: float
    tokens_per_s_per_user: float
    output_tokens_per_s: float
    points: tuple[DepthPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Batches between which the best depth pays. `high` None: up to as far as was looked."""

    low: float
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """All that a point needs: target, drafter, mean tokens by depth, context."""

    deployment: Deployment
    drafter: Drafter
    lengths: tuple[float, ...]
    depths: tuple[int, ...]
    context: float

    def step_s(self, batch: float) -> float:
        return float(self.deployment.step(batch, self.context).step_s)

    def verify_step_s(self, batch: float, depth: int) -> float:
        """One step that verifies so many drafts of each request, and what the host has to do with them."""
        base, length = self.deployment, self.context + depth
        host_s = host_of_drafts_s(base.profile, batch, base.layout.dp)
        return float(base.step(batch, length, drafts=float(depth)).step_s) + float(host_s)

    def point(self, batch: float, depth: int, step_s: float) -> DepthPoint:
        times = self.deployment.step(batch, self.context + depth, drafts=float(depth))
        verify_s = self.verify_step_s(batch, depth)
        draft_s = self.drafter.step_s(batch, self.context)
        tokens = self.lengths[depth - 1]
        speedup = speculation.measured_speculation_speedup(
            tokens=tokens, step_s=step_s, verification_s=verify_s, draft_s=draft_s, drafts=float(depth)
        )
        return DepthPoint(
            depth=depth,
            tokens=tokens,
            verify_step_s=verify_s,
            draft_s=draft_s,
            speedup=float(speedup),
            compute_bound=bool(times.compute_s > times.weights_s + times.kv_s),
        )

    def speedup_of(self, depth: int, batch: float) -> float:
        return self.point(batch, depth, self.step_s(batch)).speedup

    def row(self, batch: float) -> BatchRow:
        step_s = self.step_s(batch)
        points = tuple(self.point(batch, depth, step_s) for depth in self.depths)
        best = max(points, key=lambda point: point.speedup)
        pays = best.speedup > 1.0
        tpot_s = step_s / best.speedup if pays else step_s
        return BatchRow(
            batch=batch,
            step_s=step_s,
            best_depth=best.depth if pays else 0,
            best_speedup=best.speedup,
            tpot_s=tpot_s,
            tokens_per_s_per_user=1.0 / tpot_s,
            output_tokens_per_s=self.deployment.replicas * self.deployment.layout.pp * batch / tpot_s,
            points=points,
        )


def geometric(low: float, high: float, n: int) -> list[float]:
    """So many values at equal ratios, ends included."""
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)] if high > low else [low]


def spans_of(curve: list[tuple[float, float]]) -> tuple[Span, ...]:
    """Where a curve of (batch, speed-up) is above 1."""
    spans: list[Span] = []
    for (before, gain), (after, next_gain) in zip([(0.0, 0.0), *curve], curve, strict=False):
        if next_gain > 1.0 and gain <= 1.0:
            spans.append(Span(low=after, high=None))
        elif next_gain <= 1.0 and gain > 1.0:
            spans[-1] = Span(low=spans[-1].low, high=before)
    return tuple(spans)


def last_paying(speedup: Callable[[float], float]) -> float | None:
    """Batch from which on it never pays, beyond memory too; 0: never, None: still at a million sequences."""
    grid = geometric(1.0, _FARTHEST, 60)
    paying = [i for i, batch in enumerate(grid) if speedup(batch) > 1.0]
    if not paying:
        return 0.0
    if paying[-1] == len(grid) - 1:
        return None
    low, high = grid[paying[-1]], grid[paying[-1] + 1]
    return crossing(lambda batch: speedup(batch) > 1.0, low, high, ratio=True, rounds=40)[1]


def compute_bound_from(model: Drafting, depth: int) -> float | None:
    """Least batch whose verify step at this depth is compute-bound; None where none up to a million is."""

    def bound(batch: float) -> bool:
        return model.point(batch, depth, 1.0).compute_bound

    if not bound(_FARTHEST):
        return None
    if bound(1.0):
        return 1.0
    return crossing(lambda batch: not bound(batch), 1.0, _FARTHEST, ratio=True, rounds=60)[1]
