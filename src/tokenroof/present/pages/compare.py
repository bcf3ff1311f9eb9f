"""The page of `compare`: the verdict, measured beside predicted, where the time goes, what would help."""

from collections.abc import Sequence
from dataclasses import replace

from tokenroof.present.asked import Ask
from tokenroof.present.numbers import (
    E2E,
    MS,
    TOK_PER_S,
    TOK_PER_S_PER_GPU,
    TOK_PER_S_PER_USER,
    UNKNOWN,
    Unit,
    change,
    count,
    percent,
    quantity,
    ranged,
    times,
)  # fmt: skip
from tokenroof.present.page import (
    KEEP,
    REMARK,
    Bar,
    Block,
    Page,
    Remark,
    Table,
    bars,
    note,
    numbers,
    ranges,
    warning,
    words,
)
from tokenroof.present.pages.parts import KINDS, counted, defaults_of, in_part
from tokenroof.usecases.compare.answer import Change, Compared, ComparedRun, CompareResponse, Part
from tokenroof.usecases.compare.sentence import verdict_words

__all__ = ["page_of"]

_NAMES: dict[str, tuple[str, Unit]] = {
    "tpot": ("TPOT", MS), "ttft": ("TTFT", MS), "ttft_p50": ("TTFT p50", MS), "e2e": ("E2E", E2E),
    "output": ("output throughput", TOK_PER_S), "output_per_gpu": ("output throughput", TOK_PER_S_PER_GPU),
    "total": ("total throughput", TOK_PER_S), "input": ("input throughput", TOK_PER_S),
    "input_per_gpu": ("input throughput", TOK_PER_S_PER_GPU),
}  # fmt: skip
_SHOWN = 12
_MOST_WARNINGS = 3


def _row(one: Compared) -> tuple[str, ...]:
    name, unit = _NAMES[one.quantity]
    said = one.verdict if one.verdict == "impossible" else f"{one.verdict} ({change(1.0 / (1.0 + one.error) - 1.0)})"
    return (name, quantity(one.measured, unit), *ranged(one.predicted, unit), said)


def _main(run: ComparedRun) -> Table:
    rows = [_row(one) for one in run.numbers]
    tpot, roof = run.of("tpot"), run.roofline
    if tpot is not None:
        rows.append(("interactivity", quantity(1.0 / tpot.measured, TOK_PER_S_PER_USER), "", "", ""))
    if roof is not None:
        peak = f"of {roof.peak_flops_per_s / 1e12:,.0f} TFLOP/s, {roof.peak_rate}, dense"
        if roof.mfu is not None:
            rows.append(("MFU, all steps", percent(roof.mfu, decimals=int(roof.mfu < 0.1)), "", "", peak))
        if roof.mbu is not None:
            rows.append(("MBU, decode", percent(roof.mbu), "", "", f"of {roof.bytes_per_s / 1e12:.3g} TB/s"))
        far = f"ridge {quantity(roof.ridge)}"
        rows.append(("decode intensity", f"{quantity(roof.intensity)} FLOP/B", "", "", far))
    columns = (words(), numbers("measured"), numbers("predicted"), replace(ranges(), empty=""), words("verdict"))
    return Table(name="main", columns=columns, rows=rows)


def _short(run: ComparedRun) -> str:
    """The load in a column of its own."""
    if run.load_kind == "request_rate":
        return f"{quantity(run.load_value)}/s"
    return count(run.load_value) if run.load_kind != "saturated" else "all"


def _runs(answer: CompareResponse, full: bool) -> Table:
    layouts = len({run.layout_label for run in answer.runs}) > 1
    names = {_NAMES[run.main.quantity][0] for run in answer.runs}
    rows = []
    for run in answer.runs[: None if full else _SHOWN]:
        one = run.main
        named, unit = _NAMES[one.quantity]
        what = (run.layout_label,) if layouts else ()
        metric = (named.removesuffix(" throughput"),) if len(names) > 1 else ()
        lengths = (count(run.isl), count(run.osl))
        cells = (quantity(one.measured, unit), *ranged(one.predicted, unit), verdict_words(run))
        rows.append((f"{run.file}:{run.line}", *what, _short(run), *lengths, *metric, *cells))
    # where runs are judged by several quantities each row names its own
    measured = (words("metric"), numbers("measured")) if len(names) > 1 else (numbers(*names),)
    layout = (words("layout", drop=REMARK if len(names) > 1 else KEEP),) if layouts else ()
    columns = (
        words("run"), *layout, numbers("at once"), numbers("in"),
        numbers("out"), *measured, numbers("predicted"), ranges(), words("verdict"),
    )  # fmt: skip
    left = len(answer.runs) - _SHOWN
    lines = (f"and {counted(left, 'run')} more: `full`",) if left > 0 and not full else ()
    title = "All runs, worst first" if full else "Runs, worst first"
    return Table(name="all" if full else "runs", title=title, columns=columns, rows=rows, lines=lines, full=full)


