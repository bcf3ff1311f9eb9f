"""A public price sheet as dated facts: what a seller asks for one model. No behaviour.

Prices keep the currency and the unit of the sheet (per million tokens, `_per_mtok`), so that a bill can
be checked against the seller's own; lengths are tokens, times are seconds. `None` means not offered or not
known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.provenance import Grade

__all__ = ["UNDATED", "CacheWrite", "Mode", "Offer", "Origin", "PriceLine", "ProviderPrice", "Spread", "Window"]


UNDATED = "1970-01-01"  # prices given without a day: no clock is read, and none is made up


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a group of figures of one sheet comes from."""

    source: str
    as_of: str
    grade: Grade
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheWrite:
    """Price of putting a token into the prompt cache so that it stays for `ttl_s`."""

    ttl_s: float
    per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """What every token of a request costs when its input and output lengths fall into this cell.

    A cell starts above `input_from` (at it, where the offer is `inclusive`) and ends where the next one
    starts; `input_to` None is the end of the window. `output_from`/`output_to` do the same for the output.
    """

    input_per_mtok: float
    output_per_mtok: float
    cached_per_mtok: float | None = None
    cache_writes: tuple[CacheWrite, ...] = ()
    input_from: int = 0
    input_to: int | None = None
    output_from: int = 0
    output_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Another way to be served: batch, flex, priority, fast. Multipliers are on the standard price.

    `speed_x` is the speed claimed against standard, `speed_claim` the seller's wording of it ("up to").
    """

    name: str
    input_x: float
    output_x: float
    speed_x: float | None = None
    speed_claim: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hours in which every price is multiplied by `price_x`; no hours: the times are not recorded."""

    name: str
    price_x: float
    hours_utc: tuple[tuple[float, float], ...] = ()
    days: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPrice:
    """What one host asks for open weights, USD."""

    seller: str
    input_per_mtok: float
    output_per_mtok: float
    cached_per_mtok: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The same open weights over independent hosts, USD. Minima are promotions or errors: use p10."""

    n: int
    input_p10_per_mtok: float
    input_median_per_mtok: float
    output_p10_per_mtok: float
    output_median_per_mtok: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One model from one seller at one date.

    `id` is seller/model, with @when for a sheet that no longer holds. `model` is the catalogue id of the
    weights where they are open. `inclusive` says that a request of exactly a boundary's length pays the upper
    cell. `context` is the longest input sold: one line and a context mean "no step up to there", which is
    evidence too. `released` is the day the model came out, where the sheet says so. `origins` names groups of
    figures (storage, speed ...) that come from elsewhere.
    """

    id: str
    name: str
    seller: str
    lab: str
    currency: str
    lines: tuple[PriceLine, ...]
    origin: Origin
    model: str | None = None
    open_weights: bool | None = None
    inclusive: bool = False
    context: int | None = None
    storage_per_mtok_hour: float | None = None
    modes: tuple[Mode, ...] = ()
    windows: tuple[Window, ...] = ()
    spread: Spread | None = None
    output_tokens_per_s: float | None = None
    ttft_s: float | None = None
    since: str = ""
    until: str = ""
    released: str = ""
    notes: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
