"""Elasticities of a step are exact: they add up to one and agree with finite differences of Timed.step."""

import math
from dataclasses import replace

import pytest
from engine_cases import layouts, loads, models, prompts, systems
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import DataMissing
from tokenroof.operators import bind, lower
from tokenroof.operators.sensitivity import explain_step, seconds_by_input
from tokenroof.operators.sensitivity_inputs import (
    COLLECTIVE_LATENCY,
    HOST,
    HOST_PER_LAYER,
    KERNEL_OVERHEAD,
    LAUNCH,
    MEMORY,
    SCALE_OUT,
    SCALE_UP,
)
from tokenroof.types.efficiency import ALGORITHMS, PEAK, CollectiveCurve, Efficiency, OperatorCurve, Routing
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.program import Load, Program

STEP = 1e-5
TIMES = (KERNEL_OVERHEAD, COLLECTIVE_LATENCY, HOST, HOST_PER_LAYER, LAUNCH)


def scaled_chip(system: System, **changes: object) -> System:
    return replace(system, chip=replace(system.chip, **changes))


def faster(system: System, name: str, factor: float) -> System:
    """The machine with one rate `factor` times as high."""
    chip = system.chip
    if name == MEMORY:
        return scaled_chip(system, bytes_per_s=chip.bytes_per_s * factor)
    if name.startswith("flops_per_s."):
        key = name.partition(".")[2]
        return scaled_chip(system, flops_per_s={**chip.flops_per_s, key: chip.flops_per_s[key] * factor})
    peer = chip.scaleup_peer_bytes_per_s
    if name == SCALE_UP and peer is not None:
        system = scaled_chip(system, scaleup_peer_bytes_per_s=peer * factor)
    own = getattr(system, name)
    return replace(system, **{name: factor * (own if own is not None else getattr(chip, name))})


def slower(profile: Efficiency, name: str, factor: float) -> Efficiency:
    """The profile with one kind of fixed time `factor` times as long."""
    if name == KERNEL_OVERHEAD:
        fields = ("fixed_s", "compute_floor_s", "memory_floor_s")
        return replace(profile, operators={
            key: replace(curve, **{f: getattr(curve, f) * factor for f in fields})
            for key, curve in profile.operators.items()
        })  # fmt: skip
    if name == COLLECTIVE_LATENCY:
        fields = ("call_s", "step_s", "out_call_s", "out_step_s")
        collectives = {
            kind: tuple(replace(curve, **{f: getattr(curve, f) * factor for f in fields}) for curve in curves)
            for kind, curves in profile.collectives.items()
        }
        return replace(profile, collectives=collectives, skew_s_per_width=profile.skew_s_per_width * factor)
    if name == HOST:
        fields = ("host_s", "host_per_sequence_s", "host_per_token_s")
        return replace(profile, **{f: getattr(profile, f) * factor for f in fields})
    field = {HOST_PER_LAYER: "host_per_layer_s", LAUNCH: "launch_s"}[name]
    return replace(profile, **{field: getattr(profile, field) * factor})


def check(program: Program, system: System, profile: Efficiency, decode: Load | None, prefill: Load | None) -> int:
    """How many inputs had a kink so near that no difference can be taken."""

    def step_s(machine: System, curves: Efficiency) -> float:
        return float(bind(program, machine, curves).step(decode=decode, prefill=prefill).step_s)

    found = explain_step(program, system, profile, decode=decode, prefill=prefill)
    whole = step_s(system, profile)
    assert found.value == pytest.approx(whole, rel=1e-9)
    moves = {one.name: one.elasticity for one in found.inputs}
    assert sum(e if name in TIMES else -e for name, e in moves.items()) == pytest.approx(1.0, rel=1e-9)
    rates = {MEMORY, SCALE_UP, SCALE_OUT, *(f"flops_per_s.{key}" for key in system.chip.flops_per_s)}
    kinks = 0
    for name in rates | set(TIMES):
        if name in (SCALE_UP, SCALE_OUT) and getattr(system, name) is None and getattr(system.chip, name) is None:
            continue

        def at(factor: float, name: str = name) -> float:
            if name in TIMES:
                return step_s(system, slower(profile, name, factor))
            return step_s(faster(system, name, factor), profile)

        rise, fall = (at(1 + STEP) - whole) / whole / STEP, (whole - at(1 - STEP)) / whole / STEP
        if abs(rise - fall) > 5e-5:
            kinks += 1  # two branches are equally long here
            continue
        assert moves.get(name, 0.0) == pytest.approx((rise + fall) / 2, abs=1e-4), name
    return kinks


small = st.floats(0.0, 1e-4)


@st.composite
def curves(draw):
    return OperatorCurve(
        fixed_s=draw(small), flops_share=draw(st.floats(0.2, 1.0)), bytes_share=draw(st.floats(0.2, 1.0)),
        compute_floor_s=draw(small), memory_floor_s=draw(small),
        sharpness=draw(st.sampled_from([1.0, 1.5, 4.0, float("inf")])), padding_rows=draw(st.sampled_from([0.0, 16.0])),
    )  # fmt: skip


