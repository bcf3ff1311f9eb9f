"""Every example in `--help` runs: exit status 0 or 1, and no traceback. What needs a network or hours is named."""

import glob
import gzip
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from tokenroof.cli.main import VERBS, cli, main
from tokenroof.measure.importers import IMPORTERS
from tokenroof.simulate.traces import FORMATS

ROOT = Path(__file__).resolve().parents[2]
# Left out, with the reason.
ELSEWHERE = {
    "--online": "asks a hub or a price list", "--cluster": "asks a cluster", "--scheduler tcp": "asks a cluster",
    "genai-prices": "reads a package that is not installed by default", "fit --ops": "fits for hours",
    "--validate": "80 sheets: tests/infer", "--capacity": "searches: tests/simulate",
    "--rates": "ten loads: tests/sweep", "compare": "tests/cli has its files", "--device cuda": "measures a GPU",
    "tokenroof web": "serves until it is ended: tests/web",
}  # fmt: skip
QUICKER = {
    "deduce": ["--draws", "65536"],
    "microbench": ["--device", "cpu", "--seconds", "0.1", "--largest", "300kB", "--ranks", "1", "--force"],
}


def examples() -> list[str]:
    found = []
    for verb in sorted(VERBS):
        text = (cli.get_command(click.Context(cli), verb).help or "").replace("\\\n", " ")  # type: ignore[union-attr]
        lines = (line.strip() for line in text.splitlines())
        found += [re.split(r"\s{3,}(?=[a-z])", line)[0] for line in lines if line.startswith("tokenroof ")]
    return found


RUN = [one for one in examples() if not any(words in one for words in ELSEWHERE)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the files that examples name."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "config.json").write_bytes((ROOT / "tests/fixtures/configs/llama.json").read_bytes())
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.csv").write_text(next(one.example for one in IMPORTERS if "input_len" in one.example))
    traces = {one.name: one.example for one in FORMATS}
    lines = next(text for name, text in traces.items() if "mooncake" in name.lower())
    for name in ("mooncake_trace.jsonl", "chat.jsonl", "requests.jsonl"):
        (tmp_path / name).write_text(lines)
    (tmp_path / "AzureLLMInferenceTrace_conv.csv").write_text(
        next(text for name, text in traces.items() if "azure" in name.lower())
    )
    (tmp_path / "requests.csv.gz").write_bytes(gzip.compress(b"ts,in,out\n0,100,10\n1,200,20\n2,50,5\n"))
    (tmp_path / "my-cluster.toml").write_text(
        'id = "mine"\nname = "Mine"\nchip = "h100"\n[defaults]\nsource = "me"\nas_of = "2026-01-01"\n'
        'grade = "assumed"\n[size]\nn_chips = 16\n'
    )
    (tmp_path / "my-box.toml").write_text((ROOT / "examples/machines/epyc-1-core.toml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def test_every_verb_has_an_example() -> None:
    assert {one.split()[1] for one in examples()} == set(VERBS)


@pytest.mark.parametrize("example", RUN)
def test_an_example_of_the_help_runs(
    example: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [found for word in shlex.split(example) for found in (sorted(glob.glob(word)) if "*" in word else [word])]
    monkeypatch.setattr(sys, "argv", words + QUICKER.get(words[1], []))
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr()
    assert ended.value.code in (0, 1), out.err
    assert "Traceback" not in out.out + out.err
