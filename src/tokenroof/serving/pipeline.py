"""What uneven passes cost where they share pipeline stages."""

from tokenroof.types.program import Num
from tokenroof.xp import Namespace

__all__ = ["stalled_passes"]

_RARE = 1e-6  # below this the difference of two ones is lost in rounding


def stalled_passes(stages: Num, chance: Num, xp: Namespace) -> Num:
    """How many stage times of a longer pass are lost to all, on average, where `chance` of the passes are longer.

    `stages` micro-batches follow each other round the stages and each starts anew when it has left the last one. One
    long pass among short ones is waited for at every stage in turn, so that its excess is lost `stages` times; where
    all of them are long, each is waited for once. In between, a round lasts as long as its longest pass wants, and
    the loss is shared by the long passes in it: (1 - (1 - chance)^stages) / chance.
    """
    rare = xp.maximum(xp.minimum(chance, 1.0), _RARE)
    return xp.where(stages > 1, (1.0 - (1.0 - rare) ** stages) / rare, 1.0)
