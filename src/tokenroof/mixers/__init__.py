"""Kinds of attention, and what stands in its place: one file a kind, each with all that tokenroof has to know of it.

Another kind is a file here (its class, if types.model has none, and its `KIND`), a line in KINDS, and the reader of
published configs that yields it. Totals over a model are in mixers.architecture (weights), architecture_cache
(what is stored and read) and architecture_flops.
"""

from collections.abc import Mapping
from typing import Any

from tokenroof.mixers import compressed, gqa, linear, mla, none, ssm
from tokenroof.mixers.kind import Kind
from tokenroof.types.model import Mixer

__all__ = ["KINDS", "kind_of"]

KINDS: Mapping[type[Mixer], Kind[Any]] = {
    kind.mixer: kind
    for kind in (
        gqa.KIND,
        mla.KIND,
        compressed.KIND,
        linear.KIND,
        ssm.KIND,
        none.KIND,
    )
}


def kind_of(mixer: Mixer) -> Kind[Any]:
    """The record of a layer's kind; TypeError for a class that is not registered."""
    kind = KINDS.get(type(mixer))
    if kind is None:
        raise TypeError(f"{type(mixer).__name__} is not registered in tokenroof.mixers.KINDS")
    return kind
