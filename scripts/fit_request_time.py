"""What a request spends outside the passes of vLLM: fitted on first tokens with the time of prompts left free.

.venv/bin/python scripts/fit_request_time.py RUNS/*.csv

Takes runs of vLLM 0.15 and later with at most eight requests at once, where queues are short. TTFT is what the request
costs outside the passes and a multiple of all else that is predicted: without the multiple, prompts that are taken for
too quick would count as the request's. The tokeniser's share, a token of the prompt, is taken as known.
"""

import math
import sys
from collections.abc import Iterator

import numpy as np

from tokenroof.measure.deployments import Deployments
from tokenroof.measure.importers import read_results
from tokenroof.measure.robust import solve
from tokenroof.measure.setups import setup_of
from tokenroof.types.engine import Prior
from tokenroof.types.run import Run

TOKEN_S = 6e-6
MOST_AT_ONCE = 8.0
FIRST_VERSION = (0, 15)
PRIORS = (Prior(30e-3, 1.0), Prior(1.0, 0.7))  # the request's seconds; all else, as a multiple of what is predicted
SIGMA = 0.1


def _recent(run: Run) -> bool:
    words = run.engine_version.split(".")[:2]
    return all(word.isdigit() for word in words) and tuple(map(int, words)) >= FIRST_VERSION


def first_tokens(paths: list[str]) -> Iterator[tuple[float, float, float]]:
    """(measured, predicted of all else, tokeniser) seconds of each run that the fit takes."""
    deployments = Deployments()
    for path in paths:
        for run in read_results(path):
            wanted = isinstance(run, Run) and run.metric == "ttft_ms" and run.quality in "AB" and _recent(run)
            setup = setup_of(run) if wanted else None
            if setup is None or getattr(setup, "engine", "") != "vllm" or setup.load.kind != "concurrency":
                continue
            if setup.load.value <= MOST_AT_ONCE:
                found, _, _ = deployments.of(setup)
                isl = setup.workload.isl
                behind_s = float(found.estimate(setup.load).ttft_s) - float(found.profile.outside_s(isl))
                yield run.value / 1e3, behind_s, TOKEN_S * isl


def main(paths: list[str]) -> None:
    """Print the two numbers and how far off the runs then are."""
    measured, behind, tokens = (np.array(column) for column in zip(*first_tokens(paths), strict=True))

    def evaluate(points: np.ndarray) -> np.ndarray:
        request_s, scale = (np.exp(points[:, at])[:, None] for at in (0, 1))
        return np.log(request_s + tokens + scale * behind)

    target = np.log(measured)
    found = solve(
        evaluate, target, np.full(len(target), SIGMA), prior=np.log([one.value for one in PRIORS]),
        width=np.array([one.width for one in PRIORS]),
    )  # fmt: skip
    error = np.median(np.abs(np.exp(evaluate(found.x[None])[0] - target) - 1.0))
    request_s, scale = (math.exp(one) for one in found.x)
    print(f"{len(target)} runs: request {1e3 * request_s:.1f} ms, prompts x {scale:.2f}, median error {error:.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
