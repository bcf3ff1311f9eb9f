"""Fragments that pages written by hand include: errors, units, quantities, number formats."""

import inspect
from typing import get_args

from tokenroof import errors, units
from tokenroof.types import quantities
from tokenroof.types.dtype import DTYPES
from tokenroof.units import Quantity, dims_text, parse_unit
from tokenroof_docs.markdown import Pages, cell, code, docstring_text, table

__all__ = ["pages"]


def _errors() -> str:
    sections = []
    for name in sorted(errors.__all__, key=lambda n: n != "TokenroofError"):
        cls = getattr(errors, name)
        attributes = [p for p in inspect.signature(cls.__init__).parameters if p not in ("self", "args", "kwargs")]
        bases = ", ".join(code(base.__name__) for base in cls.__bases__)
        carries = f" Carries {', '.join(code(a) for a in attributes)}." if attributes else ""
        sections.append(f"## {name}\n\n{docstring_text(inspect.getdoc(cls) or '')}\n\nA {bases}.{carries}")
    return "\n\n".join(sections) + "\n"


def _units() -> str:
    rows = []
    for name, (scale, _, prefixes) in units._NAMES.items():
        shown = " ".join(code(p) for p in prefixes.replace("+", "")) + (" and binary" if "+" in prefixes else "")
        rows.append([code(name), f"{scale:g} {cell(dims_text(parse_unit(name).dims))}", shown])
    return table(["unit", "is", "prefixes"], rows)


def _quantities() -> str:
    rows = []
    for name, value in vars(quantities).items():
        for extra in get_args(value)[1:]:
            if isinstance(extra, Quantity):
                rows.append([code(name), code(extra.unit), f"{extra.low:g} to {extra.high:g}"])
    return table(["quantity", "unit", "finite over"], sorted(rows))


def _formats() -> str:
    rows = [
        [code(d.name), f"{d.bytes_per_element:.6g}", code(d.rate_key), cell(d.note)]
        for d in sorted(DTYPES.values(), key=lambda d: -d.bytes_per_element)
    ]
    return table(["format", "B/element", "runs at", "note"], rows, right=(1,))


def pages() -> Pages:
    """tables/_*.md."""
    return {
        "tables/_errors.md": _errors(),
        "tables/_units.md": _units(),
        "tables/_quantities.md": _quantities(),
        "tables/_formats.md": _formats(),
    }
