"""Collectives: alpha, beta, the algorithm by size, and two levels of network."""

import dataclasses

import engine_cases as cases
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import DataMissing
from tokenroof.operators.networks import collective_lines, collective_time_s
from tokenroof.types.efficiency import ALGORITHMS, CollectiveCurve, Efficiency
from tokenroof.xp import NUMPY

MACHINE = cases.system(n=64, domain=8, up=400e9, out=50e9)


def library(*curves):
    return Efficiency(id="test", operators={}, collectives={"": curves})


def only(algorithm, **figures):
    return library(CollectiveCurve(algorithm=algorithm, **figures))


@pytest.mark.parametrize(("kind", "algorithm", "expected_us"), [
    # 8 ranks, 8 MB, 400 GB/s, 1 us a step, 5 us a call; by hand
    ("all_reduce", "ring", 5 + 14 * 1 + 2 * 7 / 8 * 20),
    ("all_reduce", "tree", 5 + 6 * 1 + 2 * 20),
    ("all_reduce", "one-shot", 5 + 1 + 7 * 20),
    ("all_reduce", "two-shot", 5 + 2 + 2 * 7 / 8 * 20),
    ("all_reduce", "in-switch", 5 + 2 + 20),
    ("all_gather", "ring", 5 + 7 + 7 / 8 * 20),
    ("all_gather", "direct", 5 + 1 + 7 / 8 * 20),
    ("reduce_scatter", "ring", 5 + 7 + 7 / 8 * 20),
    ("all_to_all", "direct", 5 + 1 + 7 / 8 * 20),
])  # fmt: skip
def test_one_domain(kind, algorithm, expected_us):
    seconds, name = collective_time_s(kind, 8e6, 8, MACHINE, only(algorithm, call_s=5e-6, step_s=1e-6))
    assert seconds == pytest.approx(expected_us * 1e-6, rel=1e-12)
    assert name == algorithm


def test_all_reduce_across_domains():
    """16 ranks in 2 domains: 7/8 of the buffer twice inside, an eighth of it round a ring of 2 outside."""
    curve = dict(call_s=1.0, out_call_s=5e-6, step_s=1e-6, out_step_s=10e-6)
    seconds, name = collective_time_s("all_reduce", 8e6, 16, MACHINE, only("ring", **curve))
    assert seconds == pytest.approx(5e-6 + 14e-6 + 20e-6 + 2 * 7 / 8 * 20e-6 + 2 / 2 * 8e6 / 8 / 50e9, rel=1e-12)
    assert name == "ring across domains"
    with pytest.raises(DataMissing, match="algorithm"):
        collective_time_s("all_reduce", 8e6, 16, MACHINE, only("in-switch"))


def test_all_to_all_uses_both_networks_at_once():
    """16 ranks: 7/16 stay in the domain, 8/16 leave it, at an eighth of the speed."""
    seconds, _ = collective_time_s("all_to_all", 16e6, 16, MACHINE)
    assert seconds == pytest.approx(max(7e6 / 400e9, 8e6 / 50e9))


def test_groups_with_a_stride_leave_the_domain_sooner():
    inside, _ = collective_time_s("all_gather", 1e6, 2, MACHINE, stride=4)
    across, _ = collective_time_s("all_gather", 1e6, 2, MACHINE, stride=8)
    assert across == pytest.approx(8 * inside)


def test_pipeline_hops_count_those_that_leave_a_domain():
    """Stages of 4 GPUs, 4 of them: 3 hops, one leaves a domain of 8."""
    seconds, _ = collective_time_s("hop", 4e6, 4, MACHINE, stride=4)
    assert 3 * seconds == pytest.approx(2 * 4e6 / 400e9 + 4e6 / 50e9)


def test_a_library_switches_algorithm_by_size():
    """A custom kernel up to 256 KB, a ring above (the step of vLLM and TensorRT-LLM on 8 GPUs)."""
    both = library(
        CollectiveCurve(algorithm="two-shot", call_s=4e-6, max_bytes=256e3),
        CollectiveCurve(algorithm="ring", call_s=18e-6),
    )
    small, large = (collective_time_s("all_reduce", size, 8, MACHINE, both) for size in (256e3, 257e3))
    assert (small[1], large[1]) == ("two-shot", "ring")
    assert large[0] - small[0] > 13e-6


