"""Step times of one rank whose decode is straight in contexts, taken apart for a loop that adds them up.

With a given number of requests a decode step takes a fixed time and so much for each token of context, until another
side of a row is the longer one or a window is full. Between those places the seconds of many steps are a sum of an
arithmetic series. Numbers are those of StepTable, to rounding.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tokenroof.simulate.step_times import Chunk, StepTable

__all__ = ["Piece", "Straight", "StraightTimes", "straight"]


class Piece(NamedTuple):
    """Decode of a given number of requests while the sum of their contexts is from `low` to `high`.

    A step of theirs alone takes `alone_s + slope_s * contexts`; `beside_s + slope_s * contexts` is what they add to
    one that has prompts too, all that does not depend on its tokens among it.
    """

    low: float
    high: float
    beside_s: float
    alone_s: float
    slope_s: float


class StraightTimes(Protocol):
    """What the loop for one rank asks. A step with prompts takes

    max(floor, decodes + prompts_s(chunks) + by_tokens[tokens] + by_logits[requests that decode, and chunks])

    with `beside_s + slope_s * contexts` of a Piece and `mixed_floor_s` where requests decode, `empty_s` and
    `prompts_floor_s` where none does.
    """

    by_tokens: list[float]
    by_logits: list[float]
    empty_s: float
    mixed_floor_s: float
    prompts_floor_s: float

    def piece(self, n: int, contexts: float) -> Piece:
        """The piece that holds these contexts."""
        ...

    def prompts_s(self, chunks: Sequence[Chunk]) -> float:
        """What chunks of prompts add to a step beside their tokens and logits."""
        ...


class Straight:
    """StraightTimes of a StepTable; see `straight` for which tables have them."""

    def __init__(self, table: StepTable) -> None:
        self._decode, self._prefill, self._per_sequence_s = table.decode, table.prefill, table.per_sequence_s
        self._decode_part_s = table.decode_part_s
        tokens = np.arange(len(table.tokens_s))
        by_tokens = np.array(table.tokens_s) + table.shown * np.array(table.comm_tokens_s) + table.per_token_s * tokens
        self.by_tokens: list[float] = by_tokens.tolist()
        self.by_logits: list[float] = (np.array(table.logits_s) + table.shown * np.array(table.comm_logits_s)).tolist()
        self.empty_s = table.base_s + table.fixed_s
        kernels = table.kernels + table.prefill.kernels
        launched = table.launch_s > 0.0
        self.prompts_floor_s = table.host_s + table.launch_s * kernels if launched else 0.0
        self.mixed_floor_s = self.prompts_floor_s + table.launch_s * table.decode.kernels

    def piece(self, n: int, contexts: float) -> Piece:
        """The piece that holds these contexts: a sum over rows of the larger of two lines."""
        low, high, at_zero, slope = 0.0, math.inf, 0.0, 0.0
        fixed_s = self.empty_s + self._per_sequence_s * n + self._decode.fixed_s
        full = [rule.kind == "window" and contexts > n * rule.size for rule in self._decode.rules]
        for rule, is_full in zip(self._decode.rules, full, strict=True):
            if is_full and contexts < n * (rule.size + 1.0):  # the mean fills it within a token: not straight
                beside_s = fixed_s + self._decode_part_s(n, contexts)
                return Piece(contexts, contexts, beside_s, beside_s + self.by_tokens[n] + self.by_logits[n], 0.0)
            if is_full:
                low = max(low, n * (rule.size + 1.0))
            elif rule.kind == "window":
                high = min(high, n * rule.size)
        for compute, memory, _ in self._decode.rows:
            (a, a_slope), (b, b_slope) = (self._line(side, n, full) for side in (compute, memory))
            if a_slope != b_slope:
                even = (b - a) / (a_slope - b_slope)
                low, high = (max(low, even), high) if even < contexts else (low, min(high, even))
            if a + a_slope * contexts < b + b_slope * contexts:
                a, a_slope = b, b_slope
            at_zero += a
            slope += a_slope
        beside_s = at_zero + fixed_s
        return Piece(low, high, beside_s, beside_s + self.by_tokens[n] + self.by_logits[n], slope)

    def _line(self, side: Sequence[float], n: int, full: Sequence[bool]) -> tuple[float, float]:
        """One side of a row: at no context, and for each token of it; windows that are full take what they hold."""
        at_zero, slope = side[0] + (side[1] + side[2]) * n, 0.0
        for at, (rule, is_full) in enumerate(zip(self._decode.rules, full, strict=True)):
            each = side[3 + 2 * at] + side[4 + 2 * at]
            if is_full:
                at_zero += each * n * rule.size
            else:
                slope += each
        return at_zero, slope

    def prompts_s(self, chunks: Sequence[Chunk]) -> float:
        """What chunks of prompts add to a step beside their tokens and logits."""
        fresh, sums = self._prefill.of_chunks(chunks)
        asked = len(chunks)
        return self._prefill.seconds(fresh, asked, sums) + self._prefill.fixed_s + self._per_sequence_s * asked


def straight(table: object) -> Straight | None:
    """A table's straight times; None where it has several ranks, drafts, rounded roofs or contexts that are not kept
    whole or in windows, or where communication can hide all else.
    """
    if not isinstance(table, StepTable) or not table.alone or table.width != 1 or table.cp != 1 or table.sharing:
        return None
    if any(rule.kind not in ("full", "window") for rule in table.decode.rules):
        return None
    if any(sharpness != math.inf for *_, sharpness in table.decode.rows):
        return None
    hidden = 1.0 - table.shown
    for seconds, comm in ((table.tokens_s, table.comm_tokens_s), (table.logits_s, table.comm_logits_s)):
        if (hidden * np.array(comm) > np.array(seconds)).any():
            return None
    return Straight(table)
