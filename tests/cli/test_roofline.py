"""`tokenroof roofline` as a process: JSON keys, exit codes, one line of error."""

import json
import subprocess

import pytest
from economics_process import run_inside

KEYS = {
    "compute_s", "weights_s", "kv_s", "step_s", "bound", "weight_floor_s", "critical_batch",
    "critical_batch_at_context", "critical_context", "mfu", "ridge", "decode_tokens_per_s", "cost_usd_per_mtok",
    "cost_floor_usd_per_mtok",
}  # fmt: skip
T2 = ["--params", "671e9", "--active", "37e9", "--flops", "2.88e17", "--bandwidth", "512TB/s",
      "--kv-bytes-per-token", "70272", "--context", "4096", "--batch", "2400"]  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_inside("roofline", *arguments)


def test_json_holds_the_documented_keys() -> None:
    done = run(*T2, "--price-per-hour", "128", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) >= KEYS
    assert answer["step_s"] == pytest.approx(2.6598e-3, rel=1e-3)
    # beyond the critical context there is no critical batch: null, never NaN or Infinity
    assert answer["critical_batch_at_context"] is None


def test_without_a_price_there_is_no_cost() -> None:
    answer = json.loads(run(*T2, "--json").stdout)
    assert answer["cost_usd_per_mtok"] is None


@pytest.mark.parametrize(
    "arguments,needle",
    [
        (["--params", "-3", "--flops", "1e15", "--bandwidth", "3e12"], "params"),
        (["--params", "1e9", "--flops", "nan", "--bandwidth", "3e12"], "not a finite number"),
        (["--params", "1e9", "--flops", "1e15", "--bandwidth", "80G"], "ambiguous"),
        (["--params", "1e9", "--flops", "1e15", "--bandwidth", "3 s"], "expected B/s"),
        (["--flops", "1e15", "--bandwidth", "3e12"], "--params"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(arguments: list[str], needle: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert needle in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""


def test_rates_below_one_a_second_are_refused_not_printed_as_unlimited() -> None:
    done = run("--params", "671e9", "--bandwidth", "3e12", "--flops", "1e-300")
    assert done.returncode == 2
    assert done.stderr.startswith("error: flops_per_s = 1e-300")
    done = run("--params", "1e-300", "--bandwidth", "3e12", "--flops", "1e30")  # found by the test of the web door
    assert (done.returncode, done.stdout) == (2, "") and "params" in done.stderr
