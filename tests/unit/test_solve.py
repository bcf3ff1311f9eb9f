"""The searches: exact on functions whose answer is known, and sparing with calls."""

import math

import pytest

from tokenroof.solve import falling_root


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
    assert len(calls) < 25


def test_a_step_is_found_too():
    assert falling_root(lambda x: 1.0 if x <= 0.7 else -1.0, 0.0, 1.0) == pytest.approx(0.7, rel=1e-7)


def test_ends_that_do_not_hold_a_root():
    assert falling_root(lambda x: -1.0, 2.0, 3.0) == 2.0
    assert falling_root(lambda x: 1.0, 2.0, 3.0) == 3.0
