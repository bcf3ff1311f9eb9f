"""Watts of every point of a space, by the same rule as a deployment's own (`serving.power`)."""

from typing import Any

from tokenroof.planner.points import Points, Space, slice_of
from tokenroof.serving.power import decoding_at_once, drawn_w, request_work
from tokenroof.types.power import Power
from tokenroof.types.workload import Workload
from tokenroof.xp import NUMPY

__all__ = ["unit_watts"]


def unit_watts(space: Space, points: Points, power: Power, rate: Any) -> Any:
    """Mean watts of a GPU of a unit that serves `rate` requests a second."""
    import numpy as np

    found = np.empty(len(points))
    lots = points.form * 64 + points.depth
    for lot in np.unique(lots):
        mine = np.flatnonzero(lots == lot)
        found[mine] = _of_one_format(space, points.take(mine), power, rate[mine])
    return found


def _of_one_format(space: Space, points: Points, power: Power, rate: Any) -> Any:
    import numpy as np

    work = Workload(isl=space.isl, osl=space.osl, prefix=space.prefix)
    form, depth, chunk = int(points.form[0]), int(points.depth[0]), int(points.chunk[0])
    here = np.ones(len(points))  # what memory holds is known: these points were served
    decode = slice_of(space, form, chunk, depth, points.layout, here)
    apart = points.prefill >= 0
    prompt = slice_of(space, form, chunk, 0, np.where(apart, points.prefill, points.layout), here)
    pools = points.decode_copies * np.array([space.layouts[at].pp for at in points.layout])
    batch = decoding_at_once(rate / pools, space.osl * points.tpot_s, NUMPY)
    done = request_work(decode.timed, prompt.timed, work, batch=batch, passes=space.osl / decode.tokens)
    return drawn_w(power, done, rate / points.gpus, NUMPY)
