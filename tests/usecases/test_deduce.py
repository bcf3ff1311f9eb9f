"""The use case `deduce`: what one offer says, what it does not, and two offers side by side."""

import math
from pathlib import Path

import numpy as np
import pytest

from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import InputError, TokenroofError, UnknownName
from tokenroof.infer.posterior import NUMBERS, Moved
from tokenroof.infer.sampler import PoorPosterior
from tokenroof.present.charts.deduce import draw_corner, draw_evidence
from tokenroof.present.pages.deduce import page_of
from tokenroof.present.pages.deduce_parts import factor
from tokenroof.present.text import text
from tokenroof.usecases.deduce.held import CLOSED, HELD
from tokenroof.usecases.deduce.lecture import lecture_deductions
from tokenroof.usecases.deduce.nearest import distinct
from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer
from tokenroof.usecases.deduce.run import DeduceRequest, DeduceResponse, compare, deduce, find_offer
from tokenroof.usecases.deduce.sentence import sentence_of

DRAWS = 1 << 17


@pytest.fixture(scope="module")
def v3() -> DeduceResponse:
    return deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=DRAWS))


@pytest.fixture(scope="module")
def opus() -> DeduceResponse:
    return deduce(DeduceRequest(offer="anthropic/claude-opus-4-7", draws=1 << 18))


def test_minimax_m2_lies_in_its_region() -> None:
    """229 B total, 10.4 B active (MiniMax-M2); its cache of 254 KB is larger than that of four in five of its size."""
    found = deduce(DeduceRequest(offer="minimax/minimax-m2", draws=DRAWS))
    for name, truth in (("total_params", 229e9), ("active_params", 10.4e9)):
        assert found.estimate(name).low80 <= truth <= found.estimate(name).high80, name
    assert next(n.level for n in found.neighbours if n.model == "minimax-m2") < 0.95


def test_twins_are_told_once(opus: DeduceResponse) -> None:
    """DeepSeek-V3, V3.1 and R1 have one shape; V3.2 scans less and holds more."""
    names = [near.model for near in distinct(opus.neighbours)]
    assert sum(name in ("deepseek-v3", "deepseek-v3.1", "deepseek-r1") for name in names) == 1
    assert {"deepseek-v3.2", "kimi-k2"} <= set(names) and len(names) < len(opus.neighbours)
    assert names[0] == opus.neighbours[0].model


def test_other_models_of_a_lab_are_read_beside() -> None:
    """DeepSeek-V4-Pro (1,573 B, 8.9 KB) is sold below its size, as DeepSeek's are; it does not tell of itself."""
    known, nobody = (
        deduce(DeduceRequest(offer="deepseek/deepseek-v4-pro", draws=DRAWS, lab=lab)) for lab in (None, "unknown")
    )
    assert known.lab.name == "DeepSeek" and known.lab.asks < 0.9
    assert "deepseek-v4-pro" not in known.lab.models and "deepseek-v4-flash" in known.lab.models
    assert known.estimate("total_params").high80 > 1573e9 > nobody.estimate("total_params").high80
    cache = known.estimate("kv_bytes_per_token")
    assert cache.low80 < 8.9e3 < cache.high80 < 0.5 * nobody.estimate("kv_bytes_per_token").high80
    assert "other models of DeepSeek say so" in known.sentence and "lab's other models tell" in known.sentence
    assert not nobody.lab.models and "DeepSeek" not in nobody.sentence
    shown = text(page_of(known))
    assert "lives on its models" in shown and "deepseek-v4-flash" in shown


def test_closed_models_take_a_labs_prices_and_not_its_designs(opus: DeduceResponse) -> None:
    """What a lab gives away need not be built as what it keeps; of Anthropic nothing is known."""
    assert not opus.lab.models and opus.lab.lives_on_models
    named, nobody = (
        deduce(DeduceRequest(offer="mistral/mistral-medium-3-5", draws=DRAWS, lab=lab, prior_only=True))
        for lab in (None, "unknown")
    )
    assert named.lab.models and not named.lab.of_cache
    for name in ("total_params", "kv_bytes_per_token"):
        assert named.estimate(name).median == nobody.estimate(name).median


