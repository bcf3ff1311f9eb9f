"""The page of `runs`: every run as it was read, what was recomputed, and what nobody said."""

from tokenroof.present.asked import Ask
from tokenroof.present.numbers import E2E, MS, TOK_PER_S, UNKNOWN, count, gib, quantity
from tokenroof.present.page import Block, Page, Remark, Table, note, numbers, warning, words
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.runs.answer import ReadRun, RunsResponse

__all__ = ["page_of"]

_SHOWN = 20
_MOST_NOTES = 6


def _row(run: ReadRun) -> tuple[str, ...]:
    return (
        f"{run.file}:{run.line}", run.load, count(run.isl), count(run.osl), quantity(run.ttft, MS),
        quantity(run.tpot, MS), quantity(run.e2e, E2E), quantity(run.in_flight), quantity(run.output, TOK_PER_S),
    )  # fmt: skip


def _runs(answer: RunsResponse, full: bool) -> Table:
    shown = answer.runs if full else answer.runs[:_SHOWN]
    left = len(answer.runs) - len(shown)
    columns = (
        words("run"), words("load"), numbers("in"), numbers("out"), numbers("TTFT"), numbers("TPOT"),
        numbers("E2E", drop=2), numbers("in flight", drop=1), numbers("output"),
    )  # fmt: skip
    lines = (f"and {counted(left, 'run')} more: `full`",) if left else ()
    return Table(name="all" if full else "runs", columns=columns, rows=[_row(run) for run in shown], lines=lines,
                 full=full)  # fmt: skip


def _logs(answer: RunsResponse) -> list[Block]:
    if not answer.logs:
        return []
    rows = [
        (log.file, log.engine or UNKNOWN, count(log.tokens), *(
            UNKNOWN if size is None else gib(size) for size in (log.pool_bytes, log.weights_bytes, log.graphs_bytes)
        ))
        for log in answer.logs
    ]  # fmt: skip
    columns = (words("log"), words("engine"), numbers("KV tokens"), numbers("KV cache"), numbers("weights"),
               numbers("graphs"))  # fmt: skip
    return [Table(name="logs", title="What engines printed at their start, of one GPU", columns=columns, rows=rows)]


def _remarks(answer: RunsResponse) -> list[Remark]:
    missing = dict.fromkeys(run.missing for run in answer.runs if run.missing)
    found = [warning(text) for text in list(missing)[:1]]
    if answer.faults:
        found.append(
            warning(f"{counted(len(answer.faults), 'record')} could not be read; the first, {answer.faults[0]}")
        )
    texts: dict[str, int] = {}
    for run in answer.runs:
        for text in run.notes:
            texts[text] = texts.get(text, 0) + 1
    told = [text if n == 1 or len(answer.runs) == 1 else f"{text} ({n} runs)" for text, n in texts.items()]
    found += [note(text) for text in (*answer.notes, *told[:_MOST_NOTES])]
    if len(told) > _MOST_NOTES:
        found.append(note(f"{len(told) - _MOST_NOTES} other remarks: `json`"))
    return found


def page_of(answer: RunsResponse) -> Page:
    """The answer as a page."""
    tools = dict.fromkeys(run.tool for run in answer.runs)
    what = list(dict.fromkeys(run.what for run in answer.runs if run.what))
    sentence = f"{counted(len(answer.runs), 'run')} of {', '.join(tools)} read." if answer.runs else "No run was read."
    blocks: list[Block] = [_runs(answer, False)] if answer.runs else []
    blocks += _logs(answer)
    if len(answer.runs) > _SHOWN:
        blocks.append(_runs(answer, True))
    first = answer.runs[0].file if answer.runs else ""
    return Page(
        title=f"runs {first}".strip(), kind="Runs", sentence=sentence, scenario_label="Run",
        scenario=tuple(what[:1]) if len(what) <= 1 else (what[0], f"{len(what) - 1} other deployments"), blocks=blocks,
        remarks=_remarks(answer), next=(Ask("compare", (first,)), "`output` runs.csv") if first else (),
    )  # fmt: skip
