"""Answers as files, by ending: .csv the table of the page, .json the whole response, .svg, .png and .html the chart."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenroof.cli.render import finite_json, note, write_text
from tokenroof.errors import InputError

__all__ = ["check_outputs", "write_outputs"]

_CHARTS = (".svg", ".png", ".html")
_ENDINGS = (".csv", ".json", *_CHARTS)


def check_outputs(plot: Path | None, outputs: Sequence[Path]) -> tuple[Path, ...]:
    """All files to be written. InputError before anything is computed where one of them cannot be."""
    for path in outputs:
        if path.suffix.lower() not in _ENDINGS:
            raise InputError("output", str(path), f"a file ending in {', '.join(_ENDINGS)}")
        if not path.resolve().parent.is_dir():
            raise InputError("output", str(path), "in a directory that exists", f"make {path.resolve().parent} first")
    return tuple(outputs) if plot is None else (plot, *outputs)


def _csv(rows: Iterable[Any]) -> str:
    plain: list[Mapping[str, Any]] = [finite_json(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(plain[0]) if plain else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain)
    return text.getvalue()


def write_outputs(answer: Any, paths: Iterable[Path], draw: Callable[[Path], None], rows: Iterable[Any]) -> None:
    """Write each file whole or not at all. `rows` are dataclasses or mappings whose names carry their units."""
    table = tuple(rows)
    for path in paths:
        ending = path.suffix.lower()
        if ending == ".csv":
            write_text(path, _csv(table))
        elif ending == ".json":
            text = json.dumps(finite_json(answer), indent=2, allow_nan=False, ensure_ascii=False)
            write_text(path, text + "\n")
        else:
            draw(path)
            note(f"chart written to {path}")
            continue
        note(f"written to {path}")
