"""Memory that is full while answers grow: who is put back, and what that costs.

vLLM admits whoever's prompt finds free blocks, and makes room for the tokens of running requests later, by putting
back who was admitted last; a request that was put back is prefilled again with all that it had. Counted in steps this
does not depend on how long steps take, so its forms were read off a simulation of lengths alone
(docs/theory/serving.md).
"""

import math
from dataclasses import dataclass

from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.program import Num
from tokenroof.xp import Namespace

__all__ = ["Admitted", "admitted"]

_MANY = 1e9  # requests, where memory is not told
_SIGMAS = 2.0  # by which memory in use strays from its mean before it is full now and then


@dataclass(frozen=True, slots=True)
class Admitted:
    """Of the requests present, means over time: how many are `running`, for each of those how many are `paused`, that
    is put back with a part of their answer, and how many are `waiting` for their first admission.

    `again` times the tokens of a prompt are prefilled for it in all. With more than `full` requests present nothing
    changes any more but those who wait.
    """

    running: Num
    paused: Num
    waiting: Num
    again: Num
    full: Num


def admitted(
    scheduler: Scheduler, layout: Layout, xp: Namespace, *, present: Num, limit: Num, isl: Num, new: Num, osl: Num,
    passes: Num,
) -> Admitted:  # fmt: skip
    """With so many requests present where `limit` of the mean length fit. Prompts have `new` tokens to prefill,
    answers take `passes` of the engine.

    Where somebody always waits every block that comes free is taken by a prompt, so that answers grow out of the blocks
    of those who are put back: as many tokens are lost as are answered, less what blocks of answers that ended in the
    same step cover. Who is put back is of those admitted too many, osl / (isl + osl), and waits while others grow.
    With fewer present nobody waits part of the time.
    """
    inside = xp.minimum(present, limit)
    seats = scheduler.max_sequences * layout.dp
    if not scheduler.puts_back:
        return Admitted(inside, 0.0, present - inside, 1.0 + 0.0 * inside, limit)
    by_memory = limit < seats
    grown = osl / (isl + osl)
    stray = _SIGMAS * osl / math.sqrt(12.0) / (isl + osl / 2.0) / xp.sqrt(xp.minimum(limit / layout.dp, _MANY))
    most = 1.0 + 0.75 * grown**2 + stray  # of the room; beyond it somebody always waits
    asked = present / limit
    pressed = xp.where(by_memory, xp.minimum(xp.maximum(asked - 1.0 + stray, 0.0) / (most - 1.0 + stray), 1.0), 0.0)
    near = xp.where(by_memory, xp.minimum(xp.maximum(asked - 1.0 + stray, 0.0) / stray, 1.0), 0.0)
    crowded = xp.maximum(limit * (1.0 - grown**2 / 6.0 * (1.0 - pressed)), 1.0)
    running = inside - near * xp.maximum(inside - crowded, 0.0)
    paused = xp.where(by_memory, xp.minimum(0.5 * grown**2, (2.0 / 3.0) * (present / running - 1.0)), 0.0)
    together = running / (layout.dp * layout.pp * passes)  # answers that end in a step of a group
    again = 1.0 + xp.sqrt(pressed) * osl / (1.0 + together) / new
    waiting = xp.maximum(present - running * (1.0 + paused), 0.0)
    return Admitted(running, paused, waiting, again, xp.where(by_memory, most * limit, limit))
