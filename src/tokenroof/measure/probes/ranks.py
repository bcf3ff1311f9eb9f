"""All-reduce between the GPUs of this machine, by torch.distributed."""

import os
import time
from typing import Any

__all__ = ["sum_between_gpus"]

_WARM_UP = 5
_BACKENDS = {"cuda": "nccl", "cpu": "gloo"}


def _rank(rank: int, ranks: int, device: str, sizes: tuple[int, ...], repeats: int, answers: Any) -> None:
    import torch

    torch.distributed.init_process_group(_BACKENDS[device], rank=rank, world_size=ranks)
    where = torch.device(device, rank) if device == "cuda" else torch.device(device)
    if device == "cuda":
        torch.cuda.set_device(where)
    found: dict[int, tuple[float, ...]] = {}
    for size in sizes:
        data = torch.randn(size // 2, device=where).to(torch.bfloat16)
        times = []
        for _ in range(_WARM_UP + repeats):
            torch.distributed.barrier()
            if device == "cuda":
                torch.cuda.synchronize()
            started = time.perf_counter()
            torch.distributed.all_reduce(data)
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
        found[size] = tuple(times[_WARM_UP:])
    if rank == 0:
        answers.put(found)
    torch.distributed.destroy_process_group()


def sum_between_gpus(
    ranks: int, sizes: tuple[int, ...], repeats: int = 20, device: str = "cuda"
) -> dict[int, tuple[float, ...]]:
    """Seconds of each repetition by bytes that every rank has, bf16."""
    import torch.multiprocessing as processes

    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29517")
    answers = processes.get_context("spawn").SimpleQueue()
    processes.spawn(_rank, args=(ranks, device, sizes, repeats, answers), nprocs=ranks)
    times: dict[int, tuple[float, ...]] = answers.get()
    return times
