"""The closed form of serving against the simulator: writes the table of docs/theory/serving.md to standard output.

    python scripts/compare_serving.py > table.md        # some ten minutes on one core

Each cell is a deployment under the rules of vLLM at one load: the ratio of the closed form's mean to that of simulated
requests (lengths within 11 % of the mean). Closed loops begin in the middle, with answers of every age, and a client's
next request reaches the engine after the time that it takes outside, not with the end of a step; open loops run
for 40 times as many requests as are present at once, and the first quarter and the last tenth of them are left out:
they see a server that fills, or that drains.
"""

import math
import sys
from dataclasses import dataclass

import numpy as np

from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.run import simulate
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Load

DEPLOYMENTS = (
    ("llama-3.1-8b", "h100", {"tp": 1}),
    ("llama-3.3-70b", "8xh100", {"tp": 8}),
    ("llama-3.3-70b", "8xh100", {"tp": 4, "pp": 2}),
    ("llama-3.1-405b", "8xh200", {"tp": 2, "pp": 4}),
    ("llama-3.1-405b", "8xh200", {"pp": 8}),
    ("deepseek-v3", "8xh200", {"tp": 8}),
    ("deepseek-v3", "8xh200", {"tp": 1, "dp": 8, "ep": 8}),
    ("gpt-oss-120b", "8xh100", {"tp": 2, "dp": 4, "ep": 8}),
    ("qwen3-30b-a3b", "h100", {"tp": 1}),
)
LENGTHS = ((1024, 256), (4000, 500), (30000, 500), (500, 2000))
LOADS = ("closed, a quarter", "closed, full", "open 0.5", "open 0.8", "open 0.95", "saturated")
_SPREAD = 0.1111
_MOST_AT_ONCE = 512
_LONGEST = 80_000


@dataclass(frozen=True, slots=True)
class Cell:
    """Ratios of the closed form to the simulator; TTFT has none at saturation."""

    deployment: str
    lengths: str
    load: str
    tpot: float
    throughput: float
    ttft: float


def drawn(rng: np.random.Generator, mean: int, count: int) -> np.ndarray:
    """Lengths within 11 % of their mean."""
    return np.maximum(1, np.round(mean * rng.uniform(1 - _SPREAD, 1 + _SPREAD, count))).astype(int)


