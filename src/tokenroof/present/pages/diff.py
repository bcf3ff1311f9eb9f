"""The page of `diff`: the verdict, what was asked differently, numbers side by side, operators that differ."""

from tokenroof.present.asked import ask
from tokenroof.present.numbers import (
    BYTES,
    GB,
    MS,
    REQUESTS_PER_S,
    TOK_PER_S_PER_GPU,
    USD_PER_MTOK,
    Unit,
    count,
    quantity,
    times,
)  # fmt: skip
from tokenroof.present.page import RANGE, Block, Page, Table, numbers, warning, words
from tokenroof.present.pages.parts import counted, quoted
from tokenroof.usecases.analyze.answer import AnalyzeResponse
from tokenroof.usecases.analyze.sentence import hardware, short_name
from tokenroof.usecases.diff.run import Difference, Pair

__all__ = ["page_of"]

_SHOWN: dict[str, tuple[str, Unit | None]] = {
    "tpot_s": ("TPOT, served", MS), "decode_tpot_s": ("TPOT, decode steps alone", MS), "ttft_s": ("TTFT", MS),
    "output_tokens_per_s_per_gpu": ("output throughput", TOK_PER_S_PER_GPU),
    "requests_per_s": ("requests served", REQUESTS_PER_S), "concurrency": ("requests at once", None),
    "cost_output_usd_per_mtok": ("cost, output", USD_PER_MTOK),
    "cost_input_usd_per_mtok": ("cost, input", USD_PER_MTOK),
    "cost_all_on_output_usd_per_mtok": ("cost, all on output", USD_PER_MTOK),
    "memory_weights_bytes": ("weights on a GPU", GB),
    "memory_cache_pool_bytes": ("KV memory of a GPU", GB),
    "memory_cache_bytes_per_sequence": ("KV of a request on a GPU", BYTES),
    "max_batch_memory": ("most at once by KV memory", None),
}  # fmt: skip
_SAME = 5e-4


def _scenario(side: str, one: AnalyzeResponse) -> str:
    where = f"{short_name(one.deployment.model)} on {hardware(one.deployment)}"
    return f"{side}: {where}, {one.layout_label}, {counted(one.replicas, 'replica')}"


def _changed(answer: Difference) -> list[Block]:
    if not answer.changed:
        return []
    rows = [(one.field.replace("_", "-"), one.a, one.b) for one in answer.changed]
    return [Table(title="What differs", columns=(words(), words("A"), words("B")), rows=rows)]


def _cells(pair: Pair, unit: Unit | None) -> tuple[str, str]:
    if unit is None:
        return count(pair.a), count(pair.b)
    return quantity(pair.a, unit), quantity(pair.b, unit)


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else "same" if abs(ratio - 1.0) < _SAME else times(ratio)


def _numbers(answer: Difference) -> Table:
    rows = [
        (_SHOWN[pair.number][0], *_cells(pair, _SHOWN[pair.number][1]), _ratio(pair.ratio))
        for pair in answer.numbers
        if pair.number in _SHOWN and (pair.a is not None or pair.b is not None)
    ]
    return Table(name="main", columns=(words(), numbers("A"), numbers("B"), numbers("B over A")), rows=rows)


def _needed(one: AnalyzeResponse) -> tuple[float, float, float, float]:
    """Bytes on the fullest GPU: weights, KV cache of the load, their sum, and what the engine can give."""
    memory = one.memory
    weights = float(memory.weights_bytes)
    held = max(one.deployment.asked_at_once / one.layout.dp, 1.0)
    cache = held * float(memory.cache_bytes_per_sequence)
    return weights, cache, weights + cache, max(weights + float(memory.cache_pool_bytes), 0.0)


def _memory(answer: Difference) -> Table:
    """Where a side does not fit: what both need beside what there is."""
    labels = ("weights", "KV cache of the load, at least 1 request", "needed", "available")
    sides = zip(labels, _needed(answer.a), _needed(answer.b), strict=True)
    rows = [(label, quantity(a, GB), quantity(b, GB), _ratio(b / a if a else None)) for label, a, b in sides]
    columns = (words(), numbers("A"), numbers("B"), numbers("B over A"))
    return Table(name="main", title="Memory of one GPU", columns=columns, rows=rows)


def _fixes(answer: Difference) -> list[Block]:
    rows = [
        (side, quoted(fix))
        for side, one in (("A", answer.a), ("B", answer.b))
        if not one.fits and one.infeasible is not None
        for fix in one.infeasible.fixes
    ]
    return [Table(title="What fits", columns=(words(), words()), rows=rows)] if rows else []


def _signed(seconds: float) -> str:
    shown = quantity(seconds, MS)
    return f"+{shown}" if seconds > 0.0 and shown.strip("0. ms") else shown


def _step(one: AnalyzeResponse) -> str:
    return quantity(float(one.step.step_s), MS)


def _operators(answer: Difference) -> list[Block]:
    if not answer.operators:
        return []
    rows: list[tuple[str, ...]] = [
        (pair.operator, _signed(pair.difference_s), quantity(pair.a_s, MS), quantity(pair.b_s, MS), pair.because)
        for pair in answer.operators
    ]
    rows.append(("all others, host", _signed(answer.rest_s), "", "", ""))
    rows.append(("decode step", _signed(answer.step_difference_s), _step(answer.a), _step(answer.b), ""))
    columns = (words(), numbers("A to B"), numbers("A", drop=RANGE), numbers("B", drop=RANGE), words("because"))
    return [Table(name="operators", title="Operators of a decode step", columns=columns, rows=rows)]


def page_of(answer: Difference) -> Page:
    """The answer as a page."""
    a, b = answer.a, answer.b
    if a.fits and b.fits:
        blocks = [*_changed(answer), _numbers(answer), *_operators(answer)]
    else:
        blocks = [*_changed(answer), _memory(answer), *_fixes(answer)]
    return Page(
        title=f"{a.model} on {a.system} against {b.model} on {b.system}",
        kind="Difference",
        brief=(f"A {a.layout_label}", f"B {b.layout_label}"),
        sentence=answer.sentence,
        remarks=[warning(f"{side}: {text}") for side, one in (("A", a), ("B", b)) for text in one.warnings],
        scenario=(_scenario("A", a), _scenario("B", b)),
        blocks=blocks,
        left_out=a.left_out if a.fits and b.fits else (),
        next=(ask("analyze", b.model, system=b.system, full=True),),
    )
