"""The page of `speculate`: where drafts stop paying, speed-up by batch and depth, the load served with them."""

from tokenroof.present.numbers import MS, TOK_PER_S_PER_GPU, count, quantity, span, times
from tokenroof.present.page import KeyValues, Page, Table, numbers, ranges, words
from tokenroof.present.pages.parts import defaults_of
from tokenroof.usecases.money.speculate import SpeculateResponse

__all__ = ["page_of"]


def _stop(batch: float | None) -> str:
    if batch is None:
        return "never"
    return "at once" if batch == 0 else count(batch)


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
    head = f"with {found.drafts} draft{'s' if found.drafts > 1 else ''}"
    return [
        Table(
            columns=(words("Served"), numbers("without drafts"), numbers(head), ranges()), rows=rows,
            lines=(f"acceptance {found.acceptance:.3g} a draft, by the model's own draft head",),
        )
    ]  # fmt: skip


def _batches(answer: SpeculateResponse) -> Table:
    rows = [
        (
            count(row.batch), quantity(row.step_s, MS), f"{row.best_depth or 'none'}",
            times(max(row.best_speedup, 1.0) if row.best_depth else 1.0), f"{row.tokens_per_s_per_user:,.3g}",
            f"{row.output_tokens_per_s:,.0f}",
        )
        for row in answer.rows
    ]  # fmt: skip
    return Table(
        columns=(words("batch"), numbers("step"), numbers("best drafts"), numbers("speed-up"), numbers("tok/s/user"),
                 numbers("tok/s, decode")),
        rows=rows,
    )  # fmt: skip


def _depths(answer: SpeculateResponse) -> Table:
    rows = [
        (str(depth), f"{tokens:.2f}", _stop(stop.batch))
        for depth, tokens, stop in zip(answer.depths, answer.lengths, answer.depth_stops, strict=True)
    ]
    return Table(
        columns=(words("drafts"), numbers("tokens a verify step"), numbers("stops paying at batch")), rows=rows
    )


def _every(answer: SpeculateResponse) -> Table:
    rows = [
        (count(row.batch), *(f"{point.speedup:.2f}{'c' if point.compute_bound else ''}" for point in row.points))
        for row in answer.rows
    ]
    return Table(
        columns=(words("batch"), *(numbers(f"{depth} drafts") for depth in answer.depths)), rows=rows,
        lines=("c: arithmetic of the verify step outlasts its reads",), full=True,
    )  # fmt: skip


def page_of(answer: SpeculateResponse) -> Page:
    """The answer as a page."""
    accepted = "by depth" if answer.acceptance is None else f"{answer.acceptance:g} a draft"
    best = KeyValues(
        title="Draft",
        pairs=[
            ("by", answer.drafter),
            ("acceptance", accepted, answer.acceptance_source),
            ("most", times(answer.best_speedup),
             f"at a batch of {count(answer.best_batch)} with {answer.typical_depth}"),
        ],
    )  # fmt: skip
    claim = KeyValues(title="Claim", pairs=[("claim", answer.claim, f"profile {answer.profile}")], full=True)
    return Page(
        title=f"speculate {answer.model} on {answer.system}",
        sentence=answer.sentence,
        scenario=(answer.model_name, answer.system_name, answer.layout, f"context {count(answer.context)}"),
        blocks=(best, *_served(answer), _batches(answer), _depths(answer), _every(answer), claim),
        defaults=defaults_of(answer.defaults),
        left_out=answer.left_out,
        next=("--full: every depth at every batch", "tokenroof plan --acceptance 0.8"),
        kind="Speculate",
    )
