"""`tokenroof runs`: result files of any tool as one table that reads back."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from result_files import AT_ONCE, ISL, OSL, STORY, put, vllm

from tokenroof.cli.main import cli
from tokenroof.errors import InputError, UnknownName
from tokenroof.measure.importers import read_benchmarks, read_results
from tokenroof.types.benchmark import Benchmark
from tokenroof.types.run import Run

COMMAND = "vllm serve org/model --tensor-parallel-size 2 --max-num-seqs 64 --kv-cache-dtype fp8 --odd 1"


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ("runs", *words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def answer(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A file of each tool."""
    return [str(put(tmp_path / name, make())) for name, make in STORY.items()]


def test_files_of_all_tools_are_one_table(files: list[str], tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    told = ("--model", "llama-3.1-8b", "--system", "h100", "--tp", "1", "--engine", "vllm", "--isl", str(ISL), "--osl",
            str(OSL))  # fmt: skip
    found = answer(*files, *told, "-o", str(table))
    assert len(found["runs"]) == len(STORY)
    assert len({one["tool"] for one in found["runs"]}) == 9
    assert all(one["missing"] == "" and one["in_flight"] == pytest.approx(AT_ONCE, rel=1e-3) for one in found["runs"])
    rows = [one for one in read_results(table) if isinstance(one, Run)]
    assert {(one.model_key, one.hardware, one.mean_lengths) for one in rows} == {("llama-3.1-8b", "h100", True)}
    again = [one for one in read_benchmarks(table) if isinstance(one, Benchmark)]
    assert [one.tpot.mean for one in again] == pytest.approx([one["tpot"] for one in found["runs"]])
    assert [one.ttft.mean for one in again] == pytest.approx([one["ttft"] for one in found["runs"]])


def test_the_page_says_what_was_read_and_what_nobody_said(tmp_path: Path) -> None:
    path = str(put(tmp_path / "a.json", vllm(mean_itl_ms=90.0)))
    page = run(path)
    assert "1 run of vLLM bench serve read." in page
    assert "warning: hardware: must be said for this file; give --system; looked at gpu, hardware" in page
    assert "ITL is 90 ms and TPOT 9 ms: 10 tokens a chunk" in page
    assert "16 at once" in page
    assert "warning" not in run(path, "--system", "h100", "--tp", "1")


def test_a_launch_command_answers_and_its_odd_flags_are_told(tmp_path: Path) -> None:
    path = str(put(tmp_path / "a.json", vllm()))
    page = run(path, "--server-cmd", COMMAND, "--system", "2xh100")
    assert "tp2" in page
    assert "note: flag of the command that is not known: --odd" in page
    found = answer(path, "--server-cmd", COMMAND, "--system", "2xh100", "--kv-dtype", "bf16")
    assert found["runs"][0]["missing"] == ""
    assert any("kv_dtype is bf16 as given, and fp8 otherwise" in one for one in found["runs"][0]["notes"])


def test_a_log_of_a_start_stands_beside_results_and_under_the_command(tmp_path: Path) -> None:
    log = tmp_path / "start.log"
    log.write_text(
        "LLM engine (v0.19.0) with config: model='m', tensor_parallel_size=4\nModel loading took 14.99 GiB\n"
    )
    found = answer(str(log), str(put(tmp_path / "a.json", vllm())), "--system", "4xh100")
    assert found["logs"][0]["weights_bytes"] == 14.99 * 2**30
    assert "tp4" in found["runs"][0]["what"]
    assert "14.99 GiB" in run(str(log))


def test_a_format_can_be_forced_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    path = str(put(tmp_path / "a.json", vllm()))
    assert answer(path, "--format", "vllm bench serve")["runs"][0]["tool"] == "vLLM bench serve"
    with pytest.raises(InputError, match=r"must be a run; .* decode_tp is blank"):
        run(path, "--format", "InferenceX result")


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "at least one result file"), (("nowhere.json",), "file"), (("--url", "ftp://a/b"), "http or https"),
     (("x.json", "--server-cmd", "ls"), "a launch command"), (("x.json", "--system", "h1000"), "h1000"),
     (("--url", "http://127.0.0.1:9/metrics", "--interval", "0"), "more than 0")],
)  # fmt: skip
def test_bad_input_is_one_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


def test_a_file_of_no_known_format_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", {key: one for key, one in vllm().items() if key != "num_prompts"})
    with pytest.raises(InputError, match="nearest is vLLM bench serve, missing: num_prompts"):
        run(str(path))


@pytest.mark.parametrize("option", ["--weight-dtype", "--kv-dtype"])
def test_a_format_that_nobody_knows_is_refused(option: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown .*dtype 'inf'"):
        run(str(put(tmp_path / "a.json", vllm())), option, "inf")
