"""The same sweep on a Dask cluster: a scheduler and two workers as processes of their own, some of them killed."""

import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenroof.errors import InputError, TokenroofError
from tokenroof.usecases.sweep import dask as sweep_dask
from tokenroof.usecases.sweep.run import Progress, sweep
from tokenroof.usecases.sweep.spec import Range, SweepSpec

from dask_cluster import Cluster  # isort: skip
from sweep_support import parquet_bytes, small  # isort: skip

pytest.importorskip("distributed", reason="extra cluster")

MANY = SweepSpec(
    model=("llama-3.1-8b", "gpt-oss-20b"), system=("8xh200",), layout=("tp=8",),
    batch=Range(start=1, stop=60, points=60), context=Range(start=1000, stop=20_000, points=20), block_points=20,
)  # fmt: skip
BLOCKS = 120


def at_block(number: int, act: Callable[[], Any]) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.blocks_done == number:
            act()

    return on_progress


def test_a_worker_killed_in_the_middle_changes_no_byte(cluster: Callable[[int], Cluster], tmp_path: Path) -> None:
    sweep(MANY, tmp_path / "local")
    two = cluster(2)
    told: list[Progress] = []

    def watch(progress: Progress) -> None:
        told.append(progress)
        if progress.blocks_done == 15:
            two.workers[0].kill()

    answer = sweep(MANY, tmp_path / "cluster-out", scheduler=two.address, on_progress=watch)
    assert two.workers[0].wait(timeout=10) != 0, "it was alive until then"
    assert two.workers[1].poll() is None
    assert (answer.blocks, answer.blocks_computed) == (BLOCKS, BLOCKS)
    assert [progress.blocks_done for progress in told] == list(range(1, BLOCKS + 1))
    local = parquet_bytes(tmp_path / "local")
    assert len(local) == BLOCKS
    assert parquet_bytes(tmp_path / "cluster-out") == local
    again = sweep(MANY, tmp_path / "cluster-out", scheduler=two.address)
    assert (again.blocks_computed, again.blocks_kept) == (0, BLOCKS)


def test_a_scheduler_that_dies_is_one_line_and_the_run_goes_on_here(
    cluster: Callable[[int], Cluster], tmp_path: Path
) -> None:
    one = cluster(1)
    assert one.scheduler is not None
    with pytest.raises(InputError) as caught:
        sweep(MANY, tmp_path / "out", scheduler=one.address, on_progress=at_block(15, one.scheduler.kill))
    text = str(caught.value)
    assert text.startswith(f"scheduler = '{one.address}': must be up until the sweep ends; ")
    assert text.endswith("finished blocks are kept")
    assert "\n" not in text
    kept = len(parquet_bytes(tmp_path / "out"))
    assert 15 <= kept < BLOCKS
    answer = sweep(MANY, tmp_path / "out")
    assert (answer.blocks_kept, answer.blocks_computed) == (kept, BLOCKS - kept)
    sweep(MANY, tmp_path / "local")
    assert parquet_bytes(tmp_path / "out") == parquet_bytes(tmp_path / "local")


def test_workers_that_all_die_are_given_up_on(
    cluster: Callable[[int], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_dask, "_LOST_S", 2.0)
    one = cluster(1)
    with pytest.raises(InputError, match="finished blocks are kept") as caught:
        sweep(MANY, tmp_path / "out", scheduler=one.address, on_progress=at_block(15, one.workers[0].kill))
    assert "it had no worker for 2 s" in str(caught.value) or "has it lost all its workers?" in str(caught.value)
    assert len(parquet_bytes(tmp_path / "out")) >= 15


def test_an_interrupt_in_the_middle_keeps_what_is_done(cluster: Callable[[int], Cluster], tmp_path: Path) -> None:
    one = cluster(1)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(MANY, tmp_path / "out", scheduler=one.address, on_progress=at_block(15, interrupt))
    assert len(parquet_bytes(tmp_path / "out")) == 15
    answer = sweep(MANY, tmp_path / "out", scheduler=one.address)
    assert (answer.blocks_kept, answer.blocks_computed) == (15, BLOCKS - 15)


def test_workers_with_other_versions_are_refused(
    cluster: Callable[[int], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sweep_dask.versions()
    one = cluster(1)
    monkeypatch.setattr(sweep_dask, "versions", lambda: real | {"numpy": "1.0"})
    with pytest.raises(
        InputError, match=rf"a worker has numpy {real['numpy']} instead of 1\.0, and blocks would differ"
    ):
        sweep(small(), tmp_path / "out", scheduler=one.address)


def test_a_cluster_without_workers_is_one_line(
    cluster: Callable[[int], Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_dask, "_WORKERS_S", 0.5)
    with pytest.raises(InputError, match=r"no worker joined it within 0\.5 s"):
        sweep(small(), tmp_path / "out", scheduler=cluster(0).address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:1", "Connection refused"),
        ("tcp://no-such-host.invalid:8786", ""),
        ("127.0.0.1:8786", "as it stands it is not one"),
        ("tcp://127.0.0.1", "as it stands it is not one"),
        ("tcp://127.0.0.1:99999", "as it stands it is not one"),
        ("tcp://" + "a" * 70 + ":1", ""),
        ("http://127.0.0.1:8786", "as it stands it is not one"),
        ("", "as it stands it is not one"),
    ],
)  # fmt: skip
def test_an_unreachable_scheduler_is_one_line(tmp_path: Path, address: str, reason: str) -> None:
    with pytest.raises(
        InputError, match=r"must be the address of a running Dask scheduler, tcp://HOST:PORT; ."
    ) as caught:
        sweep(small(), tmp_path / "out", scheduler=address)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert parquet_bytes(tmp_path / "out") == {}


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"hi"])
def test_something_else_that_answers_is_no_scheduler(tmp_path: Path, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InputError, match="something else answers there"):
            sweep(small(), tmp_path / "out", scheduler=address)
        thread.join()


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TokenroofError, match=r"pip install 'tokenroof\[cluster\]'"):
        sweep(small(), tmp_path / "out", scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize("package", ["pyarrow.parquet", "xarray"])
def test_without_pyarrow_or_xarray_the_extra_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sweep(small(), tmp_path / "out")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(TokenroofError, match=r"pip install 'tokenroof\[export\]'"):
        sweep(small(), tmp_path / "out") if package == "pyarrow.parquet" else answer.to_xarray()
