"""Levels of labs: found again where they are, shrunk where little is known, forgotten with time."""

import numpy as np
import pytest

from tokenroof.catalog.offers.history import lives_on_models, released
from tokenroof.infer.calibration import calibrate, points
from tokenroof.infer.cases import members, open_cases
from tokenroof.infer.known_lab import known_models, lines_of_lab, population_of_lab, shipped
from tokenroof.infer.labs import is_product, lab_of
from tokenroof.infer.levels import Miss, level_of, one_a_model, share_of
from tokenroof.infer.population import fit_population


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_share_of_labs_is_found_again(share: float) -> None:
    rng = np.random.default_rng(5)
    made = []
    for lab in range(300):
        level = share**0.5 * rng.standard_normal()
        made += [Miss(f"{lab}", 2025.0, level + (1.0 - share) ** 0.5 * rng.standard_normal()) for _ in range(8)]
    assert share_of(made) == pytest.approx(share, abs=0.1)


def test_a_level_is_shrunk_and_forgotten() -> None:
    """By hand: one model known moves the next by the share, four by 4 s / (1 + 3 s); two years later by e^-2 of it."""
    one, four = [Miss("lab", 2026.0, 1.0)], [Miss("lab", 2026.0, 1.0)] * 4
    assert level_of(one, 0.4, 2026.0).over == pytest.approx(0.4)
    assert level_of(one, 0.4, 2026.0).left == pytest.approx(1.0 - 0.4**2)
    assert level_of(four, 0.4, 2026.0).over == pytest.approx(1.6 / 2.2)
    assert level_of(four, 0.4, 2026.0).left == pytest.approx(1.0 - 0.4 * 1.6 / 2.2)
    assert level_of(one, 0.4, 2028.0).over == pytest.approx(0.4 * np.exp(-2.0))
    assert level_of([], 0.4, 2026.0).over == 0.0 and level_of([], 0.4, 2026.0).left == 1.0


def test_several_prices_of_a_model_count_once() -> None:
    rows = [("a", Miss("lab", 2025.0, 1.0)), ("a", Miss("lab", 2026.0, 3.0)), ("b", Miss("lab", 2026.0, 0.0))]
    assert one_a_model(rows) == (Miss("lab", 2025.5, 2.0), Miss("lab", 2026.0, 0.0))


def test_what_is_shipped_of_labs_is_the_fit() -> None:
    """If this fails: run scripts/calibrate_deduction.py."""
    population = fit_population(members())
    found = points(open_cases()[0], population)
    fitted = known_models(found, members(), calibrate(found), population)
    assert [(one.lab, one.architecture) for one in fitted] == [(one.lab, one.architecture) for one in shipped()]
    for now, held in zip(fitted, shipped(), strict=True):
        assert now.misses.keys() == held.misses.keys()
        for name, miss in now.misses.items():
            assert held.misses[name].over == pytest.approx(miss.over, abs=5e-3), (now.architecture, name)


def test_a_lab_that_nobody_knows_is_on_the_lines() -> None:
    population = fit_population(members())
    lines = calibrate(points(open_cases()[0], population))
    assert population_of_lab(population, (), 2026.0) == population
    assert lines_of_lab(lines, (), 2026.0).keys() == lines.keys()
    known = [one for one in shipped() if one.lab == "DeepSeek"]
    moved = lines_of_lab(lines, known, 2026.5)["input_price", "open"]
    assert moved.offset < lines["input_price", "open"].offset  # it asks less than others
    assert moved.total_sd < lines["input_price", "open"].total_sd


def test_it_is_known_of_every_lab_whether_it_lives_on_its_models() -> None:
    assert {lab for model in released() if (lab := lab_of(model)) and lives_on_models(lab) is None} == set()
    assert is_product("kimi-k2") and is_product("mistral-large-4")
    assert not is_product("gpt-oss-120b")  # given away: OpenAI sells others
    assert not is_product("qwen3-32b")  # a cloud's
