"""The page of `speculate`: where drafts stop paying, speed-up by batch and depth, the load served with them."""

from collections.abc import Iterable

from tokenroof.catalog.acceptance import AcceptanceCurve
from tokenroof.present.asked import ask
from tokenroof.present.numbers import MS, TOK_PER_S_PER_GPU, column, count, quantity, span, times
from tokenroof.present.page import REMARK, KeyValues, Page, Table, numbers, ranges, warning, words
from tokenroof.present.pages.parts import counted, defaults_of, defaults_table
from tokenroof.usecases.analyze.sentence import bare_name
from tokenroof.usecases.money.speculate import SpeculateResponse

__all__ = ["curves_page", "page_of"]


def _stop(batch: float | None) -> str:
    if batch is None:
        return "never"
    return "at once" if batch == 0 else count(batch)


def _draft(answer: SpeculateResponse) -> KeyValues:
    accepted = "by depth" if answer.acceptance is None else f"{answer.acceptance:g} a draft"
    deep = counted(answer.typical_depth, "draft")
    limit = answer.compute_bound_from
    pairs = [
        ("by", answer.drafter),
        ("acceptance", accepted),
        ("most", times(answer.best_speedup), f"at a batch of {count(answer.best_batch)} with {deep}"),
        ("stops paying", _stop(answer.stops_at), f"batch; memory holds {count(answer.most_batch)}"),
        ("compute-bound", "never" if limit is None else f"from {count(limit)} on", f"a verify step of {deep}"),
    ]
    source = answer.acceptance_source
    return KeyValues(title="Draft", pairs=pairs, lines=(f"acceptance: {source}",) if source else ())


def _served(answer: SpeculateResponse) -> list[Table]:
    found = answer.served_with_drafts
    if found is None:
        return []
    tpot, rate = found.tpot_s, found.output_tokens_per_s_per_gpu
    rows = [
        ("TPOT", quantity(found.without.tpot_s, MS), quantity(tpot.value, MS),
         span(tpot.low, tpot.high, tpot.value, MS)),
        ("requests at once", count(found.without.concurrency), count(found.with_drafts.concurrency), ""),
        ("output throughput", quantity(found.without.output_tokens_per_s_per_gpu, TOK_PER_S_PER_GPU),
         quantity(rate.value, TOK_PER_S_PER_GPU), span(rate.low, rate.high, rate.value, TOK_PER_S_PER_GPU)),
    ]  # fmt: skip
    columns = (words(), numbers("without drafts"), numbers(f"with {counted(found.drafts, 'draft')}"), ranges())
    said = f"acceptance {quantity(found.acceptance)} a draft, by the model's own draft head"
    return [Table(name="served", title="Served", columns=columns, rows=rows, lines=(said,))]


def _batches(answer: SpeculateResponse) -> Table:
    shown = answer.rows
    cells = zip(
        column([row.step_s for row in shown], MS), column([row.tokens_per_s_per_user for row in shown]), strict=True
    )
    rows = [
        (
            count(row.batch), step, f"{row.best_depth or 'none'}",
            times(max(row.best_speedup, 1.0) if row.best_depth else 1.0), speed, count(row.output_tokens_per_s),
        )
        for row, (step, speed) in zip(shown, cells, strict=True)
    ]  # fmt: skip
    heads = ("batch", "step", "best drafts", "speed-up", "tok/s/user", "tok/s, decode")
    return Table(name="main", title="By batch", columns=tuple(map(numbers, heads)), rows=rows)


def _depths(answer: SpeculateResponse) -> Table:
    rows = [
        (str(depth), f"{tokens:.2f}", _stop(stop.batch))
        for depth, tokens, stop in zip(answer.depths, answer.lengths, answer.depth_stops, strict=True)
    ]
    heads = ("drafts", "tokens a verify step", "stops paying at batch")
    return Table(name="depths", title="By drafts a step", columns=tuple(map(numbers, heads)), rows=rows)


def _every(answer: SpeculateResponse) -> Table:
    rows = [
        (count(row.batch), *(f"{point.speedup:.2f}x{' c' if point.compute_bound else ''}" for point in row.points))
        for row in answer.rows
    ]
    heads = ("batch", *(counted(depth, "draft") for depth in answer.depths))
    return Table(
        title="Speed-up of every number of drafts at every batch", columns=tuple(map(numbers, heads)), rows=rows,
        lines=("c: arithmetic of the verify step outlasts its reads",), full=True,
    )  # fmt: skip


def page_of(answer: SpeculateResponse) -> Page:
    """The answer as a page."""
    sources = [("claim", answer.claim), ("profile", answer.profile)]
    return Page(
        title=f"{answer.model} on {answer.system}",
        sentence=answer.sentence,
        remarks=tuple(map(warning, answer.warnings)),
        scenario=(
            bare_name(answer.model_name), answer.system_name, answer.layout, f"context {count(answer.context)}"
        ),
        blocks=(
            _draft(answer), *_served(answer), _batches(answer), _depths(answer), _every(answer),
            KeyValues(title="Sources", pairs=sources, inline=True, full=True), *defaults_table(answer.defaults),
        ),
        defaults=defaults_of(answer.defaults),
        left_out=answer.left_out,
        next=("`full`: every depth at every batch", ask("plan", acceptance="0.8")),
        kind="Speculation",
        brief=(answer.layout,),
    )  # fmt: skip


def curves_page(curves: Iterable[AcceptanceCurve]) -> Page:
    """Measured acceptance curves."""
    rows = [(one.id, one.checkpoint, ", ".join(f"{x:.2f}" for x in one.lengths[:4]), one.source) for one in curves]
    columns = (words("curve"), words("measured on"), words("tokens by drafts"), words("source", drop=REMARK))
    return Page(
        title="measured acceptance",
        sentence="Measured acceptance: the tokens that a verify step yields with one, two, three and four drafts.",
        blocks=(Table(name="main", columns=columns, rows=rows),),
        next=(ask("speculate", "MODEL", measured="CURVE"),),
        kind="Curves",
    )  # fmt: skip
