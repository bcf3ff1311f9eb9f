"""The answer on this machine in words."""

from collections.abc import Mapping

from tokenroof.units import format_si
from tokenroof.usecases.microbench.answer import Reached

__all__ = ["sentence_of"]


def sentence_of(
    name: str, read: Reached, arithmetic: Mapping[str, Reached], wide: tuple[str, ...], max_spread: float
) -> str:
    """What it reads and multiplies, and whether the numbers can be trusted."""
    top = max(arithmetic, key=lambda format: arithmetic[format].rate)
    best = max((format for format in arithmetic if arithmetic[format].shape), key=lambda one: arithmetic[one].rate)
    said = (
        f"{name} reads memory at {format_si(read.rate, 'B/s')} and multiplies at "
        f"{format_si(arithmetic[best].rate, 'FLOP/s')} in {best}"
    )
    if top != best:
        said += f" ({format_si(arithmetic[top].rate, 'FLOP/s')} in {top} by its instructions)"
    if wide:
        said += f"; too unsteady to save: {', '.join(wide)} spread{'s' if len(wide) == 1 else ''} over {max_spread:.0%}"
    return f"{said}."
