"""The page of `next`: the answer so far, the runs to make, commands to paste, what results said."""

from tokenroof.present.numbers import MS, count, percent, quantity
from tokenroof.present.page import Block, Lines, Page, Table, note, numbers, words
from tokenroof.present.pages.parts import defaults_of
from tokenroof.types.served import Ranged
from tokenroof.usecases.next.answer import Answered, NextResponse

__all__ = ["page_of"]

_MOST_LEARNT = 12


def _shown(answer: NextResponse, value: float | None) -> str:
    if value is None:
        return ""
    if answer.unit == "s":
        return quantity(value, MS)
    return count(value) if answer.unit == "GPUs" else f"{value:.2f}x"


def _row(answer: NextResponse, name: str, found: Answered) -> tuple[str, ...]:
    one: Ranged = found.value
    span = f"{_shown(answer, one.low)} to {_shown(answer, one.high)}"
    return name, _shown(answer, one.value), span, "" if found.chance is None else percent(found.chance)


def _answers(answer: NextResponse) -> Table:
    rows = [_row(answer, "as shipped", answer.before)]
    if answer.learnt:
        rows.append(_row(answer, "with these results", answer.now))
    columns = (words(), numbers("answer"), numbers("80 % range"), numbers("chance of yes"))
    limit = () if answer.limit is None or answer.unit == "ratio" else (f"limit {_shown(answer, answer.limit)}",)
    return Table(name="main", columns=columns, rows=rows, lines=limit)


def _runs(answer: NextResponse) -> list[Block]:
    if not answer.proposed:
        return []
    rows = [
        (
            str(at), one.deployment, count(one.concurrency), count(one.isl), count(one.osl), count(one.requests),
            f"{one.gpu_minutes:.1f}", f"{one.factor_after:.2f}",
        )
        for at, one in enumerate(answer.proposed, 1)
    ]  # fmt: skip
    columns = (
        numbers(), words("deployment"), numbers("at once"), numbers("in"), numbers("out"), numbers("requests"),
        numbers("GPU-minutes"), numbers("range after"),
    )  # fmt: skip
    said = (f"range: 80 % of the answer, as a factor; now {answer.factor_now:.2f}; a minute to warm up is counted",)
    commands = [one.command for one in answer.proposed]
    return [
        Table(name="runs", title="Runs worth most", columns=columns, rows=rows, lines=said),
        Lines(title="Commands", lines=commands, open=True),
    ]


def page_of(answer: NextResponse) -> Page:
    """The answer as a page."""
    blocks: list[Block] = [_answers(answer), *_runs(answer)]
    if answer.learnt:
        blocks.append(Lines(title="What results said", lines=answer.learnt[:_MOST_LEARNT]))
    return Page(
        title=answer.asked,
        kind="Proposal",
        sentence=answer.sentence,
        scenario_label="Question",
        scenario=(answer.asked,),
        blocks=blocks,
        remarks=[note(f"{n} runs left out: {reason}") for reason, n in answer.skipped[:2]],
        defaults=defaults_of(answer.defaults),
        next=("`results` FILE: what was learnt, and what is left", "`tool` sglang or guidellm"),
    )
