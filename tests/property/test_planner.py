"""The planner against brute force, its frontier against the definition, and what must not get worse."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.engines import engine as engine_of
from tokenroof.operators.lower import lower
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.operators.timing import bind
from tokenroof.planner.disaggregated import apart, link_bytes_per_s, refined_apart, worker_counts
from tokenroof.planner.drafts import tokens_per_pass
from tokenroof.planner.pareto import frontier
from tokenroof.planner.points import Points, Space, joined, refined, together, units_in
from tokenroof.planner.space import Format, kv_formats, ladder, planned_layouts, weight_formats
from tokenroof.scenario.formats import served_weights
from tokenroof.serving.apart import Pool, serve_apart
from tokenroof.serving.steady import capacity, serve
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.usecases.plan.run import PlanRequest, PlanResponse, plan

MODELS = {name: load_model(name) for name in ("llama-3.1-8b", "qwen3-30b-a3b")}


def small_space(
    model: str, system: str, *, engine: str = "vllm", isl: float = 1024.0, osl: float = 256.0,
    ttft_s: float | None = None, tpot_s: float | None = None, chunks: tuple[int, ...] = (2048, 8192), own: bool = True,
) -> Space:  # fmt: skip
    machine, known = load_system(system), MODELS[model]
    formats = tuple(
        Format(name=name, kv_name=kv_name, own=number == 0, weights=served_weights(known, name)[1], kv=kv)
        for number, name in enumerate(weight_formats(known, machine.chip)[: 1 if own else 3])
        for kv_name, kv in kv_formats(known, machine.chip)[: 1 if own else 2]
    )
    layouts, _ = planned_layouts(known, machine, engine)
    return Space(
        model=known, system=machine, engine=engine, profile=profile_for(machine, engine),
        scheduler=engine_of(engine).scheduler, layouts=layouts, formats=formats, chunks=chunks, isl=isl, osl=osl,
        ttft_s=ttft_s, tpot_s=tpot_s,
    )  # fmt: skip


def timed_of(space: Space, layout: Layout, form: Format):
    layout = Layout(
        **{name: getattr(layout, name) for name in ("tp", "pp", "ep", "dp", "cp", "redundant_experts")},
        weights=form.weights, kv_dtype=form.kv,
    )  # fmt: skip
    return bind(lower(space.model, layout), space.system, space.profile)


def with_budget(rules: Scheduler, budget: float, **more: object) -> Scheduler:
    from dataclasses import replace

    return replace(rules, token_budget=budget, **more)  # type: ignore[arg-type]


def inside(space: Space, ttft_s, tpot_s):
    return (ttft_s <= (space.ttft_s or math.inf)) & (tpot_s <= (space.tpot_s or math.inf))


def found_best(space: Space) -> tuple[float, Points]:
    points = joined(together(space, {}))
    for _ in range(2):
        value = units_in(space, points.gpus) * points.rate / space.system.n_chips
        met = inside(space, points.ttft_s, points.tpot_s) & (points.rate > 0)
        points = joined([points, *refined(space, points, met, value)])
    value = units_in(space, points.gpus) * points.rate / space.system.n_chips
    met = inside(space, points.ttft_s, points.tpot_s) & (points.rate > 0)
    return (float(value[met].max()) if met.any() else 0.0), points


def brute_best(space: Space) -> float:
    """Every whole number of requests in every layout, one layout at a time, without the planner."""
    best = 0.0
    for layout in space.layouts:
        for form in space.formats:
            timed = timed_of(space, layout, form)
            for chunk in space.chunks:
                rules = with_budget(space.scheduler, float(chunk))
                most = int(capacity(timed, space.system, rules, isl=space.isl, osl=space.osl, engine=space.engine))
                if most < 1:
                    continue
                numbers = np.arange(1.0, most + 1.0)
                answer = serve(
                    timed, space.system, rules, concurrency=numbers, isl=space.isl, osl=space.osl, range_ratio=0.8,
                    limit=float(most),
                )  # fmt: skip
                good = inside(space, answer.ttft_s, answer.tpot_s)
                if good.any():
                    units = float(units_in(space, np.array(layout.n_gpus)))
                    best = max(best, units * float(answer.requests_per_s[good].max()) / space.system.n_chips)
    return best


@settings(max_examples=8)
@given(
    st.sampled_from([("llama-3.1-8b", "2xh100"), ("llama-3.1-8b", "4xl40s"), ("qwen3-30b-a3b", "2xh200")]),
    st.sampled_from([256.0, 1024.0, 3000.0]),
    st.sampled_from([64.0, 300.0]),
    st.floats(0.008, 0.08),
    st.floats(0.05, 3.0),
)
@example(("llama-3.1-8b", "2xh100"), 1024.0, 64.0, 0.0625, 0.109375)  # held by 154 requests and again by 245 to 256
def test_the_search_equals_brute_force_over_every_number_of_requests(where, isl, osl, tpot_s, ttft_s):
    space = small_space(*where, isl=isl, osl=osl, tpot_s=tpot_s, ttft_s=ttft_s)
    brute, (found, _) = brute_best(space), found_best(space)
    # the search never invents (its points are a part of the brute ones), and its ladder loses at most 2 %
    assert found <= brute * (1 + 1e-9)
    assert found >= 0.98 * brute


@settings(max_examples=15)
@given(st.sampled_from([("llama-3.1-8b", "4xh100"), ("qwen3-30b-a3b", "4xb200")]), st.data())
def test_a_point_of_the_array_search_equals_the_scalar_engine(where, data):
    space = small_space(*where, own=False, tpot_s=0.05)
    points = joined(together(space, {}))
    at = data.draw(st.integers(0, len(points) - 1))
    form, layout = space.formats[int(points.form[at])], space.layouts[int(points.layout[at])]
    timed = timed_of(space, layout, form)
    rules = with_budget(space.scheduler, float(points.chunk[at]))
    most = float(capacity(timed, space.system, rules, isl=space.isl, osl=space.osl, engine=space.engine) // 1)
    alone = serve(
        timed, space.system, rules, concurrency=float(points.concurrency[at]), isl=space.isl, osl=space.osl,
        range_ratio=0.8, limit=most,
    )  # fmt: skip
    assert points.ttft_s[at] == pytest.approx(alone.ttft_s, rel=1e-9)
    assert points.tpot_s[at] == pytest.approx(alone.tpot_s, rel=1e-9)
    assert points.rate[at] == pytest.approx(alone.requests_per_s, rel=1e-9)
    assert points.gpus[at] == layout.n_gpus


def brute_apart(space: Space) -> float:
    """Every pair of layouts in every count that fits, at many loads."""
    best, form, chips = 0.0, space.formats[0], space.system.n_chips
    loads = np.unique(np.rint(np.geomspace(1, 2000, 400)))
    known = [(layout, timed_of(space, layout, form)) for layout in space.layouts]
    for front, front_timed in known:
        for back, back_timed in known:
            for x in range(1, chips + 1):
                for y in range(1, chips + 1):
                    gpus = x * front.n_gpus + y * back.n_gpus
                    if gpus > chips:
                        continue
                    sent = cache_bytes_per_sequence(front_timed.program, space.isl) / front.pp
                    for chunk in space.chunks:
                        answer = serve_apart(
                            Pool(timed=front_timed, system=space.system, copies=float(x),
                                 scheduler=with_budget(space.scheduler, float(chunk), mixed=False)),
                            Pool(timed=back_timed, system=space.system, scheduler=space.scheduler, copies=float(y)),
                            concurrency=loads, isl=space.isl, osl=space.osl,
                            transfer_s=float(sent / link_bytes_per_s(space, gpus)),
                        )  # fmt: skip
                        good = inside(space, answer.ttft_s, answer.tpot_s)
                        if good.any():
                            best = max(best, (chips // gpus) * float(answer.requests_per_s[good].max()) / chips)
    return best


@settings(max_examples=5)
@given(
    st.sampled_from([("llama-3.1-8b", "4xh100"), ("qwen3-30b-a3b", "3xh200")]),
    st.sampled_from([(512.0, 512.0), (3000.0, 200.0)]),
    st.floats(0.012, 0.05),
    st.floats(0.3, 2.0),
)
def test_roles_apart_come_close_to_brute_force(where, lengths, tpot_s, ttft_s):
    space = small_space(
        *where, isl=lengths[0], osl=lengths[1], tpot_s=tpot_s, ttft_s=ttft_s, chunks=(8192,)
    )  # fmt: skip
    lots = apart(space)
    found = 0.0
    if lots:
        points = joined(lots)
        met = inside(space, points.ttft_s, points.tpot_s)
        value = units_in(space, points.gpus) * points.rate / space.system.n_chips
        points = joined([points, *refined_apart(space, points, met, value)])
        met = inside(space, points.ttft_s, points.tpot_s)
        value = units_in(space, points.gpus) * points.rate / space.system.n_chips
        found = float(value[met].max()) if met.any() else 0.0
        assert (points.gpus <= space.system.n_chips).all()
    brute = brute_apart(space)
    assert found <= brute * 1.02  # loads of the brute force are a grid too
    assert found >= 0.9 * brute


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 10.0)), min_size=1, max_size=60))
def test_the_frontier_is_what_its_definition_says(pairs):
    x, y = np.array(pairs).T
    kept = set(frontier(x, y).tolist())
    for i in range(len(pairs)):
        beaten = any(
            x[j] >= x[i] and y[j] >= y[i] and (x[j] > x[i] or y[j] > y[i]) for j in range(len(pairs)) if j != i
        )
        twin = any(x[j] == x[i] and y[j] == y[i] for j in kept)
        assert (i in kept and not beaten) or (i not in kept and (beaten or twin))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_the_frontier_leaves_out_what_is_not_finite(values):
    y = np.array(values, dtype=float)
    kept = frontier(np.arange(y.size, dtype=float), y)
    assert np.isfinite(y[kept]).all()


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=10), st.integers(1, 30))
def test_a_ladder_is_whole_rising_and_ends_at_the_most(most, rungs):
    steps = ladder(np.array(most, dtype=float), rungs)
    assert steps.shape == (rungs, len(most))
    assert (steps == np.rint(steps)).all()
    assert (np.diff(steps, axis=0) >= 0).all()
    assert steps[-1].tolist() == [float(number) for number in most]
    assert (steps >= 1).all()


@given(st.floats(0.1, 100.0), st.floats(0.1, 100.0), st.integers(1, 20))
def test_workers_keep_pace_with_each_other(prefill, decode, decoders):
    fewest, most = worker_counts(prefill, decode, float(decoders))
    assert 1 <= fewest <= most <= fewest + 1
    assert most * prefill * 0.9 >= decoders * decode * (1 - 1e-9)


@given(st.floats(0.0, 1.0), st.integers(0, 16))
def test_a_pass_yields_from_one_token_to_all(acceptance, drafts):
    assert 1.0 <= tokens_per_pass(acceptance, drafts) <= drafts + 1.0 + 1e-9


def asked(model: str = "llama-3.1-8b", system: str = "4xh100", **more: object):
    base = {"isl": 1024.0, "osl": 256.0, "price_per_gpu_hour": 2.0, "alternatives": 2}
    return plan(PlanRequest(model=model, system=system, **{**base, **more}))  # type: ignore[arg-type]


def best_score(answer: PlanResponse) -> float:
    """The winner's, or a better one of a deployment that is less simple and equal within the error."""
    machine = answer.machines[0]
    return min((one.score for one in (machine.winner, *machine.runner_ups) if one is not None), default=math.inf)


@settings(max_examples=10)
@given(st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b"]), st.floats(0.01, 0.06), st.floats(1.0, 3.0))
def test_a_looser_limit_is_never_worse(model, tpot_s, looser):
    tight = best_score(asked(model, ttft=0.5, tpot=tpot_s))
    loose = best_score(asked(model, ttft=0.5 * looser, tpot=tpot_s * looser))
    # the rungs of the ladder move with the limit: a hundredth is their width
    assert loose <= tight * 1.01


@settings(max_examples=8)
@given(st.integers(1, 5), st.integers(1, 3), st.floats(2.0, 40.0))
def test_more_gpus_at_hand_never_cost_more_per_token(gpus, more, rate):
    few = best_score(asked(gpus=gpus, ttft=1.0, tpot=0.05, request_rate=rate))
    many = best_score(asked(gpus=gpus + more, ttft=1.0, tpot=0.05, request_rate=rate))
    assert many <= few * (1 + 1e-9)
