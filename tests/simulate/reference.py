"""A second simulator, slow and plain, that the fast one is held to: docs/theory/simulation.md, read literally.

Every request is an object, every step touches every request, memory is counted by walking over all of them, and time
goes from one moment at which something happens to the next. Nothing is skipped and nothing is remembered that can be
counted.
At one moment steps end first, then requests arrive, then steps start.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tokenroof.simulate.drafts import tokens_drawn
from tokenroof.simulate.rules import Rules

_MOST_STEPS = 20_000

Chunk = tuple[int, int]  # new tokens, context at their end
Load = tuple[int, int, list[Chunk]]  # of one rank: decodes, sum of their contexts, chunks of prompts
Times = Callable[[list[Load]], float]  # seconds of one step, through all stages


@dataclass
class Outcome:
    """What every request saw (None where it was rejected) and what the replica did."""

    start_s: list[float | None]  # start of the step that took its first chunk
    first_s: list[float | None]  # its first token
    end_s: list[float | None]  # its last
    preemptions: int
    steps: int
    rejected: list[int]
    most_blocks: int  # highest use of any rank
    busy_s: float  # sum of the seconds of all steps


@dataclass
class Step:
    """One step as it was made up, by rank: for tests that follow tokens and blocks."""

    start_s: float
    end_s: float
    lane: int
    decodes: list[list[int]]
    chunks: list[list[tuple[int, int, int]]]  # request, new tokens, context at their end
    blocks: list[int]  # in use


@dataclass(eq=False)
class Request:
    index: int
    isl: int
    osl: int
    state: str = "coming"  # coming, waiting, running (its prompt in progress or decoding), ended, rejected
    rank: int = -1
    lane: int | None = None  # the one that prefilled its last chunk; static: the one whose batch it is in
    admission: int = -1  # place in the order of admissions
    prompt: int = 0  # tokens to prefill: isl, and what was already yielded when it was put back
    comes_stored: bool = False  # prefilled elsewhere: with its first token, and its prompt stored when it is admitted
    stored: int = 0
    reserved: int = 0  # tokens that its last decode step could have stored
    yielded: int = 0
    decode_steps: int = 0
    start_s: float | None = None
    first_s: float | None = None
    end_s: float | None = None

    @property
    def in_prefill(self) -> bool:
        return self.state == "running" and self.stored < self.prompt

    @property
    def decodes(self) -> bool:
        return self.state == "running" and self.stored >= self.prompt


@dataclass
class Part:
    """What one rank does in a step."""

    rank: int
    decodes: list[Request] = field(default_factory=list)
    chunks: list[tuple[Request, int, int]] = field(default_factory=list)  # request, new tokens, context at their end
    put_back: bool = False  # somebody was: nobody is admitted

    @property
    def load(self) -> Load:
        contexts = sum(request.reserved for request in self.decodes)
        return len(self.decodes), contexts, [(new, context) for _, new, context in self.chunks]


@dataclass
class Lane:
    number: int
    end_s: float | None = None  # of its step under way
    last_end_s: float = 0.0  # of the step before that
    decodes: list[Request] = field(default_factory=list)  # requests that have tokens when it ends
    yields: list[Request] = field(default_factory=list)  # those and the prompts that have their next token then
    waits: bool = False  # found no memory: until another lane's step ends


class Replica:
    """Requests, ranks and lanes, moved on from moment to moment by `run`."""

    def __init__(self, requests: list[Request], rules: Rules, times: Times) -> None:
        self.requests, self.rules, self.times = requests, rules, times
        self.queues: list[list[Request]] = [[] for _ in range(rules.ranks)]
        self.lanes = [Lane(number) for number in range(len(rules.stages))]
        self.stage_free_s = [0.0 for _ in rules.stages]
        self.step_of_waiting = 0  # see _gathering
        self.barred: set[int] = set()  # ranks that a prompt was put back on: see _prompts_first
        self.coming: list[tuple[float, int]] = []
        self.followers: list[int] = []  # closed loop: who has not arrived yet, in order
        self.think_s = 0.0
        self.admissions = self.preemptions = self.most_blocks = 0
        self.busy_s = 0.0
        self.steps: list[Step] = []

    # ---- time

    def run(self) -> None:
        now = -1.0
        while any(request.state not in ("ended", "rejected") for request in self.requests):
            now = self._next_moment(now)
            if len(self.steps) > _MOST_STEPS:
                raise RuntimeError("steps without end")
            self._end_steps(now)
            self._arrivals(now)
            self._start_steps(now)

    def _next_moment(self, now: float) -> float:
        moments = [time for time, _ in self.coming] + [lane.end_s for lane in self.lanes if lane.end_s is not None]
        moments.append(self.stage_free_s[0])
        if self.rules.policy == "train" and any(request.state in ("waiting", "running") for request in self.requests):
            moments.append(_multiple_after(now, self.rules.period_s))
        later = [moment for moment in moments if moment > now]
        if not later:
            raise RuntimeError("requests are left and nothing will ever happen to them")
        return min(later)

    def _end_steps(self, now: float) -> None:
        for lane in self.lanes:
            if lane.end_s != now:
                continue
            for request in lane.yields:
                tokens = 1
                if request in lane.decodes:
                    tokens = self._drawn(request)
                    request.stored += tokens
                request.yielded = min(request.yielded + tokens, request.osl)
                if request.first_s is None:
                    request.first_s = now
                if request.yielded == request.osl:
                    request.state, request.end_s = "ended", now
                    self._gives_up(request)
                    self.barred.discard(request.rank)
                    self._follow(request, now)
            lane.end_s, lane.last_end_s, lane.yields = None, now, []
            for other in self.lanes:
                other.waits = False

    def _drawn(self, request: Request) -> int:
        """Tokens of a decode step: the draws of its own stream."""
        if not self.rules.drafts:
            return 1
        request.decode_steps += 1
        return tokens_drawn(self.rules, request.index, request.decode_steps)[-1]

    def _follow(self, request: Request, now: float) -> None:
        """A request has ended or was rejected: who comes after it?"""
        if self.followers:
            self.coming.append((now + self.think_s, self.followers.pop(0)))

    def _arrivals(self, now: float) -> None:
        while self.coming and min(self.coming)[0] <= now:
            first = min(self.coming)
            self.coming.remove(first)
            request = self.requests[first[1]]
            if self._most_blocks_of(request) > self.rules.blocks:
                request.state = "rejected"
                self._follow(request, now)
                continue
            request.rank = min(range(self.rules.ranks), key=lambda rank: len(self._on(rank)))
            request.state, request.prompt = "waiting", request.isl
            self.queues[request.rank].append(request)

    def _start_steps(self, now: float) -> None:
        if self.rules.policy == "train" and not _is_multiple(now, self.rules.period_s):
            return
        self._try_lanes(now)
        if any(lane.waits for lane in self.lanes) and all(lane.end_s is None for lane in self.lanes):
            for lane in self.lanes:
                lane.waits = False  # no step is under way that could end
            self._try_lanes(now)

    def _try_lanes(self, now: float) -> None:
        tried: set[int] = set()
        while self.stage_free_s[0] <= now:
            ready = [one for one in self.lanes if one.end_s is None and not one.waits and one.number not in tried]
            if not ready:
                return
            lane = min(ready, key=lambda one: (one.last_end_s, len(self._of(one)), one.number))
            before = self.preemptions
            self._start(lane, now)
            if self.preemptions > before:
                tried.clear()  # memory was given up, that another lane may use at once
            tried.add(lane.number)

    def _start(self, lane: Lane, now: float) -> None:
        parts = [Part(rank) for rank in range(self.rules.ranks)]
        makers = {"prompts-first": self._prompts_first, "static": self._static}
        makers.get(self.rules.policy, self._mixed)(lane, parts)
        if not any(part.decodes or part.chunks for part in parts):
            lane.waits = any(part.put_back for part in parts)
            return
        for part in parts:
            for request in (*(one for one, _, _ in part.chunks), *part.decodes):
                if request.start_s is None:
                    request.start_s = now
        seconds = self.times([part.load for part in parts]) + self._reload_s()
        lane.end_s = self._pass_stages(now, seconds)
        for part in parts:
            for request, _, context in part.chunks:
                if context == request.prompt:
                    request.admission = self._next_admission()  # it decodes later than who joined in this step
        finished = [request for part in parts for request, _, context in part.chunks if context == request.prompt]
        lane.decodes = [request for part in parts for request in part.decodes]
        lane.yields = [request for part in parts for request in part.decodes] + finished
        self.busy_s += seconds
        blocks = [self._used(part.rank) for part in parts]
        self.most_blocks = max(self.most_blocks, *blocks)
        decodes = [[request.index for request in part.decodes] for part in parts]
        chunks = [[(request.index, new, context) for request, new, context in part.chunks] for part in parts]
        self.steps.append(Step(now, lane.end_s, lane.number, decodes, chunks, blocks))

    def _gives_up(self, request: Request) -> None:
        """Its blocks, as counted by _used, are its own no longer."""

    def _reload_s(self) -> float:
        """Seconds by which the step is longer for blocks from lower tiers."""
        return 0.0

    def _pass_stages(self, now: float, seconds: float) -> float:
        for stage, share in enumerate(self.rules.stages):
            now = max(now, self.stage_free_s[stage]) + share * seconds
            self.stage_free_s[stage] = now
        return now

    # ---- what a step is made of

    def _mixed(self, lane: Lane, parts: list[Part]) -> None:
        if self.rules.gather_steps and self.rules.ranks > 1 and self.rules.policy == "mixed":
            self._gathering(lane, parts)
            return
        for part in parts:
            self._decode(lane, part)
            self._prompts(lane, part, self.rules.token_budget - len(part.decodes) * self._width)

    def _gathering(self, lane: Lane, parts: list[Part]) -> None:
        """Not every rank has a prompt: then prompts are taken in each `gather_steps`th step, or if a rank is idle."""
        for part in parts:
            self._decode(lane, part)
        rooms = [self.rules.token_budget - len(part.decodes) * self._width for part in parts]
        has = [
            bool(room > 0 and self._in_progress(part.rank, lane)) or self._can_admit(part, room)
            for part, room in zip(parts, rooms, strict=True)
        ]
        number = 0 if all(has) else self.step_of_waiting + 1
        taken = number in (0, self.rules.gather_steps) or not all(part.decodes for part in parts)
        for part, room in zip(parts, rooms, strict=True):
            if taken:
                self._prompts(lane, part, room)
            else:
                self._join(part, lane, room)
        if any(part.decodes or part.chunks for part in parts):
            self.step_of_waiting = 0 if taken else number

    def _prompts_first(self, lane: Lane, parts: list[Part]) -> None:
        """Once a prompt is put back nobody is admitted on its rank until that decodes, or a request on it has ended.

        With one rank and one lane this is the step itself. With more, prompts of others could keep the step from
        decoding; if the prompt were admitted again before memory can have been freed, this could go on for ever.
        """
        budget = self.rules.token_budget
        for part in parts:
            for prompt in self._in_progress(part.rank, lane):
                if not self._put_back_unless_it_fits(part, prompt, budget):
                    self.barred.add(part.rank)
        if any(self._in_progress(part.rank, lane) or self._can_admit(part, budget) for part in parts):
            for part in parts:
                self._prompts(lane, part, budget)
        else:
            for part in parts:
                self._decode(lane, part)
                self._join(part, lane, self.rules.max_sequences * self._width)

    def _static(self, lane: Lane, parts: list[Part]) -> None:
        for part in parts:
            if not self._own(part.rank, lane):
                while self._can_admit(part, self.rules.token_budget):
                    self._admit(part).lane = lane.number
            if self._in_progress(part.rank, lane):
                self._prompts(lane, part, self.rules.token_budget)
            else:
                self._decode(lane, part)

    def _decode(self, lane: Lane, part: Part) -> None:
        decodes = [request for request in self._own(part.rank, lane) if request.decodes]
        while sum(self._growth(request, self._width) for request in decodes) > self._free(part.rank):
            prompts = self._in_progress(part.rank, lane)
            self._put_back(part, prompts[-1] if prompts else decodes.pop())
        for request in decodes:
            request.reserved = request.stored + self._width
        part.decodes = decodes
        if decodes:
            self.barred.discard(part.rank)

    def _prompts(self, lane: Lane, part: Part, budget: int) -> None:
        for prompt in self._in_progress(part.rank, lane):
            if budget > 0 and self._put_back_unless_it_fits(part, prompt, budget):
                budget -= self._take(lane, part, prompt, budget)
        while self.rules.policy != "static" and self._can_admit(part, budget):
            budget -= self._take(lane, part, self._admit(part), budget)
        if self.rules.policy in ("mixed", "train"):
            self._join(part, lane, budget)

    def _join(self, part: Part, lane: Lane, budget: int) -> None:
        """Those that come stored are admitted to the decodes of this step."""
        queue = self.queues[part.rank]
        while queue and queue[0].comes_stored and budget > 0 and self._may_admit(part):
            if self._blocks(queue[0], queue[0].isl + self._width) > self._free(part.rank):
                return
            request = self._admit(part)
            request.comes_stored, request.lane = False, lane.number
            request.stored, request.reserved = request.isl, request.isl + self._width
            part.decodes.append(request)
            budget -= self._width

    def _take(self, lane: Lane, part: Part, prompt: Request, budget: int) -> int:
        new = min(prompt.prompt - prompt.stored, budget)
        prompt.stored += new
        if prompt.stored == prompt.prompt:
            prompt.lane = lane.number
        part.chunks.append((prompt, new, prompt.stored))
        return new

    def _may_admit(self, part: Part) -> bool:
        running = [r for r in self._on(part.rank) if r.state == "running"]
        if not running:
            self.barred.discard(part.rank)
        return not part.put_back and part.rank not in self.barred and len(running) < self.rules.max_sequences

    def _can_admit(self, part: Part, budget: int) -> bool:
        queue = self.queues[part.rank]
        if not self._may_admit(part) or not queue or budget <= 0 or queue[0].comes_stored:
            return False
        wanted = queue[0].prompt if self.rules.whole_prompts else min(queue[0].prompt, budget)
        return self._first_blocks(queue[0], wanted, budget) <= self._free(part.rank)

    def _first_blocks(self, request: Request, stored: int, budget: int) -> int:
        """Blocks that a request needs which has none, to have so many tokens stored some day."""
        return self._blocks(request, stored)

    def _admit(self, part: Part) -> Request:
        request = self.queues[part.rank].pop(0)
        request.state, request.admission = "running", self._next_admission()
        return request

    def _next_admission(self) -> int:
        self.admissions += 1
        return self.admissions

    def _put_back(self, part: Part, request: Request) -> None:
        self._gives_up(request)
        request.state, request.lane, request.stored, request.reserved = "waiting", None, 0, 0
        request.prompt = request.isl + request.yielded
        self.queues[part.rank].insert(0, request)
        self.preemptions += 1
        part.put_back = True

    def _put_back_unless_it_fits(self, part: Part, prompt: Request, budget: int) -> bool:
        if self._growth(prompt, min(prompt.prompt - prompt.stored, budget)) <= self._free(part.rank):
            return True
        self._put_back(part, prompt)
        return False

    @property
    def _width(self) -> int:
        """Tokens of a request in a decode step."""
        return 1 + self.rules.drafts

    # ---- who is where

    def _on(self, rank: int) -> list[Request]:
        return [
            request for request in self.requests if request.rank == rank and request.state in ("waiting", "running")
        ]

    def _of(self, lane: Lane) -> list[Request]:
        return [request for request in self.requests if request.lane == lane.number and request.state == "running"]

    def _own(self, rank: int, lane: Lane) -> list[Request]:
        """Of one lane on one rank, in the order of their admission."""
        return sorted((r for r in self._of(lane) if r.rank == rank), key=lambda r: r.admission)

    def _in_progress(self, rank: int, lane: Lane) -> list[Request]:
        """Prompts that the lane goes on with: the rank's one, whichever lane began it; of static those of its batch."""
        prompts = [request for request in self._on(rank) if request.in_prefill and request.lane in (None, lane.number)]
        return sorted(prompts, key=lambda request: request.admission)

    # ---- memory

    def _most_blocks_of(self, request: Request) -> int:
        last = 0 if self.rules.reserve == "output" else 1  # the token that is yielded last need not be stored
        return _ceil(request.isl + request.osl - last + self.rules.drafts, self.rules.block_tokens)

    def _blocks(self, request: Request, stored: int) -> int:
        """Blocks that a request holds while it runs with so many tokens stored."""
        if self.rules.reserve == "output":
            return self._most_blocks_of(request)
        whole = request.prompt if self.rules.policy == "static" else 0  # its batch was admitted with whole prompts
        return _ceil(max(stored, whole, request.reserved), self.rules.block_tokens)

    def _growth(self, request: Request, new: int) -> int:
        return self._blocks(request, request.stored + new) - self._blocks(request, request.stored)

    def _used(self, rank: int) -> int:
        return sum(self._blocks(r, r.stored) for r in self._on(rank) if r.state == "running")

    def _free(self, rank: int) -> int:
        return self.rules.blocks - self._used(rank)


