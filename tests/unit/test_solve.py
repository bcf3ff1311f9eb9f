"""The searches: exact on functions whose answer is known, and sparing with calls."""

import math

import numpy as np
import pytest

from tokenroof.solve import falling_root
from tokenroof.xp import NUMPY


def counted(function):
    calls = []

    def asked(x: float) -> float:
        calls.append(x)
        return function(x)

    return asked, calls


@pytest.mark.parametrize(
    ("function", "root"),
    [
        (lambda x: 3.0 - x, 3.0),
        (lambda x: 9.0 / x**2 - 1.0, 3.0),
        (lambda x: 2.0 - math.exp(x), math.log(2.0)),
        (lambda x: 5.0 - x - 1.0 / (9.0 - x) if x < 9.0 else -math.inf, 4.763932022500210),
    ],
)
def test_a_falling_root_is_found_from_the_side_that_passes(function, root):
    asked, calls = counted(function)
    found = falling_root(asked, 0.1, 8.99)
    assert found == pytest.approx(root, rel=1e-7)
    assert function(found) >= 0.0
    assert len(calls) < 14


@pytest.mark.parametrize("above", [1.0, 1e-3, 1e6, math.inf])
@pytest.mark.parametrize("below", [-1.0, -1e-3, -1e6, -math.inf])
def test_a_jump_is_found_as_by_halving(above, below):
    """However far the value falls: 30 halvings narrow [0, 1] to a billionth. False position was at 0.63 after 62."""
    asked, calls = counted(lambda x: above if x <= 0.7 else below)
    assert falling_root(asked, 0.0, 1.0) == pytest.approx(0.7, rel=1e-8)
    assert len(calls) <= 32


def test_an_exact_root_ends_the_search():
    asked, calls = counted(lambda x: 3.0 - x if x < 3.0 else -1.0 * (x > 3.5))
    assert 3.0 <= falling_root(asked, 0.0, 8.0) <= 3.5
    assert len(calls) <= 32


def test_arrays_are_narrowed_as_if_each_were_alone():
    roots, jumps = np.array([3.0, 0.1, 20.0, 5.5]), np.array([False, False, False, True])

    def value(x):
        return np.where(jumps, np.where(x <= roots, 1.0, -math.inf), roots / np.maximum(x, 1e-9) - 1.0)

    def alone(root, jump):
        return lambda x: (1.0 if x <= root else -math.inf) if jump else root / max(x, 1e-9) - 1.0

    found = falling_root(value, np.full(4, 1.0), np.full(4, 9.0), xp=NUMPY)
    each = [falling_root(alone(root, jump), 1.0, 9.0) for root, jump in zip(roots, jumps, strict=True)]
    assert found.tolist() == each
    assert found == pytest.approx([3.0, 1.0, 9.0, 5.5], rel=1e-8)


def test_ends_that_do_not_hold_a_root():
    assert falling_root(lambda x: -1.0, 2.0, 3.0) == 2.0
    assert falling_root(lambda x: 1.0, 2.0, 3.0) == 3.0
