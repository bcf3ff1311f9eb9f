"""Runs the blocks of a sweep on a Dask cluster, with the same bytes as on this machine.

Workers need no shared disk: they send a block's bytes back, and only this process writes.
"""

import contextlib
import logging
import math
import queue
import re
import socket
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any

from tokenroof.errors import InputError, TokenroofError
from tokenroof.usecases.sweep.blocks import Block, Case
from tokenroof.usecases.sweep.plan import Plan, grid_of
from tokenroof.usecases.sweep.store import Store
from tokenroof.usecases.sweep.threads import Done, Jobs, block_bytes, versions

__all__ = ["CONNECT_S", "run_dask"]

CONNECT_S = 5.0
_WORKERS_S = 10.0  # a cluster without workers is waited for so long at the start
_LOST_S = 60.0  # and so long in the middle, since clusters restart workers
_POLL_S = 1.0
_LONGEST_GREETING = 1_000_000
_PER_THREAD = 4  # blocks in flight per thread of the cluster: hides the network, bounds the memory


def _remote(
    case: Case, block: Block, grid: dict[str, Any], columns: tuple[str, ...], sweep_hash: str, wanted: dict[str, str]
) -> bytes | dict[str, str]:
    """What a worker runs: the bytes of the block, or its versions where they are not those of the client."""
    if versions() != wanted:
        return versions()
    return bytes(block_bytes(case, block, grid, columns, sweep_hash))


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


def _unreachable(address: str, reason: str) -> InputError:
    return InputError("scheduler", address, "the address of a running Dask scheduler, tcp://HOST:PORT", reason)


_ADDRESS = re.compile(r"(tcp|tls)://(\[[^\]]+\]|[^\[\]/:\s]+):(\d{1,5})")


def _knock(address: str) -> None:
    """Whether anything that could be a scheduler answers there.

    The library's own client waits out its time where a connection is refused, and asks for all memory where
    something else than a scheduler answers: both schedulers and workers open with the length of what follows.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise _unreachable(address, "as it stands it is not one")
    try:
        with socket.create_connection((match[2].strip("[]"), int(match[3])), timeout=CONNECT_S) as connection:
            opening = connection.recv(8) if match[1] == "tcp" else b""
    except TimeoutError:
        raise _unreachable(address, f"no answer within {CONNECT_S:g} s") from None
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or "no such host") from None
    if match[1] == "tcp" and (len(opening) < 8 or int.from_bytes(opening, "little") > _LONGEST_GREETING):
        raise _unreachable(address, "something else answers there")


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    distributed = _distributed()
    _knock(address)
    with _quiet():
        try:
            client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except Exception as error:  # whatever a stranger's answer made of the library
            text = " ".join(str(error).split())[:120]
            raise _unreachable(address, text or type(error).__name__) from None
        # its tasks may be collected long after it was closed, and would then complain of a cluster that has gone
        client.loop.asyncio_loop.set_exception_handler(lambda loop, context: None)
        try:
            yield client
        finally:
            client.close(timeout=CONNECT_S)


def _wait_for_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except TimeoutError:
        raise _unreachable(address, f"no worker joined it within {_WORKERS_S:g} s") from None


def _lost(address: str, what: str) -> InputError:
    return InputError("scheduler", address, "up until the sweep ends", f"{what}; finished blocks are kept")


class _Watch:
    """Waits for blocks, and notices that the cluster has gone, which the library would wait for without end."""

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address
        self.finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads, self._asked_s = 0, -math.inf

    def threads(self) -> int:
        """Threads of the cluster, asked for once in `_POLL_S`."""
        now = time.monotonic()
        if now - self._asked_s >= _POLL_S:
            if self.client.status != "running":
                raise _lost(self.address, "it stopped answering")
            try:
                self._threads = sum(self.client.nthreads().values())
            except OSError:
                raise _lost(self.address, "it stopped answering") from None
            self._asked_s = now
        return self._threads

    def next(self) -> Any:
        """The next future that is done, well or badly."""
        idle_s = 0.0
        while True:
            try:
                return self.finished.get(timeout=_POLL_S)
            except queue.Empty:
                idle_s = 0.0 if self.threads() else idle_s + _POLL_S
            if idle_s >= _LOST_S:
                raise _lost(self.address, f"it had no worker for {_LOST_S:g} s")


def run_dask(plan: Plan, store: Store, jobs: Jobs, done: Done, address: str) -> None:
    """Evaluate the blocks on a cluster and write them here. Dask moves the blocks of a lost worker to another one."""
    wanted = versions()
    with _client(address) as client:
        _wait_for_workers(client, address)
        running: dict[Any, tuple[Case, Block]] = {}
        watch = _Watch(client, address)
        try:
            while True:
                most = max(1, _PER_THREAD * watch.threads())
                for case, block in islice(jobs, max(0, most - len(running))):
                    grid = grid_of(plan.axes, block)
                    future = client.submit(
                        _remote, case, block, grid, plan.columns, store.sweep_hash, wanted, pure=False
                    )  # fmt: skip
                    running[future] = (case, block)
                    future.add_done_callback(watch.finished.put)
                if not running:
                    return
                future = watch.next()
                case, block = running[future]
                done(case, block, store.write(case, block, _result(future, wanted, address)))
                del running[future]
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone; what is done is written
                client.cancel(list(running), force=True)


def _result(future: Any, wanted: dict[str, str], address: str) -> Any:
    try:
        data = future.result(timeout=_LOST_S)
    except _distributed().KilledWorker:
        raise _lost(address, "a block was lost with every worker that tried it; do they have enough memory?") from None
    except TokenroofError:
        raise
    except TimeoutError:
        raise _lost(address, f"a block did not arrive within {_LOST_S:g} s; has it lost all its workers?") from None
    except OSError:
        raise _lost(address, "it stopped answering") from None
    except ImportError as error:
        raise _lost(address, f"its workers lack a package: {error}") from None
    except Exception as error:
        if future.status in ("cancelled", "lost", "pending"):
            raise _lost(address, "it lost the work, as a restarted scheduler does") from None
        raise _lost(address, f"a worker failed: {type(error).__name__}: {str(error)[:120]}") from None
    if isinstance(data, dict):
        other = ", ".join(
            f"{name} {data[name]} instead of {wanted[name]}" for name in wanted if data[name] != wanted[name]
        )
        raise _lost(address, f"a worker has {other}, and blocks would differ")
    return data
