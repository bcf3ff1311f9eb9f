"""`tokenroof lecture`: the claims by chapter with their verdicts, or one claim worked through."""

import math
import textwrap

import click

from tokenroof.cli.render import echo_json, heading, note, print_table
from tokenroof.units import format_si
from tokenroof.usecases.lecture import (
    CheckResult,
    ClaimResult,
    LectureRequest,
    LectureResponse,
    StepResult,
    Value,
    lecture,
)

__all__ = ["command"]

WIDTH = 100
MARKS = {"reproduced": "✓", "corrected": "≠", "claim": "·"}
RELATIONS = {"=": "", "in": "", "<": "< ", ">": "> ", "<=": "at most ", ">=": "at least "}


def _digits(text: str) -> int:
    """Printed significant digits of a stated number."""
    mantissa = text.partition(" ")[0].lower().partition("e")[0]
    return len(mantissa.replace(".", "").lstrip("-0")) or 1


def _number(value: float, significant: int, exponent: bool = False) -> str:
    """A number with about `significant` digits, whole thousands grouped, no trailing zeros."""
    if not math.isfinite(value):
        return "unlimited"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if exponent or not -5 <= magnitude < 15:
        mantissa, _, power = f"{value:.{significant - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(power)}"
    decimals = max(0, significant - 1 - magnitude)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _large(value: float) -> bool:
    """Whether a number reads better with an exponent."""
    return not 1e-4 <= abs(value) < 1e7


def _stated(check: CheckResult) -> str:
    unit = "" if check.unit == "1" else f" {check.unit}"
    if check.stated_upper is not None:
        return f"{_number(check.stated, 4)} to {_number(check.stated_upper, 4)}{unit}"
    relation = RELATIONS[check.relation]
    if not check.stated_text:
        return relation + _quantity(check.stated, check.unit)
    figure = check.stated_text.partition(" ")[0]
    if "e" in figure:
        return f"{relation}{_number(check.stated, _digits(figure), _large(check.stated))}{unit}"
    whole, dot, decimals = figure.partition(".")
    return f"{relation}{int(whole):,}{dot}{decimals}{unit}" if whole.isdigit() else f"{relation}{figure}{unit}"


def _computed(check: CheckResult) -> str:
    if not check.stated_text:
        return _quantity(check.computed, check.unit)
    unit = "" if check.unit == "1" else f" {check.unit}"
    exponent = "e" in check.stated_text.partition(" ")[0] and _large(check.computed)
    return _number(check.computed, max(4, _digits(check.stated_text) + 1), exponent) + unit


def _allowed(check: CheckResult) -> str:
    """The tolerance of an equality: half a printed digit unless the data say otherwise."""
    if check.relation != "=" or not check.tolerance:
        return ""
    return f"± {_number(check.tolerance, 2, _large(check.tolerance))}"


def _gap(check: CheckResult) -> str:
    """How far computed lies from stated, where they are two numbers that should be one."""
    if check.relation != "=":
        return "holds" if check.holds else "does not hold"
    if check.difference is None:
        return "same" if check.holds else "differs"
    if abs(check.difference) < 5e-6:
        return "same"
    if abs(check.difference) >= 1:
        factor = 1 + check.difference
        return f"x {_number(factor, 3)}"
    return f"{check.difference:+.2%}"


def _main_check(claim: ClaimResult) -> CheckResult | None:
    """The check a table shows: the first that fails, else the first."""
    return next((check for check in claim.checks if not check.holds), claim.checks[0] if claim.checks else None)


def _row(claim: ClaimResult) -> tuple[str, ...]:
    mark = f"{MARKS[claim.verdict]} {claim.verdict}"
    check = _main_check(claim)
    if check is None:
        return claim.id, claim.question, claim.says, claim.right or "", mark
    more = f" (+{len(claim.checks) - 1})" if len(claim.checks) > 1 else ""
    return claim.id, claim.question, _stated(check), _computed(check) + more, mark


def _print_list(response: LectureResponse) -> None:
    for chapter in response.chapters:
        claims = [claim for claim in response.claims if claim.chapter == chapter.key]
        if not claims:
            continue
        heading(f"{chapter.title}  [{chapter.key}]")
        print_table(("id", "question", "stated", "computed", "verdict"), [_row(claim) for claim in claims])
        click.echo(
            f"{chapter.reproduced} reproduced, {chapter.corrected} corrected, {chapter.claim} claim"
            f"{'' if chapter.claim == 1 else 's'} without a number\n"
        )
    counts = response.counts
    total = sum(counts.values())
    click.echo(
        f"{total} claims: {counts['reproduced']} reproduced, {counts['corrected']} corrected, "
        f"{counts['claim']} with nothing to compute"
    )
    note("(+2): two more numbers behind that claim; one claim worked through: tokenroof lecture S1")


