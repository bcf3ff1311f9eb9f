"""A slow oracle for the serving formulas: an engine simulated pass by pass on a made-up machine."""

import random
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace

from tokenroof.types.efficiency import PEAK


@dataclass
class LinearMachine:
    """Passes that cost base + per_sequence * n + per_context * n * context + per_token * prompt tokens; no model."""

    base: float = 5e-3
    per_sequence: float = 20e-6
    per_context: float = 0.0
    per_token: float = 10e-6
    profile: object = PEAK
    program: object = field(default_factory=lambda: SimpleNamespace(layout=SimpleNamespace(dp=1, pp=1, n_gpus=1),
                                                                    vectorised=False, layers=1))  # fmt: skip

    def answer_tokens(self, passes):
        return passes

    def cost(self, sequences, context_sum, tokens):
        return self.base + self.per_sequence * sequences + self.per_context * context_sum + self.per_token * tokens

    def step(self, *, decode=None, prefill=None):
        sequences = 0.0 if decode is None else decode.sequences
        context = 0.0 if decode is None else decode.sequences * decode.context
        return SimpleNamespace(step_s=self.cost(sequences, context, 0.0 if prefill is None else prefill.tokens))


def simulate(machine, *, concurrency, isl, osl, requests, range_ratio, mixed, budget, limit=10**9, seed=0):
    """Closed loop of `requests` requests, all clients starting at once. Means of TTFT and TPOT, tokens/s."""
    rng = random.Random(seed)

    def draw(mean):
        high = 2 * mean / (1 + range_ratio)
        return max(2, round(high * (range_ratio + (1 - range_ratio) * rng.random())))

    lengths = [(draw(isl), draw(osl)) for _ in range(requests)]
    born, first, ended = {}, {}, {}
    waiting, running, prompt = deque(), {}, {}
    clock, sent = 0.0, 0

    def send():
        nonlocal sent
        if sent < requests:
            born[sent] = clock
            waiting.append(sent)
            sent += 1

    for _ in range(concurrency):
        send()
    while len(ended) < requests:
        while waiting and len(running) + len(prompt) < limit:
            request = waiting.popleft()
            prompt[request] = lengths[request][0]
        room = budget - (len(running) if mixed else 0)
        taken, ready = 0, []
        for request in list(prompt):
            piece = min(prompt[request], room - taken)
            taken += piece
            prompt[request] -= piece
            if prompt[request] == 0:
                del prompt[request]
                ready.append(request)
            if taken >= room:
                break
        decodes = mixed or not taken
        sequences = len(running) if decodes else 0
        context = sum(lengths[r][0] + lengths[r][1] - left for r, left in running.items()) if decodes else 0
        clock += machine.cost(sequences, context, taken)
        if decodes:
            for request in list(running):
                running[request] -= 1
                if running[request] == 0:
                    del running[request]
                    ended[request] = clock
                    send()
        for request in ready:
            first[request] = clock
            running[request] = lengths[request][1] - 1
    ttft = sum(first[r] - born[r] for r in range(requests)) / requests
    tpot = sum((ended[r] - first[r]) / (lengths[r][1] - 1) for r in range(requests)) / requests
    return ttft, tpot, sum(length for _, length in lengths) / clock
