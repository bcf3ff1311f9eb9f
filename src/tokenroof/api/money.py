"""How answers of the money verbs look from Python: one page each; where nothing holds, the page that says so."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Rows, View, explained
from tokenroof.types.served import Infeasible

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["BREAK_EVEN", "PRICES", "SPECULATION"]


def _page(verb: str) -> Any:
    def page(answer: Any) -> "Page":
        if isinstance(answer, Infeasible):
            from tokenroof.present.pages.money import refused_page

            return refused_page(answer)
        made: Page = import_module(f"tokenroof.present.pages.{verb}").page_of(answer)
        return made

    return page


def _draw(verb: str) -> Any:
    def draw(answer: Any, path: Path) -> None:
        import_module(f"tokenroof.present.charts.{verb}").draw(answer, path)

    return draw


def _rows(rows: Any) -> Any:
    """Dataclasses as dicts; no rows of what does not hold."""

    def plain(answer: Any) -> Rows:
        from tokenroof.present.json import finite_json

        found: Iterable[Any] = () if isinstance(answer, Infeasible) else rows(answer)
        return [finite_json(row) for row in found]

    return plain


def _at_depths(answer: Any) -> list[dict[str, Any]]:
    from tokenroof.present.json import finite_json

    plain = [finite_json(row) for row in answer.rows]
    return [{"batch": row["batch"], "step_s": row["step_s"], **point} for row in plain for point in row["points"]]


PRICES = View(
    kind="Prices", page=_page("price"), draw=_draw("price"), explain=explained("price"),
    tables={
        "main": _rows(lambda answer: answer.frontier), "speeds": _rows(lambda answer: answer.fast),
        "lengths": _rows(lambda answer: answer.context.points), "cached": _rows(lambda answer: answer.cache.holds),
        "tiers": _rows(lambda answer: answer.cache.tiers),
    },
)  # fmt: skip
BREAK_EVEN = View(
    kind="BreakEven", page=_page("break_even"), draw=_draw("break_even"), explain=explained("break-even"),
    tables={"main": _rows(lambda answer: answer.mixes)},
)  # fmt: skip
SPECULATION = View(
    kind="Speculation", page=_page("speculate"), draw=_draw("speculate"), explain=explained("speculate"),
    tables={"main": _rows(_at_depths), "curve": _rows(lambda answer: answer.curve)},
)  # fmt: skip
