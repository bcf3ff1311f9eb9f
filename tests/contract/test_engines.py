"""What every serving engine of the registry promises, checked for all of them."""

import math
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenroof.engines
from tokenroof.catalog.chips import load_chip
from tokenroof.catalog.efficiency import load_profile
from tokenroof.engines import ENGINES, LAUNCHED, engine, engine_in, generation_of
from tokenroof.errors import UnknownName
from tokenroof.measure.constants import PRIORS
from tokenroof.types.engine import Engine, Generation, Worker
from tokenroof.types.layout import Layout
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.xp import NUMPY, SCALAR

GIB = 2.0**30
every_engine = pytest.mark.parametrize("one", ENGINES.values(), ids=ENGINES)
every_launched = pytest.mark.parametrize("name", LAUNCHED)
every_generation = pytest.mark.parametrize(
    "generation",
    [generation for one in ENGINES.values() for generation in one.generations],
    ids=[f"{one.name}-{generation.name}" for one in ENGINES.values() for generation in one.generations],
)
every_rule = pytest.mark.parametrize(
    "rule",
    [rule for one in ENGINES.values() for generation in one.generations for rule in generation.memory],
    ids=[
        f"{generation.name}-{'.'.join(map(str, rule.first))}-{one.name}"
        for one in ENGINES.values() for generation in one.generations for rule in generation.memory
    ],
)  # fmt: skip
degrees = st.sampled_from((1, 2, 4, 8))
layouts = st.builds(
    lambda tp, dp, cp, pp, whole: Layout(tp=tp, dp=dp, cp=cp, pp=pp, ep=tp * dp * cp if whole else 1),
    degrees, degrees, st.sampled_from((1, 2)), degrees, st.booleans(),
)  # fmt: skip


def share(rule: MemoryRule, layout: Layout, total: float) -> float:
    return float(rule.fraction(total, layout, SCALAR) if callable(rule.fraction) else rule.fraction)


def pool(rule: MemoryRule, layout: Layout, *, total: float = 80.0, weights: float = 20.0, live: float = 2.0) -> float:
    outside = rule.outside_bytes + (rule.outside_per_rank_bytes if layout.n_gpus > 1 else 0.0)
    fraction = share(rule, layout, total * GIB)
    return float(rule.pool_bytes(MemoryTerms(total * GIB, weights * GIB, live * GIB, outside, fraction)))


def test_every_file_of_an_engine_is_in_the_registry() -> None:
    files = [path.stem for path in Path(tokenroof.engines.__file__).parent.glob("*.py") if path.stem != "__init__"]
    held = [value for stem in files for value in vars(import_module(f"tokenroof.engines.{stem}")).values()]
    assert {one.name for one in held if isinstance(one, Engine)} == set(ENGINES)


def test_no_word_means_two_engines() -> None:
    words = [word for one in ENGINES.values() for word in {one.name, *one.aliases}]
    assert len(words) == len(set(words))


@every_engine
def test_an_engine_is_found_by_its_name_its_aliases_and_its_display_name(one: Engine) -> None:
    for word in (one.name, *one.aliases):
        assert engine(word) == engine(word.upper()) == one
        assert word == word.lower()
    if one.aliases:
        assert engine(one.display_name) == one
        found = engine_in(f"{one.display_name} 1.2.3 (nightly)")
        assert found is not None
        assert found.name == one.name


@pytest.mark.parametrize(("name", "near"), [("vlm", "vllm"), ("sg-lang", "sglang"), ("tgi", ""), ("", "")])
def test_an_unknown_engine_is_told_with_the_nearest_and_with_all(name: str, near: str) -> None:
    with pytest.raises(UnknownName, match=r"known are vllm, sglang, trtllm, llama\.cpp, none") as caught:
        engine(name)
    assert caught.value.suggestions == ((near,) if near else ())