def _wrapped(label: str, text: str, indent: int = 12) -> None:
    if text:
        pad = " " * indent
        click.echo(textwrap.fill(text, WIDTH, initial_indent=label.ljust(indent), subsequent_indent=pad))


def _quantity(value: float, unit: str) -> str:
    """Bytes, seconds, FLOP and dollars with a prefix; counted things as plain numbers."""
    if unit == "1" or unit.partition("/")[0] in ("sequence", "param", "token", "GPU", "request"):
        shown = _number(value, 6, value != 0 and _large(value))
        return shown if unit == "1" else f"{shown} {unit}"
    if unit == "USD/token":
        return f"{_number(value * 1e6, 6)} USD/Mtoken"
    if (unit == "s" and value >= 1000) or value >= 1e21:
        return f"{_number(value, 6, _large(value))} {unit}"
    return format_si(value, unit, 6)


def _value(value: Value) -> str:
    return value.text or _quantity(value.value, value.unit)


def _print_step(index: int, step: StepResult, explained: bool) -> None:
    result = _quantity(step.value, step.unit)
    if not step.formula:
        click.echo(f"  {index}. {step.name} = {step.text.replace('$', '')} = {result}")
        return
    click.echo(f"  {index}. {step.name} = {result}")
    lines = [f"{step.equation}   [{step.formula}]"]
    if not explained:
        lines = [step.summary, *lines, f"from {step.reference}"]
    lines.append("with " + ", ".join(f"{value.name} = {_value(value)}" for value in step.arguments))
    for line in lines:
        click.echo(textwrap.fill(line, WIDTH, initial_indent=" " * 5, subsequent_indent=" " * 7))


def _print_claim(claim: ClaimResult, title: str) -> None:
    heading(f"{claim.id}  {MARKS[claim.verdict]} {claim.verdict}   ({title})")
    click.echo()
    _wrapped("Question", claim.question)
    _wrapped("Stated", claim.says)
    if claim.inputs:
        click.echo("\nGiven")
        width = max(len(value.name) for value in claim.inputs)
        for value in claim.inputs:
            click.echo(f"  {value.name.ljust(width)}  {value.text}")
    if claim.steps:
        click.echo("\nWorked")
        seen = set[str]()
        for index, step in enumerate(claim.steps, 1):
            _print_step(index, step, step.formula in seen)
            seen.add(step.formula)
    if claim.checks:
        click.echo("\nStated against computed")
        rows = [
            ("✓" if c.holds else "≠", c.label, _stated(c), _allowed(c), _computed(c), _gap(c)) for c in claim.checks
        ]
        print_table(("", "what", "stated", "allowed", "computed", "gap"), rows, right=(2, 3, 4, 5))
    click.echo()
    _wrapped("Verdict", f"{claim.verdict} ({claim.basis})")
    _wrapped("Right form", claim.right)
    _wrapped("Why", claim.why)
    where = f", {claim.where}" if claim.where else ""
    _wrapped("Source", f"{claim.source.title}{where}")
    _wrapped("", claim.source.address)


@click.command("lecture")
@click.argument("claim", metavar="[ID]", required=False)
@click.option("--chapter", metavar="KEY", help="Only one chapter, by the key in brackets after its title.")
@click.option("--only", metavar="VERDICT", help="Only claims that are reproduced, corrected or a claim.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole response as JSON.")
def command(claim: str | None, chapter: str | None, only: str | None, as_json: bool) -> None:
    """Recompute the claims of the blackboard lecture, of the article about it and of the works it leans on.

    With an ID, work that one claim through: formulas, numbers, stated against computed, verdict and source.

    \b
    tokenroof lecture                          everything, by chapter
    tokenroof lecture S1                       one claim worked through
    tokenroof lecture --chapter batch
    tokenroof lecture --only corrected
    """
    response = lecture(LectureRequest(claim=claim, chapter=chapter, only=only))
    if as_json:
        echo_json(response)
    elif claim is not None and response.claims:
        _print_claim(response.claims[0], response.chapters[0].title)
    else:
        _print_list(response)
