"""What uneven passes cost where they share pipeline stages."""

from tokenroof.types.program import Num
from tokenroof.xp import Namespace

__all__ = ["largest_of", "stalled_passes"]

_COUNTED, _MANY = 10, 4.0  # terms of the largest of Poisson counts; means above which it is near normal
_RARE = 1e-6  # below this the difference of two ones is lost in rounding


def stalled_passes(stages: Num, chance: Num, xp: Namespace, together: Num = 1.0) -> Num:
    """How many stage times of a longer pass are lost to all, on average, where `chance` of the passes are longer.

    `stages` micro-batches follow each other round the stages and each starts anew when it has left the last one. One
    long pass among short ones is waited for at every stage in turn, so that its excess is lost `stages` times; where
    all of them are long, each is waited for once. In between, a round lasts as long as its longest pass wants, and
    the loss is shared by the long passes in it: (1 - (1 - chance)^stages) / chance. Where `together` of them follow
    each other, as the chunks of a prompt do, they are waited for at together + stages - 1 places in all and not at
    stages each.
    """
    places = (together + stages - 1.0) / together
    rare = xp.maximum(xp.minimum(chance, 1.0), _RARE)
    return xp.where(stages > 1, (1.0 - (1.0 - rare) ** places) / rare, 1.0)


def largest_of(groups: Num, mean: Num, xp: Namespace) -> Num:
    """Mean of the largest of `groups` Poisson counts: sum of 1 - F(j)^groups."""
    term = below = xp.exp(-mean)
    total: Num = 0.0
    for count in range(1, _COUNTED):
        total = total + 1.0 - below**groups
        term = term * mean / count
        below = below + term
    spread = 0.85 * xp.sqrt(2.0 * mean * xp.log(groups * 1.0))
    return xp.where(mean > _MANY, mean + spread, xp.maximum(total, mean))