def test_a_model_without_a_day_of_release_is_said_to_be_read_as_new() -> None:
    """GPT-4 of 2023 on a sheet of today: three times what it is with its day."""
    offer = own_offer(PricesGiven(input=30.0, output=60.0))
    without, dated = (deduce(DeduceRequest(offer=offer, draws=DRAWS, released=day)) for day in (None, "2023-03-14"))
    assert any("a price of today of a new model" in note for note in without.notes)
    assert any("a price of today;" in note for note in dated.notes)
    asked = deduce(DeduceRequest(offer="openai/gpt-6.1-terra", draws=DRAWS))
    assert any(note.startswith("no day of release is known") for note in asked.notes)
    assert without.estimate("total_params").median > 2.0 * dated.estimate("total_params").median


def test_a_lab_is_known_in_any_case() -> None:
    offer = own_offer(PricesGiven(input=0.5, output=2.0))
    assert deduce(DeduceRequest(offer=offer, draws=DRAWS, lab="deepseek")).lab.name == "DeepSeek"


def test_who_sells_moves_the_size() -> None:
    """A lab that lives on its models sells larger ones at a price than a company that gives small ones away."""
    offer = own_offer(PricesGiven(input=0.5, output=2.0, open=True, as_of="2026-06-01"))
    medians = [
        deduce(DeduceRequest(offer=offer, draws=DRAWS, lab=lab)).estimate("total_params").median
        for lab in ("Anthropic", "unknown", "Meituan")  # of which no price is known
    ]
    assert medians[0] > 1.1 * medians[1] > 1.2 * medians[2]


def test_deepseek_v3_was_sold_below_its_size(v3: DeduceResponse) -> None:
    """671 B at $0.27: what nobody else sold at that price in 2024, and what the page on accuracy says is missed."""
    assert v3.estimate("total_params").high80 < 671e9
    active = v3.estimate("active_params")
    assert active.low80 <= 37e9 <= active.high80


def test_prior_only_returns_the_prior() -> None:
    response = deduce(DeduceRequest(offer="deepseek/deepseek-v3", prior_only=True, draws=DRAWS))
    assert response.moved == () and response.surprises == () and response.calibrations == ()
    for found in response.estimates:
        if found.name == "price_over_cost":
            continue  # the one number that needs the price itself
        assert found.width_left == pytest.approx(1.0, abs=0.05), found.name
        assert found.median == pytest.approx(found.prior_median, rel=0.08), found.name
    for choice in response.choices:
        assert choice.posterior == pytest.approx(choice.prior, abs=0.02)


def test_intervals_are_nested_and_beside_the_prior(opus: DeduceResponse) -> None:
    assert [found.name for found in opus.estimates] == list(NUMBERS)
    for found in opus.estimates:
        assert found.low80 <= found.low50 <= found.median <= found.high50 <= found.high80
        assert 0 < found.prior_low80 <= found.prior_high80
    for choice in opus.choices:
        assert sum(choice.posterior) == pytest.approx(1.0) and len(choice.posterior) == len(choice.values)


def test_every_channel_is_left_out_in_turn(opus: DeduceResponse) -> None:
    used = [calibration.channel for calibration in opus.calibrations]
    assert [moved.channel for moved in opus.moved] == used == [s.channel for s in opus.surprises]
    price = next(m for m in opus.moved if m.channel == "input_price")
    assert price.width_factor["total_params"] < 1 / 1.1, "without the price level the size is less known"
    page = " ".join(text(page_of(opus), width=200).split())
    assert f"input price $5 in {factor(price.median_factor['total_params'])}" in page, "JSON says what the page prints"


def test_more_evidence_narrows_and_less_widens(v3: DeduceResponse) -> None:
    without = deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=DRAWS, leave_out=("input_price",)))
    # of a mixture of 2024 the price tells what is active more than what is stored
    assert without.estimate("active_params").width_left > 1.2 * v3.estimate("active_params").width_left
    assert without.estimate("total_params").width_left > v3.estimate("total_params").width_left


@pytest.mark.xfail(strict=True, reason="1.1 to 1.2 since mixtures of 2023-24 are priced by what is active")
def test_the_price_of_a_mixture_of_2024_tells_its_total(v3: DeduceResponse) -> None:
    without = deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=DRAWS, leave_out=("input_price",)))
    assert without.estimate("total_params").width_left > 1.2 * v3.estimate("total_params").width_left


def test_missing_channels_are_named(v3: DeduceResponse) -> None:
    assert {found.channel for found in v3.skipped} == {"output_speed", "speed_slope", "ttft_slope"}
    assert any(text.startswith("read alone, not in the intervals: output over input") for text in v3.notes)


