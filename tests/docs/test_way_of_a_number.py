"""The page that follows a number from the command line to the row that uses it: every stop is really made."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_STOPS = 60
# Stops of other questions: a page is printed in one way at a time, no degree is given here and no what-if.
OTHER_WAYS = {"present.html.html", "present.short.short", "operators.layouts.check_layout", "overridden"}
NOT_STOPS = {"attention (decode)"}


def stops(page: str) -> Iterator[str]:
    """Names in backquotes of the numbered steps."""
    for name in re.findall(r"`([^`]+)`", page.split("## The way of a number")[1].split("\n1. ")[1].split("\n## ")[0]):
        if name not in NOT_STOPS:
            yield name


# In an interpreter of its own: what another test has asked for may be remembered, and not be called again.
WALK = """
import sys
found = set()

def note(frame, event, _):
    module = str(frame.f_globals.get("__name__", ""))
    if event == "call" and module.startswith("tokenroof."):
        name = frame.f_code.co_qualname
        found.update((name, module.removeprefix("tokenroof.") + "." + name))

from tokenroof.cli.main import main
sys.argv = "tokenroof analyze llama-3.1-8b --system 8xh100 --context 8192 --batch 64".split()
sys.setprofile(note)
try:
    main()
except SystemExit as stop:
    assert not stop.code
finally:
    sys.setprofile(None)
    print("FOUND", *sorted(found), sep="\\n", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def called() -> set[str]:
    """Qualified names of all functions of the package that the command calls, with and without their modules."""
    done = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, check=True)
    return set(done.stderr.partition("FOUND\n")[2].split("\n"))


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