@st.composite
def profiles(draw):
    """Every number that a profile can have, at random."""
    algorithms = tuple(
        CollectiveCurve(
            algorithm=name, call_s=draw(small), step_s=draw(small), bytes_share=draw(st.floats(0.3, 1.0)),
            out_call_s=draw(small), out_step_s=draw(small), out_bytes_share=draw(st.floats(0.3, 1.0)),
        )
        for name in ALGORITHMS
    )  # fmt: skip
    return Efficiency(
        id="random", operators={"": draw(curves()), "gemm": draw(curves())}, collectives={"": algorithms},
        overlap=draw(st.sampled_from([0.0, 0.4, 1.0])), expert_imbalance=draw(st.sampled_from([1.0, 1.3])),
        routing=Routing(skew=draw(st.sampled_from([0.0, 1.0])), shape=draw(st.sampled_from([1.3, math.inf]))),
        skew_s_per_width=draw(st.sampled_from([0.0, 1e-9])),
        host_s=draw(small), host_per_layer_s=draw(small), host_per_sequence_s=draw(small), host_per_token_s=draw(small),
        launch_s=draw(st.sampled_from([0.0, 1e-6, 1e-3])), source="drawn",
    )  # fmt: skip


@given(models(), layouts(), systems(), st.one_of(st.just(PEAK), profiles()), loads(), prompts(), st.integers(0, 2))
def test_of_any_model_layout_and_load(model, layout, system, profile, decode, prefill, which) -> None:
    check(
        lower(model, layout), system, profile, None if which == 1 else decode, None if which == 0 else prefill
    )  # fmt: skip


CASES = [
    ("llama-3.1-8b", "h100", Layout()),
    ("llama-3.1-70b", "8xh100", Layout(tp=8)),
    ("llama-3.1-70b", "8xmi300x", Layout(tp=4, dp=2)),
    ("deepseek-v3", "8xh200", Layout(tp=8, ep=8)),
    ("deepseek-v3", "gb200-nvl72", Layout(dp=72, ep=72)),
    ("gpt-oss-120b", "8xb200", Layout(tp=2, dp=4, ep=8)),
    ("qwen3-235b-a22b", "2x8xh100", Layout(tp=8, pp=2)),
]


@pytest.mark.parametrize("efficiency", ["auto", "peak"])
@pytest.mark.parametrize(("model", "name", "layout"), CASES, ids=[f"{m}-{s}" for m, s, _ in CASES])
def test_of_the_catalogue(model: str, name: str, layout: Layout, efficiency: str) -> None:
    loaded, system = load_model(model), load_system(name)
    profile = profile_for(system, "vllm", efficiency, model=loaded)
    program = lower(loaded, layout)
    for batch, context in ((1.0, 1000.0), (64.0, 8000.0), (1024.0, 3000.0)):
        assert check(program, system, profile, Load(batch, batch, context), None) == 0
    assert check(program, system, profile, None, Load(8192.0, 4.0, 2048.0)) == 0
    assert check(program, system, profile, Load(32.0, 32.0, 5000.0), Load(2048.0, 1.0, 4096.0)) == 0


def test_the_terms_add_up_and_carry_their_counts() -> None:
    model, system = load_model("deepseek-v3"), load_system("8xh200")
    profile = profile_for(system, "sglang", model=model)
    program, load = lower(model, Layout(tp=8)), Load(64.0, 64.0, 4096.0)
    found = explain_step(program, system, profile, decode=load)
    assert sum(term.value for term in found.terms) == pytest.approx(found.value, rel=1e-9)
    assert sum(term.share for term in found.terms) == pytest.approx(1.0, rel=1e-9)
    names = {one.name: one for one in found.inputs}
    for term in found.terms:
        assert set(term.rates) <= set(names)
        assert term.name == "host" or term.counts is not None
    memory = names[MEMORY]
    assert (memory.value, memory.source) == (system.chip.bytes_per_s, system.chip.facts[MEMORY].source)
    assert found.movers[0].name == MEMORY
    assert len(found.movers) == 2
    assert "step_s" not in names


def test_a_network_nobody_published_is_not_asked_for() -> None:
    bare = replace(load_system("h100"), scaleup_bytes_per_s=None, scaleout_bytes_per_s=None)
    chip = replace(bare.chip, scaleup_bytes_per_s=None, scaleout_bytes_per_s=None)
    bare = replace(bare, chip=chip)
    load = Load(8.0, 8.0, 100.0)
    assert seconds_by_input(lower(load_model("llama-3.1-8b")), bare, decode=load).step_s > 0
    with pytest.raises(DataMissing):
        explain_step(lower(load_model("llama-3.1-8b"), Layout(tp=2)), bare, decode=load)
