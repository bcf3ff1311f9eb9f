"""Pages on the names that Python code imports, from signatures and docstrings."""

import dataclasses
import enum
import inspect
import re
from importlib import import_module
from typing import Any

import tokenroof
from tokenroof_docs.markdown import Pages, cell, code, docstring_text, page, table

__all__ = ["MODULES", "named", "pages"]

# page -> (title, modules whose public names it lists)
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "tokenroof": ("The package", ("tokenroof", "tokenroof.api.answers", "tokenroof.api.verbs")),
    "catalog": ("Catalogue", ("tokenroof.catalog",)),
    "operators": (
        "Operators",
        ("tokenroof.operators", "tokenroof.operators.explain", "tokenroof.operators.explain_text"),
    ),
    "usecases": (
        "Use cases",
        (
            "tokenroof.usecases.analyze.run",
            "tokenroof.usecases.analyze.answer",
            "tokenroof.usecases.analyze.explain",
            "tokenroof.usecases.analyze.closed_form",
            "tokenroof.usecases.analyze.request",
            "tokenroof.usecases.analyze.bound",
            "tokenroof.usecases.analyze.pool",
            "tokenroof.usecases.diff.run",
            "tokenroof.scenario.resolve",
            "tokenroof.scenario.deployment",
            "tokenroof.scenario.prefill_workers",
            "tokenroof.scenario.carried",
            "tokenroof.scenario.bounds",
            "tokenroof.scenario.costs",
            "tokenroof.scenario.ranges",
            "tokenroof.types.scenario",
            "tokenroof.types.served",
            "tokenroof.types.workload",
        ),
    ),
    "jobs": (
        "Other jobs",
        (
            "tokenroof.usecases.plan.run",
            "tokenroof.usecases.plan.request",
            "tokenroof.usecases.plan.answer",
            "tokenroof.usecases.money.price",
            "tokenroof.usecases.money.break_even",
            "tokenroof.usecases.money.speculate",
            "tokenroof.usecases.train.run",
            "tokenroof.usecases.sweep.run",
            "tokenroof.usecases.deduce.run",
            "tokenroof.usecases.measured.validate",
            "tokenroof.usecases.listing.kv",
            "tokenroof.usecases.listing.models",
            "tokenroof.usecases.listing.machines",
            "tokenroof.usecases.listing.offers",
            "tokenroof.usecases.lecture",
            "tokenroof.schema",
        ),
    ),
    "simulate": (
        "Requests, traces and prefix caches",
        (
            "tokenroof.simulate.requests",
            "tokenroof.simulate.arrivals",
            "tokenroof.simulate.traces",
            "tokenroof.simulate.prefix_cache",
            "tokenroof.usecases.trace.answer",
            "tokenroof.simulate.run",
            "tokenroof.simulate.rules",
            "tokenroof.usecases.simulate.request",
            "tokenroof.usecases.simulate.answer",
        ),
    ),
    "types": (
        "Types",
        (
            "tokenroof.types.machine",
            "tokenroof.types.model",
            "tokenroof.types.layout",
            "tokenroof.types.program",
            "tokenroof.types.efficiency",
            "tokenroof.types.dtype",
        ),
    ),
    "ground": (
        "Units, provenance, registry, evaluators",
        ("tokenroof.units", "tokenroof.provenance", "tokenroof.registry", "tokenroof.xp"),
    ),
}


def named(module: str) -> dict[str, Any]:
    """The public names of a module, in the order of its `__all__`."""
    found = import_module(module)
    names = getattr(found, "__all__", None)
    if names is None:
        names = [n for n, v in vars(found).items() if not n.startswith("_") and getattr(v, "__module__", "") == module]
    return {name: getattr(found, name) for name in names}


def _type(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:tokenroof|collections|typing)(?:\.\w+)*\.(?=\w)", "", text)


def _signature(name: str, value: Any) -> str:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    given = []
    marked = False
    for parameter in signature.parameters.values():
        star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not marked:
            given.append("*")
            marked = True
        text = star + parameter.name
        if parameter.annotation is not inspect.Parameter.empty:
            text += f": {_type(parameter.annotation)}"
        if parameter.default is not inspect.Parameter.empty:
            shown = repr(parameter.default)
            text += f" = {shown if len(shown) <= 40 and ' at 0x' not in shown else '...'}"
        given.append(text)
    back = signature.return_annotation
    arrow = "" if back is inspect.Signature.empty else f" -> {_type(back)}"
    flat = f"{name}({', '.join(given)}){arrow}"
    lines = ",\n    ".join(given)
    return flat if len(flat) <= 100 else f"{name}(\n    {lines},\n){arrow}"


def _fields(cls: type) -> str:
    rows = []
    for field in dataclasses.fields(cls):
        default = "" if field.default is dataclasses.MISSING else code(repr(field.default))
        if field.default_factory is not dataclasses.MISSING:
            default = "empty"
        if len(default) > 60:
            default = ""
        rows.append([code(field.name), code(_type(field.type)).replace("|", "\\|"), default])
    return table(["field", "type", "default"], rows)


def _members(cls: type) -> str:
    rows = []
    for name, value in vars(cls).items():
        what = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if name.startswith("_") or not inspect.isfunction(what):
            continue
        shown = name if isinstance(value, property) else f"{name}()"
        doc = (inspect.getdoc(what) or "").partition("\n")[0]
        rows.append([code(shown), cell(doc)])
    return table(["member", "is"], rows) if rows else ""


def _entry(name: str, value: Any) -> str:
    parts = [f"### {name}"]
    if inspect.isclass(value):
        parts.append(docstring_text(inspect.getdoc(value) or ""))
        if issubclass(value, enum.Enum):
            parts.append(table(["member", "text"], [[code(m.name), code(m.value)] for m in value]))
        elif dataclasses.is_dataclass(value):
            parts.append(_fields(value))
        parts.append(_members(value) if not issubclass(value, enum.Enum) else "")
    elif callable(value):
        parts += [f"```python-signature\n{_signature(name, value)}\n```", docstring_text(inspect.getdoc(value) or "")]
    elif isinstance(value, dict):
        keys = ", ".join(code(key) for key in list(value)[:60])
        parts.append(f"A mapping. Keys: {keys}" if keys else "A mapping.")
    elif isinstance(value, str | int | float | tuple):
        parts.append(f"Value: {code(repr(value))}")
    else:
        parts.append(cell(f"One {type(value).__name__}; see the text above."))
    return "\n\n".join(part for part in parts if part).replace("```python-signature", "```python")


def _module(name: str) -> str:
    found = import_module(name)
    names = {n: v for n, v in named(name).items() if n != "__version__"}
    return "\n\n".join(
        [f"## {name}", docstring_text(inspect.getdoc(found) or ""), *(_entry(n, v) for n, v in names.items())]
    )


def pages() -> Pages:
    """python/<page>.md."""
    out: Pages = {}
    for name, (title, modules) in MODULES.items():
        lead = f"Version {tokenroof.__version__}." if name == "tokenroof" else ""
        out[f"python/{name}.md"] = page(title, lead, *(_module(module) for module in modules))
    return out
