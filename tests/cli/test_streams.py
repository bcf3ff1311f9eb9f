"""Where the output goes: a pipe whose reader leaves, a closed stdout, a full disk. Never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOKENROOF = [sys.executable, "-m", "tokenroof"]
VERBS = (("models", "--json"), ("analyze", "qwen3-8b", "--system", "h100"), ("kv", "qwen3-8b"), ("lecture",))


@pytest.mark.parametrize("arguments", VERBS, ids=lambda a: a[0])
def test_a_reader_that_leaves_is_no_fault(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*TOKENROOF, *arguments], check=False, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writer)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("arguments", VERBS, ids=lambda a: a[0])
def test_a_closed_stdout_is_no_fault(arguments: tuple[str, ...]) -> None:
    line = " ".join([*TOKENROOF, *arguments, ">&-"])
    done = subprocess.run(["sh", "-c", line], check=False, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this machine")
@pytest.mark.parametrize("arguments", VERBS, ids=lambda a: a[0])
def test_a_full_disk_is_said_in_one_line(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [*TOKENROOF, *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 2
    assert "error: the answer cannot be written" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_no_color_means_no_escape_codes_even_on_a_terminal() -> None:
    pty = pytest.importorskip("pty")
    for arguments in (("chips", "--vendor", "nvidia"), ("model", "qwen3-8b")):
        leader, follower = pty.openpty()
        subprocess.run(
            [*TOKENROOF, *arguments], check=True, stdout=follower, stderr=subprocess.DEVNULL, timeout=60,
            env={**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(follower)
        shown = os.read(leader, 4000)
        os.close(leader)
        assert shown and b"\x1b[" not in shown


def test_no_verb_is_an_invitation_not_an_error() -> None:
    done = subprocess.run(TOKENROOF, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tokenroof predicts what serving a language model costs")
