"""Pages on deduction itself: the lecture's own deductions, and how far deductions hold on models that are known."""

from collections.abc import Sequence

from tokenroof.infer.validate import Validation
from tokenroof.infer.validate_deductions import Alone
from tokenroof.present.asked import ask
from tokenroof.present.numbers import percent, quantity
from tokenroof.present.page import BAR, REMARK, Block, Column, Lines, Page, Remark, Table, note, numbers, warning, words
from tokenroof.present.pages.deduce_parts import NAMES, wrapped
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.deduce.lecture import LectureRow

__all__ = ["lecture_page", "validation_page"]

_EVIDENCE = {"none": "none (prior)", "all": "all channels"}
_HELD = 0.8


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


def _factor(value: float | None) -> str:
    return "" if value is None else f"{quantity(value)}x" if value >= 0.1 else f"{value:.2g}x"


def _alone(rows: Sequence[Alone]) -> Table:
    """Deductions as formulas: what they state, and what is left of it after the known errors."""
    cells = [
        (
            one.deduction, one.quantity, one.direction, str(one.n), str(one.labs), percent(one.formula_holds),
            "" if one.calibrated_holds is None else percent(one.calibrated_holds), _factor(one.width),
            _factor(one.bias), _factor(one.scatter),
        )
        for one in rows
    ]  # fmt: skip
    columns = (
        words("deduction"), words("quantity", drop=BAR), words("says", drop=REMARK), numbers("offers"),
        numbers("labs", drop=BAR), numbers("formula holds"), numbers("calibrated 80 %"), numbers("width"),
        numbers("truth / formula"), numbers("scatter", drop=BAR),
    )  # fmt: skip
    said = "as the formula gives it, and with its known errors, fitted without the lab"
    return Table(name="alone", title="", columns=columns, rows=cells, lines=(said,))


def _jointly(answer: Validation) -> Table:
    cells = [
        (
            _EVIDENCE.get(one.evidence, one.evidence), NAMES[one.unknown], str(one.n), str(one.labs),
            percent(one.coverage50), percent(one.coverage80), _factor(one.width80), _factor(one.bias),
            _factor(one.scatter),
        )
        for one in answer.table
    ]  # fmt: skip
    columns = (
        Column(head="evidence", whole=True), words("unknown"), numbers("offers"), numbers("labs", drop=REMARK),
        numbers("50 % holds"), numbers("80 % holds"), numbers("80 % width"), numbers("truth / median"),
        numbers("scatter", drop=BAR),
    )  # fmt: skip
    return Table(name="main", columns=columns, rows=cells, remarks=tuple(_remarks(answer)))


def _remarks(answer: Validation) -> list[Remark]:
    found = []
    if answer.missing:
        found.append(note(f"left out, the catalogue lacks the model: {', '.join(answer.missing)}"))
    if answer.poor:
        found.append(warning(f"few effective draws: {', '.join(answer.poor)}"))
    return found


def validation_page(answer: Validation) -> Page:
    """Coverage and width by deduction, by channel and jointly."""
    outside = sorted(name for name, level in answer.levels.items() if level > _HELD)
    region = (
        f"joint region of total, active and KV: 50 % holds {percent(answer.joint_coverage50)}, "
        f"80 % holds {percent(answer.joint_coverage80)}"
    )
    lines = [region, *wrapped("outside it", ", ".join(outside) or "none")]
    blocks: list[Block] = [_jointly(answer), Lines(title="Jointly", lines=lines), _alone(answer.alone)]
    return Page(
        title="how far deduction holds", kind="DeductionCheck",
        sentence=f"The joint 80 % region holds the truth for {percent(answer.joint_coverage80)} of "
        f"{counted(answer.joint_n, 'offer')} whose model is known, each lab left out of the calibration in turn.",
        blocks=blocks, next=(ask("deduce", "OFFER"),),
    )  # fmt: skip
