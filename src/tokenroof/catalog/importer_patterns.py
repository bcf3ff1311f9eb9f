"""Module-name patterns of quantisation files: exact names, shell globs and the small regexes in use.

Patterns come from files that nobody vouches for, so regexes outside a grammar that cannot backtrack for long
are refused with a warning, and the number of patterns is bounded.
"""

import re
from dataclasses import dataclass

from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError

__all__ = ["Patterns"]

_MAX_PATTERNS = 50_000
_MAX_LENGTH = 200
_MAX_REGEXES = 64
_MAX_WILDCARDS = 3
_PREFIX = re.compile(r"(?:model\.|language_model\.|backbone\.)+")
# literals, escaped characters, `.`, `.*`, digits with +, flat groups of alternatives, ^ and $
_SAFE = re.compile(r"\^?(?:\.\*|\\d\+|\[0-9\]\+|\\?[\w.\-/]|\((?:\?:)?[\w|.\-\\]*\))*\$?")


@dataclass(frozen=True, slots=True)
class Patterns:
    """A set of patterns over module names such as `layers.3.mlp.down_proj`, container prefixes dropped."""

    names: frozenset[str]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    regexes: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, r: ConfigReader, texts: list[str], where: str) -> "Patterns":
        """Sort patterns by kind; those that cannot be used are named in a warning."""
        if len(texts) > _MAX_PATTERNS:
            raise InputError(where, f"{len(texts)} entries", f"at most {_MAX_PATTERNS}")
        names: set[str] = set()
        prefixes: set[str] = set()
        suffixes: set[str] = set()
        regexes: list[re.Pattern[str]] = []
        for text in texts:
            if len(text) > _MAX_LENGTH:
                r.warn(f"{where}: a pattern of {len(text)} characters is left out")
            elif text.startswith("re:") or "*" in text.rstrip("*") or "?" in text:
                compiled = _regex(text)
                if compiled is None or len(regexes) >= _MAX_REGEXES:
                    r.warn(f"{where}: pattern {text[:60]!r} is left out: not of a kind that is read")
                else:
                    regexes.append(compiled)
            else:
                name = _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
                if name.endswith("*"):
                    prefixes.add(name.rstrip("*"))
                elif name:
                    names.add(name)
                    prefixes.add(name + ".")
                    suffixes.add("." + name)
        # only layer names, tables and bare words can match; everything else would be looked at in vain
        return cls(frozenset(names), tuple(p for p in prefixes if p), tuple(s for s in suffixes if "layers." not in s),
                   tuple(regexes))  # fmt: skip

    def match(self, name: str) -> bool:
        """Whether a module, or one that contains it, is meant."""
        return (
            name in self.names
            or name.startswith(self.prefixes)
            or name.endswith(self.suffixes)
            or any(regex.match(f"model.{name}") or regex.match(name) for regex in self.regexes)
        )

    def exact(self, name: str) -> bool:
        """Whether the module is named outright."""
        return name in self.names


def _regex(text: str) -> re.Pattern[str] | None:
    if text.startswith("re:"):
        body = text[3:]
        if not _SAFE.fullmatch(body):
            return None
    else:
        body = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text) + "$"
    if body.count(".*") > _MAX_WILDCARDS:
        return None
    try:
        return re.compile(body)
    except (re.error, RecursionError, OverflowError):
        return None
