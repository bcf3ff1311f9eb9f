"""All-reduces as shipped: against timings, smooth in ranks and in size, wider ranges beyond what was timed."""

import itertools
import math
from dataclasses import replace
from statistics import median

import pytest

from tokenroof.catalog import load_chip, load_system
from tokenroof.catalog.efficiency import load_profile
from tokenroof.catalog.profile import claim_level
from tokenroof.measure.fit_links import fit_collectives
from tokenroof.measure.ops_data import CollectiveRow, read_collectives
from tokenroof.operators.networks import collective_time_s
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario

KIB, MIB = 1 << 10, 1 << 20


def all_reduce_us(system, ranks, size, engine="vllm"):
    machine = load_system(system)
    return 1e6 * collective_time_s("all_reduce", float(size), ranks, machine, load_profile(machine.chip, engine))[0]


@pytest.mark.parametrize(("system", "ranks", "size", "measured_us"), [
    # vLLM 0.24 in CUDA graphs: its small kernel, and the switch's sums above it
    ("8xh100", 8, 64 * KIB, 6.4), ("8xh100", 8, MIB, 15.0), ("8xh100", 8, 4 * MIB, 30.8), ("8xh100", 8, 16 * MIB, 92.4),
    ("8xh200", 8, MIB, 14.1), ("8xh200", 8, 16 * MIB, 87.2), ("8xb200", 8, 4 * MIB, 26.3),
    ("8xb200", 8, 16 * MIB, 63.2),
    ("8xa100", 8, MIB, 21.7), ("8xa100", 8, 4 * MIB, 45.4), ("8xh100", 4, 4 * MIB, 30.2), ("8xb200", 4, 16 * MIB, 68.0),
])  # fmt: skip
def test_what_vllm_runs_inside_a_server(system, ranks, size, measured_us):
    assert all_reduce_us(system, ranks, size) == pytest.approx(measured_us, rel=0.25)


def test_ranks_of_a_rack_sum_in_the_switch_at_about_one_time():
    """Before: 4.9, 48 and 171 us at 8, 16 and 64 ranks; a ring of 2 (p - 1) steps is not what runs in a rack."""
    times = [all_reduce_us("gb200-nvl72", ranks, 64 * KIB) for ranks in (4, 8, 16, 32, 64, 72)]
    assert all(after <= 3.0 * before for before, after in itertools.pairwise(times)), times
    assert times == sorted(times) and times[-1] < 20.0


def test_ranks_of_several_servers_sum_along_a_tree():
    """Without a switch that joins them latency grows with the logarithm of the servers, not with their number."""
    four, thirty_two = (all_reduce_us("256xh100", ranks, 64 * KIB) for ranks in (32, 256))
    assert thirty_two - four == pytest.approx(2 * 3 * 10.0, rel=0.05)  # three more rounds of 10 us, there and back


@pytest.mark.parametrize("system", ["8xh100", "8xh200"])
def test_tpot_does_not_jump_where_the_small_kernel_ends(system):
    """Batch 16 of a model 8,192 wide is 256 KiB. Was 18 % (H100) and 24 % (H200) from 15 to 16 requests."""
    scenario = Scenario(model="llama-3.1-70b", system=system, engine="vllm", tp=8, isl=4096, osl=512)
    before, after = (resolve(replace(scenario, concurrency=float(at))).step(float(at)).step_s for at in (15, 17))
    assert after < 1.05 * before


def test_small_kernels_are_each_engines_own_and_the_switch_is_that_of_vllm():
    """H100, 8 ranks, 64 KiB: 4.6 us (TensorRT-LLM 1.3), 5.0 (SGLang 0.5.14) and 6.4 (vLLM 0.24) in their tables."""
    small = {engine: all_reduce_us("8xh100", 8, 64 * KIB, engine) for engine in ("trtllm", "sglang", "vllm")}
    assert small == {
        "trtllm": pytest.approx(4.6, rel=0.15), "sglang": pytest.approx(5.0, rel=0.15),
        "vllm": pytest.approx(6.4, rel=0.15),
    }  # fmt: skip
    assert all_reduce_us("8xh100", 8, 4 * MIB, "sglang") > 1.3 * all_reduce_us("8xh100", 8, 4 * MIB)


