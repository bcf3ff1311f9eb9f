"""Reading price sheets from TOML: what comes out is an Offer, or one error that names the field.

The snapshot and a user's own file have the same form. A sheet is `input`, `output` and what else is known, in
the sheet's currency per million tokens, with `steps` for long context; or `lines`, one per cell, where prices
depend on the output length too. See docs/guide/deduce.md for a commented example.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tokenroof.catalog.facts import read_toml
from tokenroof.errors import InputError, UnitError
from tokenroof.provenance import Grade
from tokenroof.registry import nearest
from tokenroof.types.offer import CacheWrite, Mode, Offer, Origin, PriceLine, Window
from tokenroof.units import parse_amount

__all__ = ["MAX_PRICE", "MAX_TOKENS", "offers_from_table", "parse_tokens", "parse_ttl", "read_offer_file"]

MAX_PRICE = 1e6  # per million tokens, any currency: a slip of the decimal point, not a price
MAX_TOKENS = 100_000_000
_MAX_BYTES = 8_000_000  # a whole price collection in one file
_MAX_OFFERS = 10_000
_CELL = ("input", "output", "cached", "writes")
_OFFER_KEYS = (
    "id", "name", "seller", "lab", "model", "open_weights", "currency", "as_of", "source", "grade",
    "since", "until", "released", *_CELL, "lines", "steps", "inclusive", "context", "storage_per_hour", "modes",
    "windows", "speed", "ttft", "notes", "origins",
)  # fmt: skip
_DEFAULT_KEYS = ("seller", "lab", "currency", "as_of", "source", "grade", "open_weights")


class _Table:
    """One TOML table, read field by field; every complaint says where."""

    def __init__(self, where: str, table: object, keys: tuple[str, ...], defaults: Mapping[str, Any]) -> None:
        if not isinstance(table, dict):
            raise InputError(where, table, "a table")
        for key in table:
            if key not in keys:
                close = nearest(key, keys, 1)
                fix = f"did you mean {close[0]}?" if close else "remove it"
                raise InputError(f"{where}.{key}", "unknown field", f"one of {', '.join(keys)}", fix)
        self.where, self.table, self.defaults = where, table, defaults

    def raw(self, key: str) -> Any:
        return self.table[key] if key in self.table else self.defaults.get(key)

    def field(self, key: str) -> str:
        return f"{self.where}.{key}"

    def text(self, key: str, *, required: bool = False, limit: int = 300) -> str:
        value = self.raw(key)
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not value.strip() or len(value) > limit or not value.isprintable():
            raise InputError(self.field(key), value, f"one printable line of 1 to {limit} characters")
        return value.strip()

    def day(self, key: str, *, required: bool = False) -> str:
        value = self.raw(key)
        if value is None and not required:
            return ""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        try:
            return date.fromisoformat(value).isoformat()
        except (TypeError, ValueError):
            raise InputError(self.field(key), value, "a date such as 2026-11-22") from None

    def number(self, key: str, low: float, high: float) -> float | None:
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(self.field(key), value, f"a number from {low:g} to {high:g}")
        return float(value)

    def needed(self, key: str, low: float, high: float) -> float:
        value = self.number(key, low, high)
        if value is None:
            raise InputError(self.field(key), None, "given", "the sheet lacks it")
        return value

    def tokens(self, key: str) -> int | None:
        value = self.raw(key)
        if value is None:
            return None
        return parse_tokens(value, self.field(key))

    def flag(self, key: str) -> bool | None:
        value = self.raw(key)
        if value is not None and not isinstance(value, bool):
            raise InputError(self.field(key), value, "true or false")
        return value

    def items(self, key: str, limit: int = 64) -> list[Any]:
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > limit:
            raise InputError(self.field(key), value, f"a list of at most {limit}")
        return value


def _amount(text: str, unit: str) -> float:
    try:
        return parse_amount(text, unit) if len(text) < 20 else math.nan
    except UnitError:
        return math.nan


def parse_tokens(value: object, field: str = "tokens") -> int:
    """`200K`, `1M` or a whole number as tokens; K is 1,000."""
    if isinstance(value, str):
        count = _amount(value.strip().replace("m", "M"), "token")
    else:
        count = value if isinstance(value, int) and not isinstance(value, bool) else math.nan
    if not 1 <= count <= MAX_TOKENS or count != int(count):
        raise InputError(field, value, f"a whole number of tokens from 1 to {MAX_TOKENS:,}, such as 200K")
    return int(count)


def parse_ttl(text: str, field: str = "ttl") -> float:
    """`5m`, `1h` as seconds."""
    seconds = _amount(text, "s")
    if not 1.0 <= seconds <= 366 * 86400.0:
        raise InputError(field, text, "a time from 1s to 366d, such as 5m or 1h")
    return seconds


def _writes(table: _Table) -> tuple[CacheWrite, ...]:
    given = table.raw("writes")
    if given is None:
        return ()
    if not isinstance(given, dict) or len(given) > 8:
        raise InputError(table.field("writes"), given, 'a table such as {"5m" = 3.75, "1h" = 6.0}')
    inner = _Table(table.field("writes"), given, tuple(given), {})
    found = [
        CacheWrite(ttl_s=parse_ttl(key, inner.field(key)), per_mtok=inner.needed(key, 0.0, MAX_PRICE)) for key in given
    ]
    if len({write.ttl_s for write in found}) < len(found):
        raise InputError(table.field("writes"), given, "one price for each time to live")
    return tuple(sorted(found, key=lambda write: write.ttl_s))


def _cell(table: _Table, **ranges: Any) -> PriceLine:
    return PriceLine(
        input_per_mtok=table.needed("input", 0.0, MAX_PRICE),
        output_per_mtok=table.needed("output", 0.0, MAX_PRICE),
        cached_per_mtok=table.number("cached", 0.0, MAX_PRICE),
        cache_writes=_writes(table),
        **ranges,
    )


def _stepped(table: _Table) -> tuple[PriceLine, ...]:
    """Base prices and `steps`, each with new prices or multipliers on the base."""
    base = _cell(table)
    lines = [base]
    for number, item in enumerate(table.items("steps", 16), 1):
        step = _Table(f"{table.where}.steps[{number}]", item, ("above", "input_x", "output_x", *_CELL), {})
        above = step.tokens("above")
        if above is None:
            raise InputError(step.field("above"), None, "given", "a step needs the input length it starts at")
        if above <= lines[-1].input_from:
            raise InputError(step.field("above"), above, f"above the step before, {lines[-1].input_from:,}")
        input_x, output_x = step.number("input_x", 0.01, 100.0), step.number("output_x", 0.01, 100.0)
        if (input_x is None) == (step.raw("input") is None):
            raise InputError(step.where, item, "either `input` or `input_x`")
        if (output_x is None) == (step.raw("output") is None):
            raise InputError(step.where, item, "either `output` or `output_x`")
        cached = step.number("cached", 0.0, MAX_PRICE)
        if cached is None and base.cached_per_mtok is not None and input_x is not None:
            cached = base.cached_per_mtok * input_x
        writes = _writes(step)
        if not writes and input_x is not None:
            writes = tuple(replace(write, per_mtok=write.per_mtok * input_x) for write in base.cache_writes)
        new_input, new_output = step.number("input", 0.0, MAX_PRICE), step.number("output", 0.0, MAX_PRICE)
        lines[-1] = replace(lines[-1], input_to=above)
        lines.append(
            PriceLine(
                input_per_mtok=base.input_per_mtok * (input_x or 0.0) if new_input is None else new_input,
                output_per_mtok=base.output_per_mtok * (output_x or 0.0) if new_output is None else new_output,
                cached_per_mtok=cached,
                cache_writes=writes,
                input_from=above,
            )
        )
    return tuple(lines)


def _listed(table: _Table) -> tuple[PriceLine, ...]:
    """One line per cell: in order, without gaps or overlaps."""
    for key in (*_CELL, "steps"):
        if table.raw(key) is not None:
            raise InputError(table.field(key), table.raw(key), "absent beside `lines`", "put it into a line")
    lines: list[PriceLine] = []
    for number, item in enumerate(table.items("lines"), 1):
        cell = _Table(f"{table.where}.lines[{number}]", item, (*_CELL, "in_to", "out_to"), {})
        in_to, out_to = cell.tokens("in_to"), cell.tokens("out_to")
        before = lines[-1] if lines else None
        same_row = before is not None and before.output_to is not None
        in_from = 0 if before is None else before.input_from if same_row else before.input_to
        out_from = before.output_to if before is not None and before.output_to is not None else 0
        if in_from is None:
            raise InputError(cell.where, item, "reachable", "the line before it has no end (`in_to`)")
        if same_row and before is not None and in_to != before.input_to:
            raise InputError(
                cell.field("in_to"),
                in_to,
                f"{before.input_to} as in the line before, which ends at an `out_to`",
            )
        if in_to is not None and in_to <= in_from:
            raise InputError(cell.field("in_to"), in_to, f"above {in_from:,}: boundaries in order")
        if out_to is not None and out_to <= out_from:
            raise InputError(cell.field("out_to"), out_to, f"above {out_from:,}: boundaries in order")
        lines.append(_cell(cell, input_from=in_from, input_to=in_to, output_from=out_from, output_to=out_to))
    if not lines:
        raise InputError(table.field("lines"), [], "at least one line")
    if lines[-1].output_to is not None:
        raise InputError(table.field("lines"), "last line", "without `out_to`: longer outputs have no price")
    return tuple(lines)


def _modes(table: _Table) -> tuple[Mode, ...]:
    found = []
    keys = ("name", "x", "input_x", "output_x", "speed", "claim", "since", "until")
    for number, item in enumerate(table.items("modes", 16), 1):
        mode = _Table(f"{table.where}.modes[{number}]", item, keys, {})
        both, one, other = (mode.number(k, 0.001, 1000.0) for k in ("x", "input_x", "output_x"))
        if both is not None and one is None and other is None:
            one = other = both
        if one is None or other is None or (both is not None and mode.raw("input_x") is not None):
            raise InputError(mode.where, item, "either `x` or both `input_x` and `output_x`")
        found.append(
            Mode(
                name=mode.text("name", required=True, limit=40),
                input_x=one,
                output_x=other,
                speed_x=mode.number("speed", 0.01, 1000.0),
                speed_claim=mode.text("claim"),
                since=mode.day("since"),
                until=mode.day("until"),
            )
        )
    return tuple(found)


def _windows(table: _Table) -> tuple[Window, ...]:
    found = []
    for number, item in enumerate(table.items("windows", 16), 1):
        window = _Table(f"{table.where}.windows[{number}]", item, ("name", "x", "hours_utc", "days"), {})
        hours = []
        for pair in window.items("hours_utc", 8):
            good = isinstance(pair, list) and len(pair) == 2
            good = good and all(isinstance(h, int | float) and not isinstance(h, bool) for h in pair)
            if not good or not 0 <= pair[0] < 24 or not 0 < pair[1] <= 24:
                raise InputError(window.field("hours_utc"), pair, "pairs of hours such as [16.5, 0.5]")
            hours.append((float(pair[0]), float(pair[1])))
        found.append(
            Window(
                name=window.text("name", required=True, limit=40),
                price_x=window.needed("x", 0.01, 100.0),
                hours_utc=tuple(hours),
                days=window.text("days", limit=40),
            )
        )
    return tuple(found)


def _origin(table: _Table) -> Origin:
    grade = table.text("grade") or Grade.ASSUMED.value
    if grade not in [g.value for g in Grade]:
        raise InputError(table.field("grade"), grade, f"one of {', '.join(g.value for g in Grade)}")
    return Origin(
        source=table.text("source", required=True),
        as_of=table.day("as_of", required=True),
        grade=Grade(grade),
        note=table.text("note") if "note" in table.table else "",
    )


def _offer(table: _Table) -> Offer:
    identity = table.text("id", required=True, limit=120)
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(@[\w.-]+)?", identity):
        raise InputError(table.field("id"), identity, "seller/model, or seller/model@when")
    currency = table.text("currency", required=True, limit=3)
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise InputError(table.field("currency"), currency, "a three-letter code such as USD")
    origins = table.raw("origins") or {}
    if not isinstance(origins, dict):
        raise InputError(table.field("origins"), origins, "a table")
    lines = _listed(table) if table.raw("lines") is not None else _stepped(table)
    context = table.tokens("context")
    if context is not None and context <= lines[-1].input_from:
        raise InputError(table.field("context"), context, f"above the last boundary, {lines[-1].input_from:,} tokens")
    notes = tuple(_Table(table.where, {"notes": n}, ("notes",), {}).text("notes") for n in table.items("notes"))
    return Offer(
        id=identity,
        name=table.text("name") or identity.partition("/")[2],
        seller=table.text("seller") or identity.partition("/")[0],
        lab=table.text("lab") or identity.partition("/")[0],
        model=table.text("model") or None,
        open_weights=table.flag("open_weights"),
        currency=currency,
        lines=lines,
        inclusive=bool(table.flag("inclusive")),
        context=context,
        storage_per_mtok_hour=table.number("storage_per_hour", 0.0, MAX_PRICE),
        modes=_modes(table),
        windows=_windows(table),
        output_tokens_per_s=table.number("speed", 1e-3, 1e7),
        ttft_s=table.number("ttft", 1e-6, 1e6),
        since=table.day("since"),
        until=table.day("until"),
        released=table.day("released"),
        notes=notes,
        origin=_origin(table),
        origins={
            key: _origin(_Table(f"{table.where}.origins.{key}", item, ("source", "as_of", "grade", "note"), {}))
            for key, item in origins.items()
        },
    )


def offers_from_table(table: Mapping[str, Any], where: str, *, own: bool = False) -> tuple[Offer, ...]:
    """All sheets of one parsed file. `own` marks a user's file, whose fields may stand at the top."""
    if "offer" not in table:
        defaults = {"id": "own/offer", "grade": Grade.REPORTED.value} if own else {}
        return (_offer(_Table(where, dict(table), _OFFER_KEYS, defaults)),)
    top = _Table(where, dict(table), ("defaults", "offer"), {})
    defaults_table = _Table(f"{where}.defaults", top.raw("defaults") or {}, _DEFAULT_KEYS, {})
    found = [
        _offer(_Table(f"{where}.offer[{number}]", item, _OFFER_KEYS, defaults_table.table))
        for number, item in enumerate(top.items("offer", _MAX_OFFERS), 1)
    ]
    if not found:
        raise InputError(f"{where}.offer", [], "at least one offer")
    seen: set[str] = set()
    for offer in found:
        if offer.id in seen:
            raise InputError(f"{where}.offer", offer.id, "an id given once")
        seen.add(offer.id)
    return tuple(found)


def read_offer_file(path: Path) -> tuple[Offer, ...]:
    """The price sheets of a user's TOML file."""
    return offers_from_table(read_toml(path, _MAX_BYTES), path.name, own=True)
