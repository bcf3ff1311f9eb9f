"""Every verb from Python: the options of the command line as keywords, one kind of answer, one kind of error."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tokenroof
from tokenroof.cli.main import cli
from tokenroof.usecases.analyze.closed_form import RooflineRequest
from tokenroof.usecases.deduce.run import DeduceRequest
from tokenroof.usecases.listing.kv import KvRequest
from tokenroof.usecases.money.break_even import BreakEvenRequest
from tokenroof.usecases.money.price import PriceRequest
from tokenroof.usecases.money.speculate import SpeculateRequest
from tokenroof.usecases.train.run import TrainRequest

RESULTS = str(Path(__file__).parents[2] / "examples" / "results" / "sweep.csv")
SERVED = {"isl": 512, "osl": 128}
FLAGS = ("--isl", "512", "--osl", "128")
NUMBERS = {"params": 671e9, "active": 37e9, "flops": 2.88e17, "bandwidth": "512TB/s", "kv_bytes_per_token": 70272}

# verb -> (answer by keywords, the same on the command line, the same by a request)
ASKED: dict[str, tuple[Callable[[], Any], tuple[str, ...], Callable[[], Any]]] = {
    "price": (
        lambda: tokenroof.price("llama-3.1-8b", "h100", capex_per_gpu=3e4, pair="6x,2.5x", speed=2, hold="5min",
                                blend="3:1", sell="0.1,0.4", **SERVED),
        ("llama-3.1-8b", "--system", "h100", "--capex-per-gpu", "3e4", "--pair", "6x,2.5x", "--speed", "2", "--hold",
         "5min", "--blend", "3:1", "--sell", "0.1,0.4", *FLAGS),
        lambda: tokenroof.price(PriceRequest(
            model="llama-3.1-8b", system="h100", capex_per_gpu=3e4, pair=(6.0, 2.5), speeds=(2.0,), holds_s=(300.0,),
            blend=(3.0, 1.0), sell=(0.1, 0.1, 0.4), isl=512.0, osl=128.0,
        )),
    ),
    "break-even": (
        lambda: tokenroof.break_even("llama-3.1-8b", "h100", offer="groq/gpt-oss-120b", rate={"USD": 1.0}, **SERVED),
        ("llama-3.1-8b", "--system", "h100", "--offer", "groq/gpt-oss-120b", "--rate", "USD=1", *FLAGS),
        lambda: tokenroof.break_even(BreakEvenRequest(
            model="llama-3.1-8b", system="h100", offer="groq/gpt-oss-120b", rates={"USD": 1.0}, isl=512.0, osl=128.0,
        )),
    ),
    "speculate": (
        lambda: tokenroof.speculate("llama-3.1-8b", "h100", draft_cost=0.1, depth=[1, 2], batch=8, **SERVED),
        ("llama-3.1-8b", "--system", "h100", "--draft-cost", "0.1", "--depth", "1", "--depth", "2", "--batch", "8",
         *FLAGS),
        lambda: tokenroof.speculate(SpeculateRequest(
            model="llama-3.1-8b", system="h100", draft_cost=0.1, depths=(1, 2), batches=(8.0,), isl=512.0, osl=128.0,
        )),
    ),
    "diff": (
        lambda: tokenroof.diff("llama-3.1-8b@h100", "llama-3.1-8b@b200,weight_dtype=fp8", batch=8),
        ("llama-3.1-8b@h100", "llama-3.1-8b@b200,weight_dtype=fp8", "--batch", "8"),
        lambda: tokenroof.diff(
            tokenroof.make_scenario("llama-3.1-8b", "h100", batch=8),
            tokenroof.analyze("llama-3.1-8b", "b200", weight_dtype="fp8", batch=8),
        ),
    ),
    "runs": (
        lambda: tokenroof.runs(RESULTS, tp=1),
        (RESULTS, "--tp", "1"),
        lambda: tokenroof.runs([RESULTS], tp="1"),
    ),
    "compare": (
        lambda: tokenroof.compare(RESULTS, tp=1, changes=False),
        (RESULTS, "--tp", "1", "--no-changes"),
        lambda: tokenroof.compare([RESULTS], tp="1", changes=False),
    ),
    "calibrate": (
        lambda: tokenroof.calibrate(RESULTS, kv_dtype="bf16"),
        (RESULTS, "--kv-dtype", "bf16"),
        lambda: tokenroof.calibrate([RESULTS], kv_dtype="bf16"),
    ),
    "next": (
        lambda: tokenroof.next("llama-3.1-8b", "h100", tpot="12ms", concurrency=64, **SERVED),
        ("llama-3.1-8b", "--system", "h100", "--tpot", "12ms", "--concurrency", "64", *FLAGS),
        lambda: tokenroof.next(tokenroof.make_scenario("llama-3.1-8b", "h100", tpot=0.012, concurrency=64, **SERVED)),
    ),
    "roofline": (
        lambda: tokenroof.roofline(context="4Ki", batch=2400, price_per_hour=128, **NUMBERS),
        ("--params", "671e9", "--active", "37e9", "--flops", "2.88e17", "--bandwidth", "512TB/s",
         "--kv-bytes-per-token", "70272", "--context", "4096", "--batch", "2400", "--price-per-hour", "128"),
        lambda: tokenroof.roofline(RooflineRequest(
            params=671e9, active_params=37e9, flops_per_s=2.88e17, bytes_per_s=512e12, kv_bytes_per_token=70272.0,
            context=4096.0, batch=2400.0, usd_per_h=128.0,
        )),
    ),
    "kv": (
        lambda: tokenroof.kv("deepseek-v3", "llama-3.1-8b", context="8k,128k", kv_dtype="fp8"),
        ("deepseek-v3", "llama-3.1-8b", "--context", "8k,128k", "--kv-dtype", "fp8"),
        lambda: tokenroof.kv(KvRequest(
            models=("deepseek-v3", "llama-3.1-8b"), context=(8_000, 128_000), kv_dtype="fp8",
        )),
    ),
    "train": (
        lambda: tokenroof.train(active=50e9, split="1:1:2", system="2048xh800", price_per_gpu_hour=2),
        ("--active", "50e9", "--split", "1:1:2", "--system", "2048xh800", "--price-per-gpu-hour", "2"),
        lambda: tokenroof.train(TrainRequest(
            active_params=50e9, split=(1.0, 1.0, 2.0), system="2048xh800", usd_per_gpu_h=2.0,
        )),
    ),
    "deduce": (
        lambda: tokenroof.deduce("openai/gpt-5", speed=90, draws=262_144),
        ("openai/gpt-5", "--speed", "90", "--draws", "262144"),
        lambda: tokenroof.deduce(DeduceRequest(offer="openai/gpt-5", tokens_per_s=90.0, draws=262_144)),
    ),
}  # fmt: skip
LISTED: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "chips": (
        lambda: tokenroof.chips(vendor="nvidia", sort="bandwidth"),
        ("--vendor", "nvidia", "--sort", "bandwidth"),
    ),
    "systems": (lambda: tokenroof.systems(single=True), ("--single",)),
    "models": (lambda: tokenroof.models("qwen3,!fp8", sort="kv"), ("--filter", "qwen3,!fp8", "--sort", "kv")),
    "tiers": (lambda: tokenroof.tiers(chip="b200"), ("--chip", "b200")),
    "chip": (lambda: tokenroof.chip("b200"), ("b200",)),
    "model": (lambda: tokenroof.model("llama-3.1-8b", kv_dtype="fp8"), ("llama-3.1-8b", "--kv-dtype", "fp8")),
}


@pytest.mark.parametrize("verb", LISTED)
def test_lists_are_those_of_the_command_line(verb: str) -> None:
    asked, arguments = LISTED[verb]
    done = CliRunner().invoke(cli, [verb, *arguments, "--json"], catch_exceptions=False)
    answer = asked()
    assert json.loads(json.dumps(answer.to_dict(), allow_nan=False)) == json.loads(done.stdout)
    assert len(repr(answer).splitlines()) <= 12 and "<p" in answer._repr_html_()
    assert len(answer.to_frame()) > 3


def test_a_system_has_its_figures() -> None:
    found = tokenroof.system("gb200-nvl72")
    assert found.row.n_chips == 72 and len(found.to_frame()) == len(found.figures)


@pytest.mark.parametrize("verb", ASKED)
def test_keywords_requests_and_options_give_one_answer(verb: str) -> None:
    by_keywords, arguments, by_request = ASKED[verb]
    done = CliRunner().invoke(cli, [verb, *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    answer = by_keywords()
    told = json.loads(done.stdout)
    assert json.loads(json.dumps(answer.to_dict(), allow_nan=False)) == told
    assert by_request().to_dict() == answer.to_dict()


class Balanced(HTMLParser):
    """Fails at a tag that closes what is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("verb", ASKED)
