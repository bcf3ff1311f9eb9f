"""Two-batch overlap: a pass is cut in two, and one half's work hides what the other half's experts exchange.

    step = max(work of both halves, dispatch and combine of both halves) + host                              [s]

Either half runs every kernel and reads all weights that its tokens need, so that work is dearer by a launch of each
kernel and by the weights once more; its tokens, its cache and its traffic are half of the pass's. It pays where
arithmetic binds and traffic is long: in large batches over many ranks. The first half's first exchange waits for work,
and the last one's for nobody: with L layers a share of about 1 / 2L more than this.

Source: DeepSeek-V3 report (arXiv 2412.19437, section 3.4: two micro-batches, prefill and decode); profile-data of
2025-02-27; SGLang --enable-two-batch-overlap (LMSYS, 2025-05-05), vLLM --enable-dbo (vLLM blog, 2025-12-17).

As every count is linear in what the load gives, the two halves are the same operators twice with half the coefficients.
"""

from dataclasses import replace
from typing import Any

from tokenroof.mixers.rows import DECODE, LOGITS, ONE, PREFILL
from tokenroof.types.program import Comm, Form, Num, Operator, Program, Variable
from tokenroof.xp import NUMPY, SCALAR

__all__ = ["in_halves", "splits"]

_WHOLE = (ONE, DECODE, PREFILL)  # what a half has whole: weights, floors
_ONCE = ("embedding", "sampling")  # before the cut, and after the halves are one again


def _exchange(program: Program) -> Operator | None:
    """What brings tokens to the ranks of their experts, if anything does."""
    return next((row for row in program.operators if row.comm is not None and row.comm.routes is not None), None)


def splits(program: Program) -> bool:
    """Whether passes are cut in two: asked for, and there is traffic to hide."""
    return program.layout.two_batch_overlap and _exchange(program) is not None


def in_halves(program: Program) -> Program:
    """The operators of both halves as rows of the whole pass; the program itself where passes are not cut.

    Done twice it is the same as done once with the operators of the second time: variables that were added stay.
    """
    row = _exchange(program)
    if not program.layout.two_batch_overlap or row is None or row.comm is None:
        return program
    xp = NUMPY if program.vectorised else SCALAR
    halves = xp.where((row.comm.group > 1) & (row.count > 0), 2.0, 1.0)
    variables = list(program.variables)
    moved: dict[int, int] = {}
    for at, variable in enumerate(program.variables):
        if variable.kind == "touched" and variable.half_of is None:
            half = replace(variable, chance=1.0 - xp.power(1.0 - variable.chance, 1.0 / halves), half_of=at)
            moved[at] = _place(half, variables)
    rows = tuple(_both(one, halves, moved) for one in program.operators)
    return replace(program, operators=rows, variables=tuple(variables))


def _place(half: Variable, variables: list[Variable]) -> int:
    """Where the experts stand that half of the tokens meet; added if they are new."""
    for at, one in enumerate(variables):
        if one.half_of == half.half_of:
            return at
    variables.append(half)
    return len(variables) - 1


def _both(row: Operator, halves: Num, moved: dict[int, int]) -> Operator:
    forms = {name: getattr(row, name) for name in ("flops", "weights", "kv_read", "kv_write", "activations")}
    comm = row.comm
    driven = {at for form in (*forms.values(), () if comm is None else comm.bytes) for at, _ in form}
    if row.kind in _ONCE or LOGITS in driven or (comm is not None and comm.kind == "hop"):
        return row

    def half(form: Form) -> Form:
        return tuple((moved.get(at, at), k if at in _WHOLE or at in moved else k / halves) for at, k in form)

    cut: dict[str, Any] = {name: half(form) for name, form in forms.items()}
    if comm is not None:
        cut["comm"] = Comm(comm.kind, comm.group, comm.stride, half(comm.bytes), comm.routes)
    return replace(row, count=row.count * halves, **cut)
