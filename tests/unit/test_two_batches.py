"""Two-batch overlap: both halves of a pass from rows of half the load, by hand; when it pays, and where it is not."""

from dataclasses import replace

import engine_cases as cases
import numpy as np
import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import InputError
from tokenroof.mixers.rows import LOGITS
from tokenroof.operators.layouts import stack
from tokenroof.operators.lower import lower
from tokenroof.operators.roof import roof
from tokenroof.operators.sensitivity import explain_step
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind
from tokenroof.scenario.explain import explain_served
from tokenroof.schema import named_scenario
from tokenroof.simulate.step_times import StepTable
from tokenroof.types.efficiency import PEAK, OperatorCurve
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import analyze
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan

WIDE = Layout(dp=32, ep=32, dispatch_dtype="fp8_block")
TWO = replace(WIDE, two_batch_overlap=True)
# Every kernel takes 10 us at least and the host a millisecond, so that a half is more than half of a pass.
SLOW = replace(PEAK, overlap=0.0, operators={"": OperatorCurve(fixed_s=10e-6)}, host_s=1e-3)


def seconds(layout, load, prompts=False, profile=SLOW, servers=4):
    timed = bind(lower(cases.deepseek_v3(), layout), cases.h100s(8 * servers), profile)
    return timed.step(**{"prefill" if prompts else "decode": load})


@pytest.mark.parametrize(("tokens", "context", "longer"), [(32 * 64, 4000.0, "work"), (32 * 1024, 100.0, "traffic")])
def test_a_pass_takes_the_longer_of_the_work_and_the_traffic_of_both_halves(tokens, context, longer):
    """From the rows of one half, twice: the embedding and what comes after the last layer are run once."""
    half = Load(tokens / 2, tokens / 2, context)
    program, machine = lower(cases.deepseek_v3(), WIDE), cases.h100s(32)
    once = {row.name for row in program.operators if row.kind in ("embedding", "sampling") or LOGITS in {
        at for form in (row.flops, row.weights, row.activations) for at, _ in form}}  # fmt: skip
    rows = operator_table(program, machine, decode=half, profile=SLOW)
    whole = operator_table(program, machine, decode=Load(tokens, tokens, context), profile=SLOW)
    exchange = [row for row in rows if row.name in ("experts dispatch", "experts combine")]
    traffic_s = 2 * sum(row.time_s for row in exchange)
    work_s = 2 * sum(row.time_s for row in rows if row not in exchange and row.name not in once)
    work_s += sum(row.time_s for row in whole if row.name in once)
    assert ("work" if work_s > traffic_s else "traffic") == longer
    found = seconds(TWO, Load(tokens, tokens, context))
    assert found.step_s == pytest.approx(max(work_s, traffic_s) + 1e-3, rel=1e-3)
    assert found.hidden_s == pytest.approx(min(work_s, traffic_s), rel=1e-3)


def test_it_pays_in_large_batches_and_costs_in_small_ones():
    """With 4 requests a GPU both halves read nearly all the weights that one batch does, and launch every kernel."""
    few, many = (Load(32.0 * n, 32.0 * n, 4000.0) for n in (4, 256))
    assert seconds(TWO, few).step_s > 1.15 * seconds(WIDE, few).step_s
    assert seconds(TWO, many).step_s < 0.85 * seconds(WIDE, many).step_s


@pytest.mark.parametrize("prompts", [False, True])
@pytest.mark.parametrize("each", [1.0, 16.0, 128.0, 2048.0])
def test_it_is_never_quicker_than_the_roof_nor_than_its_own_traffic(each, prompts):
    """Nor quicker than all that one batch hides at most: the larger of work and traffic."""
    load = Load(32 * each, 32.0 if prompts else 32 * each, max(each, 2000.0))
    found, one = seconds(TWO, load, prompts), seconds(WIDE, load, prompts)
    limit = roof(lower(cases.deepseek_v3(), TWO), cases.h100s(32))
    assert found.step_s > limit.step(**{"prefill" if prompts else "decode": load}).step_s
    assert found.step_s >= max(found.communication_s, one.step_s - one.communication_s) - 1e-12
    assert found.step_s >= one.step_s - one.communication_s  # it hides traffic and nothing else


@pytest.mark.parametrize("layout", [Layout(tp=8), Layout(tp=8, ep=8), replace(WIDE, moe_a2a_backend="none")])
def test_it_changes_nothing_where_no_token_is_sent_to_its_experts(layout):
    load = Load(2048.0, 2048.0, 4000.0)
    assert seconds(replace(layout, two_batch_overlap=True), load) == seconds(layout, load)


