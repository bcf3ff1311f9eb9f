"""Speeds that others published: the cases of shared/data/cases, each with its source there. Nothing is fitted to them.

`within` is how far the prediction may lie from what was measured, either way, as a factor: today's, rounded up. It is a
ratchet: worse fails. Those that the 80 % range misses are marked, with the reason where it is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tokenroof.scenario.resolve import resolve
from tokenroof.types.run import Run
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged
from tokenroof.usecases.measured.predict import forecast

RUN = Run(
    row_id="", line=0, file="", source="", date="", model="", model_key="", hardware="", hw_key="", num_gpus=1, tp=1,
    pp=1, ep=1, dp=None, weight_dtype="bf16", kv_dtype="", engine="vLLM", engine_version="", mode="server-closed-loop",
    isl=1024.0, osl=1024.0, concurrency=None, request_rate=None, load="", metric="", value=1.0, unit="",
    spec_decode="none", quality="A", split="test",
)  # fmt: skip
UNITS = {"tpot_ms": "ms", "ttft_ms": "ms", "e2e_latency_s": "s", "output_tok_s": "tok/s"}


@dataclass(frozen=True)
class Case:
    name: str
    metric: str
    measured: float
    within: float
    missed: str = ""
    run: Run = RUN


def cases(run: Run, metric: str, field: str, rows: dict[float, tuple[float, float, str]], name: str) -> Iterator[Case]:
    for load, (measured, within, missed) in rows.items():
        yield Case(f"{name}-{load:g}-{metric}", metric, measured, within, missed, replace(run, **{field: float(load)}))


NEAR_FULL = "near the rate that is served at most, which is lower there"
CLIENT = "the client's own time is in it"

# Llama-3.1-8B on H100, 204/62.4, no chunking, no prefix cache (inference-perf).
LLAMA = replace(
    RUN, model="Llama-3.1-8B", hw_key="h100-sxm", engine_version="0.11.0", isl=204.0, osl=62.4, max_num_seqs=128.0,
    mode="server",
)  # fmt: skip
RTX = replace(
    RUN, model="Qwen3.5-397B-A17B", weight_dtype="nvfp4", hw_key="rtx-pro-6000", num_gpus=4, tp=4,
    engine_version="0.17.0",
)  # fmt: skip
TPU = replace(RUN, model="Qwen3-8B", hw_key="tpu-v6e", num_gpus=4, tp=4, engine="sglang")
# QwQ-32B has the shapes of Qwen2.5-32B; prompts are short.
QWQ = replace(RUN, model="Qwen2.5-32B", hw_key="a100-sxm-80gb", engine_version="0.7.2", isl=128.0, osl=200.0)
HOST = "before 0.8 the host's part grows with the ranks"
EAGER = "eager mode, at the host's pace"

CASES = (
    *cases(LLAMA, "tpot_ms", "request_rate", {1: (7.23, 1.1, ""), 31: (8.42, 1.12, ""), 61: (10.5, 1.2, ""),
                                              91: (15.8, 1.45, NEAR_FULL)}, "llama"),
    *cases(LLAMA, "ttft_ms", "request_rate", {1: (31, 1.35, CLIENT), 31: (30, 1.25, ""), 61: (35, 1.35, CLIENT),
                                              91: (51, 1.75, NEAR_FULL)}, "llama"),
    *cases(LLAMA, "output_tok_s", "request_rate", {123: (6317, 1.25, "")}, "llama"),
    *cases(replace(LLAMA, max_num_seqs=192.0), "output_tok_s", "request_rate", {200: (7140, 1.22, "")}, "llama-192"),
    *cases(replace(LLAMA, max_num_seqs=192.0), "tpot_ms", "request_rate", {200: (26.3, 1.2, "")}, "llama-192"),
    *cases(replace(RUN, model="Qwen3-235B-A22B", weight_dtype="fp8", hw_key="mi300x", num_gpus=4, tp=4, ep=4,
                   isl=2000.0, osl=1000.0), "tpot_ms", "concurrency", {64: (38, 1.08, "")}, "qwen3-235b"),
    *cases(RTX, "output_tok_s", "concurrency", {1: (79, 1.36, ""), 8: (406, 1.2, ""), 32: (987, 1.1, ""),
                                                128: (2294, 1.45, "")}, "qwen3.5-397b"),
    *cases(replace(RTX, concurrency=1.0, osl=128.0), "ttft_ms", "isl",
           {8192: (490, 1.65, ""), 32_768: (1860, 1.2, ""), 131_072: (8900, 1.55, "")}, "qwen3.5-397b"),
    *cases(TPU, "output_tok_s", "concurrency", {64: (5297, 1.35, ""), 256: (7572, 1.55, "")}, "qwen3-8b-v6e"),
    *cases(replace(RUN, model="Qwen3-8B", hw_key="a100-sxm-80gb", osl=512.0, concurrency=8.0), "output_tok_s", "isl",
           {1024: (239, 2.6, EAGER), 16_384: (219, 1.4, EAGER)}, "qwen3-8b-a100"),
    *cases(replace(RUN, model="DeepSeek-R1", model_key="DeepSeek-V3", weight_dtype="fp8", hw_key="h100-sxm",
                   num_gpus=16, tp=16, engine="sglang"), "tpot_ms", "concurrency",
           {1: (23.1, 1.6, "one request over two servers: latency of the network")}, "deepseek-r1"),
    *cases(replace(QWQ, num_gpus=2, tp=2), "e2e_latency_s", "concurrency",
           {1: (5.50, 1.1, ""), 16: (6.07, 1.1, "")}, "qwq-tp2"),
    *cases(replace(QWQ, num_gpus=4, tp=4), "e2e_latency_s", "concurrency",
           {1: (3.91, 1.25, ""), 16: (4.77, 1.35, HOST)}, "qwq-tp4"),
    *cases(replace(QWQ, num_gpus=8, tp=8), "e2e_latency_s", "concurrency",
           {1: (3.15, 1.45, HOST), 16: (4.25, 1.6, HOST)}, "qwq-tp8"),
    *cases(replace(RUN, model="DeepSeek-V3.2", weight_dtype="fp8", hw_key="h20", num_gpus=8, tp=8, max_num_seqs=64.0),
           "tpot_ms", "concurrency", {1: (1000 / 30, 3.3, "reported as too slow, as it is")}, "deepseek-v3.2"),
    *cases(replace(RUN, model="Llama-3.1-70B", weight_dtype="fp8", hw_key="h100-sxm", num_gpus=8, tp=8,
                   engine="sglang", osl=256.0, mode="mixed"), "ttft_ms", "concurrency", {32: (1159, 1.08, "")}, "70b"),
    *cases(replace(RUN, model="Llama-3.1-70B", weight_dtype="fp8", hw_key="h100-sxm", num_gpus=8, tp=8,
                   engine="sglang", osl=256.0, mode="mixed"), "tpot_ms", "concurrency", {32: (13.5, 1.08, "")}, "70b"),
)  # fmt: skip


def predicted(case: Case) -> Ranged:
    run = replace(case.run, metric=case.metric, value=case.measured, unit=UNITS[case.metric])
    found = forecast(run)
    assert isinstance(found, Ranged), found
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_published_speed(case: Case) -> None:
    found = predicted(case)
    assert 1.0 / case.within <= found.value / case.measured <= case.within
    inside = found.low <= case.measured <= found.high
    assert inside is not bool(case.missed)
    beaten = case.measured < found.bound if case.metric != "output_tok_s" else case.measured > found.bound
    assert not beaten


def test_seven_of_ten_lie_inside_their_ranges() -> None:
    """80 % ranges; the cases were chosen for what was wrong."""
    assert sum(not case.missed for case in CASES) / len(CASES) >= 0.65


def prefill_per_gpu(**layout: int) -> float:
    """Tokens a second of prompts of 8,192, one on each group of attention."""
    groups = layout.get("dp", 1)
    gpus = groups * layout["tp"]
    deployment = resolve(Scenario(model="glm-5.2-nvfp4", system=f"{gpus}xb300", isl=8192, osl=2, **layout))
    return groups * 8192 / float(deployment.prefill(8192, requests=groups).step_s) / gpus


def test_prefill_of_glm_5_2_on_b300() -> None:
    """The order of four layouts, and their speed within a factor of 1.6: all are taken for too quick."""
    measured = {12_963: {"tp": 1, "dp": 2, "ep": 2}, 11_952: {"tp": 1, "dp": 4, "ep": 4}, 10_268: {"tp": 2},
                9_161: {"tp": 2, "ep": 2}}  # fmt: skip
    found = {speed: prefill_per_gpu(**layout) for speed, layout in measured.items()}
    assert all(1.0 < value / speed < 1.6 for speed, value in found.items())
    assert found[12_963] > found[11_952] > max(found[10_268], found[9_161])


def test_drafts_gain_less_at_larger_batches() -> None:
    """Mixtures of experts on MI355X, 4 to 64 clients (vLLM blog of July 2026)."""
    gain = {}
    for clients in (4, 64):
        asked = Scenario(model="deepseek-r1", system="8xmi355x", tp=8, isl=1024, osl=1024, concurrency=clients,
                         weight_dtype="mxfp4")  # fmt: skip
        alone, drafted = (resolve(one).serve().tpot_s for one in (asked, replace(asked, drafts=3, acceptance=0.7)))
        gain[clients] = alone / drafted
    assert gain[4] > 1.1 * gain[64] > 1.1
