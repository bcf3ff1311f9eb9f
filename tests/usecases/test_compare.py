"""`compare`: the forecast is that of `validate`, pieces add up to what was measured, patterns name their cause."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.errors import InputError
from tokenroof.measure.importers import read_results
from tokenroof.measure.setups import METRICS
from tokenroof.present.pages.compare import page_of
from tokenroof.present.text import text
from tokenroof.types.benchmark import Deployed, Given
from tokenroof.types.run import Role, Run
from tokenroof.usecases.compare.answer import ComparedRun, CompareResponse
from tokenroof.usecases.compare.points import Point, points_of, told
from tokenroof.usecases.compare.request import CompareRequest
from tokenroof.usecases.compare.run import compare
from tokenroof.usecases.compare.sentence import verdict_words
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.measured.validate import Scored, score_rows
from tokenroof.usecases.runs.sources import sources_of

SWEEP = Path(__file__).parents[2] / "examples" / "results" / "sweep.csv"
HEAD = (
    "model,hardware,num_gpus,tp,pp,dp,ep,weight_dtype,kv_dtype,engine,engine_version,mode,input_len,output_len,"
    "batch_or_concurrency,requests,metric,value,unit,spec_decode,drafts,acceptance,generated_len,prefill_tp,eager\n"
)
BASE = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "num_gpus": "1", "tp": "1", "weight_dtype": "bf16",
    "kv_dtype": "bf16", "engine": "vLLM", "engine_version": "0.19.0", "mode": "server-closed-loop",
    "input_len": "1000", "output_len": "200", "batch_or_concurrency": "16", "requests": "160",
}  # fmt: skip


def table(path: Path, *rows: dict[str, str]) -> Path:
    """A tidy table of these rows over the base."""
    names = HEAD.strip().split(",")
    lines = [",".join({**BASE, **row}.get(name, "") for name in names) for row in rows]
    path.write_text(HEAD + "\n".join(lines) + "\n")
    return path


def metrics(tpot_ms: float, ttft_ms: float, **more: str) -> list[dict[str, str]]:
    return [
        {"metric": "ttft_ms", "value": f"{ttft_ms}", "unit": "ms", **more},
        {"metric": "tpot_ms", "value": f"{tpot_ms}", "unit": "ms", **more},
    ]


def asked(*paths: Path, **given: object) -> CompareResponse:
    return compare(CompareRequest(results=tuple(map(str, paths)), changes=False, **given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sweep() -> CompareResponse:
    return asked(SWEEP)


def test_the_forecast_is_that_of_validate(sweep: CompareResponse) -> None:
    scored = {(one.run.line, one.run.metric): one for one in score_rows([SWEEP]) if isinstance(one, Scored)}
    seen = 0
    for run in sweep.runs:
        for one in run.numbers:
            line = run.line + (one.metric == "tpot_ms")  # rows of a run are TTFT, then TPOT
            row, scale = scored[line, one.metric], METRICS[one.metric][1]
            assert row.predicted == one.predicted.value * scale
            assert (row.low, row.high) == (one.predicted.low * scale, one.predicted.high * scale)  # type: ignore[operator]
            assert (one.verdict == "as predicted") == row.covered
            seen += 1
    assert seen == len(scored) == 32


KINDS: dict[str, dict[str, str]] = {
    "closed loop": {},
    "open loop": {"mode": "server", "batch_or_concurrency": "qps=4"},
    "static batch": {"mode": "mixed"},
    "four GPUs": {"model": "llama-3.3-70b", "num_gpus": "4", "tp": "4"},
    "pipeline": {"model": "llama-3.3-70b", "num_gpus": "4", "tp": "2", "pp": "2"},
    "experts": {
        "model": "deepseek-v3", "hardware": "h200-sxm", "num_gpus": "8", "tp": "8", "weight_dtype": "fp8_block",
    },
    "drafts": {
        "model": "deepseek-v3", "hardware": "h200-sxm", "num_gpus": "8", "tp": "8", "weight_dtype": "fp8_block",
        "spec_decode": "mtp", "drafts": "1", "acceptance": "0.8",
    },
    "memory runs out": {"batch_or_concurrency": "2000", "requests": "20000", "input_len": "4000"},
    "chunks counted": {"generated_len": "400"},
    "workers apart": {
        "model": "llama-3.3-70b", "num_gpus": "8", "tp": "4", "mode": "disaggregated", "prefill_tp": "4",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_add_up_to_what_was_measured(kind: str, tmp_path: Path) -> None:
    """For 60 ms and 30 s, whatever the load; what is not explained is the distance to the prediction."""
    run = asked(table(tmp_path / "runs.csv", *metrics(60.0, 30_000.0, **KINDS[kind]))).runs[0]
    assert not run.reason
    for quantity, parts, measured in (("tpot", run.tpot_parts, 0.06), ("ttft", run.ttft_parts, 30.0)):
        one = run.of(quantity)
        assert one is not None
        assert math.fsum(part.time_s for part in parts) == pytest.approx(measured, rel=1e-12)
        assert parts[-1].name == "not explained"
        assert parts[-1].time_s == pytest.approx(measured - one.predicted.value, rel=1e-9)
        named = {part.name: part.time_s for part in parts[:-1]}
        named.pop("first wave", None)  # it meets a queue for memory that is half as long
        assert min(named.values()) > -0.02 * one.predicted.value, named


def named(run: ComparedRun) -> dict[str, float]:
    return {part.name: part.time_s for part in run.tpot_parts}


def test_the_first_pieces_by_hand(sweep: CompareResponse) -> None:
    """One request of 1,000 in, 200 out on one H100 of 3.35 TB/s: weights and cache are read once a token.

    Llama-3.1-8B reads 7.505e9 weights of 2 bytes (all but the input table) and 131,072 bytes of cache for each of 1,100
    tokens of context, 4.480 and 0.043 ms; its arithmetic, 2 x 7.505e9 FLOP and attention, is 0.0155 ms.
    """
    alone = next(run for run in sweep.runs if run.load_value == 1 and run.isl == 1000)
    found = named(alone)
    reads, cache = 2 * 7.505e9 / 3.35e12, 1100 * 131072 / 3.35e12
    assert found["KV reads at peak rates"] == pytest.approx(cache, rel=2e-3)
    assert found["batch below balance"] == pytest.approx(reads, rel=2e-3)
    assert "communication" not in found and found["fixed cost per step"] == pytest.approx(1.23e-3, rel=0.05)
    assert alone.roofline is not None and alone.roofline.mbu is not None
    assert alone.roofline.mbu == pytest.approx((reads + cache) / 10.09e-3, rel=3e-3)
    assert alone.roofline.ridge == pytest.approx(989.4e12 / 3.35e12, rel=1e-2)


def test_mfu_counts_prompts_and_answers(tmp_path: Path) -> None:
    """16 at once, TTFT 0.2 s, TPOT 10 ms: 16 / 2.19 s requests, each 1,200 tokens of 2 x 7.5e9 FLOP and attention."""
    run = asked(table(tmp_path / "runs.csv", *metrics(10.0, 200.0))).runs[0]
    flops = 16.0 / (0.2 + 199 * 0.01) * (1000 * 2 * 6.98e9 + 200 * 2 * 7.505e9)
    assert run.roofline is not None
    assert run.roofline.mfu == pytest.approx(flops / 989.4e12, rel=0.05)


def test_a_run_above_the_roof_is_impossible_and_concludes_nothing(tmp_path: Path) -> None:
    answer = asked(table(tmp_path / "runs.csv", *metrics(2.0, 40.0)))
    run = answer.runs[0]
    assert run.main.verdict == "impossible" and not run.tpot_parts and "requests in flight" not in answer.no_changes
    assert "quicker than a request alone can be" in run.reason
    assert answer.sentence.startswith("Your server is faster than the hardware allows: TPOT 2.00 ms, bound 5.17 ms.")
    assert [hint.pattern for hint in answer.hints] == ["above the roof"]


def test_verdicts_follow_the_range(tmp_path: Path) -> None:
    predicted = asked(table(tmp_path / "a.csv", *metrics(9.0, 60.0))).runs[0].main.predicted
    assert predicted.low is not None and predicted.high is not None
    for value, verdict in (
        (1.001 * predicted.high, "slower"), (0.999 * predicted.high, "as predicted"), (0.999 * predicted.low, "faster"),
    ):  # fmt: skip
        assert asked(table(tmp_path / "b.csv", *metrics(1e3 * value, 60.0))).runs[0].main.verdict == verdict


def test_throughput_is_better_when_it_is_more(tmp_path: Path) -> None:
    row = {"metric": "output_tok_s", "unit": "tok/s"}
    predicted = asked(table(tmp_path / "a.csv", {**row, "value": "1500"})).runs[0].main.predicted.value
    for factor, verdict in ((0.5, "slower"), (1.0, "as predicted"), (1.4, "faster")):
        answer = asked(table(tmp_path / "b.csv", {**row, "value": f"{factor * predicted}"}))
        assert answer.runs[0].main.verdict == verdict


def patterns(answer: CompareResponse) -> set[str]:
    return {hint.pattern for hint in answer.hints}


def test_an_offset_that_does_not_grow_is_a_fixed_cost(sweep: CompareResponse, tmp_path: Path) -> None:
    assert "constant offset" in patterns(sweep)
    assert any("3.5" in hint.text for hint in sweep.hints)
    # the same runs 40 % slower each: it grows with the step, and is no fixed cost
    rows = [row for row in read_results(SWEEP) if isinstance(row, Run)]
    grown = []
    for row in rows:
        found = Forecaster().forecast(row)
        assert not hasattr(found, "reason")
        more = {"batch_or_concurrency": f"{row.concurrency:g}", "requests": f"{row.requests:g}"}
        lengths = {"input_len": f"{row.isl:g}", "output_len": f"{row.osl:g}"}
        grown.append({"metric": row.metric, "value": f"{1.4 * found.value}", "unit": row.unit, **more, **lengths})
    assert "constant offset" not in patterns(asked(table(tmp_path / "grown.csv", *grown)))


def test_itl_of_several_tokens_is_told(tmp_path: Path) -> None:
    itl = {"metric": "itl_ms", "value": "28", "unit": "ms"}
    answer = asked(table(tmp_path / "runs.csv", *metrics(9.0, 60.0), itl))
    assert patterns(answer) == {"chunks"} and answer.runs[0].main.measured == pytest.approx(0.009)
    assert "3.1 tokens a chunk" in answer.hints[0].text
    assert patterns(asked(table(tmp_path / "one.csv", *metrics(9.0, 60.0), {**itl, "value": "9.1"}))) == set()


def test_a_smaller_load_that_is_slower_is_a_sick_point(tmp_path: Path) -> None:
    few = metrics(14.0, 60.0, batch_or_concurrency="1", requests="10")
    answer = asked(table(tmp_path / "runs.csv", *few, *metrics(9.0, 60.0)))
    assert patterns(answer) == {"sick point"} and "14.0 against 9.00 ms" in answer.hints[0].text


@pytest.mark.parametrize("other", [{"engine_version": "0.18.0"}, {"eager": "yes"}, {"kv_dtype": "fp8"}])
def test_a_run_under_other_settings_is_no_sick_point(other: dict[str, str], tmp_path: Path) -> None:
    few = metrics(14.0, 60.0, batch_or_concurrency="1", requests="10", **other)
    assert patterns(asked(table(tmp_path / "runs.csv", *few, *metrics(9.0, 60.0)))) == set()


def test_metrics_of_one_run_may_stand_anywhere(tmp_path: Path) -> None:
    """All TPOTs, then all TTFTs: two runs of one load, one of another, as if each stood by itself."""
    runs = [metrics(9.0, 60.0), metrics(10.0, 70.0), metrics(9.5, 90.0, batch_or_concurrency="32", requests="320")]
    apart = table(tmp_path / "apart.csv", *(run[1] for run in runs), *(run[0] for run in runs))
    found = points_of(CompareRequest(results=(str(apart),))).points
    assert [(one.first.line, one.si("tpot"), one.si("ttft")) for one in found] == [
        (2, 0.009, 0.06), (3, 0.01, 0.07), (4, 0.0095, 0.09)
    ]  # fmt: skip
    uneven = table(tmp_path / "uneven.csv", runs[0][1], *runs[2], *runs[1])  # the first has no TTFT
    found = points_of(CompareRequest(results=(str(uneven),))).points
    assert [(one.si("tpot"), one.si("ttft")) for one in found] == [(0.009, None), (0.0095, 0.09), (0.01, 0.07)]


def test_no_quantity_stands_under_the_name_of_another(tmp_path: Path) -> None:
    alone = {"metric": "ttft_ms", "value": "60", "unit": "ms", "batch_or_concurrency": "8", "requests": "80"}
    answer = asked(table(tmp_path / "runs.csv", metrics(9.0, 60.0)[1], alone))
    rows = [line.split() for line in text(page_of(answer)).splitlines()]
    assert any(row[:7] == ["run", "at", "once", "in", "out", "metric", "measured"] for row in rows)
    assert sorted(row[4:7] for row in rows if row and row[0].startswith("runs.csv:")) == [
        ["TPOT", "9.00", "ms"], ["TTFT", "60.0", "ms"]
    ]  # fmt: skip


def test_all_reasons_for_which_runs_are_left_out_are_listed(tmp_path: Path) -> None:
    told = [{**metrics(9.0, 60.0)[1], "model": f"llama-{n}"} for n in range(90, 96)]
    page = page_of(asked(table(tmp_path / "runs.csv", *metrics(9.0, 60.0), *told)))
    assert "1 of 7 runs compared; left out" in text(page) and "and 2 more: `full`" in text(page)
    assert all(f"model llama-{n} is not in the catalogue" in text(page, full=True) for n in range(90, 96))


def test_fewer_in_flight_than_asked(tmp_path: Path) -> None:
    """660 tok/s of answers of 200 at 1.9 s each are 6.3 requests in flight, of 16."""
    rate = {"metric": "output_tok_s", "value": "660", "unit": "tok/s"}
    answer = asked(table(tmp_path / "runs.csv", *metrics(9.0, 100.0), rate))
    assert patterns(answer) == {"fewer in flight"} and "is 6.24 in flight where 16 were" in answer.hints[0].text
    full = {**rate, "value": "1600"}
    assert patterns(asked(table(tmp_path / "full.csv", *metrics(9.0, 100.0), full))) == set()


def test_changes_are_those_of_plan_on_the_same_machine(tmp_path: Path) -> None:
    """70B in bf16 on eight H100 as tp8: gains are over the prediction of the same run, and never a loss."""
    big = {"model": "llama-3.3-70b", "num_gpus": "8", "tp": "8", "batch_or_concurrency": "256", "requests": "2560"}
    answer = compare(CompareRequest(results=(str(table(tmp_path / "runs.csv", *metrics(45.0, 900.0, **big))),)))
    assert 1 <= len(answer.changes) <= 2
    for one in answer.changes:
        assert one.output_ratio > 1.0
        assert one.tpot_ratio == pytest.approx(one.tpot_s / answer.runs[0].main.predicted.value)
        assert "weights" not in one.what and "tp8" not in one.what.split()
    # a plan knows no first wave: half of the TTFT of a short run would be won by any change
    short = table(tmp_path / "short.csv", *metrics(45.0, 900.0, **(big | {"requests": "512"})))
    assert compare(CompareRequest(results=(str(short),))).changes == answer.changes


@pytest.mark.parametrize(
    ("row", "given", "said"),
    [
        ({"tp": "", "num_gpus": "4"}, {"system": "4xh100"}, "layout: must be said for 4 GPUs"),
        ({}, {"system": "8xh1000"}, "unknown system"),
        ({"model": "no-such-model"}, {}, "not in the catalogue"),
        ({}, {"tp": 3}, "does not divide"),
    ],
)  # fmt: skip
def test_what_is_not_said_is_not_guessed(
    row: dict[str, str], given: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "runs.csv", *metrics(9.0, 60.0, **row))
    with pytest.raises((InputError, LookupError), match=said) as error:
        asked(path, **given)
    assert "\n" not in str(error.value)


def test_options_are_believed_before_the_file() -> None:
    row = next(one for one in read_results(SWEEP) if isinstance(one, Run))
    given = CompareRequest(
        results=(str(SWEEP),), tp=2, kv_dtype="fp8", max_num_seqs=8, drafts=1, acceptance=0.5, prefix=10.0
    )
    said = sources_of(given).given
    found = told(replace(row, prefill=None), said, None)
    assert (found.tp, found.kv_dtype, found.max_num_seqs, found.prefix) == (2, "fp8", 8, 10.0)
    assert (found.num_gpus, found.spec_decode) == (2, "given")
    apart = told(replace(row, prefill=Role(), num_gpus=8), said, None)
    assert apart.num_gpus == 8
    assert isinstance(Point(setup=None, runs={"tpot": row}).first, Run)  # type: ignore[arg-type]


def test_a_table_takes_loads_and_the_launch_command_as_other_files_do() -> None:
    row = next(one for one in read_results(SWEEP) if isinstance(one, Run))
    given = CompareRequest(
        results=(str(SWEEP),), server_cmd="vllm serve a/b -tp 2 --max-num-seqs 32", max_num_seqs=16, concurrency=5.0
    )
    found = told(row, sources_of(given).given, None)
    assert (found.tp, found.num_gpus, found.max_num_seqs, found.concurrency) == (2, 2, 16, 5.0)
    below = told(replace(row, tp=4, kv_dtype=""), Given(otherwise=Deployed(tp=2, kv_dtype="fp8")), None)
    assert (below.tp, below.kv_dtype) == (4, "fp8")


def test_the_log_of_a_start_says_what_a_result_does_not(tmp_path: Path) -> None:
    log = tmp_path / "start.log"
    log.write_text(
        "INFO Initializing a V1 LLM engine (v0.11.0) with config: model='meta-llama/Llama-3.1-8B', "
        "tensor_parallel_size=1, max_num_seqs=64\nINFO GPU KV cache size: 400,000 tokens\n",
        encoding="utf-8",
    )
    result = SWEEP.with_name("bench.json")
    found = points_of(CompareRequest(results=(str(result), str(log)), system="h100"))
    assert {point.setup.scheduler.max_sequences for point in found.points} == {64}
    assert any("start.log" in text for text in found.notes)


def test_sentence_table_and_counts_say_one_thing_of_a_run(tmp_path: Path) -> None:
    """A TTFT of 1 ms is impossible: the run was "as predicted" in the table, and none in the sentence."""
    slow = metrics(7.6, 452.5, batch_or_concurrency="8", requests="80")
    quick = metrics(6.7, 1.23, batch_or_concurrency="1", requests="10")
    found = asked(table(tmp_path / "a.csv", *slow, *quick))
    assert [run.verdict for run in found.runs] == ["impossible", "as predicted"]
    assert found.counts == {"impossible": 1, "slower": 0, "faster": 0, "as predicted": 1}
    assert found.sentence.startswith("1 of 2 runs has the TPOT that it should on this hardware.")
    assert [verdict_words(run) for run in found.runs] == ["TTFT impossible", "as predicted; TTFT slower"]
    page = " ".join(text(page_of(found)).split())
    assert "TTFT impossible" in page and "as predicted; TTFT slower" in page
    alone = asked(table(tmp_path / "b.csv", *slow)).sentence
    assert alone.startswith("Your server is as fast as it should be in TPOT alone: TPOT 7.60 ms against ")
    assert "; TTFT is slower, 452 ms against " in alone or "; TTFT is slower, 453 ms against " in alone


def test_one_number_is_called_the_hardware_bound(tmp_path: Path) -> None:
    """In the bound nobody waits for a prompt, so fewer are answered at once than the step that is predicted has."""
    asked_for = metrics(70.0, 3500.0, input_len="8000", batch_or_concurrency="64", requests="640")
    (run,) = (found := asked(table(tmp_path / "a.csv", *asked_for))).runs
    bound = run.main.predicted.bound
    assert bound is not None
    parts = named(run)
    assert bound < parts["KV reads at peak rates"] + parts["batch below balance"]
    assert "hardware bound" not in parts
    assert f"the hardware bound is {1e3 * bound:.1f} ms" in found.sentence
