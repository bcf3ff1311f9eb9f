"""A small robust solver: Gauss-Newton on Huber's loss, with a Gaussian prior on every parameter.

The model is evaluated for many parameter vectors at once, which makes a Jacobian by differences as cheap as a few
plain evaluations. Nothing here knows what is fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Fitted", "Linear", "huber_loss", "huber_weights", "solve", "weighted_quantile"]

Array = Any  # numpy is loaded by those who call, never by an import of this module
_DELTA = 1.345  # 95 % as good as least squares where errors are normal
_REWEIGHTED, _STILL = 12, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The solution, its objective (half the sum of losses and priors), and how many steps it took."""

    x: Array
    objective: float
    steps: int


def huber_loss(residuals: Array, delta: float) -> Array:
    """r^2 / 2 up to delta, then linear."""
    import numpy as np

    size = np.abs(residuals)
    return np.where(size <= delta, 0.5 * residuals**2, delta * (size - 0.5 * delta))


def huber_weights(residuals: Array, delta: float) -> Array:
    """Weights with which least squares takes a step of Huber's loss."""
    import numpy as np

    size = np.abs(residuals)
    return np.where(size <= delta, 1.0, delta / np.maximum(size, 1e-300))


def weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """The smallest value such that those up to it hold `share` of the weight."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    reached = np.cumsum(np.asarray(weights)[order])
    place = int(np.searchsorted(reached, share * reached[-1] * (1.0 - 1e-12)))
    return float(np.asarray(values)[order][min(place, len(order) - 1)])


def solve(
    evaluate: Callable[[Array], Array],
    target: Array,
    sigma: Array,
    *,
    prior: Array,
    width: Array,
    weight: Array = None,
    start: Array = None,
    delta: float = _DELTA,
    steps: int = 20,
    reach: float = 1.0,
    tolerance: float = 1e-6,
) -> Fitted:
    """Minimise sum of weight * huber((evaluate(x) - target) / sigma) + sum((x - prior)^2 / width^2) / 2.

    `evaluate` maps a (k, p) array of parameter vectors to (k, n) predictions. No parameter moves by more than `reach`
    in a step; the step is halved until the objective falls.
    """
    import numpy as np

    x = np.array(prior if start is None else start, dtype=float)
    prior, width = np.asarray(prior, dtype=float), np.asarray(width, dtype=float)
    weight = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=float)
    nudge = 1e-4 * np.maximum(width, 1e-3)

    def objective(points: Array, values: Array) -> Array:
        losses = (weight * huber_loss((values - target) / sigma, delta)).sum(axis=-1)
        return losses + 0.5 * (((points - prior) / width) ** 2).sum(axis=-1)

    best, damping, taken = np.inf, 0.0, 0
    for taken in range(1, steps + 1):  # noqa: B007
        values = evaluate(np.vstack([x, x + np.diag(nudge)]))
        residuals = (values[0] - target) / sigma
        best = float(objective(x, values[0]))
        jacobian = (values[1:] - values[0]) / nudge[:, None] / sigma
        weights = weight * huber_weights(residuals, delta)
        normal = (jacobian * weights) @ jacobian.T + np.diag(1.0 / width**2)
        gradient = (jacobian * weights) @ residuals + (x - prior) / width**2
        move = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        move *= min(1.0, reach / max(float(np.abs(move).max()), 1e-300))
        tries = x + np.array([1.0, 0.5, 0.2, 0.05])[:, None] * move
        scores = objective(tries, evaluate(tries))
        scores = np.where(np.isfinite(scores), scores, np.inf)
        choice = int(np.argmin(scores))
        if scores[choice] >= best:
            if damping > 1e6:
                break
            damping = max(10.0 * damping, 0.1)
            continue
        gain = best - float(scores[choice])
        x, best, damping = tries[choice], float(scores[choice]), damping / 10.0
        if gain < tolerance * (1.0 + best):
            break
    return Fitted(x=x, objective=best, steps=taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Predictions about a point, value + (x - at) slope, and the Gaussian prior of x. `slope`: parameters x cases.

    One Jacobian then serves many fits that differ in which cases they see and how much these weigh.
    """

    at: Array
    value: Array
    slope: Array
    prior: Array
    width: Array

    def predict(self, point: Array) -> Array:
        """Predictions nearby."""
        return self.value + (point - self.at) @ self.slope

    def solve(self, target: Array, sigma: Array, weight: Array, free: Array) -> tuple[Array, Array]:
        """(point, covariance) of the robust fit; what is not `free` (a mask) stays at its prior."""
        import numpy as np

        point: Array = np.where(free, self.at, self.prior)
        slope = self.slope * free[:, None]
        normal = np.diag(1.0 / self.width**2)
        for _ in range(_REWEIGHTED):
            left = (target - self.predict(point)) / sigma
            robust = weight * huber_weights(left, _DELTA)
            scaled = slope / sigma
            normal = (scaled * robust) @ scaled.T + np.diag(1.0 / self.width**2)
            move = np.linalg.solve(normal, (scaled * robust) @ left - (point - self.prior) / self.width**2)
            point = point + np.where(free, move, 0.0)
            if float(np.abs(move).max()) < _STILL:
                break
        return point, np.linalg.inv(normal)
