"""The processor, by numpy: plain reads and copies on every core, its BLAS for matmuls.

Data are random. Each repetition takes the next of several buffers, together several times the last cache, so that what
is read comes from memory, as weights do. `cached` probes take one buffer again and again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["Arrays"]

Run = Callable[[int], None]

_FORMATS = {"fp32": np.float32, "fp64": np.float64}
_PAST_CACHE = 4.0
_BLOCK = 1_000_000  # random numbers drawn at once


class Arrays:
    """The processor with all cores that this process may use."""

    name = "cpu"
    formats = tuple(_FORMATS)

    def __init__(self, cores: int, cache_bytes: float, seed: int = 0) -> None:
        self.cores, self.cache_bytes = cores, cache_bytes
        self._random = np.random.default_rng(seed)
        self._pool = ThreadPoolExecutor(cores)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def wait(self) -> None:
        """Nothing is queued: calls return when they are done."""

    def _filled(self, count: int, format: str = "fp32") -> Any:
        """Random numbers; large buffers repeat a block of them, which no cache notices."""
        kind = _FORMATS[format]
        block = self._random.standard_normal(min(count, _BLOCK)).astype(kind)
        return np.resize(block, count)

    def _buffers(self, count: int, each: int, format: str = "fp32") -> list[Any]:
        """Buffers of `each` elements, together past the cache."""
        size = each * np.dtype(_FORMATS[format]).itemsize
        needed = max(2, int(np.ceil(_PAST_CACHE * self.cache_bytes / size)))
        return [self._filled(each, format) for _ in range(min(count, needed))]

    def _spread(self, one: Callable[[Any], Any], parts: list[Any]) -> None:
        """The work on every core at once."""
        for waiting in [self._pool.submit(one, part) for part in parts]:
            waiting.result()

    def read(self, size: int, *, cached: bool = False, threads: int | None = None) -> Run:
        """Reads `size` bytes: the largest of all numbers, which needs every one of them."""
        words = size // 8
        pool = self._filled(words * 2).view(np.int64)
        if not cached:
            total = max(words * 2, int(_PAST_CACHE * self.cache_bytes) // 8)
            pool = self._filled(total * 2).view(np.int64)
        places = max(1, pool.size // words)
        threads = threads or self.cores

        def run(number: int) -> None:
            at = number % places * words
            part = pool[at : at + words]
            if threads == 1:
                part.max()
            else:
                self._spread(lambda piece: piece.max(), np.array_split(part, threads))

        return run

    def copy(self, size: int) -> Run:
        """Copies `size` bytes from one buffer to another: as many are read and as many written."""
        words = size // 8
        total = max(words * 2, int(_PAST_CACHE * self.cache_bytes) // 8)
        source = self._filled(total * 2).view(np.int64)
        target = np.zeros_like(source)
        places = max(1, total // words)

        def run(number: int) -> None:
            at = number % places * words
            pieces = zip(
                np.array_split(source[at : at + words], self.cores),
                np.array_split(target[at : at + words], self.cores),
                strict=True,
            )
            self._spread(lambda pair: np.copyto(pair[1], pair[0]), list(pieces))

        return run

    def matmul(self, m: int, n: int, k: int, format: str) -> Run:
        """m tokens through a k x n weight: another weight each time."""
        weights = [one.reshape(k, n) for one in self._buffers(64, k * n, format)]
        inputs, out = self._filled(m * k, format).reshape(m, k), np.empty((m, n), _FORMATS[format])

        def run(number: int) -> None:
            np.matmul(inputs, weights[number % len(weights)], out=out)

        return run

    def keys_and_values(self, heads: int, width: int, context: int) -> Run:
        """One decoded token's attention over a cache of `context` entries for each of `heads`, in fp32."""
        entries = heads * context * width
        keys = [one.reshape(heads, context, width) for one in self._buffers(8, entries)]
        values = [one.reshape(heads, context, width) for one in self._buffers(8, entries)]
        query = self._filled(heads * width).reshape(heads, width, 1)

        def run(number: int) -> None:
            chosen = number % len(keys)
            scores = np.matmul(keys[chosen], query)
            scores -= scores.max(axis=1, keepdims=True)
            shares = np.exp(scores)
            np.matmul((shares / shares.sum(axis=1, keepdims=True)).transpose(0, 2, 1), values[chosen])

        return run

    def nothing(self) -> Run:
        """The least that a call costs: one number to one number."""
        one, other = np.zeros(1, np.float32), np.zeros(1, np.float32)
        return lambda number: np.copyto(one, other)

    def bytes_of(self, format: str) -> float:
        """Bytes of an element."""
        return float(np.dtype(_FORMATS[format]).itemsize)
