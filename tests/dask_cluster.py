"""A Dask scheduler and its workers as processes of their own, for tests; `cluster(2)` starts one with two workers."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Cluster:
    """Processes on the loopback interface."""

    folder: Path
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", *arguments, "--no-dashboard"], stdout=log, stderr=log)

    def start(self, workers: int) -> "Cluster":
        file = self.folder / "scheduler.json"
        where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        self.scheduler = self._start("scheduler", "distributed.cli.dask_scheduler", *where)
        deadline = time.monotonic() + 30
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline, "no scheduler"
            time.sleep(0.02)
        self.address = json.loads(file.read_text())["address"]
        for number in range(workers):
            options = ("--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder))
            name = f"worker{number}"
            self.workers.append(
                self._start(name, "distributed.cli.dask_worker", self.address, "--name", name, *options)
            )
        return self

    def wait_for(self, workers: int) -> None:
        deadline = time.monotonic() + 30
        logs = [self.folder / f"worker{number}.log" for number in range(workers)]
        while not all("Registered to" in log.read_text() for log in logs):
            assert time.monotonic() < deadline, "no workers"
            time.sleep(0.02)

    def stop(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[[int], Cluster]]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(folder)

    def start(workers: int) -> Cluster:
        made.start(workers)
        made.wait_for(workers)
        return made

    yield start
    made.stop()
