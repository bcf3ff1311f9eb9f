"""Which probes run, at which sizes: the same ladder for every device, cut where its memory or the request ends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tokenroof.measure.probes.sample import Sample, sample_of, timed
from tokenroof.units import format_bytes

__all__ = ["Device", "Probe", "probes_of", "run_probe"]

Run = Callable[[int], None]
_SIZES = tuple(int(64e3 * 4**power) for power in range(8))  # 64 KB to 1 GB
_COPIES = _SIZES[2::2]
_HEADS, _WIDTH = 8, 128  # KV heads of usual models
_CONTEXTS = (1024, 8192, 32768)


class Device(Protocol):
    """What a device offers to the probes."""

    name: str
    formats: tuple[str, ...]

    def read(self, size: int, *, cached: bool = False, threads: int | None = None) -> Run: ...
    def copy(self, size: int) -> Run: ...
    def matmul(self, m: int, n: int, k: int, format: str) -> Run: ...
    def keys_and_values(self, heads: int, width: int, context: int) -> Run: ...
    def nothing(self) -> Run: ...
    def bytes_of(self, format: str) -> float: ...
    def wait(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing to time. `make` allocates what it needs, so that only one probe's buffers exist at a time."""

    name: str
    make: Callable[[], Run]
    format: str = ""
    shape: str = ""
    moved_bytes: float = 0.0
    flops: float = 0.0
    cached: bool = False


def _memory(device: Device, largest: float) -> Iterator[Probe]:
    sizes = [size for size in _SIZES if size <= largest] or [int(largest)]
    for size in sizes:
        for cached in (True, False):
            yield Probe(
                name="read", shape=format_bytes(size), moved_bytes=size, cached=cached,
                make=lambda size=size, cached=cached: device.read(size, cached=cached),  # type: ignore[misc]
            )  # fmt: skip
    if device.name == "cpu":  # one core may read as fast as all of them
        yield Probe(
            name="read", shape=f"{format_bytes(sizes[-1])}, one thread", moved_bytes=sizes[-1],
            make=lambda: device.read(sizes[-1], threads=1),
        )  # fmt: skip
    for size in [one for one in _COPIES if one <= largest] or sizes[-1:]:
        yield Probe(
            name="copy", shape=format_bytes(size), moved_bytes=2.0 * size,
            make=lambda size=size: device.copy(size),  # type: ignore[misc]
        )  # fmt: skip


def _matmuls(device: Device, largest: float) -> Iterator[Probe]:
    accelerated = device.name != "cpu"
    width = 8192 if accelerated else 4096
    for format in device.formats:
        size = device.bytes_of(format)
        side = width
        while side > 64 and side * side * size > largest:
            side //= 2
        shapes = [(tokens, side, side) for tokens in (1, 8, 64, 512, *((4096,) if accelerated else ()))]
        shapes.append((min(512, side), side // 4, side))
        for m, n, k in shapes if format != "fp64" else shapes[3:4]:
            moved = size * (k * n + m * (k + n))
            yield Probe(
                name="matmul", format=format, shape=f"{m} x {n} x {k}", moved_bytes=moved, flops=2.0 * m * n * k,
                make=lambda m=m, n=n, k=k, format=format: device.matmul(m, n, k, format),  # type: ignore[misc]
            )  # fmt: skip


def _attention(device: Device, largest: float) -> Iterator[Probe]:
    format = "fp32" if device.name == "cpu" or "bf16" not in device.formats else "bf16"
    for context in _CONTEXTS:
        moved = 2.0 * _HEADS * _WIDTH * context * device.bytes_of(format)
        if moved <= largest:
            yield Probe(
                name="kv", format=format, shape=f"{_HEADS} heads of {_WIDTH}, {context:,} tokens", moved_bytes=moved,
                flops=4.0 * _HEADS * _WIDTH * context,
                make=lambda context=context: device.keys_and_values(_HEADS, _WIDTH, context),  # type: ignore[misc]
            )  # fmt: skip


def probes_of(device: Device, largest: float) -> tuple[Probe, ...]:
    """Every probe that runs on a device alone, buffers of at most `largest` bytes."""
    launch = Probe(name="launch", make=device.nothing)
    return (launch, *_memory(device, largest), *_matmuls(device, largest), *_attention(device, largest))


def run_probe(device: Device, probe: Probe, budget_s: float) -> Sample:
    """Time one probe."""
    times = timed(probe.make(), budget_s=budget_s, wait=device.wait)
    return sample_of(
        probe.name, times, format=probe.format, shape=probe.shape, moved_bytes=probe.moved_bytes, flops=probe.flops,
        cached=probe.cached,
    )  # fmt: skip
