"""Launch commands as words: split as a shell would, never run. Flags with their values, by the names an engine knows.

words_of(text)              the commands of a text, each as its words
options_of(words, flags)    values by name, words that belong to no flag, and flags that nobody knows
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenroof.errors import InputError
from tokenroof.reading import json_at
from tokenroof.registry import nearest
from tokenroof.units import parse_count

__all__ = ["Options", "options_of", "product", "whole", "words_of"]

_LONGEST = 200_000
_BREAKS = frozenset({"&&", "||", "|", ";", "&", "(", ")", "{", "}", ">", ">>", "<", "<<"})


@dataclass(slots=True)
class Options:
    """`values` by the name that an engine's list gives them, `loose` words of no flag, flags that are `unknown`."""

    values: dict[str, Any] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def number(self, name: str) -> float | None:
        """A finite number that is not negative; a word that is none is told of as unknown."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return None
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{0,17})?|\.\d{1,17})([kmgKMG]?)", str(value).strip())
        if found is None:
            self._doubt(name, value)
            return None
        power = f"{found[2]}i" if found[2].isupper() else found[2].upper().replace("K", "k")
        return parse_count(found[1] + power)

    def count(self, name: str) -> int | None:
        """A whole number of at least 1."""
        number = self.number(name)
        if number is None:
            return None
        if number < 1 or number > 1e9:
            self._doubt(name, self.values[name])
            return None
        return int(number)

    def degree(self, name: str) -> int | None:
        """A degree of parallelism: 1 where it is not given, None where it cannot be read."""
        return self.count(name) if name in self.values else 1

    def share(self, name: str) -> float | None:
        """A number above 0 and at most 1."""
        number = self.number(name)
        if number is None:
            return None
        if not 0.0 < number <= 1.0:
            self._doubt(name, self.values[name])
            return None
        return number

    def text(self, name: str) -> str:
        """A word; blank where there is none."""
        value = self.values.get(name)
        return "" if value is None or isinstance(value, bool | dict) else str(value)[:200]

    def flag(self, name: str) -> bool | None:
        """Whether a switch is on; None where it is not given."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        return str(value).strip().lower() in ("1", "true", "yes", "on")

    def part(self, name: str) -> dict[str, Any]:
        """A value that is an object, in JSON or as dotted flags."""
        value = self.values.get(name)
        if isinstance(value, str):
            value = json_at(value.strip(), 0)[0]
            if not isinstance(value, dict):
                self._doubt(name, self.values[name])
        return value if isinstance(value, dict) else {}

    def _doubt(self, name: str, value: object) -> None:
        told = f"{name}={str(value)[:40]}"
        if told not in self.unknown:
            self.unknown.append(told)


def words_of(text: str) -> list[list[str]]:
    """The commands of a text: words between what joins commands, without redirections."""
    if len(text) > _LONGEST:
        raise InputError("server_cmd", text[:40], f"at most {_LONGEST:,} characters")
    lexer = shlex.shlex(text.replace("\\\r\n", " ").replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, "#"
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word in _BREAKS or not word.strip():
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError as error:
        raise InputError("server_cmd", text[:40], "a launch command", str(error).lower()) from None
    return [one for one in commands if one]


def product(*degrees: int | None) -> int | None:
    """The GPUs of so many ways; None where one of them is not known."""
    return None if None in degrees else math.prod(one or 1 for one in degrees)


def whole(value: Any) -> int | None:
    """A whole number of at least 1 in a JSON value; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 1e9:
        return None
    return int(value)


def _plain(name: str) -> str:
    return name.lstrip("-").replace("_", "-").lower()


def options_of(words: Sequence[str], flags: Mapping[str, str], switches: frozenset[str]) -> Options:
    """What the words of one command say. `flags` are names of flags, with the name that each is kept under.

    `switches` are those flags that take no value. Names are compared without regard to dashes or underscores.
    """
    found, place = Options(), 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("-") or re.fullmatch(r"-\d+(\.\d+)?", word) or word == "-":
            found.loose.append(word)
            continue
        written, equals, value = word.partition("=")
        name, dot, key = _plain(written).partition(".")
        off = name.startswith("no-") and name[3:] in flags
        name = name[3:] if off else name
        kept = flags.get(name)
        follows = place < len(words) and not re.match(r"-+[A-Za-z]", words[place])
        if name in switches or off:
            if follows and words[place].lower() in ("true", "false"):
                equals, value = "=", words[place]
                place += 1
            if kept:
                found.values[kept] = (not equals or value.lower() in ("1", "true", "yes")) != off
            continue
        if not equals and follows:
            value = words[place]
            place += 1
        if kept is None:
            near = nearest(_plain(written), flags, 1)
            found.unknown.append(f"{written} (nearest: --{near[0]})" if near else written)
        elif dot:
            part = found.values.setdefault(kept, {})
            if isinstance(part, dict):
                part[key.replace("-", "_")] = _typed(value)
        elif kept:
            found.values[kept] = value
    return found


def _typed(value: str) -> Any:
    found, end, reason = json_at(value, 0)
    return value if reason or end < len(value) else found