def test_a_kernel_for_few_ranks_is_not_used_for_many():
    both = library(
        CollectiveCurve(algorithm="one-shot", max_ranks=4), CollectiveCurve(algorithm="ring", call_s=1e-5),
    )  # fmt: skip
    assert [collective_time_s("all_reduce", 1.0, ranks, MACHINE, both)[1] for ranks in (4, 8)] == ["one-shot", "ring"]
    with pytest.raises(DataMissing, match="algorithm for all_reduce over 8 ranks"):
        collective_time_s("all_reduce", 1.0, 8, MACHINE, library(CollectiveCurve(algorithm="ring", max_ranks=4)))


def test_a_mesh_gives_a_pair_one_of_its_links():
    """MI300X: 7 links of 64 GB/s to 7 peers. Two chips talk over one of them, eight over all."""
    mesh = cases.system(n=8, up=448e9)
    mesh = dataclasses.replace(mesh, chip=dataclasses.replace(mesh.chip, scaleup_peer_bytes_per_s=64e9))
    pair, _ = collective_time_s("all_gather", 1e9, 2, mesh)
    eight, _ = collective_time_s("all_gather", 1e9, 8, mesh)
    assert pair == pytest.approx(0.5e9 / 64e9) and eight == pytest.approx(7 / 8 * 1e9 / 448e9)


def test_bandwidth_that_nobody_gave_is_missed_only_where_it_is_used():
    lone = dataclasses.replace(MACHINE, scaleout_bytes_per_s=None)
    assert collective_time_s("all_reduce", 1e6, 8, lone)[0] > 0
    with pytest.raises(DataMissing, match="scaleout_bytes_per_s"):
        collective_time_s("all_reduce", 1e6, 16, lone)
    with pytest.raises(DataMissing, match="scaleup_bytes_per_s"):
        collective_time_s("all_reduce", 1e6, 2, dataclasses.replace(MACHINE, scaleup_bytes_per_s=None))
    with pytest.raises(DataMissing, match="curve for all_reduce"):
        collective_time_s("all_reduce", 1.0, 2, MACHINE, Efficiency(id="t", operators={}, collectives={}))


@given(
    st.sampled_from(["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "hop"]), st.integers(1, 64),
    st.sampled_from([1, 2, 4, 8]), st.floats(0, 1e9),
)  # fmt: skip
def test_peak_is_a_bound_and_one_rank_is_free(kind, ranks, stride, size):
    slow = library(*(CollectiveCurve(algorithm=name, call_s=1e-6, step_s=1e-7, bytes_share=0.8, out_call_s=2e-6,
                                     out_step_s=1e-6, out_bytes_share=0.7) for name in ALGORITHMS))  # fmt: skip
    bound, _ = collective_time_s(kind, size, ranks, MACHINE, stride=stride)
    found, _ = collective_time_s(kind, size, ranks, MACHINE, slow, stride=stride)
    assert 0 <= bound <= found
    if ranks == 1 and kind != "hop":
        assert found == 0


@given(st.lists(st.tuples(st.integers(1, 64), st.sampled_from([1, 2, 8])), min_size=1, max_size=8), st.floats(1, 1e8))
def test_arrays_of_groups(groups, size):
    slow = library(*(CollectiveCurve(algorithm=name, call_s=1e-6, step_s=1e-7, out_step_s=1e-6) for name in ALGORITHMS))
    ranks, strides = (np.array(column) for column in zip(*groups, strict=True))
    for kind in ("all_reduce", "all_gather", "all_to_all", "hop"):
        lines = collective_lines(kind, ranks, strides, MACHINE, slow, NUMPY)
        together = np.min([np.broadcast_to(li.latency_s + size * li.s_per_byte, len(groups)) for li in lines], axis=0)
        alone = [collective_time_s(kind, size, int(r), MACHINE, slow, stride=int(s))[0] for r, s in groups]
        assert together == pytest.approx(alone, rel=1e-12)
