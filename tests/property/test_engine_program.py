"""Properties of lowering and timing that hold for every model, layout and load."""

import dataclasses
import math

import engine_cases as cases
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenroof.formulas import roofline
from tokenroof.mixers.architecture import active_params, total_params, weight_bytes
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_read_bytes_per_step,
    state_bytes_per_sequence,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token, linear_flops_per_token
from tokenroof.operators.layouts import stack
from tokenroof.operators.lower import lower
from tokenroof.operators.program import cache_bytes_per_sequence, totals
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind
from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import CollectiveCurve, Efficiency, OperatorCurve
from tokenroof.types.layout import Layout
from tokenroof.types.model import Gqa, Mla, MoeFfn
from tokenroof.types.program import Load

EXACT = 1e-9

# Every coefficient in use, so that the vectorised and the scalar lines cannot agree by accident.
ROUGH = Efficiency(
    id="rough",
    operators={
        "": OperatorCurve(fixed_s=3e-6, flops_share=0.7, bytes_share=0.8, memory_floor_s=1e-6, compute_floor_s=2e-6),
        "gemm": OperatorCurve(fixed_s=5e-6, flops_share=0.8, bytes_share=0.9, sharpness=1.3),
        "gemm.fp8": OperatorCurve(fixed_s=7e-6, flops_share=0.6, bytes_share=0.85, sharpness=2.0),
        "grouped_gemm": OperatorCurve(fixed_s=2e-5, flops_share=0.3, bytes_share=0.85, sharpness=1.0),
    },
    collectives={
        "": (
            CollectiveCurve(algorithm="ring", call_s=2e-5, step_s=1e-6, bytes_share=0.8, out_step_s=5e-6),
            CollectiveCurve(algorithm="two-shot", call_s=4e-6, step_s=1e-6, bytes_share=0.7, max_bytes=1e6),
            CollectiveCurve(algorithm="direct", call_s=1e-5, step_s=1e-6, out_call_s=3e-5, out_bytes_share=0.6),
        )
    },
    overlap=0.3,
    expert_imbalance=1.2,
    host_s=1e-3,
    host_per_layer_s=1e-6,
    host_per_sequence_s=1e-6,
    host_per_token_s=1e-8,
)


def _passes(decode, prefill):
    return [dict(decode=decode), dict(prefill=prefill), dict(decode=decode, prefill=prefill)]


@given(cases.models(), cases.layouts(), cases.systems(), cases.loads(), cases.prompts(), st.sampled_from([0, 1, 2]))
def test_peak_time_lies_between_the_lecture_and_the_sum_of_everything(model, layout, system, decode, prefill, which):
    program = lower(model, layout)
    loads = _passes(decode, prefill)[which]
    timed = bind(program, system)
    operators = timed.step(**loads)
    text, lecture, book = (timed.step(**loads, rule=rule).step_s for rule in ("text", "lecture", "book"))
    rows = operator_table(program, system, **loads)
    everything = sum(row.compute_s + row.memory_s for row in rows) + sum(r.time_s for r in rows if r.collective)
    assert text <= lecture * (1 + EXACT) and lecture <= book * (1 + EXACT) and book <= 2 * text * (1 + EXACT)
    assert lecture <= operators.step_s * (1 + EXACT)
    assert operators.step_s <= everything * (1 + EXACT)
    assert math.isfinite(operators.step_s) and operators.step_s > 0


@given(cases.models(cases.plain_attention()), st.integers(1, 4096), st.integers(1, 200_000))
def test_lecture_rule_is_the_closed_form(model, batch, context):
    """One GPU, peak, free networks, no attention arithmetic: formulas.roofline to 1e-9.

    N is what a pass reads: the embedding table is looked up, not read, and of the experts only those touched.
    """
    one_format = dtype("fp8")
    model = dataclasses.replace(model, weights=cases.uniform_dtypes("fp8"))
    machine = cases.system(flops=1e15, bytes_per_s=3e12)
    step = bind(lower(model), machine, free_networks=True, attention_flops=False).step(
        decode=Load(float(batch), float(batch), float(context)), rule="lecture"
    )
    unread = 0.0
    for group in model.layers:
        if isinstance(group.ffn, MoeFfn):
            ffn = group.ffn
            expert = (3 if ffn.gated else 2) * (ffn.latent or 1024) * ffn.intermediate + ffn.expert_bias_params
            unread += group.count * ffn.n_experts * (1 - ffn.routes / ffn.n_experts) ** batch * expert
    table = 0 if model.tied_embeddings else model.vocab * model.hidden
    compute = roofline.compute_time_s(
        batch=batch, active_params=active_params(model).without_input_embedding, flops_per_s=1e15
    )
    weights = roofline.weight_time_s(
        params=total_params(model) - table - unread, bytes_per_param=one_format.bytes_per_element, bytes_per_s=3e12
    )
    kv = roofline.kv_time_s(
        batch=batch, context=context, bytes_per_s=3e12,
        kv_bytes_per_token=kv_bytes_per_token(model, dtype(model.kv_dtype).bytes_per_element),
    )  # fmt: skip
    expected = roofline.step_time_lecture_s(compute_s=compute, weights_s=weights, kv_s=kv)
    assert step.step_s == pytest.approx(expected, rel=EXACT)
    assert (step.compute_s, step.weights_s, step.kv_s) == pytest.approx((compute, weights, kv), rel=EXACT)


