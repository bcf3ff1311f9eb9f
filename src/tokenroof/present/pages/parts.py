"""What pages of several verbs have in common: ranged rows, defaults, changes by their fields, names of limits."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from tokenroof.present.numbers import Unit, bound, count, gib, ranged
from tokenroof.present.page import Column, Kind, Lines, Table, words
from tokenroof.scenario.pool_log import PoolLog
from tokenroof.types.default import Default
from tokenroof.types.scenario import Scenario
from tokenroof.types.served import Ranged
from tokenroof.usecases.plan.answer import Candidate, FrontierPoint

__all__ = [
    "KINDS", "LIMITS", "MOST_NAMED", "changes", "counted", "defaults_of", "defaults_table", "formats_and_drafts",
    "in_part", "log_pairs", "quoted", "ranged_row", "roles",
]  # fmt: skip

_OPTION = re.compile(r"^([a-z_]+)( [^\s,]+)(?=$|,| \()")
_OPTIONS = {one.name for one in fields(Scenario)} | {"gpus"}

MOST_NAMED = 4
_ROLES = re.compile(r"^(\d+) x \((.+?)\) : (\d+) x \((.+?)\)")

LIMITS: Mapping[str, str] = {
    "memory": "memory-bound", "compute": "compute-bound", "network": "network-bound",
    "network latency": "network latency", "overhead": "launches",
}  # fmt: skip
KINDS: Mapping[str, Kind] = {
    "memory": "memory", "compute": "compute", "network": "network", "network latency": "network",
}  # fmt: skip


def roles(label: str) -> str:
    """A deployment in words: `2 x (pp4) : 2 x (tp2)` is `2 x pp4 prefill, 2 x tp2 decode`."""
    return _ROLES.sub(r"\1 x \2 prefill, \3 x \4 decode", label)


def formats_and_drafts(one: Candidate | FrontierPoint) -> str:
    """What tells deployments of one layout apart: `fp8/bf16, 2 drafts`."""
    drafts = f", {counted(one.drafts, 'draft')}" if one.drafts else ""
    return f"{one.weights}/{one.kv}{drafts}"


def counted(number: float, what: str) -> str:
    """A number of things: `1 request`, `1,200 requests`."""
    shown = f"{number:,.0f}"
    return f"{shown} {what}" if shown == "1" else f"{shown} {what}s"


def in_part(title: str, columns: Sequence[Column], rows: Sequence[tuple[str, ...]], option: str) -> list[Table]:
    """The first few rows; the rest on the full page, which is asked for by `option`."""
    if not rows:
        return []
    shown, rest = rows[:MOST_NAMED], rows[MOST_NAMED:]
    lines = (f"and {count(len(rest))} more: `{option}`",) if rest else ()
    found = [Table(title=title, columns=columns, rows=shown, lines=lines)]
    return [*found, Table(title=f"{title}: the others", columns=columns, rows=rest, full=True)] if rest else found


def ranged_row(label: str, number: Ranged | None, unit: Unit) -> list[tuple[str, ...]]:
    """The row of a predicted number: value, 80 % range, hardware bound; none where there is no such number."""
    return [] if number is None else [(label, *ranged(number, unit), bound(number, unit))]


def log_pairs(log: PoolLog) -> list[tuple[str, str]]:
    """The cache as an engine's log has it: GiB, and tokens as so many of the longest requests; or that it refuses."""
    if log.pool_bytes <= 0.0:
        return [("no memory for cache blocks:", f"{gib(-log.pool_bytes)} short, the engine does not start")]
    pairs = [("KV cache", gib(log.pool_bytes))]
    if math.isfinite(log.tokens):
        tokens = f"{count(math.floor(log.tokens))} tokens"
        pairs.append(("holds", f"{tokens}, as {log.requests:,.2f} requests of {count(log.length)}"))
    return pairs


def defaults_of(defaults: Iterable[Default]) -> tuple[str, ...]:
    """What was not given, in the shortest form, under the names of the options; of rents and measured acceptance where
    they are from.
    """
    given = tuple(defaults)
    plain = ", ".join(dict.fromkeys(f"{_option(one)} {one.value}" for one in given if not _sourced(one)))
    rents = [one for one in given if _rent(one)]
    priced = [f"{'price' if len(rents) == 1 else f'{one.field} {one.value}'}: {one.reason}" for one in rents]
    others = [f"{_option(one)} {one.value}: {one.reason}" for one in given if _sourced(one) and not _rent(one)]
    return tuple(text for text in (plain, *priced, *others) if text)


def defaults_table(defaults: Iterable[Default]) -> list[Table]:
    """The same with the reason of each, for the full page."""
    rows = [(_option(one), one.value, one.reason) for one in defaults]
    return [Table(title="Defaults and why", columns=(words(), words(), words()), rows=rows, full=True)] if rows else []


def _option(one: Default) -> str:
    return one.field.replace("_", "-")


def _rent(one: Default) -> bool:
    return one.field.startswith("price")


def _sourced(one: Default) -> bool:
    return _rent(one) or one.field == "acceptance"


def quoted(fix: str) -> str:
    """A change with its fields in backquotes, as doors read them: of `tpot 10ms, ttft 1s (tp8)` tpot and ttft."""
    found = _OPTION.match(fix)
    if found is None or found[1] not in _OPTIONS:
        return fix
    rest = fix[found.end() :]
    here = f"`{found[1]}`{found[2]}"
    return f"{here} {quoted(rest.removeprefix(', '))}" if rest.startswith(", ") else here + rest


def changes(title: str, fixes: Iterable[str]) -> Lines:
    """What would do, best first, to be copied."""
    return Lines(title=title, lines=[quoted(fix) for fix in fixes], open=True)
