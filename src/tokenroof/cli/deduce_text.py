"""Deductions as tables for people."""

import csv
import io
import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import heading, note, print_table
from tokenroof.units import format_si

if TYPE_CHECKING:
    from tokenroof.infer.deductions import Deduction
    from tokenroof.infer.validate import Validation
    from tokenroof.infer.validate_deductions import Alone
    from tokenroof.usecases.deduce.lecture import LectureRow
    from tokenroof.usecases.deduce.run import Comparison, DeduceResponse

__all__ = ["estimates_csv", "show_comparison", "show_lecture", "show_response", "show_validation"]

_NAMES = {
    "total_params": "total parameters",
    "active_params": "active parameters",
    "sparsity": "total / active",
    "kv_bytes_per_token": "KV cache per token",
    "scan_fraction": "share of cache read",
    "usd_per_chip_h": "price of a chip",
    "batch": "sequences per weight read",
    "batch_over_balance": "batch over critical",
    "markup": "mark-up over hosts",
    "price_over_cost": "price over modelled cost",
    "hit_share": "cache-hit share",
    "duty_cycle": "duty cycle",
    "prefill_mfu": "prefill MFU",
    "decode_mbu": "decode MBU",
    "context_in_use": "context in use",
    "size": "sqrt(total x active)",
}


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    match unit:
        case "param":
            return f"{value / 1e9:.3g} B" if value < 1e12 else f"{value / 1e12:.3g} T"
        case "B/token":
            return f"{value / 1e3:,.3g} KB" if value < 1e6 else f"{value / 1e6:,.3g} MB"
        case "token":
            return f"{value:,.0f}"
        case "USD/GPU/h":
            return f"${value:.2f}/h"
        case "USD/token":
            return f"${value * 1e6:.3g}/M"
        case "s":
            return format_si(value, "s")
        case "B/s":
            return format_si(value, "B/s")
        case _:
            return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _span(low: float | None, high: float | None, unit: str) -> str:
    if low is None and high is None:
        return "-"
    if low is None:
        return f"up to {_value(high, unit)}"
    if high is None:
        return f"from {_value(low, unit)}"
    return f"{_value(low, unit)} to {_value(high, unit)}"


def _echo_wrapped(label: str, text: str) -> None:
    """A labelled sentence, broken between words where the window ends."""
    width = max(shutil.get_terminal_size((140, 24)).columns, 40)
    lead = f"  {label:<12}"
    lines = textwrap.wrap(text, max(width - len(lead), 20), break_long_words=False, break_on_hyphens=False)
    click.echo(lead + ("\n" + " " * len(lead)).join(lines))


def _show_grounds(deductions: "Iterable[Deduction]") -> None:
    """How each channel was computed, how far it is to be trusted, and what would break it; repeats are left out."""
    heading("\nwhat each rests on")
    for d in {d.name: d for d in deductions}.values():
        click.echo(d.name)
        _echo_wrapped("formula", d.formula)
        _echo_wrapped("calibration", d.calibration)
        _echo_wrapped("caveat", d.caveat or "none")


def _deduction_row(d: "Deduction") -> tuple[str, ...]:
    interval = "" if d.low == d.point == d.high else _span(d.low, d.high, d.unit)
    calibrated = ""
    if d.calibrated_low is not None or d.calibrated_high is not None:
        calibrated = _span(d.calibrated_low, d.calibrated_high, d.unit)
    return (d.name, d.quantity, d.direction, _value(d.point, d.unit), interval, calibrated, d.verdict)


