"""Models reduced to their totals against their own programs: counts of a pass, and cost of a token on eight H200.

docs/deduction.md prints the costs and says where each gap comes from. Both sides get FP8 weights, 16-bit cache, the
same chips, rent and requests at once, so that only what is known of the model differs, and calibrated also how well a
machine is used.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from tokenroof.catalog.models.index import load_model
from tokenroof.catalog.offers.history import sizes_of
from tokenroof.catalog.systems import load_system
from tokenroof.errors import UnknownName
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.cases import Truth, known_truths, truth_of
from tokenroof.infer.forward import served_at
from tokenroof.infer.sellers import deployed
from tokenroof.infer.sketch import sketch
from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.operators.lower import lower
from tokenroof.operators.program import totals
from tokenroof.scenario.resolve import resolve
from tokenroof.types.layout import Layout
from tokenroof.types.model import Model
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario

CONTEXT = 4989.0  # mean context that DeepSeek published
BATCHES = (32.0, 128.0)  # memory holds 138 of DeepSeek-V3
USD_PER_CHIP_H = 3.0  # cancels in every ratio
LAYOUTS = {
    "llama-3.1-8b": Layout(tp=1),
    "qwen3-32b": Layout(tp=2),
    "llama-3.1-70b": Layout(tp=4),
    "gpt-oss-120b": Layout(tp=2),
    "qwen3-235b-a22b": Layout(tp=8, ep=8),
    "deepseek-v3": Layout(tp=8, ep=8),
}
SYSTEM = load_system("8xh200")


def sketched(truth: Truth, gpus: int) -> dict[str, np.ndarray]:
    chip = SYSTEM.chip
    found = {
        "total_params": truth.total_params, "active_params": truth.active_params, "weight_bytes": 1.0,
        "kv_bytes_per_token": truth.kv_bytes_per_token, "scan_fraction": truth.scan_fraction,
        "flops_per_s": chip.flops_per_s["fp8"], "bf16_flops_per_s": chip.flops_per_s["bf16"],
        "bytes_per_s": chip.bytes_per_s, "visible_bytes": chip.memory_bytes,
    }  # fmt: skip
    return {name: np.array([value]) for name, value in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The program's cost over the sketch's."""

    input_x: float
    output_x: float


def gap(model: str, batch: float, *, peak: bool) -> Gap:
    truth, layout = truth_of(model), LAYOUTS[model]
    assert truth is not None
    own = resolve(
        Scenario(
            model=model, system="8xh200", tp=layout.tp, ep=layout.ep, weight_dtype="fp8", kv_dtype="bf16",
            context=CONTEXT, batch=batch, profile="peak" if peak else "auto",
        )
    )  # fmt: skip
    # medians of infer.priors: MFU 0.5 over sqrt(sparsity), MBU 0.6
    mfu = 1.0 if peak else 0.5 / math.sqrt(truth.total_params / truth.active_params)
    shares = {"prefill_mfu": np.array([mfu]), "decode_mbu": np.array([1.0 if peak else 0.6])}
    unknowns = sketched(truth, layout.n_gpus) | shares
    seller = deployed(unknowns, np.array([float(layout.n_gpus)]), own.workload, *([0.0] if peak else []))
    _, wanted = served_at(own, batch, USD_PER_CHIP_H, 1.0)
    _, found = served_at(seller, np.array([batch]), USD_PER_CHIP_H, 1.0)
    return Gap(
        input_x=wanted.input_usd_per_mtok / float(found.input_usd_per_mtok[0]),
        output_x=wanted.output_usd_per_mtok / float(found.output_usd_per_mtok[0]),
    )


def _of(name: str) -> Model:
    try:
        return load_model(name)
    except UnknownName:  # a quantised copy has the same shape
        return load_model(f"{name}-nvfp4")