def test_a_fast_sheet_is_a_smaller_model() -> None:
    """15 to 400 tokens per second: fewer active parameters, and never more than the machines can read."""
    slow, fast, beyond = (
        deduce(DeduceRequest(offer="anthropic/claude-haiku-4-5", draws=1 << 18, tokens_per_s=speed))
        for speed in (15.0, 400.0, 5000.0)
    )
    for name in ("active_params", "total_params"):
        assert fast.estimate(name).median < 0.7 * slow.estimate(name).median, name
    alone = {d.name: d for d in beyond.deductions}
    # eight H100 of 3.35 TB/s, two tokens a pass, 0.5625 bytes a weight
    bound = alone["output speed"].high
    assert bound == pytest.approx(8 * 3.35e12 * 2 / (0.5625 * 5000))
    assert beyond.estimate("active_params").high80 < bound


def test_the_day_changes_the_answer() -> None:
    """The same prices in early 2024: dense, on A100 and H100, and a parameter was dearer."""
    sheet = own_offer(PricesGiven(input=0.9, output=0.9, open=True))
    early, late = (deduce(DeduceRequest(offer=sheet, draws=DRAWS, as_of=day)) for day in ("2024-03-01", "2026-11-22"))
    assert early.estimate("total_params").median < 0.5 * late.estimate("total_params").median
    dense = [next(c for c in one.choices if c.name == "experts").posterior[1] for one in (early, late)]
    assert dense[0] > 0.5 > dense[1]
    chips = [dict(zip(c.values, c.prior, strict=True)) for one in (early, late) for c in one.choices
             if c.name == "system"]  # fmt: skip
    assert chips[0]["b200"] == 0.0 < chips[1]["b200"]


def test_what_is_disclosed_holds() -> None:
    found = deduce(DeduceRequest(offer="openai/gpt-5", draws=1 << 18, known=("total:>500B", "active:<60B")))
    assert found.estimate("total_params").low80 > 0.95 * 500e9
    assert found.estimate("active_params").high80 < 1.05 * 60e9


@pytest.mark.parametrize(("total", "active"), [(1e12, 50e9), (70e9, 70e9)])
def test_exact_facts_are_met(total: float, active: float) -> None:
    """Two at once, of a mixture and of a dense model, whose sparsity has no width."""
    facts = (f"total:={total / 1e9:g}B", f"active:={active / 1e9:g}B")
    offer = own_offer(PricesGiven(input=0.9, output=0.9, open=True, as_of="2024-08-01"))
    found = deduce(DeduceRequest(offer=offer, draws=1 << 18, known=facts))
    for name, value in (("total_params", total), ("active_params", active)):
        one = found.estimate(name)
        assert one.low80 < value < one.high80 < 1.1 * one.low80
    assert all(0.0 <= region.area_left < 0.2 for region in found.regions[:1])


def test_a_size_that_is_all_active_is_met_on_few_draws() -> None:
    """A dense model of 300 B: one in a hundred is dense in 2025, and few are as large."""
    facts = ("total:=300B", "active:=300B")
    found = deduce(DeduceRequest(offer="openai/gpt-5", draws=1 << 18, known=facts))
    total = found.estimate("total_params")
    assert 280e9 < total.low80 < 300e9 < total.high80 < 320e9
    assert found.sentence.startswith("Most likely a dense model")


def test_exact_facts_that_no_draw_meets_have_a_way_out() -> None:
    with pytest.raises(PoorPosterior, match="give a range for an exact fact"):
        deduce(DeduceRequest(offer="openai/gpt-5", draws=10_000, known=("total:=300T", "active:=1T")))


def test_speeds_over_context_say_something_of_the_cache() -> None:
    """A slope ten times as steep, a cache several times as large; without it, nothing tells the cache."""
    steep, flat = (
        deduce(
            DeduceRequest(
                offer="openai/gpt-5", draws=1 << 18, speed_at=("1K:100", f"200K:{last}"), released="2026-11-22"
            )
        )
        for last in (35.0, 85.0)
    )
    assert steep.estimate("kv_bytes_per_token").median > 3 * flat.estimate("kv_bytes_per_token").median
    assert "nothing tells the KV cache" not in steep.sentence


