"""The use case `deduce`: what one offer says, what it does not, and two offers side by side."""

from pathlib import Path

import pytest

from tokenroof.catalog.offers.index import load_offer
from tokenroof.errors import InputError, TokenroofError, UnknownName
from tokenroof.infer.posterior import NUMBERS, Moved
from tokenroof.infer.sampler import PoorPosterior
from tokenroof.present.charts.deduce import draw_corner, draw_evidence
from tokenroof.present.pages.deduce import page_of
from tokenroof.present.text import text
from tokenroof.usecases.deduce.lecture import lecture_deductions
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


def test_deepseek_v3_lies_in_its_region(v3: DeduceResponse) -> None:
    """671 B total, 37 B active, 70 KB per token (DeepSeek-V3 technical report)."""
    for name, truth in (("total_params", 671e9), ("active_params", 37e9), ("kv_bytes_per_token", 70_272)):
        found = v3.estimate(name)
        assert found.low80 <= truth <= found.high80, name
    level = next(n.level for n in v3.neighbours if n.model == "deepseek-v3")
    assert level <= 0.8


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
    assert price.width_factor["total_params"] > 1.1, "without the price level the size is less known"


def test_more_evidence_narrows_and_less_widens(v3: DeduceResponse) -> None:
    without = deduce(DeduceRequest(offer="deepseek/deepseek-v3", draws=DRAWS, leave_out=("input_price", "host_floor")))
    assert without.estimate("total_params").width_left > 1.5 * v3.estimate("total_params").width_left


def test_missing_channels_are_named(v3: DeduceResponse) -> None:
    skipped = {found.channel for found in v3.skipped}
    assert skipped == {"fast_mode"}
    assert any("wider for want of" in text for text in v3.notes)


def test_a_speed_and_a_storage_price_are_read_alone() -> None:
    """A seller picks its speed: 15 to 400 tokens per second once moved the median of the total by 2.7."""
    slow, fast = (
        deduce(DeduceRequest(offer="anthropic/claude-haiku-4-5", draws=1 << 18, tokens_per_s=speed))
        for speed in (15.0, 400.0)
    )
    assert slow.estimates == fast.estimates
    assert not {"output_speed", "storage"} & {moved.channel for moved in slow.moved}
    alone = {d.name: d for d in fast.deductions}
    # eight H100 of 3.35 TB/s, two tokens a pass, 0.5625 bytes a weight
    assert alone["output speed"].high == pytest.approx(8 * 3.35e12 * 2 / (0.5625 * 400))
    assert alone["storage price"].high is not None
    assert "the output speed and the price of storage are read alone, not in the intervals" in fast.notes


def test_the_answer_says_what_its_intervals_held(v3: DeduceResponse) -> None:
    """Both numbers, the one that flatters and the one of sheets that nothing was fitted to."""
    snapshot, unseen = v3.held
    assert (snapshot.sheets, snapshot.fitted, unseen.sheets, unseen.fitted) == (73, True, 63, False)
    assert unseen.total_params < 0.8 < snapshot.total_params
    page = " ".join(text(page_of(v3)).split())
    assert "sheets that nothing was fitted to 63 73 % 84 % 83 % 75 %" in page


def test_unlikely_evidence_is_flagged_not_refused() -> None:
    """An answer at a thousand times the price of a prompt: twelve standard deviations above what the rest predicts."""
    response = deduce(DeduceRequest(offer=own_offer(PricesGiven(input=5.0, output=5000.0))))
    ratio = next(s for s in response.surprises if s.channel == "output_ratio")
    assert ratio.unlikely and ratio.z > 10


def test_evidence_that_hardly_a_draw_explains_is_refused_by_name() -> None:
    """Cached tokens for a five-millionth of the price."""
    with pytest.raises(PoorPosterior, match="hardest to explain is 'cached/in 2e-07'"):
        deduce(DeduceRequest(offer=own_offer(PricesGiven(input=5.0, output=25.0, cached=1e-6)), draws=1 << 18))


def test_what_narrows_an_interval_says_more_than_what_moves_its_middle(v3: DeduceResponse) -> None:
    """One channel halves what is open of the size and leaves the median, one does the reverse."""

    def moved(channel: str, median: float, width: float) -> Moved:
        names = ("total_params", "active_params", "kv_bytes_per_token")
        return Moved(
            channel=channel, shown=channel, median_factor=dict.fromkeys(names, median),
            width_factor=dict.fromkeys(names, width),
        )  # fmt: skip

    narrows, moves = moved("input_price", 1.0, 1.5), moved("cached_ratio", 0.85, 1.0)
    for order in ((narrows, moves), (moves, narrows)):
        assert "The input price says most" in sentence_of(v3.estimates, v3.choices, order)


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
    assert "long_context" in {moved.channel for moved in response.moved}


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


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_charts_are_written_whole(opus: DeduceResponse, tmp_path: Path, ending: str) -> None:
    for draw in (draw_corner, draw_evidence):
        path = tmp_path / f"{draw.__name__}.{ending}"
        draw(opus, path)
        content = path.read_bytes()
        assert len(content) > 20_000
        start = {"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!doctype html>"}[ending]
        assert content.startswith(start)
        if ending != "png":
            assert b"claude-opus-4-7" in content
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
