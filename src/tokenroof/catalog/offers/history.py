"""Dated prices of open weights from public lists: medians over hosts at a day, and first-party sheets over the years.

prices.json is made by scripts/carry_price_history.py; sizes.toml has architectures that are sold but not in the
catalogue of models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tokenroof.catalog.offers.index import quantile
from tokenroof.reading import read_json, read_toml

__all__ = [
    "Disclosed", "Median", "Sheet", "Sizes", "disclosed", "first_party_sheets", "host_medians", "is_lab",
    "known_misses", "lab_names", "lives_on_models", "released", "sells_own", "sizes_of", "speed_of",
]  # fmt: skip

_FOLDER = Path(__file__).parent.parent / "data" / "offers" / "history"
_LEAST_HOSTS = 3
_SAME_YEAR_DAYS = 366
_APART_DAYS = 270  # a second median of a model counts where its prices had this long to move


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Totals of an architecture, and where they are from. KV is 16-bit bytes per token at long context."""

    total_params: float
    active_params: float
    kv_bytes_per_token: float
    source: str
    as_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """Open weights over their hosts on one day, USD per million tokens."""

    model: str
    as_of: str
    hosts: int
    input_p10_per_mtok: float
    input_per_mtok: float
    output_per_mtok: float
    cached_per_mtok: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A lab's own price of its open weights: `as_of` is the day of the first list that has it."""

    model: str
    seller: str
    as_of: str
    input_per_mtok: float
    output_per_mtok: float
    cached_per_mtok: float | None
    source: str


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = read_json(_FOLDER / "prices.json")
    return table


@lru_cache(maxsize=1)
def sizes_of() -> Mapping[str, Sizes]:
    """Every architecture outside the catalogue."""
    table = read_toml(_FOLDER / "sizes.toml")
    day = table["defaults"]["as_of"]
    return {
        name: Sizes(
            total_params=row["total"], active_params=row["active"], kv_bytes_per_token=row["kv"], source=row["source"],
            as_of=day,
        )
        for name, row in table["model"].items()
    }  # fmt: skip


def released() -> Mapping[str, str]:
    """Month in which each architecture of the lists was announced."""
    months: Mapping[str, str] = _table()["released"]
    return months


@lru_cache(maxsize=1)
def _speeds() -> Mapping[str, Any]:
    return read_toml(_FOLDER / "speeds.toml")


def speed_of(model: str, day: str) -> float | None:
    """Median output speed over public endpoints, tokens per second, where measured within a year of a day."""
    table = _speeds()
    near = abs(_ordinal(day) - _ordinal(table["as_of"])) <= _SAME_YEAR_DAYS
    found: float | None = table["tokens_per_s"].get(model)
    return found if near else None


@lru_cache(maxsize=1)
def _lives() -> Mapping[str, bool]:
    table = read_toml(_FOLDER / "labs.toml")
    return {lab: True for lab in table["independent"]["labs"]} | {lab: False for lab in table["part_of"]}


def lives_on_models(lab: str) -> bool | None:
    """Whether models are a lab's business, or it is part of a company with another; None of a lab that is not known."""
    return _lives().get(lab)


def lab_names() -> tuple[str, ...]:
    """The labs of which it is known whether they live on their models."""
    return tuple(sorted(_lives(), key=str.lower))


@lru_cache(maxsize=1)
def known_misses() -> Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]:
    """Lab, architecture and line: year of release, and how far it lies over the line on logarithms.

    Written by scripts/calibrate_deduction.py.
    """
    labs: Mapping[str, Any] = read_json(_FOLDER / "known_models.json")["labs"]
    return labs


def is_lab(seller: str, lab: str) -> bool:
    """Whether a seller of the lists is the lab itself."""
    return lab in _table()["first_party"].get(seller, ())


def sells_own(model: str, lab: str) -> bool:
    """Whether the lists have a price that the lab asks for the model itself."""
    return any(is_lab(life[0], lab) for life in _table()["models"].get(model, ()))


def _ordinal(day: str) -> int:
    from datetime import date

    return date.fromisoformat(day).toordinal()


def _median_at(model: str, place: int, lab: str) -> Median | None:
    """The median over what hosts ask at the day of one list; the lab's own sheet is none of them."""
    table = _table()
    alive: dict[str, list[Any]] = {}
    for life in table["models"][model]:
        own = lab in table["first_party"].get(life[0], ())
        if life[4] <= place <= life[5] and not own:
            alive[life[0]] = life
    if len(alive) < _LEAST_HOSTS:
        return None
    hosts = list(alive.values())
    cached = [life[3] for life in hosts if life[3]]
    name, day = table["lists"][place]
    return Median(
        model=model, as_of=day, hosts=len(hosts), input_p10_per_mtok=quantile([h[1] for h in hosts], 0.1),
        input_per_mtok=quantile([h[1] for h in hosts], 0.5), output_per_mtok=quantile([h[2] for h in hosts], 0.5),
        cached_per_mtok=quantile(cached, 0.5) if len(cached) >= _LEAST_HOSTS else None, source=f"lists up to {name}",
    )  # fmt: skip


def host_medians(labs: Mapping[str, str]) -> tuple[Median, ...]:
    """Of each model the earliest median, and each later one that lies long enough after the one before."""
    found: list[Median] = []
    for model in _table()["models"]:
        held: Median | None = None
        for place in range(len(_table()["lists"])):
            median = _median_at(model, place, labs[model])
            if median is None:
                continue
            if held is None or _ordinal(median.as_of) - _ordinal(held.as_of) >= _APART_DAYS:
                found.append(median)
                held = median
    return tuple(found)


def first_party_sheets(labs: Mapping[str, str]) -> tuple[Sheet, ...]:
    """Every price that a lab asks for its own open weights, once; `labs` names the lab of each model."""
    table = _table()
    found = []
    for model, lives in table["models"].items():
        for seller, price_in, price_out, cached, first, _ in lives:
            if labs[model] in table["first_party"].get(seller, ()):
                name, day = table["lists"][first]
                found.append(
                    Sheet(
                        model=model, seller=seller, as_of=day, input_per_mtok=price_in, output_per_mtok=price_out,
                        cached_per_mtok=cached, source=name,
                    )
                )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """A closed model whose size is known; USD per million tokens on a day."""

    id: str
    lab: str
    day: str
    input_per_mtok: float
    output_per_mtok: float
    total_params: float
    active_params: float
    status: str
    source: str


def disclosed() -> tuple[Disclosed, ...]:
    """Closed models with a size that the lab gave, or that leaked."""
    return tuple(
        Disclosed(
            id=row["id"], lab=row["lab"], day=row["day"], input_per_mtok=row["input"], output_per_mtok=row["output"],
            total_params=row["total"], active_params=row["active"], status=row["status"], source=row["source"],
        )
        for row in read_toml(_FOLDER / "closed.toml")["model"]
    )  # fmt: skip
