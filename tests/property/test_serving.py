"""Serving estimates: what holds for any machine and load."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenroof.catalog import load_chip, load_model
from tokenroof.catalog.efficiency import load_profile
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import ENGINES
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.serving.put_back import admitted
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import capacity, serve, serve_saturated, settle, stay_s
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.xp import SCALAR

SYSTEM = compose_system(load_chip("h200"), 8)
PROGRAMS = {
    "llama-3.1-8b": lower(load_model("llama-3.1-8b"), Layout(tp=2)),
    "deepseek-v3": lower(load_model("deepseek-v3"), Layout(tp=8, weights=None)),
    "deepseek-v3 dp": lower(load_model("deepseek-v3"), Layout(tp=1, dp=8, ep=8)),
    "llama-3.1-70b pp": lower(load_model("llama-3.1-70b"), Layout(tp=2, pp=4)),
}
TIMED = {
    (name, engine): bind(program, SYSTEM, load_profile(SYSTEM.chip, engine))
    for name, program in PROGRAMS.items()
    for engine in ("vllm", "sglang", "trtllm")
}
ROOF = {name: bind(program, SYSTEM, PEAK, free_networks=True) for name, program in PROGRAMS.items()}

cases = st.sampled_from(sorted(TIMED))
loads = st.tuples(st.integers(1, 512), st.integers(32, 16384), st.integers(2, 4096))


def estimate(case, load, **more):
    concurrency, isl, osl = (float(number) for number in load)
    return serve(TIMED[case], SYSTEM, ENGINES[case[1]].scheduler, concurrency=concurrency, isl=isl, osl=osl, **more)


@given(cases, loads)
def test_nothing_is_faster_than_light(case, load):
    found = estimate(case, load)
    if found.in_flight < 1:
        return
    share = found.in_flight / PROGRAMS[case[0]].layout.pp
    light = ROOF[case[0]].step(decode=Load(share, share, load[1] + load[2] / 2)).step_s
    prompt = ROOF[case[0]].step(prefill=Load(load[1], 1.0, load[1])).step_s if load[1] <= 8192 else 0.0
    assert found.tpot_s >= light * (1 - 1e-9)
    assert found.ttft_s >= prompt * (1 - 1e-9)


@given(cases, loads)
def test_an_endless_closed_loop_obeys_littles_law(case, load):
    found = estimate(case, load)
    if found.in_flight >= 1:
        assert found.requests_per_s * found.e2e_s == pytest.approx(load[0])
        assert found.output_tokens_per_s == pytest.approx(found.requests_per_s * load[2])
        assert 0.0 <= found.prefill_share < 1.0


@example(("deepseek-v3 dp", "vllm"), (448, 2125, 2183), 3)  # 0.90 of the throughput: half of the prompts are answers
@example(("deepseek-v3", "sglang"), (126, 1326, 2), 8)  # a place is held for osl - 1 passes after the first token
@given(cases, loads, st.integers(2, 8))
def test_more_requests_in_flight_are_each_slower_and_together_no_slower(case, load, times):
    """Where memory is full vLLM does work twice: at most as much more of it as prompts are prefilled again."""
    few, many = estimate(case, load), estimate(case, (load[0] * times, load[1], load[2]))
    if few.in_flight >= 1:
        assert many.tpot_s >= few.tpot_s * 0.97
        assert many.output_tokens_per_s >= few.output_tokens_per_s * 0.9 / many.again


@given(cases, loads)
def test_cached_prefixes_never_slow_a_request(case, load):
    """Not its tokens where prompts fill every step: with some cached, fewer wait and more are answered at once."""
    plain, cached = estimate(case, load), estimate(case, load, prefix=load[1] * 0.75)
    if plain.in_flight >= 1:
        assert cached.ttft_s <= plain.ttft_s * 1.001
        assert cached.e2e_s <= plain.e2e_s * 1.001
        asked = (plain.in_flight - 1) / TIMED[case].program.layout.dp * load[1] / load[2]
        full = asked >= ENGINES[case[1]].scheduler.token_budget
        assert full or cached.tpot_s <= plain.tpot_s * 1.001


@given(cases, st.lists(loads, min_size=2, max_size=6))
def test_arrays_give_what_numbers_give(case, several):
    columns = [np.array(column, dtype=float) for column in zip(*several, strict=True)]
    together = serve(TIMED[case], SYSTEM, ENGINES[case[1]].scheduler,
                     concurrency=columns[0], isl=columns[1], osl=columns[2],
                     requests=10 * columns[0], range_ratio=0.8)  # fmt: skip
    for at, load in enumerate(several):
        one = estimate(case, load, requests=10.0 * load[0], range_ratio=0.8)
        for name in ("ttft_s", "tpot_s", "e2e_s", "output_tokens_per_s", "in_flight"):
            assert getattr(together, name)[at] == pytest.approx(getattr(one, name), rel=1e-9)


@given(cases, st.integers(32, 8192), st.integers(32, 4096))
def test_saturation_never_holds_more_than_memory_does(case, isl, osl):
    timed, scheduler = TIMED[case], ENGINES[case[1]].scheduler
    found = serve_saturated(timed, SYSTEM, scheduler, isl=float(isl), osl=float(osl))
    room = capacity(timed, SYSTEM, scheduler, isl=float(isl), osl=float(osl))
    if room >= 1:
        lengths = {"isl": float(isl), "new": float(isl), "osl": float(osl), "passes": float(osl)}
        inside = admitted(scheduler, timed.program.layout, SCALAR, present=1e3 * room, limit=room, **lengths)
        passes = Passes(timed, scheduler, float(isl), float(isl), isl + osl / 2.0, SCALAR)
        held_s = stay_s(passes, settle(passes, found.in_flight, float(osl), again=inside.again), float(osl))
        assert found.in_flight == pytest.approx(inside.running) and found.in_flight <= room
        assert found.in_flight == pytest.approx(found.requests_per_s * held_s)
        begun = found.in_flight * (1.0 + inside.paused)
        assert found.output_tokens_per_s <= begun / found.tpot_s * osl / (osl - 1.0) * (1.0 + 1e-9)
        assert found.tpot_s >= found.decode_step_s
