"""The forward model of deduction at round numbers, every channel worked out by hand."""

import math

import numpy as np
import pytest

from tokenroof.infer.forward import CHANNELS, predict_prices, served_at
from tokenroof.infer.sellers import seller

# A mixture of 100 G parameters, 10 G active, in one byte each, on chips of 1 PFLOP/s, 1 TB/s and 100 GB for $3.60 an
# hour: $0.001 a second. Arithmetic at half of its rate, memory at half of its bandwidth. 4,352 tokens of context are
# prompts of 4,096 and answers of 512.
ROUND = {
    "total_params": 100e9, "active_params": 10e9, "weight_bytes": 1.0, "kv_bytes_per_token": 100e3,
    "scan_fraction": 0.5, "flops_per_s": 1e15, "bf16_flops_per_s": 1e15, "bytes_per_s": 1e12, "memory_bytes": 100e9,
    "visible_bytes": 100e9, "usd_per_chip_h": 3.6, "prefill_mfu": 0.5, "decode_mbu": 0.5, "batch": 100.0,
    "context_in_use": 4352.0, "duty_cycle": 0.5, "markup": 2.0, "chips_over_least": 7.0,
}  # fmt: skip

USD_PER_S, PASS_S = 0.001, 2e-3
FLOPS, BYTES = 0.5e15, 0.5e12  # what a chip reaches
ALWAYS = 0.43 * 10e9  # of the active parameters, those outside the routed experts
USED, ROUTED = 10e9 - ALWAYS, 100e9 - ALWAYS
WIDTH, LAYERS = 0.404 * 10e9**0.398, 0.0892 * 10e9**0.270  # 3,860 wide, 45 layers
PAIR_FLOPS = 4 * WIDTH * LAYERS * 0.5  # half of the tokens are attended to


def chips(batch: float) -> float:
    """vLLM: 0.9 of 100 GB, less three copies of 8,192 tokens' residual stream and 0.35 GiB outside the allocator."""
    room = 90e9 - 3 * 8192 * WIDTH * 2 - 0.35 * 2**30
    return 7.0 * max(1.0, (100e9 + batch * 4352 * 100e3) / room)


def missed(tokens: float) -> float:
    """Share of the experts that none of the tokens goes to: each goes to 1 in 16.8."""
    return (1 - USED / ROUTED) ** tokens


def decode_s(batch: float) -> float:
    """A decode pass on one chip: weights and caches from memory; the arithmetic, 5 ms at 100, is hidden."""
    weights = (ALWAYS + ROUTED * (1 - missed(batch))) / BYTES
    caches = batch * (4352 * 100e3 * 0.5 + 100e3) / BYTES
    return weights + caches


def prompt_pass_s() -> float:
    """The pass of one prompt beside one running answer on one chip."""
    tokens = 4097
    always = max(tokens * 2 * ALWAYS / FLOPS, ALWAYS / BYTES)
    experts = max(tokens * 2 * USED / FLOPS, ROUTED / BYTES)
    prompt = max(4096 * (4096 - 4095 / 2) * PAIR_FLOPS / FLOPS, (4096 * 50e3 + 4096 * 100e3) / BYTES)
    answer = max(4352 * PAIR_FLOPS / FLOPS, (4352 * 50e3 + 100e3) / BYTES)
    return always + experts + prompt + answer


def step_s(batch: float) -> float:
    return decode_s(batch) / chips(batch) + PASS_S


def predicted(**changes: float) -> dict[str, float]:
    found = predict_prices({name: np.array([value]) for name, value in {**ROUND, **changes}.items()})
    return {name: math.exp(float(values[0])) for name, values in found.items()}


def tpot_s(**changes: float) -> float:
    """Seconds between two tokens of one sequence, prompts of the others included."""
    u = {name: np.array([value]) for name, value in {**ROUND, **changes}.items()}
    served, _ = served_at(seller(u), u["batch"], u["usd_per_chip_h"], u["duty_cycle"])
    return float(served.tpot_s[0])