@given(cases.models(), st.integers(1, 300), st.integers(1, 200_000))
def test_counts_are_those_of_the_architecture(model, batch, context):
    """On one GPU: weights stored, cache kept, cache read, arithmetic of a decode step."""
    program, kv = lower(model), dtype(model.kv_dtype).bytes_per_element
    assert sum(program.stored_bytes.values()) == pytest.approx(weight_bytes(model), rel=EXACT)
    state = state_bytes_per_sequence(model)
    kept = kv_bytes_per_sequence(model, context, kv) + state
    assert cache_bytes_per_sequence(program, context) == pytest.approx(kept, rel=EXACT)
    found = totals(program, decode=Load(float(batch), float(batch), float(context)))
    read = kv_read_bytes_per_step(model, context, kv) + state
    assert found.kv_read_bytes == pytest.approx(batch * read, rel=EXACT)
    flops = linear_flops_per_token(model) + attention_flops_per_token(model, context)
    assert found.all_flops == pytest.approx(batch * flops, rel=EXACT)
    assert found.kv_write_bytes == pytest.approx(batch * (kv_bytes_per_token(model, kv) + state), rel=EXACT)


@given(cases.models(), cases.layouts(), cases.loads(), cases.prompts(), st.sampled_from([0, 1, 2]))
def test_the_table_adds_up_to_the_step(model, layout, decode, prefill, which):
    program, system = lower(model, layout), cases.h100s(256)
    loads = _passes(decode, prefill)[which]
    rows = operator_table(program, system, profile=ROUGH, **loads)
    step = bind(program, system, ROUGH).step(**loads)
    network = sum(row.time_s for row in rows if row.collective)
    sequences = sum(load.sequences for load in loads.values())
    tokens = sum(load.tokens for load in loads.values())
    host = 1e-3 + 1e-6 * model.n_layers + 1e-6 * sequences / layout.dp + 1e-8 * tokens
    assert network == pytest.approx(step.communication_s, rel=EXACT, abs=1e-15)
    fixed = sum(row.fixed_s for row in rows if not row.collective)
    work = sum(row.time_s for row in rows) - fixed - network
    exposed = max(work + 0.7 * network, network)  # hidden traffic still takes its time
    assert exposed + fixed + host == pytest.approx(step.step_s, rel=EXACT)
    assert sum(row.share for row in rows) == pytest.approx(1.0)


@given(
    cases.models(), st.lists(st.tuples(cases.layouts(), cases.loads()), min_size=1, max_size=6),
    st.sampled_from([0, 1, 2]), cases.prompts(),
)  # fmt: skip
def test_many_layouts_at_once_give_what_each_gives_alone(model, pairs, which, prefill):
    system = cases.system(n=256, domain=8)
    together = bind(lower(model, stack([layout for layout, _ in pairs])), system, ROUGH)
    decode = Load(
        *(np.array([getattr(load, name) for _, load in pairs]) for name in ("tokens", "sequences", "context"))
    )
    found = together.step(**_passes(decode, prefill)[which])
    for index, (layout, load) in enumerate(pairs):
        alone = bind(lower(model, layout), system, ROUGH).step(**_passes(load, prefill)[which])
        for name in ("step_s", "compute_s", "weights_s", "kv_s", "communication_s", "overhead_s"):
            value = np.broadcast_to(getattr(found, name), len(pairs))[index]
            assert value == pytest.approx(getattr(alone, name), rel=EXACT, abs=1e-18), name


