"""What a closed loop that begins at once does to TTFT, said beside the run: its steady state is not the formulas'."""

import math

import numpy as np

from tokenroof.simulate.requests import IntArray
from tokenroof.usecases.simulate.enough import wave_of
from tokenroof.usecases.simulate.setup import Setup
from tokenroof.usecases.simulate.statistics import Counted

__all__ = ["together_notes"]

_MOST_WARMUP = 0.5  # of a run, left out
_ALIKE = 0.25  # of the mean, from the shortest to the longest: clients stay bunched for as long as a run lasts


def _alike(lengths: IntArray) -> bool:
    return bool(np.ptp(lengths) <= _ALIKE * lengths.mean())


def together_notes(setup: Setup, found: Counted) -> tuple[str, ...]:
    """Why the TTFT of a closed loop is above the closed form's: requests of the first wave that are counted, and
    clients that end together, and so come back together, because their requests are alike.
    """
    requests, wave = setup.requests, wave_of(setup)
    if not wave:
        return ()
    early = max(wave - found.warmup, 0)
    notes = []
    if early:
        share = math.ceil(100.0 * wave / len(requests.isl)) / 100.0
        fix = f"`warmup` {share:g} leaves them out" if share <= _MOST_WARMUP else "more `requests` would leave them out"
        notes.append(
            f"{early:,} of the {wave:,} that begin at once are counted, and wait for each other's prompts: {fix}"
        )
    if _alike(requests.isl) and _alike(requests.osl):
        notes.append(
            "clients begin together and lengths are alike, so prompts come in bunches: the closed form's TTFT is that "
            "of clients in random phases"
        )
    return tuple(notes)
