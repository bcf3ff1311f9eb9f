"""One data-parallel rank: its queue, its memory in blocks, and the requests that run on it, by pipeline lane.

Requests that decode together are never touched one by one. All of a group advance by one token a step, so that a
request is two numbers fixed when it joined: what it had stored at step 0 of its group's clock, and the step in which it
ends. Sums over the group (contexts, blocks needed at each step) move with the clock.
"""

from collections import deque
from heapq import heappop, heappush

from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Chunk

__all__ = ["Group", "Rank"]

_ID_BITS = 34
_ID_MASK = (1 << _ID_BITS) - 1


class Group:
    """Requests of one lane on one rank. `base` of a request is its stored tokens less the clock when it joined."""

    __slots__ = ("boarded", "clock", "contexts", "ends", "n", "needs", "order")

    def __init__(self, block_tokens: int) -> None:
        self.n = 0
        self.clock = 0
        self.contexts = 0  # sum of contexts in the coming step
        self.ends: list[int] = []  # heap of (step of the last token, id) in one number
        self.order: dict[int, tuple[int, int]] = {}  # id -> (base, step of the last token), as they were admitted
        self.needs = [0] * block_tokens  # how many need a block in a step, by the step's remainder
        self.boarded: deque[list[int]] = deque()  # static: admitted and not yet prefilled: id, tokens, tokens done

    @property
    def size(self) -> int:
        """Requests that belong to it."""
        return self.n + len(self.boarded)

    def first_end(self) -> int:
        """Step of the clock after which somebody may end."""
        return self.ends[0] >> _ID_BITS


