"""What a closed loop that begins at once does to TTFT, said beside the run: its steady state is not the formulas'."""

import math
from dataclasses import replace

import numpy as np

from tokenroof.simulate.requests import IntArray
from tokenroof.types.workload import Load
from tokenroof.usecases.simulate.enough import wave_of
from tokenroof.usecases.simulate.setup import Setup
from tokenroof.usecases.simulate.statistics import Counted

__all__ = ["bunched_load", "in_bunches", "together_notes"]

_MOST_WARMUP = 0.5  # of a run, left out
_ALIKE = 0.25  # of the mean, from the shortest to the longest: clients stay bunched for as long as a run lasts


def _alike(lengths: IntArray) -> bool:
    return bool(np.ptp(lengths) <= _ALIKE * lengths.mean())


def in_bunches(setup: Setup) -> bool:
    """Whether clients stay together for as long as the run lasts: they begin so, and their requests are alike."""
    requests = setup.requests
    return wave_of(setup) > 0 and _alike(requests.isl) and _alike(requests.osl)


def _what(setup: Setup) -> str:
    """Ranks of data-parallel attention that prefill at the same time also stand still less often for each other."""
    return "TTFT is that" if setup.deployment.layout.dp == 1 else "TTFT, and with dp the longer TPOT, are those"


def bunched_load(setup: Setup) -> Load:
    """The load whose closed form is meant: that of bunches, where the engine runs prompts alone and so keeps them."""
    deployment = setup.deployment
    own = in_bunches(setup) and deployment.load.kind == "concurrency" and not deployment.scheduler.mixed
    return replace(deployment.load, range_ratio=1.0) if own else deployment.load


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
    if in_bunches(setup):
        closed = (
            "the closed form below is theirs, that of analyze is of clients in random phases"
            if bunched_load(setup).range_ratio >= 1.0
            else f"the closed form's {_what(setup)} of clients in random phases"
        )
        notes.append(f"clients begin together and lengths are alike, so prompts come in bunches: {closed}")
    return tuple(notes)
