"""Speculative decoding through the engine: never more than depth + 1, and where it stops paying it stops."""

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_model
from tokenroof.catalog.acceptance import acceptance_curves, curves_of, load_acceptance
from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.formulas import speculation
from tokenroof.mixers import architecture
from tokenroof.present.charts.speculate import draw
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Infeasible
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.money.drafts import draft_head
from tokenroof.usecases.money.explain_drafts import explain_speculate
from tokenroof.usecases.money.speculate import SpeculateRequest, SpeculateResponse, speculate


def request(model: str = "llama-3.1-70b", system: str = "8xh100", **fields: Any) -> SpeculateRequest:
    return SpeculateRequest(model=model, system=system, **{"profile": "peak"} | fields)


@lru_cache(maxsize=64)
def _asked(key: tuple[tuple[str, Any], ...]) -> SpeculateResponse:
    answer = speculate(request(**dict(key)))
    assert isinstance(answer, SpeculateResponse)
    return answer


def ask(**fields: Any) -> SpeculateResponse:
    return _asked(tuple(sorted(fields.items())))


CASES = st.sampled_from([("llama-3.1-70b", "8xh100"), ("gpt-oss-120b", "8xh100"), ("deepseek-v3", "8xh200")])


@given(
    case=CASES, acceptance=st.floats(0, 1), cost=st.floats(0, 1), batch=st.floats(1, 5000), depth=st.integers(1, 16),
    profile=st.sampled_from(["peak", "auto"]),
)  # fmt: skip
def test_speed_up_is_at_most_the_tokens_of_a_verification(
    case: tuple[str, str], acceptance: float, cost: float, batch: float, depth: int, profile: str
) -> None:
    answer = ask(
        model=case[0], system=case[1], acceptance=acceptance, draft_cost=cost, batches=(batch,), depths=(depth,),
        profile=profile,
    )  # fmt: skip
    (row,) = answer.rows
    (point,) = row.points
    assert point.tokens <= depth + 1
    assert point.speedup <= point.tokens * (1 + 1e-9)
    assert point.verify_step_s >= row.step_s * (1 - 1e-9)
    assert row.tokens_per_s_per_user * row.step_s == pytest.approx(max(row.best_speedup, 1.0))


def test_memory_bound_decode_gives_the_textbook_speed_up() -> None:
    """Leviathan et al. 2023: 2.470 at a = 0.8, c = 0.1, six drafts. A batch of 1 waits for weights alone."""
    answer = ask(acceptance=0.8, draft_cost=0.1, isl=16.0, osl=16.0, batches=(1.0,), depths=(6,))
    assert answer.rows[0].points[0].speedup == pytest.approx(2.470, rel=5e-3)


def test_compute_bound_passes_lose() -> None:
    """Beyond the balance batch a verification of g drafts costs g + 1 passes: a^g falls short of that."""
    answer = ask(acceptance=0.8, draft_cost=0.0, isl=64.0, osl=64.0, batches=(100_000.0,), depths=(1, 4, 8))
    for point in answer.rows[0].points:
        assert point.compute_bound
        expected = speculation.tokens_per_verification(acceptance=0.8, drafts=float(point.depth)) / (point.depth + 1)
        # drafts of a sequence still share the reads of its short cache
        assert expected * (1 - 1e-9) <= point.speedup <= 1.06 * expected


@pytest.mark.parametrize("profile", ["peak", "auto"])
def test_it_stops_paying_where_it_says(profile: str) -> None:
    fields = {"acceptance": 0.7, "draft_cost": 0.05, "isl": 256.0, "osl": 256.0, "profile": profile}
    answer = ask(**fields)
    assert answer.stops_at is not None
    assert answer.stops_at > 1
    before, after = ask(**fields, batches=(answer.stops_at * 0.98, answer.stops_at * 1.02)).rows
    assert before.best_speedup > 1.0 > after.best_speedup
    assert after.best_depth == 0
    for stop in answer.depth_stops:
        assert stop.batch is not None
        assert stop.batch <= answer.stops_at * (1 + 1e-9)


def test_a_verification_becomes_compute_bound_where_it_says() -> None:
    fields = {"acceptance": 0.8, "draft_cost": 0.1, "isl": 512.0, "osl": 256.0}
    answer = ask(**fields)
    assert answer.compute_bound_from is not None
    depth = answer.typical_depth
    for factor, bound in ((0.98, False), (1.02, True)):
        row = ask(**fields, batches=(answer.compute_bound_from * factor,), depths=(depth,)).rows[0]
        assert row.points[0].compute_bound is bound


