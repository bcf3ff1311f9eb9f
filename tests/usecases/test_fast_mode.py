"""The fast mode of `analyze --full` and the tiers of `price` are one number over one baseline."""

import pytest

import tokenroof


@pytest.mark.parametrize(
    ("model", "system", "more"), [("deepseek-v3", "gb200-nvl72", {}), ("llama-3.1-70b", "8xh100", {"tp": 8})]
)
def test_analyze_and_price_name_one_price_for_a_fast_mode(model: str, system: str, more: dict) -> None:
    fast = tokenroof.analyze(model, system=system, **more).fast_mode
    layout = tokenroof.analyze(model, system=system, **more).layout
    given = {name: getattr(layout, name) for name in ("tp", "ep", "dp", "pp") if getattr(layout, name) > 1}
    tiers = tokenroof.price(model, system=system, pair="6x,2.5x", **given).fast
    tier = next(one for one in tiers if one.speed_ratio == pytest.approx(2.5))
    assert fast.price_ratio == pytest.approx(tier.price_ratio, rel=1e-6)
    assert fast.concurrency == tier.concurrency
