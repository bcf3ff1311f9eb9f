"""`tokenroof sweep` as a process: one line for each fault, exit codes, and runs that are stopped in the middle."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import tokenroof
from tokenroof.schema import read_sweep_spec

from sweep_support import parquet_bytes  # isort: skip

SPEC = """
model = "llama-3.1-8b"
system = "8xh200"
layout = ["tp=1", "tp=8"]
batch = [1, 16, 64]
context = [1024, 8192]
"""
# 500 blocks of 40 points: long enough to be stopped in the middle
LONG = """
model = "llama-3.1-8b"
system = "8xh200"
layout = "tp=8"
batch = { from = 1, to = 100, points = 100 }
context = { from = 1000, to = 100000, points = 200 }
block_points = 40
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tokenroof", "sweep", *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), check=False, capture_output=True, text=True, timeout=120)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    return done.stderr


def test_json_and_table(spec: Path, tmp_path: Path) -> None:
    done = run(spec, "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["points"], answer["blocks_computed"], answer["claim_levels"]) == (12, 2, ["calibrated"])
    again = run(spec, "-o", tmp_path / "out")
    assert "0 computed, 2 kept from before" in again.stdout
    assert again.stdout.startswith("12 points in 2 cases are in ") and "calibrated" in again.stdout
    assert again.stderr == ""


def test_layouts_and_what_was_left_out_stand_on_the_page(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.replace('["tp=1", "tp=8"]', '["auto", "tp=5"]'))
    done = run(spec, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "layout model system" in lines and lines[lines.index("layout model system") + 1].endswith(
        "llama-3.1-8b 8xh200"
    )
    assert any(line.startswith("1 tp = 5: must be a divisor of the 32 attention heads") for line in lines)


def test_estimate_writes_nothing(spec: Path, tmp_path: Path) -> None:
    done = run(spec, "--estimate", "--json")
    assert json.loads(done.stdout)["points"] == 12
    assert run(spec, "--estimate").stdout.startswith("12 points would take about ")
    assert [path.name for path in tmp_path.iterdir()] == ["spec.toml"]


def test_faults_are_one_line(spec: Path, tmp_path: Path) -> None:
    assert "add -o DIRECTORY" in one_line(run(spec))
    assert "No such file" in one_line(run(tmp_path / "none.toml", "-o", tmp_path / "out"))
    assert "leave the ending out" in one_line(run(spec, "-o", tmp_path / "out.csv"))
    spec.write_text(SPEC.replace("batch", "bach").replace("8192", "-1"))
    assert "3 faults: batch: missing; context[1] = -1: " in one_line(run(spec, "-o", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_exploding_grid_is_refused_with_its_size(spec: Path, tmp_path: Path) -> None:
    million = "{ from = 1, to = 1e6, step = 1 }"
    spec.write_text(SPEC.replace("[1, 16, 64]", million).replace("[1024, 8192]", million))
    text = one_line(run(spec, "-o", tmp_path / "out"))
    assert "sweep = '2,000,000,000,000 points, about " in text
    assert "must be at most 50,000,000 points and 4.0 GB; make the grid coarser, or add --yes" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on a process")
def test_a_disk_that_takes_no_more_is_one_line_and_the_run_goes_on_later(spec: Path, tmp_path: Path) -> None:
    limited = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n"
        "from tokenroof.cli.main import main\nsys.argv = ['tokenroof', *sys.argv[1:]]\nmain()"
    )
    arguments = [sys.executable, "-c", limited, "sweep", spec, "-o", tmp_path / "out"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=120)
    assert "File too large; finished blocks are kept; make room and run the same command to go on" in one_line(done)
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["_manifest.json"]
    assert run(spec, "-o", tmp_path / "out").returncode == 0


def stop(spec: Path, out: Path, how: signal.Signals, blocks: int) -> tuple[int, str]:
    """Start a run, send it a signal once some blocks are there; exit code and stderr."""
    process = subprocess.Popen(
        command(spec, "-o", out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        # background jobs of a shell ignore SIGINT, and so would those that they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while len(list(out.rglob("*.parquet"))) < blocks and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, said


def whole_files(out: Path) -> int:
    """Data files that a reader sees, each of them whole."""
    paths = list(out.rglob("*.parquet"))
    assert all(pq.read_metadata(path).num_rows == 40 for path in paths)
    assert ds.dataset(out, partitioning="hive").to_table().num_rows == 40 * len(paths)
    return len(paths)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_a_stopped_run_leaves_whole_blocks_and_goes_on(how: signal.Signals, tmp_path: Path) -> None:
    spec, out, clean = tmp_path / "long.toml", tmp_path / "out", tmp_path / "clean"
    spec.write_text(LONG)
    code, said = stop(spec, out, how, 20)
    kept = whole_files(out)
    assert 20 <= kept < 500, "stopped in the middle"
    if how == signal.SIGINT:
        assert code == 130
        assert "blocks are there; the same command goes on from here" in said
        assert "Traceback" not in said
        assert not list(out.rglob("*.part"))
    else:
        assert code == -how
    answer = tokenroof.sweep(read_sweep_spec(spec), out)
    assert (answer.blocks_kept, answer.blocks_computed) == (kept, 500 - kept)
    tokenroof.sweep(read_sweep_spec(spec), clean)
    assert parquet_bytes(out) == parquet_bytes(clean)
    assert not list(out.rglob("*.part"))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_bar_on_a_terminal_only_and_on_stderr(spec: Path, tmp_path: Path) -> None:
    master, slave = os.openpty()
    done = subprocess.run(
        command(spec, "-o", tmp_path / "out", "--json"), check=False, stdout=subprocess.PIPE, stderr=slave, timeout=120,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody holds any more
        while piece := os.read(master, 100_000):
            shown += piece
    os.close(master)
    assert json.loads(done.stdout)["points"] == 12
    assert b"2/2" in shown
    assert b"blocks" in shown


def test_help_has_an_example() -> None:
    done = run("--help")
    assert "tokenroof sweep examples/sweep.toml -o sweep-out" in done.stdout


def test_the_example_runs(repo_root: Path, tmp_path: Path) -> None:
    answer = tokenroof.sweep(tokenroof.read_sweep_spec(repo_root / "examples/sweep.toml"), tmp_path / "out")
    assert answer.skipped == ()
    cheapest = answer.to_xarray(("decode_usd_per_mtok", "fits")).sel(price_per_gpu_hour=2.0)
    costs = cheapest.decode_usd_per_mtok.where(cheapest.fits)
    assert float(costs.min()) > 0
