"""A page as Markdown: the same tables without bars, for an issue, a report or a pull request.

put(path, markdown(page))
"""

from collections.abc import Sequence

from tokenroof.present.characters import clean
from tokenroof.present.page import Bar, Block, KeyValues, Lines, Page, Remark, Table, as_table

__all__ = ["markdown"]

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def markdown(page: Page, *, full: bool = False) -> str:
    """The whole page, with a line feed at its end."""
    parts = [f"**{_plain(page.sentence)}**", *_remarks(page.remarks)]
    if page.scenario:
        parts.append(f"*{_plain(page.scenario_label)}:* {_plain(' | '.join(page.scenario))}")
    for block in page.shown(full):
        parts += [*_block(block), *_remarks(block.remarks)]
    parts.append("\n".join(f"- {_plain(label)}: {_plain(said)}" for label, said in page.footer))
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    return clean(text).translate(_SPECIAL)


def _remarks(remarks: Sequence[Remark]) -> list[str]:
    return [f"> **{remark.kind}:** {_plain(remark.text)}" for remark in remarks]


def _block(block: Block) -> list[str]:
    title = f"### {_plain(block.title)}" if block.title else ""
    if isinstance(block, Lines):
        fence = "`" * max(3, 1 + max((_ticks(line) for line in block.lines), default=0))
        return [title, "\n".join([f"{fence}text", *map(clean, block.lines), fence])]
    if isinstance(block, KeyValues) and block.inline:
        said = " | ".join(" ".join(part for part in pair if part) for pair in block.pairs)
        return [f"**{_plain(block.title)}:** {_plain(said)}"]
    table = as_table(block)
    return [title, _table(table), *(_plain(line) for line in table.lines)]


def _ticks(line: str) -> int:
    longest = run = 0
    for character in line:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def _table(table: Table) -> str:
    shown = [i for i in range(len(table.columns)) if not any(isinstance(row[i], Bar) for row in table.rows)]
    lines = [
        [_plain(table.columns[i].head) for i in shown],
        ["---:" if table.columns[i].right else "---" for i in shown],
        *([_plain(str(row[i])) for i in shown] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