def simulated(
    deployment: Deployment, isl: int, osl: int, *, held: int = 0, rate: float = 0.0, present: float = 0.0
) -> tuple[float, ...]:
    """Mean TPOT, requests/s and mean TTFT of a closed loop of `held`, or of arrivals at a rate, so many `present`."""
    rng = np.random.default_rng(0)
    count = max(8 * held, 400) if held else int(min(_LONGEST, max(6000, 40 * present)))
    prompts, answers, arrivals = drawn(rng, isl, count), drawn(rng, osl, count), np.zeros(count)
    if held:
        given = np.minimum((rng.uniform(size=held) * answers[:held]).astype(int), answers[:held] - 1)
        prompts[:held] += given
        answers[:held] -= given
    else:
        arrivals = np.cumsum(rng.exponential(1.0 / rate, count))
        arrivals = (arrivals - arrivals[0]) * (count - 1) / rate / (arrivals[-1] - arrivals[0])
    outside_s = deployment.profile.outside_s(prompts)
    out = simulate(
        Requests(arrival_s=arrivals, isl=prompts, osl=answers), table_of(deployment), rules_of(deployment),
        concurrency=held or None, request_s=outside_s, think_s=float(outside_s.mean()) if held else 0.0,
    )  # fmt: skip
    kept = np.arange(count) >= (2 * held if held else count // 4)
    last = count - (held or count // 10)
    kept &= np.arange(count) < last
    if held:
        ends = np.sort(out.end_s)
        served = (count - 3 * held - 1) / (ends[count - held - 1] - ends[2 * held])
    else:
        served = kept.sum() / (arrivals[last] - arrivals[count // 4])
    later = out.osl[kept] - 1
    return float(np.nansum(out.tpot_s[kept] * later) / later.sum()), served, float(np.mean(out.ttft_s[kept]))


def cell(deployment: Deployment, name: str, isl: int, osl: int, load: str) -> Cell | None:
    """One comparison; None where the load says nothing new, or does not exist."""
    room = int(deployment.room())
    if room < 1:
        return None
    full = min(room, _MOST_AT_ONCE)
    if load == "saturated":
        if room > _MOST_AT_ONCE:
            return None
        found = deployment.estimate(Load(kind="saturated"), room)
        seen = simulated(deployment, isl, osl, held=int(1.5 * room) + 2)
    elif load.startswith("closed"):
        held = full if load.endswith("full") else max(1, full // 4)
        found = deployment.closed(held, Load(kind="concurrency", value=held), room)
        seen = simulated(deployment, isl, osl, held=held)
    else:
        rate = float(load.split()[1]) * float(deployment.estimate(Load(kind="saturated"), room).requests_per_s)
        found = deployment.estimate(Load(kind="request_rate", value=rate), room)
        seen = simulated(deployment, isl, osl, rate=rate, present=float(found.in_flight))
    mine = (found.tpot_s, found.requests_per_s, found.ttft_s)
    tpot, throughput, ttft = (float(one) / other for one, other in zip(mine, seen, strict=True))
    return Cell(name, f"{isl:,}/{osl:,}", load, tpot, throughput, math.nan if load == "saturated" else ttft)


def cells() -> list[Cell]:
    """All of them; progress goes to standard error."""
    found = []
    for model, system, degrees in DEPLOYMENTS:
        name = f"{model} {' '.join(f'{key}{value}' for key, value in degrees.items())}"
        for isl, osl in LENGTHS:
            deployment = resolve(Scenario(model=model, system=system, isl=isl, osl=osl, replicas=1, **degrees))
            for load in LOADS:
                one = cell(deployment, name, isl, osl, load)
                if one is not None:
                    print(one, file=sys.stderr, flush=True)
                    found.append(one)
    return found


def _middle(ratios: list[float]) -> str:
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    return f"{float(np.exp(np.median(np.log(known)))):.2f}" if known else ""


def _within(ratios: list[float], bound: float) -> str:
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    near = sum(abs(math.log(ratio)) <= math.log(bound) for ratio in known)
    return f"{near} of {len(known)}" if known else ""


def tables(found: list[Cell]) -> str:
    """By deployment and load: the middle ratio over lengths (TPOT, throughput, TTFT); then how many lie near."""
    names = list(dict.fromkeys(one.deployment for one in found))
    lines = ["| | " + " | ".join(LOADS) + " |", "| --- |" + " --- |" * len(LOADS)]
    for name in names:
        row = []
        for load in LOADS:
            here = [one for one in found if (one.deployment, one.load) == (name, load)]
            parts = ([one.tpot for one in here], [one.throughput for one in here], [one.ttft for one in here])
            row.append(" ".join(_middle(part) for part in parts).strip())
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    lines += ["", "| | TPOT within 10 % | throughput within 10 % | TTFT within 25 % |", "| --- | --: | --: | --: |"]
    for load in LOADS:
        here = [one for one in found if one.load == load]
        lines.append(
            f"| {load} | {_within([one.tpot for one in here], 1.1)} | "
            f"{_within([one.throughput for one in here], 1.1)} | {_within([one.ttft for one in here], 1.25)} |"
        )
    worst = sorted(found, key=lambda one: -max(abs(math.log(one.tpot)), abs(math.log(one.throughput))))[:12]
    lines += ["", "| worst TPOT or throughput | TPOT | throughput | TTFT |", "| --- | --: | --: | --: |"]
    lines += [
        f"| {one.deployment}, {one.lengths}, {one.load} | {one.tpot:.2f} | {one.throughput:.2f} | "
        f"{_middle([one.ttft])} |"
        for one in worst
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(cells()))
