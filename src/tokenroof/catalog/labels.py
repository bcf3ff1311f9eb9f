"""Labels of chips as benchmarks, drivers and price sheets write them: NVIDIA H100 SXM 80GB, h200_sxm, B200 180GB.

What names the vendor, the package or the memory is taken off until a name of the catalogue is left. A memory
that the label gives has to be that of the chip found: an H100 of 96 GB is another chip.
"""

import re
from collections.abc import Iterator, Mapping

__all__ = ["memory_gigabytes", "plainer"]

_VENDOR = frozenset(("nvidia", "amd", "instinct", "intel", "geforce", "tesla", "radeon", "google", "aws", "cloud",
                     "gpu", "virtualized", "accelerator", "generation", "server", "edition", "blackwell", "workstation",
                     "cts", "hbm2", "hbm2e", "hbm3", "hbm3e", "hbm4", "oam", "nps1", "spx", "apple"))  # fmt: skip
_MEMORY = re.compile(r"(\d{1,4})(?:g|gb|gib)")
_NUMBER_ALONE = re.compile(r"\d{1,4}")
_WATTS = re.compile(r"\d{2,4}w")
_SXM = re.compile(r"sxm\d?")
_MOST = 80


def _words(label: str) -> list[str]:
    """Lower-case words; a number and the unit that follows it are one."""
    label = label.lower().strip()
    fit = len(label) <= _MOST and label.strip("-_") == label
    words = re.split(r"[\s_\-]+", label) if fit else []
    joined: list[str] = []
    for word in words:
        if word in ("gb", "g", "gib") and joined and _NUMBER_ALONE.fullmatch(joined[-1]):
            joined[-1] += "gb"
        elif word:
            joined.append(word)
    return joined


def memory_gigabytes(label: str) -> float | None:
    """The memory that a label gives, in GB; None where it gives none or several."""
    found = [float(match[1]) for word in _words(label) if (match := _MEMORY.fullmatch(word))]
    return found[0] if len(found) == 1 else None


def _joined(words: list[str]) -> Iterator[str]:
    yield "-".join(words)
    yield "".join(words)
    if words and words[0].isdigit():
        yield "rtx-" + "-".join(words)


def plainer(label: str, known: Mapping[str, str]) -> str | None:
    """The id in `known` (alias -> id) that the label stands for, least taken off first; None where none is left."""
    words = [word for word in _words(label) if word not in _VENDOR and not _WATTS.fullmatch(word)]
    bare = [word for word in words if not _SXM.fullmatch(word)]
    without_memory = [word for word in words if not _MEMORY.fullmatch(word)]
    without_package = [word for word in without_memory if not _SXM.fullmatch(word)]
    for left in (words, bare, without_memory, without_package):
        for name in _joined(left):
            if name in known:
                return known[name]
    return None
