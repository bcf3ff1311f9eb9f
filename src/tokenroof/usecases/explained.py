"""Every number that can be taken apart: by verb, which numbers there are and what explains one.

The command line, Python and the page ask here, so they say the same.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tokenroof.errors import UnknownName
from tokenroof.registry import nearest
from tokenroof.types.served import Infeasible

__all__ = ["EXPLAINED", "explain_answer", "numbers_of"]

# verb -> module of its explanations, names of the numbers in it, function that explains one of an answer
EXPLAINED: Mapping[str, tuple[str, str, str]] = {
    "analyze": ("analyze.explain", "EXPLAINABLE", "explain_number"),
    "break-even": ("money.explain_break_even", "BREAK_EVEN_KEYS", "explain_break_even"),
    "deduce": ("deduce.explain", "DEDUCE_KEYS", "explain_deduce"),
    "plan": ("money.explain_plan", "PLAN_KEYS", "explain_plan"),
    "price": ("money.explain", "PRICE_KEYS", "explain_price"),
    "speculate": ("money.explain_drafts", "SPECULATE_KEYS", "explain_speculate"),
    "train": ("train.explain", "TRAIN_KEYS", "explain_train"),
}


def _part(verb: str, name: str) -> Any:
    if verb not in EXPLAINED:
        known = f"numbers of {', '.join(EXPLAINED)}"
        raise UnknownName("verb", verb, nearest(verb[:80], EXPLAINED), known)
    return getattr(import_module(f"tokenroof.usecases.{EXPLAINED[verb][0]}"), name)


def numbers_of(verb: str) -> tuple[str, ...]:
    """The numbers of a verb that can be explained. UnknownName where it has none."""
    return tuple(_part(verb, EXPLAINED.get(verb, ("", "", ""))[1]))


def explain_answer(verb: str, answer: Any, number: str) -> Any:
    """One number of an answer: formula, values, inputs with sources, what moves it. UnknownName names the nearest."""
    known = numbers_of(verb)
    if number not in known:
        raise UnknownName("number", number[:80], nearest(number[:80], known), f"known: {', '.join(known)}")
    if isinstance(answer, Infeasible):
        raise UnknownName("number", number, (), answer.reason)
    explain: Callable[[Any, str], Any] = _part(verb, EXPLAINED[verb][2])
    return explain(answer, number)
