"""What vLLM's log says of its cache, in `analyze`, `plan` and `kv`."""

import json

import pytest
from click.testing import CliRunner

from tokenroof.cli.main import cli
from tokenroof.errors import InputError

GIB = 2**30


def run(*words: str) -> str:
    done = CliRunner().invoke(cli, words)
    assert done.exit_code in (0, 1), done.output
    return done.stdout


def data(*words: str) -> dict:
    return json.loads(run(*words, "--json"))


LLAMA = ("llama-3.1-8b", "--system", "h100", "--engine-version", "0.19", "--memory-fraction", "0.95")


def test_analyze_prints_the_pool_the_tokens_and_the_requests() -> None:
    """vLLM 0.19 printed 58.11 GiB, 476,000 tokens and 58.11x for 8,192 tokens (llm-d-planner's log)."""
    lengths = ("--isl", "8000", "--osl", "192")
    assert "Log of vLLM   KV cache 58.10 GiB | holds 475,991 tokens, as 58.10 requests of 8,192" in run(
        "analyze", *LLAMA, *lengths
    )
    log = data("analyze", *LLAMA, *lengths)["log"]
    assert log["pool_bytes"] / GIB == pytest.approx(58.11, rel=1e-3)
    assert log["tokens"] == pytest.approx(476_000, rel=1e-3)
    assert (log["length"], log["requests"]) == (8192, pytest.approx(58.11, rel=1e-3))


def test_an_engine_that_does_not_start_says_how_much_is_lacking() -> None:
    page = run("analyze", "gpt-oss-120b", "--system", "h100", "--engine-version", "0.11")
    assert "Log of vLLM   no memory for cache blocks: 2.24 GiB short, the engine does not start" in page
    page = run("kv", "gpt-oss-120b", "--system", "h100", "--engine-version", "0.11")
    assert "-2." not in page and "none: no memory for cache blocks" in page


def test_what_ends_the_requests_at_once_is_named() -> None:
    """65 GB of cache hold more short requests than vLLM's option lets in."""
    page = run("analyze", *LLAMA, "--isl", "100", "--osl", "10", "--batch", "8")
    assert "max-num-seqs" in page and "KV memory" not in page
    assert "KV memory" in run("analyze", *LLAMA, "--batch", "8")


def test_kv_prints_it_for_every_context() -> None:
    one = data("kv", *LLAMA, "--context", "8192,131072")["models"][0]
    assert [log["requests"] for log in one["logs"]] == pytest.approx([58.1, 3.63], rel=1e-2)
    assert "note: tokens: as requests of 8,192" in run("kv", *LLAMA, "--context", "8192,131072")
    assert "llama-3.1-8b, tp1            58.10 GiB   475,991               58.10" in run(
        "kv", *LLAMA, "--context", "8192,131072"
    )


def test_kv_takes_the_settings_of_an_engine_only_with_a_system() -> None:
    done = CliRunner().invoke(cli, ("kv", "llama-3.1-8b", "--max-num-seqs", "8"))
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == "max_num_seqs = 8: must be given with a system; name one in system"


@pytest.mark.parametrize("verb", ["analyze", "kv"])
def test_settings_move_the_pool(verb: str) -> None:
    def pool(*settings: str) -> float:
        answer = data(verb, "llama-3.1-8b", "--system", "h100", *settings)
        log = answer["log"] if verb == "analyze" else answer["models"][0]["logs"][0]
        return float(log["pool_bytes"])

    own = pool()
    assert pool("--memory-fraction", "0.5") == pytest.approx(own - 0.42 * 79.19 * GIB)
    assert pool("--max-num-seqs", "16") > own + GIB
    assert pool("--max-batched-tokens", "65536") < own - GIB
    assert pool("--weight-dtype", "fp8") > own + 6 * GIB


def test_plan_prints_the_log_of_its_winner() -> None:
    answer = data("plan", "llama-3.1-8b", "--system", "h100", "--ttft", "2s", "--mode", "agg")
    log = answer["machines"][0]["winner"]["log"] if "winner" not in answer else answer["winner"]["log"]
    page = run("plan", "llama-3.1-8b", "--system", "h100", "--ttft", "2s", "--mode", "agg")
    assert f"KV cache {log['pool_bytes'] / GIB:,.2f} GiB | holds {int(log['tokens']):,} tokens" in page
