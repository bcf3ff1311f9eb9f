"""The rows of the installed package genai-prices as plain data, after checking that they have the form we know.

The package brings its prices with it, so nothing is fetched unless the user asks. Its classes stay in here: everything
that leaves is a `Row` of ours. A form that differs (another class, a price that is no number) is one InputError that
names the row, since a price that is read wrongly is worse than none.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from tokenroof.errors import InputError, TokenroofError

__all__ = ["PACKAGE", "TESTED", "Daily", "Dated", "Ladder", "Package", "Row", "Variant", "read_package"]

PACKAGE = "genai-prices"
TESTED = "0.2.3"


@dataclass(frozen=True, slots=True)
class Ladder:
    """A price per million units and, in order, the input lengths above which another one holds."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def above(self, tokens: int) -> Decimal:
        """The price of an input just longer than `tokens`."""
        return next((price for start, price in reversed(self.tiers) if start <= tokens), self.base)


@dataclass(frozen=True, slots=True)
class Dated:
    """Prices from a day on; no day: from the start."""

    since: str
    prices: Mapping[str, Ladder]


@dataclass(frozen=True, slots=True)
class Daily:
    """Prices in some hours of every day, UTC; they take precedence over dated ones."""

    hours_utc: tuple[float, float]
    prices: Mapping[str, Ladder]