def simulate(
    arrivals: list[float],
    isl: list[int],
    osl: list[int],
    times: Times,
    rules: Rules,
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    trace: list[Step] | None = None,
) -> Outcome:
    """Follow all requests to their end. With a `concurrency` the arrivals are ignored; steps are put into `trace`."""
    requests = [Request(index, *sizes) for index, sizes in enumerate(zip(isl, osl, strict=True))]
    replica = Replica(requests, rules, times)
    replica.think_s = think_s
    if concurrency is None:
        replica.coming = [(time, index) for index, time in enumerate(arrivals)]
    else:
        replica.coming = [(0.0, request.index) for request in requests[:concurrency]]
        replica.followers = [request.index for request in requests[concurrency:]]
    replica.run()
    if trace is not None:
        trace.extend(replica.steps)
    return Outcome(
        start_s=[request.start_s for request in requests],
        first_s=[request.first_s for request in requests],
        end_s=[request.end_s for request in requests],
        preemptions=replica.preemptions,
        steps=len(replica.steps),
        rejected=[request.index for request in requests if request.state == "rejected"],
        most_blocks=replica.most_blocks,
        busy_s=replica.busy_s,
    )


def _ceil(count: int, unit: int) -> int:
    return -(-count // unit)


def _multiple_after(now: float, period: float) -> float:
    number = max(0, int(now // period) - 1)
    while number * period <= now:
        number += 1
    return number * period


def _is_multiple(now: float, period: float) -> bool:
    return round(now / period) * period == now
