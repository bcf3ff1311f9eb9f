"""What the operating system says of the processor: name, cores that this process may use, last cache, memory."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.reading import read_text
from tokenroof.units import parse_quantity

__all__ = ["Host", "host"]

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_ASSUMED_CACHE_BYTES = 64e6  # where nobody says: larger than most, so that buffers reach past it
_VENDORS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel", "Apple": "Apple"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine that the probes run on. `flags` are the processor's instruction sets, blank where nobody says."""

    processor: str
    vendor: str
    cores: int
    cache_bytes: float
    memory_bytes: float
    flags: frozenset[str] = frozenset()


def _line(text: str, key: str) -> str:
    found = re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except InputError:
        return ""


def _cache_bytes() -> float:
    """The largest cache that the first core sees."""
    sizes = [re.fullmatch(r"(\d+)K", _read(one / "size").strip()) for one in _CACHES.glob("index*")]
    found = [parse_quantity(f"{size[1]} KiB", "B") for size in sizes if size]
    told = _sysctl("hw.l2cachesize") if not found and platform.system() == "Darwin" else ""
    return max(found, default=float(told) if told.isdigit() else _ASSUMED_CACHE_BYTES)


def _cores() -> int:
    """Cores that this process may run on."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def host() -> Host:
    """What is known of this machine without measuring it."""
    told = _read(Path("/proc/cpuinfo"))
    name = _line(told, "model name") or _sysctl("machdep.cpu.brand_string") or platform.processor() or "unknown"
    vendor = _line(told, "vendor_id") or name.split()[0]
    return Host(
        processor=" ".join(name.split()), vendor=_VENDORS.get(vendor, vendor), cores=_cores(),
        cache_bytes=_cache_bytes(), memory_bytes=float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        flags=frozenset(_line(told, "flags").split()),
    )  # fmt: skip