def test_answers_show_themselves(verb: str) -> None:
    answer = ASKED[verb][0]()
    lines = repr(answer).splitlines()
    assert lines[0].startswith("<tokenroof.") and len(lines) <= 12 and max(map(len, lines)) <= 100
    assert len(repr(answer)) <= 1200
    reader = Balanced()
    reader.feed(answer._repr_html_())
    assert reader.open == []
    for name in answer.tables:
        frame = answer.to_frame(name)
        assert len(list(getattr(frame, "column_names", None) or frame.columns)) > 1
    assert list(answer.to_dict())[-1] == "versions"


WRONG: tuple[Callable[[], Any], ...] = (
    lambda: tokenroof.price(7), lambda: tokenroof.price("llama-3.1-8b", 7),
    lambda: tokenroof.price("llama-3.1-8b", "h100", blend=object()),
    lambda: tokenroof.price("llama-3.1-8b", "h100", hold=1, holds_s=2),
    lambda: tokenroof.price("llama-3.1-8b", "h100", capex_per_gpu=1e4, price_per_gpu_hour=2),
    lambda: tokenroof.price("llama-3.1-8b", "h100", years=3),
    lambda: tokenroof.break_even("llama-3.1-8b", "h100", rates=5, offer="groq/gpt-oss-120b"),
    lambda: tokenroof.speculate("llama-3.1-8b", "h100", depth="deep"), lambda: tokenroof.analyze("llama-3.1-8b", 7),
    lambda: tokenroof.plan("llama-3.1-8b", [1]), lambda: tokenroof.make_scenario(7, 8),
    tokenroof.kv, lambda: tokenroof.kv(7), lambda: tokenroof.kv("llama-3.1-8b", context="long"),
    lambda: tokenroof.roofline(7), lambda: tokenroof.roofline(params=None),
    lambda: tokenroof.roofline(**NUMBERS, rule=1),
    lambda: tokenroof.roofline(params=1e9, flops="fast", bandwidth="3TB/s"),
    lambda: tokenroof.diff(7, 8), lambda: tokenroof.diff("llama-3.1-8b", "h100"),
    lambda: tokenroof.diff("llama-3.1-8b@h100,tp", "llama-3.1-8b@h100"),
    lambda: tokenroof.diff(tokenroof.kv("llama-3.1-8b"), "llama-3.1-8b@h100"),
    lambda: tokenroof.train(7), lambda: tokenroof.train(mfu=[]), lambda: tokenroof.train(split="1:2"),
    lambda: tokenroof.chips(vendor=3), lambda: tokenroof.chip(None), lambda: tokenroof.models([3]),
    lambda: tokenroof.model("llama-3.1-8b", kv_dtype="fp3"), lambda: tokenroof.systems(sort="beauty"),
    lambda: tokenroof.compare(7), lambda: tokenroof.runs(7), lambda: tokenroof.compare(["nowhere.csv"]),
    lambda: tokenroof.deduce(7), lambda: tokenroof.deduce("openai/gpt-5", draws="many"), lambda: tokenroof.trace(7),
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_used_is_an_error_of_tokenroof_in_one_line_a_fault(wrong: Callable[[], Any]) -> None:
    with pytest.raises(tokenroof.TokenroofError) as caught:
        wrong()
    assert str(caught.value) and "--" not in str(caught.value)
    assert all(len(line) <= 200 for line in str(caught.value).splitlines())


def test_a_scenario_file_is_a_side_of_a_difference(tmp_path: Any) -> None:
    (tmp_path / "a.toml").write_text('model = "llama-3.1-8b"\nsystem = "h100"\n', encoding="utf-8")
    found = tokenroof.diff(tmp_path / "a.toml", "llama-3.1-8b@b200", batch=8)
    assert (found.a.batch, found.b.system) == (8, "b200")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: tokenroof.price("llama-3.1-8b", "h100", hold="soon"), "hold[0] = 'soon': must be a number of seconds"),
        (
            lambda: tokenroof.roofline(params=1e9, flops="fast", bandwidth="3TB/s"),
            "flops = 'fast': must be",
        ),
        (lambda: tokenroof.speculate("llama-3.1-8b", "h100", depth="deep"), "depth[0] = 'deep': must be a whole"),
        (lambda: tokenroof.price("llama-3.1-8b", "h100", holds_s="soon"), "holds_s[0] = 'soon'"),
        (lambda: tokenroof.deduce("openai/gpt-5", input=3), "input: must be left out beside an offer"),
        (lambda: tokenroof.deduce(input=3), "output: must be given"),
        (tokenroof.deduce, "offer = None: must be a name or a path"),
        (
            lambda: tokenroof.deduce(input=3, output=15, step="200K:2"),
            "step = '200K:2': must be TOKENS:",
        ),
    ],
)
def test_faults_are_told_under_the_names_that_were_given(wrong: Callable[[], Any], said: str) -> None:
    with pytest.raises(tokenroof.TokenroofError) as caught:
        wrong()
    assert said in str(caught.value)


def test_prices_of_ones_own_are_those_of_the_options() -> None:
    flags = ["--input", "3", "--output", "15", "--step", "200K:2:1.5", "--context", "1M", "--write", "1h:6", "--fast",
             "6:2.5", "--batch-x", "0.5", "--off-peak", "0.5", "--cached", "0.3", "--storage", "4.5", "--draws",
             "262144", "--json"]  # fmt: skip
    done = CliRunner().invoke(cli, ["deduce", *flags], catch_exceptions=False)
    found = tokenroof.deduce(
        input=3, output=15, step="200K:2:1.5", context="1M", write="1h:6", fast="6:2.5", batch_x=0.5, off_peak=0.5,
        cached=0.3, storage=4.5, draws=262_144,
    )  # fmt: skip
    assert json.loads(json.dumps(found.to_dict())) == json.loads(done.stdout)