@given(cases.models(), cases.layouts(), st.integers(2, 5), st.integers(2, 5), st.sampled_from(["operators", "lecture"]))
def test_arrays_give_what_floats_give(model, layout, rows, columns, rule):
    timed = bind(lower(model, layout), cases.h100s(256), ROUGH)
    batch, context = np.geomspace(1, 999, rows)[:, None], np.geomspace(5, 99_999, columns)[None, :]
    grid = np.broadcast_to(timed.step(decode=Load(2 * batch, batch, context), rule=rule).step_s, (rows, columns))
    assert grid.shape == (rows, columns)
    for i in range(rows):
        for j in range(columns):
            size, length = float(batch[i, 0]), float(context[0, j])
            alone = timed.step(decode=Load(2 * size, size, length), rule=rule).step_s
            assert grid[i, j] == pytest.approx(alone, rel=EXACT)


@given(cases.models(), cases.layouts(), cases.systems(), cases.loads(), st.floats(1.0, 3.0))
def test_more_work_never_takes_less_time(model, layout, system, load, factor):
    timed = bind(lower(model, layout), system)
    base = timed.step(decode=load).step_s * (1 - EXACT)
    more = [
        Load(load.tokens * factor, load.sequences * factor, load.context),
        Load(load.tokens, load.sequences, load.context * factor),
        Load(load.tokens * factor, load.sequences, load.context + load.tokens / load.sequences * (factor - 1)),
    ]
    for heavier in more:
        assert base <= timed.step(decode=heavier).step_s


@given(cases.models(), cases.layouts(), cases.systems(), cases.loads(), cases.prompts())
def test_a_chunk_that_rides_along_costs_something_and_saves_something(model, layout, system, decode, prefill):
    """Weights are read once for both: never more than two passes, never less than either."""
    assume(all(not isinstance(g.mixer, Mla) for g in model.layers))  # expands and absorbs with the same weights
    timed = bind(lower(model, layout), system)
    alone = timed.step(decode=decode).step_s, timed.step(prefill=prefill).step_s
    both = timed.step(decode=decode, prefill=prefill).step_s
    assert both >= max(alone) * (1 - EXACT)
    # Fractions of tokens on a rank round up per part (see engine.program), so equality may be missed by that much.
    if layout.dp * layout.cp == 1:
        assert both <= sum(alone) * (1 + EXACT)


@given(cases.models(), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4]), cases.loads())
def test_whole_deployment_does_the_arithmetic_of_one_gpu(model, tp, dp, load):
    """Per-GPU FLOP times GPUs = FLOP of one GPU, save what every rank repeats (latents, indexers, routers, norms)."""
    sequences = load.sequences * dp
    load = Load(load.tokens * dp, sequences, load.context)
    alone = totals(lower(model), decode=load)
    spread = totals(lower(model, Layout(tp=tp, dp=dp, ep=tp * dp if tp * dp <= 8 else dp)), decode=load)
    assert spread.all_flops * tp * dp >= alone.all_flops * (1 - EXACT)
    if tp == 1:
        assert spread.all_flops * dp == pytest.approx(alone.all_flops, rel=EXACT)
        assert spread.kv_read_bytes * dp == pytest.approx(alone.kv_read_bytes, rel=EXACT)


@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 50))
def test_windows_and_chunks_count_pair_by_pair(new, past, size):
    """Oracle: look at every position that a new token sees."""
    for chunked in (False, True):
        mixer = Gqa(n_heads=1, n_kv_heads=1, head_dim=1, v_head_dim=1, window=size, chunked=chunked)
        model = dataclasses.replace(
            cases.dense("w", 1, 8, 8, 1, 1, 1, 8), layers=(cases.LayerGroup(count=1, mixer=mixer, ffn=cases.NoFfn()),)
        )
        pairs, seen = 0, set()
        for position in range(past + 1, past + new + 1):
            first = (position - 1) // size * size + 1 if chunked else max(1, position - size + 1)
            pairs += position - first + 1
            seen |= set(range(first, position + 1))
        program = lower(model)
        rows = {row.name: row for row in operator_table(
            program, cases.system(), prefill=Load(float(new), 1.0, float(past + new)))}  # fmt: skip
        core = rows["attention (prefill)"]
        assert core.flops == pytest.approx(4.0 * pairs, rel=1e-9)
        assert core.kv_read_bytes == pytest.approx(4.0 * len(seen), rel=1e-9)


@given(st.integers(1, 300), st.integers(0, 300))
def test_causal_prefill_counts_half_a_square(new, past):
    program = lower(cases.dense("c", 1, 8, 8, 1, 1, 1, 8))
    row = {r.name: r for r in operator_table(program, cases.system(), prefill=Load(float(new), 1.0, float(past + new)))}
    pairs = sum(past + i for i in range(1, new + 1))
    assert row["attention (prefill)"].flops == pytest.approx(4.0 * pairs, rel=1e-12)
