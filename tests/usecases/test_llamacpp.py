"""A processor as a machine and llama.cpp on it: shares of what it reached, slots, memory; by hand."""

import math
from dataclasses import replace

import pytest
from engine_cases import dense

from tokenroof.catalog import load_chip
from tokenroof.catalog.efficiency import load_profile, profile_source
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import engine
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.scenario.resolve import resolve
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip
from tokenroof.types.scenario import Scenario

MODEL = dense("box", 10, 1024, 4096, 16, 8, 64, 32000, dtype="fp16", kv="fp16")
CHIP = Chip(
    id="my-box", name="My box", vendor="AMD", kind="cpu", year=2026, announced=False, memory_bytes=16e9,
    bytes_per_s=50e9, flops_per_s={"fp32": 200e9, "bf16": 400e9}, achievable_bytes_per_s=40e9,
    achievable_flops_per_s={"bf16": 300e9},
)  # fmt: skip


def test_every_processor_has_the_family_of_processors() -> None:
    """By kind, not by vendor: an EPYC is no MI300X, and a file of one's own has no id that anybody knows."""
    for chip in (load_chip("epyc-9965"), load_chip("xeon-6980p"), CHIP):
        assert profile_source(chip)[1] == "cpu"
    assert profile_source(load_chip("mi300x"))[1] == "cdna3"


def test_shares_are_of_what_the_processor_reached() -> None:
    """40 of 50 GB/s and 300 of 400 GFLOP/s: curves of the family times 0.8 and 0.75."""
    plain, own = (
        load_profile(replace(CHIP, achievable_bytes_per_s=None, achievable_flops_per_s={}), "llama.cpp"),
        load_profile(CHIP, "llama.cpp"),
    )
    for key, curve in plain.operators.items():
        assert own.operators[key].bytes_share == pytest.approx(0.8 * curve.bytes_share)
        assert own.operators[key].flops_share == pytest.approx(0.75 * curve.flops_share)
        assert own.operators[key].fixed_s == curve.fixed_s


def test_a_step_on_a_processor_by_hand() -> None:
    """Weights of 10 layers and the head over 0.8 x 0.95 of 50 GB/s, plus their arithmetic over 0.75 x 0.5 of 400
    GFLOP/s: matmuls of a processor do one after the other. The cache of 100 tokens adds less than a tenth."""
    answer = resolve(
        Scenario(model="box", system="my-box", engine="llama.cpp", batch=1.0, isl=90.0, osl=20.0),
        model=MODEL, system=compose_system(CHIP, 1),
    )  # fmt: skip
    weights = 10 * (1024 * (1024 + 512 + 512 + 1024) + 3 * 1024 * 4096) + 1024 * 32000
    matmuls_s = 2 * weights / (0.8 * 0.95 * 50e9) + 2 * weights / (0.75 * 0.5 * 400e9)
    step_s = answer.step(1.0).step_s - answer.profile.host_s
    assert matmuls_s == pytest.approx(0.0125, rel=0.01)
    assert matmuls_s < step_s < 1.15 * matmuls_s


def test_a_slot_has_room_for_its_whole_answer_and_there_are_four() -> None:
    """16 GB less 0.41 GB of weights, a quarter GiB of buffers and the GiB that is left free, over 20 KiB a token."""
    rules = engine("llama.cpp").scheduler
    assert (rules.max_sequences, rules.token_budget, rules.reserves_output, rules.mixed) == (4.0, 2048.0, True, True)
    use = memory_use(lower(MODEL, Layout()), compose_system(CHIP, 1), context=1000, engine="llama.cpp")
    gib = 2.0**30
    assert use.cache_pool_bytes == pytest.approx(16e9 - use.weights_bytes - 1.25 * gib)
    assert use.sequences == math.floor(use.cache_pool_bytes / (1000 * 10 * 2 * 512 * 2))


def test_one_slot_lets_the_second_request_wait() -> None:
    """Two in flight with one slot: as many tokens a second, each as quick, and the first one a whole request later."""
    system = compose_system(CHIP, 1)
    asked = Scenario(
        model="box", system="my-box", engine="llama.cpp", concurrency=1.0, isl=90.0, osl=20.0, max_num_seqs=1
    )
    one = resolve(asked, model=MODEL, system=system).serve()
    two = resolve(replace(asked, concurrency=2.0), model=MODEL, system=system).serve()
    assert two.tpot_s == pytest.approx(one.tpot_s, rel=0.02)
    assert two.ttft_s == pytest.approx(one.ttft_s + one.e2e_s, rel=0.1)
