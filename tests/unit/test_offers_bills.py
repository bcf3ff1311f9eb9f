"""Bills on the snapshot's sheets against what vendors published, or against their rates worked by hand."""

import pytest

from tokenroof.catalog.offers.bills import Usage, bill, line_for
from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import DataMissing, InputError

M = 1_000_000

# (name, sheet, usage, amount in the sheet's currency worked out by hand)
WORKED = [
    ("opus 5: 40K of 50K cached, 5K written for an hour", "anthropic/claude-opus-5",
     Usage(input_tokens=50_000, cached_tokens=40_000, written_tokens=5_000, write_ttl_s=3600.0,
           output_tokens=2_000),
     0.025 + 0.020 + 0.050 + 0.050),
    ("haiku 5.5 at its boundary", "anthropic/claude-haiku-5-5",
     Usage(input_tokens=100_000, output_tokens=1_000), 0.0100 + 0.0005),
    ("haiku 5.5 one token further: all of it five times dearer", "anthropic/claude-haiku-5-5",
     Usage(input_tokens=100_001, output_tokens=1_000), 0.0500005 + 0.0025),
    ("gemini 3.1 pro above 200K", "google/gemini-3.1-pro-preview",
     Usage(input_tokens=250_000, output_tokens=10_000), 1.00 + 0.18),
    ("gemini 3.1 pro: 200K tokens kept for three hours", "google/gemini-3.1-pro-preview",
     Usage(stored_tokens=200_000, stored_hours=3.0), 2.70),
    ("grok 4.3 at exactly 200K pays the upper price", "xai/grok-4.3",
     Usage(input_tokens=200_000, output_tokens=1_000), 0.500 + 0.005),
    ("grok 4.3 one token below", "xai/grok-4.3",
     Usage(input_tokens=199_999, output_tokens=1_000), 0.24999875 + 0.0025),
    ("gpt-5.4 batch above 272K", "openai/gpt-5.4",
     Usage(input_tokens=300_000, output_tokens=2_000, mode="batch"), 0.7500 + 0.0225),
    ("gpt-5 priority, 8K of 10K cached", "openai/gpt-5",
     Usage(input_tokens=10_000, cached_tokens=8_000, output_tokens=1_000, mode="priority"),
     0.005 + 0.002 + 0.020),
    ("glm-4.6 with a short answer (CNY)", "zhipu/glm-4.6",
     Usage(input_tokens=10_000, output_tokens=200), 0.0200 + 0.0016),
    ("glm-4.6 with one token more (CNY)", "zhipu/glm-4.6",
     Usage(input_tokens=10_000, output_tokens=201), 0.030 + 0.002814),
    ("deepseek v4-pro at peak hours, 90K of 100K cached", "deepseek/deepseek-v4-pro",
     Usage(input_tokens=100_000, cached_tokens=90_000, output_tokens=5_000, window="peak"),
     0.0132 + 0.00396 + 0.0198),
    ("opus 4.6 fast mode: the vendor's $30 and $150", "anthropic/claude-opus-4-6",
     Usage(input_tokens=10_000, output_tokens=4_000, mode="fast"), 0.30 + 0.60),
    ("gpt-6.1 terra kept for 12 hours", "openai/gpt-6.1-terra",
     Usage(input_tokens=100_000, written_tokens=100_000, write_ttl_s=12 * 3600.0), 0.25),
    ("a million tokens for a day at Volcengine (CNY)", "volcengine/doubao-seed-1.8",
     Usage(stored_tokens=M, stored_hours=24.0), 0.408),
]  # fmt: skip


@pytest.mark.parametrize(("sheet", "usage", "amount"), [w[1:] for w in WORKED], ids=[w[0] for w in WORKED])
def test_worked_request(sheet: str, usage: Usage, amount: float) -> None:
    assert bill(load_offer(sheet), usage).total == pytest.approx(amount, rel=1e-12)


def test_deepseek_day_of_revenue() -> None:
    """DeepSeek open-infra day 6: 342 B hits, 266 B misses, 168 B output at R1 prices, printed $562,027.

    The counts are rounded to a billion tokens, hence 0.02 %.
    """
    day = Usage(input_tokens=6080, cached_tokens=3420, output_tokens=1680, requests=100_000_000)
    assert bill(load_offer("deepseek/deepseek-r1"), day).total == pytest.approx(562_027, rel=2e-4)


def test_items_add_up() -> None:
    usage = Usage(input_tokens=50_000, cached_tokens=40_000, written_tokens=5_000, output_tokens=2_000)
    paid = bill(load_offer("anthropic/claude-opus-5"), usage)
    parts = (paid.uncached_input, paid.cached_input, paid.cache_writes, paid.output, paid.storage)
    assert paid.total == sum(parts)
    assert paid.cache_writes == pytest.approx(5_000 * 6.25e-6), "without a time to live, the shortest is billed"


def test_free_cache_writes_cost_plain_input() -> None:
    paid = bill(load_offer("deepseek/deepseek-v4-pro"), Usage(input_tokens=1000, written_tokens=1000))
    assert paid.total == pytest.approx(1000 * 0.66e-6)


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        (Usage(input_tokens=10, cached_tokens=8, written_tokens=3), "cached_tokens"),
        (Usage(input_tokens=1_000_001), "input_tokens"),
        (Usage(input_tokens=-1), "input_tokens"),
        (Usage(requests=0), "requests"),
        (Usage(mode="turbo"), "mode"),
        (Usage(window="night"), "window"),
        (Usage(input_tokens=10, written_tokens=10, write_ttl_s=77.0), "write_ttl_s"),
    ],
)
def test_a_request_that_cannot_be_billed(usage: Usage, field: str) -> None:
    with pytest.raises(InputError, match=field):
        bill(load_offer("anthropic/claude-opus-5"), usage)


def test_storage_without_a_price_is_missing_data() -> None:
    with pytest.raises(DataMissing, match="storage price"):
        bill(load_offer("anthropic/claude-opus-5"), Usage(stored_tokens=1, stored_hours=1.0))


@pytest.mark.parametrize(("tokens", "price"), [(0, 2.0), (32_000, 2.0), (32_001, 4.0), (131_072, 4.0)])
def test_a_boundary_belongs_to_the_lower_cell_unless_inclusive(tokens: int, price: float) -> None:
    assert line_for(load_offer("volcengine/deepseek-v3.2"), tokens, 10).input_per_mtok == price
