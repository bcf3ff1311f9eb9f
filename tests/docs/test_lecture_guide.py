"""The page on the lecture shows what the commands print today."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tokenroof.catalog.claims import FOLDER

PAGE = Path(__file__).resolve().parents[2] / "docs/guide/lecture.md"
BLOCKS = re.findall(r"```console\n\$ (tokenroof [^\n]+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_has_transcripts() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize(("shown", "output"), BLOCKS, ids=[shown for shown, _ in BLOCKS])
def test_transcript(shown: str, output: str) -> None:
    arguments, _, tail = shown.removeprefix("tokenroof ").partition(" | tail -")
    done = subprocess.run(
        [sys.executable, "-m", "tokenroof", *arguments.split()],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    lines = [line.rstrip() for line in done.stdout.rstrip().splitlines()]
    assert lines[-int(tail or 0) :] == output.rstrip().splitlines()


def test_the_example_of_a_claim_is_a_real_one() -> None:
    text = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    shown = tomllib.loads(text[1])["claims"][0]
    real = next(c for c in tomllib.loads((FOLDER / "01-batch.toml").read_text())["claims"] if c["id"] == shown["id"])
    assert shown["verdict"] == real["verdict"]
    assert shown["given"].items() <= real["given"].items()
    assert set(shown["checks"].split("\n")) <= set(real["checks"].split("\n"))
