"""What a block holds: point for point the answer of `analyze`, and of the same code on plain numbers."""

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.usecases.analyze.bound import closed_form
from tokenroof.usecases.analyze.closed_form import bound_of
from tokenroof.usecases.analyze.pool import pool_of
from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze
from tokenroof.usecases.sweep.blocks import BOUNDS, COLUMNS, SERVED, Block, Case
from tokenroof.usecases.sweep.evaluate import evaluate_block, prepare
from tokenroof.usecases.sweep.plan import Plan, plan_sweep
from tokenroof.usecases.sweep.spec import LIMITS, SweepSpec
from tokenroof.usecases.sweep.threads import block_bytes

from sweep_support import small  # isort: skip

BATCH, CONTEXT, PRICES = (1.0, 7.0, 300.0), (1000.0, 30_000.0), (1.5, 4.0)
# one of each kind of attention and feed-forward network that changes what is read
MODELS = ("llama-3.1-8b", "deepseek-v3", "gpt-oss-120b", "deepseek-v3.2")


def columns_of(spec: SweepSpec, case: int = 0) -> tuple[Plan, Case, dict[str, Any]]:
    """All of a case as full arrays of the grid's shape."""
    plan = plan_sweep(spec)
    whole = Block(0, tuple((0, size) for size in plan.sizes))
    one = plan.cases[case]
    found = evaluate_block(one, prepare(one), plan.grid(whole), plan.columns)
    return plan, one, {name: np.broadcast_to(found[name], plan.sizes) for name in plan.columns}


def points(plan: Plan) -> Any:
    for place in np.ndindex(*plan.sizes):
        yield place, {name: float(values[place[i]]) for i, (name, values) in enumerate(plan.axes.items())}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("profile", ["auto", "peak"])
