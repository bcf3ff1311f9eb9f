"""`tokenroof validate` as a process: scores, skips with reasons, faulty rows, rows that beat the hardware bound."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from economics_process import run_inside

from tokenroof.measure.importers import read_results
from tokenroof.types.run import Fault, Run

COLUMNS = ["row_id", "model", "hardware", "num_gpus", "tp", "pp", "ep", "dp", "weight_dtype", "kv_dtype", "engine",
           "engine_version", "mode", "input_len", "output_len", "batch_or_concurrency", "metric", "value", "unit",
           "spec_decode", "quality", "hw_key", "model_key", "split"]  # fmt: skip
ROW = {
    "row_id": "a", "model": "Llama-3.1-8B", "hardware": "NVIDIA H100 SXM", "num_gpus": "1", "tp": "1",
    "pp": "1", "ep": "1",
    "dp": "1", "weight_dtype": "bf16", "kv_dtype": "bf16", "engine": "vLLM", "engine_version": "0.9.2",
    "mode": "server-closed-loop", "input_len": "1024", "output_len": "256", "batch_or_concurrency": "16",
    "metric": "tpot_ms", "value": "9.0", "unit": "ms", "spec_decode": "none", "quality": "A", "hw_key": "h100-sxm",
    "model_key": "Llama-3-8B", "split": "cal",
}  # fmt: skip


def table(path: Path, *changes: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows([ROW | change for change in changes])
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_inside("validate", *arguments)


def test_scores_by_set_metric_and_split(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {}, {"value": "10.5"}, {"metric": "ttft_ms", "value": "90"}, {"split": "held"})
    done = run(str(path), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    keys = {(group["metric"], group["split"]): group["n"] for group in answer["groups"]}
    assert keys == {("tpot_ms", "cal"): 2, ("tpot_ms", "held"): 1, ("ttft_ms", "cal"): 1}
    assert answer["scored"] == 4


def test_a_faulty_row_is_named_and_the_good_ones_are_scored(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {}, {"value": "soon"}, {"unit": "s"}, {})
    done = run(str(path))
    assert done.returncode == 0
    assert "a.csv:3   value = 'soon' is not a number" in done.stdout
    assert "a.csv:4   unit = 's' must be ms" in done.stdout
    assert "2 of 4 rows scored" in done.stdout and "2 rows could not be read" in done.stdout


def test_columns_of_open_loops_reach_the_run(tmp_path: Path) -> None:
    rows = [{"arrivals": "constant", "generated_len": "300", "max_num_seqs": "64", "max_batched_tokens": "2048"},
            {"arrivals": "bursty"}]  # fmt: skip
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *rows[0]])
        writer.writeheader()
        writer.writerows([ROW | row for row in rows])
    first, second = read_results(path)
    assert isinstance(first, Run) and isinstance(second, Fault)
    assert (first.evenly, first.generated, first.max_num_seqs, first.max_batched_tokens) == (True, 300.0, 64, 2048)
    assert second.text == "arrivals = 'bursty' must be one of poisson, constant"


@pytest.mark.parametrize(
    ("column", "word", "known"),
    [
        ("spec_decode", "off", "none, mtp, eagle"),  # was read as drafts
        ("spec_decode", "eagel", "none, mtp, eagle"), ("kv_dtype", "fp9", "auto, fp8, nvfp4"),  # was read as bf16
        ("lengths", "longest", "mean"), ("quality", "D", "A, B or C"), ("date", "Jan 2026", "year-month-day"),
    ],
)  # fmt: skip
def test_a_word_that_is_not_known_is_refused_with_those_that_are(
    tmp_path: Path, column: str, word: str, known: str
) -> None:
    path = tmp_path / "a.csv"
    rows = [{column: word}, {"spec_decode": "None", "kv_dtype": "AUTO", "lengths": "Mean", "date": "2026-01"}]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, dict.fromkeys([*COLUMNS, *rows[0], *rows[1]]))
        writer.writeheader()
        writer.writerows([ROW | row for row in rows])
    first, second = read_results(path)
    assert isinstance(first, Fault) and first.text.startswith(f"{column} = {word!r} must be {known}")
    assert isinstance(second, Run) and (second.spec_decode, second.kv_dtype, second.mean_lengths) == ("none", "", True)


def test_a_layout_that_is_not_said_is_told_as_it_is_read(tmp_path: Path) -> None:
    """One rank of tensor parallelism on 8 GPUs was eight of attention and of experts, and nothing said so."""
    asked = {
        "model": "deepseek-v3",
        "model_key": "",
        "hardware": "H200",
        "hw_key": "",
        "num_gpus": "8",
        "weight_dtype": "",
    }
    path = table(tmp_path / "a.csv", asked | {"tp": "1"}, asked | {"tp": "8"})
    assert "note: tp1 on 8 GPUs is read as dp8 ep8 in 1 scored row; " in run(str(path)).stdout
    told = run_inside("compare", str(path), "--no-changes").stdout
    assert "a.csv: tp1 on 8 GPUs is read as dp8 ep8; --tp, --pp, --dp and --ep say otherwise" in " ".join(told.split())


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"quality": "C"}, "quality C"),
        ({"model": "Nobody-7B", "model_key": "Nobody-7B"}, "not in the catalogue"),
        ({"spec_decode": "MTP2"}, "speculative"),
        ({"mode": "microbench"}, "microbench"),
    ],
)
def test_what_cannot_be_predicted_is_counted_with_its_reason(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    done = run(str(table(tmp_path / "a.csv", {}, change)))
    assert "1 of 2 rows scored" in done.stdout
    assert reason in done.stdout


def test_a_measurement_faster_than_light_is_named(tmp_path: Path) -> None:
    # 16 GB of weights over 3.35 TB/s are 4.8 ms: no token comes in 3
    done = run(str(table(tmp_path / "a.csv", {}, {"value": "3.0"})), "--json")
    (breach,) = json.loads(done.stdout)["breaches"]
    assert breach["line"] == 3
    assert breach["bound"] == pytest.approx(4.8, rel=0.1)


def test_predictions_and_picture(tmp_path: Path) -> None:
    source, out, picture = table(tmp_path / "a.csv", {}, {}), tmp_path / "p.csv", tmp_path / "p.svg"
    assert run(str(source), "-o", str(out), "--plot", str(picture)).returncode == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 2
    for row in rows:
        assert float(row["bound"]) <= float(row["low_80"]) <= float(row["predicted"]) <= float(row["high_80"])
    assert "<svg" in picture.read_text()


@pytest.mark.parametrize(("content", "said"), [("", "is empty"), ("a,b\n1,2\n", "missing:"), ("model\n", "missing:")])
def test_tables_of_another_kind_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    done = run(str(path))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_absent_file_is_one_line() -> None:
    done = run("nowhere.csv")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)


def test_a_table_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = table(tmp_path / "good.csv", {}, {"value": "10"}), tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    done = run(str(bad), str(good), str(tmp_path / "nowhere.csv"))
    assert done.returncode == 0, done.stderr
    assert "2 of 4 rows scored" in done.stdout  # the two tables count as one fault each
    lines = done.stdout.partition("2 rows could not be read\n")[2].splitlines()
    assert lines[0].startswith("  bad.csv       columns") and lines[1].startswith("  nowhere.csv")
    assert run(str(bad), str(tmp_path / "nowhere.csv")).returncode == 2


def test_predictions_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    done = run(str(bad), "-o", str(tmp_path / "out.csv"))
    assert done.returncode == 2 and sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv"]
    done = run(str(table(tmp_path / "a.csv", {})), "-o", str(tmp_path / "no" / "out.csv"))
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_a_missing_length_is_named_before_a_missing_layout(tmp_path: Path) -> None:
    gaps = {"mode": "offline", "metric": "output_tok_s", "unit": "tok/s", "num_gpus": "8", "tp": "", "dp": "",
            "pp": "", "input_len": "", "batch_or_concurrency": "max-load"}  # fmt: skip
    done = run(str(table(tmp_path / "a.csv", gaps, gaps | {"input_len": "1024"}, {})))
    assert "  1   input length is not stated" in done.stdout
    assert "  1   layout over several GPUs is not stated" in done.stdout


def test_the_page_says_what_it_is_worth_on_these_rows(tmp_path: Path) -> None:
    """Pooled by what was measured, whatever the table calls it."""
    path = table(tmp_path / "a.csv", {}, {"metric": "itl_ms"}, {"split": "held"}, {"value": "3.0", "split": "held"})
    done = run(str(path), "--json")
    (tpot,) = json.loads(done.stdout)["overall"]
    assert (tpot["metric"], tpot["n"]) == ("TPOT", 3), "what beats the bound is in no score"
    page = run(str(path)).stdout
    assert page.startswith("Half of 3 measured values lie within ")
    assert f"{100 * tpot['median_absolute_error']:.1f} % (TPOT)" in page.splitlines()[0]
    assert "the fit" not in page, "a table of one's own was not fitted"
    known = table(tmp_path / "inferencex_aggregated.csv", {}, {}, {"split": "held"})
    assert "2 of these are of tables that the fit draws on" in run(str(known)).stdout
    assert "1 value beats the hardware bound" in page and "a.csv:5" in page
    assert "3 of 4 rows scored; left out" in page and "-: fewer than 3" in page


def test_where_nothing_is_scored_the_way_out_is_said(tmp_path: Path) -> None:
    done = run(str(table(tmp_path / "a.csv", {"mode": "serving"}, {"metric": "speed", "unit": ""})))
    assert done.returncode == 1 and "None of 2 rows could be scored" in done.stdout
    said = " ".join(done.stdout.split())
    assert "mode serving is not predicted" in said and "modes that are predicted: server-closed-loop, " in said
    assert "metric speed is not predicted" in said and "metrics that are predicted: tpot_ms, " in said
    shown = run_inside("validate", "--help").stdout
    from tokenroof.measure.setups import METRICS

    assert all(name in shown for name in METRICS)


def test_hardware_with_a_number_is_read_as_elsewhere(tmp_path: Path) -> None:
    rows = read_results(
        table(tmp_path / "a.csv", {"hardware": "2xH100", "num_gpus": ""}, {"hardware": "2xH100", "num_gpus": "4"})
    )
    one, other = rows
    assert isinstance(one, Run) and (one.hardware, one.num_gpus) == ("H100", 2)
    assert isinstance(other, Fault) and other.text == "num_gpus = 4 must be that of hardware = '2xH100'"


def test_an_engine_that_is_not_known_is_told_those_that_are(tmp_path: Path) -> None:
    done = run(str(table(tmp_path / "a.csv", {}, {"engine": "vlm"})))
    assert "note: engines that are predicted: vllm, sglang, trtllm, llama.cpp" in done.stdout
