"""Where a number comes from: its formulas, the values that went in, their sources, and what moves it.

A computation is run once with numbers that remember their parents (xp.TRACE). Reading that record gives a
tree of formulas down to the inputs, the worst grade among them, and by reverse accumulation the elasticity
of the result in every input: the change in per cent for one per cent more of the input.

    explain(step_time, {"batch": 64.0, "bytes_per_s": Fact(...)})     a function of keywords and `xp`
    explain_traced(numbers["step_s"], name="step_s")                   a number already traced
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenroof.errors import InputError
from tokenroof.provenance import Fact, Grade, worst_grade
from tokenroof.registry import REGISTRY
from tokenroof.units import dims_text, parse_unit
from tokenroof.xp import TRACE, Traced

__all__ = ["Explanation", "Leaf", "Node", "explain", "explain_traced", "gradients", "trace_leaves"]

_INFIX = {"+": " + ", "-": " - ", "*": " * ", "/": " / ", "^": " ^ "}
_NAMED = ("leaf", "formula")
_LONGEST = 200
_UNTAGGED = "given without a source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One input, in base units. `elasticity` is d ln(result) / d ln(input), 0 where it does not bind.

    None for what was counted or chosen and is held fixed: more GPUs are not more of the same deployment.
    """

    name: str
    value: float
    unit: str
    source: str
    as_of: str
    grade: Grade
    note: str
    elasticity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One computed number: a registered formula, or plain arithmetic between formulas (empty `formula`)."""

    formula: str
    equation: str
    summary: str
    reference: str
    value: float
    unit: str
    arguments: tuple[tuple[str, "Node | Leaf"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A result with its derivation. Values are in base units; `left_out` says what the result ignores."""

    name: str
    value: float
    unit: str
    root: Node | Leaf
    leaves: tuple[Leaf, ...]
    worst_grade: Grade
    movers: tuple[Leaf, ...]
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; a number without limit becomes None."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "unit": self.unit,
            "worst_grade": self.worst_grade.value,
            "movers": [leaf.name for leaf in self.movers],
            "left_out": list(self.left_out),
            "inputs": [_leaf_dict(leaf) for leaf in self.leaves],
            "tree": _tree_dict(self.root),
        }


def trace_leaves(facts: Mapping[str, Fact | float]) -> dict[str, Traced]:
    """Inputs as leaves of a trace. A bare number is allowed; it is graded `assumed`."""
    return {
        name: Traced.leaf(name, fact.value, fact) if isinstance(fact, Fact) else Traced.leaf(name, fact)
        for name, fact in facts.items()
    }


def explain(
    function: Callable[..., Any],
    facts: Mapping[str, Fact | float],
    *,
    name: str = "",
    unit: str = "",
    left_out: Iterable[str] = (),
    held: Iterable[str] = (),
) -> Explanation:
    """Run `function(**facts, xp=TRACE)` and explain what it returns; `held` names inputs that stay as they are.

    Raises InputError for a NaN input.
    """
    result = function(**trace_leaves(facts), xp=TRACE)
    label = name or getattr(function, "__name__", "")
    return explain_traced(Traced.of(result), name=label, unit=unit, left_out=left_out, held=held)


def explain_traced(
    result: Traced, *, name: str = "", unit: str = "", left_out: Iterable[str] = (), held: Iterable[str] = ()
) -> Explanation:
    """Explain a number that was computed with xp.TRACE from `trace_leaves`."""
    order = _topological(result)
    for node in order:
        if node.op == "leaf" and math.isnan(node.value):
            raise InputError(node.label, node.value, "a number")
    builder = _Builder(_leaf_units(order), _accumulate(order), result.value, frozenset(held))
    root = builder.build(result)
    leaves = tuple(builder.leaf(node) for node in order if node.op == "leaf")
    moving = sorted((one for one in leaves if one.elasticity), key=lambda one: (-abs(one.elasticity or 0.0), one.name))
    return Explanation(
        name=name or (root.formula if isinstance(root, Node) else root.name),
        value=result.value,
        unit=unit or root.unit,
        root=root,
        leaves=leaves,
        worst_grade=worst_grade(leaf.grade for leaf in leaves),
        movers=tuple(moving[:2]),
        left_out=tuple(left_out),
    )


def gradients(result: Traced) -> dict[str, float]:
    """Partial derivative of `result` in each leaf, by label."""
    order = _topological(result)
    slopes = _accumulate(order)
    return {node.label: slopes[id(node)] for node in order if node.op == "leaf"}


# ------------------------------------------------------------------ reading the trace


