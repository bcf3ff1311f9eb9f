"""Watts of every point of a space, by the same rule as a deployment's own (`serving.power`)."""

from typing import Any

from tokenroof.planner.points import Points, Space, front_gpus, slice_of
from tokenroof.serving.power import added, decoding_at_once, drawn_w, request_works, shared_power
from tokenroof.types.power import Power
from tokenroof.types.workload import Workload
from tokenroof.xp import NUMPY

__all__ = ["unit_watts"]


def unit_watts(space: Space, points: Points, powers: tuple[Power, ...], rate: Any) -> Any:
    """Mean watts of a GPU of a unit that serves `rate` requests a second; `powers` are of the space's machines."""
    import numpy as np

    found = np.empty(len(points))
    lots = points.form * 64 + points.depth
    for lot in np.unique(lots):
        mine = np.flatnonzero(lots == lot)
        found[mine] = _of_one_format(space, points.take(mine), powers, rate[mine])
    return found


def _of_one_format(space: Space, points: Points, powers: tuple[Power, ...], rate: Any) -> Any:
    import numpy as np

    work = Workload(isl=space.isl, osl=space.osl, prefix=space.prefix)
    form, depth, chunk = int(points.form[0]), int(points.depth[0]), int(points.chunk[0])
    here = np.ones(len(points))  # what memory holds is known: these points were served
    decode = slice_of(space, form, chunk, depth, points.layout, here)
    apart = points.prefill >= 0
    prompt = slice_of(space.prompts, form, chunk, 0, np.where(apart, points.prefill, points.layout), here)
    pools = points.decode_copies * np.array([space.layouts[at].pp for at in points.layout])
    batch = decoding_at_once(rate / pools, space.osl * points.tpot_s, NUMPY)
    works = request_works(decode.timed, prompt.timed, work, batch=batch, passes=space.osl / decode.tokens)
    power = powers[0]
    if len(powers) > 1:
        share = front_gpus(space, points) / points.gpus
        idle_w, limit_w = (
            share * getattr(powers[0], name) + (1.0 - share) * getattr(powers[1], name)
            for name in ("idle_w", "limit_w")
        )
        power = shared_power((powers[0], powers[1]), works, idle_w, limit_w, NUMPY)
    return drawn_w(power, added(*works), rate / points.gpus, NUMPY)
