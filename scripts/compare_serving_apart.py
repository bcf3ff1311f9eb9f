"""TTFT before prefill workers of their own, closed form over simulator: a table of docs/theory/serving.md.

    python scripts/compare_serving_apart.py > table.md        # two minutes on one core

Prompts are sent to the workers in turn; `load` is a share of what these take. Decode workers are twice as many, so that
little hangs on them. Closed loops hold what is inside at that rate.
"""

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
from compare_serving import drawn

from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import resolve
from tokenroof.serving.scheduling import Passes
from tokenroof.simulate.binding import prefill_rules_of, prefill_table_of, rules_of, table_of, transfer_of
from tokenroof.simulate.disagg import Role, simulate_apart
from tokenroof.simulate.requests import Requests
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Load
from tokenroof.xp import SCALAR

MODELS = {
    "llama-3.3-70b": {"prefill_layout": "tp4", "decode_layout": "tp4"},
    "qwen3-235b-a22b": {"prefill_layout": "tp4", "decode_layout": "tp4 ep4"},
}
MACHINES = ({"system": "64xh100"}, {"system": "16xh100", "decode_system": "64xh200"})
WORKERS = (1, 2, 4)
LENGTHS = ((4000, 500), (1000, 300))
LOADS = (0.3, 0.6, 0.85)
_REQUESTS = 4000


def simulated(deployment: Deployment, *, held: int = 0, rate: float = 0.0) -> tuple[float, float]:
    """Mean TPOT and TTFT, of a closed loop of `held` or at random arrivals."""
    rng, isl, osl = np.random.default_rng(0), int(deployment.workload.isl), int(deployment.workload.osl)
    count = max(10 * held, 600) if held else _REQUESTS
    prompts, answers, arrivals = drawn(rng, isl, count), drawn(rng, osl, count), np.zeros(count)
    if held:
        given = np.minimum((rng.uniform(size=held) * answers[:held]).astype(int), answers[:held] - 1)
        answers[:held] -= given
    else:
        arrivals = np.cumsum(rng.exponential(1.0 / rate, count))
        arrivals = (arrivals - arrivals[0]) * (count - 1) / rate / (arrivals[-1] - arrivals[0])
    outside_s, split = deployment.profile.outside_s(prompts), deployment.prefill_workers
    assert split is not None
    out = simulate_apart(
        Requests(arrival_s=arrivals, isl=prompts, osl=answers),
        Role(times=prefill_table_of(deployment), rules=prefill_rules_of(deployment), replicas=split.workers),
        Role(times=table_of(deployment), rules=rules_of(deployment), replicas=split.decode_workers),
        transfer_of(deployment), concurrency=held or None, request_s=outside_s,
        think_s=float(outside_s.mean()) if held else 0.0,
    )  # fmt: skip
    kept = np.arange(count) >= (3 * held if held else count // 10)
    kept &= np.arange(count) < count - (held or count // 20)
    later = out.osl[kept] - 1
    return float(np.nansum(out.tpot_s[kept] * later) / later.sum()), float(np.mean(out.ttft_s[kept]))


def most_per_s(deployment: Deployment) -> float:
    """Prompts that the prefill workers take, in steps that are full of them."""
    split, isl = deployment.prefill_workers, deployment.workload.isl
    assert split is not None
    rules = replace(split.scheduler, mixed=False, token_budget=split.chunk)
    group = max(1.0, split.chunk * split.layout.dp / isl)
    full = Passes(split.timed, rules, isl, isl, isl, SCALAR).prompts(group, 0.0, 0.0)
    return split.workers * group / float(full.extra_s)


def ratios(deployment: Deployment, load: float) -> tuple[float, float]:
    """Of TTFT: at random arrivals and in a closed loop."""
    rate, osl = load * most_per_s(deployment), deployment.workload.osl
    mine = deployment.estimate(Load(kind="request_rate", value=rate))
    tpot_s, ttft_s = simulated(deployment, rate=rate)
    held = round(rate * (ttft_s + osl * tpot_s))
    loop = deployment.estimate(Load(kind="concurrency", value=held))
    return float(mine.ttft_s) / ttft_s, float(loop.ttft_s) / simulated(deployment, held=held)[1]


def main() -> None:
    """A row for each deployment: ratios at random arrivals, then in closed loops; at the end how many lie near."""
    heads = [f"{kind} {load}" for kind in ("open", "closed") for load in LOADS]
    print("| | " + " | ".join(heads) + " |\n| --- |" + " --- |" * len(heads))
    every: dict[str, list[float]] = {"open": [], "closed": []}
    for model, layouts in MODELS.items():
        for machine in MACHINES:
            for workers in WORKERS:
                asked: dict[str, Any] = {"model": model, "weight_dtype": "fp8", "replicas": 1, **layouts, **machine}
                row: dict[str, list[list[float]]] = {"open": [], "closed": []}
                for load in LOADS:
                    found = []
                    for isl, osl in LENGTHS:
                        scenario = Scenario(
                            **asked, isl=isl, osl=osl, prefill_workers=workers, decode_workers=2 * workers
                        )
                        found.append(ratios(resolve(scenario), load))
                        print(model, machine, workers, isl, load, found[-1], file=sys.stderr, flush=True)
                    for kind, some in zip(("open", "closed"), zip(*found, strict=True), strict=True):
                        row[kind].append(list(some))
                        every[kind] += some
                cells = [" ".join(f"{one:.2f}" for one in part) for kind in ("open", "closed") for part in row[kind]]
                name = f"{model}, {workers} of {' + '.join(machine.values())}"
                print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    for kind, ratios_of_kind in every.items():
        near = sum(abs(math.log(one)) <= math.log(1.25) for one in ratios_of_kind)
        print(f"\nTTFT within 25 %, {kind}: {near} of {len(ratios_of_kind)}")


if __name__ == "__main__":
    main()
