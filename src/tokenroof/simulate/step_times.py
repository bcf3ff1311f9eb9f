"""How long a step takes, for many steps one after another: a Timed program with its sums worked out beforehand.

Rows of a program are driven by the tokens of a rank, by those of the whole stage, by the positions that want logits, or
by one of the two parts of a step. The first three are tabulated by whole numbers; what depends on contexts is
evaluated. Nothing is interpolated: a step takes what `Timed.step` gives, to rounding.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tokenroof.mixers.rows import (
    DECODE,
    DECODE_SEQUENCES,
    DECODE_TOKENS,
    LOGITS,
    ONE,
    PREFILL,
    PREFILL_SEQUENCES,
    PREFILL_TOKENS,
    STAGE_TOKENS,
    TOKENS,
)  # fmt: skip
from tokenroof.operators.links import link_s
from tokenroof.operators.program import pairs_and_reads, touched
from tokenroof.operators.timing import Timed
from tokenroof.simulate.traffic import traffic_of
from tokenroof.types.program import Form
from tokenroof.xp import NUMPY, SCALAR

__all__ = ["Chunk", "StepTable", "Work"]

Chunk: TypeAlias = tuple[int, int]  # new tokens of a prompt, and the context at their end
Work: TypeAlias = tuple[int, float, Sequence[Chunk]]  # requests that decode, sum of their contexts, chunks of prompts

_Row: TypeAlias = tuple[Form, Form, float]  # seconds of arithmetic, seconds of memory, sharpness of their norm


def _rows(part: Any) -> list[_Row]:
    """All rows of a part; those that add compute and memory as rows of a sum."""
    rows: list[_Row] = [(compute, memory, math.inf) for compute, memory in part.rows]
    rows += part.smooth
    if part.added:
        rows.append((part.added, (), math.inf))
    return rows


def _norm(compute: Any, memory: Any, sharpness: float) -> Any:
    larger = np.maximum(compute, memory)
    if sharpness == math.inf:
        return larger
    share = np.minimum(compute, memory) / np.where(larger > 0, larger, 1.0)
    return larger * (1.0 + share**sharpness) ** (1.0 / sharpness)


def _tabulated(rows: Sequence[_Row], values: dict[int, Any], size: int) -> np.ndarray:
    """Seconds of rows at each value of what drives them."""
    total = np.zeros(size)
    for compute, memory, sharpness in rows:
        work, read = (sum((k * values[at] for at, k in form), np.zeros(size)) for form in (compute, memory))
        total += _norm(work, read, sharpness)
    return total


class _Part:
    """The rows of decode or prefill: what depends on counts alone is a line or a table, the rest is evaluated.

    A row is k0 + kt tokens + ks sequences + sum of k_j times pairs or reads, for arithmetic and for memory.
    """

    def __init__(self, timed: Timed, name: str) -> None:
        program = timed.program
        part = timed.parts[name]
        flag, tokens, sequences = (
            (DECODE, DECODE_TOKENS, DECODE_SEQUENCES)
            if name == "decode"
            else (PREFILL, PREFILL_TOKENS, PREFILL_SEQUENCES)
        )
        self.rules = list({v.rule: None for v in program.variables[10:] if v.kind != "touched" and v.part == name})
        self.places: dict[int, int] = {}
        for at, variable in enumerate(program.variables[10:], 10):
            if variable.kind != "touched" and variable.part == name:
                self.places[at] = 2 * self.rules.index(variable.rule) + (variable.kind == "reads")
        self.rows: list[tuple[list[float], list[float], float]] = []
        for compute, memory, sharpness in _rows(part):
            sides: list[list[float]] = []
            for form in (compute, memory):
                line = [0.0] * (3 + 2 * len(self.rules))
                for at, k in form:
                    where = {flag: 0, ONE: 0, tokens: 1, sequences: 2}.get(at)
                    line[3 + self.places[at] if where is None else where] += k
                sides.append(line)
            self.rows.append((sides[0], sides[1], sharpness))
        self.fixed_s = float(part.fixed_s)
        self.kernels = float(part.kernels)

    def of_chunks(self, chunks: Sequence["Chunk"]) -> tuple[int, list[float]]:
        """New tokens of chunks of prompts, and their pairs and reads by rule."""
        fresh, sums = 0, [0.0] * (2 * len(self.rules))
        for new, context in chunks:
            fresh += new
            for at, rule in enumerate(self.rules):
                pairs, reads = pairs_and_reads(rule, new, context, SCALAR)
                sums[2 * at] += pairs
                sums[2 * at + 1] += reads
        return fresh, sums

    def seconds(self, tokens: float, sequences: float, sums: Sequence[float]) -> float:
        """Of one rank; `sums` are pairs and reads by rule, over its sequences."""
        total = 0.0
        for compute, memory, sharpness in self.rows:
            a = compute[0] + compute[1] * tokens + compute[2] * sequences
            b = memory[0] + memory[1] * tokens + memory[2] * sequences
            at = 3
            for value in sums:
                a += compute[at] * value
                b += memory[at] * value
                at += 1
            larger = a if a >= b else b
            if sharpness != math.inf and larger > 0.0:
                larger *= float((1.0 + ((b if a >= b else a) / larger) ** sharpness) ** (1.0 / sharpness))
            total += larger
        return total


def _lines_of(part: _Part) -> list[tuple[float, ...]] | None:
    """Of a part whose only rule is full attention: rows as (k0, k per sequence, k per context) twice, or None."""
    if any(rule.kind != "full" for rule in part.rules) or any(sharpness != math.inf for *_, sharpness in part.rows):
        return None
    lines: list[tuple[float, ...]] = []
    for compute, memory, _ in part.rows:
        a, b = ((side[0], side[1] + side[2], sum(side[3:])) for side in (compute, memory))
        lines.append((*a, *b))
    return lines


class StepTable:
    """Times of steps of one deployment. `most_tokens` is the largest number of tokens of one rank in a step.

    `drafts` tokens are verified beside each that decodes; `head` is the draft head, which runs once for each of them.
    """

    def __init__(self, timed: Timed, most_tokens: int, *, drafts: int = 0, head: Timed | None = None) -> None:
        program, profile, layout = timed.program, timed.profile, timed.program.layout
        self.ranks, self.cp, self.width = layout.dp, layout.cp, 1 + drafts
        self.head = None if head is None or not drafts else StepTable(head, most_tokens)
        self.drafts = drafts
        counts = np.arange(most_tokens + 1, dtype=float)
        own = np.maximum(counts / self.cp, np.minimum(counts, 1.0))
        by_tokens, by_stage, by_logits = _driven(timed)
        tokens_s = _tabulated(by_tokens, {ONE: 1.0, TOKENS: own}, len(own))
        self._stage_rows, self._timed = by_stage, timed
        stage = np.arange(most_tokens * self.ranks + 1, dtype=float)
        stage_s = _tabulated(by_stage, self._stage_values(stage), len(stage))
        logits_s = _tabulated(by_logits, {ONE: 1.0, LOGITS: own}, len(own))
        self._gathers = [link for link in timed.links if link.part == "prefill"]
        traffic = traffic_of(timed, counts, own)
        # With one rank the stage's tokens are its own: one look where two would do.
        self.alone = self.ranks == 1
        self.tokens_s = array("d", tokens_s + stage_s[: len(own)] if self.alone else tokens_s)
        self.stage_s = array("d", stage_s)
        self.logits_s = array("d", logits_s)
        self.comm_tokens_s, self.comm_prompts_s = traffic.tokens_s
        self.comm_logits_s = traffic.logits_s
        self.sharing = layout.dcp > 1
        self.comm_decode_s = traffic.decode_s
        self.comm_beside_s = traffic.beside_s
        self.decode, self.prefill = _Part(timed, "decode"), _Part(timed, "prefill")
        # Of ranks that decode as many requests the one with most contexts is the slowest, but for chunks of contexts,
        # which begin anew.
        self._rising = all(rule.kind != "chunk" for rule in self.decode.rules)
        self.lines = _lines_of(self.decode) if self.width == 1 and self.cp == 1 else None
        self.shown = 1.0 - profile.overlap
        self.per_sequence_s = profile.per_sequence_s
        self.draft_sequence_s, self.draft_pass_s = profile.draft_sequence_s, profile.draft_pass_s
        self.per_token_s = profile.host_per_token_s
        self.base_s = profile.host_s + profile.host_per_layer_s * program.layers
        self.fixed_s = float(timed.parts["all"].fixed_s)
        self.launch_s = profile.launch_s
        self.host_s = profile.host_s
        self.eager = profile.eager
        self.kernels = float(timed.parts["all"].kernels) + sum(float(link.count) for link in timed.links)

    def _stage_values(self, stage: np.ndarray) -> dict[int, Any]:
        program, profile = self._timed.program, self._timed.profile
        values: dict[int, Any] = {ONE: 1.0, STAGE_TOKENS: stage}
        for at, variable in enumerate(program.variables[10:], 10):
            if variable.kind == "touched":
                values[at] = touched(variable.size, variable.chance, stage, program.layout.ep, profile.routing, NUMPY)
        return values

    # ------------------------------------------------------------------ one step

    def __call__(self, works: Sequence[Work]) -> float:
        """Seconds of a step of all ranks: the slowest of them, with the experts' share of everybody's tokens."""
        head_s = 0.0
        if self.head is not None and any(n for n, _, _ in works):
            head_s = self.drafts * self.head([(n, contexts, ()) for n, contexts, _ in works])
            head_s += self.draft_pass_s + self.draft_sequence_s * max(n for n, _, _ in works)
        if self.alone:
            return self.rank_s(*works[0], 0.0) + head_s
        stage = 0
        most: dict[int, float] = {}  # of ranks that only decode: the most contexts, by requests
        asked: list[Work] = []
        for work in works:
            n, contexts, chunks = work
            stage += n * self.width
            if chunks or not self._rising:
                stage += sum(new for new, _ in chunks)
                asked.append(work)
            elif contexts > most.get(n, 0):
                most[n] = contexts
        shared_s = self.stage_s[stage]
        slowest = max((self.rank_s(*work, shared_s) for work in asked if work[0] or work[2]), default=0.0)
        for n, contexts in most.items():
            seconds = self.rank_s(n, contexts, (), shared_s)
            if seconds > slowest:
                slowest = seconds
        return slowest + head_s

    def rank_s(self, n: int, contexts: float, chunks: Sequence[Chunk], shared_s: float) -> float:
        """Seconds of a step for one rank; `shared_s` is what the stage's tokens cost where it has several ranks."""
        tokens = n * self.width
        host, fixed = self.base_s + self.per_sequence_s * n, self.fixed_s
        logits = tokens
        roofs = shared_s
        if n:
            roofs += self.decode_part_s(n, contexts)
            fixed += self.decode.fixed_s
        if chunks:
            fresh, sums = self.prefill.of_chunks(chunks)
            asked = len(chunks)
            roofs += self.prefill.seconds(self._own(fresh), self._own(asked), sums)
            fixed += self.prefill.fixed_s
            host += self.per_sequence_s * asked
            tokens += fresh
            logits += asked
        roofs += self.tokens_s[tokens] + self.logits_s[logits]
        sent = self.comm_prompts_s if chunks else self.comm_tokens_s
        comm = sent[tokens] + self.comm_logits_s[logits]
        if self.sharing:
            comm += self._sharing_s(n, fresh if chunks else 0, sums if chunks else ())
        seconds = roofs + self.shown * comm
        if seconds < comm:
            seconds = comm
        seconds += fixed
        if self.comm_beside_s is not None:  # of both halves of the batch: work can hide no more than it lasts
            seconds = max(seconds, self.comm_beside_s[bool(chunks)][tokens])
        seconds += host + self.per_token_s * tokens
        if (chunks or self.eager) and self.launch_s > 0.0:
            kernels = self.kernels + (self.prefill.kernels if chunks else 0.0) + (self.decode.kernels if n else 0.0)
            seconds = max(seconds, self.host_s + self.launch_s * kernels)
        return float(seconds)

    def _sharing_s(self, n: int, fresh: int, sums: Sequence[float]) -> float:
        """What ranks that share a cache send: for those that decode, and for prompts with tokens cached before them."""
        total = self.comm_decode_s[n * self.width] if n else 0.0
        if fresh:
            values: list[Any] = [0.0] * len(self._timed.program.variables)
            values[PREFILL_TOKENS] = fresh
            for at, place in self.prefill.places.items():
                values[at] = sums[place]
            total += sum(float(link.count * (link.wait_s + link_s(link, values, SCALAR))) for link in self._gathers)
        return total

    def _own(self, count: int) -> float:
        return float(count) if self.cp == 1 else max(count / self.cp, 1.0)

    def decode_part_s(self, n: int, contexts: float) -> float:
        """Rows that only decode has."""
        if self.lines is not None:
            total = 0.0
            for a0, an, ac, b0, bn, bc in self.lines:
                a = a0 + an * n + ac * contexts
                b = b0 + bn * n + bc * contexts
                total += a if a >= b else b
            return total
        mean = contexts / n
        sums: list[float] = []
        for rule in self.decode.rules:
            pairs, reads = pairs_and_reads(rule, self.width, mean, SCALAR)
            sums += (n * pairs, n * reads)
        return self.decode.seconds(self._own(n * self.width), self._own(n), sums)


def _driven(timed: Timed) -> tuple[list[_Row], list[_Row], list[_Row]]:
    """Rows of all tokens, by what drives them: tokens of a rank, tokens of the stage, positions that want logits."""
    groups: tuple[list[_Row], list[_Row], list[_Row]] = ([], [], [])
    for row in _rows(timed.parts["all"]):
        places = {at for form in row[:2] for at, _ in form} - {ONE}
        if places <= {TOKENS}:
            groups[0].append(row)
        elif places <= {LOGITS}:
            groups[2].append(row)
        else:
            assert TOKENS not in places and LOGITS not in places, "a row that two kinds of tokens drive"
            groups[1].append(row)
    return groups


Times: TypeAlias = Callable[[Sequence[Work]], float]
