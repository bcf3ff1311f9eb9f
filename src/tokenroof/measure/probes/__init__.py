"""Probes of this machine: what its memory, arithmetic, launches and sums between processes really reach.

sample      timings of one thing done again and again: median, best, spread
host        what the operating system says of processor, caches and memory
arrays      the processor, by numpy and its BLAS
tensors     a GPU, or the processor once more, by torch
sums        all-reduce between processes, through shared memory
ranks       all-reduce between GPUs, by torch.distributed
chip_file   what was measured as a chip that the loader reads
"""
