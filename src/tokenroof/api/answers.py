"""An answer as Python users meet it: numbers, a short repr, HTML in a notebook, dicts, frames, charts, explanations."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tokenroof.errors import InfeasibleError, InputError, UnknownName
from tokenroof.reading import read_text
from tokenroof.registry import nearest
from tokenroof.types.columns import Columns
from tokenroof.types.served import Infeasible

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["Answer", "View", "explained"]

_MOST_BYTES = 100_000_000  # of a chart
_UNITS = ("", "_s", "_usd_per_mtok", "_tokens_per_s_per_gpu", "_per_s")

Rows = list[dict[str, Any]] | Columns


def _no_explanation(response: Any, number: str) -> NoReturn:
    raise UnknownName("number", number, (), "this answer has no explanations")


def explained(verb: str) -> Callable[[Any, str], Any]:
    """What takes a number of a verb's answers apart; `tpot` finds `tpot_s`."""

    def explain(response: Any, number: str) -> Any:
        from tokenroof.usecases.explained import explain_answer, numbers_of

        known = numbers_of(verb)
        found = next((number + unit for unit in _UNITS if number + unit in known), number)
        return explain_answer(verb, response, found)

    return explain


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the answers of one verb look. `tables` gives rows by name, the first is `main`; `draw` writes a chart."""

    kind: str
    page: Callable[[Any], "Page"]
    tables: Mapping[str, Callable[[Any], Rows]] = field(default_factory=dict)
    draw: Callable[[Any, Path], None] | None = None
    explain: Callable[[Any, str], Any] = _no_explanation


class Answer:
    """What a verb answered. Attributes are those of the response; `tpot` finds `tpot_s`, in seconds.

    `page()` is what the command line prints, `to_dict()` what its --json prints, `to_frame()` a table.
    """

    __slots__ = ("_response", "_view")

    def __init__(self, response: Any, view: View) -> None:
        self._response, self._view = response, view

    @property
    def response(self) -> Any:
        """The dataclass behind the answer."""
        return self._response

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        for unit in _UNITS:
            if hasattr(self._response, name + unit):
                return getattr(self._response, name + unit)
        near = nearest(name, [one for one in dir(self._response) if not one.startswith("_")])
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise AttributeError(f"{self._view.kind} has no {name!r}{hint}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(one for one in dir(self._response) if not one.startswith("_"))})

    def __bool__(self) -> bool:
        raise TypeError(f"an answer is neither true nor false: ask .fits or .winner of this {self._view.kind}")

    def check(self) -> "Answer":
        """The answer itself; InfeasibleError where it is that nothing fits."""
        found = getattr(self._response, "infeasible", None)
        if isinstance(self._response, Infeasible):
            found = self._response
        if found is not None:
            raise InfeasibleError(found.reason, found.fixes)
        return self

    def explain(self, number: str) -> Any:
        """Where a number comes from: formula, operators, inputs with sources, what moves it most."""
        return self._view.explain(self._response, number)

    def page(self, full: bool = False) -> str:
        """The page of the command line, 100 columns wide."""
        from tokenroof.present.text import text

        return text(self._view.page(self._response), full=full)

    def to_dict(self) -> dict[str, Any]:
        """What --json prints: plain data, unlimited values None."""
        from tokenroof.present.json import finite_json, with_versions

        found: dict[str, Any] = with_versions(finite_json(self._response))
        return found

    @property
    def tables(self) -> tuple[str, ...]:
        """Names that `to_frame` takes; none of what does not hold."""
        return () if isinstance(self._response, Infeasible) else tuple(self._view.tables)

    def to_frame(self, table: str = "main") -> Any:
        """A table as a pandas DataFrame where pandas is installed, else as a pyarrow Table."""
        from tokenroof.present.frame import to_frame

        return to_frame(self._rows(table))

    def _rows(self, table: str) -> Rows:
        if table not in self._view.tables:
            raise UnknownName("table", table, nearest(table, self.tables), f"known: {', '.join(self.tables) or 'none'}")
        return self._view.tables[table](self._response)

    def plot(self, path: str | Path | None = None) -> Any:
        """The chart: written to `path`, or without one returned as SVG that a notebook shows."""
        if self._view.draw is None:
            raise InputError("plot", self._view.kind, "an answer that has a chart")
        if path is not None:
            self._view.draw(self._response, Path(path))
            return self
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "chart.svg"
            self._view.draw(self._response, file)
            return Chart(read_text(file, most=_MOST_BYTES))

    def save(self, *paths: str | Path) -> "Answer":
        """Write by ending: .json, .csv, .parquet, .md, .txt, or a chart: .svg, .png, .html. Whole files or nothing."""
        from tokenroof.present.output import Outputs, check, write

        view, response = self._view, self._response
        outputs = Outputs(
            answer=response, rows=self._rows("main") if "main" in view.tables else None, page=view.page(response),
            draw=None if view.draw is None else partial(view.draw, response),
        )  # fmt: skip
        given = [Path(path) for path in paths]
        for path in given:
            check(path, outputs.endings)
        for path in given:
            write(path, outputs)
        return self

    def __str__(self) -> str:
        return self.page()

    def __repr__(self) -> str:
        from tokenroof.present.short import short

        return short(self._view.page(self._response), self.tables)

    def _repr_html_(self) -> str:
        from tokenroof.present.html import html

        return html(self._view.page(self._response))


class Chart:
    """An SVG that a notebook shows."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<tokenroof.Chart, {len(self.svg):,} characters of SVG>"