@every_engine
def test_versions_are_in_order_and_every_version_belongs_to_one_generation(one: Engine) -> None:
    firsts = [generation.first for generation in one.generations]
    assert firsts == sorted(set(firsts))
    assert firsts[0] == (0,)
    assert one.generations[0].since == ""
    assert one.generation is one.generations[-1]
    for generation in one.generations:
        assert engine(one.name, generation.version).generation is generation
        assert generation_of(one.name, generation.name) is generation
    for unreadable in ("nightly", "main", "v"):
        assert engine(one.name, unreadable).generation is one.generations[-1]


@pytest.mark.parametrize(
    ("text", "version", "date", "source", "generation"),
    [("vLLM", "", "", "", "vllm"), ("vLLM", "", "2024-11", "", "vllm-v0"), ("vLLM", "0.9.1", "2024-11", "", "vllm"),
     ("vLLM v0.6.5 (ROCm)", "", "2026-01", "", "vllm-v0"), ("SGLang v0.4.9", "", "", "", "sglang"),
     ("TRT-LLM", "", "2026-01", "", "trtllm"), ("TensorRT-LLM + Triton backend", "", "2026-01", "", "trtllm-cpp"),
     ("TensorRT-LLM", "", "2025-05", "", "trtllm-cpp"), ("TensorRT-LLM", "", "", "perf-overview", "trtllm-cpp"),
     ("TensorRT-LLM", "1.0", "", "perf-overview", "trtllm"), ("trt", "", "2026-07", "", "trtllm"),
     ("llama.cpp b4567 (CUDA)", "", "", "", "llamacpp")],
)  # fmt: skip
def test_rows_of_tables_mean_a_generation(text: str, version: str, date: str, source: str, generation: str) -> None:
    found = engine_in(text, version, date=date, source=source)
    assert found is not None
    assert found.generation.name == generation


@pytest.mark.parametrize("text", ["", "Deepspeed", "PyTorch", "none", "mytrtx", "torch.matmul"])
def test_texts_that_name_no_engine(text: str) -> None:
    assert engine_in(text) is None


@every_rule
def test_a_rule_for_memory_is_sane_and_has_a_source(rule: MemoryRule) -> None:
    assert rule.source
    assert rule.block_tokens >= 1
    assert rule.sampled_sequences is None or rule.sampled_sequences >= 1
    for field in fields(rule):
        value = getattr(rule, field.name)
        assert not isinstance(value, float) or (math.isfinite(value) and value >= 0)


@every_generation
def test_rules_are_told_oldest_first_and_each_version_has_one(generation: Generation) -> None:
    for rules in (generation.memory, generation.schedulers):
        firsts = [one.first for one in rules]
        assert firsts == sorted(set(firsts))
    for scheduler in generation.schedulers:
        assert scheduler.source
        assert scheduler.token_budget >= 1 and scheduler.max_sequences >= 1
        sizes = [tier.from_bytes for tier in scheduler.tiers]
        assert sizes == sorted(set(sizes), reverse=True)
        assert not sizes or sizes[-1] == 0.0  # every chip has settings


@pytest.mark.parametrize(
    ("version", "share", "copies", "graphs"),
    [("0.7.3", 0.9, 8.0, False), ("0.11.0", 0.9, 9.6, False), ("0.15.1", 0.9, 9.6, False), ("0.17.0", 0.9, 3.5, False),
     ("0.19.0", 0.9, 3.5, False), ("0.21.0", 0.92, 3.5, True), ("0.28.0", 0.92, 3.5, True), ("0.33.0", 0.92, 3.5, True),
     ("", 0.92, 3.5, True), ("nightly", 0.92, 3.5, True)],
)  # fmt: skip
def test_vllm_divides_memory_as_its_version_does(version: str, share: float, copies: float, graphs: bool) -> None:
    rule = engine("vllm", version).memory
    assert (rule.fraction, rule.sampler_copies, rule.graph_bytes > 0.0) == (share, copies, graphs)


