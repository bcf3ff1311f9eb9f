"""Pages of `sweep`: what a grid came to, and what it would take."""

from collections import Counter
from collections.abc import Iterable

from tokenroof.present.numbers import BYTES, E2E, count, quantity
from tokenroof.present.page import Block, KeyValues, Page, Remark, Table, note, numbers, words
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.sweep.run import SweepEstimate, SweepResponse

__all__ = ["estimate_page", "page_of"]

_MOST = 10


def _layouts(answer: SweepResponse) -> list[Block]:
    taken = dict.fromkeys((one.layout, one.labels["model"], one.labels["system"]) for one in answer.layouts)
    rows = list(taken)
    if not rows:
        return []
    more = (f"and {count(len(rows) - _MOST)} more: the column layout_used",) if len(rows) > _MOST else ()
    columns = (words("layout"), words("model"), words("system"))
    return [
        Table(title="Layouts taken; set layout to choose", columns=columns, rows=rows[:_MOST], lines=more),
    ]


def _left_out(answer: SweepResponse) -> list[Block]:
    reasons = Counter(skip.reason for skip in answer.skipped).most_common()
    if not reasons:
        return []
    more = (f"and {count(len(reasons) - _MOST)} more reasons: _manifest.json",) if len(reasons) > _MOST else ()
    rows = [(count(n), reason) for reason, n in reasons[:_MOST]]
    return [Table(title="Combinations left out", columns=(numbers(), words()), rows=rows, lines=more)]


def page_of(answer: SweepResponse) -> Page:
    """The data set that was written."""
    kept = f", {count(answer.blocks_kept)} kept from before" if answer.blocks_kept else ""
    pairs: list[tuple[str, ...]] = [
        ("points", count(answer.points), f"in {counted(answer.cases, 'case')}"),
        ("blocks", count(answer.blocks), f"{count(answer.blocks_computed)} computed{kept}"),
        ("written", quantity(float(answer.bytes_written), BYTES), f"in {quantity(answer.seconds, E2E)}"),
        ("claim", ", ".join(answer.claim_levels), ""),
    ]
    return Page(
        title=f"{answer.directory}", kind="Sweep",
        sentence=f"{counted(answer.points, 'point')} in {counted(answer.cases, 'case')} are in {answer.directory}.",
        blocks=[KeyValues(title="Data set", pairs=pairs, name="main"), *_layouts(answer), *_left_out(answer)],
        next=(f'tokenroof.open_sweep("{answer.directory}").to_xarray()',),
    )  # fmt: skip


def _skipped(estimate: SweepEstimate) -> Iterable[Remark]:
    if estimate.skipped:
        yield note(f"{count(estimate.skipped)} combinations are impossible and would be left out")


def estimate_page(estimate: SweepEstimate) -> Page:
    """What a grid would take."""
    size, time = quantity(float(estimate.bytes), BYTES), quantity(estimate.seconds, E2E)
    pairs = [
        ("points", count(estimate.points), f"in {counted(estimate.cases, 'case')}"), ("blocks", count(estimate.blocks)),
        ("size", size), ("time", time, "on this machine"),
    ]  # fmt: skip
    return Page(
        title="estimate", kind="SweepEstimate",
        sentence=f"{counted(estimate.points, 'point')} would take about {size} and {time} on this machine.",
        blocks=[KeyValues(title="Grid", pairs=pairs, name="main")], remarks=tuple(_skipped(estimate)),
        next=("`output` DIRECTORY to run it",),
    )  # fmt: skip
