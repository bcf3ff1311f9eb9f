"""The commonest replica as one loop: one rank, one pipeline lane, straight step times. docs/theory/simulation.md.

It does what Replica does, request for request (tests/simulate/test_alone.py), several times as fast: state is local
variables, and decode steps in which nothing can change are taken together in closed form. A turn of the loop is one
step with prompts, or all decode steps up to the next answer that ends, the next arrival or the end of memory.
"""

import math
from array import array
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tokenroof.simulate.rules import Rules
from tokenroof.simulate.step_times import Chunk
from tokenroof.simulate.straight import Piece, StraightTimes

__all__ = ["Carried", "alone"]

_ID_BITS = 34
_ID_MASK = (1 << _ID_BITS) - 1
_NEVER = 1 << 62
_SURE = 1e-6  # of a step: roots this close to a whole number are looked at again
_NO_PIECE = Piece(math.inf, -math.inf, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Carried:
    """What became of the requests, in seconds by request, and what the replica did."""

    arrival_s: Sequence[float]
    started_s: "array[float]"
    first_s: "array[float]"
    end_s: "array[float]"
    put_back: int
    steps: int
    busy_s: float
    least_free: int
    stopped: bool  # by an interrupt; what had not happened by then is -1


def _steps_in_memory(needs: Sequence[int], at: int, n: int, free: int, most: int) -> int:
    """Steps, at most so many, whose blocks are free; `needs` are those of a step by its place in a block, twice."""
    size = len(needs) // 2
    cycles, left = divmod(free, n)
    steps = cycles * size
    while steps < most and needs[at] <= left:
        left -= needs[at]
        at = at + 1 if at + 1 < size else 0
        steps += 1
    return min(steps, most)


def _steps_until(gap: float, first_s: float, longer_s: float, most: int) -> int:
    """The fewest steps that take `gap` seconds, at most so many; each takes `longer_s` more than the one before."""
    mean_s = first_s - 0.5 * longer_s
    root = 2.0 * gap / (mean_s + math.sqrt(mean_s * mean_s + 2.0 * longer_s * gap))
    steps = int(root)
    if _SURE < root - steps < 1.0 - _SURE:
        return min(steps + 1, most)
    steps = max(1, min(steps - 1, most))
    while steps < most and steps * first_s + longer_s * (steps * (steps - 1) // 2) < gap:
        steps += 1
    return steps


def alone(  # noqa: PLR0915 - its state is local variables: that is what makes it fast
    arrival_s: list[float],
    isl: list[int],
    osl: list[int],
    times: StraightTimes,
    rules: Rules,
    *,
    concurrency: int | None = None,
    think_s: float = 0.0,
    watch: Callable[[float, float, int, int, int, int], None] | None = None,
    pause_s: float = math.inf,
) -> Generator[None, None, Carried]:
    """Carries requests, in order of arrival and none too large for memory, to their ends.

    `rules` are mixed or prompts-first, on one rank and one stage. With a `concurrency` the arrivals are ignored. It
    halts after every `pause_s` of the run, so that others can come as far. An interrupt ends it.
    """
    count = len(isl)
    sent = count if concurrency is None else min(concurrency, count)
    arrivals = [*arrival_s, math.inf] if concurrency is None else [0.0] * sent + [math.inf] * (count + 1 - sent)
    started_s, first_token_s, end_s = (array("d", [-1.0]) * count for _ in range(3))
    budget, max_sequences, size = rules.token_budget, rules.max_sequences, rules.block_tokens
    paged, mixed = rules.reserve == "pages", rules.policy == "mixed"
    whole_prompts = paged and rules.whole_prompts
    by_tokens, by_logits, prompts_s, piece_of = times.by_tokens, times.by_logits, times.prompts_s, times.piece
    empty_s, mixed_floor_s, prompts_floor_s = times.empty_s, times.mixed_floor_s, times.prompts_floor_s
    pieces = [_NO_PIECE] * (min(max_sequences, count) + 1)  # the last one looked at, by requests that decode
    single_s = [-1.0] * (budget + 1)  # prompts_s of one chunk that begins a prompt, by its tokens

    now, busy_s, steps, put_back = 0.0, 0.0, 0, 0
    free = least_free = rules.blocks
    seen = head = 0  # arrived, and taken into a step, as places in the order of arrival
    back: list[int] = []  # put back: they stand before all others, the last of them first
    yielded: dict[int, int] = {}  # tokens that they had
    seated = 0
    partial, partial_whole, partial_done = -1, 0, 0  # the prompt in progress
    chunks: list[Chunk] = []  # of the step
    done: list[tuple[int, int]] = []  # prompts that end with the step: request, tokens
    barred = False  # prompts first: a prompt was put back, and nobody has decoded or ended since

    # Who decodes. The clock counts decode steps; a request ends at a time of it that is fixed when it joins. Its stored
    # tokens less the clock stay as they are, so that it needs a block in every `size`th step.
    n, contexts, clock = 0, 0, 0  # requests, sum of their contexts in the coming step
    ends = [_NEVER << _ID_BITS]  # heap of (clock at the end, request) in one number
    next_end = _NEVER
    order: dict[int, int] = {}  # request -> its number in `ends`, as they joined; others there are of requests put back
    needs = [0] * (2 * size)  # how many need a block in a step, by clock % size, twice over so that slices may pass it

    stopped, halt_s = False, pause_s
    try:
        while True:
            if not seated and head == seen and not back:
                if head == count:
                    break
                if arrivals[seen] > now:
                    now = arrivals[seen]
            while arrivals[seen] <= now:
                seen += 1
            if now >= halt_s:
                halt_s = now + pause_s
                yield

            # ---- who takes part: all that decode and prompts; prompts first, one or the other
            waits = fill = head < seen or partial >= 0 or bool(back)
            most = next_end - clock  # decode steps that may be taken together
            decodes = n
            if waits and not mixed:
                if not seated:
                    barred = False
                if barred:
                    most, fill = 1, False
                elif partial < 0:
                    request = back[-1] if back else head
                    whole = isl[request] + yielded.get(request, 0)
                    tokens = min(whole, budget) if paged and not whole_prompts else whole
                    tokens += 0 if paged else osl[request]
                    fill = seated < max_sequences and -(-tokens // size) <= free
                if fill:
                    decodes = 0

            # ---- blocks for the next token of all that decode; who came last gives its own up for them
            if decodes and paged:
                at = clock % size
                if needs[at] > free:
                    most, fill = 1, False
                    if partial >= 0:
                        free += -(-partial_done // size)
                        back.append(partial)
                        partial = -1
                        seated -= 1
                        put_back += 1
                    while needs[at] > free:
                        request, key = order.popitem()
                        left = (key >> _ID_BITS) - clock
                        stored = isl[request] + osl[request] - 1 - left
                        place = (clock - stored) % size
                        needs[place] -= 1
                        needs[place + size] -= 1
                        n -= 1
                        contexts -= stored + 1
                        free += -(-stored // size)
                        yielded[request] = osl[request] - left
                        back.append(request)
                        seated -= 1
                        put_back += 1
                    decodes = n
                free -= needs[at]
                barred = False

            # ---- prompts, as far as tokens and blocks go
            if fill:
                room = budget - decodes
                if partial >= 0 and room > 0:
                    new = min(partial_whole - partial_done, room)
                    context = partial_done + new
                    blocks = -(-context // size) - -(-partial_done // size) if paged else 0
                    if blocks > free:
                        free += -(-partial_done // size)
                        back.append(partial)
                        partial = -1
                        seated -= 1
                        put_back += 1
                        if not mixed:
                            barred = True
                            continue
                        most, room = 1, 0
                    else:
                        free -= blocks
                        room -= new
                        chunks.append((new, context))
                        if context == partial_whole:
                            done.append((partial, context))
                            partial = -1
                        else:
                            partial_done = context
                while room > 0 and seated < max_sequences:
                    if back:
                        request = back[-1]
                        whole = isl[request] + yielded.get(request, 0)
                    elif head < seen:
                        request = head
                        whole = isl[request]
                    else:
                        break
                    new = whole if whole <= room else room
                    blocks = -(-new // size) if paged else -(-(whole + osl[request]) // size)
                    if blocks > free or (whole_prompts and new < whole and -(-whole // size) > free):
                        break
                    free -= blocks
                    room -= new
                    seated += 1
                    if back:
                        back.pop()
                    else:
                        head += 1
                    if started_s[request] < 0.0:
                        started_s[request] = now
                    chunks.append((new, new))
                    if new == whole:
                        done.append((request, whole))
                    else:
                        partial, partial_whole, partial_done = request, whole, new

            # ---- how many steps it is, and how long they take
            if decodes:
                low, high, beside_s, alone_s, slope_s = pieces[decodes]
                if not low <= contexts <= high:
                    low, high, beside_s, alone_s, slope_s = pieces[decodes] = piece_of(decodes, contexts)
            if chunks:
                steps_now, asked, fresh = 1, len(chunks), budget - decodes - room
                if asked == 1 and chunks[0][1] == fresh:
                    seconds = single_s[fresh]
                    if seconds < 0.0:
                        seconds = single_s[fresh] = prompts_s(chunks)
                else:
                    seconds = prompts_s(chunks)
                seconds += by_tokens[decodes + fresh] + by_logits[decodes + asked]
                if decodes:
                    seconds += beside_s + slope_s * contexts
                    if seconds < mixed_floor_s:
                        seconds = mixed_floor_s
                else:
                    seconds += empty_s
                    if seconds < prompts_floor_s:
                        seconds = prompts_floor_s
                chunks.clear()
            else:
                assert decodes, "requests wait and none can run"
                seconds = alone_s + slope_s * contexts
                steps_now, fresh = most, 0
                if most > 1:
                    if paged and free < decodes * ((most - 1) // size + 1):
                        steps_now = 1 + _steps_in_memory(needs, (clock + 1) % size, decodes, free, most - 1)
                    if contexts + decodes * (steps_now - 1) > high:
                        steps_now = int((high - contexts) // decodes) + 1
                    first_s, longer_s = seconds, slope_s * decodes
                    seconds = steps_now * first_s + longer_s * (steps_now * (steps_now - 1) // 2)
                    # Who waits already waits for an end; then arrivals change nothing.
                    if not waits and seconds > arrivals[seen] - now:
                        steps_now = _steps_until(arrivals[seen] - now, first_s, longer_s, steps_now)
                        seconds = steps_now * first_s + longer_s * (steps_now * (steps_now - 1) // 2)
                    if paged and steps_now > 1:
                        cycles, rest = divmod(steps_now - 1, size)
                        at = (clock + 1) % size
                        free -= cycles * decodes + sum(needs[at : at + rest])
            start, now = now, now + seconds
            steps += steps_now
            busy_s += seconds
            if free < least_free:
                least_free = free
            if watch is not None:
                watch(start, now, steps_now, decodes, fresh, free)

            # ---- all have their next token: prompts that are done join, and who has all tokens leaves
            clock += steps_now if decodes else 0
            contexts += decodes * steps_now
            if done:
                for request, whole in done:
                    had = yielded.pop(request, 0) if yielded else 0
                    if not had:
                        first_token_s[request] = now
                    key = order[request] = clock + osl[request] - 1 - had << _ID_BITS | request
                    heappush(ends, key)
                    n += 1
                    contexts += whole + 1
                    place = (clock - whole) % size
                    needs[place] += 1
                    needs[place + size] += 1
                done.clear()
                next_end = ends[0] >> _ID_BITS
            while clock >= next_end:
                key = heappop(ends)
                next_end = ends[0] >> _ID_BITS
                request = key & _ID_MASK
                if order.get(request) != key:
                    continue
                del order[request]
                end_s[request] = now
                stored = isl[request] + osl[request] - 1
                place = (clock - stored) % size
                needs[place] -= 1
                needs[place + size] -= 1
                n -= 1
                contexts -= stored + 1
                free += -(-stored // size) if paged else -(-(stored + 1) // size)
                seated -= 1
                barred = False
                if sent < count:
                    arrivals[sent] = now + think_s
                    sent += 1
    except KeyboardInterrupt:
        stopped = True
    return Carried(
        arrival_s=arrivals[:count], started_s=started_s, first_s=first_token_s, end_s=end_s,
        put_back=put_back, steps=steps, busy_s=busy_s, least_free=least_free, stopped=stopped,
    )  # fmt: skip
