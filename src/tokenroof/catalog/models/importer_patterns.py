"""Module-name patterns of quantisation files: exact names, shell globs and the small regexes in use.

Patterns come from files that nobody vouches for. Regexes outside a grammar that cannot backtrack for long are left
out with a warning, their number is bounded by the number of layers, and names are looked up in sets.
"""

import re
from dataclasses import dataclass

from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError

__all__ = ["PatternReader", "Patterns"]

_MAX_PATTERNS = 200_000
_MAX_LENGTH = 200
_MAX_WILDCARDS = 3
_REGEXES_TIMES_LAYERS = 8_000
_PREFIX = re.compile(r"\^?(?:(?:model|language_model|backbone)\\?\.)+")
# literals, escaped characters, `.`, `.*`, digits with +, flat groups of alternatives, ^ and $
_SAFE = re.compile(r"\^?(?:\.\*|\\d\+|\[0-9\]\+|\\?[\w.\-/]|\((?:\?:)?[\w|.\-\\]*\))*\$?")


@dataclass(frozen=True, slots=True)
class Patterns:
    """A set of patterns over module names such as `layers.3.mlp.down_proj`, container prefixes dropped."""

    names: frozenset[str]
    prefixes: frozenset[str]
    regexes: tuple[re.Pattern[str], ...]

    def match(self, name: str) -> bool:
        """Whether a module, one that contains it, or what its name ends in is meant."""
        words = name.split(".")
        if any(".".join(words[:i]) in self.names for i in range(1, len(words) + 1)):
            return True
        # a bare word or two, such as `gate`, mean every module whose name ends so
        if any(".".join(words[i:]) in self.names for i in range(1, len(words))):
            return True
        if self.prefixes and any(name[:i] in self.prefixes for i in range(1, len(name) + 1)):
            return True
        return any(regex.match(name) for regex in self.regexes)

    def exact(self, name: str) -> bool:
        """Whether the module is named outright."""
        return name in self.names


class PatternReader:
    """Reads the patterns of one file within one budget of regexes."""

    __slots__ = ("_reader", "_regexes_left")

    def __init__(self, reader: ConfigReader, n_layers: int) -> None:
        self._reader = reader
        self._regexes_left = max(_REGEXES_TIMES_LAYERS // n_layers, 2)

    def read(self, texts: list[str], where: str) -> Patterns:
        """Sort patterns by kind; those that cannot be used are named in a warning."""
        if len(texts) > _MAX_PATTERNS:
            raise InputError(where, f"{len(texts)} entries", f"at most {_MAX_PATTERNS}")
        names: set[str] = set()
        prefixes: set[str] = set()
        regexes: list[re.Pattern[str]] = []
        for text in texts:
            if len(text) > _MAX_LENGTH:
                self._reader.warn(f"{where}: a pattern of {len(text)} characters is left out")
            elif text.startswith("re:") or "*" in text.rstrip("*") or "?" in text:
                compiled = _regex(text) if self._regexes_left > 0 else None
                if compiled is None:
                    self._reader.warn(f"{where}: pattern {text[:60]!r} is left out: not of a kind that is read")
                else:
                    self._regexes_left -= 1
                    regexes.append(compiled)
            else:
                name = _PREFIX.sub("", text, count=1)
                if name.endswith("*"):
                    prefixes.add(name.rstrip("*"))
                elif name:
                    names.add(name)
        return Patterns(frozenset(names), frozenset(prefixes - {""}), tuple(regexes))


def _regex(text: str) -> re.Pattern[str] | None:
    if text.startswith("re:"):
        body = text[3:]
        if not _SAFE.fullmatch(body):
            return None
        body = _PREFIX.sub("", body, count=1)
    else:
        plain = _PREFIX.sub("", text, count=1)
        body = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in plain) + "$"
    if body.count(".*") > _MAX_WILDCARDS:
        return None
    try:
        return re.compile(body)
    except (re.error, RecursionError, OverflowError):
        return None
