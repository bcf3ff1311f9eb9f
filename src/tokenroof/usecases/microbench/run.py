"""Runs the probes and sums them up: bandwidth, arithmetic by format, launches, sums between ranks."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from queue import Empty
from typing import Any

from tokenroof.catalog.chips import RATE_KEYS
from tokenroof.errors import DataMissing, InputError, MissingExtra
from tokenroof.measure.probes.host import Host, host
from tokenroof.measure.probes.sample import Sample, sample_of
from tokenroof.units import format_bytes
from tokenroof.usecases.microbench.answer import MicrobenchRequest, MicrobenchResponse, Reached
from tokenroof.usecases.microbench.probes import Device, probes_of, run_probe
from tokenroof.usecases.microbench.sentence import sentence_of

__all__ = ["microbench", "narrow_rates", "rates_of"]

Show = Callable[[float], None] | None
_PAST_CACHE = 8.0  # largest buffer over the last cache, where nobody says
_LARGEST = 1e9
_SUMS = (4096, 262_144, 4_194_304, 16_777_216)
_MOST_RANKS = 8
# Instruction sets that multiply narrow numbers, and how many times the fp32 rate of the same width they give, by what
# one instruction holds: Intel SDM (AVX-512, AMX), Arm ARM (bf16 and i8mm: BFMMLA, SMMLA).
_NARROW: Mapping[str, tuple[str, float]] = {
    "amx_bf16": ("bf16", 16.0), "avx512_bf16": ("bf16", 2.0), "bf16": ("bf16", 4.0),
    "amx_int8": ("int8", 32.0), "avx512_vnni": ("int8", 4.0), "avx_vnni": ("int8", 4.0), "i8mm": ("int8", 8.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """The device under test, as the answer names it."""

    device: Device
    name: str
    vendor: str
    kind: str
    cores: int
    cache_bytes: float
    memory_bytes: float
    flags: frozenset[str] = frozenset()
    count: int = 1


def _processor(found: Host) -> _Machine:
    from tokenroof.measure.probes.arrays import Arrays

    cores = f"{found.cores} core{'s' if found.cores > 1 else ''}"
    return _Machine(
        device=Arrays(found.cores, found.cache_bytes), name=f"{found.processor}, {cores}", vendor=found.vendor,
        kind="cpu", cores=found.cores, cache_bytes=found.cache_bytes, memory_bytes=found.memory_bytes,
        flags=found.flags,
    )  # fmt: skip


def _accelerator(torch: Any, name: str, found: Host) -> _Machine:
    from tokenroof.measure.probes.tensors import Tensors

    device = Tensors(name)
    if name == "mps":
        return _Machine(
            device=device, name=found.processor, vendor="Apple", kind="unified", cores=found.cores,
            cache_bytes=device.cache_bytes, memory_bytes=found.memory_bytes,
        )  # fmt: skip
    told = torch.cuda.get_device_properties(0)
    return _Machine(
        device=device, name=told.name, vendor="AMD" if torch.version.hip else "NVIDIA", kind="gpu",
        cores=told.multi_processor_count, cache_bytes=device.cache_bytes, memory_bytes=float(told.total_memory),
        count=torch.cuda.device_count(),
    )  # fmt: skip


def _machine(wanted: str) -> _Machine:
    from tokenroof.measure.probes.tensors import accelerator, torch_or_none

    found = host()
    if wanted == "cpu":
        return _processor(found)
    torch = torch_or_none()
    if torch is None and wanted != "auto":
        raise MissingExtra(f"device {wanted}", "torch")
    seen = accelerator(torch)
    if wanted == "auto":
        return _processor(found) if seen is None else _accelerator(torch, seen, found)
    if seen != wanted:
        raise InputError("device", wanted, f"a device of this machine; torch sees {seen or 'no accelerator'}")
    return _accelerator(torch, wanted, found)


def _sums(machine: _Machine, ranks: int, largest: float, repeats: int) -> tuple[list[Sample], list[str]]:
    """All-reduce by size, or why there is none."""
    if ranks < 2:
        return [], []
    sizes = tuple(size for size in _SUMS if size <= largest) or _SUMS[:1]
    try:
        if machine.kind == "gpu":
            from tokenroof.measure.probes.ranks import sum_between_gpus

            found = sum_between_gpus(ranks, sizes, repeats)
        else:
            from tokenroof.measure.probes.sums import sum_between_processes

            found = sum_between_processes(ranks, sizes, repeats)
    except (OSError, RuntimeError, Empty) as error:
        return [], [f"no all-reduce between {ranks} ranks: {str(error) or type(error).__name__}"]
    format = "bf16" if machine.kind == "gpu" else "fp32"
    return [
        sample_of(
            "all-reduce", times, format=format, shape=f"{format_bytes(size)}, {ranks} ranks",
            moved_bytes=2.0 * (ranks - 1) / ranks * size,
        )
        for size, times in found.items()
    ], []  # fmt: skip


def _most(samples: Iterable[Sample], rate: str) -> Reached:
    """The probe whose median is quickest; the roof is the fastest repetition of any."""
    held = list(samples)
    top = max(held, key=lambda one: float(getattr(one, rate)))
    work = "moved_bytes" if rate == "bytes_per_s" else "flops"
    best = max(float(getattr(one, work)) / one.best_s for one in held)
    return Reached(rate=float(getattr(top, rate)), best=best, spread=top.spread, shape=top.shape)


def rates_of(samples: Iterable[Sample], cache_bytes: float) -> tuple[Reached, Reached, dict[str, Reached]]:
    """Reads past the cache, copies past it, arithmetic by format; where no buffer is that large, the largest ones."""
    held = list(samples)

    def past(probe: str) -> list[Sample]:
        some = [one for one in held if one.probe == probe and not one.cached]
        size = min(cache_bytes, max(one.moved_bytes for one in some))
        return [one for one in some if one.moved_bytes >= size]

    formats = dict.fromkeys(one.format for one in held if one.probe == "matmul")
    arithmetic = {
        format: _most([one for one in held if one.probe == "matmul" and one.format == format], "flops_per_s")
        for format in formats
    }
    return _most(past("read"), "bytes_per_s"), _most(past("copy"), "bytes_per_s"), arithmetic


def narrow_rates(arithmetic: Mapping[str, Reached], flags: frozenset[str]) -> dict[str, Reached]:
    """Rates of formats that no probe times on a processor: by its instruction sets, or expanded to fp32."""
    plain = arithmetic["fp32"]
    found = {}
    for flag, (format, factor) in _NARROW.items():
        if flag in flags and format not in found and format not in arithmetic:
            basis = f"{factor:g} times fp32 as measured: {flag.upper()} multiplies so many more at once"
            found[format] = Reached(
                rate=factor * plain.rate, best=factor * plain.best, spread=plain.spread, shape="", basis=basis
            )
    if "bf16" not in found and "bf16" not in arithmetic:
        found["bf16"] = Reached(
            rate=plain.rate, best=plain.best, spread=plain.spread, shape="", basis="fp32 as measured: expanded to it"
        )
    return found


def _load_average() -> float | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return None


def _ranks(request: MicrobenchRequest, machine: _Machine) -> int:
    if machine.kind == "gpu":
        return min(machine.count, request.ranks or machine.count)
    return 1 if machine.kind == "unified" else request.ranks or max(2, min(machine.cores, _MOST_RANKS))


def _measured(machine: _Machine, request: MicrobenchRequest, largest: float, show: Show) -> list[Sample]:
    probes = probes_of(machine.device, largest)
    budget_s = request.seconds / len(probes)
    samples = []
    for number, probe in enumerate(probes):
        if show is not None:
            show(0.95 * number / len(probes))
        samples.append(run_probe(machine.device, probe, budget_s))
    return samples


def microbench(request: MicrobenchRequest, show: Show = None) -> MicrobenchResponse:
    """Measure this machine. InputError where the wanted device is not there."""
    _dated(request.as_of)
    load_average, started = _load_average(), time.perf_counter()
    machine = _machine(request.device)
    room = machine.memory_bytes / (16.0 if machine.kind == "cpu" else 8.0)
    largest = request.largest or min(_LARGEST, max(_PAST_CACHE * machine.cache_bytes, 256e6))
    if largest > room:
        raise DataMissing(machine.name, f"memory for buffers of {format_bytes(largest)}", "", "`largest` 64MB")
    ranks = _ranks(request, machine)
    try:
        samples = _measured(machine, request, largest, show)
    finally:
        machine.device.close()
    sums, notes = _sums(machine, ranks, largest, repeats=15)
    read, copied, arithmetic = rates_of(samples, machine.cache_bytes)
    if machine.kind == "cpu":
        arithmetic |= narrow_rates(arithmetic, machine.flags)
    saved = {"read": read} | {key: one for key, one in arithmetic.items() if key in RATE_KEYS and not one.basis}
    wide = tuple(name for name, one in saved.items() if one.spread > request.max_spread)
    if largest < machine.cache_bytes:
        notes.append(f"buffers of {format_bytes(largest)} fit the cache: rates are not the memory's")
    return MicrobenchResponse(
        sentence=sentence_of(machine.name, read, arithmetic, wide, request.max_spread), device=machine.device.name,
        id=_id(request.name or machine.name), name=machine.name, vendor=machine.vendor, kind=machine.kind,
        cores=machine.cores, cache_bytes=machine.cache_bytes, memory_bytes=machine.memory_bytes, as_of=request.as_of,
        read=read, copied=copied, arithmetic=arithmetic, launch_s=samples[0].median_s,
        link=_most(sums, "bytes_per_s") if sums else None, ranks=ranks if sums else 1, samples=(*samples, *sums),
        elapsed_s=time.perf_counter() - started, load_average=load_average, max_spread=request.max_spread, wide=wide,
        notes=tuple(notes),
    )  # fmt: skip


def _dated(as_of: str) -> None:
    try:
        date.fromisoformat(as_of)
    except ValueError:
        raise InputError("as_of", as_of, "the date of the measurement, such as 2026-11-29") from None


def _id(name: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name.lower())
    return "-".join(plain.split())[:40].strip("-") or "this-machine"