def test_long_contexts_keep_it_paying() -> None:
    """Drafts of a sequence share the reads of its cache: with 4K tokens of a grouped cache nothing stops it."""
    long, short = ask(acceptance=0.8, draft_cost=0.1), ask(acceptance=0.8, draft_cost=0.1, isl=256.0, osl=64.0)
    assert long.stops_at is None
    assert short.stops_at is not None
    assert "share" in long.sentence


def test_experts_make_verification_dear_at_small_batches() -> None:
    """More tokens touch more experts, so a verification reads more: least speed-up between batch 1 and a full touch."""
    answer = ask(model="deepseek-v3", system="8xh200", acceptance=0.8, depths=(1,), batches=(1.0, 8.0, 96.0))
    alone, few, many = (row.best_speedup for row in answer.rows)
    assert few < alone < many


def test_deepseek_s_own_head_is_near_its_1_8() -> None:
    """DeepSeek-V3 report: 80 to 90 % of second tokens accepted, 1.8 times the tokens a second; 1.85 is the limit."""
    answer = ask(model="deepseek-v3", system="8xh200")
    assert answer.drafter == "MTP head"
    assert answer.lengths == (1.85,)
    assert 1.5 < answer.best_speedup < 1.85


@pytest.mark.parametrize("drafts", [1, 3])
def test_the_load_with_drafts_is_what_a_scenario_with_drafts_is_served(drafts: int) -> None:
    """The numbers of every verb that is asked for the same drafts in the same layout."""
    asked = {"model": "deepseek-v3", "system": "8xh200", "tp": 8, "ep": 8}
    found = ask(**asked, acceptance=0.8, drafts=drafts).served_with_drafts
    assert found is not None
    plain = resolve(Scenario(**asked, profile="peak")).serve()
    faster = resolve(Scenario(**asked, profile="peak", acceptance=0.8, drafts=drafts)).serve()
    assert (found.without, found.with_drafts) == (plain, faster)
    assert found.tpot_s.value == faster.tpot_s


def test_a_measured_length_is_served_as_the_acceptance_that_yields_it() -> None:
    found = ask(model="deepseek-v3", system="8xh200").served_with_drafts
    assert found is not None
    assert found.drafts == 1
    assert found.acceptance == pytest.approx(0.85)
    assert found.with_drafts.requests_per_s > found.without.requests_per_s


def test_draft_head_is_the_mtp_layer_of_the_checkpoint() -> None:
    """Counted parameters of DeepSeek's MTP module without embedding and head: 11.6 B, as its config has them."""
    model = load_model("deepseek-v3")
    head = draft_head(model)
    tables = 2 * model.vocab * model.hidden
    assert architecture.total_params(head) - tables == pytest.approx(model.mtp_params, rel=1e-3)
    assert head.n_layers == 1


def test_drafters_by_name() -> None:
    assert ask(draft="head").drafter == "draft head"
    small = ask(draft="llama-3.1-8b")
    assert small.rows[0].points[0].draft_s < 0.3 * small.rows[0].step_s
    # sharing the machine's speed, an 8 B draft costs about the ratio of weights at batch 1
    assert small.rows[0].points[0].draft_s == pytest.approx(small.rows[0].step_s * 8.03 / 70.55, rel=0.3)
    with pytest.raises(DataMissing, match="multi-token"):
        speculate(request(draft="mtp"))


