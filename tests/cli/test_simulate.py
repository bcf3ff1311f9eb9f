"""`tokenroof simulate` as a process."""

import json
from pathlib import Path

import pytest
from economics_process import assert_charts, assert_one_line, run, run_inside

from tokenroof.usecases.simulate.recorder import Recorder

LLAMA = ("simulate", "llama-3.1-8b", "--system", "h100", "--isl", "exp:500", "--osl", "exp:50")


def test_the_page_starts_with_the_answer() -> None:
    done = run(*LLAMA, "--rate", "5", "--slo", "ttft:500,tpot:50")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Llama-3.1-8B on H100 SXM serves ")
    for words in ("goodput", "ITL", "p99", "closed form", "first 100 requests are left out", "Next"):
        assert words in done.stdout, words
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert len(done.stdout.splitlines()) <= 40
    full = run_inside(*LLAMA, "--rate", "5", "--full")
    assert "Over time" in full.stdout and max(map(len, full.stdout.splitlines())) <= 100


def test_limits_on_percentiles_have_a_verdict() -> None:
    done = run_inside(*LLAMA, "--rate", "5", "--slo", "ttft:p99:1s,tpot:p90:1ms")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("p99 TTFT", "holds", "p90 TPOT", "missed", "goodput", "0 requests/s", "do not hold"):
        assert words in done.stdout, words
    found = json.loads(run_inside(*LLAMA, "--rate", "5", "--slo", "p99:chat", "--json").stdout)
    assert [one["percentile"] for one in found["percentiles"]] == [99.0, 99.0] and found["slo_held"] is True


def test_json_is_strict(tmp_path: Path) -> None:
    done = run_inside(*LLAMA, "--rate", "5", "--json", "-o", str(tmp_path / "a.json"))
    answer = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert (answer["requests"], answer["ended"], answer["overload"]) == (1000, 1000, None)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == answer


def test_charts(tmp_path: Path) -> None:
    asked = [*LLAMA, "--rate", "5", "--slo", "ttft:500,tpot:50"]
    assert_charts(tmp_path, asked, "Latency of 900 requests", "TTFT at most 500 ms", "waiting", "KV cache in use")


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        ((), ("--request-rate", "given, or --concurrency, --users or a --trace")),
        (("--rate", "0"), ("--request-rate 0",)),
        (("--rate", "1", "--requests", "0"), ("--requests 0",)),
        (("--rate", "1", "--concurrency", "3"), ("load", "concurrency 3")),
        (("--rate", "1", "--slo", "ttft=500"), ("--slo", "ttft:1s,tpot:p90:50ms")),
        (("--rate", "1", "--slo", "e2e:500"), ("--slo", "pairs")),
        (("--rate", "1", "--warmup", "1"), ("--warmup 1", "0.9")),
        (("--rate", "1", "--scheduler", "orca"), ("--scheduler orca", "sglang")),
        (("--rate", "1", "--ttft", "p0:1s"), ("--ttft", "p50")),
        (("--rates", "3:1:9"), ("--rates 3:1:9", "LOW:HIGH:COUNT")),
        (("--capacity",), ("--slo", "capacity")),
        (("--rate", "5", "--percentile", "95"), ("--percentile", "--capacity")),
        (("--rate", "5", "--threads", "2"), ("--threads", "--capacity")),
        (("--rates", "1:2:3", "--cluster", "here"), ("--cluster here", "tcp://HOST:PORT")),
        (("--rates", "1:2:3", "--cluster", "tcp://h:1", "--threads", "2"), ("--threads 2", "--cluster")),
        (("--trace", "absent.csv"), ("--isl exp:500", "trace")),
        (("--rate", "1", "-o", "x.gif"), ("--output",)),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], needles: tuple[str, ...]) -> None:
    assert_one_line(run_inside(*LLAMA, *arguments), *needles)


def test_an_absent_trace_is_one_line() -> None:
    done = run_inside("simulate", "llama-3.1-8b", "--system", "h100", "--trace", "absent.csv")
    assert_one_line(done, "absent.csv")


def test_what_does_not_fit_is_an_answer() -> None:
    done = run_inside("simulate", "deepseek-v3", "--system", "h100", "--rate", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("Not met: its weights alone need 675.2 GB per GPU")


def test_an_interrupt_prints_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    flush, calls = Recorder.flush, list[int]()

    def interrupted(self: Recorder) -> None:
        flush(self)
        calls.append(self.tokens)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "flush", interrupted)
    done = run_inside(*LLAMA, "--rate", "5", "--requests", "20k")
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout.startswith("Interrupted after ") and "TTFT" in done.stdout
