"""A page as data: what it says, in order. Verbs build one; text, markdown, html and short print it.

    Page(
        title="analyze llama-3.3-70b on 8xh100",
        sentence="Llama-3.3-70B fits on 8 x H100. 64 requests at once get 15 tok/s each.",
        scenario=("bf16 weights, bf16 KV", "tp8, 1 replica", "vLLM"),
        blocks=(
            Table(
                columns=(words(""), numbers("predicted"), ranges(), numbers("hardware bound", empty="-")),
                rows=(("TPOT, served", *ranged(answer.tpot, MS), bound(answer.tpot, MS)),),
                remarks=(note("two thirds of it is prefill: see tokenroof plan"),),
            ),
            Bars(title="Where a decode step goes", rows=(BarRow("matmuls", "7.65 ms", 7.65e-3, "memory", "33 %"),)),
        ),
        defaults=("dtypes from the checkpoint",), left_out=("queueing",), next=("`full` for every operator",),
    )

A cell is text, printed already by present.numbers, or a Bar. A block with `full=True` is shown on the full page alone
(in HTML always, folded). `summary` is what its folded line in a notebook says beside the title: it must hold the
result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tokenroof.present.asked import Ask
from tokenroof.present.characters import clean
from tokenroof.present.numbers import UNKNOWN

__all__ = [
    "BAR", "KEEP", "RANGE", "REMARK", "Bar", "BarRow", "Bars", "Block", "Cell", "Column", "KeyValues", "Kind", "Lines",
    "Page", "Remark", "Table", "as_table", "bars", "note", "numbers", "ranges", "warning", "words",
]  # fmt: skip

Kind = Literal["memory", "compute", "network", "other"]

# How early a column leaves a page that is too narrow: the largest first, of equals the one further right.
KEEP, REMARK, RANGE, BAR = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A length in a column of bars; the column's longest sets the scale. `kind` is its colour."""

    size: float
    kind: Kind = "other"


Cell: TypeAlias = str | Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its head, which side it is set on, when it leaves, and what an empty cell shows.

    Numbers (`right`, and ranges) are never cut. `width` and `most` are for bars: characters, and the size that fills
    them.
    """

    head: str = ""
    right: bool = False
    whole: bool = False
    drop: int = KEEP
    empty: str = ""
    width: int = 24
    most: float | None = None


def words(head: str = "", *, drop: int = KEEP) -> Column:
    """A column of names or remarks, on the left; a name too long for the page is cut in its middle."""
    return Column(head=head, drop=drop)


def numbers(head: str = "", *, empty: str = "", drop: int = KEEP) -> Column:
    """A column of numbers, on the right."""
    return Column(head=head, right=True, whole=True, drop=drop, empty=empty)


def ranges(head: str = "80 % range") -> Column:
    """The column to the right of a predicted value; `-` where no range is known."""
    return Column(head=head, whole=True, drop=RANGE, empty=UNKNOWN)


def bars(width: int = 24, *, most: float | None = None) -> Column:
    """A column of bars, the first to leave."""
    return Column(whole=True, drop=BAR, width=width, most=most)


@dataclass(frozen=True, slots=True)
class Remark:
    """What to know about the numbers above it. A warning changes what to do, a note does not."""

    text: str
    kind: Literal["warning", "note"] = "note"


def warning(text: str) -> Remark:
    """Cause and remedy in one line; at most three on a page."""
    return Remark(text, "warning")


def note(text: str) -> Remark:
    """Something to know that changes nothing."""
    return Remark(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads. `name` is its name in to_frame, `lines` stand below the rows, `remarks` below those."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    summary: str = ""
    name: str = ""
    lines: Sequence[str] = ()
    remarks: Sequence[Remark] = ()
    full: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class BarRow:
    """One part of a whole: name, its number as text, its size for the bar, its kind, its share, a remark."""

    label: str
    value: str
    size: float
    kind: Kind = "other"
    share: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Parts of a whole with a bar each."""

    title: str
    rows: Sequence[BarRow]
    summary: str = ""
    name: str = ""
    width: int = 24
    most: float | None = None
    lines: Sequence[str] = ()
    remarks: Sequence[Remark] = ()
    full: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValues:
    """A few facts: (name, value) or (name, value, remark). `inline` sets them on one line after the title."""

    title: str
    pairs: Sequence[Sequence[str]]
    summary: str = ""
    name: str = ""
    inline: bool = False
    lines: Sequence[str] = ()
    remarks: Sequence[Remark] = ()
    full: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Text that is copied as it stands, such as launch commands: never wrapped, never cut."""

    title: str
    lines: Sequence[str]
    summary: str = ""
    name: str = ""
    remarks: Sequence[Remark] = ()
    full: bool = False
    open: bool = False


Block: TypeAlias = Table | Bars | KeyValues | Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Sentence, scenario, blocks, footer. `kind`, `title` and `brief` (or the scenario) head the repr.

    `also` are footer lines of the verb's own, such as ("Read as", "vLLM bench serve"); `refused` says that the verdict
    is no, which colours the sentence on a terminal.
    """

    title: str
    sentence: str
    scenario: Sequence[str] = ()
    scenario_label: str = "Scenario"
    blocks: Sequence[Block] = ()
    also: Sequence[tuple[str, str]] = ()
    defaults: Sequence[str] = ()
    left_out: Sequence[str] = ()
    next: Sequence[str | Ask] = ()
    kind: str = "Answer"
    brief: Sequence[str] = ()
    refused: bool = False
    remarks: Sequence[Remark] = field(default=())

    @property
    def footer(self) -> tuple[tuple[str, str], ...]:
        """The lines at the foot: label and text."""
        own = (("Defaults", " | ".join(self.defaults)), ("Left out", " | ".join(self.left_out)),
               ("Next", " | ".join(map(str, self.next))))  # fmt: skip
        return tuple((label, clean(text)) for label, text in (*self.also, *own) if text)

    def shown(self, full: bool) -> tuple[Block, ...]:
        """The blocks of the first screen, or all of them."""
        return tuple(block for block in self.blocks if full or not block.full)


def as_table(block: Table | Bars | KeyValues) -> Table:
    """Any block of rows as a table, columns that are empty throughout left away."""
    if isinstance(block, Table):
        return block
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    if isinstance(block, Bars):
        columns = (words(), numbers(), numbers(), bars(block.width, most=block.most), words(drop=REMARK))
        rows = [(r.label, r.value, r.share, Bar(r.size, r.kind), r.remark) for r in block.rows]
    else:
        columns = (words(), numbers(), words(drop=REMARK))
        rows = [(*pair, *("",) * (3 - len(pair))) for pair in block.pairs]
    kept = [i for i in range(len(columns)) if any(row[i] != "" for row in rows)]
    return Table(
        columns=[columns[i] for i in kept], rows=[[row[i] for i in kept] for row in rows], title=block.title,
        summary=block.summary, name=block.name, lines=block.lines, remarks=block.remarks, full=block.full,
        open=block.open,
    )  # fmt: skip
