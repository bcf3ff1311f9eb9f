"""The page of `kv`: what a token of cache takes in each model, what contexts keep and read, and the formula."""

from collections.abc import Iterable, Sequence

from tokenroof.engines import engine as engine_of
from tokenroof.present.asked import ask
from tokenroof.present.numbers import BYTES, count, gib, quantity
from tokenroof.present.page import REMARK, Lines, Page, Remark, Table, note, numbers, warning, words
from tokenroof.usecases.listing.kv import KvResponse, ModelKv

__all__ = ["formula_lines", "page_of"]


_MOST_FORMULAS = 3


def _size(value: float) -> str:
    """Bytes of a formula, exact while they are few."""
    return f"{value:,.6g} B" if value < 1e6 else quantity(value, BYTES)


def formula_lines(kv: ModelKv) -> list[str]:
    """The formula of a model: one line per kind of layer, then the sum."""
    lines = []
    for term in kv.terms:
        if term.bytes_per_token:
            lines += [
                f"{term.kind}: {term.formula}", f"  = {term.substituted} = {_size(term.bytes_per_token)}/token",
            ]  # fmt: skip
        if term.state_bytes:
            kept = f"{term.layers} layers keep {_size(term.state_bytes)} per sequence, whatever its length"
            lines.append(f"{term.kind}: {kept}")
        if not term.bytes_per_token and not term.state_bytes:
            lines.append(f"{term.kind}: {term.layers} layers keep nothing")
        if term.note:
            lines.append(f"  {term.note}")
    lines.append(f"sum: {_size(kv.bytes_per_token)}/token")
    if kv.growth_bytes_per_token != kv.bytes_per_token:
        lines.append(f"once every window is full: {_size(kv.growth_bytes_per_token)}/token")
    return lines


def _sentence(models: Sequence[ModelKv]) -> str:
    parts = [f"{quantity(one.bytes_per_token, BYTES)} in {one.id}" for one in models[:4]]
    more = f" and so on for {count(len(models) - 4)} more" if len(models) > 4 else ""
    said = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"A token of KV cache takes {said}{more}."


def _remarks(answer: KvResponse) -> Iterable[Remark]:
    kept = dict.fromkeys(kv.kv_dtype for kv in answer.models)
    said = " or ".join(kept) if len(kept) > 1 else next(iter(kept))
    each = ", each model's own" if len(kept) > 1 else ""
    yield note(f"one sequence, {said} entries{each}; kept and read leave the recurrent state out")
    if any(at.beyond_config for kv in answer.models for at in kv.contexts):
        yield note("* longer than the config allows")
    for kv in answer.models:
        yield from (warning(f"{kv.id}: {text}") for text in kv.warnings)


def _pool(pool_bytes: float) -> str:
    return gib(pool_bytes) if pool_bytes > 0.0 else "none"


def _logs(answer: KvResponse) -> list[Table]:
    """What the engine prints when it starts on the system: the pool, its tokens, how many requests of each context."""
    shown = [kv for kv in answer.models if kv.logs]
    if not shown:
        return []
    heads = [numbers(f"requests of {count(tokens)}") for tokens in answer.contexts]
    rows = [
        (f"{kv.id}, {kv.label}", _pool(kv.logs[0].pool_bytes), count(kv.logs[0].tokens),
         *(f"{log.requests:,.2f}" for log in kv.logs))
        for kv in shown
    ]  # fmt: skip
    title = f"Log of {engine_of(answer.engine).display_name} on {answer.system}, one GPU"
    remarks = [
        note(f"tokens: as requests of {count(answer.contexts[0])}; shorter ones hold fewer where each keeps a state")
    ]
    if any(kv.logs[0].pool_bytes <= 0.0 for kv in shown):
        remarks.append(warning("none: no memory for cache blocks, the engine does not start"))
    columns = (words(), numbers("KV cache"), numbers("tokens"), *heads)
    return [Table(title=title, columns=columns, rows=rows, remarks=remarks)]


def page_of(answer: KvResponse) -> Page:
    """The answer as a page."""
    heads = [numbers("a token"), numbers("state", drop=REMARK)]
    for tokens in answer.contexts:
        heads += [numbers(f"kept at {count(tokens)}"), numbers(f"read at {count(tokens)}")]
    rows = []
    for kv in answer.models:
        cells = [kv.id, quantity(kv.bytes_per_token, BYTES), quantity(kv.state_bytes_per_sequence, BYTES)]
        for at in kv.contexts:
            mark = " *" if at.beyond_config else ""
            cells += [quantity(at.stored_bytes, BYTES) + mark, quantity(at.read_bytes_per_step, BYTES)]
        rows.append(tuple(cells))
    table = Table(name="main", columns=(words(), *heads), rows=rows, remarks=tuple(_remarks(answer)))
    many = len(answer.models) > _MOST_FORMULAS
    formulas = [Lines(title=f"{kv.id}   {kv.name}", lines=formula_lines(kv), full=many) for kv in answer.models]
    return Page(
        title="KV cache", kind="KV", sentence=_sentence(answer.models), blocks=(table, *_logs(answer), *formulas),
        next=(
            *(("`full`: the formulas",) if many else ()), "`output` kv.svg", ask("analyze", "MODEL", system="SYSTEM")
        ),
    )  # fmt: skip
