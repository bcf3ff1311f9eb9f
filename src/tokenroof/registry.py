"""The formula registry: what each formula computes, in which unit, after whom.

`@formula` reads the facts from the function itself: units and valid ranges from its annotations,
formula and source from its docstring. A formula without them cannot be registered.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from tokenroof.errors import UnknownName
from tokenroof.units import Quantity
from tokenroof.xp import SCALAR, TRACE

__all__ = ["REGISTRY", "Formula", "formula", "get_formula", "nearest"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """Metadata of one registered formula."""

    name: str
    function: Callable[..., Any]
    family: str
    summary: str
    equation: str
    source: str
    result: Quantity
    inputs: Mapping[str, Quantity]
    increasing: tuple[str, ...]
    decreasing: tuple[str, ...]


REGISTRY: dict[str, Formula] = {}


def _quantity(annotation: Any, where: str) -> Quantity:
    for extra in get_args(annotation)[1:]:
        if isinstance(extra, Quantity):
            return extra
    raise TypeError(f"{where} needs an Annotated type that carries a Quantity")


def _field(doc: str, name: str, where: str) -> str:
    match = re.search(rf"^\s*{name}:\s*(.+(?:\n(?!\s*\w+:|\s*\n).+)*)", doc, re.MULTILINE)
    if not match:
        raise TypeError(f"the docstring of {where} needs a line '{name}: ...'")
    return " ".join(match[1].split())


def _family(module: str) -> str:
    """Where a formula lives: 'moe', or 'lecture/moe' for what only the lecture's claims use."""
    package, _, name = module.rpartition(".")
    return f"lecture/{name}" if package.endswith(".formulas.lecture") else name


def formula(*, increasing: tuple[str, ...] = (), decreasing: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Register a pure formula: keyword-only quantities and a last argument `xp`.

    `increasing` and `decreasing` name the inputs in which the result never goes the other way;
    the contract suite holds every formula to it.
    """

    def register(function: F) -> F:
        name = function.__name__
        hints = get_type_hints(function, include_extras=True)
        names = [parameter for parameter in inspect.signature(function).parameters if parameter != "xp"]
        doc = inspect.getdoc(function) or ""

        @functools.wraps(function)
        def wrapper(*, xp: Any = SCALAR, **arguments: Any) -> Any:
            result = function(xp=xp, **arguments)
            return TRACE.formula_result(name, arguments, result) if xp is TRACE else result

        if name in REGISTRY:
            raise TypeError(f"formula {name} is registered twice")
        unknown = {*increasing, *decreasing} - set(names) | set(increasing) & set(decreasing)
        if unknown:
            raise TypeError(f"{name} declares directions it cannot have: {', '.join(sorted(unknown))}")
        REGISTRY[name] = Formula(
            name=name,
            function=wrapper,
            family=_family(function.__module__),
            summary=doc.partition("\n")[0],
            equation=_field(doc, "Formula", name),
            source=_field(doc, "Source", name),
            result=_quantity(hints.get("return"), f"the result of {name}"),
            inputs={n: _quantity(hints.get(n), f"{name}({n})") for n in names},
            increasing=increasing,
            decreasing=decreasing,
        )
        return wrapper  # type: ignore[return-value]

    return register


# Of difflib's ratio: below it what is offered looks like a joke ("dbrx" for "x"). Of two letters one may differ.
_LIKE, _LIKE_SHORT = 0.6, 0.5


def nearest(name: str, known: Any, n: int = 3) -> tuple[str, ...]:
    """The `n` names of `known` nearest to `name`, nearest first; none where nothing is like it."""
    import difflib

    by_key = {str(k).lower(): str(k) for k in known}
    close = (
        difflib.get_close_matches(name.lower(), by_key, n=n, cutoff=_LIKE if len(name) > 2 else _LIKE_SHORT)
        if name.strip()
        else []
    )
    return tuple(by_key[k] for k in close)


def get_formula(name: str) -> Formula:
    """Look a formula up by name; UnknownName with the nearest three where there is none."""
    import tokenroof.formulas.lecture  # noqa: F401  registers every family

    if name not in REGISTRY:
        raise UnknownName("formula", name, nearest(name, REGISTRY))
    return REGISTRY[name]
