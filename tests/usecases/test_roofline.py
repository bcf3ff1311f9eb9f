"""The raw model: the vectors of the lecture's section 10 through the request that the command line makes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError
from tokenroof.usecases.analyze.closed_form import RooflineRequest, roofline

V3 = {"params": 671e9, "active_params": 37e9, "bytes_per_param": 1.0}
B200 = {"flops_per_s": 64 * 2 * 2.25e15, "bytes_per_s": 64 * 8e12}
T4 = {"params": 1e12, "active_params": 1e11, "bytes_per_param": 1.0, "flops_per_s": 64 * 2 * 2.4e15,
      "bytes_per_s": 64 * 8e12, "kv_bytes_per_token": 1666.67, "batch": 10_000}  # fmt: skip
H100 = {"flops_per_s": 8 * 2 * 9.895e14, "bytes_per_s": 8 * 3.35e12}

# lecture.md section 10: id -> inputs, step time in ms under (lecture, text, book)
VECTORS = {
    "T1": (V3 | B200 | {"batch": 2400, "context": 0, "kv_bytes_per_token": 0}, (1.3105, 1.3105, 1.3105)),
    "T2": (
        V3 | B200 | {"batch": 2400, "context": 4096, "kv_bytes_per_token": 70272},
        (2.6598, 1.3492, 2.6598),
    ),
    "T3": (V3 | B200 | {"batch": 5440, "context": 0, "kv_bytes_per_token": 0}, (1.3978, 1.3978, 1.3978)),
    "T4": (T4 | {"context": 200_000}, (8.4635, 6.5104, 13.0208)),
    "T5": (T4 | {"context": 400_000}, (14.9740, 13.0208, 19.5313)),
    "T6": (
        V3 | H100 | {"batch": 256, "context": 4989, "kv_bytes_per_token": 70272},
        (28.3862, 25.0373, 28.3862),
    ),
}


@pytest.mark.parametrize("mode", ["lecture", "text", "book"])
@pytest.mark.parametrize("vector", VECTORS)
def test_section_10_step_times(vector: str, mode: str) -> None:
    inputs, (lecture, text, book) = VECTORS[vector]
    expected = {"lecture": lecture, "text": text, "book": book}[mode]
    assert roofline(RooflineRequest(**inputs, rule=mode)).step_s * 1e3 == pytest.approx(expected, rel=1e-3)


def test_r4_and_r5_price_of_not_batching() -> None:
    # R5: $2/h x 72 GPUs, 20 ms, batch 2,000 -> $0.40 per M tokens; a step made 20 ms by its weight reads
    request = RooflineRequest(
        params=1.0, active_params=1.0, bytes_per_param=0.02, kv_bytes_per_token=0.0, flops_per_s=1e9,
        bytes_per_s=1.0, batch=2000, usd_per_h=144.0,
    )  # fmt: skip
    assert roofline(request).cost_usd_per_mtok == pytest.approx(0.40, rel=1e-9)
    # R4: FP4 on GB200 (5e15 multiplies a second, half a byte): batch 1 costs 5,667 times the floor
    fp4 = V3 | {"bytes_per_param": 0.5, "flops_per_s": 1e16, "bytes_per_s": 8e12, "kv_bytes_per_token": 0.0}
    alone = roofline(RooflineRequest(**fp4, batch=1, usd_per_h=2.0))
    assert alone.cost_usd_per_mtok / alone.cost_floor_usd_per_mtok == pytest.approx(5667, rel=1e-3)
    assert alone.critical_batch == pytest.approx(5667, rel=1e-3)


def test_knee_and_beyond() -> None:
    # R7: 1,872 tokens on B200 at FP8; from there on no batch balances
    here = roofline(RooflineRequest(**V3, **B200, kv_bytes_per_token=70272, context=1872.5, batch=64))
    assert here.critical_context == pytest.approx(1872, rel=1e-3)
    assert math.isinf(here.critical_batch_at_context)
    assert here.bound == "weights"


@pytest.mark.parametrize("mode,bound", [("lecture", "kv"), ("text", "kv"), ("book", "kv")])
def test_bound_names_the_largest_read(mode: str, bound: str) -> None:
    inputs, _ = VECTORS["T2"]
    assert roofline(RooflineRequest(**inputs, rule=mode)).bound == bound


@given(
    field=st.sampled_from(["params", "active_params", "bytes_per_param", "flops_per_s", "bytes_per_s", "batch"]),
    bad=st.sampled_from([0.0, -1.0, math.nan, math.inf, -math.inf]),
)
def test_bad_quantities_name_field_value_and_limit(field: str, bad: float) -> None:
    inputs = {**V3, **B200, "kv_bytes_per_token": 70272.0, "context": 4096.0, "batch": 64.0, field: bad}
    with pytest.raises(InputError) as caught:
        roofline(RooflineRequest(**inputs))
    assert caught.value.field == field
    assert "above 0" in str(caught.value)


def test_more_active_than_total_is_refused() -> None:
    inputs = V3 | B200 | {"active_params": 672e9, "kv_bytes_per_token": 0.0}
    with pytest.raises(InputError, match="active"):
        roofline(RooflineRequest(**inputs))
