"""The page of `calibrate`: errors before and after, the parameters that moved and those that did not."""

import math

from tokenroof.present.asked import ask
from tokenroof.present.numbers import MS, TOK_PER_S, Unit, change, percent, quantity, times
from tokenroof.present.page import Block, Page, Remark, Table, note, numbers, ranges, warning, words
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.calibrate.answer import CalibrateResponse, Factor, Fitted, Width

__all__ = ["page_of"]

_NAMES = {"tpot": "TPOT", "ttft": "TTFT", "throughput": "whole requests"}
_TIMES = ("tpot", "ttft", "ttft_p50", "e2e")
_MOST_REASONS = 5
_MOST_NOTES = 2


def _span(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"


def _errors(answer: CalibrateResponse) -> Table:
    rows = [
        (
            _NAMES[one.metric], f"{one.n:,}", _error(one.shipped_error),
            _error(one.fitted_error), _error(one.held_out_error),
            _span(math.exp(-one.shipped_width), math.exp(one.shipped_width)),
            _span(math.exp(-one.width), math.exp(one.width)),
        )
        for one in answer.widths
    ]  # fmt: skip
    columns = (
        words(), numbers("n"), numbers("shipped"), numbers("fitted"), numbers("left out"), numbers("range, shipped"),
        numbers("range"),
    )  # fmt: skip
    said = (
        "median errors; left out: by fits that had not seen the result",
        "ranges hold 80 %, as factors on a prediction",
    )
    return Table(name="main", title="Errors", columns=columns, rows=rows, lines=said)


def _error(share: float | None) -> str:
    return percent(share, decimals=1)


def _factor(one: Factor) -> tuple[str, ...]:
    return one.name, one.level, times(one.value), _span(one.low, one.high), one.words


def _factors(answer: CalibrateResponse) -> list[Block]:
    moved = [_factor(one) for one in answer.factors if one.changed]
    same = ", ".join(
        f"{one.name} ({_span(one.low, one.high)})" for one in answer.factors if one.moved and not one.changed
    )
    still = ", ".join(one.name for one in answer.factors if not one.moved)
    lines = (
        *((f"as shipped by these results too: {same}",) if same else ()),
        *((f"as shipped, since these results say nothing of them: {still}",) if still else ()),
    )
    columns = (words("parameter"), words("level"), numbers("factor"), ranges(), words())
    return [Table(name="factors", title="Parameters that moved", columns=columns, rows=moved, lines=lines)]


def _unit(one: Fitted) -> Unit:
    return MS if one.quantity in _TIMES else TOK_PER_S


def _rows(answer: CalibrateResponse) -> Table:
    rows = [
        (
            f"{one.file}:{one.line}", one.load, one.quantity.upper(), quantity(one.measured, _unit(one)),
            change(one.shipped / one.measured - 1.0), change(one.calibrated / one.measured - 1.0),
            "" if one.held_out is None else change(one.held_out / one.measured - 1.0),
        )
        for one in answer.rows
    ]  # fmt: skip
    columns = (
        words("result"), words("load"), words(), numbers("measured"), numbers("shipped"), numbers("fitted"),
        numbers("left out"),
    )  # fmt: skip
    return Table(name="residuals", title="Before and after", columns=columns, rows=rows, full=True)


def _worse(one: Width) -> str:
    """What the fit as a whole makes worse."""
    return (
        f"{_NAMES[one.metric]} left out is {_error(one.held_out_error)} off, and {_error(one.shipped_error)} as "
        "shipped: the factors are taken as a whole, in which the other gains outweigh this"
    )


def _remarks(answer: CalibrateResponse) -> list[Remark]:
    found = [] if answer.kept else [warning(_worse(one)) for one in answer.widths if one.worse]
    found += [note(f"saved to {answer.saved}")] if answer.saved else []
    found += [note(f"{counted(n, 'run')} left out: {reason}") for reason, n in answer.skipped[:_MOST_REASONS]]
    if more := answer.skipped[_MOST_REASONS:]:
        found.append(note(f"{counted(sum(n for _, n in more), 'run')} more left out, for {len(more)} other reasons"))
    return found + [note(one) for one in answer.notes[:_MOST_NOTES]]


def page_of(answer: CalibrateResponse) -> Page:
    """The answer as a page."""
    on = f"{', '.join(answer.models)} on {', '.join(answer.chips)}"
    blocks: list[Block] = [_errors(answer), *([] if answer.kept else _factors(answer)), _rows(answer)]
    save = "`save` my-profile" if not answer.saved else ""
    model = answer.models[0]
    after = (
        ask("analyze", model, system=answer.tables["calibrated"]["systems"][0], profile=answer.saved)
        if answer.saved
        else ""
    )
    return Page(
        title=f"calibration of {answer.engine} on {answer.family}",
        kind="Calibration",
        sentence=answer.sentence,
        refused=bool(answer.kept),
        scenario_label="Results",
        scenario=(counted(answer.results, "run"), on, answer.engine),
        blocks=blocks,
        remarks=_remarks(answer),
        next=tuple(one for one in ("`full`", save, after) if one),
    )
