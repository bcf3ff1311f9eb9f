"""`tokenroof.chips(vendor="nvidia")` and its like: what the catalogue holds, as answers with tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Answer, Rows, View
from tokenroof.api.asked import Name, name_of

if TYPE_CHECKING:
    from tokenroof.present.page import Page
    from tokenroof.usecases.listing.machines import ChipRow, SystemRow, TierRow
    from tokenroof.usecases.listing.models import ModelRow

__all__ = ["chip", "chips", "model", "models", "system", "systems", "tiers"]


@dataclass(frozen=True, slots=True)
class _Chips:
    chips: "tuple[ChipRow, ...]"


@dataclass(frozen=True, slots=True)
class _Models:
    models: "tuple[ModelRow, ...]"


@dataclass(frozen=True, slots=True)
class _Systems:
    systems: "tuple[SystemRow, ...]"


@dataclass(frozen=True, slots=True)
class _Tiers:
    tiers: "tuple[TierRow, ...]"


def _flat(row: Any) -> dict[str, Any]:
    """The numbers and texts of a row; of a rent its median. What is a list or an object has no column."""
    found: dict[str, Any] = {}
    for one in fields(row):
        value = getattr(row, one.name)
        if one.name == "rental":
            found["rental_usd_per_h"] = None if value is None else value.median_usd_per_h
        elif not isinstance(value, tuple | Mapping):
            found[one.name] = value
    return found


def _rows(answer: Any) -> Rows:
    return [_flat(row) for one in fields(answer) for row in getattr(answer, one.name)]


def _figures(answer: Any) -> Rows:
    return [asdict(one) | {"grade": str(one.grade)} for one in answer.figures]


def _page(builder: str, *arguments: Any) -> Any:
    def page(answer: Any) -> "Page":
        from tokenroof.present.pages import listing

        (rows,) = (getattr(answer, one.name) for one in fields(answer))
        made: Page = getattr(listing, builder)(rows, *arguments)
        return made

    return page


def _list(kind: str, response: Any, page: Any) -> Answer:
    return Answer(response, View(kind=kind, page=page, tables={"main": _rows}))


def chips(*, announced: bool = False, vendor: str = "", sort: str = "name") -> Answer:
    """Accelerators: memory, bandwidth, dense rates, ridge, drain time, rent."""
    from tokenroof.usecases.listing.machines import list_chips

    rows = list_chips(announced=announced, vendor=name_of("vendor", vendor), sort=name_of("sort", sort))
    return _list("Chips", _Chips(rows), _page("chips_page", announced, False))


def systems(*, announced: bool = False, single: bool = False, sort: str = "name") -> Answer:
    """Machines: memory, bandwidth, rates, networks, rent."""
    from tokenroof.usecases.listing.machines import list_systems

    rows = list_systems(announced=announced, single=single, sort=name_of("sort", sort))
    return _list("Systems", _Systems(rows), _page("systems_page", announced, False))


def models(filter: str | Sequence[str] = (), *, sort: str = "id") -> Answer:
    """Models of the catalogue; `filter` holds words that all have to fit, `!word` excludes."""
    from tokenroof.usecases.listing.models import list_models

    words = filter.split(",") if isinstance(filter, str) else [name_of("filter", one) for one in filter]
    rows = list_models(filters=tuple(word.strip() for word in words if word.strip()), sort=name_of("sort", sort))
    return _list("Models", _Models(rows), _page("models_page", False))


def tiers(*, chip: str = "h100") -> Answer:
    """Memories that a KV cache can wait in: size, bandwidth, drain time, price."""
    from tokenroof.usecases.listing.machines import list_tiers

    return _list("Tiers", _Tiers(list_tiers(chip=name_of("chip", chip))), _page("tiers_page", ()))


def chip(name: Name) -> Answer:
    """One accelerator: every figure with source, date and grade."""
    from tokenroof.present.pages.machine import chip_page
    from tokenroof.usecases.listing.machines import show_chip

    return Answer(show_chip(name_of("name", name)), View(kind="Chip", page=chip_page, tables={"main": _figures}))


def system(name: Name) -> Answer:
    """One machine by name or TOML file, with its chip."""
    from tokenroof.present.pages.machine import system_page
    from tokenroof.usecases.listing.machines import show_system

    return Answer(show_system(name_of("name", name)), View(kind="System", page=system_page, tables={"main": _figures}))


def _parts(table: str, answer: Any) -> Rows:
    return [asdict(one) for one in getattr(answer, table)]


def model(name: Name, *, kv_dtype: str | None = None) -> Answer:
    """One model: parameters by part, layers, weights, KV cache, sources."""
    from tokenroof.present.pages.model import page_of
    from tokenroof.usecases.listing.models import show_model

    tables = {"main": partial(_parts, "parts"), **{t: partial(_parts, t) for t in ("layer_rows", "weights")}}
    view = show_model(name_of("name", name), kv_dtype=None if kv_dtype is None else name_of("kv_dtype", kv_dtype))
    return Answer(view, View(kind="Model", page=page_of, tables=tables))