@pytest.mark.parametrize(
    ("version", "chip", "gib", "sequences", "tokens"),
    [("0.19.0", "h100", 79.19, 1024, 8192), ("0.19.0", "a100", 79.25, 256, 2048),
     ("0.28.0", "b200", 178.35, 1024, 16384), ("0.19.0", "b200", 178.35, 1024, 8192),
     ("0.33.0", "rtx-4090", 23.64, 256, 2048), ("0.33.0", "gb10", 121.69, 256, 2048),
     ("0.7.3", "a100", 79.25, 1024, 8192)],
)  # fmt: skip
def test_vllm_takes_settings_by_chip(version: str, chip: str, gib: float, sequences: int, tokens: int) -> None:
    found = engine("vllm", version).scheduler.on(chip, gib * GIB)
    assert (found.max_sequences, found.token_budget, found.version) == (sequences, tokens, version)


@every_rule
@given(layout=layouts)
def test_the_pool_is_less_than_what_weights_leave_and_falls_with_them(rule: MemoryRule, layout: Layout) -> None:
    assert 0.0 <= share(rule, layout, 80 * GIB) <= 1.0
    assert pool(rule, layout) <= 60.0 * GIB
    assert pool(rule, layout, weights=21.0) < pool(rule, layout)
    assert pool(rule, layout, live=3.0) <= pool(rule, layout)
    assert pool(rule, layout, total=180.0) > pool(rule, layout)


@every_rule
def test_arrays_of_layouts_give_what_each_gives_alone(rule: MemoryRule) -> None:
    several = [Layout(tp=tp, dp=dp) for tp, dp in ((1, 1), (8, 1), (2, 4))]
    if callable(rule.fraction):
        stack = Layout(tp=np.array([1, 8, 2]), dp=np.array([1, 1, 4]))  # type: ignore[arg-type]
        together = rule.fraction(80 * GIB, stack, NUMPY)
        assert together == pytest.approx([share(rule, layout, 80 * GIB) for layout in several], rel=1e-15)


@every_engine
@given(layout=layouts)
def test_what_cannot_be_said_has_a_reason_and_one_gpu_can_be_said(one: Engine, layout: Layout) -> None:
    assert one.inexpressible(Layout()) == ""
    assert one.inexpressible(Layout(tp=8)) == ""
    reason = one.inexpressible(layout)
    assert reason == reason.strip()
    if one.name == "none":
        assert reason == ""


@every_launched
@given(layout=layouts, role=st.sampled_from(("both", "prefill", "decode")), drafts=st.integers(0, 3))
def test_a_command_names_the_checkpoint_and_the_length_on_every_layout(
    name: str, layout: Layout, role: str, drafts: int
) -> None:
    launcher = ENGINES[name].launcher
    assert launcher is not None
    worker = Worker(
        checkpoint="org/some-model", layout=layout, role=role, chunk=4096, sequences=37, length=98304, kv="fp8",
        drafts=drafts, experts=64,
    )  # fmt: skip
    command = launcher.command(worker)
    assert "org/some-model" in command
    assert "98304" in command
    assert launcher.fraction_flag.startswith("--")
    for line in command.split("\n"):
        assert line == line.rstrip()


@every_engine
def test_every_generation_has_host_times_and_what_a_fit_starts_from(one: Engine) -> None:
    for generation in one.generations:
        profile = load_profile(load_chip("h100"), one.name, generation.version)
        assert profile.engine == generation.name
        assert profile.host_s > 0
        assert f"host.{generation.name}" in PRIORS


def test_the_bound_holds_more_than_any_engine() -> None:
    for layout in (Layout(), Layout(tp=8), Layout(tp=2, dp=4)):
        pools = {name: pool(one.memory, layout) for name, one in ENGINES.items()}
        assert max(pools, key=lambda name: pools[name]) == "none"
