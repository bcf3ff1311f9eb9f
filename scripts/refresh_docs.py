"""Writes the outputs in docs/ anew, for when a prediction moved on purpose: Python sessions, marked transcripts.

.venv/bin/python scripts/refresh_docs.py            every page written by hand
.venv/bin/python scripts/refresh_docs.py PAGE ...   these pages

Prose is left alone: read the difference, mend the sentences that name a number, and say in the changelog what moved.
An output that has `...` in it stays as it is. A console block with a comment `<!-- transcript -->` before it holds
one command and what it prints; `| head -N` and `| tail -N` after the command keep a part.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(^```python\n)(.*?)(^```$)", re.DOTALL | re.MULTILINE)
TRANSCRIPT = re.compile(r"(<!-- transcript -->\n```console\n)\$ ([^\n]+)\n(.*?)(^```$)", re.DOTALL | re.MULTILINE)


def printed_by(shown: str) -> str:
    """What a command prints to stdout, cut as the `| head` or `| tail` after it says."""
    command, _, cut = shown.partition(" | ")
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command.replace(" 2>/dev/null", ""))],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command}: {done.stderr}")
    lines = [line.rstrip() for line in done.stdout.rstrip().splitlines()]
    words = cut.split()
    if words:
        lines = lines[: -int(words[1])] if words[0] == "head" else lines[int(words[1]) :]
    return "\n".join(lines) + "\n"


def output_of(example: doctest.Example, names: dict[str, Any]) -> str:
    """What the prompt would print: the value, or a traceback where the page has one."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(example.source, "<docs>", "single"), names)
        except Exception as error:
            if not example.want.startswith("Traceback"):
                raise
            said.write("Traceback (most recent call last):\n    ...\n")
            said.write("".join(traceback.format_exception_only(error)))
    return said.getvalue()


def session(text: str, names: dict[str, Any]) -> str:
    """A block with its outputs replaced; a blank line in an output is marked the way doctest wants it."""
    if not text.startswith(">>>"):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "<docs>", "exec"), names)
        return text
    out = []
    for example in doctest.DocTestParser().parse(text):
        if isinstance(example, str):
            out.append(example)
            continue
        lines = example.source.rstrip("\n").split("\n")
        out.append("\n".join([f">>> {lines[0]}", *(f"... {line}".rstrip() for line in lines[1:])]) + "\n")
        got = re.sub(r"^\n", "<BLANKLINE>\n", output_of(example, names), flags=re.MULTILINE)
        out.append(example.want if "..." in example.want else got)
    return "".join(out)


def refreshed(text: str) -> str:
    """A page whose sessions show the present outputs; names carry over from block to block."""
    text = TRANSCRIPT.sub(lambda m: f"{m[1]}$ {m[2]}\n{printed_by(m[2])}{m[4]}", text)
    names: dict[str, Any] = {"__name__": "__main__"}
    return BLOCK.sub(lambda m: m[1] + session(m[2], names) + m[3], text)


def main() -> int:
    """Rewrite the pages; say which changed."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or sorted((ROOT / "docs").glob("*/*.md"))
    with tempfile.TemporaryDirectory() as place:  # what examples write stays there
        (Path(place) / "examples").symlink_to(ROOT / "examples")
        os.chdir(place)
        for page in pages:
            old = page.read_text(encoding="utf-8")
            new = refreshed(old)
            if new != old:
                page.write_text(new, encoding="utf-8")
                print(f"rewritten: {page}")
        os.chdir(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