def test_sheets_of_the_same_weights_are_one_reading() -> None:
    """moonshot-v1 at 8K and at 128K: one model, at $0.2 and $2."""
    found = deduce(DeduceRequest(offer="moonshot/moonshot-v1-8k", also=("moonshot/moonshot-v1-128k",), draws=DRAWS))
    assert found.evidence.input_usd_per_token == pytest.approx(math.sqrt(0.2e-6 * 2e-6))
    assert found.evidence.sheets == 2 and "mean of 2 sheets" in found.moved[0].shown


def test_a_model_on_the_same_host_is_a_yardstick() -> None:
    """As fast as a 70 B on the same host: near 70 B active."""
    found = deduce(DeduceRequest(offer="openai/gpt-5", tokens_per_s=80.0, beside="llama-3.3-70b:80", draws=1 << 18))
    active = found.estimate("active_params")
    assert active.low80 < 70e9 < active.high80 and active.high80 / active.low80 < 4.5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"known": ("total:1T",)}, "total, active or kv"),
        ({"known": ("size:>1T",)}, "total, active or kv"),
        ({"known": ("total:>1T", "total:<500B")}, "facts that some value meets; such as"),
        ({"known": ("total:=1T", "total:=2T")}, "facts that some value meets"),
        ({"known": ("active:>1T", "total:<500B")}, "no more active parameters than"),
        ({"known": ("total:>10T", "active:<1B")}, "unlike any model: the sparsest known one has"),
        ({"known": ("kv:=70",)}, "an amount with its unit; kv:=70KB"),
        ({"lab": "Antropic"}, "unknown lab 'Antropic'; nearest: Anthropic"),
        ({"known": ("total:>1000",)}, "at least 1,000,000 parameters; billions"),
        ({"ttft_at": ("2K:600", "20K:900")}, "a time with its unit; 2K:600ms or 2K:600s"),
        ({"speed_at": ("1K:100",)}, "two lengths or more"),
        ({"ttft_at": ("1K:0.2s", "x:3s")}, "PROMPT:TIME"),
        ({"beside": "llama-3.3-70b:80"}, "given with `speed`"),
        ({"tokens_per_s": 200_000.0}, "to 162,540 tok/s, where 8 of the fastest chips read"),
        ({"tokens_per_s": 0.0}, "from 0.001 to"),
        ({"lab": "DeepSeek"}, "OpenAI, whose model openai/gpt-5 is, or unknown"),
        ({"also": ("openai/gpt-5",)}, "not read yet"),
        ({"also": ("deepseek/deepseek-v3",)}, "same weights as openai/gpt-5; lab: DeepSeek against OpenAI"),
        ({"also": ("openai/gpt-4",)}, "day of release: 2023-03-14 against 2025-08-07"),
        ({"as_of": "2025-08-06"}, "2025-08-07 or later, when the model came out"),
        ({"beside": "no-such:80", "tokens_per_s": 80.0}, "no-such"),
        ({"as_of": "yesterday"}, "a day such as"),
        ({"released": "2026-12-24"}, "no later than the day of the price"),
        ({"also": ("nobody/nothing",)}, "nobody/nothing"),
    ],
)
def test_measurements_that_do_not_fit_are_one_error(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(TokenroofError, match=complaint):
        deduce(DeduceRequest(offer="openai/gpt-5", draws=20_000, **changes))  # type: ignore[arg-type]


def test_prices_of_one_token_are_noticed() -> None:
    with pytest.raises(InputError, match="a price of one token"):
        own_offer(PricesGiven(input=3e-6, output=15e-6))
    with pytest.raises(InputError, match="a price of a billion"):
        own_offer(PricesGiven(input=1250.0, output=15.0))
    assert own_offer(PricesGiven(input=1250.0, output=5000.0, currency="KRW")).currency == "KRW"


def test_what_is_given_and_not_used_is_said() -> None:
    """Speeds that rise with context, times that fall with the prompt, output cheaper than input."""
    offer = own_offer(PricesGiven(input=15.0, output=3.0))
    plain, odd = (
        deduce(DeduceRequest(offer=offer, draws=DRAWS, speed_at=speeds, ttft_at=times))
        for speeds, times in (((), ()), (("2K:70", "200K:95"), ("2K:6s", "100K:600ms")))
    )
    assert odd.estimates == plain.estimates
    said = " ".join(set(odd.notes) - set(plain.notes))
    assert "speeds do not fall with context: not used" in said and "TTFT does not rise" in said
    assert not {one.channel for one in odd.skipped} & {"speed_slope", "ttft_slope"}
    assert any("are the two swapped?" in text for text in plain.notes)


def test_densities_hold_what_their_levels_say(opus: DeduceResponse) -> None:
    """Cells at the level or above hold 80 % of the draws that are on the grid; posterior and prior share the grid."""
    assert [d.names for d in opus.densities] == [r.names for r in opus.regions]
    for found in opus.densities:
        grid = np.array(found.posterior)
        assert grid.shape == (len(found.y), len(found.x)) == np.array(found.prior).shape
        assert 0.97 < grid.sum() <= 1.001 and 0.97 < np.array(found.prior).sum() <= 1.001
        inside = grid[grid >= found.level80 - 1e-5].sum() / grid.sum()
        assert inside == pytest.approx(0.8, abs=0.03)
        assert found.level50 >= found.level80


def test_the_regression_stands_beside(opus: DeduceResponse) -> None:
    assert [one.name for one in opus.regression] == ["total_params", "active_params", "kv_bytes_per_token"]
    for one in opus.regression:
        assert one.low80 < one.median < one.high80
    assert "regression" in text(page_of(opus), width=140)


def test_the_answer_says_what_its_intervals_held(v3: DeduceResponse) -> None:
    *groups, development = v3.held
    assert [one.fitted for one in v3.held] == [True] * len(groups) + [False]
    assert development.sheets == 63 and len(groups) == 6
    page = " ".join(text(page_of(v3)).split())
    assert all(one.name in page for one in v3.held)


def test_a_closed_model_shows_the_record_of_closed_models(opus: DeduceResponse, v3: DeduceResponse) -> None:
    assert opus.held == (CLOSED, *HELD) and CLOSED not in v3.held
    page, other = (" ".join(text(page_of(one), width=100).split()) for one in (opus, v3))
    assert f"{CLOSED.name} {CLOSED.sheets} 86 % 93 % - -" in page and "in ranges 43.2x wide" in page
    assert "nearest class of open models: sheets, models of 2025-26, 76 % held in total" in page
    assert "active KV jointly closed models" in page and CLOSED.name not in other


def test_unlikely_evidence_is_flagged_not_refused() -> None:
    """Fifty times the price of anything of its kind."""
    response = deduce(DeduceRequest(offer=own_offer(PricesGiven(input=300.0, output=300.0, open=True))))
    price = next(s for s in response.surprises if s.channel == "input_price")
    assert price.unlikely and price.z > 3


def test_evidence_that_hardly_a_draw_explains_is_refused_by_name() -> None:
    """Nine hundred thousand dollars for a million tokens, in a currency of which a unit is a thousand."""
    with pytest.raises(PoorPosterior, match="hardest to explain is"):
        deduce(
            DeduceRequest(
                offer=own_offer(PricesGiven(input=900.0, output=900.0, currency="XAU")), rates={"XAU": 1000.0},
                draws=20_000,
            )
        )  # fmt: skip


def test_what_narrows_an_interval_says_more_than_what_moves_its_middle(v3: DeduceResponse) -> None:
    """One channel halves what is open of the size and leaves the median, one does the reverse."""

    def moved(channel: str, median: float, width: float) -> Moved:
        names = ("total_params", "active_params", "kv_bytes_per_token")
        return Moved(
            channel=channel, shown=channel, median_factor=dict.fromkeys(names, median),
            width_factor=dict.fromkeys(names, width),
        )  # fmt: skip

    narrows, moves = moved("input_price", 1.0, 1 / 1.5), moved("fast_mode", 1 / 0.97, 1.0)
    for order in ((narrows, moves), (moves, narrows)):
        assert ": the input price says so" in sentence_of(v3.estimates, v3.choices, order)


def test_currency_is_converted_and_said() -> None:
    response = deduce(DeduceRequest(offer="zhipu/glm-4.6", draws=DRAWS))
    assert response.rate.currency == "CNY"
    assert any("1 CNY" in text for text in response.notes)
    assert response.evidence.input_usd_per_token == pytest.approx(3e-6 / 7, rel=1e-4)


def test_same_request_same_answer() -> None:
    request = DeduceRequest(offer="google/gemini-3.1-pro-preview", draws=DRAWS)
    assert deduce(request).estimates == deduce(request).estimates


def test_compare_ranks_a_labs_models() -> None:
    both = compare(
        DeduceRequest(offer="anthropic/claude-opus-5", draws=1 << 18),
        DeduceRequest(offer="anthropic/claude-haiku-5-5", draws=1 << 18),
    )
    odds = {found.name: found for found in both.odds}
    assert odds["total_params"].chance_second_larger < 0.1
    assert odds["total_params"].ratio_low80 < odds["total_params"].ratio_median < 0.2
    same = compare(*(DeduceRequest(offer="openai/gpt-5", draws=DRAWS),) * 2)
    assert next(o for o in same.odds if o.name == "total_params").chance_second_larger == pytest.approx(0.5, abs=0.03)


def test_an_own_sheet_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'currency = "USD"\nas_of = 2026-11-01\nsource = "invoice"\ninput = 3.0\noutput = 15.0\ncontext = "1M"\n'
        'steps = [{above = "200K", input_x = 2, output_x = 1.5}]\n'
    )
    response = deduce(DeduceRequest(offer=str(path), draws=DRAWS))
    assert response.offer.id == "own/offer"
    assert "read alone, not in the intervals: output over input, the step at long context" in response.notes


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"offer": "no/such"}, UnknownName),
        ({"offer": "missing.toml"}, InputError),
        ({"leave_out": ("gravity",)}, InputError),
        ({"tokens_per_s": -1.0}, InputError),
        ({"tokens_per_s": 9e8}, InputError),
        ({"active_params": 0.0}, InputError),
        ({"draws": 5}, InputError),
        ({"rates": {"CNY": 1.0}, "offer": "zhipu/glm-4.6", "draws": 7}, InputError),
    ],
)
def test_bad_requests(changes: dict[str, object], error: type[TokenroofError]) -> None:
    with pytest.raises(error):
        deduce(DeduceRequest(**{"offer": "deepseek/deepseek-v3", "draws": 20_000, **changes}))  # type: ignore[arg-type]


