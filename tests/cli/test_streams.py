"""Where the output goes: a pipe whose reader leaves, a closed stdout, a full disk. Never a traceback."""

import io
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


_EVERY_VERB = (
    "analyze qwen3-8b --system h100 --full", "analyze qwen3-8b --system h100 --json", "break-even",
    "calibrate NAMED", "chip h100", "chips", "compare NAMED",
    "deduce anthropic/claude-opus-5 --full", "diff", "fit --help", "import NAMED", "import NAMED --json",
    "kv deepseek-v3", "lecture --full", "lecture --json", "microbench --help", "model qwen3-8b", "models",
    "next qwen3-8b --system h100 --concurrency 64 --tpot 12ms", "offers", "plan qwen3-8b --system h100 --full",
    "price qwen3-8b --system h100 --full", "roofline --params 70e9 --flops 989e12 --bandwidth 3.35TB/s --batch 8",
    "simulate qwen3-8b --system h100 --request-rate 1 --requests 20", "speculate qwen3-8b --system h100",
    "report", "runs NAMED", "sweep --help", "systems h100", "tiers", "trace NAMED", "train", "validate NAMED",
    "web --help",
    "analyze \u2260", "",
)  # fmt: skip
_ALL_IN_ONE = """
import io, json, sys
from tokenroof.cli.main import VERBS, _answer
from tokenroof.cli.streams import encodable
encoding, named, *lines = sys.argv[1:]
assert {line.split()[0] for line in lines if line} >= set(VERBS)
real = sys.stdout, sys.stderr
for line in lines:
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2))
    encodable(sys.stdout, sys.stderr)
    sys.argv = ["tokenroof", *line.replace("NAMED", named).split()]
    code = _answer()
    sys.stderr.flush(), sys.stdout.flush()
    out, err = sys.stdout.buffer.getvalue(), sys.stderr.buffer.getvalue()
    sys.stdout, sys.stderr = real
    if code not in (0, 1, 2) or "--json" in line and code:
        print(line, code, err)
    if line == "import NAMED --json":
        assert "\u6a21\u578b" in str(json.loads(out.decode(encoding)))
"""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_every_verb_writes_to_a_terminal_of_few_characters(tmp_path: Path, encoding: str) -> None:
    """The file's name has letters, a sign and a box that cp1252 lacks, and goes through pages and errors."""
    config = tmp_path / "\u6a21\u578b\u2260\u25a0\u2500.json"
    config.write_text(
        '{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, '
        '"intermediate_size": 128, "vocab_size": 99, "torch_dtype": "bfloat16"}'
    )
    child = [sys.executable, "-c", _ALL_IN_ONE, encoding, str(config), *_EVERY_VERB]
    done = subprocess.run(child, check=False, capture_output=True, timeout=120, env={**os.environ, "PYTHONUTF8": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_signs_have_likenesses() -> None:
    from tokenroof.cli.streams import encodable

    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    encodable(stream)
    stream.write("3 \u2260 4 \u2264 \xb1\u25a0 \u2502\u2500\u253c\u2588 \u6a21 \ud800")
    stream.flush()
    assert stream.buffer.getvalue() == b"3 != 4 <= \xb1# |-+# ? ?"
