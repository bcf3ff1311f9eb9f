"""The page of `validate`: how far predictions are from what was measured, by set and metric, and what was left out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tokenroof.engines import ENGINES
from tokenroof.measure.fit_select import SETS
from tokenroof.measure.setups import METRICS, MODES
from tokenroof.present.numbers import UNKNOWN, change, count, percent, quantity
from tokenroof.present.page import REMARK, Block, Column, Page, Remark, Table, note, numbers, words
from tokenroof.present.pages.parts import MOST_NAMED, counted, in_part
from tokenroof.usecases.measured.in_flight import FewInFlight
from tokenroof.usecases.measured.scores import FEWEST_CLUSTERS, Group
from tokenroof.usecases.measured.validate import BoundBreach, ValidateResponse

__all__ = ["page_of"]

_FITTED = ("", "cal")  # splits that a fit may read
_MOST_SETS = 12
_WITHOUT = {
    "source": "the launch settings of published series are not looked up",
    "date": "an engine without a version counts as its newest",
}
_SHOWN = {
    "tpot_ms": "TPOT", "tpot_p50_ms": "TPOT p50", "itl_ms": "ITL", "itl_p50_ms": "ITL p50", "ttft_ms": "TTFT",
    "ttft_p50_ms": "TTFT p50", "e2e_latency_s": "E2E", "output_tok_s": "output tok/s",
    "output_tok_s_per_gpu": "output tok/s/GPU", "total_tok_s": "total tok/s", "input_tok_s": "input tok/s",
    "input_tok_s_per_gpu": "input tok/s/GPU",
}  # fmt: skip


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _sentence(answer: ValidateResponse) -> str:
    if not answer.overall:
        return f"None of {counted(answer.rows, 'row')} could be scored."
    told = sorted(answer.overall, key=lambda one: -one.n)[:3]
    errors = _listed([f"{percent(one.median_absolute_error, decimals=1)} ({one.metric})" for one in told])
    shares = _listed([percent(one.coverage_80) for one in told])
    values = counted(answer.scored, "measured value")
    verb = "is" if len(told) == 1 else "are"
    if answer.scored == 1:
        inside = "inside" if told[0].coverage_80 else "outside"
        return f"One measured value lies {errors} from the prediction, {inside} the 80 % range."
    return f"Half of {values} lie within {errors} of the prediction; {shares} {verb} inside the 80 % range."


def _cells(one: Group) -> tuple[str, ...]:
    return (
        count(one.n), percent(one.median_absolute_error, decimals=1), _interval(one),
        change(one.median_error, decimals=1), percent(one.within_15), percent(one.within_30), percent(one.coverage_80),
        f"{one.range_factor:.2f}x",
    )  # fmt: skip


def _interval(one: Group) -> str:
    if one.error_interval is None:
        return UNKNOWN
    low, high = one.error_interval
    return f"{percent(low)} to {percent(high)}"


def _heads() -> list[Column]:
    names = ("n", "median error", "80 % of it", "signed", "within 15 %", "within 30 %", "in 80 % range", "range")
    return [numbers(name, drop=REMARK if name in ("within 30 %", "within 15 %") else 0) for name in names]


def _few_said(answer: ValidateResponse) -> str:
    """Why some have none."""
    bare = any(one.error_interval is None for one in (*answer.overall, *answer.groups))
    return f"; {UNKNOWN}: fewer than {FEWEST_CLUSTERS} deployments" if bare else ""


def _overall(answer: ValidateResponse) -> Table:
    roofs = ", ".join(f"{quantity(one.median_over_bound)} ({one.metric})" for one in answer.overall)
    said = (
        f"80 % of it: where the median error lies for 80 % of samples of the deployments{_few_said(answer)}",
        "signed +: predicted slower (of throughput: more) than measured; range: factor to the ends of the 80 % range",
        f"half of the runs take more than so many times the hardware bound: {roofs}",
    )
    fitted = sum(one.n for one in answer.groups if one.split in _FITTED and one.set.removesuffix(".csv") in SETS)
    remarks = []
    if fitted:
        known = f"{count(fitted)} of these are of tables that the fit draws on"
        remarks.append(note(f"{known}; for runs that it has not seen: docs/accuracy"))
    rows = [(one.metric, *_cells(one)) for one in answer.overall]
    return Table(name="main", title="All rows", columns=(words(), *_heads()), rows=rows, lines=said, remarks=remarks)


def _sets(answer: ValidateResponse) -> Table:
    splits = len({one.split for one in answer.groups}) > 1
    rows, before = [], ""
    for one in answer.groups:
        name = one.set.removesuffix(".csv")
        split = (one.split,) if splits else ()
        rows.append(("" if name == before else name, _SHOWN.get(one.metric, one.metric), *split, *_cells(one)))
        before = name
    columns = (words("set"), words("metric"), *((words("split"),) if splits else ()), *_heads())
    folded = len(rows) > _MOST_SETS or len(rows) == len(answer.overall)
    return Table(name="sets", title="By set", columns=columns, rows=rows, full=folded)


def _apart(answer: ValidateResponse) -> list[Table]:
    if not answer.by_value:
        return []
    rows: list[tuple[str, ...]] = []
    before: tuple[str, ...] = ()
    for one in answer.by_value:
        error, signed = percent(one.median_absolute_error, decimals=1), change(one.median_error, decimals=1)
        names = ("",) * len(one.by) if one.by == before else one.by
        covered, factor = percent(one.coverage_80), f"{one.range_factor:.2f}x"
        rows.append((*names, one.metric, count(one.n), error, signed, covered, factor))
        before = one.by
    heads = (numbers(name) for name in ("n", "median error", "signed", "in 80 % range", "range"))
    columns = (*(words(name) for name in answer.by), words("metric"), *heads)
    return [Table(name="by", title=f"By {_listed(answer.by)}", columns=columns, rows=rows)]


def _breach(one: BoundBreach) -> tuple[str, ...]:
    where, metric = f"{one.file}:{one.line}", _SHOWN.get(one.metric, one.metric)
    return where, one.what, metric, f"{quantity(one.measured)} {one.unit}", f"bound {quantity(one.bound)}"


def _breaches(answer: ValidateResponse) -> list[Table]:
    many = answer.n_breaches
    title = (
        f"{counted(many, 'value')} beat{'s' if many == 1 else ''} the hardware bound: faults of the data, in no score"
    )
    columns = (words(), words(), words(), numbers(), numbers())
    tables = in_part(title, columns, [_breach(one) for one in answer.breaches], "all_rows")
    parts = (answer.breaches[:MOST_NAMED], answer.breaches[MOST_NAMED:])
    return [
        replace(table, remarks=tuple(note(f"line {one.line}: {one.reason}") for one in part))
        for table, part in zip(tables, parts, strict=False)
    ]


def _few(one: FewInFlight) -> tuple[str, ...]:
    said = "answered at once" if one.answered else "in flight"
    return f"{one.file}:{one.line}", one.what, f"{count(round(one.measured))} of {count(round(one.stated))}", said


def _in_flight(answer: ValidateResponse) -> list[Table]:
    title = f"Fewer requests than stated, by Little's law, in {counted(answer.n_missing_in_flight, 'run')}"
    tables = in_part(
        title, (words(), words(), numbers(), words()), [_few(one) for one in answer.missing_in_flight], "all_rows"
    )
    waiting = "answered at once: the others wait for their first token, by its own TTFT and TPOT"
    queues = any(one.answered for one in answer.missing_in_flight)
    return [replace(table, lines=(*table.lines, waiting)) for table in tables] if queues else tables


def _skipped(answer: ValidateResponse) -> list[Table]:
    title = f"{count(answer.scored)} of {counted(answer.rows, 'row')} scored; left out"
    rows = [(count(n), reason) for reason, n in answer.skipped]
    tables = in_part(title, (numbers(), words()), rows, "all_rows")
    known = tuple(
        note(f"{name}s that are predicted: {', '.join(names)}")
        for name, names, why in (
            ("mode", MODES, ""),
            ("metric", METRICS, ""),
            ("engine", [one for one in ENGINES if one != "none"], "no host times"),
        )
        if any(reason.startswith(f"{name} ") and why in reason for reason, _ in answer.skipped)
    )
    return [replace(table, remarks=known) for table in tables[:1]] + tables[1:]


def _faults(answer: ValidateResponse) -> list[Table]:
    title = f"{counted(answer.n_faults, 'row')} could not be read"
    rows = [(f"{one.file}:{one.line}" if one.line else one.file, one.text) for one in answer.faults]
    return in_part(title, (words(), words()), rows, "all_rows")


def _remarks(answer: ValidateResponse) -> Iterable[Remark]:
    if not answer.skipped:
        yield note(f"{count(answer.scored)} of {counted(answer.rows, 'row')} scored")
    for name, n in answer.missing_columns:
        yield note(f"{name} is not stated in {count(n)} of {counted(answer.scored, 'scored row')}: {_WITHOUT[name]}")
    if answer.read_as:
        (first, n), more = answer.read_as[0], len(answer.read_as) - 1
        others = f"; {counted(more, 'other layout')} likewise (JSON names them)" if more else ""
        yield note(f"{first} in {counted(n, 'scored row')}{others}; columns tp, pp, dp and ep say otherwise")


def page_of(answer: ValidateResponse) -> Page:
    """The answer as a page."""
    blocks: list[Block] = []
    if answer.groups:
        blocks = [_overall(answer), *_apart(answer), _sets(answer)]
    return Page(
        title=counted(answer.rows, "measured row"),
        kind="Validation",
        sentence=_sentence(answer),
        blocks=[*blocks, *_breaches(answer), *_in_flight(answer), *_skipped(answer), *_faults(answer)],
        remarks=tuple(_remarks(answer)),
        next=("`all_rows`: every set and row", "`output` predictions.csv", "`plot` accuracy.svg"),
    )
