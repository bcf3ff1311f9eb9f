"""One page for each family of formulas, from the registry."""

import inspect
import re
import sys
from itertools import groupby

import tokenroof.formulas.lecture  # noqa: F401  registers every family
from tokenroof.registry import REGISTRY, Formula
from tokenroof_docs.markdown import Pages, cell, code, docstring_text, page, table
from tokenroof_docs.typeset import latex

__all__ = ["pages"]


def _direction(formula: Formula, name: str) -> str:
    return "rises" if name in formula.increasing else "falls" if name in formula.decreasing else "either way"


def _equation(text: str) -> str:
    typeset = latex(text)
    if typeset is None:
        return f"```text\n{text}\n```"
    tex, words = typeset
    return f"$$\n{tex}\n$$" + (f"\n\n({cell(words)})" if words else "")


def _rest(formula: Formula) -> str:
    """What the docstring says beyond summary, formula and source."""
    blocks = re.split(r"\n\s*\n", inspect.getdoc(formula.function) or "")[1:]
    kept = [b for b in blocks if not re.match(r"\s*(Formula|Source):", b)]
    return docstring_text("\n\n".join(kept)) if kept else ""


def _section(formula: Formula) -> str:
    rows = [
        [code(name), code(q.unit), f"{q.low:g} to {q.high:g}", _direction(formula, name)]
        for name, q in formula.inputs.items()
    ]
    return "\n\n".join(
        part
        for part in (
            f"## {formula.name}",
            cell(formula.summary),
            _equation(formula.equation),
            table(["input", "unit", "finite over", "the result"], rows),
            f"Result in `{formula.result.unit}`. Source: {cell(formula.source)}",
            _rest(formula),
        )
        if part
    )


def _family_page(family: str, formulas: list[Formula]) -> str:
    name = f"tokenroof.formulas.{family.replace('/', '.')}"
    module = sys.modules[name]
    doc = inspect.getdoc(module) or ""
    lead, _, rest = doc.partition("\n")
    title = family.rpartition("/")[2].replace("_", " ").capitalize().replace("Kv", "KV").replace("Moe", "MoE")
    return page(
        title,
        f"`{name}`: {cell(lead)}",
        docstring_text(rest),
        *(_section(formula) for formula in formulas),
    )


def pages() -> Pages:
    """formulas/<family>.md, formulas/lecture/<family>.md and a table of all of them."""
    ordered = sorted(REGISTRY.values(), key=lambda f: f.family)
    families = {family: list(group) for family, group in groupby(ordered, key=lambda f: f.family)}
    running = [formula for formula in ordered if not formula.family.startswith("lecture/")]
    listing = [[f"[{code(f.name)}]({f.family}.md#{f.name})", cell(f.summary), code(f.result.unit)] for f in ordered]
    out = {f"formulas/{family}.md": _family_page(family, found) for family, found in families.items()}
    out["formulas/all.md"] = page(
        "All formulas, by name",
        f"{len(ordered)} formulas: {len(running)} that run, {len(ordered) - len(running)} that only the "
        "lecture's claims, these pages and tests use.",
        table(["formula", "computes", "in"], sorted(listing)),
    )
    return out
