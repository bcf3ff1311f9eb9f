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
from tokenroof.usecases.sweep.blocks import BOUNDS, COLUMNS, Block, Case, evaluate_block, prepare
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
    found = evaluate_block(one, prepare(one), plan.grid(whole))
    return plan, one, {name: np.broadcast_to(found[name], plan.sizes) for name in plan.columns}


def points(plan: Plan) -> Any:
    for place in np.ndindex(*plan.sizes):
        yield place, {name: float(values[place[i]]) for i, (name, values) in enumerate(plan.axes.items())}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("efficiency", ["auto", "peak"])
def test_operators_agree_with_analyze_at_every_point(model: str, efficiency: str) -> None:
    spec = SweepSpec(
        model=(model,), system=("8xh200",), layout=("tp=8",), efficiency=(efficiency,), engine=("sglang",),
        batch=BATCH, context=CONTEXT, usd_per_gpu_h=PRICES,
    )  # fmt: skip
    plan, case, columns = columns_of(spec)
    for place, at in points(plan):
        answer = analyze(AnalyzeRequest(
            model=model, system="8xh200", tp=8, engine="sglang", profile=efficiency, batch=at["batch"],
            context=at["context"], price_per_gpu_hour=at["usd_per_gpu_h"],
        ))  # fmt: skip
        step_s = float(answer.step.step_s)
        assert columns["step_s"][place] == pytest.approx(step_s, rel=1e-12)
        assert columns["communication_s"][place] == pytest.approx(answer.step.communication_s, rel=1e-12)
        assert columns["tokens_per_s_per_gpu"][place] == pytest.approx(at["batch"] / step_s / 8, rel=1e-12)
        assert columns["fits"][place] == answer.fits
        assert case.notes["claim_level"] == answer.claim
        if answer.decode_step_s is not None and answer.decode_step_s.high is not None:
            high = columns["range_high"][place] * columns["step_s"][place]
            assert high == pytest.approx(answer.decode_step_s.high, rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", ["lecture", "text", "book"])
def test_closed_forms_agree_with_analyze_at_every_point(model: str, mode: str) -> None:
    spec = SweepSpec(
        model=(model,), system=("8xh200",), mode=(mode,), batch=BATCH, context=CONTEXT, usd_per_gpu_h=PRICES
    )  # fmt: skip
    plan, case, columns = columns_of(spec)
    assert (case.notes["claim_level"], case.notes["layout_used"]) == ("bound", "")
    for place, at in points(plan):
        pool = pool_of(load_model(model), load_system("8xh200"))
        bound = closed_form(pool, at["batch"], at["context"], rule=mode, usd_per_gpu_h=at["usd_per_gpu_h"])
        assert bound.cost is not None
        for name in ("compute_s", "weights_s", "kv_s", "step_s", "mfu"):
            assert columns[name][place] == pytest.approx(getattr(bound.roofline, name), rel=1e-12)
        assert BOUNDS[columns["bound"][place]] == bound.roofline.bound
        assert columns["tokens_per_s_per_gpu"][place] == pytest.approx(bound.roofline.tokens_per_s / 8, rel=1e-12)
        assert columns["cost_usd_per_mtok"][place] == pytest.approx(bound.cost.at_batch, rel=1e-12)
        used = pool.stored_bytes + at["batch"] * pool.sequence_bytes(at["context"])
        assert columns["memory_bytes_per_gpu"][place] == pytest.approx(used / 8, rel=1e-12)
        assert columns["fits"][place] == (pool.largest_batch(at["context"]) >= at["batch"])


def test_auto_takes_the_layout_that_analyze_takes_at_the_far_corner() -> None:
    spec = SweepSpec(model=("deepseek-v3",), system=("8xh200",), batch=(8.0, 64.0), context=(1024.0, 4096.0))
    _, case, columns = columns_of(spec)
    answer = analyze(AnalyzeRequest(model="deepseek-v3", system="8xh200", batch=64.0, context=4096.0, osl=1.0))
    assert case.layout == answer.layout
    assert columns["step_s"][-1, -1] == pytest.approx(float(answer.step.step_s), rel=1e-12)


def test_prompt_and_answer_lengths() -> None:
    """isl and osl: decode at their mean context, prefill of what is not cached, the request from end to end."""
    spec = SweepSpec(
        model=("llama-3.1-8b",), system=("8xh200",), layout=("tp=8",), batch=(16.0,), isl=(4096.0, 20_000.0),
        osl=(1.0, 800.0), prefix=(0.0, 1000.0), usd_per_gpu_h=(2.0,),
    )  # fmt: skip
    plan, _, columns = columns_of(spec)
    for place, at in points(plan):
        answer = analyze(AnalyzeRequest(
            model="llama-3.1-8b", system="8xh200", tp=8, batch=16.0, isl=at["isl"], osl=at["osl"], prefix=at["prefix"],
            price_per_gpu_hour=2.0,
        ))  # fmt: skip
        prefill_s, step_s = answer.prefill_s, float(answer.step.step_s)
        assert columns["step_s"][place] == pytest.approx(step_s, rel=1e-12)
        assert columns["prefill_s"][place] == pytest.approx(prefill_s, rel=1e-12)
        assert columns["e2e_s"][place] == pytest.approx(prefill_s + (at["osl"] - 1) * step_s, rel=1e-12)
        new = at["isl"] - at["prefix"]
        spent = 8 * 2.0 / 3600 * prefill_s  # one dp group: eight GPUs for the time of one prefill
        assert columns["input_cost_usd_per_mtok"][place] == pytest.approx(spent / new * 1e6, rel=1e-12)
        decode = columns["cost_usd_per_mtok"][place] * at["osl"] / 1e6
        assert columns["cost_usd_per_request"][place] == pytest.approx(spent + decode, rel=1e-12)


def test_pipeline_copies_and_idle_gpus_are_paid_for() -> None:
    """Two copies of tp 2 and pp 2 on ten GPUs: two are idle."""
    spec = SweepSpec(
        model=("llama-3.1-8b",), system=("10xh200",), layout=("tp=2,pp=2",), batch=(32.0,), context=(4096.0,),
        usd_per_gpu_h=(3.0,),
    )  # fmt: skip
    _, _, columns = columns_of(spec)
    flying = 2 * 2 * 32  # copies, passes in the pipeline of each, sequences in a pass
    per_s = flying / columns["step_s"][0, 0, 0]
    assert columns["tokens_per_s_per_gpu"][0, 0, 0] == pytest.approx(per_s / 10, rel=1e-12)
    assert columns["cost_usd_per_mtok"][0, 0, 0] == pytest.approx(10 * 3.0 / 3600 / per_s * 1e6, rel=1e-12)


@pytest.mark.parametrize("mode", ["operators", "lecture", "text", "book"])
def test_blocks_are_the_pieces_of_the_whole(mode: str) -> None:
    """Cutting the grid changes no bit, and numbers are those of a grid of one point."""
    spec = small(mode=(mode,), layout=("auto",))
    plan, case, columns = columns_of(spec)
    ready = prepare(case)
    for _, block in plan.blocks():
        part = evaluate_block(case, ready, plan.grid(block))
        box = tuple(slice(start, stop) for start, stop in block.box)
        shape = tuple(stop - start for start, stop in block.box)
        for name in plan.columns:
            assert np.array_equal(np.broadcast_to(part[name], shape), columns[name][box]), name
    for place in ((0, 0, 0), (5, 3, 1), tuple(size - 1 for size in plan.sizes)):
        lone = evaluate_block(case, ready, {name: values[at] for (name, values), at in
                                            zip(plan.axes.items(), place, strict=True)})  # fmt: skip
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
        model=("deepseek-v3",), system=("8xh200",), batch=(1.0, 1e9), isl=(1.0, 1e9), osl=(1.0, 1e9), prefix=(0.0, 0.5),
        usd_per_gpu_h=(0.0, 1e6),
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
    times = [pq.read_table(io.BytesIO(data))["step_s"].to_numpy() for data in made]
    assert (times[1] > times[0]).all()
