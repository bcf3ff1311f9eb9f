"""Every example in the documentation runs: Python blocks page by page, and each command with its exit status.

A Python block with prompts is a doctest, so its output is checked too. A comment `<!-- not run: why -->` before a
block leaves it out; `# exit 1` after a command says what it has to end with. Blocks marked `<!-- transcript -->` are
compared with what the command prints now.
"""

import doctest
import importlib.util
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from tokenroof.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Written by hand: what the build generates lies in folders below docs/reference.
PAGES = sorted(
    [p for p in DOCS.rglob("*.md") if "_ext" not in p.parts and p.parent.parent != DOCS / "reference"]
    + [ROOT / "README.md"]
)
FENCE = re.compile(r"(<!-- not run: [^\n]+ -->\n+)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# The transcripts of these pages are run, and compared word for word, by tests of their own.
COMPARED = ("lecture.md", "README.md")
# Added to a verb whose examples would take seconds each: the same path over fewer draws.
QUICKER = {
    "deduce": ["--draws", "262144"],
    "microbench": ["--device", "cpu", "--seconds", "0.1", "--largest", "300kB", "--ranks", "1", "--force"],
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks_of(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(m[2], m[3], text[: m.start(2)].count("\n") + 1)
        for m in FENCE.finditer(text)
        if m[2] in languages and not m[1]
    ]


def commands_of(page: Path) -> list[str]:
    """Commands after `$ ` in console blocks, and lines of sh blocks; a pipe or a redirection ends them."""
    found = []
    for block in blocks_of(page, "console", "sh"):
        prompt = "$ " if block.language == "console" else ""
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith(f"{prompt}tokenroof "):
                found.append(line.removeprefix(prompt))
    return found


def written_before(command: str) -> list[str]:
    """Commands of its block, before it, that save a file which it reads."""
    for page in PAGES:
        for block in blocks_of(page, "console", "sh"):
            lines = [line.removeprefix("$ ") for line in block.text.replace("\\\n", " ").splitlines()]
            if command in lines:
                saved = {line: re.search(r" --save (\S+\.toml)", line) for line in lines[: lines.index(command)]}
                return [line for line, file in saved.items() if file and file[1] in shlex.split(command)]
    return []


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_PYTHON = [page for page in PAGES if blocks_of(page, "python")]
COMMANDS = sorted({c for page in PAGES if page.name not in COMPARED for c in commands_of(page)})


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with what examples refer to: examples/ and a config.json."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    config = next((ROOT / "tests" / "fixtures" / "configs").rglob("*.json"))
    (tmp_path / "config.json").write_bytes(config.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_blocks_run_in_order(page: Path, workspace: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page, "python"):
        where = f"{name_of(page)}:{block.line}"
        if not block.text.lstrip().startswith(">>>"):
            exec(compile("\n" * block.line + block.text, where, "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(block.text, names, where, name_of(page), block.line)
        said: list[str] = []
        failed = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append, clear_globs=False).failed
        names = test.globs
        assert not failed, "".join(said)


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(
    command: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, _, comment = command.partition(" #")
    words = shlex.split(re.split(r" (?:\||>|2>)", shown)[0])
    expected = int(re.sub(r"\D", "", comment)) if comment.strip().startswith("exit ") else 0
    quicker = [] if {"--lecture", "--validate"} & set(words) else QUICKER.get(words[1], [])
    for earlier in written_before(command):
        monkeypatch.setattr(sys, "argv", shlex.split(earlier))
        with pytest.raises(SystemExit):
            main()
    monkeypatch.setattr(sys, "argv", words + quicker)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr()
    assert ended.value.code == expected, out.err
    assert out.out or out.err


def _refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh_docs", ROOT / "scripts" / "refresh_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRANSCRIPTS = [
    (page, match[2], match[3])
    for page in PAGES
    for match in _refresh().TRANSCRIPT.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "command", "shown"), TRANSCRIPTS, ids=[t[1] for t in TRANSCRIPTS])
def test_transcript_is_what_the_command_prints(page: Path, command: str, shown: str) -> None:
    assert _refresh().printed_by(command) == shown, f"run scripts/refresh_docs.py {name_of(page)}"


def test_there_are_examples_to_run() -> None:
    assert len(COMMANDS) >= 10
    assert len(WITH_PYTHON) >= 5
