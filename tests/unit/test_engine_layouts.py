"""Which layouts are refused, and what the message says."""

import engine_cases as cases
import numpy as np
import pytest
from hypothesis import given

from tokenroof.errors import InputError, UnknownName
from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.operators.layouts import check_layout, is_legal, layout_faults, legal_tp, stack
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.types.layout import Layout

V3, LLAMA = cases.deepseek_v3(), cases.llama_3_70b()


def only_fault(model, layout, system=None):
    (fault,) = layout_faults(model, layout, system)
    return str(fault)


@pytest.mark.parametrize(("model", "layout", "expected"), [
    (LLAMA, Layout(tp=5), "tp = 5: must be a divisor of the 64 attention heads; use 4 or 8"),
    (V3, Layout(tp=8, ep=16), "ep = 16: must be a divisor of tp * dp * cp = 8; use 8"),
    (V3, Layout(pp=2), "pp = 2: must be a divisor of the 61 layers; use 1 or 61"),
    (V3, Layout(dp=72, ep=72), "ep = 72: must be a divisor of the 256 experts of a layer; `redundant_experts` 32"),
    (V3, Layout(dp=3, ep=1), "ep = 1: must be such that tp * dp * cp / ep = 3 divides the expert width 2048"),
    (LLAMA, Layout(tp=2, ep=2), "ep = 2: must be 1, since llama-3-70b has no experts; use tp or dp"),
    (LLAMA, Layout(redundant_experts=2), "redundant_experts = 2: must be 0, since llama-3-70b has no experts"),
    (V3, Layout(redundant_experts=-1), "redundant_experts = -1: must be a whole number, at least 0"),
    (V3, Layout(tp=0), "tp = 0: must be a whole number, at least 1"),
    (V3, Layout(dp=1.5), "dp = 1.5: must be a whole number, at least 1"),
    (V3, Layout(cp=True), "cp = True: must be a whole number, at least 1"),
])  # fmt: skip
def test_a_layout_that_does_not_divide_is_refused_with_the_nearest_legal_choice(model, layout, expected):
    faults = [str(fault) for fault in layout_faults(model, layout)]
    assert any(fault.startswith(expected) for fault in faults), faults
    with pytest.raises(InputError):
        check_layout(model, layout)


def test_all_faults_at_once():
    faults = [fault.field for fault in layout_faults(V3, Layout(tp=3, pp=2, dp=100), cases.h100s(8))]
    assert set(faults) >= {"tp", "pp", "tp * dp * cp * pp"}


def test_too_many_gpus_names_the_machine():
    fault = only_fault(V3, Layout(tp=8, dp=2, ep=16), cases.h100s(8))
    fix = "use tp = 4 with ep = 8 or dp = 1 with ep = 8"
    assert fault == f"tp * dp * cp * pp = 16: must be at most 8 chips of 8 x h100; {fix}"


def test_a_format_that_the_chip_lacks():
    h100 = cases.h100s(8)
    wanted = Layout(tp=8, weights=uniform_dtypes("nvfp4", keep_embeddings="bf16"))
    assert is_legal(LLAMA, wanted, h100)  # kernels expand such weights to 16 bits
    assert arithmetic_rate(h100.chip, "fp4") == ("bf16", h100.chip.flops_per_s["bf16"])
    assert "arithmetic = 'fp4'" in only_fault(LLAMA, Layout(tp=8, arithmetic="fp4"), h100)
    with pytest.raises(UnknownName, match="dtype"):
        layout_faults(LLAMA, Layout(kv_dtype="fp3"))


def test_a_checkpoint_in_a_format_that_the_chip_lacks_is_served_in_16_bits():
    """mxfp4 weights on a chip without fp4: legal as long as nobody asked for fp4 arithmetic."""
    stored = cases.llama_3_70b(dtype="mxfp4")
    assert is_legal(stored, Layout(tp=8), cases.h100s(8))


def test_kv_heads_divide_or_are_copied():
    assert legal_tp(LLAMA, 64) == (1, 2, 4, 8, 16, 32, 64)
    odd = cases.dense("q", 28, 3584, 18944, 28, 4, 128, 152064)  # Qwen2.5-7B
    assert legal_tp(odd, 64) == (1, 2, 4)  # 7 and 14 neither divide 4 heads nor are multiples; 28 does not cut the MLP
    assert "use 2 or 4" in str(layout_faults(odd, Layout(tp=3))[0])


def test_the_lectures_256_experts_on_72_gpus():
    """64 of 72 GPUs with 4 experts each (lecture 2.2), or 32 copies for 144."""
    machine = cases.system(n=72, rates=cases.H100_RATES)
    assert is_legal(V3, Layout(dp=64, ep=64), machine)
    assert not is_legal(V3, Layout(dp=72, ep=72), machine)
    assert is_legal(V3, Layout(dp=72, ep=72, redundant_experts=32), machine)


def test_uneven_stages_are_allowed_on_request():
    assert layout_faults(V3, Layout(pp=2), uneven_layers=True) == ()
    assert layout_faults(V3, Layout(pp=62), uneven_layers=True)


@given(cases.models(), cases.layouts())
def test_legal_layouts_lower_to_finite_coefficients(model, layout):
    for row in lower(model, layout).operators:
        for form in (row.flops, row.weights, row.kv_read, row.kv_write, row.activations):
            assert all(np.isfinite(c) and c >= 0 for _, c in form)


def test_stacking_needs_layouts_of_one_kind():
    with pytest.raises(InputError, match="kv_dtype"):
        stack([Layout(tp=2), Layout(tp=4, kv_dtype="fp8")])
    with pytest.raises(InputError, match="at least one"):
        stack([])
    assert list(stack([Layout(tp=2), Layout(dp=4)]).n_gpus) == [2, 4]
