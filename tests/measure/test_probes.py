"""Probes of this machine: real runs at small sizes; sums of made-up ones by hand. No time is asserted."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tokenroof.measure.probes.arrays import Arrays
from tokenroof.measure.probes.host import host
from tokenroof.measure.probes.sample import sample_of, spread_of, timed
from tokenroof.measure.probes.sums import sum_between_processes
from tokenroof.usecases.microbench.probes import probes_of, run_probe
from tokenroof.usecases.microbench.run import narrow_rates, rates_of


def test_spread_is_the_middle_half_over_the_median() -> None:
    assert spread_of([5.0, 1.0, 4.0, 2.0, 3.0]) == pytest.approx((4.0 - 2.0) / 3.0)
    assert spread_of([7.0] * 6) == 0.0
    assert spread_of([1.0, 1.0, 1.0, 1.0, 100.0]) == 0.0  # one repetition that was disturbed


def test_a_sample_is_its_work_over_the_median() -> None:
    one = sample_of("read", [2.0, 4.0, 3.0], shape="6 B", moved_bytes=6.0, flops=12.0)
    assert (one.median_s, one.best_s, one.repeats) == (3.0, 2.0, 3)
    assert (one.bytes_per_s, one.flops_per_s) == (2.0, 4.0)


@pytest.mark.parametrize(
    ("each", "budget", "repeats", "runs"), [(1.0, 0.0, 5, 7), (1.0, 8.0, 8, 10), (1e-4, 0.0, 5, 112)]
)
def test_repetitions_after_a_warm_up(each: float, budget: float, repeats: int, runs: int) -> None:
    """A clock made up: 1 s a run. Runs of 0.1 ms are put together until they last 1 ms: 2 + (2+4+8+16) + 5 x 16."""
    now, numbers = [0.0], []

    def run(number: int) -> None:
        numbers.append(number)
        now[0] += each

    times = timed(run, budget_s=budget, clock=lambda: now[0])
    assert times == pytest.approx([each] * repeats)
    assert numbers == list(range(runs))  # each is told how often it ran before


def test_the_host_says_what_can_be_known() -> None:
    found = host()
    assert found.cores >= 1
    assert 1e4 < found.cache_bytes < 1e10
    assert 1e8 < found.memory_bytes < 1e14


def test_matmul_and_attention_compute_what_they_should() -> None:
    """Each repetition takes the next buffer, and all of them lie past the cache."""
    device = Arrays(2, cache_bytes=100e3)
    weights = device._buffers(64, 64 * 32)
    assert len(weights) * weights[0].nbytes >= 4 * 100e3
    assert not np.array_equal(weights[0], weights[1])
    device.matmul(4, 32, 64, "fp64")(0)
    device.keys_and_values(2, 16, 50)(3)
    device.close()


def test_every_probe_of_the_ladder_runs() -> None:
    device = Arrays(2, cache_bytes=50e3)
    probes = probes_of(device, 300e3)
    samples = [run_probe(device, one, 0.0) for one in probes]
    device.close()
    assert {one.probe for one in samples} == {"launch", "read", "copy", "matmul"}
    for one in samples:
        assert one.repeats >= 5
        assert 0.0 < one.best_s <= one.median_s
        assert one.bytes_per_s * one.median_s == pytest.approx(one.moved_bytes)
        assert one.flops_per_s * one.median_s == pytest.approx(one.flops)
    by_hand = next(one for one in samples if one.probe == "matmul" and one.shape == "8 x 256 x 256")
    assert (by_hand.flops, by_hand.moved_bytes) == (2 * 8 * 256 * 256, 4 * (256 * 256 + 8 * 512))


def test_processes_sum_through_shared_memory() -> None:
    """Each rank checks nothing itself; the answer is compared with the sum before times are given."""
    found = sum_between_processes(2, (4096, 65_536), repeats=5)
    assert {size: len(times) for size, times in found.items()} == {4096: 5, 65_536: 5}
    assert all(time > 0.0 for time in itertools.chain(*found.values()))


def test_rates_are_the_quickest_past_the_cache() -> None:
    """Of reads: 30 and 20 GB/s past the cache; the cached one and the one of 1 kB do not count."""
    plain = sample_of("read", [1.0, 1.0, 1.0], shape="a", moved_bytes=30e9)
    samples = [
        plain, replace(plain, shape="b", bytes_per_s=20e9, best_s=0.5), replace(plain, bytes_per_s=90e9, cached=True),
        replace(plain, moved_bytes=1e3, bytes_per_s=80e9),
        sample_of("copy", [2.0, 2.0, 2.0], shape="c", moved_bytes=20e9),
        sample_of("matmul", [1.0, 2.0, 3.0], format="fp32", shape="8 x 8 x 8", flops=4e9),
    ]  # fmt: skip
    read, copied, arithmetic = rates_of(samples, cache_bytes=1e6)
    assert (read.rate, read.shape, read.best) == (30e9, "a", 60e9)
    assert copied.rate == 10e9
    assert (arithmetic["fp32"].rate, arithmetic["fp32"].best, arithmetic["fp32"].spread) == (2e9, 4e9, 0.5)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(set(), {"bf16": 1.0}), ({"avx512_bf16", "avx512_vnni"}, {"bf16": 2.0, "int8": 4.0}),
     ({"amx_bf16", "avx512_bf16"}, {"bf16": 16.0}), ({"avx_vnni"}, {"int8": 4.0, "bf16": 1.0})],
)  # fmt: skip
def test_narrow_formats_follow_from_instruction_sets(flags: set[str], expected: dict[str, float]) -> None:
    plain = rates_of(
        [
            sample_of(probe, [1.0, 1.0], format="fp32", shape="x", moved_bytes=1.0, flops=1e9)
            for probe in ("read", "copy", "matmul")
        ],
        1.0,
    )[2]
    found = narrow_rates(plain, frozenset(flags))
    assert {format: one.rate / 1e9 for format, one in found.items()} == expected
    assert all(one.basis and not one.shape for one in found.values())