def test_counts_of_a_pass_are_those_of_the_models_own_programs() -> None:
    """Over 132 architectures: weights read by 64 sequences, cache, arithmetic of decode and of a prompt, bytes stored.

    Medians are within 2 % and the middle halves within 10 %. Worst are MLA's absorbed decode (0.4 of its arithmetic)
    and models whose selection or windows are full at 5,000 tokens, of which the share read at 131,072 is known.
    """
    decode, prompt = Load(64.0, 64.0, CONTEXT), Load(4744.0, 1.0, 4744.0)
    ratios: dict[str, list[float]] = {}
    with_programs = [
        (name, truth) for name, truth in known_truths() if name not in sizes_of()
    ]  # of others: sizes alone
    for name, truth in with_programs:
        real = lower(_of(name), Layout(weights=uniform_dtypes("fp8"), kv_dtype="bf16"))
        one = [np.array([value]) for value in (truth.total_params, truth.active_params)]
        ours = sketch(
            Layout(), total=one[0], active=one[1], weight_bytes=np.array([1.0]),
            kv_bytes_per_token=np.array([truth.kv_bytes_per_token]), scan_fraction=np.array([truth.scan_fraction]),
        )  # fmt: skip
        there, here = totals(real, decode=decode), totals(ours, decode=decode)
        pairs = {
            "weights": (here.weight_bytes, there.weight_bytes),
            "cache": (here.kv_read_bytes, there.kv_read_bytes),
            "decode": (here.all_flops, there.all_flops),
            "prefill": (totals(ours, prefill=prompt).all_flops, totals(real, prefill=prompt).all_flops),
            "stored": (ours.stored_bytes["dense"], sum(real.stored_bytes.values())),
        }
        for count, (sketched_count, own) in pairs.items():
            ratios.setdefault(count, []).append(float(sketched_count[0]) / float(own))
    for count, found in ratios.items():
        assert len(found) > 120
        low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
        assert middle == pytest.approx(1.0, abs=0.025), count
        assert 0.89 < low <= high < 1.10, count


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-32b", "llama-3.1-70b"])
def test_dense_models_cost_what_their_programs_do_at_the_speed_of_light(model: str, batch: float) -> None:
    """Output 1.01 to 1.05, input 1.06 to 1.16: activations and all-reduces, which a sketch does not have."""
    found = gap(model, batch, peak=True)
    assert 1.0 < found.output_x < 1.06
    assert 1.0 < found.input_x < 1.2


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", ["gpt-oss-120b", "qwen3-235b-a22b", "deepseek-v3"])
def test_mixtures_wait_for_the_network_beside(model: str, batch: float) -> None:
    """Output 1.04 to 1.48, input 1.15 to 2.67."""
    found = gap(model, batch, peak=True)
    assert 1.0 < found.output_x < 1.55
    assert 1.0 < found.input_x < 2.8


@pytest.mark.xfail(strict=True, reason="input up to 1.72 of it since the refit, was 1.27")
def test_what_a_program_costs_is_near_its_sketch() -> None:
    gaps = [gap(model, batch, peak=False) for model in LAYOUTS for batch in BATCHES]
    assert all(0.25 < g.input_x < 1.4 and 0.7 < g.output_x < 1.8 for g in gaps)


def test_the_fitted_scatter_covers_the_gap() -> None:
    """With fitted profiles there and the priors' medians here: input 0.33 to 1.72 of it, output 0.71 to 1.48.

    Offsets absorb a common factor. What differs from model to model, 0.50 and 0.39 for input and for output over input,
    reaches a price by the channel's pass-through: of input less than the whole scatter around each line.
    """
    gaps = [gap(model, batch, peak=False) for model in LAYOUTS for batch in BATCHES]
    spreads = {
        "input_price": float(np.std(np.log([g.input_x for g in gaps]))),
        "output_ratio": float(np.std(np.log([g.output_x / g.input_x for g in gaps]))),
    }
    assert all(0.3 < spread < 0.6 for spread in spreads.values())
    for kind in ("market", "open"):
        line = CALIBRATIONS["input_price", kind]
        assert line.pass_through * spreads["input_price"] < line.total_sd, kind
