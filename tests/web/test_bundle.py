"""The page that users get: small, from this machine alone, and what its sources build."""

import fcntl
import filecmp
import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src/tokenroof/web/static"
FRONTEND = ROOT / "frontend"
MOST_GZIPPED = 120_000
MOST_UNPACKED = 260_000  # a report has the bundle and its answers in 400 KB
MOST_LINES = 300
# names of XML languages, and where the licence of a library is told: nothing that is fetched
NAMES = ("http://www.w3.org/",)


def _files() -> list[Path]:
    return sorted(path for path in STATIC.rglob("*") if path.is_file())


def test_the_bundle_is_a_page_a_script_and_a_style() -> None:
    assert [path.relative_to(STATIC).as_posix() for path in _files()] == [
        "assets/tokenroof.css", "assets/tokenroof.js", "index.html",
    ]  # fmt: skip


def test_the_bundle_is_small() -> None:
    contents = [path.read_bytes() for path in _files()]
    assert sum(len(gzip.compress(content, mtime=0)) for content in contents) <= MOST_GZIPPED
    assert sum(map(len, contents)) <= MOST_UNPACKED


def test_the_bundle_names_no_other_machine() -> None:
    for path in _files():
        found = set(re.findall(r"https?://[^\s\"'`)\\]+", path.read_text(encoding="utf-8")))
        assert not [address for address in found if not address.startswith(NAMES)], path.name


def test_the_page_runs_under_the_strict_policy() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert '<script type="application/json" id="tokenroof-state">{}</script>' in page
    scripts = re.findall(r"<script[^>]*>", page)
    assert len(scripts) == 2 and all("src=" in one or "application/json" in one for one in scripts)
    assert "eval(" not in (STATIC / "assets/tokenroof.js").read_text(encoding="utf-8")


def test_packages_are_pinned_without_addresses() -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all("resolved" not in one for one in packages.values())
    assert all("integrity" in one for one in packages.values())


def test_sources_are_short_and_one_folder_holds_one_view() -> None:
    sources = [path for path in (FRONTEND / "src").rglob("*") if path.suffix in (".ts", ".tsx")]
    long = [path.name for path in sources if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES]
    assert len(sources) > 40 and not long
    listed = re.search(r"VIEWS = \[(.*?)\]", (FRONTEND / "src/state/params.ts").read_text(encoding="utf-8"), re.S)
    assert listed
    folders = {path.name for path in (FRONTEND / "src/views").iterdir()}
    assert set(re.findall(r'"(\w+)"', listed.group(1))) == folders


def _run(*command: str) -> None:
    environment = {**os.environ, "CI": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=FRONTEND, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{(done.stdout + done.stderr)[-4000:]}"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pinned packages, fetched once for all workers; skipped where there is no Node or no registry."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node here: the committed bundle is not built anew")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    if tuple(map(int, version.lstrip("v").split(".")[:2])) < (20, 19):
        pytest.skip(f"Node {version}: the build wants 20.19 or later")
    with (FRONTEND / ".packages-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, pinned = FRONTEND / "node_modules/.package-lock.json", FRONTEND / "package-lock.json"
        if not stamp.exists() or stamp.stat().st_mtime < pinned.stat().st_mtime:
            done = subprocess.run([npm, "ci"], cwd=FRONTEND, capture_output=True, text=True, timeout=280, check=False)
            if done.returncode != 0:
                text = (done.stdout + done.stderr)[-1500:]
                if re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ECONNRESET", text):
                    pytest.skip("the packages of the page cannot be fetched here")
                pytest.fail(text)
            stamp.touch()
        yield FRONTEND / "node_modules/.bin"


@pytest.mark.slow
def test_the_bundle_is_what_the_sources_build(packages: Path, tmp_path: Path) -> None:
    _run(str(packages / "vite"), "build", "--outDir", str(tmp_path), "--logLevel", "error")
    built = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert built == [path.relative_to(STATIC).as_posix() for path in _files()]
    same, different, missing = filecmp.cmpfiles(tmp_path, STATIC, built, shallow=False)
    assert not different and not missing, f"run `make web`: {different or missing} is not what frontend/ builds"
    assert same


@pytest.mark.slow
def test_the_sources_pass_the_linter_the_types_and_their_tests(packages: Path) -> None:
    _run(str(packages / "tsc"), "--noEmit")
    _run(str(packages / "eslint"), ".", "--max-warnings", "0")
    _run(str(packages / "vitest"), "run", "--reporter=dot")
