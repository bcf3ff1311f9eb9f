"""Runs the blocks of a sweep, or any other work, on a Dask cluster, with the same bytes as on this machine.

Workers need no shared disk: they send a block's bytes back, and only this process writes.
"""

import contextlib
import logging
import math
import queue
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from tokenroof.errors import InputError, TokenroofError
from tokenroof.usecases.sweep.blocks import Block, Case
from tokenroof.usecases.sweep.plan import Plan, grid_of
from tokenroof.usecases.sweep.store import Store
from tokenroof.usecases.sweep.threads import Done, Jobs, block_bytes, versions

__all__ = ["CONNECT_S", "Cluster", "Words", "cluster_at", "run_dask"]

Job = TypeVar("Job")

CONNECT_S = 5.0
_WORKERS_S = 10.0  # a cluster without workers is waited for so long at the start
_LOST_S = 60.0  # and so long in the middle, since clusters restart workers
_POLL_S = 1.0
_LONGEST_GREETING = 1_000_000
_PER_THREAD = 4  # blocks in flight per thread of the cluster: hides the network, bounds the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How a caller calls the address, what has to last, its pieces, and what is left of them where a cluster fails."""

    field: str = "scheduler"
    lasts: str = "up until the sweep ends"
    piece: str = "block"
    left: str = "; finished blocks are kept"


