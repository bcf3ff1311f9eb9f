"""Numbers of layouts, drafts, training and deduction are explained to the figure, from inputs with sources."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tokenroof.errors import UnknownName
from tokenroof.infer.posterior import NUMBERS
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import analyze
from tokenroof.usecases.deduce.explain import DEDUCE_KEYS
from tokenroof.usecases.deduce.run import DeduceRequest, deduce
from tokenroof.usecases.explained import EXPLAINED, explain_answer, numbers_of
from tokenroof.usecases.money.break_even import BreakEvenRequest, break_even
from tokenroof.usecases.money.speculate import SpeculateRequest, speculate
from tokenroof.usecases.train.run import TrainRequest, train

LAYOUTS = {
    engine: analyze(AnalyzeRequest(model="deepseek-v3", system="8xh200", ep=8, dp=8, engine=engine))
    for engine in ("sglang", "vllm", "trtllm")
}
DRAFTS = speculate(
    SpeculateRequest(model="llama-3.1-70b", system="8xh100", draft="llama-3.1-8b", acceptance=0.6, batches=(4.0,))
)
TRAIN = train(TrainRequest(model="deepseek-v3", tokens_per_s=5e7))
DEDUCED = deduce(DeduceRequest(offer="anthropic/claude-opus-5", draws=200_000))


def _plain(verb, answer, key):
    found = explain_answer(verb, answer, key).to_dict()
    assert found["inputs"] and all(one["source"] for one in found["inputs"]), key
    assert found["formula"] if "tree" not in found else found["tree"], key
    return found


@pytest.mark.parametrize("engine", LAYOUTS)
def test_a_layout_is_explained_to_the_figure(engine):
    answer = LAYOUTS[engine]
    use = answer.memory
    shown = {
        "gpu_weights_bytes": use.weights_bytes, "gpu_cache_bytes": use.cache_pool_bytes,
        "gpu_activations_bytes": use.activations_bytes, "gpu_rest_bytes": use.reserved_bytes,
        "room": answer.rooms.by_memory, "communication_s": answer.step.communication_s,
        "experts_per_gpu": answer.experts_per_gpu,
    }  # fmt: skip
    for key, value in shown.items():
        assert _plain("analyze", answer, key)["value"] == pytest.approx(value, rel=1e-9), key


def test_a_speed_up_is_made_of_its_steps():
    row = DRAFTS.rows[0]
    found = _plain("speculate", DRAFTS, "speedup")
    assert found["value"] == pytest.approx(row.best_speedup, rel=1e-12)
    moved = {one["name"]: one["elasticity"] for one in found["inputs"]}
    assert moved["step_s"] == pytest.approx(1.0)
    assert moved["verification_s"] + moved["draft_s"] == pytest.approx(-1.0)
    assert _plain("speculate", DRAFTS, "best_speedup")["value"] == pytest.approx(DRAFTS.best_speedup, rel=1e-12)


def test_where_drafts_stop_paying_moves_with_what_is_accepted():
    """The elasticity is of the crossing itself: asked again with one per cent more, it lies there."""
    found = _plain("speculate", DRAFTS, "stops_at")
    assert found["value"] == pytest.approx(DRAFTS.stops_at)
    by = {one["name"]: one["elasticity"] for one in found["inputs"]}["acceptance"]
    more = speculate(
        SpeculateRequest(model="llama-3.1-70b", system="8xh100", draft="llama-3.1-8b", acceptance=0.603, batches=(4.0,))
    )
    assert math.log(more.stops_at / DRAFTS.stops_at) / math.log(1.005) == pytest.approx(by, rel=0.1)
    never = speculate(SpeculateRequest(model="llama-3.1-8b", system="h100", draft_cost=1.0, acceptance=0.1))
    with pytest.raises(UnknownName, match="pays at any batch"):
        explain_answer("speculate", never, "stops_at")


@pytest.mark.parametrize("key", numbers_of("train"))
def test_training_is_explained_to_the_figure(key):
    kind, _, name = key.partition("_")
    optimum = {"optimum": name, "alone": key}.get(kind, "split_over_optimum" if kind == "split" else None)
    shown = getattr(TRAIN.equal, key) if optimum is None else getattr(TRAIN.optimum, optimum)
    assert _plain("train", TRAIN, key)["value"] == pytest.approx(shown, rel=1e-12)


@pytest.mark.parametrize("key", DEDUCE_KEYS)
def test_deduction_is_explained_where_the_sheet_speaks(key):
    alone = {one.name.replace(" ", "_").replace("-", "_"): one for one in reversed(DEDUCED.deductions)}
    if key in NUMBERS:
        shown = DEDUCED.estimate(key).median
    elif key.startswith("regression_"):
        shown = next(one.median for one in DEDUCED.regression if f"regression_{one.name}" == key)
    elif key in alone:
        shown = next(v for v in (alone[key].point, alone[key].high, alone[key].low) if v is not None)
    else:
        with pytest.raises(UnknownName, match="says nothing"):
            explain_answer("deduce", DEDUCED, key)
        return
    assert _plain("deduce", DEDUCED, key)["value"] == pytest.approx(shown, rel=1e-9)


def test_a_dearer_sheet_moves_an_unknown_as_far_as_the_draws_say():
    """By hand: the same sheet half as dear again, deduced anew; the slope in the middle is the mean of both ends'."""
    line = DEDUCED.offer.lines[0]
    dearer = replace(line, input_per_mtok=line.input_per_mtok * 1.5, output_per_mtok=line.output_per_mtok * 1.5)
    ends = [DEDUCED, deduce(DeduceRequest(offer=replace(DEDUCED.offer, lines=(dearer,)), draws=200_000))]
    logs = [float(np.log(one.posterior.draws["active_params"]).mean()) for one in ends]
    slopes = [
        {one["name"]: one["elasticity"] for one in _plain("deduce", end, "active_params")["inputs"]}["input price"]
        for end in ends
    ]
    # 5,000 effective draws at each end: 0.02 of a logarithm, over one of 0.4
    assert (logs[1] - logs[0]) / math.log(1.5) == pytest.approx(sum(slopes) / 2, abs=0.15)


@pytest.mark.parametrize("owner", [{}, {"owner": "neocloud", "duty_cycle": 0.4}])
def test_the_crossing_with_an_api_is_explained_to_the_figure(owner):
    answer = break_even(BreakEvenRequest(model="deepseek-v3", system="8xh200", offer="market/deepseek-v3", **owner))
    for key in numbers_of("break-even"):
        shown = getattr(answer, key)
        assert _plain("break-even", answer, key)["value"] == pytest.approx(getattr(shown, "value", shown), rel=1e-9)


def test_unknown_numbers_are_named_with_the_nearest():
    with pytest.raises(UnknownName, match="active_params"):
        explain_answer("deduce", DEDUCED, "active_param")
    with pytest.raises(UnknownName, match="numbers of"):
        explain_answer("kv", DEDUCED, "active_params")
    assert all(numbers_of(verb) for verb in EXPLAINED)
