"""Deductions as tables for people."""

import csv
import io
import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import heading, note, print_table
from tokenroof.present.pages.deduce_parts import NAMES

if TYPE_CHECKING:
    from tokenroof.infer.validate import Validation
    from tokenroof.infer.validate_deductions import Alone
    from tokenroof.usecases.deduce.lecture import LectureRow
    from tokenroof.usecases.deduce.run import DeduceResponse

__all__ = ["estimates_csv", "show_lecture", "show_validation"]


def _echo_wrapped(label: str, text: str) -> None:
    """A labelled sentence, broken between words where the window ends."""
    width = max(shutil.get_terminal_size((140, 24)).columns, 40)
    lead = f"  {label:<12}"
    lines = textwrap.wrap(text, max(width - len(lead), 20), break_long_words=False, break_on_hyphens=False)
    click.echo(lead + ("\n" + " " * len(lead)).join(lines))


def show_lecture(rows: "Iterable[LectureRow]") -> None:
    """Stated, recomputed, calibrated."""
    for row in rows:
        heading(f"{row.claim} ({row.section}; {row.offer})")
        _echo_wrapped("stated", row.stated)
        _echo_wrapped("recomputed", row.recomputed)
        _echo_wrapped("calibrated", row.calibrated)
        for caveat in dict.fromkeys(d.caveat for d in row.deductions):
            _echo_wrapped("caveat", caveat)
        click.echo()


def _show_alone(rows: "Iterable[Alone]") -> None:
    """Deductions as formulas: what they state, and what is left of it after the known errors."""
    heading("deductions by themselves: the formula, and the formula with its known errors, fitted without the lab")
    print_table(
        ("deduction", "quantity", "says", "offers", "labs", "formula holds", "calibrated 80 %", "width",
         "truth / formula", "scatter"),
        [
            (
                a.deduction,
                a.quantity,
                a.direction,
                str(a.n),
                str(a.labs),
                f"{a.formula_holds:.0%}",
                "-" if a.calibrated_holds is None else f"{a.calibrated_holds:.0%}",
                "-" if a.width is None else f"x{a.width:,.3g}",
                f"{a.bias:.3g}",
                f"x/÷{a.scatter:.2f}",
            )
            for a in rows
        ],
        right=range(3, 10),
    )  # fmt: skip
    click.echo()


def show_validation(v: "Validation") -> None:
    """Coverage and width by deduction, by channel and jointly."""
    _show_alone(v.alone)
    heading(f"{v.joint_n} offers of open weights whose model is known, each lab left out of the calibration in turn")
    print_table(
        (
            "evidence",
            "unknown",
            "offers",
            "labs",
            "50 % holds",
            "80 % holds",
            "80 % width",
            "truth / median",
            "scatter",
        ),
        [
            (
                {"none": "none (prior)", "all": "all channels"}.get(c.evidence, c.evidence),
                NAMES[c.unknown],
                str(c.n),
                str(c.labs),
                f"{c.coverage50:.0%}",
                f"{c.coverage80:.0%}",
                f"x{c.width80:,.3g}",
                f"{c.bias:.2f}",
                f"x/÷{c.scatter:.2f}",
            )
            for c in v.table
        ],
        right=range(2, 9),
    )
    held = f"50 % holds {v.joint_coverage50:.0%}, 80 % holds {v.joint_coverage80:.0%}"
    click.echo(f"joint region of total, active and KV: {held}")
    outside = sorted(name for name, level in v.levels.items() if level > 0.8)
    click.echo("outside the joint 80 % region:")
    _echo_wrapped("", ", ".join(outside) or "none")
    if v.missing:
        note(f"left out, the catalogue lacks the model: {', '.join(v.missing)}")
    if v.poor:
        note(f"few effective draws: {', '.join(v.poor)}")


def estimates_csv(r: "DeduceResponse") -> str:
    """The joint estimates as CSV in SI units."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ("offer", "unknown", "unit", "low80", "low50", "median", "high50", "high80", "prior_low80", "prior_median",
         "prior_high80", "width_left")
    )  # fmt: skip
    for e in r.estimates:
        writer.writerow(
            (r.offer.id, e.name, e.unit, e.low80, e.low50, e.median, e.high50, e.high80, e.prior_low80, e.prior_median,
             e.prior_high80, e.width_left)
        )  # fmt: skip
    return buffer.getvalue()
