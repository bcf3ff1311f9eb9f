"""All-reduce inside a server as vLLM 0.24 chooses it (distributed/device_communicators/all_reduce_utils.py).

Its small kernel comes first, by most ranks and bytes; beyond it the switch sums, by ranks and bytes. Ampere's switch
cannot add: there the kernel goes on, in a second line. Ranks beyond a server take NCCL's symmetric memory at any size.
"""

from typing import Any

from tokenroof.engines.memory_facts import MIB

__all__ = ["BEYOND", "SERVER_RANKS", "SMALL", "largest_bytes", "small_bytes"]

SERVER_RANKS = 8
# by family of chips: most ranks, and bytes up to which they take the small kernel
SMALL = {
    "hopper": ((4, 32 * MIB), (SERVER_RANKS, MIB / 4)),
    "ampere": ((4, 8 * MIB), (SERVER_RANKS, 8 * MIB)),
    "blackwell": ((4, 2 * MIB), (SERVER_RANKS, MIB)),
}
# what sums beyond it, as lines of an efficiency profile
BEYOND: dict[str, tuple[dict[str, Any], ...]] = {
    "hopper": ({"algorithm": "in-switch", "min_ranks": 5.0, "max_ranks": 8.0, "max_bytes": 64 * MIB},),
    "ampere": ({"algorithm": "two-shot", "min_ranks": 5.0, "max_ranks": 8.0, "max_bytes": 8 * MIB},),
    "blackwell": (
        {"algorithm": "in-switch", "min_ranks": 4.0, "max_ranks": 4.0, "max_bytes": 32 * MIB},
        {"algorithm": "in-switch", "min_ranks": 5.0, "max_ranks": 8.0, "max_bytes": 128 * MIB},
        {"algorithm": "in-switch", "min_ranks": 9.0},
    ),
}


def small_bytes() -> float:
    """Where a server's eight ranks leave the small kernel first, whatever the chip."""
    return min(size for lines in SMALL.values() for ranks, size in lines if ranks == SERVER_RANKS)


def largest_bytes(family: str) -> float:
    """The largest buffer of a server's eight ranks that vLLM does not leave to the library."""
    lines = BEYOND.get(family, BEYOND["ampere"])
    return next(float(line["max_bytes"]) for line in lines if line.get("max_ranks") == SERVER_RANKS)
