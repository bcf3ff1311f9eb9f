"""What tokenroof has to know of a kind of attention: one record, every part of it asked for.

No part has a default: a kind that leaves one out is no kind, instead of one whose cache is free. A kind without
a growing cache says `cache=None`, one without a recurrent state `state=None`, one with neither `cache_free=True`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tokenroof.errors import InputError
from tokenroof.mixers.rows import Rows
from tokenroof.types.model import Indexer, Mixer

__all__ = ["Cache", "Cut", "Kind", "State", "WhatIfs", "Words"]

M = TypeVar("M", bound=Mixer)


@dataclass(frozen=True, slots=True)
class Cut:
    """What tensor parallelism divides: its degree divides `size`, or is a multiple of it where it may be copied."""

    name: str
    size: int
    copies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache(Generic[M]):
    """The growing cache of one layer: what is stored, what one new token reads of it. Bytes take a cache element's.

    `entry_elements` is one entry, whoever stores it, and `entry_bytes` what it takes; `token_bytes` what a token adds
    while no window is full, `growth_bytes` once every window is; `stored_bytes` what a sequence of a context keeps.
    `entries_read` counts the entries that a new token attends to at a context, `scan_bytes` what an indexer reads to
    choose them. `copies` is how many of so many tensor parallel ranks hold the same entries, and may share them.
    """

    entry_elements: Callable[[M], int]
    entry_bytes: Callable[[M, float], float]
    token_bytes: Callable[[M, float], float]
    growth_bytes: Callable[[M, float], float]
    stored_bytes: Callable[[M, float, float], float]
    entries_read: Callable[[M, float], float]
    scan_bytes: Callable[[M, float], float]
    copies: Callable[[M, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class State(Generic[M]):
    """The constant state of one sequence in one layer: bytes, and the FLOP of a token that updates and reads it."""

    bytes: Callable[[M], float]
    flops: Callable[[M], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Generic[M]):
    """How tables name a layer.

    `title` names it in a list; `tags` are words to filter models by; `geometry` its sizes; `cache_formula` the
    cache bytes of one token in names and in numbers; `cache_note` what that formula leaves unsaid.
    """

    title: Callable[[M], str]
    tags: Callable[[M], frozenset[str]]
    geometry: Callable[[M], str]
    cache_formula: Callable[[M, float], tuple[str, str]]
    cache_note: Callable[[M], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfs(Generic[M]):
    """How a layer follows a number that a question changes.

    `fields` names the numbers that may be set (`model.heads`) and the attribute of each; `change` sets one.
    `widened` is the layer at another hidden size, from before to after: what it keeps whole moves in proportion.
    `thinned` is the layer under another rule of attention (sqrt, topk or window of a size, at a hidden size), None
    where it reads not all of the context as it is. `faults` are numbers that contradict each other.
    """

    fields: Mapping[str, str]
    change: Callable[[M, str, int], M]
    widened: Callable[[M, int, int], M]
    thinned: Callable[[M, str, int, int], M | None]
    faults: Callable[[M], tuple[InputError, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[M]):
    """One kind of attention, or of what stands in its place.

    `name` is its type in model files. `params` counts the weights of a layer at a hidden size, all of
    `weight_class`. `pair_flops` is the FLOP of one attended entry and new token, in the form that decode uses
    (True) or that prefill does; `scan_flops` what an indexer spends per cached token. `shape` are the numbers by
    which two copies of a model are compared. `lower` appends the operator rows of a number of equal layers.
    `wide_at_4_bits`: published 4-bit checkpoints keep its weights in bf16.
    """

    name: str
    mixer: type[M]
    weight_class: Literal["attention", "recurrent"]
    params: Callable[[M, int], int]
    cache: Cache[M] | None
    state: State[M] | None
    pair_flops: Callable[[M, bool], float]
    scan_flops: Callable[[M], float]
    indexer: Callable[[M], Indexer | None]
    cuts: Callable[[M], tuple[Cut, ...]]
    shape: Mapping[str, Callable[[M], int]]
    lower: Callable[[Rows, M, int], None]
    words: Words[M]
    what_ifs: WhatIfs[M]
    wide_at_4_bits: bool
    cache_free: bool = False

    def __post_init__(self) -> None:
        if (self.cache is None and self.state is None) != self.cache_free:
            raise TypeError(f"the kind {self.name} needs a cache or a state, or cache_free=True with neither")
