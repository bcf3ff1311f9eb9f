"""What is said of fit, cost and limits is one thing in every door."""

import json
from pathlib import Path

import pytest

import tokenroof
from tokenroof.present.charts.plan import draw_plan
from tokenroof.scenario.slo import PRESETS
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan


def ask(system: str, **more: object) -> object:
    return plan(PlanRequest(model="qwen3-8b", system=system, mode="agg", **more))  # type: ignore[arg-type]


def test_machines_without_a_price_are_not_ranked_by_cost() -> None:
    """An H100 has a rent and an MI355X none: dollars come first, and no GPU-seconds are set beside them."""
    answer = ask("mi355x,h100")
    assert [one.system for one in answer.machines] == ["h100", "mi355x"]
    assert [one.scored_by for one in answer.machines] == ["cost", "throughput"]
    assert answer.winner.system == "h100"
    assert answer.winner.score == pytest.approx(answer.winner.usd_per_mtok_all)
    bare = answer.machines[1].winner
    assert bare.usd_per_mtok_all is None
    assert bare.score == pytest.approx(1.0 / bare.output_tokens_per_s_per_gpu, rel=1e-6)


def test_a_plan_that_knows_no_rent_says_what_it_ranks_by() -> None:
    from tokenroof.present.pages.plan import page_of
    from tokenroof.present.text import text

    page = text(page_of(ask("mi355x,mi350x")))
    assert "ranked by GPU time, not by cost" in page
    assert "ranked by GPU time" not in text(page_of(ask("h100")))


def test_the_chart_of_machines_has_bars_of_one_unit(tmp_path: Path) -> None:
    draw_plan(ask("mi355x,h100"), tmp_path / "one.svg")
    shown = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert "USD per M output tokens, prompts included" in shown
    assert "GPU-seconds per output token" not in shown


def test_a_plan_without_limits_takes_both_and_says_so() -> None:
    answer = ask("h100")
    assert (answer.slo.ttft_s, answer.slo.tpot_s) == (2.0, 0.05)
    said = {one.field: one.value for one in answer.defaults}
    assert (said["TTFT"], said["TPOT"]) == ("at most 2 s", "at most 50 ms")
    assert answer.winner.ttft_s <= 2.0
    long = ask("8xh100", isl=32_000.0, osl=512.0)
    assert long.slo.ttft_s == pytest.approx(32_000 / 5_000)


@pytest.mark.parametrize(("name", "isl", "osl"), [("chat", 512, 256), ("rag", 4096, 512), ("code", 512, 512)])
def test_named_limits_bring_the_lengths_that_they_were_written_for(name: str, isl: float, osl: float) -> None:
    assert (PRESETS[name].isl, PRESETS[name].osl) == (isl, osl)
    answer = ask("h100", slo=name)
    assert (answer.workload.isl, answer.workload.osl) == (isl, osl)
    assert answer.winner is not None
    given = ask("h100", slo=name, isl=1000.0, osl=100.0)
    assert (given.workload.isl, given.workload.osl) == (1000.0, 100.0)


def test_chat_is_met_by_a_70b_model_on_eight_h100() -> None:
    found = plan(PlanRequest(model="llama-3.3-70b", system="8xh100", slo="chat"))
    assert found.winner is not None and found.winner.ttft_s <= 0.2


@pytest.mark.parametrize(
    "question",
    [{"model": "llama-3.1-70b", "system": "h100"}, {"model": "llama-3.1-70b", "system": "8xh100", "batch": 100_000},
     {"model": "llama-3.1-8b", "system": "h100"}],
)  # fmt: skip
def test_fits_is_one_verdict(question: dict) -> None:
    """Python, JSON and the exit code: memory of one GPU holds what was asked. Its memory has no other verdict."""
    answer = tokenroof.analyze(**question)
    deployment = answer.deployment
    assert answer.fits is deployment.fits
    assert json.loads(json.dumps(answer.to_dict()))["fits"] is answer.fits
    assert not hasattr(answer.memory, "fits")
    assert (answer.infeasible is not None and answer.infeasible.limit == "memory") is not answer.fits