def test_operators_agree_with_analyze_at_every_point(model: str, profile: str) -> None:
    spec = SweepSpec(
        model=(model,), system=("8xh200",), layout=("tp=8",), profile=(profile,), engine=("sglang",),
        batch=BATCH, context=CONTEXT, price_per_gpu_hour=PRICES,
    )  # fmt: skip
    plan, case, columns = columns_of(spec)
    for place, at in points(plan):
        answer = analyze(AnalyzeRequest(
            model=model, system="8xh200", tp=8, engine="sglang", profile=profile, batch=at["batch"],
            context=at["context"], price_per_gpu_hour=at["price_per_gpu_hour"],
        ))  # fmt: skip
        step_s = float(answer.step.step_s)
        assert columns["decode_step_s"][place] == pytest.approx(step_s, rel=1e-12)
        assert columns["communication_s"][place] == pytest.approx(answer.step.communication_s, rel=1e-12)
        assert columns["decode_tokens_per_s_per_gpu"][place] == pytest.approx(at["batch"] / step_s / 8, rel=1e-12)
        assert columns["fits"][place] == answer.fits
        assert case.notes["claim_level"] == answer.claim
        if answer.decode_step_s is not None and answer.decode_step_s.high is not None:
            high = columns["range_high"][place] * columns["decode_step_s"][place]
            assert high == pytest.approx(answer.decode_step_s.high, rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rule", ["lecture", "text", "book"])
def test_closed_forms_agree_with_analyze_at_every_point(model: str, rule: str) -> None:
    spec = SweepSpec(
        model=(model,), system=("8xh200",), rule=(rule,), batch=BATCH, context=CONTEXT, price_per_gpu_hour=PRICES
    )  # fmt: skip
    plan, case, columns = columns_of(spec)
    assert (case.notes["claim_level"], case.notes["layout_used"]) == ("bound", "")
    for place, at in points(plan):
        pool = pool_of(load_model(model), load_system("8xh200"))
        bound = closed_form(pool, at["batch"], at["context"], rule=rule, usd_per_gpu_h=at["price_per_gpu_hour"])
        assert bound.cost is not None
        assert columns["decode_step_s"][place] == pytest.approx(bound.roofline.step_s, rel=1e-12)
        for name in ("compute_s", "weights_s", "kv_s", "mfu"):
            assert columns[name][place] == pytest.approx(getattr(bound.roofline, name), rel=1e-12)
        assert BOUNDS[columns["bound"][place]] == bound.roofline.bound
        assert columns["decode_tokens_per_s_per_gpu"][place] == pytest.approx(
            bound.roofline.decode_tokens_per_s / 8, rel=1e-12
        )
        assert columns["decode_usd_per_mtok"][place] == pytest.approx(bound.cost.at_batch, rel=1e-12)
        used = pool.stored_bytes + at["batch"] * pool.sequence_bytes(at["context"])
        assert columns["memory_bytes_per_gpu"][place] == pytest.approx(used / 8, rel=1e-12)
        assert columns["fits"][place] == (pool.largest_batch(at["context"]) >= at["batch"])


def test_a_layout_has_the_copies_of_experts_that_analyze_gives_it() -> None:
    """One on each GPU beyond a server, unless the layout says how many."""
    layouts = ("dp=32,ep=32", "dp=32,ep=32,redundant_experts=0")
    spec = small(model=("deepseek-v3",), system=("96xh100",), layout=layouts, rule=("operators",))
    found = [case.layout.redundant_experts for case in plan_sweep(spec).cases]
    assert found == [32, 0]
    answer = analyze(AnalyzeRequest(model="deepseek-v3", system="96xh100", batch=64.0, context=2048.0, dp=32, ep=32))
    assert answer.layout.redundant_experts == 32


def test_auto_takes_the_layout_that_analyze_takes_at_the_far_corner() -> None:
    spec = SweepSpec(model=("deepseek-v3",), system=("8xh200",), batch=(8.0, 64.0), context=(1024.0, 4096.0))
    _, case, columns = columns_of(spec)
    answer = analyze(AnalyzeRequest(model="deepseek-v3", system="8xh200", batch=64.0, context=4096.0))
    assert case.layout == answer.layout
    assert columns["decode_step_s"][-1, -1] == pytest.approx(float(answer.step.step_s), rel=1e-12)


@pytest.mark.parametrize(
    ("model", "system", "degrees", "engine"),
    [("llama-3.1-8b", "8xh200", {"tp": 8}, "vllm"), ("llama-3.1-8b", "10xh200", {"tp": 2, "pp": 2}, "sglang"),
     ("deepseek-v3", "8xh200", {"dp": 8, "ep": 8}, "vllm"), ("gpt-oss-120b", "8xh100", {"tp": 2}, "trtllm")],
)  # fmt: skip
def test_what_requests_see_is_what_analyze_answers(
    model: str, system: str, degrees: dict[str, int], engine: str
) -> None:
    """With isl and osl: decode, service and cost of every point that fits, over prefixes and prices."""
    spec = SweepSpec(
        model=(model,), system=(system,), layout=(",".join(f"{n}={v}" for n, v in degrees.items()),), engine=(engine,),
        batch=(1.0, 16.0, 250.0), isl=(4096.0, 20_000.0), osl=(2.0, 800.0), prefix=(0.0, 1000.0),
        price_per_gpu_hour=(2.0, 3.5),
    )  # fmt: skip
    plan, _, columns = columns_of(spec)
    fitting = 0
    for place, at in points(plan):
        answer = analyze(AnalyzeRequest(model=model, system=system, engine=engine, **degrees, **at))  # type: ignore[arg-type]
        here = {name: values[place] for name, values in columns.items()}
        assert here["fits"] == answer.fits
        assert here["decode_step_s"] == pytest.approx(float(answer.step.step_s), rel=1e-9)
        assert here["prefill_s"] == pytest.approx(answer.prefill_s, rel=1e-9)
        if not answer.fits:
            continue
        fitting += 1
        assert answer.cost is not None
        wanted = {
            name: getattr(answer, name)
            for name in (
                "tpot_s",
                "interactivity",
                "ttft_s",
                "e2e_s",
                "output_tokens_per_s_per_gpu",
                "decode_tokens_per_s_per_gpu",
            )
        }
        wanted |= {"cost_output_usd_per_mtok": answer.cost.output_usd_per_mtok,
                   "cost_input_usd_per_mtok": answer.cost.input_usd_per_mtok,
                   "watts_per_gpu": answer.energy.watts_per_gpu,
                   "joules_per_output_token": answer.energy.joules_per_output_token}  # fmt: skip
        for name, number in wanted.items():
            assert here[name] == pytest.approx(number.value, rel=1e-9, abs=1e-12), name
        assert here["requests_per_s"] == pytest.approx(answer.requests_per_s, rel=1e-9)
        assert here["request_usd"] == pytest.approx(answer.cost.request_usd, rel=1e-9)
    assert fitting > 8


def test_closed_forms_bound_what_requests_see() -> None:
    """The machine's time is shared out: what input and output cost together is the request."""
    spec = SweepSpec(
        model=("llama-3.1-8b",), system=("8xh200",), rule=("operators", "lecture"), batch=(1.0, 16.0),
        isl=(4096.0,), osl=(800.0,), prefix=(0.0, 1000.0), price_per_gpu_hour=(2.0,),
    )  # fmt: skip
    _, _, real = columns_of(spec, 0)
    _, case, bound = columns_of(spec, 1)
    assert case.rule == "lecture"
    for name in ("tpot_s", "ttft_s", "e2e_s", "cost_output_usd_per_mtok", "request_usd"):
        assert (bound[name] < real[name]).all(), name
    for found in (real, bound):
        input_usd = found["cost_input_usd_per_mtok"] * (found["isl"] - found["prefix"])
        parts = (input_usd + found["cost_output_usd_per_mtok"] * found["osl"]) / 1e6
        assert (parts <= found["request_usd"] * (1 + 1e-9)).all()
    assert parts == pytest.approx(bound["request_usd"], rel=1e-9)


def test_a_context_alone_says_nothing_of_requests() -> None:
    plan, _, _ = columns_of(small())
    assert not set(plan.columns) & {"prefill_s", *SERVED}


def test_pipeline_copies_and_idle_gpus_are_paid_for() -> None:
    """Two copies of tp 2 and pp 2 on ten GPUs: two are idle."""
    spec = SweepSpec(
        model=("llama-3.1-8b",), system=("10xh200",), layout=("tp=2,pp=2",), batch=(32.0,), context=(4096.0,),
        price_per_gpu_hour=(3.0,),
    )  # fmt: skip
    _, _, columns = columns_of(spec)
    flying = 2 * 2 * 32  # copies, passes in the pipeline of each, sequences in a pass
    per_s = flying / columns["decode_step_s"][0, 0, 0]
    assert columns["decode_tokens_per_s_per_gpu"][0, 0, 0] == pytest.approx(per_s / 10, rel=1e-12)
    assert columns["decode_usd_per_mtok"][0, 0, 0] == pytest.approx(10 * 3.0 / 3600 / per_s * 1e6, rel=1e-12)


@pytest.mark.parametrize("rule", ["operators", "lecture", "text", "book"])
def test_blocks_are_the_pieces_of_the_whole(rule: str) -> None:
    """Cutting the grid changes no bit, and numbers are those of a grid of one point."""
    spec = small(rule=(rule,), layout=("auto",))
    plan, case, columns = columns_of(spec)
    ready = prepare(case)
    for _, block in plan.blocks():
        part = evaluate_block(case, ready, plan.grid(block), plan.columns)
        box = tuple(slice(start, stop) for start, stop in block.box)
        shape = tuple(stop - start for start, stop in block.box)
        for name in plan.columns:
            assert np.array_equal(np.broadcast_to(part[name], shape), columns[name][box]), name
    for place in ((0, 0, 0), (5, 3, 1), tuple(size - 1 for size in plan.sizes)):
        lone = evaluate_block(case, ready, {name: values[at] for (name, values), at in
                                            zip(plan.axes.items(), place, strict=True)}, plan.columns)  # fmt: skip
        for name in plan.columns:
            assert float(lone[name]) == pytest.approx(float(columns[name][place]), rel=1e-12), name


def test_the_bound_is_the_largest_term() -> None:
    plan, _, columns = columns_of(small())
    for place, _ in points(plan):
        terms = {name: float(columns[f"{name}_s"][place]) for name in BOUNDS}
        assert terms[BOUNDS[columns["bound"][place]]] == max(terms.values())
    assert bound_of({"compute_s": 1.0, "weights_s": 2.0, "kv_s": 0.5}, "book") == "weights"


def test_every_column_is_finite_and_documented() -> None:
    spec = SweepSpec(
        model=("deepseek-v3",), system=("8xh200",), batch=(1.0, 1e9), isl=(1.0, 1e9), osl=(2.0, 1e9), prefix=(0.0, 0.5),
        price_per_gpu_hour=(0.0, 1e6),
    )  # fmt: skip
    plan, _, columns = columns_of(spec)
    assert set(plan.columns) == set(COLUMNS) - {"context"}
    for name in plan.columns:
        assert np.isfinite(columns[name]).all(), name
    assert not columns["fits"][-1].any()
    assert set(LIMITS) < set(COLUMNS)
    assert all(math.prod(plan.sizes) == columns[name].size for name in plan.columns)


def test_a_worker_that_lives_on_does_not_answer_with_older_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same question asked twice of a process in whose catalogue a figure changed in between."""
    first = plan_sweep(small())
    slower = replace(load_system("8xh200").chip, bytes_per_s=1e12)
    monkeypatch.setattr(
        "tokenroof.usecases.sweep.cases.load_system", lambda name: replace(load_system(name), chip=slower)
    )
    second = plan_sweep(small())
    assert first.spec_hash == second.spec_hash
    assert first.sweep_hash != second.sweep_hash
    made = []
    for plan in (first, second):
        case, block = next(plan.blocks())
        made.append(bytes(block_bytes(case, block, plan.grid(block), plan.columns, plan.sweep_hash)))
    times = [pq.read_table(io.BytesIO(data))["decode_step_s"].to_numpy() for data in made]
    assert (times[1] > times[0]).all()
