"""The page that follows a number from the command line to the row that uses it: every stop is really made."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner

from tokenroof.cli.main import cli

MOST_STOPS = 60
# Stops of other questions: a page is printed in one way at a time, no degree is given here and no what-if.
OTHER_WAYS = {"present.html.html", "present.short.short", "operators.layouts.check_layout", "overridden"}
NOT_STOPS = {"attention (decode)"}


def stops(page: str) -> Iterator[str]:
    """Names in backquotes of the numbered steps."""
    for name in re.findall(r"`([^`]+)`", page.split("## The way of a number")[1].split("\n1. ")[1].split("\n## ")[0]):
        if name not in NOT_STOPS:
            yield name


@pytest.fixture(scope="module")
def called() -> set[str]:
    """Qualified names of all functions of the package that the command calls, with and without their modules."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.startswith("tokenroof."):
            name = frame.f_code.co_qualname
            found.update((name, f"{module.removeprefix('tokenroof.')}.{name}"))

    asked = ("analyze", "llama-3.1-8b", "--system", "8xh100", "--context", "8192", "--batch", "64")
    sys.setprofile(note)
    try:
        done = CliRunner().invoke(cli, asked)
    finally:
        sys.setprofile(None)
    assert done.exit_code == 0, done.output
    return found


def is_made(name: str, called: set[str]) -> bool:
    """A function by its own name in its package, whatever file holds it; a class by its making."""
    package, _, own = name.rpartition(".")
    return any(
        one.startswith(package.partition(".")[0]) and (one == own or one.endswith((f".{own}", f".{own}.__init__")))
        for one in called
    )


def test_there_are_few_stops_and_each_is_made(repo_root: Path, called: set[str]) -> None:
    named = list(stops((repo_root / "docs/dev/architecture.md").read_text(encoding="utf-8")))
    assert 40 < len(named) <= MOST_STOPS
    assert [name for name in named if name not in OTHER_WAYS and not is_made(name, called)] == []