def _bars(title: str, name: str, parts: Sequence[Part], full: bool) -> list[Block]:
    if not parts:
        return []
    rows = [
        (one.name, quantity(one.time_s, MS), Bar(max(one.time_s, 0.0), KINDS.get(one.kind, "other")), one.evidence)
        for one in parts
    ]
    columns = (words(), numbers(), bars(12), words())
    return [Table(title=title, name=name, columns=columns, rows=rows, full=full)]


def _changes(answer: CompareResponse) -> list[Block]:
    if not answer.changes:
        return []
    columns = (words(), numbers("TPOT"), numbers("output"), numbers("TTFT"), words())
    rows = [_change(one) for one in answer.changes]
    said = ("gains are ratios of predictions, on the same machine under the same load",)
    return [Table(name="changes", title="What would help most", columns=columns, rows=rows, lines=said)]


def _change(one: Change) -> tuple[str, ...]:
    sure = "within the error of a comparison" if one.within_error else ""
    return one.what, times(one.tpot_ratio), times(one.output_ratio), times(one.ttft_ratio), sure


def _remarks(answer: CompareResponse) -> list[Remark]:
    found = [warning(one.text) for one in answer.hints[:_MOST_WARNINGS]]
    found += [note(one) for one in answer.notes[:1]]
    found += [note(one) for one in answer.read[:_MOST_WARNINGS]]
    if len(answer.skipped) == 1:
        reason, n = answer.skipped[0]
        found.append(note(f"{counted(n, 'run')} left out: {reason}"))
    if len(answer.faults) == 1:
        found.append(note(f"1 record could not be read: {answer.faults[0]}"))
    if not answer.changes and answer.no_changes:
        found.append(note(f"changes: {answer.no_changes}"))
    return found


def _left_out(answer: CompareResponse) -> list[Block]:
    """Reasons for which runs are left out and records that cannot be read, where there are several of them."""
    blocks: list[Block] = []
    if len(answer.skipped) > 1:
        every = len(answer.runs) + sum(n for _, n in answer.skipped)
        title = f"{count(len(answer.runs))} of {counted(every, 'run')} compared; left out"
        blocks += in_part(title, (numbers(), words()), [(count(n), reason) for reason, n in answer.skipped], "full")
    if len(answer.faults) > 1:
        title = f"{counted(len(answer.faults), 'record')} could not be read"
        blocks += in_part(title, (words(),), [(str(one),) for one in answer.faults], "full")
    return blocks


def _curve(answer: CompareResponse) -> list[Block]:
    if not answer.curve:
        return []
    rows = [(count(one.concurrency), *ranged(one.tpot, MS), quantity(one.tpot.bound, MS)) for one in answer.curve]
    columns = (numbers("at once"), numbers("TPOT"), ranges(), numbers("bound"))
    return [Table(name="curve", title="Latency by requests at once", columns=columns, rows=rows, full=True)]


def _how_sure(answer: CompareResponse) -> str:
    if answer.claim != "calibrated" or answer.median_error is None:
        return answer.claim
    error = percent(answer.median_error)
    return f"{answer.profile}, {answer.claim} on {count(answer.n)} runs, held-out TPOT error {error}"


def page_of(answer: CompareResponse) -> Page:
    """The answer as a page."""
    worst, several = answer.runs[0], len(answer.runs) > 1
    blocks: list[Block] = [_runs(answer, False)] if several else []
    blocks.append(_main(worst))
    about = f" of {worst.file}:{worst.line}" if several else ""
    tpot, ttft = worst.of("tpot"), worst.of("ttft") or worst.of("ttft_p50")
    if tpot is not None:
        title = f"Where {quantity(tpot.measured, MS)} of TPOT go{about}"
        blocks += _bars(title, "tpot", worst.tpot_parts, False)
    if ttft is not None:
        title = f"Where {quantity(ttft.measured, MS)} of TTFT go{about}"
        blocks += _bars(title, "ttft", worst.ttft_parts, bool(worst.tpot_parts))
    blocks += [*_changes(answer), *_curve(answer)]
    if len(answer.runs) > _SHOWN:
        blocks.append(_runs(answer, True))
    blocks += _left_out(answer)
    load = f"{worst.load}, {count(worst.isl)} in, {count(worst.osl)} out"
    return Page(
        title=f"{worst.what} {UNKNOWN} {load}",
        kind="Comparison",
        sentence=answer.sentence,
        scenario_label="Run",
        scenario=(worst.what, load, f"{worst.file}:{worst.line}"),
        blocks=blocks,
        remarks=_remarks(answer),
        also=(("Range", _how_sure(answer)),),
        defaults=defaults_of(answer.defaults),
        next=("`full`", Ask("calibrate", (), (), " RESULT... with the same options"), "`output` roofline.svg"),
    )
