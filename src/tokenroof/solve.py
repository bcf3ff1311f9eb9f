"""The searches that everything here needs: the largest whole number that passes, and where a function crosses."""

from collections.abc import Callable

from tokenroof.xp import SCALAR, Namespace, Num

__all__ = ["crossing", "falling_root", "largest_whole"]

_MOST = 1e100  # of a value: beyond it, and at infinities, one is as good as another


def largest_whole(passes: Callable[[float], bool], low: int, high: int) -> int:
    """Largest whole number from `low` to `high` that passes, where all below it do too; `low` - 1 where none does."""
    if high < low or not passes(float(low)):
        return low - 1
    if passes(float(high)):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(float(middle)) else (low, middle)
    return low


def crossing(
    below: Callable[[float], bool], low: float, high: float, *, ratio: bool = False, rounds: int = 100
) -> tuple[float, float]:
    """Narrows [low, high] to the place where `below` turns from true to false: the last true, the first false.

    With `ratio` the middle is the geometric one, for quantities that span orders of magnitude.
    """
    for _ in range(rounds):
        middle = (low * high) ** 0.5 if ratio else (low + high) / 2.0
        if not low < middle < high:
            break
        low, high = (middle, high) if below(middle) else (low, middle)
    return low, high


def falling_root(
    value: Callable[[Num], Num],
    low: Num,
    high: Num,
    *,
    tolerance: float = 1e-8,
    rounds: int = 60,
    xp: Namespace = SCALAR,
) -> Num:
    """Where a falling `value` reaches 0: the last place found that is not below it, or `low` where even that is below.

    Chandrupatla 1997: the inverse parabola through three places where it is sure to stay in its half, the middle where
    it is not, as at a jump or an infinity. A smooth value takes about eight calls where halving takes thirty; a jump
    takes those thirty. Arrays are narrowed together, each element as if it were alone.
    """
    near, far = high, low
    at_near = _finite(value(near), xp)
    if _every(at_near >= 0.0):
        return high
    at_far = _finite(value(far), xp)
    if _every(at_far < 0.0):
        return low
    found = (at_near >= 0.0) | (at_far < 0.0)
    share = xp.minimum(xp.maximum(_over(at_near, at_near - at_far, xp), 0.0), 1.0)
    for _ in range(rounds):
        wide = far - near
        least = 0.5 * tolerance * xp.maximum(abs(near), abs(far)) * _over(1.0, abs(wide), xp)
        found = found | (at_near == 0.0) | (least >= 0.5)
        if _every(found):
            break
        middle = near + wide * xp.where(found, 0.0, xp.minimum(xp.maximum(share, least), 1.0 - least))
        at_middle = xp.where(found, at_near, _finite(value(middle), xp))
        same = (at_middle >= 0.0) == (at_near >= 0.0)
        last, at_last = xp.where(same, near, far), xp.where(same, at_near, at_far)
        far, at_far = xp.where(same, far, near), xp.where(same, at_far, at_near)
        near, at_near = middle, at_middle
        share = _parabola((near, far, last), (at_near, at_far, at_last), xp)
    return xp.where(at_near >= 0.0, near, far)


def _parabola(places: tuple[Num, Num, Num], values: tuple[Num, Num, Num], xp: Namespace) -> Num:
    """Share of the way from the first place to the second at which to look next."""
    (near, far, last), (at_near, at_far, at_last) = places, values
    place = _over(near - far, last - far, xp)
    fallen = _over(at_near - at_far, at_last - at_far, xp)
    share = _over(at_near, at_far - at_near, xp) * _over(at_last, at_far - at_last, xp) + _over(
        last - near, far - near, xp
    ) * _over(at_near, at_last - at_near, xp) * _over(at_far, at_last - at_far, xp)
    return xp.where((fallen**2 < place) & ((1.0 - fallen) ** 2 < 1.0 - place), share, 0.5)


def _finite(value: Num, xp: Namespace) -> Num:
    return xp.minimum(xp.maximum(value, -_MOST), _MOST)


def _over(value: Num, divisor: Num, xp: Namespace) -> Num:
    return value / xp.where(divisor == 0.0, 1.0, divisor)


def _every(found: Num) -> bool:
    return bool(found.all() if hasattr(found, "all") else found)