def test_an_unknown_estimate_is_refused(v3: DeduceResponse) -> None:
    with pytest.raises(InputError, match="total_params"):
        v3.estimate("wisdom")


def test_find_offer_reads_files_and_ids(tmp_path: Path) -> None:
    assert find_offer("claude-opus-5") == load_offer("anthropic/claude-opus-5")
    two = tmp_path / "two.toml"
    entry = '[[offer]]\nid = "a/{}"\ncurrency = "USD"\nas_of = 2026-01-01\nsource = "x"\ninput = 1\noutput = 2\n'
    two.write_text(entry.format("b") + entry.format("c"))
    with pytest.raises(InputError, match="one offer"):
        find_offer(str(two))


def test_lecture_page_is_stated_recomputed_calibrated() -> None:
    rows = lecture_deductions()
    assert len(rows) == 5
    step, ratio, hit, tiers, fast = rows
    assert "0.50 to 1.67 KB" in step.recomputed
    assert ratio.recomputed.startswith("0.20")
    assert "0.10" in hit.recomputed
    assert "nvme" in tiers.recomputed and "rent of HBM" in tiers.calibrated
    assert "batch ratio 15" in fast.recomputed and "1.12x" in fast.recomputed


@pytest.mark.parametrize("ending", ["png", "html"])  # html holds the svg
def test_charts_are_written_whole(opus: DeduceResponse, tmp_path: Path, ending: str) -> None:
    for draw in (draw_corner, draw_evidence):
        path = tmp_path / f"{draw.__name__}.{ending}"
        draw(opus, path, "<p>before it</p>")
        content = path.read_bytes()
        assert len(content) > 20_000
        start = {"png": b"\x89PNG", "html": b"<!doctype html>"}[ending]
        assert content.startswith(start)
        if ending != "png":
            assert b"claude-opus-4-7" in content
            assert content.index(b"<p>before it</p>") < content.index(b"<svg") and b"<pre>" not in content
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [f".{ending}"] * 2


def test_charts_without_evidence(tmp_path: Path) -> None:
    response = deduce(DeduceRequest(offer="openai/gpt-5", prior_only=True, draws=20_000))
    for draw in (draw_corner, draw_evidence):
        draw(response, tmp_path / "prior.svg")
    with pytest.raises(InputError, match="ending in"):
        draw_corner(response, tmp_path / "prior.gif")


@pytest.mark.parametrize("seed", [-1, 10**9 + 1])
def test_a_seed_that_numbers_cannot_be_drawn_from_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=65_536, seed=seed))
