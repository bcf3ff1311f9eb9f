"""The README says what is true now: transcripts match the commands, verbs and files exist."""

import re
import subprocess
import sys
from pathlib import Path

from tokenroof.cli.main import VERBS


def test_transcripts_are_what_the_commands_print(repo_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repo_root / "scripts" / "refresh_readme.py"), "--check"], check=False, timeout=120
    )
    assert done.returncode == 0, "run scripts/refresh_readme.py and say in the changelog what moved"


def test_every_verb_named_in_the_readme_exists(repo_root: Path) -> None:
    named = set(re.findall(r"`tokenroof ([a-z-]+)", (repo_root / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= set(VERBS)


def test_every_link_to_a_file_leads_somewhere(repo_root: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (repo_root / "README.md").read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (repo_root / link).exists(), link


def test_errors_are_those_of_the_page(repo_root: Path) -> None:
    page = (repo_root / "docs" / "accuracy.md").read_text(encoding="utf-8")
    row = re.search(r"a model that was left out \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) %", page)
    said = re.search(
        r"TPOT (\d+) %, TTFT (\d+) %, throughput (\d+) %", (repo_root / "README.md").read_text(encoding="utf-8")
    )
    assert row is not None
    assert said is not None
    tpot, throughput, ttft = (round(float(one)) for one in row.groups())
    assert tuple(map(int, said.groups())) == (tpot, ttft, throughput)
