"""A report is one file: it holds its answers, fetches nothing and runs no script but its own."""

import base64
import hashlib
import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from tokenroof.cli.main import cli
from tokenroof.errors import InputError
from tokenroof.web.report import MOST_BYTES, VIEWS, ReportRequest, report

PAGE = """<!doctype html><html><head><title>t</title>
<script type="module" crossorigin src="./assets/a.js"></script><link rel="stylesheet" crossorigin href="./assets/a.css">
</head><body><div id="app"></div><script type="application/json" id="tokenroof-state">{}</script></body></html>"""


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "assets/a.js").write_text("const a='</script>'", encoding="utf-8")
    (tmp_path / "assets/a.css").write_text("p{}", encoding="utf-8")
    return tmp_path


def state_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="tokenroof-state">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    state: dict[str, object] = json.loads(found[1])
    return state


def test_script_style_and_answers_are_inside(static: Path) -> None:
    fields = {"model": "llama-3.1-8b", "system": "h100", "batch": "16", "tpot": "40ms"}
    page = report(ReportRequest(view="blackboard", fields=fields), static)
    assert "src=" not in page and "href=" not in page and "<style>p{}</style>" in page
    code = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    assert code is not None and code[1] == "const a='<\\/script>'"
    allowed = base64.b64encode(hashlib.sha256(code[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}';" in page and "default-src 'none'" in page
    state = state_of(page)
    assert state["report"] is True and set(state["answers"]) == {"analyze", "curves"}  # type: ignore[call-overload]
    link = parse_qs(str(state["query"]).removeprefix("?"))
    assert {name: link[name] for name in ("v", "view", "m", "s", "e", "tp", "isl", "osl", "b", "tpot")} == {
        "v": ["1"], "view": ["blackboard"], "m": ["llama-3.1-8b"], "s": ["h100"], "e": ["vllm"], "tp": ["0"],
        "isl": ["4096"], "osl": ["512"], "b": ["16"], "tpot": ["40"],
    }  # fmt: skip


def test_a_comparison_of_machines_has_its_first_as_the_scenario_and_only_what_is_drawn(static: Path) -> None:
    fields = {"model": "llama-3.1-8b", "system": "h100,h200", "tpot": "40ms", "concurrency": "500"}
    state = state_of(report(ReportRequest(view="machines", fields=fields), static))
    link = parse_qs(str(state["query"]).removeprefix("?"))
    assert (link["s"], link["vs"], link["users"]) == (["h100"], ["h200"], ["500"])
    machines = state["answers"]["plan"]["machines"]  # type: ignore[index]
    assert all(one["winner"] and one["frontier"] and not one["runner_ups"] for one in machines)


def test_an_acceptance_is_no_fault_of_the_scenario(static: Path) -> None:
    fields = {"model": "deepseek-v3", "system": "8xh200", "acceptance": "0.6"}
    state = state_of(report(ReportRequest(view="speculation", fields=fields), static))
    assert parse_qs(str(state["query"]).removeprefix("?"))["accept"] == ["0.6"]
    assert state["answers"]["speculate"]["acceptance"] == 0.6  # type: ignore[index]


def test_the_lecture_is_mailed_chapter_by_chapter(static: Path) -> None:
    page = report(ReportRequest(view="learn", fields={}), static)
    claims = state_of(page)["answers"]["lecture"]["claims"]  # type: ignore[index]
    assert {one["chapter"] for one in claims} == {"batch"} and len(page.encode()) < MOST_BYTES


def test_text_of_an_answer_cannot_end_its_block(static: Path) -> None:
    page = report(ReportRequest(view="learn", fields={"chapter": "batch"}), static)
    assert page.count("</script>") == 2
    assert state_of(page)["answers"]["lecture"]["claims"]  # type: ignore[index]


def test_a_page_that_is_too_large_is_not_written(static: Path) -> None:
    (static / "assets/a.js").write_text("x" * MOST_BYTES, encoding="utf-8")
    with pytest.raises(InputError, match="at most 400 KB"):
        report(ReportRequest(view="learn", fields={}), static)


def test_the_verb_writes_the_built_page(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    arguments = ["report", "blackboard", "llama-3.1-8b", "--system", "h100", "-o", str(target)]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and str(target) in done.output
    page = target.read_text(encoding="utf-8")
    assert 100_000 < len(page.encode()) < MOST_BYTES
    assert not re.search(r'(?:src|href)="(?!data:)', page.split("<body>")[0].replace(page.split("<script")[1], ""))
    assert set(state_of(page)["answers"]) == {"analyze", "curves"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["blackboard", "llama-3.1-8b", "--system", "h100"], "output"),
        (["blackboards", "-o", "page.html"], "view"),
        (["blackboard", "-o", "page.pdf"], "page.pdf"),
        (["blackboard", "nope", "--system", "h100", "-o", "page.html"], "nope"),
        (["deduce", "anthropic/claude-opus-5", "--field", "draws", "-o", "page.html"], "NAME=VALUE"),
    ],
)  # fmt: skip
def test_what_is_refused(arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["report", *arguments])
    assert done.exit_code != 0 and words in str(done.exception), done.output
    assert list(tmp_path.iterdir()) == []


def test_every_view_has_answers() -> None:
    assert len(VIEWS) == 12 and all(VIEWS.values())