def show_response(r: "DeduceResponse") -> None:
    """One offer: channels, joint estimates, known models near, influence, agreement, health."""
    from tokenroof.infer.posterior import UNREAD
    from tokenroof.usecases.deduce.run import sheet_date

    heading(f"{r.offer.id} ({r.offer.name}, {r.offer.lab}), sheet: {sheet_date(r.offer)}")
    active = _value(r.assumed_active_params, "param")
    click.echo(f"by channel, each alone, on an {r.machine.name}, with {active} active parameters:")
    print_table(
        ("deduction", "quantity", "direction", "formula gives", "interval", "80 % calibrated", "verdict"),
        [_deduction_row(d) for d in r.deductions],
        right=(3,),
    )
    _show_grounds(r.deductions)
    heading("\njointly")
    print_table(
        ("unknown", "median", "50 %", "80 %", "prior 80 %", "width left"),
        [
            (
                _NAMES[e.name],
                _value(e.median, e.unit),
                _span(e.low50, e.high50, e.unit),
                _span(e.low80, e.high80, e.unit),
                _span(e.prior_low80, e.prior_high80, e.unit),
                "not read" if e.name in UNREAD else "says nothing" if e.silent else f"{e.width_left:.0%}",
            )
            for e in r.estimates
        ],
        right=(1, 5),
    )
    for choice in r.choices:
        shares = ", ".join(
            f"{v} {after:.0%} ({before:.0%})"
            for v, before, after in zip(choice.values, choice.prior, choice.posterior, strict=True)
        )
        _echo_wrapped(choice.name, shares)
    click.echo("              (prior in brackets)")
    for region in r.regions:
        one, other = (_NAMES[name] for name in region.names)
        _echo_wrapped("region", f"{one} with {other}: correlation {region.correlation:+.2f}, the joint 80 % region is "
                      f"{region.area_left:.0%} of the prior's (on logarithms)")  # fmt: skip
    inside = [n for n in r.neighbours if n.level <= 0.8]
    near = ", ".join(f"{n.model} ({n.level:.0%})" for n in r.neighbours[:6])
    click.echo("\nnearest open models, by the level of the smallest region that holds them")
    _echo_wrapped("nearest", near)
    _echo_wrapped("80 % region", f"{len(inside)} of {len(r.neighbours)} known models")
    if r.moved:
        heading("\nwhich evidence moved what (median with it over median without it)")
        names = ("total_params", "active_params", "kv_bytes_per_token", "markup", "batch_over_balance")
        checks = {s.channel: s for s in r.surprises}
        print_table(
            ("channel", "reading", *(_NAMES[n] for n in names), "agrees with the rest"),
            [
                (
                    m.channel,
                    m.shown,
                    *(f"{1 / m.median_factor[n]:.2f}x" for n in names),
                    _agreement(checks[m.channel].z, checks[m.channel].unlikely),
                )
                for m in r.moved
            ],
            right=range(2, 2 + len(names)),
        )
    for c in r.calibrations:
        if c.n == 0:
            note(f"assumed, not fitted: {c.channel} ({c.source})")
    for surprise in r.surprises:
        if surprise.unlikely:
            times = surprise.observed / surprise.predicted
            note(
                f"unlikely together: {surprise.shown} is {times:.3g} times what the rest predicts, {surprise.z:+.1f} sd"
            )
    for text in r.notes:
        note(f"note: {text}")
    h = r.health
    tail = f", Pareto k {h.pareto_k:.2f}" if r.moved else ""
    note(f"{h.draws:,} draws, effective {h.ess:,.0f}, R-hat {h.r_hat:.3f}{tail}")


def _agreement(z: float, unlikely: bool) -> str:
    return f"{z:+.1f} sd" + (", unlikely" if unlikely else "")


def show_comparison(c: "Comparison") -> None:
    """Two offers: what differs on the sheets, and the odds."""
    heading(f"{c.first.offer.id} against {c.second.offer.id}")
    rows = []
    for odds in c.odds:
        one, other = c.first.estimate(odds.name), c.second.estimate(odds.name)
        rows.append(
            (
                _NAMES[odds.name],
                _span(one.low80, one.high80, one.unit),
                _span(other.low80, other.high80, other.unit),
                f"{odds.ratio_median:.3g} [{odds.ratio_low80:.3g}, {odds.ratio_high80:.3g}]",
                f"{odds.chance_second_larger:.0%}",
            )
        )
    print_table(("unknown", "first, 80 %", "second, 80 %", "second / first [80 %]", "chance second larger"), rows)
    note("the two posteriors are taken as independent: what the sellers share (machines, mark-up) would narrow ratios")


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
                _NAMES[c.unknown],
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
