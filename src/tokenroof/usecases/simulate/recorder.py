"""What happens in a run over time: kept in a fixed number of windows, however long the run gets.

The simulator tells of each event (one step, or equal ones in a row). Events are collected and worked in together, so
that a run with a recorder is hardly slower than one without.
"""

from array import array
from collections.abc import Callable

import numpy as np

from tokenroof.simulate.requests import FloatArray, IntArray

__all__ = ["WINDOWS", "Recorder"]

WINDOWS = 512
_EPOCHS = 64  # time is told coarser for gaps between tokens
_GAPS_PER_E = 100.0  # logarithmic bins: gaps are told apart by 1 %
_LEAST_GAP_S, _GAP_BINS = 1e-6, 2600  # to 190,000 s
_FIELDS = 6
_EVENTS = 1 << 14
_FIRST_WINDOW_S = 1e-3


class Recorder:
    """A watcher of `tokenroof.simulate.run.simulate`. Call `flush()` before reading.

    By window: `busy_s` seconds of steps, `steps` that decode, `decoded` tokens, `used_s` KV blocks in use times
    seconds. `gaps` counts time between two tokens of one request by epoch and size. `on_tokens` is told now and then
    how many tokens have been decoded.
    """

    def __init__(self, blocks: int, on_tokens: Callable[[int], None] | None = None) -> None:
        self.blocks, self.on_tokens = blocks, on_tokens
        self.width_s = _FIRST_WINDOW_S
        self.busy_s, self.steps, self.decoded, self.used_s = (np.zeros(WINDOWS) for _ in range(4))
        self.gaps = np.zeros((_EPOCHS, _GAP_BINS))
        self.tokens = 0
        self._events = array("d")

    def __call__(self, start: float, end: float, steps: int, decodes: int, tokens: int, free: int) -> None:
        """One step, or several equal ones."""
        self._events.extend((start, end, steps, decodes, tokens, free))
        if len(self._events) >= _FIELDS * _EVENTS:
            self.flush()

    def flush(self) -> None:
        """Work in what has been collected."""
        if not self._events:
            return
        start, end, steps, decodes, _, free = np.array(self._events).reshape(-1, _FIELDS).T
        self._events = array("d")
        while end.max() >= self.width_s * WINDOWS:
            self._double()
        self._over_time(start, end, steps, decodes, free)
        self._gaps_of(start, end, steps, decodes)
        self.tokens += int((steps * decodes).sum())
        if self.on_tokens is not None:
            self.on_tokens(self.tokens)

    def _double(self) -> None:
        """Windows of twice the width."""
        self.width_s *= 2.0
        for name in ("busy_s", "steps", "decoded", "used_s"):
            pairs = getattr(self, name).reshape(-1, 2).sum(axis=1)
            setattr(self, name, np.concatenate((pairs, np.zeros(WINDOWS // 2))))
        pairs = self.gaps.reshape(-1, 2, _GAP_BINS).sum(axis=1)
        self.gaps = np.concatenate((pairs, np.zeros((_EPOCHS // 2, _GAP_BINS))))

    def _over_time(
        self, start: FloatArray, end: FloatArray, steps: FloatArray, decodes: FloatArray, free: FloatArray
    ) -> None:
        """Share each event among the windows that it lies in."""
        low, high = (np.floor(one / self.width_s).astype(np.int64) for one in (start, end))
        parts = high - low + 1
        row = np.repeat(np.arange(len(start)), parts)
        at = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts) + low[row]
        begin = np.maximum(start[row], at * self.width_s)
        seconds = np.maximum(np.minimum(end[row], (at + 1) * self.width_s) - begin, 0.0)
        share = np.divide(seconds, (end - start)[row], out=np.zeros_like(seconds), where=(end > start)[row])
        decoding = (steps * (decodes > 0))[row] * share
        for into, what in (
            (self.busy_s, seconds), (self.steps, decoding), (self.decoded, decoding * decodes[row]),
            (self.used_s, (self.blocks - free)[row] * seconds),
        ):  # fmt: skip
            into += np.bincount(at, weights=what, minlength=WINDOWS)

    def _gaps_of(self, start: FloatArray, end: FloatArray, steps: FloatArray, decodes: FloatArray) -> None:
        """Time between tokens: a step's, and for who decoded before it the steps of prompts in between."""
        rows = np.flatnonzero(decodes > 0)
        if not len(rows):
            return
        gap = (end - start)[rows] / steps[rows]
        stall, held = self._stalls(rows, start, end, decodes)
        epoch = np.floor(end[rows] / self.width_s).astype(np.int64) * _EPOCHS // WINDOWS
        plain = decodes[rows] * steps[rows] - held
        for size, weight in ((gap, plain), (gap + stall, held)):
            bins = np.log(np.maximum(size, _LEAST_GAP_S) / _LEAST_GAP_S) * _GAPS_PER_E
            place = epoch * _GAP_BINS + np.minimum(bins.astype(np.int64), _GAP_BINS - 1)
            self.gaps += np.bincount(place, weights=weight, minlength=_EPOCHS * _GAP_BINS).reshape(_EPOCHS, _GAP_BINS)

    @staticmethod
    def _stalls(
        rows: IntArray, start: FloatArray, end: FloatArray, decodes: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Seconds of the steps without decodes just before, and how many waited in them.

        A replica's steps follow each other without a pause while anybody decodes: the one before is the one that ends
        where this one starts, whichever replica's the events between them are.
        """
        order = np.argsort(end, kind="stable")
        found = np.minimum(np.searchsorted(end[order], start), len(end) - 1)
        before = np.where(end[order[found]] == start, order[found], -1)
        last = before[rows]
        while True:
            silent = (last >= 0) & (decodes[last] == 0) & (before[last] != last)
            if not silent.any():
                break
            last = np.where(silent, before[last], last)
        known = last >= 0
        stall = np.where(known, start[rows] - end[last], 0.0)
        held = np.where(known & (stall > 0.0), np.minimum(decodes[rows], decodes[last]), 0.0)
        return stall, held

    # ------------------------------------------------------------------ reading

    def sum(self, name: str, from_s: float, to_s: float) -> float:
        """A quantity's sum over the windows that lie in a span, those at its ends by their share."""
        edges = np.arange(WINDOWS) * self.width_s
        inside = np.clip(np.minimum(edges + self.width_s, to_s) - np.maximum(edges, from_s), 0.0, None) / self.width_s
        return float((getattr(self, name) * inside).sum())

    def gap_percentiles(self, shares: tuple[float, ...], from_s: float) -> tuple[float, ...] | None:
        """Gaps between tokens at these shares, from a moment on; None where there were none."""
        first = min(int(from_s / (self.width_s * WINDOWS / _EPOCHS)), _EPOCHS - 1)
        counts = self.gaps[first:].sum(axis=0)
        if not counts.sum() > 0.5:
            return None
        below = np.cumsum(counts)
        at = np.searchsorted(below, np.array(shares) * below[-1])
        return tuple(float(_LEAST_GAP_S * np.exp((place + 0.5) / _GAPS_PER_E)) for place in at)
