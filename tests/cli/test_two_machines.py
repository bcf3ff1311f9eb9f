"""`--decode-system` on the command line, in scenario files and in JSON."""

import json
from pathlib import Path

import pytest
from economics_process import assert_one_line, run_inside

MODEL = ("llama-3.3-70b", "--concurrency", "8", "--isl", "2000", "--osl", "100", "--prefill-layout", "tp8")
H200 = ("--system", "8xh100", "--decode-system", "8xh200")
ROLES = (*MODEL, *H200, "--decode-layout", "tp8")


@pytest.mark.parametrize("verb", ["analyze", "price", "simulate"])
def test_pages_say_both_machines(verb: str) -> None:
    done = run_inside(verb, *ROLES, *(("--requests", "50") if verb == "simulate" else ()))
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert "1 x (tp8) on 8xh100 : 1 x (tp8) on 8xh200" in text
    assert "H100" in text and "H200" in text and "on 8xh200: median of" in text
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_scenario_file_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "mixed.toml"
    told = run_inside("analyze", *ROLES, "--save-scenario", str(file), "--json")
    answer = json.loads(told.stdout)
    assert (answer["system"], answer["gpus"]) == ("8xh100 + 8xh200", 16)
    assert 'decode_system = "8xh200"' in file.read_text(encoding="utf-8")
    again = json.loads(run_inside("analyze", "--scenario", str(file), "--json").stdout)
    assert again["requests_per_s"] == answer["requests_per_s"] and again["cost"] == answer["cost"]


@pytest.mark.parametrize(
    ("changed", "needles"),
    [
        (("--decode-workers", "2"), ("decode_workers", "8 + 16 GPUs", "8 GPUs on 8xh200")),
        (("--set", "chip.memory_bandwidth=2x"), ("--set", "two machines", "--decode-system")),
    ],
)
def test_bad_input_is_one_line(changed: tuple[str, ...], needles: tuple[str, ...]) -> None:
    assert_one_line(run_inside("analyze", *ROLES, *changed), *needles)


def test_plan_searches_both_machines() -> None:
    asked = ("plan", "llama-3.3-70b", "--weight-dtype", "fp8", *H200, "--ttft", "1s", "--tpot", "50ms")
    done = run_inside(*asked, "--prefill-layout", "tp4", "--decode-layout", "tp2", "--request-rate", "3")
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert "8 x H100 SXM and 8 x H200 SXM: 1 x tp4 prefill, " in text and "x tp2 decode" in text
    assert "price of 8xh200" in text and max(map(len, done.stdout.splitlines())) <= 100
    none = run_inside("plan", "llama-3.3-70b", "--system", "2xl4", "--decode-system", "8xh200")
    assert none.returncode == 1 and "no layout of prefill workers" in " ".join(none.stdout.split())
    assert_one_line(run_inside(*asked, "--gpus", "8"), "--gpus", "--decode-system", "4xh100")
    assert_one_line(run_inside(*asked, "--mode", "agg"), "--mode", "disagg")


def test_it_needs_layouts() -> None:
    done = run_inside("analyze", "llama-3.3-70b", "--system", "8xh100", "--decode-system", "8xh200")
    assert_one_line(done, "--decode-system", "--decode-layout")
    done = run_inside("analyze", *MODEL, "--decode-layout", "tp8", "--system", "8xh100", "--decode-system", "8xnone")
    assert_one_line(done, "8xnone")


def test_a_role_without_memory_is_named() -> None:
    done = run_inside("analyze", *MODEL, "--system", "8xh200", "--decode-system", "8xl4", "--decode-layout", "tp4")
    assert done.returncode == 1
    assert "decode worker" in " ".join(done.stdout.split())
