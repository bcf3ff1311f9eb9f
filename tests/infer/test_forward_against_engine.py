"""The closed form of deduction against the operator engine: cost of a token of known models on eight H200.

docs/deduction.md prints these figures and says where each gap comes from. Both sides get FP8 weights, 16-bit cache,
the same rent and the same sequences per read of the weights, so that only the models of the machine differ.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tokenroof.catalog.models.index import load_model
from tokenroof.catalog.profile import claim_level, profile_for
from tokenroof.catalog.systems import load_system
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.cases import truth_of
from tokenroof.infer.forward import predict_prices
from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load

CONTEXT = 4989.0  # mean context that DeepSeek published
BATCHES = (32.0, 128.0)  # per read of the weights; memory holds 138 of DeepSeek-V3
USD_PER_CHIP_H = 3.0  # cancels in every ratio
LAYOUTS = {
    "llama-3.1-8b": Layout(tp=1),
    "qwen3-32b": Layout(tp=2),
    "llama-3.1-70b": Layout(tp=4),
    "gpt-oss-120b": Layout(tp=2),
    "qwen3-235b-a22b": Layout(tp=8, ep=8),
    "deepseek-v3": Layout(tp=8, ep=8),
}
DENSE = ("llama-3.1-8b", "qwen3-32b", "llama-3.1-70b")
SYSTEM = load_system("8xh200")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Engine's cost over the closed form's."""

    input_x: float
    output_x: float


def _closed_form(model: str, batch: float, mfu: float, mbu: float) -> tuple[float, float]:
    truth, chip = truth_of(model), SYSTEM.chip
    assert truth is not None
    unknowns = {
        "total_params": truth.total_params,
        "active_params": truth.active_params,
        "kv_bytes_per_token": truth.kv_bytes_per_token,
        "scan_fraction": truth.scan_fraction,
        "weight_bytes": 1.0,
        "flops_per_s": chip.flops_per_s["fp8"],
        "bytes_per_s": chip.bytes_per_s,
        "memory_bytes": chip.memory_bytes,
        "usd_per_chip_h": USD_PER_CHIP_H,
        "batch": batch,
        "prefill_mfu": mfu,
        "decode_mbu": mbu,
        "context_in_use": CONTEXT,
        # no part of the cost of a token
        **dict.fromkeys(("markup", "duty_cycle", "storage_markup", "speed_gain", "chips_over_least"), 1.0),
        "tier_usd_per_byte_h": 1e-12,
    }
    found = predict_prices({name: np.array([value]) for name, value in unknowns.items()})
    return math.exp(found["input_cost"][0]), math.exp(found["output_cost"][0])


def gap(model: str, batch: float, *, peak: bool) -> Gap:
    truth = truth_of(model)
    assert truth is not None
    profile = PEAK if peak else profile_for(SYSTEM, "vllm")
    layout = replace(LAYOUTS[model], weights=uniform_dtypes("fp8"), kv_dtype="bf16")
    timed = bind(lower(load_model(model), layout), SYSTEM, profile)
    replicas = SYSTEM.n_chips // layout.n_gpus
    prompts = 8192.0 / CONTEXT * layout.dp  # a full step of prefill in every dp group
    prefill_s = float(timed.step(prefill=Load(CONTEXT * prompts, prompts, CONTEXT)).step_s) / prompts / replicas
    decode_s = float(timed.step(decode=Load(batch, batch, CONTEXT)).step_s) / batch / replicas
    # medians of infer.priors: MFU 0.5 over sqrt(sparsity), MBU 0.6
    mfu = 1.0 if peak else 0.5 / math.sqrt(truth.total_params / truth.active_params)
    fresh, out = _closed_form(model, batch, mfu, 1.0 if peak else 0.6)
    usd_per_s = USD_PER_CHIP_H * SYSTEM.n_chips / 3600.0
    return Gap(
        input_x=prefill_s / CONTEXT * usd_per_s / fresh,
        output_x=decode_s * usd_per_s / out,
    )


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", DENSE)
def test_decode_of_dense_models_is_the_engine_at_the_speed_of_light(model: str, batch: float) -> None:
    """0.99 to 1.04: what is left is the embedding, which a step does not read, and all-reduces."""
    assert gap(model, batch, peak=True).output_x == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("model", sorted(set(LAYOUTS) - set(DENSE)))
def test_decode_of_mixtures_reads_only_experts_that_are_hit(model: str) -> None:
    """At 32 sequences the engine leaves experts unread, at 128 it waits for the network: 0.66 to 1.46."""
    few, many = (gap(model, batch, peak=True).output_x for batch in BATCHES)
    assert 0.6 < few < many < 1.55


@pytest.mark.parametrize("model", LAYOUTS)
def test_prefill_at_the_speed_of_light_costs_the_engine_more(model: str) -> None:
    """1.26 to 1.98: attention's arithmetic and the network, which the closed form leaves to its MFU."""
    assert 1.0 < gap(model, 32.0, peak=True).input_x < 2.1


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", LAYOUTS)
def test_calibrated_engine_is_within_the_stated_factor(model: str, batch: float) -> None:
    """0.41 to 1.36 for input, 0.68 to 1.81 for output, with the prior's medians for MFU and MBU."""
    found = gap(model, batch, peak=False)
    assert claim_level(profile_for(SYSTEM, "vllm")) == "calibrated"
    assert 1 / 2.6 < found.input_x < 1.5
    assert 1 / 1.6 < found.output_x < 1.95


def test_the_fitted_scatter_covers_the_gap() -> None:
    """Offsets absorb a common factor; what differs from model to model, 0.40 and 0.34, is less than the scatter fitted.

    The scatter of the price level is the whole one: its `sd` leaves out what the priors of MFU and rent explain.
    """
    gaps = [gap(model, batch, peak=False) for model in LAYOUTS for batch in BATCHES]
    spread_in = float(np.std(np.log([g.input_x for g in gaps])))
    spread_ratio = float(np.std(np.log([g.output_x / g.input_x for g in gaps])))
    assert 0.1 < spread_in < CALIBRATIONS["input_price"].total_sd
    assert 0.1 < spread_ratio < CALIBRATIONS["output_ratio"].sd
