"""The verb `lecture`: every view of it, its JSON, and what it says to bad input."""

import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tokenroof.cli.lecture import command
from tokenroof.errors import InputError, UnknownName


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_lists_by_chapter_with_counts() -> None:
    out = run().stdout
    response = answer()
    counts = response["counts"]
    for chapter in response["chapters"]:
        assert f" {chapter['key']} " in out and chapter["title"][:10] in out
    total = sum(counts.values())
    assert f"{total} claims: {counts['reproduced']} reproduced, {counts['corrected']} corrected" in out
    assert sum(chapter["corrected"] for chapter in response["chapters"]) == counts["corrected"]


def test_json_carries_every_field_of_a_claim() -> None:
    claims = {claim["id"]: claim for claim in answer()["claims"]}
    slip = claims["S1"]
    assert (slip["chapter"], slip["verdict"]) == ("article", "corrected")
    assert slip["right"] == "B* = rho*N/A"
    assert slip["source"]["title"]
    assert {value["name"]: value["text"] for value in slip["inputs"]}["params"] == "700e9 param"
    check = slip["checks"][0]
    assert check["unit"] == "sequence"
    assert check["computed"] == pytest.approx(5675.7, rel=1e-4)
    assert check["stated"] == pytest.approx(15.857, rel=1e-4)
    assert claims["R8"]["checks"][2]["computed"] is None, "unlimited is null in JSON"


def test_json_of_vectors_and_slips_is_what_was_asked_for() -> None:
    claims = answer()["claims"]
    vectors = [claim for claim in claims if claim["chapter"] == "vectors"]
    slips = [claim for claim in claims if claim["id"].startswith("S") and claim["id"][1:].isdigit()]
    assert len(vectors) == 22
    assert {claim["verdict"] for claim in vectors} == {"reproduced"}
    assert len(slips) == 25
    assert {claim["verdict"] for claim in slips} == {"corrected"}


@pytest.mark.parametrize("only", ["reproduced", "corrected", "claim"])
def test_only_narrows_the_list_and_keeps_the_counts(only: str) -> None:
    response = answer("--only", only)
    assert {claim["verdict"] for claim in response["claims"]} == {only}
    assert len(response["claims"]) == response["counts"][only]
    assert response["counts"] == answer()["counts"]
    listed = run("--only", only).stdout
    assert response["claims"][0]["id"] in listed


def test_chapter() -> None:
    response = answer("--chapter", "batch")
    assert [chapter["key"] for chapter in response["chapters"]] == ["batch"]
    assert {claim["chapter"] for claim in response["claims"]} == {"batch"}
    assert "chapter" not in run("--chapter", "batch").stdout.partition("Next")[0]
    first, every = run("--chapter", "batch").stdout, run("--chapter", "batch", "--full").stdout
    assert f"and {len(response['claims']) - 14} more: --full" in first
    assert all(claim["question"].split()[0] in every and claim["id"] in every for claim in response["claims"])


def test_explains_one_claim() -> None:
    out = run("s3").stdout  # case does not matter
    for words in (
        "S3  ≠ corrected |",
        "How do weight and KV reads combine?",
        "t_memory >= max(weights, KV)",
        "671e9 param",
        "t_weights = N * w / W   [weight_time_s]",
        "bytes_per_s = 512 TB/s",
        "2.65977 ms",
        "1.34922 ms",
        "(N*w + B*C*kv)/W",
        "Both pass through the same memory",
    ):
        assert words in out


def test_explains_a_formula_once_per_claim() -> None:
    out = run("W20").stdout
    assert out.count("T_drain = Q / W") == 5
    assert out.count("Time to read a memory once") == 1


def test_explains_what_cannot_be_computed() -> None:
    assert "nothing to compute" in run("L1").stdout
    assert "(in words)" in run("S24").stdout


def test_every_claim_can_be_explained() -> None:
    for claim in answer()["claims"]:
        out = run(claim["id"]).stdout
        assert claim["verdict"] in out
        assert "nan" not in out.lower().split()


def test_unknown_names_and_verdicts() -> None:
    runner = CliRunner()
    with pytest.raises(UnknownName, match="nearest"):
        runner.invoke(command, ["S99"], catch_exceptions=False)
    with pytest.raises(UnknownName, match="batch"):
        runner.invoke(command, ["--chapter", "bach"], catch_exceptions=False)
    with pytest.raises(InputError, match="reproduced, corrected, claim"):
        runner.invoke(command, ["--only", "wrong"], catch_exceptions=False)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tokenroof", "lecture", *arguments], capture_output=True, text=True, check=False
    )


def test_as_a_process() -> None:
    done = process("T2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["claims"][0]["verdict"] == "reproduced"
    assert done.stderr == ""


def test_bad_input_is_short_and_exit_2() -> None:
    done = process("T99")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith('error: there is no claim "T99"\n')
    assert all(line.startswith("  ") for line in done.stderr.splitlines()[1:])