class Rank:
    """Queue, memory and groups of one rank."""

    __slots__ = (
        "allotted", "barred", "block_tokens", "done", "free", "groups", "isl", "left", "osl", "paged", "partial",
        "put_back", "queue", "rules", "seated", "started", "stored", "width", "yielded",
    )  # fmt: skip

    def __init__(self, rules: Rules, isl: list[int], osl: list[int], started: "list[float]") -> None:
        self.rules = rules
        self.isl, self.osl, self.started = isl, osl, started
        self.block_tokens = rules.block_tokens
        self.paged = rules.reserve == "pages"
        self.width = 1 + rules.drafts  # tokens of a request in a decode step
        self.free = rules.blocks
        self.queue: deque[int] = deque()
        self.groups = [Group(rules.block_tokens) for _ in rules.stages]
        self.partial: list[int] | None = None  # id, tokens to prefill, tokens done
        self.seated = 0
        self.yielded: dict[int, int] = {}  # tokens that a request had when it was put back
        self.allotted: dict[int, int] = {}  # blocks given before they are used: a whole answer's, or a static prompt's
        self.done: list[tuple[int, int]] = []  # prompts that end with this step: id, tokens prefilled
        self.put_back = 0
        self.left = 0  # how many left at the end of the last step
        self.stored: set[int] = set()  # of those that wait, who came with its prompt stored and a first token
        self.barred = False  # prompts first: a prompt was put back, and nobody has decoded or ended since

    # ------------------------------------------------------------------ what is there

    def waits(self) -> bool:
        """Whether anybody waits, or a prompt is in progress that any lane may go on with."""
        return bool(self.queue or self.partial)

    def busy(self) -> bool:
        """Whether anybody waits or runs, where there is one lane."""
        group = self.groups[0]
        return bool(self.queue or self.partial or group.n or group.boarded)

    def held(self) -> int:
        """Requests waiting and running."""
        return len(self.queue) + self.seated

    def possible(self, request: int) -> bool:
        """Whether memory could hold it alone."""
        return self._alone(request) <= self.rules.blocks

    def _alone(self, request: int) -> int:
        most = self.isl[request] + self.osl[request] - self.paged + self.width - 1
        return -(-most // self.block_tokens)

    def _to_prefill(self, request: int) -> int:
        return self.isl[request] + self.yielded.get(request, 0)

    def admissible(self, room: int) -> bool:
        """Whether the first that waits could be admitted to a step with room for so many tokens."""
        if not self.seated:
            self.barred = False
        if self.barred or not self.queue or room <= 0 or self.seated >= self.rules.max_sequences:
            return False
        return self._first_fits(room)

    def _first_fits(self, room: int) -> bool:
        request = self.queue[0]
        if self.stored and request in self.stored:
            return False
        if not self.paged:
            return self._alone(request) <= self.free
        whole = self._to_prefill(request)
        return -(-(whole if self.rules.whole_prompts else min(whole, room)) // self.block_tokens) <= self.free

    # ------------------------------------------------------------------ making up a step

    def make_room(self, group: Group) -> None:
        """Takes blocks for the next tokens of a group; puts back who was admitted last until there are enough."""
        needs, at = group.needs, group.clock % self.block_tokens
        while needs[at] > self.free:
            if self.partial is not None:
                self._put_back_partial()
            else:
                self._put_back(group)
        self.free -= needs[at]
        if group.n:
            self.barred = False

    def bar(self, room: int) -> None:
        """Puts the prompt in progress back where its next chunk finds too little memory; then nobody is admitted here
        until memory can have been freed, or prompts could come and go for ever and keep everybody from decoding.
        """
        if self.partial is not None and self._chunk_blocks(room) > self.free:
            self._put_back_partial()
            self.barred = True

    def _chunk_blocks(self, room: int) -> int:
        """Blocks that the next chunk of the prompt in progress takes."""
        assert self.partial is not None
        _, whole, before = self.partial
        if not self.paged:
            return 0
        size = self.block_tokens
        return -(-min(whole, before + room) // size) - -(-before // size)

    def _put_back_partial(self) -> None:
        assert self.partial is not None
        request, _, done = self.partial
        self._drop(request, done)
        self.partial = None
        self._requeue(request)

    def _put_back(self, group: Group) -> None:
        request, (base, end) = group.order.popitem()
        stored = base + group.clock
        self.yielded[request] = self.osl[request] - (end - group.clock)
        self._drop(request, stored)
        group.n -= 1
        group.contexts -= stored + 1
        group.needs[-base % self.block_tokens] -= 1
        self._requeue(request)

    def _requeue(self, request: int) -> None:
        self.queue.appendleft(request)
        self.seated -= 1
        self.put_back += 1

    def fill(self, group: Group | None, room: int, start: float, admit: bool) -> list[Chunk]:
        """Chunks of prompts for a step that starts now and has room for so many tokens; takes their blocks.

        Who comes with its prompt stored joins the group that decodes in this step, where there is one.
        """
        chunks: list[Chunk] = []
        size, paged = self.block_tokens, self.paged
        if self.partial is not None and room > 0:
            request, whole, before = self.partial
            new = min(whole - before, room)
            blocks = self._chunk_blocks(room)
            if blocks > self.free:
                self._put_back_partial()
                return chunks
            self.free -= blocks
            room -= new
            chunks.append((new, before + new))
            if before + new == whole:
                self.partial = None
                self.done.append((request, whole))
            else:
                self.partial[2] = before + new
        if not self.seated:
            self.barred = False
        if not admit or self.barred:
            return chunks
        queue, most, isl, yielded = self.queue, self.rules.max_sequences, self.isl, self.yielded
        while queue and room > 0 and self.seated < most:
            request = queue[0]
            if self.stored and request in self.stored:
                if group is not None:
                    self.join(group, room, start)
                break
            whole = isl[request] + (yielded.get(request, 0) if yielded else 0)
            new = whole if whole <= room else room
            blocks = -(-new // size) if paged else self._alone(request)
            if blocks > self.free or (paged and self.rules.whole_prompts and -(-whole // size) > self.free):
                break
            self.free -= blocks
            if not paged:
                self.allotted[request] = blocks
            queue.popleft()
            self.seated += 1
            if self.started[request] < 0.0:
                self.started[request] = start
            room -= new
            chunks.append((new, new))
            if new == whole:
                self.done.append((request, whole))
            else:
                self.partial = [request, whole, new]
        return chunks

    def join(self, group: Group, room: int, start: float) -> None:
        """Admits who came with its prompt stored, their tokens of the step each; behind it nobody else waits."""
        if not self.seated:
            self.barred = False
        queue = self.queue
        while (
            not self.barred
            and queue
            and queue[0] in self.stored
            and room > 0
            and self.seated < self.rules.max_sequences
        ):
            request = queue[0]
            stored = self.isl[request]
            blocks = -(-(stored + self.width) // self.block_tokens) if self.paged else self._alone(request)
            if blocks > self.free:
                break
            self.free -= blocks
            if not self.paged:
                self.allotted[request] = blocks
            queue.popleft()
            self.stored.discard(request)
            if self.started[request] < 0.0:
                self.started[request] = start
            self.seated += 1
            room -= self.width
            self._enter(group, request, stored, self.osl[request] - 1, blocks)

    def board(self, group: Group) -> None:
        """Static batching: admits a whole batch, with memory for its prompts (or answers)."""
        while self.queue and self.seated < self.rules.max_sequences:
            request = self.queue[0]
            whole = self._to_prefill(request)
            blocks = -(-whole // self.block_tokens) if self.paged else self._alone(request)
            if blocks > self.free:
                break
            self.free -= blocks
            self.allotted[request] = blocks
            self.queue.popleft()
            group.boarded.append([request, whole, 0])
            self.seated += 1

    def fill_boarded(self, group: Group, room: int, start: float) -> list[Chunk]:
        """Static batching: the next chunks of a batch's prompts, whose memory is there already."""
        chunks: list[Chunk] = []
        while group.boarded and room > 0:
            request, whole, before = group.boarded[0]
            new = min(whole - before, room)
            if self.started[request] < 0.0:
                self.started[request] = start
            room -= new
            chunks.append((new, before + new))
            if before + new < whole:
                group.boarded[0][2] = before + new
            else:
                group.boarded.popleft()
                self.done.append((request, whole))
        return chunks

    # ------------------------------------------------------------------ after a step

    def decoded(self, group: Group, steps: int, end: float, ended: list[tuple[float, int]]) -> None:
        """Everybody in a group has `steps` more tokens; who has all of them leaves."""
        group.clock += steps
        group.contexts += group.n * steps
        clock, ends = group.clock, group.ends
        while ends and ends[0] >> _ID_BITS <= clock:
            key = heappop(ends)
            request, last = key & _ID_MASK, key >> _ID_BITS
            known = group.order.get(request)
            if known is None or known[1] != last:
                continue  # it was put back, and its end was another
            base = known[0]
            del group.order[request]
            group.n -= 1
            group.contexts -= base + clock + 1
            if self.paged:
                group.needs[-base % self.block_tokens] -= 1
            self._leave(request, base + clock)
            ended.append((end, request))

    def prefilled(self, group: Group, end: float, first_s: list[float], ended: list[tuple[float, int]]) -> None:
        """Prompts that ended with this step have their next token and join a group."""
        for request, whole in self.done:
            had = self.yielded.pop(request, 0) if self.yielded else 0
            if not had:
                first_s[request] = end
            if self.paged and self.allotted:
                self.allotted.pop(request, None)
            left = self.osl[request] - had - 1
            if left == 0:
                self._leave(request, whole)
                ended.append((end, request))
                continue
            self._enter(group, request, whole, left, -(-whole // self.block_tokens))
        self.done.clear()

    def _enter(self, group: Group, request: int, stored: int, left: int, blocks: int) -> None:
        """A request with so many tokens stored in so many blocks, and so many left to yield, joins a group."""
        base, last = stored - group.clock, group.clock + left
        group.order[request] = (base, last)
        heappush(group.ends, last << _ID_BITS | request)
        group.n += 1
        group.contexts += stored + 1
        if self.paged:
            group.needs[-base % self.block_tokens] += 1

    def _leave(self, request: int, stored: int) -> None:
        self.barred = False
        self.seated -= 1
        if self.paged:
            self._drop(request, stored)
        else:
            self.free += self.allotted.pop(request)

    def _drop(self, request: int, stored: int) -> None:
        """A request gives up the blocks of what it has stored."""
        self.free += -(-stored // self.block_tokens)

    def found_share(self, request: int) -> float:
        """Which share of a prompt is stored already."""
        return 0.0

    def reloaded_s(self) -> float:
        """Seconds that the step just made up waits for blocks of lower memory tiers."""
        return 0.0

    def steps_in_memory(self, group: Group, most: int) -> int:
        """Steps, at most so many, that memory surely lets a group decode without anybody being put back."""
        if not self.paged or not group.n:
            return most
        size, needs, free = self.block_tokens, group.needs, self.free
        if free >= group.n * (most // size + 1):
            return most
        cycles = free // group.n
        steps, left = cycles * size, free - cycles * group.n
        while steps < most and needs[(group.clock + steps) % size] <= left:
            left -= needs[(group.clock + steps) % size]
            steps += 1
        return min(steps, most)

    def take(self, group: Group, steps: int) -> None:
        """Blocks of so many decode steps, that memory has."""
        size, needs = self.block_tokens, group.needs
        cycles, rest = divmod(steps, size)
        blocks = cycles * group.n
        for at in range(group.clock, group.clock + rest):
            blocks += needs[at % size]
        self.free -= blocks
