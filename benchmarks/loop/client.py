"""A client of an OpenAI-like server: streams completions, keeps so many in flight, writes what vLLM's bench writes."""

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Answered", "bench", "complete", "wait_until_up"]

_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: when it was sent, and when each of its tokens came."""

    isl: int
    sent_s: float
    came_s: tuple[float, ...]

    @property
    def ttft_s(self) -> float:
        return self.came_s[0] - self.sent_s

    @property
    def e2e_s(self) -> float:
        return self.came_s[-1] - self.sent_s

    @property
    def tpot_s(self) -> float:
        return (self.came_s[-1] - self.came_s[0]) / (len(self.came_s) - 1)

    @property
    def itl_s(self) -> tuple[float, ...]:
        return tuple(b - a for a, b in zip(self.came_s, self.came_s[1:], strict=False))


def wait_until_up(url: str, process, seconds: float = 120.0) -> None:
    """Until the server lists its models. RuntimeError where it ends first or never answers."""
    end = time.monotonic() + seconds
    where = urlsplit(url)
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=2.0)
            connection.request("GET", "/v1/models")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no answer from {url} in {seconds:g} s")


def complete(url: str, prompt: str, tokens: int) -> Answered:
    """One streamed completion, greedy. Each character of the answer is one token."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=_PATIENCE_S)
    asked = {"prompt": prompt, "max_tokens": tokens, "temperature": 0.0, "stream": True}
    sent = time.perf_counter()
    connection.request("POST", "/v1/completions", json.dumps(asked), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"the server said {answer.status}: {answer.read(500)!r}")
    came: list[float] = []
    for line in answer:
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        text = json.loads(line[6:])["choices"][0]["text"]
        came += [time.perf_counter()] * len(text)
    connection.close()
    if len(came) < 2:
        raise RuntimeError(f"{len(came)} tokens came, {tokens} were asked for")
    return Answered(len(prompt), sent, tuple(came))


def _spread(name: str, values: Sequence[float]) -> dict[str, float]:
    scaled = [1e3 * value for value in values]
    found = {f"mean_{name}_ms": statistics.fmean(scaled), f"median_{name}_ms": statistics.median(scaled)}
    found[f"std_{name}_ms"] = statistics.pstdev(scaled)
    found[f"p99_{name}_ms"] = sorted(scaled)[min(len(scaled) - 1, int(0.99 * len(scaled)))]
    return found


def bench(url: str, prompts: Sequence[str], tokens: int, concurrency: int, model: str) -> dict:
    """All prompts with so many in flight, as `vllm bench serve --save-detailed` tells of it."""
    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        done = list(pool.map(lambda prompt: complete(url, prompt, tokens), prompts))
    seconds = time.perf_counter() - started
    inputs, outputs = sum(one.isl for one in done), sum(len(one.came_s) for one in done)
    return {
        "date": time.strftime("%Y%m%d-%H%M%S"), "endpoint_type": "openai", "backend": "openai", "model_id": model,
        "tokenizer_id": model, "num_prompts": len(done), "request_rate": "inf", "burstiness": 1.0,
        "max_concurrency": concurrency, "duration": seconds, "completed": len(done), "total_input_tokens": inputs,
        "total_output_tokens": outputs, "request_throughput": len(done) / seconds,
        "output_throughput": outputs / seconds, "total_token_throughput": (inputs + outputs) / seconds,
        **_spread("ttft", [one.ttft_s for one in done]), **_spread("tpot", [one.tpot_s for one in done]),
        **_spread("itl", [gap for one in done for gap in one.itl_s]), **_spread("e2el", [one.e2e_s for one in done]),
        "input_lens": [one.isl for one in done], "output_lens": [len(one.came_s) for one in done],
        "ttfts": [one.ttft_s for one in done], "itls": [list(one.itl_s) for one in done], "errors": [""] * len(done),
    }  # fmt: skip
