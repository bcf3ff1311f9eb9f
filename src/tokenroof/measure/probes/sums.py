"""All-reduce between processes of one machine, through shared memory: each sums its share, then all read all."""

import time
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from typing import Any

__all__ = ["sum_between_processes"]

_WARM_UP = 2
_PATIENCE_S = 60.0


def _rank(rank: int, ranks: int, name: str, sizes: tuple[int, ...], repeats: int, barrier: Any, answers: Any) -> None:
    """One process: the shared block holds every rank's vector, then the sum."""
    import numpy as np

    block = SharedMemory(name=name)
    most = max(sizes) // 4
    held: Any = np.ndarray((ranks + 1, most), np.float32, buffer=block.buf)
    held[rank] = np.random.default_rng(rank).standard_normal(most, dtype=np.float32)
    own = np.empty(most, np.float32)
    found: dict[int, tuple[float, ...]] = {}
    for size in sizes:
        count = size // 4
        low, high = count * rank // ranks, count * (rank + 1) // ranks
        times = []
        for _ in range(_WARM_UP + repeats):
            barrier.wait(_PATIENCE_S)
            started = time.perf_counter()
            held[:ranks, low:high].sum(axis=0, out=held[ranks, low:high])
            barrier.wait(_PATIENCE_S)
            np.copyto(own[:count], held[ranks, :count])
            times.append(time.perf_counter() - started)
        found[size] = tuple(times[_WARM_UP:])
    if rank == 0:
        exact = float(held[:ranks, 0].sum())
        answers.put((found, exact, float(own[0])))
    del held  # the block cannot be closed while an array lies on it
    block.close()


def sum_between_processes(ranks: int, sizes: tuple[int, ...], repeats: int = 15) -> dict[int, tuple[float, ...]]:
    """Seconds of each repetition by bytes that every process has; each element is checked to be the sum."""
    context = get_context("spawn")
    barrier, answers = context.Barrier(ranks), context.Queue()
    block = SharedMemory(create=True, size=(ranks + 1) * max(sizes))
    try:
        workers = [
            context.Process(target=_rank, args=(rank, ranks, block.name, sizes, repeats, barrier, answers), daemon=True)
            for rank in range(ranks)
        ]
        for worker in workers:
            worker.start()
        found, exact, told = answers.get(timeout=2 * _PATIENCE_S)
        for worker in workers:
            worker.join(_PATIENCE_S)
    finally:
        block.close()
        block.unlink()
    if abs(exact - told) > 1e-5 * max(1.0, abs(exact)):
        raise RuntimeError(f"all-reduce between processes gave {told}, not {exact}")
    times: dict[int, tuple[float, ...]] = found
    return times
