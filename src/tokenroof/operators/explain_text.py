"""An Explanation as plain text lines: no colours, no terminal, the same for command line, log and test."""

import math
from dataclasses import replace

from tokenroof.operators.explain import Explanation, Leaf, Node
from tokenroof.types.explanation import Explanation as Terms
from tokenroof.types.explanation import Input
from tokenroof.units import format_si

__all__ = ["explanation_text", "quantity_text", "terms_text"]

_SHORT = 80  # characters of a note that stands beside its number
_SMALL = 0.005  # of the sum: terms that a page adds up
_PREFIXED = ("s", "B", "FLOP", "MAC", "token", "param", "J", "W")


def quantity_text(value: float, unit: str) -> str:
    """A value in base units the way people read it: 1.2e-3, 's' -> '1.2 ms'; money per million tokens."""
    if not math.isfinite(value):
        return "unlimited" if value > 0 else "-unlimited"
    if unit in ("USD/token", "USD/token/s"):
        return f"{value * 1e6:,.4g} {unit.replace('token', 'Mtoken')}"
    if unit == "1":
        return f"{value:,.4g}"
    unit = unit.replace("J/s", "W")
    first = unit.partition("/")[0].partition("*")[0]
    long_time = unit == "s" and abs(value) >= 1000
    counted = first in ("token", "param") and abs(value) < 1e6
    if first in _PREFIXED and not long_time and not counted:
        return format_si(value, unit, 4)
    return f"{value:,.0f} {unit}" if 1000 <= abs(value) < 1e7 else f"{value:,.4g} {unit}"


def _lines(name: str, node: Node | Leaf, depth: int, told: set[int]) -> list[str]:
    pad = "  " * depth
    head = f"{pad}{name} = {quantity_text(node.value, node.unit)}"
    if isinstance(node, Leaf):
        note = f", {node.note}" if 0 < len(node.note) <= _SHORT else ""
        return [f"{head}{note}  [{node.grade.value}]" if node.name == name else f"{head}  [input {node.name}]"]
    if not node.formula:
        lines = [f"{head}  = {node.equation}"]
    else:
        lines = [head if node.formula == name else f"{head}  by {node.formula}"]
        if id(node) in told:
            return lines
        told.add(id(node))
        lines += [f"{pad}    {node.equation}", f"{pad}    {node.reference}"]
    for key, value in node.arguments:
        lines += _lines(key, value, depth + 1, told)
    return lines


def _leaf_line(leaf: Leaf, width: int) -> str:
    moves = "fixed" if leaf.elasticity is None else f"{leaf.elasticity:+.2f}" if leaf.elasticity else "0"
    origin = f"{leaf.source}, {leaf.as_of}" if leaf.as_of else leaf.source
    note = f" ({leaf.note})" if leaf.note else ""
    value = quantity_text(leaf.value, leaf.unit)
    return f"  {leaf.name:<{width}}  {value:<20}  {moves:>6}  {leaf.grade.value:<8}  {origin}{note}"


def explanation_text(explanation: Explanation) -> str:
    """The derivation tree, the inputs with source and elasticity, and what moves the result most."""
    root = explanation.root
    if isinstance(root, Node) and not root.formula:  # plain arithmetic does not know what its result is called
        root = replace(root, unit=explanation.unit)
    lines = _lines(explanation.name, root, 0, set())
    if explanation.leaves:
        width = max(len(leaf.name) for leaf in explanation.leaves)
        heading = f"  {'input':<{width}}  {'value':<20}  {'% per %':>6}  {'grade':<8}  source"
        lines += ["", heading]
        lines += [_leaf_line(leaf, width) for leaf in explanation.leaves]
    lines += ["", f"worst grade: {explanation.worst_grade.value}"]
    if explanation.movers:
        most = ", ".join(f"{leaf.name} ({leaf.elasticity:+.2f} % per %)" for leaf in explanation.movers)
        lines.append(f"moves it most: {most}")
    if explanation.left_out:
        lines.append(f"left out: {'; '.join(explanation.left_out)}")
    return "\n".join(lines)


def _input_line(given: Input, width: int) -> str:
    moves = "fixed" if given.elasticity is None else f"{given.elasticity:+.2f}" if given.elasticity else "0"
    origin = f"{given.source}, {given.as_of}" if given.as_of else given.source
    note = f" ({given.note})" if given.note else ""
    value = "varies" if given.value is None else quantity_text(given.value, given.unit)
    return f"  {given.name:<{width}}  {value:<20}  {moves:>6}  {given.grade.value:<8}  {origin}{note}"


def terms_text(found: Terms) -> str:
    """A number that is made of operators: formula, terms by size, inputs with source and elasticity, what moves it."""
    lines = [f"{found.number} = {quantity_text(found.value, found.unit)}", f"  = {found.formula}", ""]
    ordered = sorted(found.terms, key=lambda one: -one.value)
    small = [term for term in ordered if term.share < _SMALL]
    for term in ordered[: len(ordered) - len(small)]:
        bound = f"  {term.bound}" if term.bound else ""
        lines.append(f"  {term.name}: {quantity_text(term.value, term.unit)}, {term.share:.1%}{bound}; {term.text}")
    if small:
        lines.append(f"  and {len(small)} of less than {_SMALL:.1%} each: {sum(term.share for term in small):.1%}")
    width = max((len(one.name) for one in found.inputs), default=5)
    lines += ["", f"  {'input':<{width}}  {'value':<20}  {'% per %':>6}  {'grade':<8}  source"]
    lines += [_input_line(one, width) for one in found.inputs]
    most = ", ".join(f"{one.name} ({one.elasticity or 0.0:+.2f} % per %)" for one in found.movers)
    lines += ["", f"worst grade: {found.grade.value}"]
    lines += [f"moves it most: {most}"] if most else []
    lines += [f"left out: {'; '.join(found.left_out)}"] if found.left_out else []
    return "\n".join([*lines, *found.notes])
