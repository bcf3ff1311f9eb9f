"""Draws the frozen scenarios of tests/predictions/scenarios.csv. Run once; the file is then data, not output.

.venv/bin/python scripts/prediction_scenarios.py

A seed decides every draw. Systems take turns; models, engines, formats, lengths and loads are drawn evenly from the
lists below, layouts from mostly powers of two. What the package refuses is drawn again, and of what does not fit into
memory one in six is kept, so that both verdicts are held.
"""

import csv
import itertools
import random
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from predictions import SCENARIOS, Question, answer

from tokenroof.errors import TokenroofError


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


SEED, WANTED, KEPT_OF_TOO_LARGE = 20260, 2000, 1 / 6
MODELS = words(
    "codellama-34b command-r-plus dbrx deepseek-r1 deepseek-v2 deepseek-v2-lite deepseek-v3 deepseek-v3.1-nvfp4 "
    "deepseek-v3.2 deepseek-v4-flash deepseek-v4-pro devstral-2-123b ernie-4.5-300b-a47b falcon-180b gemma-2-27b "
    "gemma-3-27b gemma-4-26b-a4b gemma-4-31b glm-4.5-air glm-4.6 glm-5 gpt-oss-120b gpt-oss-20b grok-1 hunyuan-a13b "
    "jamba-1.5-large kimi-k2 kimi-linear-48b-a3b llama-2-70b llama-3.1-405b llama-3.1-8b llama-3.2-1b llama-3.3-70b "
    "llama-4-maverick-17b-128e llama-4-scout-17b-16e longcat-flash minimax-m1 minimax-m2.5 mistral-7b-v0.3 mistral- "
    "large mixtral-8x22b mixtral-8x7b nemotron-3-nano-30b-a3b nemotron-4-340b nemotron-h-56b olmo-2-0325-32b opt-66b "
    "phi-4 qwen2.5-72b qwen2.5-7b qwen3-0.6b qwen3-235b-a22b qwen3-235b-a22b-fp8 qwen3-30b-a3b qwen3-32b qwen3-8b "
    "qwen3-coder-480b-a35b qwen3-next-80b-a3b qwen3.5-397b-a17b step3 yi-34b"
)
SYSTEMS = words(
    "1xh100 2xh100 4xh100 8xh100 16xh100 1xh200 8xh200 16xh200 1xb200 4xb200 8xb200 8xb300 gb200-nvl72 gb300-nvl72 "
    "1xa100 4xa100 8xa100 1xl40s 4xl40s 1xrtx-4090 2xrtx-pro-6000 8xmi300x 1xmi300x 8xmi325x 8xmi355x 8xh20 v6e-8 "
    "v5e-16 1xgh200 8xgaudi3"
)
ENGINES = ("vllm", "vllm", "sglang", "sglang", "trtllm")
WEIGHTS = ("", "", "", "fp8", "fp8", "nvfp4", "int4-wo-g32", "bf16")
CACHES = ("", "", "fp8")
LENGTHS = (
    (128, 128), (1024, 1024), (1024, 8192), (8192, 1024), (4096, 512), (2048, 256), (512, 2048), (32768, 1024),
    (131072, 512), (200, 1), (3000, 300),
)  # fmt: skip
CONCURRENCIES = (1, 2, 4, 8, 16, 32, 64, 100, 128, 256, 512, 1024, 4096)
DEGREES = {
    "tp": (1, 1, 2, 4, 8, 8, 16),
    "pp": (1, 1, 1, 1, 2, 3, 4),
    "dp": (1, 1, 1, 2, 4, 8, 16, 32),
    "ep": (1, 1, 2, 4, 8, 16, 32),
}


def drawn(rng: random.Random, system: str) -> Question:
    """One question about a system, whether or not it makes sense."""
    isl, osl = rng.choice(LENGTHS)
    degrees = {name: rng.choice(choices) for name, choices in DEGREES.items()}
    return Question(
        model=rng.choice(MODELS), system=system, engine=rng.choice(ENGINES), **degrees,
        weight_dtype=rng.choice(WEIGHTS), kv_dtype=rng.choice(CACHES), isl=isl, osl=osl,
        concurrency=rng.choice(CONCURRENCIES),
    )  # fmt: skip


def answers(one: Question, coin: float) -> bool:
    """Whether the package answers a question, and it is to be kept."""
    try:
        return answer(one)["requests_that_fit"] >= 1 or coin < KEPT_OF_TOO_LARGE
    except TokenroofError:
        return False


def questions() -> Iterator[Question]:
    """Questions that the package answers, each once, every system as often as any other, without end."""
    rng = random.Random(SEED)
    seen = set()
    for system in itertools.cycle(SYSTEMS):
        one = drawn(rng, system)
        while one in seen or not answers(one, rng.random()):
            one = drawn(rng, system)
        seen.add(one)
        yield one


def main() -> None:
    """Write the file."""
    names = [field.name for field in fields(Question)]
    with Path(SCENARIOS).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names)
        for _, one in zip(range(WANTED), questions(), strict=False):
            out.writerow([getattr(one, name) for name in names])


if __name__ == "__main__":
    main()
