"""The operators that lowering writes down, read off the programs of the whole catalogue."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tokenroof import mixers
from tokenroof.catalog import load_model, model_ids
from tokenroof.mixers import rows
from tokenroof.types.layout import Layout
from tokenroof.types.program import Form, Operator, Variable
from tokenroof_docs.markdown import Pages, cell, code, table

__all__ = ["pages"]

# Between them they need every row: one GPU, and every degree above one.
_LAYOUTS = (Layout(), Layout(tp=2, pp=2), Layout(dp=2, cp=2, tp=2))
_WORDS = {
    "one": "", "decode": "", "prefill": "", "tokens": "tokens", "stage_tokens": "tokens of the stage",
    "logits": "positions with logits", "decode_tokens": "decode tokens", "decode_sequences": "decode sequences",
    "prefill_tokens": "prefill tokens", "prefill_sequences": "prefill sequences", "touched": "experts touched",
    "pairs": "pairs", "reads": "cached tokens read",
}  # fmt: skip
_COUNTS = (
    ("flops", "FLOP"), ("weights", "B of weights"), ("kv_read", "B of cache read"),
    ("kv_write", "B of cache written"), ("activations", "B of activations"),
)  # fmt: skip
lowering = import_module("tokenroof.operators.lower")  # the package exports a function of that name
_KINDS = Path(mixers.__file__).parent
_FILES = (str(lowering.__file__), *(str(path) for path in _KINDS.glob("*.py") if path.name != "rows.py"))

_DOORS = ("lower",)


@dataclass(frozen=True)
class _Seen:
    """A row where it was first met: the variables by position, the model, the function that wrote it."""

    row: Operator
    variables: tuple[Variable, ...]
    model: str
    written_by: str


class _Watched(rows.Rows):
    """Rows that remember which function of which file added each."""

    def __init__(self, *arguments: object, **more: object) -> None:
        super().__init__(*arguments, **more)  # type: ignore[arg-type]
        self.origins: list[str] = []

    def add(self, *arguments: object, **more: object) -> None:
        """Append one row, and the functions of the lowering that asked for it."""
        super().add(*arguments, **more)  # type: ignore[arg-type]
        frame, asked = sys._getframe(1), []
        while frame.f_back is not None:
            if frame.f_code.co_filename in _FILES and frame.f_code.co_name not in _DOORS:
                asked.append((_place(frame.f_code.co_filename), frame.f_code.co_name))
            frame = frame.f_back
        self.origins.append(f"{asked[0][0]}: {', '.join(name for _, name in reversed(asked))}")


def _place(file: str) -> str:
    """The folder and name of a file of the package."""
    return "/".join(Path(file).parts[-2:])


def _lowered(model_id: str, layout: Layout) -> Iterable[_Seen]:
    """Lowering as it is, on rows that are watched."""
    watched: list[_Watched] = []

    def rows_of(*arguments: object, **more: object) -> _Watched:
        watched.append(_Watched(*arguments, **more))
        return watched[-1]

    plain = lowering.Rows
    lowering.Rows = rows_of  # type: ignore[attr-defined]
    try:
        program = lowering.lower(load_model(model_id), layout)
    finally:
        lowering.Rows = plain  # type: ignore[attr-defined]
    for row, origin in zip(program.operators, watched[0].origins, strict=True):
        yield _Seen(row, program.variables, model_id, origin)


def _factor(seen: _Seen, name: str, coefficient: float) -> str:
    """A coefficient as the shape's letters where it is made of them alone, else as the number of the example."""
    shape = seen.row.shape
    if shape is not None and name == "flops" and coefficient == 2.0 * shape.n * shape.k:
        return "2 n k"
    return f"{coefficient:.6g}"


def _form(seen: _Seen, name: str, form: Form) -> str:
    """`coefficient x variable`, added up."""
    parts = []
    for position, coefficient in form:
        if not coefficient:
            continue
        variable = seen.variables[position]
        word = _WORDS[variable.kind]
        if variable.kind in ("pairs", "reads") and variable.rule.kind not in ("full", "none"):
            word += f" ({variable.rule.kind})"
        factor = _factor(seen, name, coefficient)
        parts.append(f"{factor} × {word}" if word else factor)
    return " + ".join(parts)


def _row(seen: _Seen) -> list[str]:
    row = seen.row
    counts = [(unit, _form(seen, name, getattr(row, name))) for name, unit in _COUNTS]
    if row.comm is not None:
        counts.append((f"B in each {row.comm.kind.replace('_', '-')}", _form(seen, "comm", row.comm.bytes)))
    shape = "" if row.shape is None else f"n = {row.shape.n:g}, k = {row.shape.k:g}; "
    told = shape + "; ".join(f"{text} {unit}" for unit, text in counts if text)
    return [cell(row.name), code(row.kind), cell(told), code(seen.model), code(seen.written_by)]


def _first_met() -> list[_Seen]:
    """Every row by name and kind; DeepSeek-V3 is the example where it has the row, else the first model that does."""
    found: dict[tuple[str, str], _Seen] = {}
    for model_id in ("deepseek-v3", *sorted(model_ids())):
        for layout in _LAYOUTS:
            for seen in _lowered(model_id, layout):
                found.setdefault((seen.row.name, seen.row.kind), seen)
    return sorted(found.values(), key=lambda seen: (seen.row.kind, seen.row.name))


def pages() -> Pages:
    """tables/_operators.md."""
    head = ["operator", "kind", "counts of one run on one GPU", "as in", "written by"]
    return {"tables/_operators.md": table(head, [_row(seen) for seen in _first_met()])}
