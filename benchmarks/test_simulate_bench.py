"""Speed of the simulator: `pytest benchmarks/test_simulate_bench.py --benchmark-enable`.

A million requests, drawn, carried through and summed up in percentiles, are to take 10 s of one core and 1 GB at most,
whatever the load. Time is the processor's own, so that neighbours on the machine do not count.
"""

import resource
import time

import numpy as np
import pytest

from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.arrivals import synthetic
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.run import simulate
from tokenroof.types.scenario import Scenario


def _percentiles(model: str, system: str, layout: dict[str, int], count: int, rate: float) -> np.ndarray:
    """TTFT and TPOT at 50, 90 and 99 %."""
    deployment = resolve(Scenario(model=model, system=system, **layout))
    requests = synthetic(count, rate=rate, isl="lognormal:1155:1", osl="lognormal:211:0.8")
    outcome = simulate(requests, table_of(deployment), rules_of(deployment))
    return np.array([np.nanpercentile(one, (50, 90, 99)) for one in (outcome.ttft_s, outcome.tpot_s)])


@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0, 60.0])
def test_one_gpu(benchmark, rate: float, count: int) -> None:
    """Llama-3.1-8B on one H100, which serves about 22 of these requests a second."""
    began = time.process_time()
    found = benchmark.pedantic(_percentiles, ("llama-3.1-8b", "h100", {}, count, rate), rounds=1)
    benchmark.extra_info["us_per_request"] = 1e6 * (time.process_time() - began) / count
    benchmark.extra_info["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    assert (found > 0.0).all()


@pytest.mark.parametrize("rate", [10.0, 40.0])
def test_ranks_in_lock_step(benchmark, rate: float) -> None:
    """DeepSeek-V3 on eight H200 with eight data-parallel ranks: the general loop, 10,000 requests."""
    layout = {"tp": 1, "dp": 8, "ep": 8}
    began = time.process_time()
    found = benchmark.pedantic(_percentiles, ("deepseek-v3", "8xh200", layout, 10_000, rate), rounds=1)
    benchmark.extra_info["us_per_request"] = 1e6 * (time.process_time() - began) / 10_000
    assert (found > 0.0).all()
