"""How a script prints its table, or puts it in its place on a page: between two comments."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

_PLACE = re.compile(r"(<!-- table -->\n).*?(<!-- end of table -->)", re.DOTALL)


def put(page: Path, table: str) -> None:
    """The table in place of the one that stands there."""
    page.write_text(
        _PLACE.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", page.read_text(encoding="utf-8")), encoding="utf-8"
    )


def print_or_put(text: Callable[[Path], str]) -> None:
    """`FOLDER [-o PAGE]`: prints what `text` makes of the folder, or puts it on the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    table = text(asked.folder)
    print(table) if asked.output is None else put(asked.output, table)
