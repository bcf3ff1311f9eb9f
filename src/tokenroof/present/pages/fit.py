"""The page of `fit`: errors on what was left out first, then constants, ranges and what was written."""

from collections.abc import Sequence

from tokenroof.measure.held_out import HeldOut
from tokenroof.present.asked import ask
from tokenroof.present.numbers import change, count, percent, quantity
from tokenroof.present.page import Block, Page, Table, numbers, words
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.measured.refit import FitResponse

__all__ = ["page_of"]

_KINDS = {None: "all", True: "with experts", False: "dense"}


def _largest(rows: Sequence[HeldOut]) -> str:
    """The error of the set with most measurements."""
    one = max(rows, key=lambda row: row.n)
    return f"{percent(one.median_error, decimals=1)} ({one.metric} of {one.set})"


def _sentence(answer: FitResponse) -> str:
    what = f"{counted(len(answer.constants), 'constant')} from {counted(answer.n, 'measurement')}"
    if not answer.constants:
        return f"Curves of {counted(len(answer.curves), 'chip')} are fitted to kernel timings."
    if answer.without_model:
        return f"{what} are fitted; on models left out the median error is {_largest(answer.without_model)}."
    if answer.in_sample:
        return f"{what} are fitted; in sample the median error is {_largest(answer.in_sample)}."
    return f"{what} are fitted."


def _errors(title: str, rows: Sequence[HeldOut], *, full: bool = False) -> list[Block]:
    cells = [
        (one.set, one.metric, count(one.n), percent(one.median_error, decimals=1), change(one.bias, decimals=1))
        for one in rows
    ]
    heads = map(numbers, ("n", "median error", "signed"))
    columns = (words("set"), words("metric"), *heads)
    return [Table(title=title, columns=columns, rows=cells, full=full)] if cells else []


def _constants(answer: FitResponse) -> list[Block]:
    rows = [(name, quantity(value), quantity(answer.priors[name])) for name, value in answer.constants.items()]
    columns = (words("constant"), numbers("fitted"), numbers("prior"))
    return [Table(name="constants", title="Constants", columns=columns, rows=rows, full=True)] if rows else []


def _coverage(answer: FitResponse) -> list[Block]:
    rows = [(one.left, one.metric, _KINDS[one.experts], count(one.n), percent(one.share)) for one in answer.coverage]
    title = "Share in the 80 % range, ranges from the other groups"
    columns = (words("left out"), words("metric"), words("models"), numbers("n"), numbers("share"))
    return [Table(name="coverage", title=title, columns=columns, rows=rows, full=True)] if rows else []


def _deployments(answer: FitResponse) -> list[Block]:
    rows = [
        (one.model, one.chip, one.engine, one.metric, count(one.n), percent(one.share)) for one in answer.deployments
    ]
    title = "Share in the 80 % range by deployment, ranges from other models"
    columns = (*map(words, ("model", "chip", "engine", "metric")), numbers("n"), numbers("share"))
    return [Table(name="deployments", title=title, columns=columns, rows=rows, full=True)] if rows else []


def _pairs(answer: FitResponse) -> list[Block]:
    rows = [
        (one.kind, one.metric, count(one.n), f"{one.width:.3f}", "" if one.held is None else percent(one.held))
        for one in answer.pairs
    ]
    title = "Difference between the errors of two deployments under one workload: 80 % lie within"
    columns = (words("differ in"), words("metric"), numbers("pairs"), numbers("width, log"), numbers("held on others"))
    return [Table(name="pairs", title=title, columns=columns, rows=rows, full=True)] if rows else []


def page_of(answer: FitResponse) -> Page:
    """The answer as a page."""
    return Page(
        title=counted(answer.n, "measurement"), kind="Fit", sentence=_sentence(answer),
        blocks=[
            *_errors("Models left out", answer.without_model), *_errors("Chips left out", answer.without_chip),
            *_errors("Sources left out", answer.without_source),
            *_errors("In sample", answer.in_sample, full=bool(answer.without_model)), *_constants(answer),
            *_coverage(answer), *_deployments(answer), *_pairs(answer),
        ],
        also=[("Written", " | ".join(answer.written))] if answer.written else [],
        next=("`full`: constants, ranges, differences", ask("validate", "TABLE.csv")),
    )  # fmt: skip
