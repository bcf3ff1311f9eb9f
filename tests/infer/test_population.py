"""The prior over architectures: fitted to what is sold, by day, and thin where nothing is."""

import numpy as np
import pytest

from tokenroof.infer.calibrations import POPULATION
from tokenroof.infer.cases import lab_of, members
from tokenroof.infer.population import Member, architectures, fit_population
from tokenroof.infer.priors import N_DIMS, Setting, unknowns


def drawn(released: float, n: int = 100_000) -> dict[str, np.ndarray]:
    setting = Setting(kind="open", population=POPULATION, priced=released, released=released)
    return unknowns(np.random.default_rng(4).standard_normal((n, N_DIMS)), setting)


def test_each_architecture_counts_once() -> None:
    """GLM-4.5, 4.6 and 4.7 are one."""
    found = members()
    assert len({(m.total_params, m.kv_bytes_per_token) for m in found}) == len(found) >= 80
    assert sum(abs(m.total_params - 352.8e9) < 1e9 for m in found) == 1
    assert len({m.lab for m in found}) >= 18


def test_the_constants_are_the_fit() -> None:
    """If this fails: run scripts/calibrate_deduction.py."""
    fitted = fit_population(members())
    for name in ("size", "dense", "sparsity", "kv_dense", "kv_mixture"):
        for figure in ("at", "size_slope", "year_slope", "sd"):
            held, now = (getattr(getattr(one, name), figure) for one in (POPULATION, fitted))
            assert held == pytest.approx(now, abs=1e-3), (name, figure)


def test_no_hole_between_20_and_150_billion_and_little_beyond_3_trillion() -> None:
    """A third of what is sold lies there; nobody sells open weights of more than 3 T."""
    sold = np.array([m.total_params for m in members()])
    total = drawn(2025.5)["total_params"]
    middle = ((sold > 20e9) & (sold < 150e9)).mean()
    assert ((total > 20e9) & (total < 150e9)).mean() == pytest.approx(middle, abs=0.1)
    assert (total > 3e12).mean() < 0.02


def test_models_grew_large_ones_became_mixtures_and_caches_small() -> None:
    early, late = drawn(2024.0), drawn(2026.5)
    sold = [[np.log(m.total_params) for m in members() if m.released // 1 == year] for year in (2024, 2026)]
    grew = np.log(late["total_params"]).mean() - np.log(early["total_params"]).mean()
    assert grew == pytest.approx(np.mean(sold[1]) - np.mean(sold[0]), abs=0.5)  # their means, some 2 years apart
    large = [(one["total_params"] > 60e9) & (one["total_params"] < 500e9) for one in (early, late)]
    dense = [(one["sparsity"] == 1)[big].mean() for one, big in zip((early, late), large, strict=True)]
    assert dense[0] > 0.5 > 0.1 > dense[1]
    assert np.median(late["kv_bytes_per_token"]) < 0.6 * np.median(early["kv_bytes_per_token"])


def test_a_population_is_found_again() -> None:
    """Architectures drawn from a population give it back."""
    rng = np.random.default_rng(9)
    z = {name: rng.standard_normal(4000) for name in ("size", "dense", "sparsity", "kv")}
    released = rng.uniform(2023.5, 2026.5, 4000)
    found = architectures(z, POPULATION, released)
    again = fit_population(
        [
            Member(total_params=t, active_params=a, kv_bytes_per_token=kv, released=year, lab=f"lab {i % 40}")
            for i, (t, a, kv, year) in enumerate(
                zip(found["total_params"], found["active_params"], found["kv_bytes_per_token"], released, strict=True)
            )
        ]
    )
    assert again.size.at == pytest.approx(POPULATION.size.at, abs=0.08)
    assert again.size.sd == pytest.approx(POPULATION.size.sd, rel=0.05)
    assert again.dense.year_slope == pytest.approx(POPULATION.dense.year_slope, rel=0.15)
    for name in ("sparsity", "kv_dense", "kv_mixture"):
        one, other = getattr(again, name), getattr(POPULATION, name)
        assert (one.size_slope, one.year_slope) == pytest.approx((other.size_slope, other.year_slope), abs=0.1), name
        assert one.sd == pytest.approx(other.sd, rel=0.12), name


@pytest.mark.parametrize(
    ("model", "lab"), [("llama-3.1-8b", "Meta"), ("llama-3.3-nemotron-super-49b", "NVIDIA"), ("glm-5", "Zhipu")]
)
def test_labs_by_the_longest_start(model: str, lab: str) -> None:
    assert lab_of(model) == lab
