"""What a page advises: fields in backquotes and questions as data. Each door writes them in its own way.

    next=("`full` for all", ask("plan", why=" for the best layout"), ask("analyze", "MODEL", system="8xh100"))

Python shows a question as a call and leaves `fields`, which are its keywords; the command line writes commands and
options, by `spelled`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

__all__ = ["Ask", "ask", "spelled"]

_FIELD = re.compile(r"`(\w+)`")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Ask:
    """Another question: a verb, what it is asked of, fields with values (True: a switch), and words that follow."""

    verb: str
    of: tuple[str, ...] = ()
    given: tuple[tuple[str, str | bool], ...] = ()
    why: str = ""

    def __str__(self) -> str:
        """As Python asks it; `full` is of its page."""
        of = [f'"{one}"' for one in self.of]
        given = [
            f"{name}={value if value is True else json.dumps(value)}" for name, value in self.given if name != "full"
        ]
        full = ".page(full=True)" if ("full", True) in self.given else ""
        return f"tokenroof.{self.verb.replace('-', '_')}({', '.join([*of, *given])}){full}{self.why}"


def ask(verb: str, *of: str, why: str = "", **given: str | bool) -> Ask:
    """A question to ask next."""
    return Ask(verb, of, tuple(given.items()), why)


def spelled(page: P, field: Callable[[str], str], command: Callable[[Ask], str]) -> P:
    """A page with each `field` and each question in it as a door writes them."""

    def said(value: Any) -> Any:
        if isinstance(value, str):
            return _FIELD.sub(lambda found: field(found[1]), value)
        if isinstance(value, Ask):
            return command(value)
        if isinstance(value, tuple | list):
            return tuple(map(said, value))
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{one.name: said(getattr(value, one.name)) for one in fields(value)})
        return value

    found: P = said(page)
    return found
