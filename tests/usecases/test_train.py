"""Training and serving as one budget: the optimum is one, the split is what was asked, memory falls as promised."""

import math
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.present.charts.train import draw
from tokenroof.usecases.train.run import FITS, TrainRequest, TrainResponse, tokens_at_loss, train


@lru_cache(maxsize=64)
def _asked(key: tuple[tuple[str, Any], ...]) -> TrainResponse:
    return train(TrainRequest(**dict(key)))


def ask(**fields: Any) -> TrainResponse:
    return _asked(tuple(sorted(fields.items())))


def both_flops(answer: TrainResponse, params: float, tokens: float) -> float:
    return 6 * params * tokens + 2 * params * answer.inference_tokens * answer.inefficiency


@given(
    active=st.floats(1e9, 1e12), served=st.floats(1e9, 1e16), inefficiency=st.floats(1, 10),
    fit=st.sampled_from(sorted(FITS)), size=st.floats(0.02, 50),
)  # fmt: skip
def test_no_model_of_the_same_loss_is_cheaper_than_the_optimum(
    active: float, served: float, inefficiency: float, fit: str, size: float
) -> None:
    answer = train(TrainRequest(active_params=active, inference_tokens=served, inefficiency=inefficiency, fit=fit))
    best = answer.optimum
    assert answer.fit.loss(best.params, best.tokens) == pytest.approx(best.loss, rel=1e-6)
    assert best.flops == pytest.approx(both_flops(answer, best.params, best.tokens))
    other = best.params * size
    tokens = tokens_at_loss(answer.fit, best.loss, other)
    if tokens is not None:
        assert both_flops(answer, other, tokens) >= best.flops * (1 - 1e-6)
    assert best.split_over_optimum is not None
    assert best.split_over_optimum >= 1 - 1e-6
    # serving pulls towards a smaller model that is trained for longer
    assert best.params <= best.alone_params * (1 + 1e-6)
    assert best.tokens >= best.alone_tokens * (1 - 1e-6)


@given(
    pre=st.floats(0.05, 10), rl=st.floats(0.05, 10), serve=st.floats(0.05, 10), inefficiency=st.floats(1, 10),
    rl_flops=st.floats(2, 6),
)  # fmt: skip
def test_phases_cost_the_shares_that_were_asked(
    pre: float, rl: float, serve: float, inefficiency: float, rl_flops: float
) -> None:
    equal = train(
        TrainRequest(split=(pre, rl, serve), inefficiency=inefficiency, rl_flops_per_param_token=rl_flops)
    ).equal
    total = equal.pretrain_flops + equal.rl_flops + equal.inference_flops
    whole = pre + rl + serve
    assert equal.pretrain_flops / total == pytest.approx(pre / whole)
    assert equal.rl_flops / total == pytest.approx(rl / whole)
    assert equal.inference_flops / total == pytest.approx(serve / whole)


def test_the_hosts_alternative_split() -> None:
    """Lecture, overtraining: a quarter, a quarter and a half serve twice the tokens trained on, at inefficiency 3."""
    equal = ask(split=(0.25, 0.25, 0.5)).equal
    assert equal.inference_tokens / equal.pretrain_tokens == pytest.approx(2.0)


@pytest.mark.parametrize(("rl_flops", "ratio"), [(3.0, 2 / 3), (2.0, 1.0), (6.0, 1 / 3)])
def test_vectors_r10(rl_flops: float, ratio: float) -> None:
    equal = ask(rl_flops_per_param_token=rl_flops).equal
    assert equal.rl_tokens / equal.pretrain_tokens == pytest.approx(ratio)


def test_a_model_brings_its_active_parameters_layers_and_width() -> None:
    answer = ask(model="deepseek-v3", tokens=14.8e12)
    assert answer.params == pytest.approx(36.6e9, rel=2e-3)  # V7: without the input embedding
    assert answer.run is not None
    assert answer.run.overtraining == pytest.approx(14.8e12 / 20 / answer.params)
    assert answer.activations is not None
    assert (answer.activations.layers, answer.activations.hidden) == (61, 7168)


def test_bills_are_hours_times_price() -> None:
    answer = ask(model="llama-3.1-70b", tokens=15e12, system="1024xh100", usd_per_gpu_h=2.5, mfu=0.5)
    run = {bill.name: bill for bill in answer.bills}["the run"]
    assert run.gpu_hours == pytest.approx(run.flops / (0.5 * 989.4e12) / 3600)
    assert run.usd == pytest.approx(2.5 * run.gpu_hours)
    assert run.days == pytest.approx(run.gpu_hours / 1024 / 24)