def test_cost_of_output_is_the_chips_time_in_decode_steps() -> None:
    out = USD_PER_S * chips(100) * step_s(100) / 100 / 0.5
    assert predicted()["output_cost"] == pytest.approx(out, rel=1e-6)


def test_cost_of_input_is_the_rest_of_a_requests_stay() -> None:
    """One at a time: it waits for half a step, is prefilled in one pass, and has 511 more tokens to come."""
    one = chips(1)
    prefill_s = prompt_pass_s() / one + PASS_S
    stay_s = step_s(1) / 2 + prefill_s + 511 * step_s(1)
    fresh = USD_PER_S * one * (stay_s - 512 * step_s(1)) / 4096 / 0.5
    found = predicted(batch=1.0)
    assert found["input_cost"] == pytest.approx(fresh, rel=1e-5)
    assert found["output_ratio"] == pytest.approx(found["output_cost"] / found["input_cost"], rel=1e-9)
    assert tpot_s(batch=1.0) == pytest.approx(step_s(1), rel=1e-6)
    # 100 kB from a drive of 14 GB/s, for which one chip waits
    assert found["reload_ratio"] == pytest.approx(USD_PER_S * 100e3 / 14e9 / (fresh * 0.5), rel=1e-5)


def test_prompts_of_others_slow_a_sequence_down() -> None:
    """99 others bring a prompt each per 512 tokens: 1 - e^-a of the steps have some, a = 99 / 512, and a in all.

    A step that has them takes 70 ms of a chip for each and, once, reads the experts that answers left, less the weights
    that it reads anyway.
    """
    prompts = 99 / 512
    chance = 1 - math.exp(-prompts)
    each_s = 4096 * 2 * ALWAYS / FLOPS + 4096 * (4096 - 4095 / 2) * PAIR_FLOPS / FLOPS
    once_s = 100 * 2 * ALWAYS / FLOPS - ALWAYS / BYTES + ROUTED * missed(100) / BYTES
    beyond_s = prompts * each_s + chance * once_s
    assert tpot_s() == pytest.approx(step_s(100) + beyond_s / chips(100), rel=1e-5)


def test_the_other_channels() -> None:
    found = predicted()
    expected = {
        "markup": 2.0,
        "knee": 2 * 10e9 / 1e15 * 1e12 / 50e3,  # arithmetic of a token, 20 us, reads 20 MB; 50 kB a token
        # caches over weights: 44 ms against 200
        "fast_load": (100 * 4352 * 50e3) / (ALWAYS + ROUTED * (1 - missed(100))),
        "duty_cycle": 0.5,
        "lone_speed": 1e12 / 10e9 * 0.5,  # 10 GB at half of 1 TB/s
        "fastest": 1e12 / 10e9 * 8 * 2,
        "active_over": 1e-10,
        "cache_read": 50e3 / (8 * 0.5e12),
        "prompt_token": 2 * 10e9 / (8 * 0.5e15),
        "total": 100e9,
        "active": 10e9,
        "kv": 100e3,
        # 1 PFLOP/s over 2 x 1 TB/s: a byte of weights is read in the time of 500 tokens' work; a tenth is active
        "batch_over_balance": 100 / (500 * 10),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    tested = {*expected, "output_cost", "input_cost", "output_ratio", "reload_ratio"}
    assert tested == {*CHANNELS, "batch_over_balance"}


def test_a_dense_model_is_read_whole() -> None:
    """10 G parameters, all of them active: one token reads what a hundred do."""
    one, many = (predicted(total_params=10e9, batch=batch) for batch in (1.0, 100.0))
    read_s = {batch: (10e9 + batch * (4352 * 50e3 + 100e3)) / BYTES for batch in (1.0, 100.0)}
    room = 90e9 - 3 * 8192 * WIDTH * 2 - 0.35 * 2**30
    held = {batch: 7.0 * max(1.0, (10e9 + batch * 4352 * 100e3) / room) for batch in (1.0, 100.0)}
    for batch, found in ((1.0, one), (100.0, many)):
        cost = USD_PER_S * (read_s[batch] + held[batch] * PASS_S) / batch / 0.5
        assert found["output_cost"] == pytest.approx(cost, rel=1e-6)
