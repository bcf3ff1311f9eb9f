"""Power and energy: the rule by hand, its limits on every chip, and one number wherever it is asked for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_chip
from tokenroof.catalog.chips import RATE_KEYS, chip_ids
from tokenroof.catalog.power import MEMORIES, memory_kind, power_of
from tokenroof.errors import DataMissing
from tokenroof.provenance import Grade
from tokenroof.scenario.energy import energy_of, joules_per_output_token, watts_per_gpu, work_of_request
from tokenroof.scenario.resolve import resolve
from tokenroof.serving.power import Work, arithmetic_joules, decoding_at_once, drawn_w
from tokenroof.types.power import Power
from tokenroof.types.scenario import Scenario

POWERED = [name for name in chip_ids() if load_chip(name).tdp_w is not None]
MADE_UP = Power(
    idle_w=100.0, limit_w=400.0, joules_per_flop={"bf16": 1e-12, "fp8": 0.5e-12}, joules_per_byte=1e-10, spread=0.3,
    source="made up", as_of="2026-11-25",
)  # fmt: skip


def test_watts_by_hand():
    """A request of 1 TFLOP in bf16, 2 TFLOP in fp8 and 10 GB: 1 J + 1 J + 1 J; ten a second are 30 W on top of idle."""
    request = Work(flops={"bf16": 1e12, "fp8": 2e12}, memory_bytes=1e10)
    assert arithmetic_joules(MADE_UP, request.flops) == pytest.approx(2.0)
    assert drawn_w(MADE_UP, request, 10.0) == pytest.approx(130.0)
    assert drawn_w(MADE_UP, request, 0.0) == 100.0
    assert drawn_w(MADE_UP, request, 1000.0) == 400.0  # 3,100 W wanted: clocks fall


def test_a_pass_runs_for_one_request_at_least():
    assert decoding_at_once(2.0, 8.0) == 16.0  # two a second stay eight seconds
    assert decoding_at_once(0.01, 8.0) == 1.0


def one(**changes):
    asked = {"model": "llama-3.1-8b", "system": "1xh200", "isl": 1000.0, "osl": 1000.0, "concurrency": 1.0, "tp": 1}
    return resolve(Scenario(**asked | changes))


def test_a_token_alone_by_hand():
    """Llama-3.1-8B in bf16, one request: a token reads 7.50 G weights and 1,500 tokens of cache (128 KiB each)."""
    deployment = one()
    served, power = deployment.serve(), power_of(load_chip("h200"))
    weights, cache = 7.504924672e9, 1500.0 * 131072.0
    read = 2.0 * weights + cache
    # attention multiplies each cached key and value of 32 layers with 32 heads of 128: 2 x 2 FLOP
    done = 2.0 * weights + 4.0 * 32 * 32 * 128 * 1500.0
    # its prompt: the body of 6.98 G weights for each of 1,000 tokens, and one read of all
    prompt = 2.0 * 6.98e9 * 1000.0 / 1000.0
    by_hand = (
        power.idle_w / (served.requests_per_s * 1000.0)
        + (done + prompt) * power.joules_per_flop["bf16"]
        + (read + 2.0 * weights / 1000.0) * power.joules_per_byte
    )
    assert joules_per_output_token(deployment, served, power) == pytest.approx(by_hand, rel=0.01)


def test_work_of_a_request_is_the_same_however_it_is_spread():
    """Ranks of tensor and pipeline parallelism and of attention groups share the arithmetic of a request."""
    whole = {"system": "8xh200", "model": "llama-3.3-70b", "concurrency": 64.0, "dp": 1, "pp": 1}
    alone = one(**whole | {"tp": 8})
    wanted = sum(work_of_request(alone, alone.serve()).flops.values())
    for degrees in ({"tp": 4, "dp": 2}, {"tp": 4, "pp": 2}, {"tp": 2, "pp": 4}):
        spread = one(**whole | degrees)
        assert sum(work_of_request(spread, spread.serve()).flops.values()) == pytest.approx(wanted, rel=0.01)


def test_drafts_cost_their_verification():
    """Three drafts of which most hold: a pass verifies four tokens and yields fewer, so a token costs more FLOPs."""
    with_drafts = {"model": "deepseek-v3", "system": "8xh200", "tp": 8, "concurrency": 8.0}
    plain, drafting = one(**with_drafts), one(**with_drafts, acceptance=0.8, drafts=3)
    few = sum(work_of_request(plain, plain.serve()).flops.values())
    many = sum(work_of_request(drafting, drafting.serve()).flops.values())
    tokens = 1 + 0.8 + 0.8**2 + 0.8**3
    assert 1.0 < many / few < 4.0 / tokens + 0.1


def test_gpus_without_work_idle():
    """One replica of one GPU on a machine of eight: seven at idle power, and their energy is on its tokens."""
    deployment = one(system="8xh200", replicas=1, concurrency=32.0)
    served, power = deployment.serve(), power_of(load_chip("h200"))
    busy = watts_per_gpu(deployment, served, power, 1)
    assert watts_per_gpu(deployment, served, power) == pytest.approx((busy + 7.0 * power.idle_w) / 8.0)
    every = joules_per_output_token(deployment, served, power)
    alone = joules_per_output_token(deployment, served, power, 1)
    assert every / alone == pytest.approx((busy + 7.0 * power.idle_w) / busy)


@given(
    system=st.sampled_from(["8xh200", "8xh100", "8xb200", "8xmi300x", "8xa100", "8xl40s"]),
    model=st.sampled_from(["llama-3.1-8b", "gpt-oss-120b", "qwen3-30b-a3b"]),
    isl=st.integers(1, 30_000), osl=st.integers(2, 4_000), load=st.sampled_from(["concurrency", "request_rate"]),
    value=st.floats(0.01, 500.0),
)  # fmt: skip
def test_power_lies_between_idle_and_tdp(system, model, isl, osl, load, value):
    value = max(1.0, value) if load == "concurrency" else value / 50.0
    deployment = resolve(Scenario(model=model, system=system, isl=float(isl), osl=float(osl), **{load: value}))
    served = deployment.serve()
    found = energy_of(deployment, served)
    if not served.fits:
        assert found is None
        return
    watts, joules = found.watts_per_gpu, found.joules_per_output_token
    assert 0.0 < found.idle_w <= watts.value * (1 + 1e-9) and watts.value <= found.limit_w * (1 + 1e-9)
    assert watts.low <= watts.value <= watts.high <= found.limit_w
    assert joules.low < joules.value < joules.high
    tokens_per_s = served.requests_per_s * osl
    assert joules.value * tokens_per_s == pytest.approx(watts.value * deployment.system.n_chips)
    wanted = found.idle_w + found.arithmetic_w + found.memory_w
    assert watts.value == pytest.approx(wanted) or watts.value < wanted


@pytest.mark.parametrize("name", POWERED)
def test_every_chip_with_a_tdp_has_power(name):
    chip = load_chip(name)
    power = power_of(chip)
    assert 0.0 < power.idle_w < power.limit_w == chip.tdp_w
    assert set(power.joules_per_flop) == set(RATE_KEYS) and min(power.joules_per_flop.values()) > 0.0
    assert power.joules_per_byte > 0.0 and power.source and power.as_of


def test_what_nobody_measured_has_a_wider_range_and_says_so():
    measured, sibling, other = (power_of(load_chip(name)) for name in ("h200", "h100", "l40s"))
    assert measured.spread < sibling.spread < other.spread
    assert measured.notes == () and measured.grade is Grade.FITTED
    assert sibling.notes == ("no power of h100 was measured: taken from h200",)
    assert other.notes == ("no power of the ada family was measured: scaled by the datasheet, range wider",)
    assert other.grade is Grade.ASSUMED


def test_a_narrower_format_takes_less_where_the_chip_has_it():
    new, old = power_of(load_chip("b200")).joules_per_flop, power_of(load_chip("a100")).joules_per_flop
    assert new["fp4"] < new["fp8"] < new["bf16"]
    assert old["fp4"] == old["fp8"] == old["bf16"]


def test_without_a_tdp_there_is_no_power():
    name = next(name for name in chip_ids() if load_chip(name).tdp_w is None)
    with pytest.raises(DataMissing, match="TDP"):
        power_of(load_chip(name))


def test_a_power_cap_is_the_limit():
    """And leaves what is drawn between kernels as it is."""
    free, capped = (
        energy_of(deployment, deployment.serve())
        for deployment in (one(concurrency=64.0), one(concurrency=64.0, set=(("chip.tdp", "400W"),)))
    )
    assert free.limit_w == 700.0 and capped.limit_w == 400.0
    assert capped.watts_per_gpu.value == 400.0 < free.watts_per_gpu.value
    assert capped.idle_w == free.idle_w


@pytest.mark.parametrize(
    ("written", "kind"),
    [("HBM3e", "HBM3e"), ("LPDDR5/5X", "LPDDR5"), ("12 x DDR5-6400", "DDR5"), ("SRAM + 256 GB LPDDR5", "SRAM"),
     ("GDDR6X", "GDDR6X"), ("12 x MRDIMM-8800", "MRDIMM"), ("", "HBM2e")],
)  # fmt: skip
def test_kinds_of_memory(written, kind):
    assert memory_kind(written) == kind and kind in MEMORIES


def test_ranges_join_power_and_speed():
    """Independent errors: the logarithm's half-width is the root of the sum of squares."""
    deployment = one()
    found = energy_of(deployment, deployment.serve()).joules_per_output_token
    width = math.log(found.high / found.value)
    speed = deployment.profile.spread["throughput"]
    assert width == pytest.approx(math.hypot(power_of(load_chip("h200")).spread, speed))
