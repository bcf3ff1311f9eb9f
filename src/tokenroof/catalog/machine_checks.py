"""Does a chip's sheet hang together? Rules of thumb that catch slips of copying and sparse or doubled figures.

A finding is a doubt, not an error. One that is understood is answered by a `note` on the figure it names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tokenroof.provenance import Grade
from tokenroof.types.machine import Chip

__all__ = ["Finding", "check_chip", "open_findings"]

# Drain time in seconds that is plausible for a kind of memory: capacity and bandwidth grow together.
_DRAIN_S = {"HBM": (0.010, 0.050), "GDDR": (0.015, 0.090), "LPDDR": (0.1, 1.0), "SRAM": (1e-7, 1e-4)}
# Rate of the first as a multiple of the second where the arithmetic units are the same ones, split or paired.
_LADDER = (
    ("bf16", "tf32", 2.0),
    ("fp16", "bf16", 1.0),
    ("fp8", "bf16", 2.0),
    ("int8", "fp8", 1.0),
    ("fp4", "fp8", 2.0),
)
_TOLERANCE = 0.02
_SHARE = (0.3, 1.0)
_RIDGE_FLOP_PER_BYTE = (15.0, 700.0)
_LINK_TO_MEMORY = 0.30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A doubt about `fact` of a chip."""

    chip: str
    check: str
    fact: str
    message: str


def _near(value: float, wanted: float) -> bool:
    return abs(value / wanted - 1.0) <= _TOLERANCE


def _ladder(chip: Chip) -> Iterator[tuple[str, str]]:
    """Narrower numbers run at a fixed multiple of wider ones; twice that multiple smells of sparsity."""
    for fast, slow, factor in _LADDER:
        if fast not in chip.flops_per_s or slow not in chip.flops_per_s:
            continue
        ratio = chip.flops_per_s[fast] / chip.flops_per_s[slow]
        if _near(ratio, 2 * factor):
            yield f"flops_per_s.{fast}", f"{fast} is {ratio:.3g} times {slow}: is it the sparse rate?"
        elif _near(ratio, factor / 2) and factor > 1:
            yield f"flops_per_s.{fast}", f"{fast} runs at the rate of {slow}: is {slow} the sparse rate?"
        elif not _near(ratio, factor):
            yield f"flops_per_s.{fast}", f"{fast} is {ratio:.3g} times {slow}, expected {factor:g}"


def _drain(chip: Chip) -> Iterator[tuple[str, str]]:
    """Capacity over bandwidth lies in a narrow band for each kind of memory."""
    drain = chip.memory_bytes / chip.bytes_per_s
    for kind, (low, high) in _DRAIN_S.items():
        if chip.memory_type.startswith(kind) and not low <= drain <= high:
            yield "bytes_per_s", f"drain time {drain:.3g} s is outside {low:g} to {high:g} s for {kind}"


def _ridge(chip: Chip) -> Iterator[tuple[str, str]]:
    rate = chip.flops_per_s.get("bf16")
    if rate is None or chip.memory_type.startswith("SRAM"):
        return
    ridge, (low, high) = rate / chip.bytes_per_s, _RIDGE_FLOP_PER_BYTE
    if not low <= ridge <= high:
        yield "flops_per_s.bf16", f"{ridge:.3g} FLOP per byte is outside {low:g} to {high:g}"


def _capacity(chip: Chip) -> Iterator[tuple[str, str]]:
    """What the driver reports is near the label, or the label was GiB: 1.074 times more."""
    usable = chip.usable_memory_bytes
    if usable is not None and not 0.9 <= usable / chip.memory_bytes <= 1.076:
        yield "usable_memory_bytes", f"usable memory is {usable / chip.memory_bytes:.3f} of the label"


def _links(chip: Chip) -> Iterator[tuple[str, str]]:
    up, out, peer = chip.scaleup_bytes_per_s, chip.scaleout_bytes_per_s, chip.scaleup_peer_bytes_per_s
    if up is not None and up > _LINK_TO_MEMORY * chip.bytes_per_s and chip.kind != "cpu":
        yield "scaleup_bytes_per_s", f"link is {up / chip.bytes_per_s:.2f} of memory bandwidth: both directions added?"
    if up is not None and out is not None and chip.scaleup_domain > 1 and out > up:
        yield "scaleout_bytes_per_s", "scale-out is faster than scale-up: bits taken for bytes?"
    if up is not None and peer is not None and not _near(peer * (chip.scaleup_domain - 1), up):
        yield "scaleup_peer_bytes_per_s", f"{chip.scaleup_domain - 1} links of {peer:g} do not make {up:g} B/s"


def _achievable(chip: Chip) -> Iterator[tuple[str, str]]:
    low, high = _SHARE
    for key, rate in chip.achievable_flops_per_s.items():
        share = rate / chip.flops_per_s[key]
        if not low <= share <= high:
            yield f"achievable_flops_per_s.{key}", f"reached {share:.2f} of the peak, expected {low} to {high}"


def _announced(chip: Chip) -> Iterator[tuple[str, str]]:
    """A part that does not ship yet has no sheet and no measurement."""
    for name, fact in chip.facts.items():
        if chip.announced and fact.grade in (Grade.SPEC, Grade.MEASURED):
            yield name, f"graded {fact.grade} though the part is only announced"


_CHECKS: dict[str, Callable[[Chip], Iterator[tuple[str, str]]]] = {
    "rate ladder": _ladder,
    "drain time": _drain,
    "ridge": _ridge,
    "capacity": _capacity,
    "links": _links,
    "achievable": _achievable,
    "announced": _announced,
}


def check_chip(chip: Chip) -> tuple[Finding, ...]:
    """All doubts about a chip's figures, understood or not."""
    return tuple(
        Finding(chip=chip.id, check=name, fact=fact, message=message)
        for name, check in _CHECKS.items()
        for fact, message in check(chip)
    )


def open_findings(chip: Chip) -> tuple[Finding, ...]:
    """The doubts that no note on the figure answers."""
    return tuple(f for f in check_chip(chip) if f.fact not in chip.facts or not chip.facts[f.fact].note)
