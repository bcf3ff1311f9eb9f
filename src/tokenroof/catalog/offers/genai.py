"""Rows of the package genai-prices as price sheets of ours, and a count of what has no place in one.

The package states US dollars per million tokens and charges the whole request by the tier that its input length
reaches. Modes and hours are multiples of the standard price in our sheets: where the package's figures are no such
multiple, the sheet says so or the row is left out, with the reason counted. It has no price of cache storage and no
speeds. Which weights are behind a name is taken from our snapshot's sheet of the same id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from tokenroof.catalog.offers.files import MAX_PRICE, MAX_TOKENS
from tokenroof.catalog.offers.genai_rows import PACKAGE, Dated, Ladder, Package, Row, Variant
from tokenroof.errors import InputError
from tokenroof.provenance import Grade
from tokenroof.types.offer import CacheWrite, Mode, Offer, Origin, PriceLine, Window

__all__ = ["SELLERS", "Left", "PackageSheets", "release_day", "sheets_of"]

SELLERS = {"moonshotai": "moonshot", "x-ai": "xai", "zhipuai": "zhipu"}
# Days on which versions were published; the package itself does not say when its prices were checked.
_RELEASED = {"0.2.3": "2026-11-10"}
_INPUT, _OUTPUT, _CACHED, _WRITE = "input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"
_WRITE_TTLS = {"cache_write_5m_mtok": 300.0, "cache_write_1h_mtok": 3600.0}
_PER_REQUEST = "requests_kcount"
# How long a plain cache write stays, as the sellers document it: the package leaves it open.
_PLAIN_TTL = {"openai": 1800.0, "moonshot": 300.0, "minimax": 300.0}
_CLAUDE_TTL = 300.0
_MODE_KEYS = ("processing", "service_tier", "speed")
_NOTE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Left:
    """Something the package has and our sheets do not hold: how often, and one row of it."""

    what: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class PackageSheets:
    """The sheets that hold on `day`, with what was left out."""

    version: str
    as_of: str
    day: str
    offers: tuple[Offer, ...]
    left: tuple[Left, ...]


class _Skip(Exception):
    """This row cannot be a sheet; the message is the reason."""


def release_day(version: str, given: str | None) -> str:
    """The day a version's prices are taken to be of: the caller's, else that of its release."""
    if given is not None:
        return given
    if version not in _RELEASED:
        known = ", ".join(_RELEASED)
        fix = "the package does not date its prices: add `as_of`, the day it was released"
        raise InputError(f"{PACKAGE} version", version, f"one whose release day is known here ({known})", fix)
    return _RELEASED[version]


# ---------------------------------------------------------------- one sheet


def _plain_ttl(seller: str, model: str) -> float | None:
    return _CLAUDE_TTL if "claude" in model.lower() else _PLAIN_TTL.get(seller)


def _ttls(seller: str, row: Row, prices: Mapping[str, Ladder]) -> dict[str, float]:
    """Price key -> time to live of the cache writes that can be carried."""
    found = {key: ttl for key, ttl in _WRITE_TTLS.items() if key in prices}
    plain = _plain_ttl(seller, row.model)
    if _WRITE in prices and plain is not None and plain not in found.values():
        found[_WRITE] = plain
    return found


def _money(amount: Decimal) -> float:
    if amount > Decimal(MAX_PRICE):
        raise _Skip(f"price above {MAX_PRICE:g} per million tokens")
    return float(amount)


def _starts(prices: Mapping[str, Ladder], keys: list[str], context: int | None) -> tuple[list[int], list[int]]:
    """Where cells start, and the starts that lie at or beyond the longest input sold."""
    every = sorted({start for key in keys for start, _ in prices[key].tiers})
    if any(not 0 < start < MAX_TOKENS for start in every):
        raise _Skip("a tier that starts at no possible length")
    beyond = [start for start in every if context is not None and start + (start % 1000 == 999) >= context]
    return [start for start in every if start not in beyond], beyond


def _lines(prices: Mapping[str, Ladder], ttls: Mapping[str, float], starts: list[int]) -> tuple[PriceLine, ...]:
    edges = [0, *starts]

    def line(start: int, end: int | None) -> PriceLine:
        writes = [CacheWrite(ttl_s=ttl, per_mtok=_money(prices[key].above(start))) for key, ttl in ttls.items()]
        return PriceLine(
            input_per_mtok=_money(prices[_INPUT].above(start)),
            output_per_mtok=_money(prices[_OUTPUT].above(start)),
            cached_per_mtok=_money(prices[_CACHED].above(start)) if _CACHED in prices else None,
            cache_writes=tuple(sorted(writes, key=lambda write: write.ttl_s)),
            input_from=start,
            input_to=end,
        )

    return tuple(line(start, end) for start, end in zip(edges, [*starts, None], strict=True))


def _shift(line: PriceLine) -> PriceLine:
    """A cell above 199,999 tokens is one from 200,000 tokens on."""
    return replace(
        line,
        input_from=line.input_from + 1 if line.input_from else 0,
        input_to=None if line.input_to is None else line.input_to + 1,
    )


def _multiple(prices: Mapping[str, Ladder], other: Mapping[str, Ladder], key: str, starts: list[int]) -> Decimal | None:
    """By what the price `key` is multiplied where `other` overrides it; None where no single factor does it."""
    if key not in prices or key not in other:
        return Decimal(1)
    found = set()
    for start in [0, *starts]:
        before, after = prices[key].above(start), other[key].above(start)
        if before == 0 and after == 0:
            continue
        if before == 0:
            return None
        found.add(after / before)
    return found.pop() if len(found) == 1 else None if found else Decimal(1)


def _times(value: Decimal | None) -> str:
    return "no fixed multiple" if value is None else f"{float(value):.4g}x"


def _windows(row: Row, prices: Mapping[str, Ladder], keys: list[str], starts: list[int]) -> tuple[Window, ...]:
    hours: dict[Decimal, list[tuple[float, float]]] = {}
    for daily in row.daily:
        found = {_multiple(prices, daily.prices, key, starts) for key in keys}
        factor = found.pop()
        if found or factor is None or not Decimal("0.01") <= factor <= 100:
            raise _Skip("hours whose prices are not one multiple of the others")
        hours.setdefault(factor, []).append(daily.hours_utc)
    names = [("peak" if factor > 1 else "off-peak") for factor in hours]
    return tuple(
        Window(name=name if names.count(name) == 1 else f"{name}-{number}", price_x=float(factor), hours_utc=tuple(h))
        for number, (name, (factor, h)) in enumerate(zip(names, hours.items(), strict=True), 1)
    )


def _mode_name(variant: Variant) -> str | None:
    """batch, flex, priority, fast ...; None where the condition is something else than a way to be served."""
    if len(variant.when) != 1:
        return None
    ((key, value),) = variant.when.items()
    return value if key in _MODE_KEYS and value.isprintable() and 0 < len(value) <= 40 else None


class _Mapper:
    """Turns rows into sheets and keeps count of what finds no place."""

    def __init__(self, package: Package, day: str, as_of: str, known: Mapping[str, Offer]) -> None:
        self.package, self.day, self.as_of, self.known = package, day, as_of, known
        self.counts: dict[str, tuple[int, str]] = {}

    def leave(self, what: str, row: Row) -> None:
        count, example = self.counts.get(what, (0, f"{row.provider}/{row.model}"))
        self.counts[what] = (count + 1, example)

    def identity(self, seller: str, row: Row) -> str:
        """`seller/model`; a path in the model's name is kept, unless our snapshot knows its last part."""
        name = re.sub(r"[^\w.+/-]", "-", row.model.lower())
        last = f"{seller}/{name.rpartition('/')[2]}"
        return last if last in self.known else f"{seller}/{name.strip('/').replace('/', '.')}"

    def modes(
        self, row: Row, prices: Mapping[str, Ladder], keys: list[str], starts: list[int]
    ) -> tuple[tuple[Mode, ...], list[str]]:
        merged: dict[str, tuple[dict[str, Ladder], str]] = {}
        notes: list[str] = []
        for variant in row.variants:
            name = _mode_name(variant)
            if name is None or variant.daily:
                self.leave(f"prices when {', '.join(sorted(variant.when))}", row)
            elif variant.since > self.day:
                notes.append(f"{name}: other prices from {variant.since} on")
            elif name != "default":
                held, since = merged.setdefault(name, ({}, variant.since))
                merged[name] = ({**variant.prices, **held}, max(since, variant.since))
        found = []
        for name, (override, since) in merged.items():
            into, out = (_multiple(prices, override, key, starts) for key in (_INPUT, _OUTPUT))
            bounds = (Decimal("0.001"), Decimal(1000))
            if into is None or out is None or not all(bounds[0] <= x <= bounds[1] for x in (into, out)):
                self.leave(f"{name} prices that are no multiple of the standard ones", row)
                notes.append(f"{name}: {_times(into)} input, {_times(out)} output: not carried")
                continue
            odd = {key: _multiple(prices, override, key, starts) for key in keys if key not in (_INPUT, _OUTPUT)}
            if differing := {key: x for key, x in odd.items() if x != into}:
                self.leave(f"{name} prices of the cache that differ from input's multiple", row)
                notes += [f"{name}: {_spoken(key)} is {_times(x)}, not {_times(into)}" for key, x in differing.items()]
            found.append(Mode(name=name, input_x=float(into), output_x=float(out), since=since))
        return tuple(found), notes

    def sheet(self, row: Row, dated: Dated, until: str, suffix: str, *, current: bool) -> Offer:
        prices = dated.prices
        if _INPUT not in prices or _OUTPUT not in prices:
            raise _Skip("no price of both input and output tokens")
        if _PER_REQUEST in prices:
            raise _Skip("a fee for every request, which no sheet of ours has")
        seller = SELLERS.get(row.provider, row.provider)
        ttls = _ttls(seller, row, prices)
        keys = [key for key in (_INPUT, _OUTPUT, _CACHED, *ttls) if key in prices]
        context = row.context if row.context is None or row.context <= MAX_TOKENS else None
        starts, beyond = _starts(prices, keys, context)
        lines = _lines(prices, ttls, starts)
        inclusive = bool(starts) and all(start % 1000 == 999 for start in starts)
        modes, notes = self.modes(row, prices, keys, starts) if current else ((), [])
        windows: tuple[Window, ...] = ()
        if row.daily and dated is row.dated[-1]:
            windows = _windows(row, prices, keys, starts)
        elif row.daily:
            # the package gives its hours no date: they are those of the newest prices
            notes.append("prices by the hour are not carried: the package has them for later prices only")
            self.leave("hours of a sheet that later prices replaced", row)
        if others := [key for key in prices if key not in keys]:
            notes.append("also priced, not carried: " + ", ".join(_spoken(key) for key in others))
            for key in others:
                lasting = " without a time to live" if key == _WRITE and _WRITE not in ttls else ""
                self.leave(f"price of {_spoken(key)}{lasting}", row)
        if beyond:
            notes.append(f"prices above {beyond[0]:,} tokens are listed too, but the window ends at {context:,}")
            self.leave("tiers beyond the window", row)
        if row.deprecated:
            notes.append("the seller calls it deprecated")
        if row.comment:
            notes.append(row.comment)
        if until and current:
            notes.append(f"the package has other prices from {_next_day(until)} on")
        identity = self.identity(seller, row)
        known = self.known.get(identity)
        return Offer(
            id=identity + suffix,
            name=_one_line(row.name),
            seller=seller,
            lab=_one_line(row.provider_name) if known is None else known.lab,
            model=None if known is None else known.model,
            open_weights=None if known is None else known.open_weights,
            currency="USD",
            lines=tuple(_shift(line) for line in lines) if inclusive else lines,
            inclusive=inclusive,
            context=context,
            modes=modes,
            windows=windows,
            since=dated.since,
            until=until,
            notes=tuple(_one_line(text) for text in notes),
            origin=Origin(
                source=_one_line(f"{PACKAGE} {self.package.version}" + (f"; {row.url}" if row.url else "")),
                as_of=row.checked or self.as_of,
                grade=Grade.REPORTED,
            ),
        )

    def sheets(self, row: Row, *, history: bool) -> list[Offer]:
        """The sheet in force on the day, and with `history` those before and after it."""
        ends = [_day_before(after.since) for after in row.dated[1:]] + [""]
        in_force = max((i for i, dated in enumerate(row.dated) if dated.since <= self.day), default=None)
        if in_force is None:
            self.leave("models not sold yet", row)
        found = []
        for place, (dated, until) in enumerate(zip(row.dated, ends, strict=True)):
            if place != in_force and not history:
                continue
            suffix = "" if place == in_force else f"@{dated.since or 'to-' + until}"
            try:
                found.append(self.sheet(row, dated, until, suffix, current=place == in_force))
            except _Skip as reason:
                self.leave(str(reason), row)
        return found


def _spoken(key: str) -> str:
    names = {_CACHED: "cached reads", _WRITE: "cache writes"}
    text = key.removesuffix("_mtok").removesuffix("_kcount").removesuffix("_mchars").replace("_", " ")
    return names.get(key, text)


def _one_line(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return text if len(text) <= _NOTE_LENGTH else text[: _NOTE_LENGTH - 3].rstrip() + "..."


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _next_day(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def sheets_of(
    package: Package, *, day: str, as_of: str, known: Mapping[str, Offer], history: bool = False
) -> PackageSheets:
    """Every row as a sheet by the prices of `day`. Where two names meet in one id, the first keeps it."""
    mapper = _Mapper(package, day, as_of, known)
    offers: dict[str, Offer] = {}
    for row in package.rows:
        for offer in mapper.sheets(row, history=history):
            if offer.id in offers:
                mapper.leave("second model of the same id", row)
            else:
                offers[offer.id] = offer
    left = [Left(what, count, example) for what, (count, example) in mapper.counts.items()]
    left.sort(key=lambda entry: (-entry.count, entry.what))
    return PackageSheets(package.version, as_of, day, tuple(offers.values()), tuple(left))
