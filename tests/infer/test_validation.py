"""Calibration: fits are right, constants are fresh, intervals hold where the answer is known, labs left out."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tokenroof.catalog.offers.index import in_usd, load_offer, market_models, spread_of
from tokenroof.infer.calibration import ASSUMED, Calibration, calibrate, fit_line, fit_line_censored, leave_out
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.cases import open_cases, truth_of
from tokenroof.infer.deductions.long_context import FLAT_BIAS, THRESHOLD_BIAS, kv_from_flat_price
from tokenroof.infer.deductions.price_level import INVERSE
from tokenroof.infer.deductions.storage import tier_from_storage_price
from tokenroof.infer.evidence import Evidence, evidence_of
from tokenroof.infer.machines import reference_machine
from tokenroof.infer.posterior import credible_levels
from tokenroof.infer.validate import Validation, validate
from tokenroof.infer.validate_deductions import fit_bias, fit_inverse
from tokenroof.usecases.deduce.held import HELD


def load_evidence(offer: str) -> Evidence:
    return evidence_of(in_usd(load_offer(offer))[0])


@pytest.fixture(scope="module")
def validation() -> Validation:
    return validate()


def test_truths_come_from_the_catalogue() -> None:
    """DeepSeek-V3: 671 B, 37 B without the input table, 70,272 byte; V3.2 scans an eighth of what it holds."""
    v3 = truth_of("deepseek-v3")
    assert v3 is not None
    assert v3.total_params == pytest.approx(671.0e9, rel=1e-3)
    assert v3.active_params == pytest.approx(36.6e9, rel=0.01)
    assert (v3.kv_bytes_per_token, v3.scan_fraction) == (70_272, 1.0)
    sparse = truth_of("deepseek-v3.2")
    assert sparse is not None and 0.10 < sparse.scan_fraction < 0.13
    assert truth_of("no-such-model") is None


def test_cases_cover_labs_and_kinds() -> None:
    cases, missing = open_cases()
    assert len(cases) >= 65
    assert len({case.lab for case in cases}) >= 9
    assert {case.evidence.kind for case in cases} == {"market", "open"}
    assert not {case.evidence.offer for case in cases} & set(missing)


def test_constants_are_fresh() -> None:
    """If this fails, the snapshot, the catalogue or a prior has changed: run scripts/calibrate_deduction.py."""
    fitted = calibrate(open_cases()[0])
    assert set(fitted) == set(CALIBRATIONS)
    for name, line in fitted.items():
        held = CALIBRATIONS[name]
        assert (held.n, held.labs) == (line.n, line.labs), name
        for figure in ("offset", "pass_through", "sd", "total_sd"):
            assert getattr(held, figure) == pytest.approx(getattr(line, figure), abs=2e-3), (name, figure)


def test_assumed_channels_say_so() -> None:
    for name, line in ASSUMED.items():
        assert CALIBRATIONS[name].grade == "assumed" and line.n == 0 and line.source


def test_inverse_of_the_price_level_is_the_fit_on_host_medians() -> None:
    intercept, slope, factor, n = fit_inverse(open_cases()[0])
    assert (intercept, slope) == pytest.approx(INVERSE[:2], abs=0.02)
    assert factor == pytest.approx(INVERSE[2], abs=0.08)
    assert n == INVERSE[3]


@pytest.mark.parametrize(("flat", "stated"), [(False, THRESHOLD_BIAS), (True, FLAT_BIAS)])
def test_biases_of_the_step_formula_are_those_on_our_sheets(flat: bool, stated: tuple[float, float, int]) -> None:
    ratios = [
        case.truth.kv_bytes_per_token / (2 * case.truth.active_params * 3.35e12 / (989.4e12 * tokens))
        for case in open_cases()[0]
        for tokens in [case.evidence.flat_to_tokens if flat else case.evidence.step_tokens]
        if tokens is not None
    ]
    factor, sd, n = fit_bias(ratios)
    assert n == stated[2]
    assert factor == pytest.approx(stated[0], rel=0.02)
    assert sd == pytest.approx(stated[1], abs=0.02)


def test_deductions_alone_hold_what_they_say(validation: Validation) -> None:
    """With each lab left out 80 % intervals hold 70 to 90 %; a bound that is none on known models is told as such."""
    alone = {row.deduction: row for row in validation.alone}
    assert set(alone) == {
        "price level", "long-context step", "no long-context step", "cached read", "storage price",
    }  # fmt: skip
    for row in alone.values():
        if row.calibrated_holds is not None:
            assert 0.70 <= row.calibrated_holds <= 0.90, row.deduction
    assert alone["cached read"].formula_holds == 1.0
    assert alone["long-context step"].formula_holds == 1.0
    for name in ("no long-context step", "storage price"):
        assert alone[name].formula_holds == 0.0
    flat = kv_from_flat_price(load_evidence("deepseek/deepseek-v3"), 37e9, reference_machine())
    assert flat is not None and "no bound" in flat.calibration
    storage = tier_from_storage_price(load_evidence("volcengine/glm-4-7"))
    assert storage is not None and "90x to 5,400x" in storage.calibration
    ratios = [
        case.truth.kv_bytes_per_token / found.high
        for case in open_cases()[0]
        if (found := tier_from_storage_price(case.evidence)) is not None and found.high
    ]
    assert (min(ratios), max(ratios)) == (pytest.approx(90, rel=0.02), pytest.approx(5400, rel=0.02))


def test_a_lab_does_not_calibrate_itself() -> None:
    """A lab whose truth is multiplied by a million moves the lines of others and not its own."""
    cases = open_cases()[0]

    def lines(lab: str, factor: float) -> dict[str, Calibration]:
        moved = [
            replace(c, truth=replace(c.truth, total_params=c.truth.total_params * factor)) if c.lab == "Zhipu" else c
            for c in cases
        ]
        return leave_out(moved)(lab)

    assert lines("Zhipu", 1e6) == lines("Zhipu", 1.0)
    assert lines("Alibaba", 1e6) != lines("Alibaba", 1.0)


def test_host_medians_reproduce_the_price_study() -> None:
    """Section 3, test 2: log p = -4.72 + .42 ln T + .44 ln A on 35 models, R^2 .76; 33 here."""
    rows = [(spread_of(m), truth_of(m)) for m in market_models()]
    known = [(s, t) for s, t in rows if s is not None and t is not None]
    y = np.log([s.input_median_per_mtok for s, _ in known])
    x = np.array([[1.0, math.log(t.total_params / 1e9), math.log(t.active_params / 1e9)] for _, t in known])
    beta, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert beta[0] == pytest.approx(-4.72, abs=0.25)
    assert beta[1:] == pytest.approx([0.42, 0.44], abs=0.06)
    assert 1 - np.var(y - x @ beta) / np.var(y) == pytest.approx(0.76, abs=0.05)


def test_fit_line_is_least_squares() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=500)
    fit = fit_line(x, 1.0 + 0.5 * x + 0.3 * rng.normal(size=500), labs=10**6)
    assert (fit.offset, fit.slope, fit.sd) == pytest.approx((1.0, 0.5, 0.3), abs=0.03)


def test_fit_with_censored_values_is_unbiased() -> None:
    """Cut everything above 1.2 and say only 'at least': plain least squares is off, Tobit is not."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=4000)
    y = 1.0 + 0.8 * x + 0.5 * rng.normal(size=4000)
    cut = y > 1.2
    seen = np.where(cut, 1.2, y)
    tobit = fit_line_censored(x, seen, cut, labs=10**6)
    assert (tobit.offset, tobit.slope, tobit.sd) == pytest.approx((1.0, 0.8, 0.5), abs=0.03)
    assert fit_line(x, seen, labs=10**6).slope < 0.6


