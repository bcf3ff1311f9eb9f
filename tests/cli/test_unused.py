"""Options that would be ignored are answered in one line: given twice, or without what they are about."""

import sys
from pathlib import Path

import pytest

from tokenroof.cli.main import main

LLAMA = ("llama-3.3-70b", "--system", "8xh100")


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["tokenroof", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("analyze", *LLAMA, "--system", "h100"), "error: --system twice must be given once"),
        (("analyze", *LLAMA, "--tp=2", "--tp", "4", "--tp", "8"), "error: --tp 3 times must be given once"),
        (("plan", *LLAMA, "--rate", "3", "--request-rate", "4"), "error: --request-rate twice must be given once"),
        (("analyze", *LLAMA, "--bounds"), "error: --bounds must be given with -o and a chart to draw"),
        (("offers", "--osl", "3"), "error: --osl 3 must be given with --isl"),
        (("offers", "anthropic/claude-opus-5", "--isl", "9", "--ttl", "5m"), "error: --ttl 5m must be given with"),
        (("offers", "anthropic/claude-opus-5", "--open"), "error: --open must be left out with one offer"),
        (("systems", "h100", "--single"), "error: --single must be left out with one system"),
        (("models", "--tags", "--sort", "active"), "error: --sort active must be left out with --tags"),
        (("lecture", "S1", "--chapter", "batch"), "error: --chapter batch must be left out with one claim"),
        (("train", "--mfu", "0.3"), "error: --mfu 0.3 must be given with --system"),
        (("train", "--inference-tokens", "1e12", "--days", "9"), "error: --days 9 must be left out with"),
        (("speculate", "deepseek-v3", "--list"), "error: MODEL = deepseek-v3 must be left out with --list"),
        (("deduce", "openai/gpt-6.1-terra", "--chart", "evidence"), "error: --chart evidence must be given with -o"),
        (
            ("roofline", "--params", "1e9", "--flops", "1e15", "--bandwidth", "1TB/s", "--context", "5"),
            "error: --context 5 must be left out without --kv-bytes-per-token",
        ),
    ],
)  # fmt: skip
def test_what_would_be_ignored_is_refused(
    args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(capsys, monkeypatch, *args)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(said)


def test_a_load_on_the_command_line_takes_the_place_of_the_file_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.toml"
    file.write_text('model = "llama-3.3-70b"\nsystem = "8xh100"\nusers = 50\nthink = 9\n')
    code, out, _ = run(capsys, monkeypatch, "analyze", "--scenario", str(file), "--concurrency", "8", "--json")
    assert code == 0 and '"concurrency": 8' in out
    code, out, err = run(capsys, monkeypatch, "analyze", "--scenario", str(file), "--concurrency", "8", "--batch", "2")
    assert code == 2 and err.startswith("error: load = 'batch 2, concurrency 8': must be one of batch")


def test_a_warning_stands_on_the_page_or_beside_json_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = run(capsys, monkeypatch, "price", *LLAMA, "--isl", "200k", "--concurrency", "1", "--json")
    assert code == 0 and out.startswith("{")
    assert err.startswith("warning: isl + osl = 200,512 tokens, but meta-llama/Llama-3.3-70B-Instruct is made for")
    for verb, *more in (("price",), ("speculate",), ("break-even", "--offer", "market/llama-3.3-70b")):
        code, out, err = run(capsys, monkeypatch, verb, *LLAMA, *more, "--isl", "200k", "--concurrency", "1")
        assert code == 0 and err == ""
        assert "warning: isl + osl = 200,512 tokens" in out.partition("\n\n")[0], verb
