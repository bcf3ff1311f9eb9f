"""What every row of every catalogue model's operator table promises: its counts, and who does them."""

import math
from functools import cache

import pytest

from tokenroof.catalog import load_model, model_ids
from tokenroof.operators.layouts import layout_faults
from tokenroof.operators.lower import lower
from tokenroof.operators.program import form_value, variables
from tokenroof.types.layout import Layout
from tokenroof.types.model import MoeFfn
from tokenroof.types.program import FIXED_VARIABLES, Form, Load, Operator, Program
from tokenroof.xp import SCALAR

MODELS = sorted(model_ids())
FORMS = ("flops", "weights", "kv_read", "kv_write", "activations")
CONTEXT_KINDS = ("attention", "mla", "mla_sparse", "indexer", "recurrence")
KINDS = {
    "gemm", "grouped_gemm", "bmm", "elementwise", "embedding", "sampling", "collective",
    *(f"{kind}_{part}" for kind in CONTEXT_KINDS for part in ("decode", "prefill")),
}  # fmt: skip
# What tp does not cut: every rank holds it whole and does it again.
COPIED = {
    "router", "norms and residuals", "latent down", "latent up", "indexer projections", "indexer scan (decode)",
    "indexer scan (prefill)", "Q and latent down", "Q and latent projection", "Q down and KV projection",
    "QKV projection",
}  # fmt: skip
every_model = pytest.mark.parametrize("model", MODELS)


@cache
def program_of(model: str, layout: Layout | None = None) -> Program:
    return lower(load_model(model), layout)


def forms(row: Operator) -> dict[str, Form]:
    found = {name: getattr(row, name) for name in FORMS}
    return found | ({"comm": row.comm.bytes} if row.comm else {})


def counts(program: Program, decode: Load | None = None, prefill: Load | None = None) -> list[dict[str, float]]:
    """All runs of each row, on the busiest GPU."""
    values = variables(program, decode, prefill, SCALAR)
    return [{n: row.count * form_value(form, values) for n, form in forms(row).items()} for row in program.operators]


@every_model
def test_forms_are_linear_in_known_variables_with_no_negative_coefficient(model: str) -> None:
    program = program_of(model)
    assert tuple(v.kind for v in program.variables[: len(FIXED_VARIABLES)]) == FIXED_VARIABLES
    for row in program.operators:
        assert row.kind in KINDS
        assert row.count > 0
        assert row.part in ("all", "decode", "prefill")
        for form in forms(row).values():
            for position, coefficient in form:
                assert 0 <= position < len(program.variables)
                assert math.isfinite(coefficient)
                assert coefficient >= 0


@every_model
def test_each_count_is_driven_by_variables_of_its_kind(model: str) -> None:
    """FLOP by tokens or pairs; weights by being there or being touched; the cache by tokens read, written, kept."""
    program = program_of(model)
    tokens = {"tokens", "stage_tokens", "logits", "decode_tokens", "prefill_tokens"}
    state = {"decode_sequences", "prefill_sequences"}
    allowed = {
        "flops": tokens | {"pairs", "reads"},
        "weights": {"one", "decode", "prefill", "touched"},
        "kv_read": {"reads"} | state,
        "kv_write": tokens | state,
        "activations": tokens | {"reads"},
        "comm": tokens | {"reads"},
    }
    for row in program.operators:
        for name, form in forms(row).items():
            assert {program.variables[at].kind for at, _ in form} <= allowed[name], (row.name, name)


STEPS = [
    (Load(8.0, 8.0, 700.0), Load(64.0, 64.0, 700.0)),  # more sequences
    (Load(8.0, 8.0, 700.0), Load(8.0, 8.0, 70_000.0)),  # longer ones
    (Load(8.0, 8.0, 700.0), Load(32.0, 8.0, 700.0)),  # more new tokens in each
]


@every_model
@pytest.mark.parametrize("part", ["decode", "prefill"])
def test_more_work_is_never_counted_as_less(model: str, part: str) -> None:
    program = program_of(model)
    for less, more in STEPS:
        before, after = counts(program, **{part: less}), counts(program, **{part: more})
        for row, low, high in zip(program.operators, before, after, strict=True):
            rules = {program.variables[at].rule.kind for form in forms(row).values() for at, _ in form}
            if "chunk" in rules and more.context > less.context:
                continue  # a sequence that starts a new chunk has little to attend to
            for name in low:
                assert 0 <= low[name] <= high[name] * (1 + 1e-12), (row.name, name)


def layouts_of(model: str) -> list[Layout]:
    loaded = load_model(model)
    moe = any(isinstance(group.ffn, MoeFfn) for group in loaded.layers)
    wanted = [
        Layout(tp=2), Layout(tp=8), Layout(dp=4), Layout(pp=2), Layout(cp=2), Layout(tp=2, dp=2, pp=2),
        *([Layout(dp=8, ep=8), Layout(tp=4, ep=4), Layout(tp=2, dp=4, ep=8)] if moe else []),
    ]  # fmt: skip
    return [layout for layout in wanted if not list(layout_faults(loaded, layout))]


@every_model
def test_all_gpus_together_do_the_arithmetic_of_one(model: str) -> None:
    """FLOP of a row over all GPUs: those of a single GPU, and more only where tp copies the row."""
    load = {"decode": Load(2048.0, 1024.0, 4096.0), "prefill": Load(8192.0, 8.0, 4096.0)}
    alone = program_of(model)
    names = [(row.name, row.kind, row.count) for row in alone.operators if row.comm is None]
    once = [c["flops"] for row, c in zip(alone.operators, counts(alone, **load), strict=True) if row.comm is None]
    for layout in layouts_of(model):
        spread = program_of(model, layout)
        kernels = [
            (row, c) for row, c in zip(spread.operators, counts(spread, **load), strict=True) if row.comm is None
        ]
        assert [(row.name, row.kind, row.count) for row, _ in kernels] == names
        for (row, count), whole in zip(kernels, once, strict=True):
            total = count["flops"] * layout.stage
            if row.name in COPIED and layout.tp > 1:
                assert whole * (1 - 1e-9) <= total <= whole * layout.tp * (1 + 1e-9), (row.name, layout)
            else:
                assert total == pytest.approx(whole, rel=1e-9), (row.name, layout)


@every_model
def test_all_gpus_together_hold_the_weights_of_one(model: str) -> None:
    """Experts once over the stage; everything else once over tp and once more for each dp group and cp rank."""
    alone = program_of(model).stored_bytes
    for layout in layouts_of(model):
        spread = program_of(model, layout).stored_bytes
        copies = layout.dp * layout.cp
        assert spread.keys() == alone.keys()
        for name, whole in alone.items():
            total = spread[name] * layout.stage
            if name == "experts":
                assert total == pytest.approx(whole, rel=1e-9), layout
            else:
                once = total / copies
                assert whole * (1 - 1e-9) <= once <= whole * layout.tp * (1 + 1e-9), (name, layout)
                if name in ("dense", "shared_experts", "embedding", "unembedding") and "latent down" not in {
                    row.name for row in program_of(model).operators
                }:
                    assert once == pytest.approx(whole, rel=1e-9), (name, layout)