@dataclass(frozen=True, slots=True)
class Variant:
    """Prices that a request gets which asks for something, such as processing = batch."""

    when: Mapping[str, str]
    since: str
    daily: bool
    prices: Mapping[str, Ladder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model of one provider."""

    provider: str
    provider_name: str
    url: str
    model: str
    name: str
    context: int | None
    comment: str
    deprecated: bool
    checked: str
    dated: tuple[Dated, ...]
    daily: tuple[Daily, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """Everything the installed package says."""

    version: str
    rows: tuple[Row, ...]


class _Reader:
    """Walks the package's objects; every complaint says which row it is about."""

    def __init__(self, version: str) -> None:
        self.version, self.where = version, ""

    def refuse(self, what: str, value: object) -> NoReturn:
        raise InputError(
            f"{PACKAGE} {self.version}, {self.where or 'data'}: {what}",
            value,
            "in a form this version of tokenroof reads",
            f"install {PACKAGE}=={TESTED}",
        )

    def attribute(self, thing: Any, name: str, kinds: type | tuple[type, ...]) -> Any:
        value = getattr(thing, name, self)
        if value is self:
            self.refuse(name, type(thing).__name__)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is int):
            self.refuse(name, value)
        return value

    def text(self, thing: Any, name: str) -> str:
        return " ".join(str(self.attribute(thing, name, (str, type(None))) or "").split())

    def amount(self, key: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
            self.refuse(key, value)
        amount = value if isinstance(value, Decimal) else Decimal(str(value))
        if not amount.is_finite() or amount < 0:
            self.refuse(key, value)
        return amount

    def ladder(self, key: str, value: Any) -> Ladder:
        if type(value).__name__ != "TieredPrices":
            return Ladder(self.amount(key, value))
        tiers: list[tuple[int, Decimal]] = []
        for tier in self.attribute(value, "tiers", list):
            start = self.attribute(tier, "start", int)
            if start < 0 or (tiers and start <= tiers[-1][0]):
                self.refuse(f"{key} tier", start)
            tiers.append((start, self.amount(key, getattr(tier, "price", None))))
        return Ladder(self.amount(key, getattr(value, "base", None)), tuple(tiers))

    def prices(self, thing: Any) -> Mapping[str, Ladder]:
        if type(thing).__name__ != "ModelPrice":
            self.refuse("prices", type(thing).__name__)
        given = {key: value for key, value in vars(thing).items() if value is not None and not key.startswith("_")}
        return {key: self.ladder(key, value) for key, value in given.items()}

    def start_day(self, constraint: Any) -> str:
        return str(self.attribute(constraint, "start_date", date).isoformat())

    def hour(self, constraint: Any, name: str) -> float:
        moment: time = self.attribute(constraint, name, time)
        offset = moment.utcoffset() or timedelta()
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second - offset.total_seconds()
        return seconds / 3600 % 24

    def conditional(self, items: list[Any]) -> tuple[tuple[Dated, ...], tuple[Daily, ...]]:
        """Later entries win, so the order has to be what we take it for: by date, then by hour."""
        dated: list[Dated] = []
        daily: list[Daily] = []
        for item in items:
            constraint = getattr(item, "constraint", None)
            kind = type(constraint).__name__
            prices = self.prices(getattr(item, "prices", None))
            if kind == "TimeOfDateConstraint":
                begin, end = self.hour(constraint, "start_time"), self.hour(constraint, "end_time")
                daily.append(Daily((begin, end or 24.0), prices))
                continue
            if kind not in ("NoneType", "StartDateConstraint"):
                self.refuse("constraint", kind)
            since = "" if constraint is None else self.start_day(constraint)
            if daily or (dated and since <= dated[-1].since):
                self.refuse("order of dated prices", since)
            dated.append(Dated(since, prices))
        if not dated:
            self.refuse("prices", "none without hours")
        return tuple(dated), tuple(daily)

    def variant(self, item: Any) -> Variant:
        when = self.attribute(item, "when", dict)
        constraint = self.attribute(item, "constraint", object)
        kind = type(constraint).__name__
        if kind not in ("NoneType", "StartDateConstraint", "TimeOfDateConstraint"):
            self.refuse("variant", kind)
        since = self.start_day(constraint) if kind == "StartDateConstraint" else ""
        clean = {str(key): str(value) for key, value in when.items()}
        return Variant(clean, since, kind == "TimeOfDateConstraint", self.prices(item.prices))

    def row(self, provider: Any, model: Any) -> Row:
        self.where = f"{self.text(provider, 'id')}/{self.text(model, 'id')}"
        prices = getattr(model, "prices", None)
        dated, daily = self.conditional(prices) if isinstance(prices, list) else ((Dated("", self.prices(prices)),), ())
        context = self.attribute(model, "context_window", (int, type(None)))
        # the package's own sources have the day a page was last checked; its wheels leave it out so far
        checked = getattr(model, "prices_checked", None)
        urls = self.attribute(provider, "pricing_urls", (list, type(None))) or [""]
        return Row(
            provider=self.text(provider, "id"),
            provider_name=self.text(provider, "name"),
            url=str(urls[0]),
            model=self.text(model, "id"),
            name=self.text(model, "name") or self.text(model, "id"),
            context=context if context and context > 0 else None,
            comment=self.text(model, "price_comments"),
            deprecated=bool(self.attribute(model, "deprecated", (bool, type(None)))),
            checked=checked.isoformat() if isinstance(checked, date) else "",
            dated=dated,
            daily=daily,
            variants=tuple(self.variant(v) for v in self.attribute(model, "price_variants", (list, type(None))) or ()),
        )


def _fetched() -> Any:
    """The prices that the package's own updater fetches now; every failure is one InputError."""
    try:
        updater = importlib.import_module("genai_prices.update_prices").UpdatePrices()
        return updater.fetch()
    except Exception as error:  # its transport raises a dozen kinds, and so does a reply of another form
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError("online", PACKAGE, "prices that can be fetched", reason) from None


def read_package(*, online: bool = False) -> Package:
    """All rows of the installed package, or of what it fetches; one line of error where it is absent or differs."""
    try:
        package = importlib.import_module("genai_prices")
        data = importlib.import_module("genai_prices.data")
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "genai_prices" and error.name != "genai_prices":
            _Reader("(installed)").refuse("module", error.name)
        raise TokenroofError(f"prices of {PACKAGE} need that package: pip install 'tokenroof[prices]'") from None
    version = str(getattr(package, "__version__", "of unknown version"))
    reader = _Reader(f"{version}, fetched" if online else version)
    providers = reader.attribute(_fetched() if online else data, "providers", list)
    rows = []
    for provider in providers:
        reader.where = ""
        rows += [reader.row(provider, model) for model in reader.attribute(provider, "models", list)]
    if not rows:
        reader.refuse("providers", [])
    return Package(reader.version, tuple(rows))
