"""Work off the event loop: few threads, a bounded queue, answers that are remembered, jobs that can be cancelled.

Equal questions share one job, whose answer is kept in memory; a job without anybody who waits for it is ended. A thread
is ended by an exception raised in it, which reaches code that reports no progress; not while it holds a lock that
would stay locked for good, as the one of imports.
"""

import asyncio
import ctypes
import logging
import os
import secrets
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tokenroof.web.problems import Problem

__all__ = ["Cancelled", "Job", "Jobs", "Recent", "result_of"]

OnProgress = Callable[[float], None]
Work = Callable[[OnProgress], bytes]

_WAITING = 256  # jobs that may wait for a thread
_KEPT, _KEPT_BYTES = 512, 128_000_000  # answers remembered, and all of them together
_LARGEST = 16_000_000  # of an answer that is remembered
_LOCKING = ("<frozen importlib", threading.__file__, logging.__file__)  # code that may hold a lock without `with`
_AGAIN_S = 0.005  # until such code is looked at again


class Cancelled(BaseException):
    """Ends the work of a job; not an Exception, so that nothing takes it for a failure and goes on."""


@dataclass(eq=False)
class Job:
    """One question being answered. `share` is how much is done, None as long as nobody knows."""

    id: str
    done: "asyncio.Future[bytes]"
    loop: asyncio.AbstractEventLoop
    share: float | None = None
    waiting: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    thread: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, share: float) -> None:
        """Progress, from the thread that works."""
        if self.cancelled:
            raise Cancelled
        self.share = min(max(float(share), 0.0), 1.0)
        self.loop.call_soon_threadsafe(self.moved.set)

    def cancel(self) -> None:
        """End it, whatever it is at."""
        self.cancelled = True
        if not self._interrupted():
            threading.Thread(target=self._interrupt, name="tokenroof-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self._interrupted():
            time.sleep(_AGAIN_S)

    def _interrupted(self) -> bool:
        """False where its thread may hold a lock right now."""
        with self.lock:
            if self.thread is None:
                return True
            time.sleep(0)  # a turn of its own, so that no thread moves between the look and the exception
            if _holds_locks(self.thread):
                return False
            _raise_in(self.thread, Cancelled)
            return True

    def work(self, work: Work) -> bytes:
        """Run in a thread of the pool."""
        try:
            with self.lock:
                if self.cancelled:
                    raise Cancelled
                self.thread = threading.get_ident()
            return work(self.tell)
        finally:
            with self.lock:
                mine, self.thread = self.thread, None
                if mine is not None:
                    _raise_in(mine, None)  # what was raised too late must not meet the next job


def _holds_locks(thread: int) -> bool:
    """Whether the work of this thread is inside code of `_LOCKING`, which began after `Job.work`."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code.co_filename != __file__:
        if frame.f_code.co_filename.startswith(_LOCKING):
            return True
        frame = frame.f_back
    return False


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = None if kind is None else ctypes.py_object(kind)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


class Jobs:
    """The threads, the jobs that run or wait, and the answers that are remembered. Used from one event loop."""

    def __init__(self, threads: int | None = None, waiting: int = _WAITING) -> None:
        self._threads = threads or max(os.cpu_count() or 1, 2)
        self._pool = ThreadPoolExecutor(self._threads, "tokenroof")
        self._most = self._threads + waiting
        self._running: dict[str, Job] = {}
        self._shared: dict[str, Job] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def remembered(self, key: str) -> bytes | None:
        """The answer to a question that was asked before."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def join(self, key: str, work: Work) -> Job:
        """The job of this question, a new one where nobody else waits for it. `leave` it when done."""
        job = self._shared.get(key)
        if job is None or job.cancelled:
            job = self._start(key, work)
        job.waiting += 1
        return job

    def leave(self, job: Job) -> None:
        """Nobody waits any more: the job ends."""
        job.waiting -= 1
        if job.waiting <= 0 and not job.done.done():
            job.cancel()

    def cancel(self, job_id: str) -> bool:
        """End a job by its id; False where there is none."""
        job = self._running.get(job_id)
        if job is None:
            return False
        job.cancel()
        return True

    def close(self) -> None:
        """End everything."""
        for job in list(self._running.values()):
            job.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: str, work: Work) -> Job:
        if len(self._running) >= self._most:
            raise Problem(503, f"{self._most} questions are being answered or wait: ask again in a few seconds")
        loop = asyncio.get_running_loop()
        job = Job(secrets.token_urlsafe(12), loop.create_future(), loop)
        self._running[job.id] = self._shared[key] = job
        future = self._pool.submit(job.work, work)
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._ended, key, job, done))
        return job

    def _ended(self, key: str, job: Job, done: "Future[bytes]") -> None:
        self._running.pop(job.id, None)
        if self._shared.get(key) is job:
            del self._shared[key]
        error = Cancelled() if done.cancelled() else done.exception()
        if error is None:
            self._remember(key, done.result())
            job.done.set_result(done.result())
        else:
            wrapped = _Ended(error)
            job.done.set_exception(wrapped)
            job.done.exception()  # looked at, also where nobody waits any more
        job.moved.set()

    def _remember(self, key: str, answer: bytes) -> None:
        if len(answer) > _LARGEST:
            return
        self._bytes += len(answer) - len(self._kept.pop(key, b""))
        self._kept[key] = answer
        while len(self._kept) > _KEPT or self._bytes > _KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)


class _Ended(Exception):
    """Carries what ended a job through a future, which refuses to raise some kinds itself."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def result_of(job: Job) -> bytes:
    """The answer of a job, or what ended it."""
    try:
        return await asyncio.shield(job.done)
    except _Ended as ended:
        raise ended.cause from None


class Recent:
    """The newest answers as objects, whose numbers can still be explained. Used from threads."""

    def __init__(self, most: int = 16) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, object] = OrderedDict()

    def keep(self, key: str, answer: object) -> None:
        """Remember one."""
        with self._lock:
            self._kept[key] = answer
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def found(self, key: str) -> object | None:
        """The answer to a question that was asked lately."""
        with self._lock:
            return self._kept.get(key)
