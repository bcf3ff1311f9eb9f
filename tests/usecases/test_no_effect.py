"""Nothing that is asked is ignored in silence: each field of a scenario changes the answer, or is refused."""

import json
from dataclasses import fields
from typing import Any

import pytest

from tokenroof.errors import InputError, TokenroofError
from tokenroof.present.json import finite_json
from tokenroof.scenario.resolve import resolve
from tokenroof.schema import changed, parse
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.analyze.run import analyze
from tokenroof.usecases.money.break_even import BreakEvenRequest, break_even
from tokenroof.usecases.money.price import PriceRequest, price
from tokenroof.usecases.money.speculate import SpeculateRequest, speculate
from tokenroof.usecases.plan.request import PlanRequest
from tokenroof.usecases.plan.run import plan

MOE = {"model": "deepseek-v3", "system": "8xh200"}
DENSE = {"model": "llama-3.3-70b", "system": "8xh100"}
APART = {"model": "llama-3.1-8b", "system": "8xh100", "prefill_layout": "tp1", "decode_layout": "tp1",
         "prefill_workers": 2, "decode_workers": 2}  # fmt: skip
# field -> (a scenario, a value that makes another question of it)
CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "model": (DENSE, "llama-3.1-8b"), "system": (DENSE, "8xh200"), "tp": (DENSE, 8), "pp": (DENSE, 2),
    "ep": (MOE | {"tp": 8}, 8), "dp": (DENSE, 2), "cp": (DENSE, 2), "dcp": (MOE | {"tp": 8}, 8),
    "redundant_experts": (MOE | {"tp": 8, "ep": 8}, 32),
    "replicas": (DENSE | {"tp": 4}, 1), "weight_dtype": (DENSE, "fp8"), "kv_dtype": (DENSE, "fp8"),
    "engine": (DENSE, "sglang"), "engine_version": (DENSE, "0.7.3"), "memory_fraction": (DENSE, 0.8),
    "max_num_seqs": (DENSE, 16), "max_batched_tokens": (DENSE, 1024),
    "gather_passes": (MOE | {"tp": 1, "dp": 8, "ep": 8}, 30), "moe_a2a_backend": (MOE | {"dp": 8, "ep": 8}, "none"),
    "dispatch_dtype": (MOE | {"dp": 8, "ep": 8}, "bf16"),
    "two_batch_overlap": (MOE | {"dp": 8, "ep": 8}, True), "isl": (DENSE, 8000), "osl": (DENSE, 100),
    "prefix": (DENSE, 1000), "context": (DENSE, 9000), "batch": (DENSE, 4), "concurrency": (DENSE, 16),
    "request_rate": (DENSE, 1), "users": (DENSE, 20), "think": (DENSE | {"users": 20}, 5), "ttft": (DENSE, 0.1),
    "tpot": (DENSE, 0.03), "slo": (DENSE, "code"), "mode": (DENSE, "disagg"), "acceptance": (MOE | {"drafts": 2}, 0.5),
    "drafts": (MOE | {"acceptance": 0.5}, 2), "price_per_gpu_hour": (DENSE, 9), "profile": (DENSE, "peak"),
    "prefill_layout": (APART, "tp2"), "decode_layout": (APART, "tp2"), "prefill_workers": (APART, 1),
    "decode_workers": (APART, 1), "decode_system": (APART, "8xh200"), "set": (DENSE, {"chip.memory_bandwidth": "2x"}),
}  # fmt: skip