def _remote(wanted: dict[str, str], work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[dict[str, str], Any]:
    """What a worker runs: its versions, and the result where they are those of the client."""
    known = versions()
    return known, work(*arguments) if known == wanted else None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The cluster library logs what we say ourselves in one line."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise TokenroofError("a scheduler needs Dask: pip install 'tokenroof[cluster]'") from None


def _unreachable(address: str, reason: str, field: str) -> InputError:
    return InputError(field, address, "the address of a running Dask scheduler, tcp://HOST:PORT", reason)


_ADDRESS = re.compile(r"(tcp|tls)://(\[[^\]]+\]|[^\[\]/:\s]+):(\d{1,5})")


def _knock(address: str, field: str) -> None:
    """Whether anything that could be a scheduler answers there.

    The library's own client waits out its time where a connection is refused, and asks for all memory where
    something else than a scheduler answers: both schedulers and workers open with the length of what follows.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise _unreachable(address, "as it stands it is not one", field)
    try:
        with socket.create_connection((match[2].strip("[]"), int(match[3])), timeout=CONNECT_S) as connection:
            opening = connection.recv(8) if match[1] == "tcp" else b""
    except TimeoutError:
        raise _unreachable(address, f"no answer within {CONNECT_S:g} s", field) from None
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or "no such host", field) from None
    if match[1] == "tcp" and (len(opening) < 8 or int.from_bytes(opening, "little") > _LONGEST_GREETING):
        raise _unreachable(address, "something else answers there", field)


@contextlib.contextmanager
def _client(address: str, field: str) -> Iterator[Any]:
    distributed = _distributed()
    _knock(address, field)
    with _quiet():
        try:
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except Exception as error:  # whatever a stranger's answer made of the library
            text = " ".join(str(error).split())[:120]
            raise _unreachable(address, text or type(error).__name__, field) from None
        # its tasks may be collected long after it was closed, and would then complain of a cluster that has gone
        client.loop.asyncio_loop.set_exception_handler(lambda loop, context: None)
        try:
            yield client
        finally:
            client.close(timeout=CONNECT_S)


@contextlib.contextmanager
def cluster_at(address: str, words: Words = Words()) -> Iterator["Cluster"]:
    """A cluster that has workers, for as long as the block lasts."""
    with _client(address, words.field) as client:
        try:
            client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError:
            raise _unreachable(address, f"no worker joined it within {_WORKERS_S:g} s", words.field) from None
        yield Cluster(client, address, words)


class Cluster:
    """Does jobs on the workers of a Dask cluster. Dask moves those of a lost worker to another one."""

    def __init__(self, client: Any, address: str, words: Words) -> None:
        self.client, self.address, self.words = client, address, words
        self._threads, self._asked_s = 0, -math.inf

    def lost(self, what: str) -> InputError:
        """The cluster has gone, or cannot be used."""
        return InputError(self.words.field, self.address, self.words.lasts, f"{what}{self.words.left}")

    def threads(self) -> int:
        """Threads of the cluster, asked for once in `_POLL_S`."""
        now = time.monotonic()
        if now - self._asked_s >= _POLL_S:
            if self.client.status != "running":
                raise self.lost("it stopped answering")
            try:
                self._threads = sum(self.client.nthreads().values())
            except OSError:
                raise self.lost("it stopped answering") from None
            self._asked_s = now
        return self._threads

    def run(
        self,
        work: Callable[..., Any],
        jobs: Iterator[Job],
        arguments: Callable[[Job], tuple[Any, ...]],
        done: Callable[[Job, Any], None],
    ) -> None:
        """`work` with the arguments of each job; `done` is told of each here."""
        wanted, running, finished = versions(), dict[Any, Job](), queue.SimpleQueue[Any]()
        try:
            while True:
                most = max(1, _PER_THREAD * self.threads())
                for job in islice(jobs, max(0, most - len(running))):
                    future = self.client.submit(_remote, wanted, work, arguments(job), pure=False)
                    running[future] = job
                    future.add_done_callback(finished.put)
                if not running:
                    return
                future = self._next(finished)
                done(running[future], self._result(future, wanted))
                del running[future]
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone; what is done is done
                self.client.cancel(list(running), force=True)

    def _next(self, finished: "queue.SimpleQueue[Any]") -> Any:
        """The next future that is done, well or badly; notices that the cluster has gone, which the library would wait
        for without end.
        """
        idle_s = 0.0
        while True:
            try:
                return finished.get(timeout=_POLL_S)
            except queue.Empty:
                idle_s = 0.0 if self.threads() else idle_s + _POLL_S
            if idle_s >= _LOST_S:
                raise self.lost(f"it had no worker for {_LOST_S:g} s")

    def _result(self, future: Any, wanted: dict[str, str]) -> Any:
        piece = self.words.piece
        try:
            known, data = future.result(timeout=_LOST_S)
        except _distributed().KilledWorker:
            raise self.lost(
                f"a {piece} was lost with every worker that tried it; do they have enough memory?"
            ) from None
        except TokenroofError:
            raise
        except TimeoutError:
            raise self.lost(f"a {piece} did not arrive within {_LOST_S:g} s; has it lost all its workers?") from None
        except OSError:
            raise self.lost("it stopped answering") from None
        except ImportError as error:
            raise self.lost(f"its workers lack a package: {error}") from None
        except Exception as error:
            if future.status in ("cancelled", "lost", "pending"):
                raise self.lost("it lost the work, as a restarted scheduler does") from None
            raise self.lost(f"a worker failed: {type(error).__name__}: {str(error)[:120]}") from None
        if known != wanted:
            other = ", ".join(
                f"{name} {known[name]} instead of {wanted[name]}" for name in wanted if known[name] != wanted[name]
            )
            raise self.lost(f"a worker has {other}, and {piece}s would differ")
        return data


def run_dask(plan: Plan, store: Store, jobs: Jobs, done: Done, address: str) -> None:
    """Evaluate the blocks on a cluster and write them here."""

    def arguments(job: tuple[Case, Block]) -> tuple[Any, ...]:
        return *job, grid_of(plan.axes, job[1]), plan.columns, store.sweep_hash

    def write(job: tuple[Case, Block], data: Any) -> None:
        done(*job, store.write(*job, data))

    with cluster_at(address) as cluster:
        cluster.run(_block, jobs, arguments, write)


def _block(case: Case, block: Block, grid: dict[str, Any], columns: tuple[str, ...], sweep_hash: str) -> bytes:
    """What a worker sends: memory of its own, which the library can pack."""
    return bytes(block_bytes(case, block, grid, columns, sweep_hash))
