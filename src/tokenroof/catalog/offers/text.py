"""Price sheets as TOML: what `offer_files` reads, written so that reading it gives the same sheets back."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tokenroof.errors import InputError
from tokenroof.types.offer import CacheWrite, Mode, Offer, Origin, PriceLine, Window

__all__ = ["offers_text"]

_SHARED = ("seller", "currency", "as_of", "source", "grade")
_TTL_UNITS = (("d", 86400.0), ("h", 3600.0), ("m", 60.0))


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case float():
            return repr(value)  # the shortest text that reads back as the same number
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(type(value))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) and not key[0].isdigit() else _value(key)


def _ttl(seconds: float) -> str:
    for unit, scale in _TTL_UNITS:
        if seconds >= scale and seconds % scale == 0:
            return f"{seconds / scale:.0f}{unit}"
    return f"{seconds!r}s"


def _writes(writes: tuple[CacheWrite, ...]) -> dict[str, Any]:
    return {_ttl(write.ttl_s): write.per_mtok for write in writes}


def _cell(line: PriceLine) -> dict[str, Any]:
    cell: dict[str, Any] = {"input": line.input_per_mtok, "output": line.output_per_mtok}
    if line.cached_per_mtok is not None:
        cell["cached"] = line.cached_per_mtok
    if line.cache_writes:
        cell["writes"] = _writes(line.cache_writes)
    if line.input_to is not None:
        cell["in_to"] = line.input_to
    if line.output_to is not None:
        cell["out_to"] = line.output_to
    return cell


def _mode(mode: Mode) -> dict[str, Any]:
    both = {"x": mode.input_x} if mode.input_x == mode.output_x else {}
    factors = both or {"input_x": mode.input_x, "output_x": mode.output_x}
    rest = {"speed": mode.speed_x, "claim": mode.speed_claim, "since": mode.since, "until": mode.until}
    return {"name": mode.name, **factors, **{key: value for key, value in rest.items() if value}}


def _window(window: Window) -> dict[str, Any]:
    table: dict[str, Any] = {"name": window.name, "x": window.price_x}
    if window.hours_utc:
        table["hours_utc"] = [list(pair) for pair in window.hours_utc]
    return table | ({"days": window.days} if window.days else {})


def _origin(origin: Origin) -> dict[str, Any]:
    table = {"source": origin.source, "as_of": origin.as_of, "grade": origin.grade.value}
    return table | ({"note": origin.note} if origin.note else {})


def _table(offer: Offer) -> dict[str, Any]:
    if offer.spread is not None:
        raise InputError("offer", offer.id, "one seller's sheet", "the median of many hosts has no file form")
    prices = _cell(offer.lines[0]) if len(offer.lines) == 1 else {"lines": [_cell(line) for line in offer.lines]}
    table = {
        "id": offer.id,
        "name": offer.name,
        "seller": offer.seller,
        "lab": offer.lab,
        "model": offer.model,
        "open_weights": offer.open_weights,
        "currency": offer.currency,
        "as_of": offer.origin.as_of,
        "source": offer.origin.source,
        "grade": offer.origin.grade.value,
        "since": offer.since or None,
        "until": offer.until or None,
        **prices,
        "inclusive": offer.inclusive or None,
        "context": offer.context,
        "storage_per_hour": offer.storage_per_mtok_hour,
        "modes": [_mode(mode) for mode in offer.modes] or None,
        "windows": [_window(window) for window in offer.windows] or None,
        "speed": offer.output_tokens_per_s,
        "ttft": offer.ttft_s,
        "notes": list(offer.notes) or None,
        "origins": {name: _origin(origin) for name, origin in offer.origins.items()} or None,
    }
    return {key: value for key, value in table.items() if value is not None}


def _entry(key: str, value: Any) -> Iterable[str]:
    if key == "origins":
        return [f"origins.{_key(name)} = {_value(origin)}" for name, origin in value.items()]
    if key in ("lines", "modes", "notes") and len(value) > 1:
        return [f"{key} = [", *(f"  {_value(item)}," for item in value), "]"]
    return [f"{key} = {_value(value)}"]


def offers_text(offers: Sequence[Offer], comments: Sequence[str] = ()) -> str:
    """One file for these sheets; `comments` stand above them. What most say alike is said once, as defaults."""
    tables = [_table(offer) for offer in offers]
    shared = {key: tables[0][key] for key in _SHARED if all(table[key] == tables[0][key] for table in tables)}
    out = [f"# {comment}" for comment in comments]
    out += ["", "[defaults]", *(f"{key} = {_value(value)}" for key, value in shared.items())]
    for table in tables:
        out += ["", "[[offer]]"]
        for key, value in table.items():
            if key not in shared:
                out += _entry(key, value)
    return "\n".join(out) + "\n"