def test_a_dense_model_and_its_roof_know_no_halves():
    program = lower(cases.llama_3_70b(), Layout(tp=8, two_batch_overlap=True))
    timed, other = (bind(lower(cases.llama_3_70b(), one), cases.h100s(8)) for one in (program.layout, Layout(tp=8)))
    load = Load(64.0, 64.0, 4000.0)
    assert timed.step(decode=load) == other.step(decode=load)


def test_many_layouts_at_once_are_cut_where_there_is_traffic():
    layouts = [Layout(dp=32, ep=32), Layout(tp=8, ep=8, dp=4), Layout(tp=8, ep=8)]
    layouts = [replace(one, two_batch_overlap=True, redundant_experts=0) for one in layouts]
    model, machine = cases.deepseek_v3(), cases.h100s(32)
    load = Load(4096.0, 4096.0, 4000.0)
    together = bind(lower(model, stack(layouts)), machine, SLOW).step(decode=load).step_s
    alone = [bind(lower(model, one), machine, SLOW).step(decode=load).step_s for one in layouts]
    assert np.asarray(together) == pytest.approx(alone, rel=1e-9)


def test_explain_names_it_and_its_terms_add_up():
    model, machine = load_model("deepseek-v3"), load_system("96xh100")
    profile = profile_for(machine, "sglang", model=model)
    for load, word in ((Load(32.0 * 256, 32.0 * 256, 2000.0), "hides dispatch and combine"),):
        found = explain_step(lower(model, TWO), machine, profile, decode=load)
        assert "two-batch overlap" in found.formula and word in found.formula
        step_s = bind(lower(model, TWO), machine, profile).step(decode=load).step_s
        assert sum(term.value for term in found.terms) == pytest.approx(step_s, rel=1e-9)
        assert sum(abs(one.elasticity) for one in found.inputs) == pytest.approx(1.0)
        assert next(term.bound for term in found.terms if term.name == "experts dispatch") == "hidden"


def test_the_simulator_has_the_same_steps():
    model, machine = load_model("deepseek-v3"), load_system("96xh100")
    timed = bind(lower(model, TWO), machine, profile_for(machine, "sglang", model=model))
    table = StepTable(timed, 4096)
    for n in (1, 64, 256):
        decode = timed.step(decode=Load(32.0 * n, 32.0 * n, 3000.0)).step_s
        assert table([(n, n * 3000, ())] * 32) == pytest.approx(decode, rel=1e-9)
    prompts = timed.step(prefill=Load(32 * 4096.0, 32.0, 4096.0)).step_s
    assert table([(0, 0, [(4096, 4096)])] * 32) == pytest.approx(prompts, rel=1e-9)


def test_analyze_adds_up_without_what_is_hidden_and_says_it():
    asked = AnalyzeRequest(model="deepseek-v3", system="16xh200", dp=16, ep=16, batch=2048.0, isl=2000.0, osl=500.0,
                           two_batch_overlap=True)  # fmt: skip
    answer = analyze(asked)
    assert sum(one.time_s for one in answer.work) == pytest.approx(float(answer.step.step_s), rel=1e-6)
    assert 0.0 < float(answer.step.hidden_s) <= float(answer.step.communication_s)
    assert "two-batch overlap" in explain_served(answer.deployment, answer.deployment.serve(), "decode_step_s").formula


SETTINGS = [{"two_batch_overlap": True}, {"dispatch_dtype": "fp8"}, {"moe_a2a_backend": "none"}]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: next(iter(one)))
@pytest.mark.parametrize(("verb", "request_class"), [(analyze, AnalyzeRequest), (plan, PlanRequest)])
def test_a_dense_model_has_no_experts_to_send_to(verb, request_class, setting):
    with pytest.raises(InputError, match="a model with experts"):
        verb(request_class(model="llama-3.1-8b", system="h100", **setting))


@pytest.mark.parametrize(("verb", "request_class"), [(analyze, AnalyzeRequest), (plan, PlanRequest)])
def test_a_layout_that_is_chosen_and_sends_nothing_says_so(verb, request_class):
    answer = verb(request_class(model="qwen3-30b-a3b", system="h100", concurrency=4.0, two_batch_overlap=True))
    assert [one.value for one in answer.defaults if one.field == "two_batch_overlap"] == ["changes nothing"]


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False)])
def test_it_is_named_beside_a_scenario(word, value):
    text = f"deepseek-r1@8xh200,dp=8,ep=8,two-batch-overlap={word}"
    assert named_scenario(text, AnalyzeRequest, {}).two_batch_overlap is value
    with pytest.raises(InputError, match="true or false"):
        named_scenario(text + "ish", AnalyzeRequest, {})
