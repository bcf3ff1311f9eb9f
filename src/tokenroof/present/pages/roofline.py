"""The page of `roofline`: the least time of a decode step, what binds, and where the balance lies."""

import math
from collections.abc import Iterable

from tokenroof.present.asked import ask
from tokenroof.present.numbers import (
    MS,
    TOK_PER_S,
    TOK_PER_S_PER_USER,
    USD,
    USD_PER_MTOK,
    column,
    count,
    percent,
    quantity,
    share_of,
)
from tokenroof.present.page import BarRow, Bars, KeyValues, Kind, Page
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.analyze.closed_form import RooflineRequest, RooflineResponse

__all__ = ["page_of"]

_MOST_DECIMALS = 6
_BINDS = {"compute": "arithmetic binds", "weights": "reads of weights bind", "kv": "reads of the KV cache bind"}
_RULES = {
    "lecture": "the larger of arithmetic and of all reads",
    "text": "the largest of the three",
    "book": "KV reads, then the larger of the other two",
}


def _sentence(request: RooflineRequest, answer: RooflineResponse) -> str:
    many = counted(request.batch, "sequence") if request.batch >= 1.0 else f"{quantity(request.batch)} of a sequence"
    cost = ""
    if answer.cost_usd_per_mtok is not None:
        cost = f" A million tokens cost at least {quantity(answer.cost_usd_per_mtok, USD)}."
    return (
        f"A decode step of {many} takes at least {quantity(answer.step_s, MS)}: {_BINDS[answer.bound]} "
        f"(MFU {percent(answer.mfu)}).{cost}"
    )


def _decimals(seconds: Iterable[float]) -> int:
    """Decimals of ms in which the smallest of them still shows two figures."""
    least = min((one for one in seconds if one > 0.0), default=1.0)
    return min(max(1 - math.floor(math.log10(least * 1e3)), 0), _MOST_DECIMALS)


def _times(answer: RooflineResponse) -> Bars:
    parts: tuple[tuple[str, float, Kind], ...] = (
        ("arithmetic", answer.compute_s, "compute"),
        ("reads of weights", answer.weights_s, "memory"),
        ("reads of the KV cache", answer.kv_s, "memory"),
    )
    shown = column([seconds for _, seconds, _ in parts], MS, decimals=_decimals([seconds for _, seconds, _ in parts]))
    rows = [
        BarRow(name, cell if seconds else "0 ms", seconds, kind, share_of(seconds, answer.step_s))
        for (name, seconds, kind), cell in zip(parts, shown, strict=True)
    ]
    rule = f"rule {answer.rule}: {_RULES[answer.rule]}"
    return Bars(
        name="main", title=f"Counts over rates, beside a step of {quantity(answer.step_s, MS)}", rows=rows,
        most=answer.step_s, lines=(rule,),
    )  # fmt: skip


def _rates(answer: RooflineResponse) -> KeyValues:
    pairs: list[tuple[str, ...]] = [
        ("decode throughput", quantity(answer.decode_tokens_per_s, TOK_PER_S), "of all sequences"),
        ("interactivity", quantity(1.0 / answer.step_s, TOK_PER_S_PER_USER)),
        ("MFU", percent(answer.mfu, decimals=1), "of a step that arithmetic at peak rate would need"),
    ]
    if answer.cost_usd_per_mtok is not None and answer.cost_floor_usd_per_mtok is not None:
        pairs.append(("cost", quantity(answer.cost_usd_per_mtok, USD_PER_MTOK), "at this batch"))
        pairs.append(("cost floor", quantity(answer.cost_floor_usd_per_mtok, USD_PER_MTOK), "no batch goes below"))
    return KeyValues(title="At most", pairs=pairs, name="rates")


def _balance(request: RooflineRequest, answer: RooflineResponse) -> KeyValues:
    pairs: list[tuple[str, ...]] = [
        ("ridge", count(answer.ridge), "tokens in a step at which a dense model balances"),
        ("critical batch", count(answer.critical_batch), "sequences, without context"),
    ]
    if request.batch > 1.0:
        pairs.insert(0, ("this batch", count(request.batch), "sequences"))
    if request.context:
        here = f"with {count(request.context)} tokens of context"
        pairs.append(("critical batch", count(answer.critical_batch_at_context), f"sequences, {here}"))
    pairs.append(("critical context", count(answer.critical_context), "tokens: beyond, KV reads outlast arithmetic"))
    return KeyValues(title="Where arithmetic equals reads", pairs=pairs, name="balance")


def page_of(request: RooflineRequest, answer: RooflineResponse) -> Page:
    """The answer as a page."""
    return Page(
        title="from numbers alone",
        kind="Roofline",
        sentence=_sentence(request, answer),
        blocks=(_times(answer), _rates(answer), _balance(request, answer)),
        also=(("Claim", "bound: nothing real is faster or cheaper; terms may be missing, none is too large"),),
        next=("`rule` text or book", ask("analyze", "MODEL", system="SYSTEM", why=" for real ones")),
    )
