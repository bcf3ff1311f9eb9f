"""Ranks whose decode steps verify drafts: every request has tokens of its own from each step, as many as are drawn.

Nothing can be skipped here: who ends when, and what is stored by then, is random, so that steps are taken one by one.
"""

from collections.abc import Iterator

import numpy as np

from tokenroof.simulate.rank import Group, Rank
from tokenroof.simulate.rules import Rules

__all__ = ["DraftRank", "tokens_drawn"]


def tokens_drawn(rules: Rules, request: int, steps: int) -> list[int]:
    """Tokens that a request has from each of its decode steps: the target's own, and the drafts before the first miss.

    Each request has a stream of its own, so that draws do not depend on the order in which requests are served.
    """
    miss = 1.0 - rules.acceptance
    if miss <= 0.0:
        return [1 + rules.drafts] * steps
    drawn = np.random.default_rng((rules.seed, request)).geometric(miss, steps)
    accepted: list[int] = np.minimum(drawn, 1 + rules.drafts).tolist()
    return accepted


class _Drafted(Group):
    """`held` has for each request, as they were admitted: tokens stored, tokens yielded, blocks."""

    __slots__ = ("held",)

    def __init__(self, block_tokens: int) -> None:
        super().__init__(block_tokens)
        self.held: dict[int, list[int]] = {}

    def first_end(self) -> int:
        """Anybody may end with the next step."""
        return self.clock + 1


class DraftRank(Rank):
    """As Rank, request by request."""

    __slots__ = ("draws", "verified_steps", "verified_tokens")

    groups: list[_Drafted]  # type: ignore[assignment]

    def __init__(self, rules: Rules, isl: list[int], osl: list[int], started: list[float]) -> None:
        super().__init__(rules, isl, osl, started)
        self.groups = [_Drafted(rules.block_tokens) for _ in rules.stages]
        self.draws: dict[int, Iterator[int]] = {}
        self.verified_steps = self.verified_tokens = 0  # of single requests; tokens as far as they were wanted

    def _blocks(self, stored: int) -> int:
        """Of a request during a decode step: all drafts are stored before it is known who is accepted."""
        return -(-(stored + self.width) // self.block_tokens)

    def make_room(self, group: Group) -> None:
        """Blocks for the tokens of the coming step."""
        assert isinstance(group, _Drafted)
        while True:
            needs = sum(max(self._blocks(stored) - blocks, 0) for stored, _, blocks in group.held.values())
            if needs <= self.free:
                break
            if self.partial is not None:
                self._put_back_partial()
            else:
                self._put_back(group)
        self.free -= needs
        for one in group.held.values():
            one[2] = max(one[2], self._blocks(one[0]))
        if group.n:
            self.barred = False

    def _put_back(self, group: Group) -> None:
        assert isinstance(group, _Drafted)
        request, (stored, yielded, blocks) = group.held.popitem()
        self.yielded[request] = yielded
        self.free += blocks
        group.n -= 1
        group.contexts -= stored + self.width
        self._requeue(request)

    def decoded(self, group: Group, steps: int, end: float, ended: list[tuple[float, int]]) -> None:
        """Everybody has the tokens that are drawn; who has all of them leaves."""
        assert isinstance(group, _Drafted)
        assert steps == 1
        group.clock += 1
        for request, one in list(group.held.items()):
            tokens = next(self.draws[request])
            self.verified_steps += 1
            self.verified_tokens += min(tokens, self.osl[request] - one[1])
            one[0] += tokens
            one[1] += tokens
            group.contexts += tokens
            if one[1] >= self.osl[request]:
                del group.held[request], self.draws[request]
                group.n -= 1
                group.contexts -= one[0] + self.width
                self.barred = False
                self.seated -= 1
                self.free += one[2] if self.paged else self.allotted.pop(request)
                ended.append((end, request))

    def _enter(self, group: Group, request: int, stored: int, left: int, blocks: int) -> None:
        assert isinstance(group, _Drafted)
        if request not in self.draws:
            self.draws[request] = iter(tokens_drawn(self.rules, request, left))
        group.held[request] = [stored, self.osl[request] - left, blocks]
        group.n += 1
        group.contexts += stored + self.width
