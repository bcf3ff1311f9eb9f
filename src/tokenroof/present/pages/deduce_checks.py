"""Pages on deduction itself: the lecture's own deductions, and how far deductions hold on models that are known."""

from collections.abc import Sequence
from dataclasses import replace

from tokenroof.infer.posterior import ARCHITECTURE
from tokenroof.infer.report import Adds, CoverageGroup, Validation
from tokenroof.infer.scores import Coverage
from tokenroof.infer.validate_deductions import Alone
from tokenroof.present.asked import ask
from tokenroof.present.numbers import percent
from tokenroof.present.page import BAR, RANGE, REMARK, Block, Column, Lines, Page, Table, note, numbers, warning, words
from tokenroof.present.pages.deduce_parts import NAMES, factor, wrapped
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.deduce.lecture import LectureRow

__all__ = ["lecture_page", "validation_page"]

_EVIDENCE = {"none": "none (prior)", "all": "all channels"}


def lecture_page(rows: Sequence[LectureRow], full: bool) -> Page:
    """Stated, recomputed, calibrated; with `full` the caveats too."""
    blocks = []
    for row in rows:
        said = (("stated", row.stated), ("recomputed", row.recomputed), ("calibrated", row.calibrated))
        caveats = [("caveat", text) for text in dict.fromkeys(one.caveat for one in row.deductions)]
        lines = [line for label, text in (*said, *(caveats if full else ())) for line in wrapped(label, text)]
        blocks.append(Lines(title=f"{row.claim} ({row.section})", lines=lines))
    many = counted(len(rows), "deduction")
    return Page(
        title="the lecture's deductions", kind="LectureDeductions",
        sentence=f"{many} of the lecture from price sheets: its words, what its formulas give on the sheet, and what "
        "models that are known make of it.",
        scenario_label="Sheets", scenario=tuple(dict.fromkeys(row.offer for row in rows)),
        blocks=blocks, next=("`full`: caveats", ask("deduce", validate=True), ask("lecture")),
    )  # fmt: skip


def _alone(rows: Sequence[Alone]) -> Table:
    """Deductions as formulas: what they state, and what is left of it after the known errors."""
    cells = [
        (
            one.deduction, one.quantity, one.direction, str(one.n), str(one.labs), percent(one.formula_holds),
            "" if one.calibrated_holds is None else percent(one.calibrated_holds), factor(one.width),
            factor(one.bias), factor(one.scatter),
        )
        for one in rows
    ]  # fmt: skip
    columns = (
        words("deduction"), words("quantity", drop=BAR), words("says", drop=REMARK), numbers("offers"),
        numbers("labs", drop=BAR), numbers("formula holds"), numbers("calibrated 80 %"), numbers("width"),
        numbers("truth / formula"), numbers("scatter", drop=BAR),
    )  # fmt: skip
    said = "as the formula gives it, and with its known errors, fitted without the lab"
    return Table(name="alone", title="", columns=columns, rows=cells, lines=(said,), full=True)


def _percent(coverage: Coverage) -> str:
    return f"{percent(coverage.coverage80)} x{coverage.width80:.3g}"


def _groups(groups: Sequence[CoverageGroup], of_labs: Sequence[CoverageGroup]) -> Table:
    rows = []
    for group in (*groups, *of_labs):
        by_name = {one.unknown: one for one in group.rows}
        first = by_name["total_params"]
        cells = (_percent(by_name[name]) for name in ARCHITECTURE)
        rows.append((group.name, str(first.n), str(first.models), str(first.labs), *cells, percent(group.region80)))
    columns = (
        Column(whole=True), numbers("offers", drop=REMARK), numbers("architectures", drop=BAR),
        numbers("labs", drop=RANGE), numbers("total"), numbers("active"), numbers("KV"), numbers("jointly"),
    )  # fmt: skip
    said = (
        "share of known truths in the 80 % range, and its geometric mean width; jointly: their region",
        "an architecture counts once; where a lab's other models are known, weights of the same totals are left out",
        "forms were chosen on prices of some labs and days, and nothing on those of the others",
    )
    return Table(name="main", columns=columns, rows=rows, lines=said)


def _beside(rows: Sequence[Coverage]) -> Table:
    cells = [
        (
            _EVIDENCE.get(one.evidence, one.evidence), NAMES[one.unknown], percent(one.coverage80),
            f"{percent(one.labs_low)} to {percent(one.labs_high)}", factor(one.width80), factor(one.width_held),
            f"{one.score:.2f}", factor(one.bias),
        )
        for one in sorted(rows, key=lambda row: ARCHITECTURE.index(row.unknown))
    ]  # fmt: skip
    columns = (
        Column(head="evidence", whole=True), words("unknown"), numbers("80 % holds"), numbers("labs anew", drop=REMARK),
        numbers("width"), numbers("width if it held 80 %"), numbers("interval score"),
        numbers("truth / median", drop=BAR),
    )  # fmt: skip
    said = "labs anew: 80 % of draws of whole labs; interval score: width on logarithms and ten times what lies outside"
    return Table(name="beside", title="Beside baselines", columns=columns, rows=cells, lines=(said,), full=True)


def _adds(rows: Sequence[Adds]) -> Table:
    cells = [
        (
            one.channel.replace("_", " "), "used" if one.used else "shown alone", str(one.offers),
            *(f"{one.without[name]:.2f} to {one.after[name]:.2f}" for name in ARCHITECTURE),
        )
        for one in rows
    ]  # fmt: skip
    columns = (
        words(), words(), numbers("offers", drop=BAR), numbers("total"), numbers("active"), numbers("KV per token"),
    )  # fmt: skip
    said = "interval score without the channel, and with it: lower is better"
    return Table(name="adds", title="What each channel adds", columns=columns, rows=cells, lines=(said,))


def _closed(rows: Sequence[Coverage]) -> Table:
    cells = [
        (NAMES[one.unknown], str(one.n), percent(one.coverage80), factor(one.width80), factor(one.bias)) for one in rows
    ]
    columns = (words(), numbers("models"), numbers("80 % holds"), numbers("width"), numbers("truth / median"))
    said = "closed models whose size the lab gave or that leaked, read as closed, their lab left out"
    return Table(name="closed", title="Closed models", columns=columns, rows=cells, lines=(said,))


def validation_page(answer: Validation) -> Page:
    """Coverage and width by kind and day, beside baselines, by channel, of closed models, and of formulas alone."""
    whole = answer.groups[-1]
    total = next(one for one in whole.rows if one.unknown == "total_params")
    notes = [f"the catalogue lacks the model: {', '.join(answer.missing)}"] if answer.missing else []
    main = _groups(answer.groups, answer.of_labs)
    remarks = [note(f"left out, {text}") for text in notes]
    if answer.poor:
        remarks.append(warning(f"few effective draws: {', '.join(answer.poor)}"))
    blocks: list[Block] = [
        replace(main, remarks=tuple(remarks)), _beside(answer.beside), _adds(answer.adds), _closed(answer.closed),
        _alone(answer.alone),
    ]  # fmt: skip
    return Page(
        title="how far deduction holds", kind="DeductionCheck",
        sentence=f"The joint 80 % region holds the truth for {percent(whole.region80)} of {counted(total.n, 'price')} "
        f"of {counted(total.models, 'architecture')}, the lab left out of lines and priors each time; total parameters "
        f"for {percent(total.coverage80)}.",
        blocks=blocks, next=("`full`: baselines, each deduction alone", ask("deduce", "OFFER")),
    )  # fmt: skip
