"""How simple a deployment is: one role before two, usual degrees before odd ones, the checkpoint's formats first."""

from dataclasses import dataclass
from typing import Any

from tokenroof.planner.points import Points, Space
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System

__all__ = ["Complexity", "complexities", "complexity_of", "odd_degrees"]

_MOST = 64  # more odd degrees, formats and drafts than any deployment has


@dataclass(frozen=True, slots=True, order=True)
class Complexity:
    """Smaller is simpler, in this order.

    `odd` counts what `odd_degrees` does over both roles, `formats` counts weights and cache that are not as checkpoint
    and engine have them, `drafts` is 1 where tokens are drafted.
    """

    roles: int
    odd: int
    formats: int
    drafts: int


def _usual(degree: int, domain: int) -> bool:
    return degree & (degree - 1) == 0 or degree % domain == 0


def odd_degrees(layout: Layout, system: System) -> int:
    """Degrees that few people run: neither powers of two nor whole scale-up domains, and pipelines inside a domain.

    The size of a pipeline stage counts as a degree.
    """
    domain = min(system.domain_size, system.n_chips)
    stage = layout.n_gpus // layout.pp
    wide = sum(not _usual(degree, domain) for degree in (layout.tp, layout.cp, layout.ep, stage))
    return wide + (layout.pp & (layout.pp - 1) != 0) + (layout.pp > 1 and layout.n_gpus <= domain)


def complexities(space: Space, points: Points) -> Any:
    """A whole number for each point that orders them as their complexities do."""
    import numpy as np

    odd, fronts = (
        np.array([odd_degrees(layout, side.system) for layout in side.layouts]) for side in (space, space.prompts)
    )
    formats = np.array([(not form.own) + (form.kv is not None) for form in space.formats])
    apart = points.prefill >= 0
    number = odd[points.layout] + np.where(apart, fronts[points.prefill], 0)
    return ((apart * _MOST + number) * _MOST + formats[points.form]) * _MOST + (points.depth > 0)


def complexity_of(key: int) -> Complexity:
    """What such a number stands for."""
    rest, drafts = divmod(key, _MOST)
    rest, formats = divmod(rest, _MOST)
    apart, odd = divmod(rest, _MOST)
    return Complexity(roles=1 + apart, odd=odd, formats=formats, drafts=drafts)