def _topological(result: Traced, whole: bool = True) -> list[Traced]:
    """Every node once, operands before what uses them; not below formulas unless `whole`.

    Iterative, since a solver's trace is deep.
    """
    order: list[Traced] = []
    seen: set[int] = set()
    stack: list[tuple[Traced, bool]] = [(result, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            if whole or node.op != "formula":
                stack.extend((parent, False) for parent, _ in reversed(node.parents))
    return order


def _accumulate(order: list[Traced]) -> dict[int, float]:
    """Derivative of the last node in every node. A branch that was not taken passes nothing on."""
    slopes = dict.fromkeys((id(node) for node in order), 0.0)
    slopes[id(order[-1])] = 1.0
    for node in reversed(order):
        slope = slopes[id(node)]
        if slope:
            for parent, partial in node.parents:
                if partial:
                    slopes[id(parent)] += slope * partial
    return slopes


def _leaf_units(order: list[Traced]) -> dict[int, str]:
    """Unit of each leaf: its Fact's, else that of the formula argument it was passed as."""
    units: dict[int, str] = {}
    for node in order:
        for argument, value in node.arguments.items():
            units.setdefault(id(value), dims_text(REGISTRY[node.formula].inputs[argument].dims))
    return units


def _elasticity(slope: float, value: float, result: float) -> float:
    found = slope * value / result if result else 0.0
    return found if math.isfinite(found) else 0.0


class _Builder:
    """Turns trace nodes into Leaf and Node, each once."""

    def __init__(self, units: dict[int, str], slopes: dict[int, float], result: float, held: frozenset[str]) -> None:
        self._units, self._slopes, self._result, self._held = units, slopes, result, held
        self._built: dict[int, Node | Leaf] = {}

    def leaf(self, node: Traced) -> Leaf:
        fact = node.fact
        return Leaf(
            name=node.label,
            value=node.value,
            unit=dims_text(parse_unit(fact.unit).dims) if fact else self._units.get(id(node), "1"),
            source=fact.source if fact else _UNTAGGED,
            as_of=fact.as_of if fact else "",
            grade=fact.grade if fact else Grade.ASSUMED,
            note=fact.note if fact else "",
            elasticity=None
            if node.label in self._held
            else _elasticity(self._slopes.get(id(node), 0.0), node.value, self._result),
        )

    def build(self, node: Traced) -> Node | Leaf:
        if id(node) not in self._built:
            self._built[id(node)] = self._new(node)
        return self._built[id(node)]

    def _new(self, node: Traced) -> Node | Leaf:
        if node.op == "leaf":
            return self.leaf(node)
        if node.op == "formula":
            meta = REGISTRY[node.formula]
            return Node(
                formula=node.formula,
                equation=meta.equation,
                summary=meta.summary,
                reference=meta.source,
                value=node.value,
                unit=dims_text(meta.result.dims),
                arguments=tuple((key, self.build(value)) for key, value in node.arguments.items()),
            )
        named: dict[str, Traced] = {}
        text = _infix(node, named)
        return Node(
            formula="",
            equation=text,
            summary="",
            reference="",
            value=node.value,
            unit=self._units.get(id(node), "1"),
            arguments=tuple((key, self.build(value)) for key, value in named.items()),
        )


def _infix(result: Traced, named: dict[str, Traced]) -> str:
    """Arithmetic between formulas as text, cut where it gets long; what it uses is collected in `named`."""
    texts: dict[int, str] = {}
    for node in _topological(result, whole=False):
        parts = [texts[id(parent)] for parent, _ in node.parents] if node.op not in _NAMED else []
        if node.op in _NAMED:
            text = node.label or node.formula
            while named.setdefault(text, node) is not node:
                text += "'"
        elif node.op == "const":
            text = f"{node.value:g}"
        elif node.op in _INFIX:
            text = f"({_INFIX[node.op].join(parts)})"
        else:
            text = f"{node.op}({', '.join(parts)})"
        texts[id(node)] = text if len(text) <= _LONGEST else "(...)"
    return texts[id(result)]


# ------------------------------------------------------------------ plain data


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _leaf_dict(leaf: Leaf) -> dict[str, Any]:
    return {
        "name": leaf.name,
        "value": _finite(leaf.value),
        "unit": leaf.unit,
        "source": leaf.source,
        "as_of": leaf.as_of,
        "grade": leaf.grade.value,
        "note": leaf.note,
        "elasticity": leaf.elasticity,
    }


def _tree_dict(node: Node | Leaf) -> dict[str, Any]:
    if isinstance(node, Leaf):
        return {"input": node.name, "value": _finite(node.value), "unit": node.unit}
    return {
        "formula": node.formula,
        "equation": node.equation,
        "summary": node.summary,
        "reference": node.reference,
        "value": _finite(node.value),
        "unit": node.unit,
        "arguments": {key: _tree_dict(value) for key, value in node.arguments},
    }