@pytest.mark.parametrize(
    "fields",
    [
        {"acceptance": 1.1}, {"acceptance": math.nan},
        {"acceptance": 0.8, "measured": "deepseek-v4-pro/mtp/thinking-on"},
        {"draft": "head", "draft_cost": 0.1}, {"draft_cost": -0.1}, {"draft_cost": math.inf}, {"depths": (0,)},
        {"depths": (65,)}, {"batches": (0.0,)}, {"batches": (1e9,)},
        {"measured": "deepseek-v4-pro/mtp/thinking-on", "depths": (9,)},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        speculate(request(**fields))


def test_unknown_curve_and_draft() -> None:
    with pytest.raises(UnknownName, match="deepseek-v4-pro/mtp"):
        speculate(request(measured="deepseek-v4-pro/mtp"))
    with pytest.raises(UnknownName, match="llama"):
        speculate(request(draft="llama-9"))


def test_no_room_is_an_answer() -> None:
    assert isinstance(speculate(request("deepseek-v3", "4xh100")), Infeasible)


def test_charts_are_the_same_bytes(tmp_path: Any) -> None:
    answer = ask(acceptance=0.7, draft_cost=0.05, isl=256.0, osl=256.0)
    for name in ("a.svg", "b.svg"):
        draw(answer, tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert "best depth" in text


# ------------------------------------------------------------------ measured acceptance


def test_every_curve_has_a_source_and_rises_with_few_drafts() -> None:
    curves = acceptance_curves()
    assert len(curves) >= 14
    for curve in curves:
        assert all(fact.source and fact.as_of for fact in curve.facts)
        assert all(1.0 <= length <= drafts + 1 for drafts, length in enumerate(curve.lengths, 1))
        assert curve.lengths[:3] == tuple(sorted(curve.lengths[:3]))


def test_curves_cover_the_formats_of_their_checkpoint_and_nothing_else() -> None:
    assert (
        [c.id for c in curves_of("glm-5.2")] == [c.id for c in curves_of("glm-5.2-fp8")] == ["glm-5.2/mtp/thinking-on"]
    )
    assert not curves_of("glm-5")
    assert not curves_of("deepseek-v3.2")
    assert {c.drafter for c in curves_of("kimi-k2.5-nvfp4")} == {"eagle3"}
    assert load_acceptance("qwen3.5-397b-a17b/mtp/thinking-on").lengths[7] == 5.21


def test_figures_are_those_that_were_published(shared_data: Path) -> None:
    """Every number of the nine published files is in the catalogue, and no other of that source."""
    published = []
    for path in sorted((shared_data / "acceptance").glob("*.yaml")):
        current: list[float] = []
        for row in path.read_text(encoding="utf-8").splitlines():
            if re.fullmatch(r"  thinking_\w+:", row):
                current = []
                published.append(current)
            elif found := re.fullmatch(r"    (\d+): ([\d.]+)", row):
                assert int(found[1]) == len(current) + 1
                current.append(float(found[2]))
    ours = [list(curve.lengths) for curve in acceptance_curves() if "InferenceX" in curve.source]
    assert sorted(published) == sorted(ours)


def test_the_terms_of_a_speedup_are_those_of_its_formula_and_say_what_they_are() -> None:
    """It stood as T over T_verify beside step_s, and the verify step was called step_s too."""
    found = speculate(request("glm-5.2-fp8", "8xb200", batches=(16.0,), depths=(2,)))
    assert isinstance(found, SpeculateResponse)
    lines = explain_speculate(found, "speedup").text().splitlines()  # type: ignore[union-attr]
    point = found.rows[0].points[0]
    formula = lines[1].strip()
    assert formula == "tokens * step_s / (verification_s + drafts * draft_s)"
    for name, said in (
        ("tokens", "of a request in a verify step of 2 drafts"), ("step_s", "a step of 16 requests without drafts"),
        ("verification_s", "a step that verifies 3 tokens of each"), ("draft_s", "one token of each, drafted by "),
    ):  # fmt: skip
        assert name in formula
        (line,) = (one for one in lines if one.startswith(f"  {name} = "))
        assert said in line
    (whole,) = (one for one in lines if one.endswith(", the sum of"))
    assert whole.startswith(f"verification_s = {point.verify_step_s * 1e3:.4g}"[:22])


@pytest.mark.parametrize("batch", [1.0, 64.0])
def test_a_speedup_is_that_of_analyze_with_and_without_drafts(batch: float) -> None:
    """1.56 times at a batch of 64 stood above the same load served 1.37 times as fast: the host's part was left out."""
    asked = {"model": "deepseek-v3", "system": "8xh200", "tp": 8}
    found = speculate(SpeculateRequest(**asked, batches=(batch,), acceptance=0.85, depths=(1,)))  # type: ignore[arg-type]
    assert isinstance(found, SpeculateResponse)
    plain, drafted = (
        analyze(AnalyzeRequest(**asked, batch=batch, **more))  # type: ignore[arg-type]
        for more in ({}, {"drafts": 1, "acceptance": 0.85})
    )
    assert plain.decode_step_s and drafted.decode_step_s
    alone = plain.decode_step_s.value / (drafted.decode_step_s.value / 1.85)
    assert found.rows[0].best_speedup == pytest.approx(alone, rel=0.01)
