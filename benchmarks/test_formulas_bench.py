"""Speed of the closed form: `pytest benchmarks --benchmark-enable`. Target: 50 M points/s on one core.

One point is the lecture's step time, four formulas. `points_per_s` is in the extra info of each result.
"""

import numpy as np
import pytest
from blocks import in_blocks

from tokenroof.formulas import roofline as f
from tokenroof.operators.explain import explain
from tokenroof.xp import SCALAR

MACHINE = {
    "params": 671e9,
    "active_params": 37e9,
    "bytes_per_param": 1.0,
    "kv_bytes_per_token": 70_272.0,
    "flops_per_s": 2.88e17,
    "bytes_per_s": 5.12e14,
}
POINTS = 1 << 22


def step_s(
    *,
    batch,
    context,
    params,
    active_params,
    bytes_per_param,
    kv_bytes_per_token,
    flops_per_s,
    bytes_per_s,
    xp=SCALAR,
):
    compute_s = f.compute_time_s(batch=batch, active_params=active_params, flops_per_s=flops_per_s, xp=xp)
    weights_s = f.weight_time_s(params=params, bytes_per_param=bytes_per_param, bytes_per_s=bytes_per_s, xp=xp)
    kv_s = f.kv_time_s(
        batch=batch, context=context, kv_bytes_per_token=kv_bytes_per_token, bytes_per_s=bytes_per_s, xp=xp
    )
    return f.step_time_lecture_s(compute_s=compute_s, weights_s=weights_s, kv_s=kv_s, xp=xp)


def columns(dtype: type = np.float64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "batch": rng.uniform(1, 1e4, POINTS).astype(dtype),
        "context": rng.uniform(1, 2e5, POINTS).astype(dtype),
    }


def every_input_a_column() -> dict[str, np.ndarray]:
    return columns() | {name: np.full(POINTS, value) for name, value in MACHINE.items()}


def product_grid() -> dict[str, np.ndarray]:
    return {"batch": np.linspace(1, 1e4, 2048)[:, None], "context": np.linspace(1, 2e5, 2048)[None, :]}


def report(benchmark, points: int) -> None:
    if benchmark.stats:
        benchmark.extra_info["points_per_s"] = points / benchmark.stats.stats.median


@pytest.mark.parametrize("block", [8_192, 16_384, 65_536, POINTS])
def test_batch_and_context_as_columns(benchmark, block):
    found = benchmark(in_blocks, step_s, MACHINE | columns(), block=block)
    assert found.shape == (POINTS,)
    report(benchmark, POINTS)


@pytest.mark.parametrize("block", [16_384, 65_536])
def test_all_eight_inputs_as_columns(benchmark, block):
    found = benchmark(in_blocks, step_s, every_input_a_column(), block=block)
    assert found.shape == (POINTS,)
    report(benchmark, POINTS)


def test_single_precision_columns(benchmark):
    found = benchmark(in_blocks, step_s, MACHINE | columns(np.float32))
    assert found.dtype == np.float32
    report(benchmark, POINTS)


def test_product_grid_of_batch_and_context(benchmark):
    found = benchmark(in_blocks, step_s, MACHINE | product_grid())
    assert found.shape == (2048, 2048)
    report(benchmark, found.size)


def test_one_point_with_floats(benchmark):
    assert benchmark(step_s, batch=2400.0, context=4096.0, **MACHINE) == pytest.approx(2.6598e-3, rel=1e-4)


def test_explain_one_point(benchmark):
    found = benchmark(explain, step_s, MACHINE | {"batch": 2400.0, "context": 4096.0})
    assert len(found.leaves) == 8
