"""The directory: whole files or none, one sweep per directory, and what a reader finds there."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.usecases.sweep.blocks import COLUMNS
from tokenroof.usecases.sweep.evaluate import evaluate_block, prepare
from tokenroof.usecases.sweep.plan import plan_sweep
from tokenroof.usecases.sweep.run import open_sweep, sweep
from tokenroof.usecases.sweep.store import MANIFEST, open_store
from tokenroof.usecases.sweep.threads import block_bytes

from sweep_support import parquet_bytes, small  # isort: skip


def test_files_lie_by_model_and_system_and_hold_every_point(tmp_path: Path) -> None:
    answer = sweep(small(model=("llama-3.1-8b", "gpt-oss-20b")), tmp_path / "out")
    assert (answer.cases, answer.points, answer.blocks) == (4, 4 * 264, 24)
    names = list(parquet_bytes(tmp_path / "out"))
    assert len(names) == 24
    assert names[0] == "model=gpt-oss-20b/system=8xh200/case00002-block00000.parquet"
    table = ds.dataset(tmp_path / "out", partitioning="hive").to_table()  # any reader, not ours
    assert table.num_rows == 4 * 264
    assert set(table["model"].to_pylist()) == {"llama-3.1-8b", "gpt-oss-20b"}
    assert set(table["layout"].to_pylist()) == {"tp=1", "tp=8"}
    assert set(table["claim_level"].to_pylist()) == {"calibrated"}
    places = {tuple(row.values()) for row in table.select(["model", "layout", "batch", "context", "price_per_gpu_hour"])
              .to_pylist()}  # fmt: skip
    assert len(places) == 4 * 264
    assert table.equals(answer.dataset().to_table())


def test_units_are_in_the_schema(tmp_path: Path) -> None:
    sweep(small(outputs=("decode_step_s", "bound")), tmp_path / "out")
    path = next((tmp_path / "out").rglob("*.parquet"))
    schema = pq.read_schema(path)
    assert schema.field("decode_step_s").metadata == {b"unit": b"s", b"what": COLUMNS["decode_step_s"][1].encode()}
    assert schema.field("context").metadata[b"unit"] == b"token/sequence"
    assert schema.field("price_per_gpu_hour").metadata[b"unit"] == b"USD/GPU/h"
    assert b"sweep" in schema.metadata
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["columns"]["decode_step_s"]["unit"] == "s"
    assert manifest["sweep_hash"].encode() == schema.metadata[b"sweep"]


def test_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    spec = small(layout=("tp=8", "auto"), rule=("operators", "book"))
    answer = sweep(spec, tmp_path / "out")
    grid = answer.to_xarray()
    plan = plan_sweep(spec)
    for case in plan.cases:
        here = grid.sel({name: case.labels[name] for name in ("model", "system", "layout", "rule")}).squeeze(drop=True)
        for _, block in list(plan.blocks())[:6]:
            wanted = evaluate_block(case, prepare(case), plan.grid(block), plan.columns)
            box = dict(zip(plan.axes, (slice(*ends) for ends in block.box), strict=True))
            for name in set(plan.columns) - set(plan.axes):
                found = here[name].isel(box).values
                assert np.array_equal(found, np.broadcast_to(wanted[name], found.shape)), name


def test_the_grid_has_every_field_as_a_dimension_and_marks_what_is_impossible(tmp_path: Path) -> None:
    answer = sweep(small(layout=("tp=1", "tp=5")), tmp_path / "out")
    assert [skip.labels["layout"] for skip in answer.skipped] == ["tp=5"]
    grid = open_sweep(tmp_path / "out").to_xarray(("decode_step_s", "fits", "bound"))
    assert dict(grid.sizes) == {
        "model": 1, "system": 1, "layout": 2, "rule": 1, "engine": 1, "profile": 1, "weight_dtype": 1, "kv_dtype": 1,
        "batch": 12, "context": 11, "price_per_gpu_hour": 2,
    }  # fmt: skip
    assert grid.decode_step_s.attrs["units"] == "s"
    assert grid.batch.attrs["units"] == "sequence"
    there, absent = grid.sel(layout="tp=1"), grid.sel(layout="tp=5")
    assert there.evaluated.all()
    assert not absent.evaluated.any()
    assert bool(there.decode_step_s.notnull().all())
    assert bool(absent.decode_step_s.isnull().all())
    assert set(np.unique(absent.bound)) == {-1}
    words = np.array(grid.bound.attrs["flag_meanings"].split())
    assert set(words[np.unique(there.bound)]) <= {"weights", "kv", "overhead", "compute", "activations"}
    assert there.layout_used.item() == "tp=1"
    with pytest.raises(UnknownName, match="nearest: "):
        answer.to_xarray(("steps_s",))


def test_the_same_sweep_again_computes_nothing(tmp_path: Path) -> None:
    first = sweep(small(), tmp_path / "out")
    before = parquet_bytes(tmp_path / "out")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    again = sweep(small(), tmp_path / "out")
    assert (first.blocks_computed, first.blocks_kept) == (12, 0)
    assert (again.blocks_computed, again.blocks_kept, again.bytes_written) == (0, 12, 0)
    assert parquet_bytes(tmp_path / "out") == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == stamps


def test_lost_and_damaged_blocks_are_made_again_to_the_byte(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "out")
    before = parquet_bytes(tmp_path / "out")
    lost, cut, empty, strange, *_ = sorted((tmp_path / "out").rglob("*.parquet"))
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    empty.write_bytes(b"")
    strange.write_bytes(cut.with_name(f"{strange.name}").read_bytes()[:50])
    with pytest.raises(InputError, match="run the same command to go on"):
        open_sweep(tmp_path / "out").to_xarray()
    assert sweep(small(), tmp_path / "out").blocks_computed == 4
    assert parquet_bytes(tmp_path / "out") == before


def test_a_block_of_another_sweep_does_not_count(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "a")
    sweep(small(price_per_gpu_hour=(2.0, 4.0)), tmp_path / "b")
    name = next(iter(parquet_bytes(tmp_path / "a")))
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    assert sweep(small(), tmp_path / "a").blocks_computed == 1


def test_bytes_do_not_depend_on_threads_or_order(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "one", threads=1)
    sweep(small(), tmp_path / "many", threads=8)
    assert parquet_bytes(tmp_path / "one") == parquet_bytes(tmp_path / "many")


@pytest.mark.parametrize("change", [{"batch": (1.0,)}, {"rule": ("book",), "layout": ("auto",)}, {"block_points": 49}])
def test_one_directory_holds_one_sweep(tmp_path: Path, change: dict[str, Any]) -> None:
    sweep(small(), tmp_path / "out")
    before = parquet_bytes(tmp_path / "out")
    with pytest.raises(InputError, match="must be empty, or of the same spec; it holds another sweep"):
        sweep(small(**change), tmp_path / "out")
    assert parquet_bytes(tmp_path / "out") == before


def test_other_figures_in_the_catalogue_are_not_mixed_in(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "out")
    path = tmp_path / "out" / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"facts_hash": "0" * 64}))
    with pytest.raises(InputError, match="other figures in the catalogue"):
        sweep(small(), tmp_path / "out")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', "\x00"])
def test_a_damaged_manifest_is_one_line(tmp_path: Path, content: str) -> None:
    sweep(small(), tmp_path / "out")
    (tmp_path / "out" / MANIFEST).write_text(content)
    for call in (lambda: sweep(small(), tmp_path / "out"), lambda: open_sweep(tmp_path / "out")):
        with pytest.raises(InputError, match=r"its _manifest\.json is damaged"):
            call()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "out")
    path = tmp_path / "out" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 3}))
    with pytest.raises(InputError, match="must be one of format 2; it has 3"):
        open_sweep(tmp_path / "out")


def test_directories_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    for directory, message in (
        (tmp_path / "none" / "out", "must be in a directory that exists; there is no"),
        (tmp_path / "file", "must be a directory; there is a file of that name"),
        (tmp_path / "file" / "out", "must be a directory"),
        (tmp_path / "full", "must be empty, or of the same sweep; it holds other files"),
    ):
        with pytest.raises(InputError, match=message):
            sweep(small(), directory)
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    with pytest.raises(InputError, match="No such file or directory"):
        open_sweep(tmp_path / "none")


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a file system that nobody can write to")
def test_a_read_only_file_system_is_one_line() -> None:
    with pytest.raises(InputError, match=r"must be a writable directory with room; .+; finished blocks are kept"):
        sweep(small(), "/sys/tokenroof-sweep", yes=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_one_line_and_a_finished_sweep_in_it_is_fine(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "done")
    (tmp_path / "empty").mkdir()
    for directory in ("done", "empty"):
        (tmp_path / directory).chmod(0o555)
    try:
        assert sweep(small(), tmp_path / "done").blocks_kept == 12
        with pytest.raises(InputError, match="Permission denied"):
            sweep(small(), tmp_path / "empty")
    finally:
        for directory in ("done", "empty"):
            (tmp_path / directory).chmod(0o755)


def test_a_disk_that_fills_up_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(small(), tmp_path / "whole")
    written, real = [0], Path.replace

    def full_after_five(self: Path, target: Path) -> Path:
        if target.suffix == ".parquet":
            written[0] += 1
            if written[0] > 5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_after_five)
        with pytest.raises(InputError, match="No space left on device; finished blocks are kept; make room and run"):
            sweep(small(), tmp_path / "out", threads=1)
    left = parquet_bytes(tmp_path / "out")
    assert len(left) == 5
    assert not list((tmp_path / "out").rglob("*.part"))
    assert sweep(small(), tmp_path / "out").blocks_kept == 5
    assert parquet_bytes(tmp_path / "out") == parquet_bytes(tmp_path / "whole")


def test_what_a_killed_run_left_half_written_is_hidden_and_then_removed(tmp_path: Path) -> None:
    sweep(small(), tmp_path / "out")
    path = next((tmp_path / "out").rglob("*.parquet"))
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(path.read_bytes()[:77])
    path.unlink()
    assert ds.dataset(tmp_path / "out", partitioning="hive").to_table().num_rows == 528 - 44
    assert sweep(small(), tmp_path / "out").blocks_computed == 1
    assert not part.exists()


def test_two_runs_do_not_write_to_one_directory(tmp_path: Path) -> None:
    plan = plan_sweep(small())
    with open_store(tmp_path / "out", plan), pytest.raises(InputError, match="that no other run is writing"):
        sweep(small(), tmp_path / "out")
    assert sweep(small(), tmp_path / "out").blocks_computed == 12


def test_large_sweeps_are_refused_with_their_size_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenroof.usecases.sweep.run.MOST_POINTS", 500)
    with pytest.raises(
        InputError, match=r"528 points, about [\d.]+ kB and 0\.\d s': must be at most 500 points and 4\.0 GB"
    ):
        sweep(small(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sweep(small(), tmp_path / "out", yes=True).points == 528


def test_a_sweep_larger_than_the_free_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("tokenroof.usecases.sweep.run.shutil.disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="smaller than the 1 kB that are free on the disk"):
        sweep(small(), tmp_path / "out")
    sweep(small(), tmp_path / "out", yes=True)
    assert sweep(small(), tmp_path / "out").blocks_kept == 12  # nothing is left to be written


def test_a_file_name_cannot_leave_the_directory(tmp_path: Path) -> None:
    """A model from a file may be called anything."""
    plan = plan_sweep(small())
    case, block = next(plan.blocks())
    data = block_bytes(case, block, plan.grid(block), plan.columns, plan.sweep_hash)
    wicked = {**case.labels, "model": "../../etc/x y=%é"}
    from dataclasses import replace

    with open_store(tmp_path / "out", plan) as store:
        store.write(replace(case, labels=wicked), block, data)
    (path,) = (tmp_path / "out").rglob("*.parquet")
    assert path.relative_to(tmp_path / "out").parts[0] == "model=..%2F..%2Fetc%2Fx%20y%3D%25%C3%A9"
    assert ds.dataset(tmp_path / "out", partitioning="hive").to_table()["model"][0].as_py() == wicked["model"]
