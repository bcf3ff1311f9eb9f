"""Joint regions hold the share of the draws that they say, and see what intervals alone do not."""

import numpy as np
import pytest

from tokenroof.infer.regions import Region, joint_region

NAMES = ("total_params", "markup")


def _draws(correlation: float, sd: float, seed: int) -> dict[str, np.ndarray]:
    z = np.random.default_rng(seed).standard_normal((20_000, 2))
    y = correlation * z[:, 0] + np.sqrt(1 - correlation**2) * z[:, 1]
    return {"total_params": 1e11 * np.exp(sd * z[:, 0]), "markup": 2.0 * np.exp(sd * y)}


def _inside(region: Region, draws: dict[str, np.ndarray], distance: float) -> float:
    u, v = (np.log(draws[name] / c) / s for name, c, s in zip(NAMES, region.centre, region.log_sd, strict=True))
    r = region.correlation
    return float(((u * u - 2 * r * u * v + v * v) / (1 - r * r) <= distance).mean())


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.5])
def test_half_and_four_fifths_of_fresh_draws_lie_inside(correlation: float) -> None:
    region = joint_region(NAMES, _draws(correlation, 0.5, 1), _draws(0.0, 1.0, 2))
    fresh = _draws(correlation, 0.5, 3)
    assert _inside(region, fresh, region.distance50) == pytest.approx(0.5, abs=0.02)
    assert _inside(region, fresh, region.distance80) == pytest.approx(0.8, abs=0.02)
    # chi-squared with two degrees of freedom
    assert region.distance80 == pytest.approx(-2 * np.log(0.2), rel=0.05)


def test_area_shrinks_with_both_spreads_and_with_correlation() -> None:
    region = joint_region(NAMES, _draws(-0.8, 0.5, 1), _draws(0.0, 1.0, 2))
    assert region.correlation == pytest.approx(-0.8, abs=0.02)
    assert region.area_left == pytest.approx(0.5 * 0.5 * 0.6, rel=0.05)
    same = _draws(0.3, 1.0, 4)
    assert joint_region(NAMES, same, same).area_left == pytest.approx(1.0)
