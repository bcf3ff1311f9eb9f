"""Runs a verb as a process; what every money verb's process has to do is checked in one place."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

__all__ = ["answer_of", "assert_charts", "assert_one_line", "run", "run_inside"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tokenroof", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


def run_inside(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same command in this process, for the many cases where a new one would only cost time."""
    from tokenroof.cli.main import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    before, sys.argv = sys.argv, ["tokenroof", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def answer_of(*arguments: str) -> Any:
    """The JSON of a verb, strict: no NaN, no infinity."""
    done = run_inside(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))


def assert_one_line(done: subprocess.CompletedProcess[str], *needles: str) -> None:
    """Bad input: exit 2, one line that names what is wrong, a field as its option, and at most two of remedies."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 3 and all(line.startswith("  ") for line in lines[1:])
    assert "Traceback" not in done.stderr
    for needle in needles:
        assert needle in done.stderr or f"--{needle.replace('_', '-')}" in lines[0], done.stderr
    assert done.stdout == ""


def assert_charts(folder: Path, arguments: list[str], *words: str) -> None:
    """A chart with the words; the same question gives the same bytes, in another process too. Other endings hold the
    same drawing, and tests/unit/test_chart_files.py looks after them.
    """
    done = run(*arguments, "--plot", str(folder / "a.svg"))
    assert done.returncode == 0, done.stderr
    again = run_inside(*arguments, "--plot", str(folder / "b.svg"))
    assert again.returncode == 0, again.stderr
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()
    text = "".join(ElementTree.fromstring((folder / "a.svg").read_bytes()).itertext())
    for word in words:
        assert word in text
    assert sorted(path.name for path in folder.iterdir()) == ["a.svg", "b.svg"]
