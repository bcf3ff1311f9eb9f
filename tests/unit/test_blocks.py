"""Cutting arrays into blocks changes the speed and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.engine.blocks import in_blocks
from tokenroof.formulas import roofline as f
from tokenroof.xp import NUMPY


def inputs(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.uniform(1, 1e4, shape) for name, shape in shapes.items()}


SHAPES = [
    {"batch": (), "context": (), "kv_bytes_per_token": (), "bytes_per_s": ()},
    {"batch": (1000,), "context": (1000,), "kv_bytes_per_token": (), "bytes_per_s": ()},
    {"batch": (37, 1), "context": (1, 53), "kv_bytes_per_token": (), "bytes_per_s": (53,)},
    {"batch": (3, 1, 1), "context": (1, 700, 1), "kv_bytes_per_token": (1, 1, 11), "bytes_per_s": (3, 1, 11)},
    {"batch": (2, 900), "context": (1, 900), "kv_bytes_per_token": (900,), "bytes_per_s": ()},
    {"batch": (1, 900), "context": (1, 900), "kv_bytes_per_token": (900,), "bytes_per_s": ()},
    {"batch": (0,), "context": (), "kv_bytes_per_token": (), "bytes_per_s": ()},
]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@given(block=st.integers(1, 3000))
def test_equal_to_the_whole(shapes: dict[str, tuple[int, ...]], block: int) -> None:
    given_inputs = inputs(shapes)
    whole = np.broadcast_to(f.kv_time_s(**given_inputs, xp=NUMPY), np.broadcast_shapes(*shapes.values()))
    got = in_blocks(f.kv_time_s, given_inputs, block=block)
    assert got.shape == whole.shape
    np.testing.assert_array_equal(got, whole)


def test_single_precision_stays() -> None:
    single = {name: value.astype(np.float32) for name, value in inputs(SHAPES[1]).items()}
    assert in_blocks(f.kv_time_s, single, block=64).dtype == np.float32


def test_blocks_are_no_larger_than_asked() -> None:
    seen = []

    def watched(*, x, xp):
        seen.append(np.size(x))
        return x * 2.0

    in_blocks(watched, {"x": np.ones((3, 1000))}, block=300)
    assert max(seen) <= 300
    assert sum(seen) == 3000
