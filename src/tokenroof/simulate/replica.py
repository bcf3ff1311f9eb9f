"""One replica as an event loop: arrivals in, steps made up and timed, requests out. docs/theory/simulation.md.

Where nothing but decoding goes on, steps are taken together until the next that could differ: an answer that ends, an
arrival, memory that runs out. The work grows with such events, not with tokens.
"""

import math
from bisect import insort
from collections.abc import Callable, Sequence

from tokenroof.simulate.cached import CachedRank, PrefixCache
from tokenroof.simulate.drafts import DraftRank
from tokenroof.simulate.rank import Group, Rank
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Chunk, Work
from tokenroof.simulate.stretch import steps_before

__all__ = ["Replica", "Watcher"]

_MANY = 1 << 62
_NOBODY: tuple[Chunk, ...] = ()
# start and end of one or more equal steps, their number, requests that decode, prompt tokens, blocks free on rank 0
Watcher = Callable[[float, float, int, int, int, int], None]


def _rank(rules: Rules, isl: list[int], osl: list[int], started_s: list[float], cache: PrefixCache | None) -> Rank:
    if cache is not None:
        return CachedRank(rules, isl, osl, started_s, cache)
    return (DraftRank if rules.drafts else Rank)(rules, isl, osl, started_s)


class Replica:
    """Carries requests, given by number, through one replica. Times are seconds; `first_s` and `end_s` are filled in.

    `ended` is called with the moment and the request whenever one leaves, in the order of the steps' starts. `cache`
    keeps blocks of prompts. `prefilled`: requests come from prefill workers, prompts stored, first tokens yielded.
    """

    def __init__(
        self,
        times: Callable[[Sequence[Work]], float],
        rules: Rules,
        isl: list[int],
        osl: list[int],
        started_s: list[float],
        first_s: list[float],
        end_s: list[float],
        *,
        ended: Callable[[float, int], None] | None = None,
        watch: Watcher | None = None,
        prefilled: bool = False,
        cache: PrefixCache | None = None,
    ) -> None:
        self.times, self.rules, self.isl, self.osl = times, rules, isl, osl
        self.first_s, self.end_s = first_s, end_s
        self.ended, self.watch, self.with_cache = ended, watch, prefilled
        self.ranks = [_rank(rules, isl, osl, started_s, cache) for _ in range(rules.ranks)]
        self.reloads, self.lanes = cache is not None, len(rules.stages)
        self.arrivals: list[tuple[float, int]] = []
        self.seen = 0
        self.ready_s = [0.0] * self.lanes  # when a lane's last step ended
        self.stage_s = [0.0] * self.lanes  # when a stage is free
        self.flying: list[tuple[float, int, list[bool], list[list[tuple[int, int]]]]] = []
        self.blocked = [False] * self.lanes  # found nothing to do: until somebody arrives or a step ends
        self.starved: set[int] = set()  # of those, who gave its memory up: until a step ends
        self.patience = math.ceil(rules.gather_steps) if rules.ranks > 1 else 0
        self.waited = 0  # steps since prompts were taken, or could have been after `patience`
        self.now_s = 0.0  # the last thing that happened between steps
        self.until_s = math.inf  # how far `advance` may go, which `ended` may lower
        self.left_s = 0.0  # with one lane: the end of the last step, when `Rank.left` left
        self.rejected: list[int] = []
        self.steps, self.busy_s, self.least_free = 0, 0.0, rules.blocks

    @property
    def put_back(self) -> int:
        """How often a request lost its memory and began anew."""
        return sum(rank.put_back for rank in self.ranks)

    def load(self, moment: float) -> int:
        """Requests that were sent here and have not ended by a moment at or after the last thing that happened."""
        leaving = sum(rank.left for rank in self.ranks) if moment < self.left_s else 0
        return len(self.arrivals) - self.seen + sum(rank.held() for rank in self.ranks) + leaving

    def found_share(self, moment: float, request: int) -> float:
        """Which share of its prompt a request would find if it arrived at such a moment."""
        rank = self.ranks[0] if len(self.ranks) == 1 else self._fewest(moment)
        return rank.found_share(request)

    # ------------------------------------------------------------------ arrivals

    def add(self, moment: float, request: int) -> None:
        """A request that arrives at a moment not before the start of the last step."""
        arrivals = self.arrivals
        if not arrivals or (moment, request) >= arrivals[-1]:
            arrivals.append((moment, request))
        else:
            insort(arrivals, (moment, request), lo=self.seen)

    def _see(self, moment: float) -> None:
        """Everybody who has arrived by a moment joins a rank's queue."""
        arrivals, ranks = self.arrivals, self.ranks
        while self.seen < len(arrivals) and arrivals[self.seen][0] <= moment:
            at, request = arrivals[self.seen]
            self.seen += 1
            if not ranks[0].possible(request):
                self.rejected.append(request)
                if self.ended is not None:
                    self.ended(at, request)
                continue
            rank = ranks[0] if len(ranks) == 1 else self._fewest(at)
            rank.queue.append(request)
            if self.with_cache:
                rank.stored.add(request)
        if self.seen > 65536:
            del arrivals[: self.seen]
            self.seen = 0

    def _fewest(self, moment: float) -> Rank:
        """The rank with the fewest requests at a moment: who left at the end of the last step may still have been."""
        if moment >= self.left_s:
            return min(self.ranks, key=Rank.held)
        return min(self.ranks, key=lambda rank: rank.held() + rank.left)

    # ------------------------------------------------------------------ the loop

    def next_start_s(self) -> float:
        """When the next step can start, as far as is known now; infinity where nothing is left to do."""
        lane = self._next_lane()
        if lane is None:
            return self._departure(max(self._next_event_s(), self.stage_s[0]))
        return self._departure(max(self.ready_s[lane], self.stage_s[0], self.now_s))

    def _next_event_s(self) -> float:
        """The next arrival, or the next end of a step of a lane."""
        arrival = self.arrivals[self.seen][0] if self.seen < len(self.arrivals) else math.inf
        return min(arrival, self.flying[0][0]) if self.flying else arrival

    def _departure(self, start: float) -> float:
        period = self.rules.period_s
        return start if self.rules.policy != "train" or start == math.inf else math.ceil(start / period - 1e-9) * period

    def _next_lane(self) -> int | None:
        """The lane that could start first: of equals who has waited longest, then who has the fewest requests."""
        if self.lanes == 1:
            return 0 if not self.blocked[0] and any(rank.busy() for rank in self.ranks) else None
        waits = any(rank.waits() for rank in self.ranks)
        best, best_key = None, (math.inf, 0.0, 0, 0)
        for lane in range(self.lanes):
            running = sum(rank.groups[lane].size for rank in self.ranks)
            if self.blocked[lane] or not (waits or running):
                continue
            ready_s = self.ready_s[lane]
            key = (max(ready_s, self.stage_s[0], self.now_s), ready_s, running, lane)
            if best is None or key < best_key:
                best, best_key = lane, key
        return best

    def landing_s(self) -> float:
        """When the first step under way in a pipeline ends; infinity where none is."""
        return self.flying[0][0] if self.flying else math.inf

    def settle(self, moment: float) -> None:
        """Everything but starts of steps, up to a moment."""
        while self._next_event_s() <= moment:
            self._happen(self._next_event_s())

    def advance(self, until: float = math.inf) -> bool:
        """Everything that happens before `until`. False where nothing did."""
        self.until_s, went = until, False
        while True:
            lane = self._next_lane()
            event_s = self._next_event_s()
            start = math.inf if lane is None else self._departure(max(self.ready_s[lane], self.stage_s[0], self.now_s))
            if lane is None and self.starved and not self.flying:
                self.blocked = [False] * self.lanes  # no step is under way that could end
                self.starved.clear()
                continue
            if min(start, event_s) == math.inf or min(start, event_s) >= self.until_s:
                return went
            went = True
            if event_s <= start:
                self._happen(event_s)
                continue
            assert lane is not None
            self._step(lane, start)

    def _happen(self, moment: float) -> None:
        """What happens at a moment between steps: a lane's step ends, or somebody arrives; ends come first."""
        if self.flying and self.flying[0][0] <= moment:
            self._land()
        else:
            self._see(moment)
            self.blocked = [was and lane in self.starved for lane, was in enumerate(self.blocked)]
            self.now_s = moment
            return
        self.blocked = [False] * self.lanes
        self.starved.clear()
        self.now_s = moment

    def _step(self, lane: int, start: float) -> None:
        groups = [rank.groups[lane] for rank in self.ranks]
        alone, put_back, barred = self.lanes == 1, self.put_back, any(rank.barred for rank in self.ranks)
        waited = self.waited
        decodes, works = self._make_up(groups, start)
        idle = not any(n or chunks for n, _, chunks in works)
        if idle:
            self.waited = waited
        if not alone and (not idle or self.put_back > put_back):
            if idle:
                self.starved.add(lane)
            self.blocked = [at in self.starved for at in range(self.lanes)]  # others may find now what this one left
        if idle:
            self.blocked[lane] = True
            return
        if alone and self.rules.policy != "train" and not any(chunks for _, _, chunks in works):
            self._decode_on(groups, works, start, 1 if barred or self.put_back > put_back else _MANY)
            return
        seconds = self.times(works)
        if self.reloads:
            seconds += max(rank.reloaded_s() for rank in self.ranks)
        for rank in self.ranks:
            self.least_free = min(self.least_free, rank.free)
        end = self._through(lane, start, seconds)
        self._tell(start, end, 1, works)
        if alone:
            self._end(groups, decodes, end)
        else:
            done = [list(rank.done) for rank in self.ranks]
            for rank in self.ranks:
                rank.done.clear()
            insort(self.flying, (end, lane, decodes, done))

    def _through(self, lane: int, start: float, seconds: float) -> float:
        """A step through all stages; the moment when it leaves the last one."""
        self.steps += 1
        if self.lanes == 1:
            end = start + seconds
            self.busy_s += seconds
            self.stage_s[0] = end
        else:
            end = start
            for at, share in enumerate(self.rules.stages):
                end = max(end, self.stage_s[at]) + seconds * share
                self.stage_s[at] = end
            self.busy_s += seconds / self.lanes
        self.ready_s[lane] = end
        return end

    def _tell(self, start: float, end: float, steps: int, works: Sequence[Work]) -> None:
        if self.watch is not None:
            decodes = sum(n for n, _, _ in works)
            tokens = sum(new for _, _, chunks in works for new, _ in chunks)
            self.watch(start, end, steps, decodes, tokens, self.ranks[0].free)

    # ------------------------------------------------------------------ making up a step

    def _make_up(self, groups: list[Group], start: float) -> tuple[list[bool], list[Work]]:
        """What each rank does: whether its group decodes, and the work that it has."""
        policy, budget = self.rules.policy, self.rules.token_budget
        if self.patience and policy == "mixed":
            return [True] * len(groups), self._make_up_gathering(groups, start)
        if policy in ("mixed", "train"):
            works: list[Work] = []
            for rank, group in zip(self.ranks, groups, strict=True):
                back = rank.put_back
                if group.n and rank.paged:
                    rank.make_room(group)
                chunks: Sequence[Chunk] = _NOBODY
                if rank.queue or rank.partial is not None:
                    chunks = rank.fill(group, budget - group.n * rank.width, start, rank.put_back == back)
                works.append((group.n, group.contexts, chunks))
            return [True] * len(groups), works
        if policy == "static":
            return self._make_up_static(groups, start)
        put_back = [rank.put_back for rank in self.ranks]
        for rank in self.ranks:
            rank.bar(budget)
        if any(rank.partial is not None or rank.admissible(budget) for rank in self.ranks):
            works = [(0, 0, rank.fill(None, budget, start, True)) for rank in self.ranks]
            if any(chunks for _, _, chunks in works):
                return [False] * len(groups), works
        for rank, group, had in zip(self.ranks, groups, put_back, strict=True):
            if group.n and rank.paged:
                rank.make_room(group)
            if rank.stored and rank.put_back == had:
                rank.join(group, self.rules.max_sequences * rank.width, start)
        return [True] * len(groups), [(group.n, group.contexts, _NOBODY) for group in groups]

    def _make_up_gathering(self, groups: list[Group], start: float) -> list[Work]:
        """Mixed steps whose prompts are held back until every rank has one, or for so many steps."""
        budget, admits, ready = self.rules.token_budget, list[bool](), list[bool]()
        for rank, group in zip(self.ranks, groups, strict=True):
            back = rank.put_back
            if group.n and rank.paged:
                rank.make_room(group)
            admits.append(rank.put_back == back)
            room = budget - group.n * rank.width
            ready.append((rank.partial is not None and room > 0) or (admits[-1] and rank.admissible(room)))
        self.waited = 0 if all(ready) else self.waited + 1
        held = self.waited and self.waited < self.patience and all(group.n for group in groups)
        if not held:
            self.waited = 0
        works: list[Work] = []
        for rank, group, admit in zip(self.ranks, groups, admits, strict=True):
            chunks: Sequence[Chunk] = _NOBODY
            if not held:
                chunks = rank.fill(group, budget - group.n * rank.width, start, admit)
            elif rank.stored and admit:
                rank.join(group, budget - group.n * rank.width, start)
            works.append((group.n, group.contexts, chunks))
        return works

    def _make_up_static(self, groups: list[Group], start: float) -> tuple[list[bool], list[Work]]:
        decodes: list[bool] = []
        works: list[Work] = []
        for rank, group in zip(self.ranks, groups, strict=True):
            if not group.size:
                rank.board(group)
            decodes.append(not group.boarded)
            if group.boarded:
                works.append((0, 0, rank.fill_boarded(group, self.rules.token_budget, start)))
                continue
            if rank.paged:
                rank.make_room(group)
            works.append((group.n, group.contexts, _NOBODY))
        return decodes, works

    def _end(self, groups: list[Group], decodes: list[bool], end: float) -> None:
        ended: list[tuple[float, int]] = []
        if self.lanes == 1:
            self.left_s = end
        for rank, group, decode in zip(self.ranks, groups, decodes, strict=True):
            before = len(ended)
            if decode:
                rank.decoded(group, 1, end, ended)
            if rank.done:
                rank.prefilled(group, end, self.first_s, ended)
            rank.left = len(ended) - before
        self._leave(ended)

    def _leave(self, ended: list[tuple[float, int]]) -> None:
        for moment, request in ended:
            self.end_s[request] = moment
            if self.ended is not None:
                self.ended(moment, request)

    def _land(self) -> None:
        """The first of the lanes' steps leaves the last stage."""
        end, lane, decodes, done = self.flying.pop(0)
        for rank, prompts in zip(self.ranks, done, strict=True):
            rank.done.extend(prompts)
        self._end([rank.groups[lane] for rank in self.ranks], decodes, end)

    # ------------------------------------------------------------------ decoding on

    def _decode_on(self, groups: list[Group], works: list[Work], start: float, most: int) -> None:
        """As many steps of the same requests, at most so many, as nothing can change; blocks of the first are taken."""
        most = min(most, *(group.first_end() - group.clock for group in groups if group.n))
        if self.patience and any(rank.waits() for rank in self.ranks):
            most = min(most, self.patience - self.waited)
        first_s = self.times(works)
        paged = self.rules.reserve == "pages"
        horizon = self.until_s
        if self.seen < len(self.arrivals) and self.arrivals[self.seen][0] < horizon:
            horizon = self.arrivals[self.seen][0]
        if start + first_s >= horizon:
            most = 1
        if most > 1 and paged:
            for rank, group in zip(self.ranks, groups, strict=True):
                # The first step's blocks are gone from `free` already; count on from the second.
                group.clock += 1
                most = min(most, 1 + rank.steps_in_memory(group, most - 1))
                group.clock -= 1
        seconds = first_s
        if most > 1:
            most, seconds = steps_before(self.times, works, most, start, first_s, horizon)
            if paged and most > 1:
                for rank, group in zip(self.ranks, groups, strict=True):
                    group.clock += 1
                    rank.take(group, most - 1)
                    group.clock -= 1
        end = start + seconds
        if self.patience:
            self.waited = (self.waited + most - 1) % self.patience
        self.steps += most
        self.busy_s += seconds
        self.ready_s[0] = self.stage_s[0] = end
        for rank in self.ranks:
            if rank.free < self.least_free:
                self.least_free = rank.free
        if self.watch is not None:
            self._tell(start, end, most, works)
        ended: list[tuple[float, int]] = []
        self.left_s = end
        for rank, group in zip(self.ranks, groups, strict=True):
            before = len(ended)
            rank.decoded(group, most, end, ended)
            rank.left = len(ended) - before
        if ended:
            self._leave(ended)
