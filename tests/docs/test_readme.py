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