def numbers(answer: Any) -> str:
    """The answer as JSON without what it says of the question itself."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: plain(v) for k, v in value.items() if k not in ("request", "defaults", "layout_reason", "sentence")
            }
        return [plain(one) for one in value] if isinstance(value, list | tuple) else value

    return json.dumps(plain(finite_json(answer)), sort_keys=True)


def test_every_field_has_its_question() -> None:
    assert sorted(CHANGES) == sorted(one.name for one in fields(Scenario))


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_changes_the_answer_or_is_refused(name: str) -> None:
    base, value = CHANGES[name]
    try:
        asked = analyze(parse(AnalyzeRequest, base | {name: value}))
    except TokenroofError as error:
        assert name in str(error)
        return
    try:
        before = analyze(parse(AnalyzeRequest, base))
    except InputError as error:  # a field that the other one needs
        assert name in str(error)
        return
    assert numbers(asked) != numbers(before)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"acceptance": 0.8}, "acceptance", "`drafts`"),
        ({"acceptance": 0.0}, "acceptance", "`drafts`"),
        ({"drafts": 2}, "drafts", "`acceptance`"),
        ({"tp": 8, "two_batch_overlap": True}, "two_batch_overlap", "no token is sent to experts"),
        ({"dp": 2, "dispatch_dtype": "fp8"}, "dispatch_dtype", "a model with experts"),
        ({"think": 5}, "think", "`users`"),
        ({"think": 0, "concurrency": 8}, "think", "`users`"),
        ({"engine": "none", "engine_version": "1.0"}, "engine_version", "left out"),
        ({"osl": 1}, "osl", "time per output token"),
        ({"context": 1}, "context", "from 2"),
        ({"mode": "disagg"}, "mode", "ask plan"),
        ({"engine_version": "newest"}, "engine_version", "before 0.8, 0.8 and later"),
        ({"engine": "trtllm", "engine_version": "x1"}, "engine_version", "before 1, 1 and later"),
        ({"engine": "sglang", "engine_version": "x1"}, "engine_version", "all versions alike"),
    ],
)
def test_what_would_change_nothing_is_refused(given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(parse(Scenario, DENSE | given))
    assert field in str(caught.value) and words in str(caught.value)


def test_no_drafts_may_be_said() -> None:
    assert resolve(parse(Scenario, MOE | {"drafts": 0})).tokens_per_step == 1.0
    assert resolve(parse(Scenario, MOE | {"drafts": 0, "acceptance": 0.8})).tokens_per_step == 1.0


def test_a_version_beyond_the_records_counts_as_the_newest_and_says_so() -> None:
    told = {one.field: one for one in resolve(parse(Scenario, DENSE | {"engine_version": "0.19.1"})).defaults}
    assert told["engine_version"].value == "0.19.1, as 0.8 and later"
    assert told["engine_version"].reason.startswith("vLLM is known before 0.8, 0.8 and later; memory: vLLM 0.17:")
    for exact in ("0.8", "v0.7.3", ""):
        told = {one.field: one for one in resolve(parse(Scenario, DENSE | {"engine_version": exact})).defaults}
        assert "engine_version" not in told


def test_lengths_beyond_the_model_are_answered_with_a_warning() -> None:
    limit = 131_072
    asked = {"isl": limit - 511, "osl": 512, "concurrency": 1}
    expected = (
        "isl + osl = 131,073 tokens, but meta-llama/Llama-3.3-70B-Instruct is made for 131,072: an engine refuses them "
        "unless its positions are scaled"
    )
    assert analyze(parse(AnalyzeRequest, DENSE | asked)).warnings == (expected,)
    assert analyze(parse(AnalyzeRequest, DENSE | asked | {"isl": limit - 512})).warnings == ()
    assert plan(parse(PlanRequest, DENSE | asked)).warnings == (expected,)
    assert speculate(parse(SpeculateRequest, DENSE | asked)).warnings == (expected,)  # type: ignore[union-attr]
    found = price(parse(PriceRequest, DENSE | asked))
    assert found.economics.warnings == (expected,)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "field"),
    [({"batch": 4}, "batch"), ({"replicas": 2}, "replicas"), ({"redundant_experts": 8}, "redundant_experts")],
)
def test_what_a_plan_chooses_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"{field} = .* left out: a plan chooses it"):
        plan(parse(PlanRequest, MOE | given))


def test_drafts_of_no_head_are_refused() -> None:
    with pytest.raises(InputError, match="drafts = 2: must be left out"):
        speculate(parse(SpeculateRequest, DENSE | {"drafts": 2}))
    with pytest.raises(InputError, match="drafts = 2: must be left out"):
        speculate(parse(SpeculateRequest, MOE | {"drafts": 2, "draft_cost": 0.1}))


def test_rates_of_another_currency_are_refused() -> None:
    with pytest.raises(InputError, match="rates = 'EUR': must be of USD, the currency of deepseek/deepseek-v3"):
        break_even(parse(BreakEvenRequest, MOE | {"offer": "deepseek/deepseek-v3", "rates": {"EUR": 1.1}}))


def test_a_load_takes_the_place_of_another() -> None:
    users = parse(Scenario, DENSE | {"users": 20, "think": 5})
    assert changed(users, concurrency=8) == parse(Scenario, DENSE | {"concurrency": 8})
    assert changed(users, users=30).think == 5.0
    assert changed(users, tp=4).users == 20.0
