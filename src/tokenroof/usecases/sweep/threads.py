"""Runs the blocks of a sweep on threads of this machine, and makes the bytes of one block for whoever runs it.

Threads suffice, since numpy and the Parquet writer let go of the interpreter while they work.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar, cast

from tokenroof import __version__
from tokenroof.types.checks import check_number
from tokenroof.usecases.sweep.blocks import Block, Case
from tokenroof.usecases.sweep.evaluate import evaluate_block, prepare
from tokenroof.usecases.sweep.plan import Plan
from tokenroof.usecases.sweep.store import Store, encode_block

__all__ = ["Done", "Jobs", "block_bytes", "in_threads", "run_local", "thread_count", "versions"]

Job = TypeVar("Job")
Result = TypeVar("Result")

Jobs = Iterator[tuple[Case, Block]]
Done = Callable[[Case, Block, int], None]  # called in this thread after each block, with the size of its file


def versions() -> dict[str, str]:
    """What decides the bytes of a block: the same on every worker, or the run is refused."""
    import numpy
    import pyarrow

    return {"tokenroof": __version__, "numpy": numpy.__version__, "pyarrow": pyarrow.__version__}


_READY: dict[tuple[str, int], Any] = {}
_MOST_READY = 16


def _ready(case: Case, sweep_hash: str) -> Any:
    """`prepare`, remembered: threads may both make the first one, which does no harm."""
    key = (sweep_hash, case.index)
    found = _READY.get(key)
    if found is None:
        if len(_READY) >= _MOST_READY:
            _READY.clear()
        found = _READY[key] = prepare(case)
    return found


def block_bytes(case: Case, block: Block, grid: dict[str, Any], columns: tuple[str, ...], sweep_hash: str) -> Any:
    """Evaluate one block and encode its file."""
    values = evaluate_block(case, _ready(case, sweep_hash), grid, columns)
    return encode_block(case, block, {name: values[name] for name in columns}, sweep_hash)


def thread_count(asked: int | None) -> int:
    """As many as asked, else one for each core that this process may use."""
    if asked is not None:
        return int(check_number("threads", asked, low=1, high=1024))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(plan: Plan, store: Store, jobs: Jobs, done: Done, threads: int | None = None) -> None:
    """Evaluate and write the blocks on threads. On an interrupt or error those under way are finished and kept."""

    def work(job: tuple[Case, Block]) -> int:
        case, block = job
        data = block_bytes(case, block, plan.grid(block), plan.columns, store.sweep_hash)
        return store.write(case, block, data)

    in_threads(work, jobs, lambda job, size: done(*job, size), threads)


def in_threads(
    work: Callable[[Job], Result],
    jobs: Iterator[Job],
    done: Callable[[Job, Result], None],
    threads: int | None = None,
    stop: Callable[[], None] = lambda: None,
) -> None:
    """Do jobs on threads; `done` is told of each in this one. On an interrupt or error those under way are finished,
    after `stop` was called, which may make them end early.

    Plain queues, since an interrupt inside `concurrent.futures.wait` may leave its locks held.
    """
    todo: queue.SimpleQueue[tuple[Job] | None] = queue.SimpleQueue()
    finished: queue.SimpleQueue[tuple[Job, Result | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()

    def team_work() -> None:
        while (given := todo.get()) is not None and not stopped.is_set():
            (job,) = given
            try:
                finished.put((job, work(job), None))
            except BaseException as error:
                finished.put((job, None, error))

    team = [threading.Thread(target=team_work, name=f"sweep-{n}", daemon=True) for n in range(thread_count(threads))]
    for thread in team:
        thread.start()
    running = 0
    try:
        while True:
            for job in islice(jobs, 2 * len(team) - running):
                todo.put((job,))
                running += 1
            if not running:
                return
            job, result, error = finished.get()
            running -= 1
            if error is not None:
                raise error
            done(job, cast("Result", result))
    finally:
        stopped.set()
        stop()
        for _ in team:
            todo.put(None)
        for thread in team:
            thread.join()
