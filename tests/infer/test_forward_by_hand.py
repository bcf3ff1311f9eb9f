"""The closed form of deduction at round numbers, every channel worked out by hand."""

import math

import numpy as np
import pytest

from tokenroof.infer.forward import CHANNELS, predict_prices

# A model of 100 G parameters, 10 G active, in one byte each, on chips of 1 PFLOP/s, 1 TB/s and 100 GB for $3.60 an
# hour: $0.001 a second. Prefill at half of the arithmetic, decode at half of the bandwidth.
ROUND = {
    "total_params": 100e9, "active_params": 10e9, "weight_bytes": 1.0, "kv_bytes_per_token": 100e3,
    "scan_fraction": 0.5, "flops_per_s": 1e15, "bytes_per_s": 1e12, "memory_bytes": 100e9, "usd_per_chip_h": 3.6,
    "prefill_mfu": 0.5, "decode_mbu": 0.5, "batch": 100.0, "context_in_use": 10e3, "duty_cycle": 0.5, "markup": 2.0,
    "speed_gain": 3.0, "tier_usd_per_byte_h": 1e-12, "storage_markup": 4.0, "chips_over_least": 7.0,
}  # fmt: skip

# one prompt token: 2 x 10 G FLOP at 0.5 PFLOP/s = 40 us, $4e-8
FRESH_USD = 4e-8
# a pass: 100 GB of weights at 0.5 TB/s = 0.2 s; 100 caches of 10,000 x 100 kB, half of it read = 50 GB: 0.1 s;
# 100 x 20 GFLOP at 1 PFLOP/s = 2 ms, hidden
WEIGHTS_S, CACHES_S = 0.2, 0.1
OUT_USD = 0.001 * (WEIGHTS_S + CACHES_S) / 100
# the least chips: 100 GB in 0.7 x 100 GB = 1.43, of which there are 7 times as many: 10 chips share the pass
PASS_S = (WEIGHTS_S + CACHES_S) / 10

EXPECTED = {
    "input_cost": FRESH_USD / 0.5,
    "output_cost": OUT_USD / 0.5,
    "output_ratio": OUT_USD / FRESH_USD,
    "markup": 2.0,
    "knee": 2 * 10e9 / 1e15 * 1e12 / 50e3,  # arithmetic of a token, 20 us, reads 20 MB; 50 kB a token
    "reload_ratio": 0.001 * 100e3 / 14e9 / FRESH_USD,  # from a drive of 14 GB/s
    "storage": 100e3 * 1e-12 * 4.0,
    "fast_load": CACHES_S / WEIGHTS_S,
    "speed": 3.0 / (PASS_S + 2e-3),  # 2 ms of launches and collectives in each pass
    "duty_cycle": 0.5,
    # 1 PFLOP/s over 2 x 1 TB/s: a byte of weights is read in the time of 500 tokens' work; a tenth of them is active
    "batch_over_balance": 100 / (500 * 10),
}


@pytest.mark.parametrize("channel", EXPECTED)
def test_every_channel_at_round_numbers(channel: str) -> None:
    found = predict_prices({name: np.array([value]) for name, value in ROUND.items()})
    assert math.exp(float(found[channel][0])) == pytest.approx(EXPECTED[channel], rel=1e-12)


def test_nothing_is_left_out() -> None:
    assert set(EXPECTED) == {*CHANNELS, "batch_over_balance"}
