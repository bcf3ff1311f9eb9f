"""`tokenroof speculate` as a process."""

from pathlib import Path

import pytest
from economics_process import answer_of, assert_charts, assert_one_line, run, run_inside

BASE = ("speculate", "llama-3.1-70b", "--system", "8xh100", "--isl", "512", "--osl", "256")


def test_the_page_says_where_it_stops() -> None:
    done = run(*BASE, "--acceptance", "0.7", "--draft", "llama-3.1-8b")
    assert done.returncode == 0, done.stderr
    for words in ("Llama-3.1-8B", "0.7 a draft", "speed-up", "stops paying at batch", "Drafts make", "Left out"):
        assert words in done.stdout, words
    assert "\x1b[" not in done.stdout


def test_json_has_every_depth_and_batch() -> None:
    answer = answer_of(*BASE, "--draft-cost", "0.1", "--depth", "2", "--depth", "4", "--batch", "8", "--batch", "64")
    assert answer["depths"] == [2, 4]
    assert [row["batch"] for row in answer["rows"]] == [8, 64]
    assert answer["acceptance_source"] == "assumed"
    assert all(point["speedup"] <= point["depth"] + 1 for row in answer["rows"] for point in row["points"])


def test_measured_acceptance_is_the_default_where_there_is_one() -> None:
    done = run("speculate", "glm-5.2-fp8", "--system", "8xb200")
    assert done.returncode == 0, done.stderr
    assert "InferenceX" in done.stdout
    assert "MTP head" in done.stdout


def test_the_list_of_measured_curves() -> None:
    done = run("speculate", "--list")
    assert done.returncode == 0
    assert "glm-5.2/mtp/thinking-on" in done.stdout


def test_charts(tmp_path: Path) -> None:
    assert_charts(tmp_path, [*BASE, "--acceptance", "0.8"], "best depth", "tokens a verify step yields")


def test_no_room_exits_1() -> None:
    assert run("speculate", "deepseek-v3", "--system", "4xh100").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("--acceptance", "1.5"), "acceptance"),
        (("--acceptance", "nan"), "acceptance"),
        (("--draft", "mtp"), "multi-token"),
        (("--draft", "gpt-99"), "gpt-99"),
        (("--draft-cost", "2"), "draft_cost"),
        (("--draft", "head", "--draft-cost", "0.1"), "draft_cost"),
        (("--measured", "nothing"), "nothing"),
        (("--depth", "0"), "depth"),
        (("--batch", "-1"), "batch"),
        (("-o", "x.gif"), "output"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: tuple[str, ...], needle: str) -> None:
    assert_one_line(run_inside(*BASE, *arguments), needle)


def test_missing_arguments() -> None:
    bare = run_inside("speculate")
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.splitlines() == ["error: MODEL must be given", "error: --system must be given"]
    assert_one_line(run_inside("speculate", "llama-3.1-70b"), "--system")
    assert "tokenroof speculate deepseek-v3" in run("speculate", "--help").stdout