def test_bubbles_by_schedule() -> None:
    by = {bubble.schedule: bubble for bubble in ask(stages=4, micro_batches=8, chunks=2).bubbles}
    assert by["GPipe"].idle == by["1F1B"].idle == pytest.approx(3 / 11)
    assert by["interleaved, 2 chunks"].idle == pytest.approx(3 / 19)
    assert by["ZB-H1"].idle == pytest.approx(3 / (3 * 8 + 3))
    assert by["ZB-H2"].idle == 0.0
    # without a bubble the first stage starts 2 P - 1 = 7 micro-batches before it ends one (Qi et al., table 1)
    assert by["ZB-H2"].in_flight == 7
    few = {bubble.schedule: bubble for bubble in ask(stages=4, micro_batches=3, chunks=2).bubbles}
    assert few["ZB-H2"].in_flight == few["1F1B"].in_flight == 3
    assert by["GPipe"].in_flight == 8
    assert by["1F1B"].in_flight == 4


@given(stages=st.integers(1, 64), micro_batches=st.integers(1, 512), chunks=st.integers(1, 16))
def test_better_schedules_never_wait_longer(stages: int, micro_batches: int, chunks: int) -> None:
    plain, one, interleaved, zero, none, _ = ask(stages=stages, micro_batches=micro_batches, chunks=chunks).bubbles
    assert plain.idle == one.idle >= interleaved.idle >= 0
    assert one.idle >= zero.idle >= none.idle == 0
    assert one.in_flight <= plain.in_flight


@given(layers=st.integers(1, 200), stages=st.integers(1, 32), micro_batches=st.integers(1, 64), kept=st.floats(3, 40))
def test_recomputing_and_reversing_save_memory(layers: int, stages: int, micro_batches: int, kept: float) -> None:
    answer = train(
        TrainRequest(layers=layers, hidden=4096, stages=stages, micro_batches=micro_batches, tensors_per_layer=kept)
    )
    assert answer.activations is not None
    store, recompute, reverse = answer.activations.rows
    assert (store.flops_per_param_token, recompute.flops_per_param_token, reverse.flops_per_param_token) == (6, 8, 8)
    assert store.one_bytes == pytest.approx(layers * kept * 4096 * 4096 * 2)
    if layers >= 2 and kept >= 2 * layers / (layers - 1):
        assert recompute.one_bytes <= store.one_bytes * (1 + 1e-9)
    if layers >= 2:
        assert reverse.one_bytes <= recompute.one_bytes * (1 + 1e-9)


def test_reversible_memory_does_not_grow_with_depth() -> None:
    few, many = (ask(layers=layers, hidden=4096).activations for layers in (10, 100))
    assert few is not None
    assert many is not None
    assert few.rows[2].one_bytes == many.rows[2].one_bytes
    assert many.rows[0].one_bytes == 10 * few.rows[0].one_bytes


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"active_params": 0.0}, "active"), ({"inefficiency": 0.5}, "inefficiency"),
        ({"rl_flops_per_param_token": 1.0}, "rl_flops"),
        ({"split": (0.0, 1.0, 1.0)}, "split"), ({"split": (math.nan, 1.0, 1.0)}, "split"), ({"loss": 1.0}, "loss"),
        ({"loss": 1.8172}, "loss"), ({"fit": "mine"}, "fit"), ({"tokens": -1.0}, "tokens"), ({"days": 0.0}, "days"),
        ({"tokens_per_s": math.inf}, "tokens_per_s"), ({"inference_tokens": 1e12, "tokens_per_s": 1.0}, "tokens_per_s"),
        ({"mfu": 1.5, "system": "h100"}, "mfu"), ({"stages": 0}, "stages"), ({"micro_batches": 0}, "micro_batches"),
        ({"chunks": 0}, "chunks"), ({"layers": 0, "hidden": 1}, "layers"),
        ({"tokens_per_param": 0.0}, "tokens_per_param"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        train(TrainRequest(**fields))
    assert caught.value.field == field


def test_names_and_missing_data() -> None:
    with pytest.raises(UnknownName):
        train(TrainRequest(model="llama-9"))
    with pytest.raises(DataMissing, match="fp4"):
        train(TrainRequest(system="8xh100", arithmetic="fp4"))
    with pytest.raises(DataMissing, match="rental"):
        train(TrainRequest(system="8xgaudi2"))


def test_charts_are_the_same_bytes(tmp_path: Any) -> None:
    answer = ask(model="deepseek-v3")
    for name in ("a.svg", "b.svg"):
        draw(answer, tmp_path / name, stages=8, chunks=4)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    for words in ("optimum: ", "equal split: ", "ZB-H1", "reversible layers"):
        assert words in text