_TOO_WIDE = pytest.mark.xfail(
    strict=True, reason="96 to 99 % on the snapshot since deduction serves as every verb does"
)


@pytest.mark.parametrize(
    "name",
    [
        "active_params", "kv_bytes_per_token", "sparsity", pytest.param("total_params", marks=_TOO_WIDE),
        pytest.param("size", marks=_TOO_WIDE),
    ],
)  # fmt: skip
def test_intervals_hold_between_70_and_90_percent(validation: Validation, name: str) -> None:
    """The promise of the product: 80 % intervals of the joint posterior, each lab left out."""
    joint = {c.unknown: c for c in validation.table if c.evidence == "all"}
    assert 0.70 <= joint[name].coverage80 <= 0.90


def test_the_joint_region_holds_and_what_is_too_wide_is_not_wider_than_the_page_says(validation: Validation) -> None:
    """Total and size are wider than these offers want, and not wider than others do: see test_fresh_sheets."""
    joint = {c.unknown: c for c in validation.table if c.evidence == "all"}
    assert set(joint) == {"total_params", "active_params", "kv_bytes_per_token", "size", "sparsity"}
    for name, width in (("total_params", 21.0), ("size", 9.0)):
        assert joint[name].coverage80 >= 0.80 and joint[name].width80 < width, name
    assert all(c.n == validation.joint_n >= 65 for c in joint.values())
    assert 0.70 <= validation.joint_coverage80 <= 0.90
    assert validation.poor == ()


def test_the_page_says_what_intervals_held_on_the_snapshot(validation: Validation) -> None:
    """Within a sheet of today's posteriors: tests/infer/test_fresh_sheets.py has the other row."""
    held, _ = HELD
    joint = {c.unknown: c for c in validation.table if c.evidence == "all"}
    assert held.sheets == validation.joint_n
    for name in ("total_params", "active_params", "kv_bytes_per_token"):
        assert getattr(held, name) == pytest.approx(joint[name].coverage80, abs=0.02), name
    assert held.region == pytest.approx(validation.joint_coverage80, abs=0.02)


def test_prices_tell_size_and_little_else(validation: Validation) -> None:
    """What the documentation says: the width of size shrinks by far, that of the cache hardly."""
    prior = {c.unknown: c for c in validation.table if c.evidence == "none"}
    joint = {c.unknown: c for c in validation.table if c.evidence == "all"}

    def left(name: str) -> float:
        return math.log(joint[name].width80) / math.log(prior[name].width80)

    assert left("size") < 0.4
    assert left("active_params") < 0.5
    assert left("kv_bytes_per_token") > 0.8


def test_credible_levels_are_uniform_for_a_normal_cloud() -> None:
    from tokenroof.infer.cases import Truth

    rng = np.random.default_rng(3)
    logs = rng.multivariate_normal([25.0, 23.0, 11.0], [[1.0, 0.7, 0.1], [0.7, 1.0, 0.0], [0.1, 0.0, 2.0]], 20_000)
    draws = dict(zip(("total_params", "active_params", "kv_bytes_per_token"), np.exp(logs).T, strict=True))
    points = [
        Truth(total_params=a, active_params=b, kv_bytes_per_token=c, scan_fraction=1.0)
        for a, b, c in np.exp(logs[:500])
    ]
    levels = np.array(credible_levels(draws, points))
    assert (levels < 0.5).mean() == pytest.approx(0.5, abs=0.07)
    assert (levels < 0.8).mean() == pytest.approx(0.8, abs=0.06)
