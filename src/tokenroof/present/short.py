"""A page in at most 12 lines, 1,200 characters and 100 columns: what an answer says of itself in an interpreter.

class Analysis:
    def __repr__(self) -> str:
        return short(page_of(self))
"""

import dataclasses
import textwrap
from collections.abc import Sequence

from tokenroof.present.characters import clean, cut_middle
from tokenroof.present.page import Bars, KeyValues, Lines, Page, Table, as_table
from tokenroof.present.text import table_lines

__all__ = ["MOST_CHARACTERS", "MOST_LINES", "WIDTH", "short"]

MOST_LINES, MOST_CHARACTERS, WIDTH = 12, 1_200, 100
_SENTENCE_LINES = 2


def short(page: Page, tables: Sequence[str] = ()) -> str:
    """Kind, scenario, sentence, the rows of the first table, the names of all tables: those given, or the page's."""
    head = "  ".join(
        [f"<tokenroof.{clean(page.kind)}", clean(page.title), *(clean(one) for one in page.brief or page.scenario)]
    )
    lines = [cut_middle(head, WIDTH - 1) + ">"]
    said = textwrap.wrap(clean(page.sentence), WIDTH, max_lines=_SENTENCE_LINES, placeholder=" ...")
    lines += said
    named = tables or [b.name for b in page.blocks if b.name]
    last = [cut_middle(f"tables: {', '.join(map(clean, named))}", WIDTH)] if named else []
    lines += _rows(page)[: MOST_LINES - len(lines) - len(last)]
    while len("\n".join([*lines, *last])) > MOST_CHARACTERS and len(lines) > 1 + len(said):
        lines.pop()
    return "\n".join([*lines, *last])


def _rows(page: Page) -> list[str]:
    first = next((b for b in page.blocks if isinstance(b, Table | Bars | KeyValues)), None)
    if first is None:
        return [cut_middle(f"  {line}", WIDTH) for b in page.blocks if isinstance(b, Lines) for line in b.lines]
    table = as_table(first)
    bare = [dataclasses.replace(column, head="", empty="") for column in table.columns]
    return table_lines(dataclasses.replace(table, columns=bare, title=""), WIDTH)