def test_ranges_widen_beyond_the_ranks_that_were_timed():
    scenario = Scenario(model="llama-3.1-405b", system="gb200-nvl72", engine="vllm", tp=8, isl=1024, osl=256)
    timed, beyond = (resolve(replace(scenario, tp=tp)) for tp in (8, 16))
    for metric, width in timed.profile.spread.items():
        assert beyond.profile.spread[metric] == pytest.approx(1.5 * width)
    assert math.log(beyond.profile.high) == pytest.approx(1.5 * math.log(timed.profile.high))
    assert (claim_level(timed.profile), beyond.claim) == ("calibrated", "default efficiencies")
    assert "8 ranks" in beyond.profile.notes[-1]
    assert resolve(replace(scenario, tp=16, profile="peak")).claim == "peak rates"


def _us(line, link, bytes_, volume):
    return 1e6 * (line["call_s"] + 2 * line["step_s"] + volume * bytes_ / (line["bytes_share"] * link))


@pytest.mark.parametrize(("fitted", "scored", "worst"), [("h100", "h200", 0.10), ("b200", "b300", 0.10)])
def test_the_switchs_line_carries_over_to_the_next_chip(shared_data, fitted, scored, worst):
    """Fitted on one chip, scored on another that it has not seen: median error 6.5 % (H200) and 2 % (B300)."""
    rows = list(read_collectives(shared_data / "measured"))
    line = fit_collectives(row for row in rows if row.chip == fitted)[fitted]["all_reduce.large"]
    link = load_chip(scored).scaleup_bytes_per_s
    unseen = [row for row in rows if (row.chip, row.kind, row.library, row.ranks) == (scored, "all_reduce", "vllm", 8)
              and 2 * MIB <= row.bytes <= 64 * MIB]  # fmt: skip
    errors = [abs(_us(line, link, row.bytes, 1.0) / (1e6 * row.seconds) - 1.0) for row in unseen]
    assert len(unseen) >= 6 and median(errors) < worst


def test_lines_are_recovered_each_from_its_own_timings():
    """Small kernel of eight ranks, of fewer, and the switch: three lines from three sets of timings."""
    link = load_chip("h100").scaleup_bytes_per_s
    rows = []
    for ranks in (2, 4, 8):
        volume, share = 2 * (ranks - 1) / ranks, 0.2 if ranks == 8 else 0.4
        for size in (2.0**power for power in range(10, 19 if ranks == 8 else 21)):
            for library in ("custom", "vllm"):
                seconds = 4e-6 + volume * size / (share * link)
                rows.append(CollectiveRow("h100", "all_reduce", library, ranks, size, seconds))
    rows += [CollectiveRow("h100", "all_reduce", "vllm", 8, 2.0**at, 9e-6 + 2.0**at / (0.45 * link))
             for at in range(19, 27)]  # fmt: skip
    found = fit_collectives(rows)["h100"]
    for key, ranks, size, share, call in (("custom", 4, 2.0**20, 0.4, 4e-6), ("custom8", 8, 2.0**18, 0.2, 4e-6)):
        volume = 2 * (ranks - 1) / ranks
        made_us = 1e6 * (call + volume * size / (share * link))
        assert _us(found[f"all_reduce.{key}"], link, size, volume) == pytest.approx(
            made_us, rel=0.12
        )  # few timings: the prior pulls
    assert found["all_reduce.large"]["bytes_share"] == pytest.approx(0.45, rel=0.05)
    assert found["all_reduce.large"]["step_s"] == 0.0
