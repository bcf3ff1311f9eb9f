"""How each verb's answers look from Python: their pages, tables, charts and explanations, loaded when asked for."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenroof.api.answers import Rows, View, explained

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["ANALYSIS", "DIFFERENCE", "MICROBENCH", "PLAN", "SIMULATION", "TRACE"]


def _analyze_page(answer: Any) -> "Page":
    from tokenroof.present.pages.analyze import page_of

    return page_of(answer)


def _analyze_main(answer: Any) -> Rows:
    from tokenroof.usecases.analyze.table import main_row

    return [main_row(answer)]


def _analyze_operators(answer: Any) -> Rows:
    from tokenroof.usecases.analyze.table import operator_rows

    return operator_rows(answer)


def _analyze_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.analyze import draw_operators

    draw_operators(answer, path)


def _defaults(answer: Any) -> Rows:
    return [{"field": one.field, "value": one.value, "reason": one.reason} for one in answer.defaults]


ANALYSIS = View(
    kind="Analysis", page=_analyze_page, draw=_analyze_draw, explain=explained("analyze"),
    tables={"main": _analyze_main, "operators": _analyze_operators, "defaults": _defaults},
)  # fmt: skip


def _plan_page(answer: Any) -> "Page":
    from tokenroof.present.pages.plan import page_of

    return page_of(answer)


def _plan_rows(kinds: tuple[str, ...]) -> Any:
    def rows(answer: Any) -> Rows:
        from tokenroof.usecases.plan.table import rows_of

        return [row for row in rows_of(answer) if row["kind"] in kinds]

    return rows


def _plan_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.plan import draw_plan

    draw_plan(answer, path)


PLAN = View(
    kind="Plan", page=_plan_page, draw=_plan_draw, explain=explained("plan"),
    tables={
        "main": _plan_rows(("winner",)), "alternatives": _plan_rows(("runner-up",)),
        "frontier": _plan_rows(("frontier",)), "defaults": _defaults,
    },
)  # fmt: skip


def _diff_page(answer: Any) -> "Page":
    from tokenroof.present.pages.diff import page_of

    return page_of(answer)


def _diff_numbers(answer: Any) -> Rows:
    return [
        {"number": pair.number, "unit": pair.unit, "a": pair.a, "b": pair.b, "ratio": pair.ratio}
        for pair in answer.numbers
    ]


def _diff_operators(answer: Any) -> Rows:
    return [
        {
            "operator": pair.operator, "a_s": pair.a_s, "b_s": pair.b_s, "difference_s": pair.difference_s,
            "because": pair.because,
        }
        for pair in answer.operators
    ]  # fmt: skip


DIFFERENCE = View(kind="Difference", page=_diff_page, tables={"main": _diff_numbers, "operators": _diff_operators})


def _trace_page(answer: Any) -> "Page":
    from tokenroof.present.pages.trace import page_of

    return page_of(answer)


def _trace_windows(answer: Any) -> Rows:
    return [asdict(one) for one in answer.windows]


def _trace_caches(answer: Any) -> Rows:
    return [] if answer.prefixes is None else [asdict(one) for one in answer.prefixes.caches]


def _trace_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.trace import draw

    draw(answer, path)


TRACE = View(kind="Trace", page=_trace_page, draw=_trace_draw, tables={"main": _trace_windows, "caches": _trace_caches})


def _microbench_page(answer: Any) -> "Page":
    from tokenroof.present.pages.microbench import page_of

    return page_of(answer)


def _microbench_rows(answer: Any) -> Rows:
    return [asdict(one) for one in answer.samples]


def _microbench_draw(answer: Any, path: Path) -> None:
    from tokenroof.present.charts.microbench import draw

    draw(answer, path)


MICROBENCH = View(kind="Microbench", page=_microbench_page, draw=_microbench_draw, tables={"main": _microbench_rows})


def _simulate_page(answer: Any) -> "Page":
    from tokenroof.types.served import Infeasible

    if isinstance(answer, Infeasible):
        from tokenroof.present.pages.money import refused_page

        return refused_page(answer)
    from tokenroof.present.pages.simulate import page_of

    return page_of(answer)


def _simulate_requests(answer: Any) -> Rows:
    from tokenroof.usecases.simulate.table import main_rows

    return main_rows(answer)


def _simulate_series(answer: Any) -> Rows:
    from tokenroof.usecases.simulate.table import series_rows

    return list(series_rows(answer))


def _simulate_draw(answer: Any, path: Path) -> None:
    if answer.loads:
        from tokenroof.present.charts.loads import draw
    else:
        from tokenroof.present.charts.simulate import draw
    draw(answer, path)


SIMULATION = View(
    kind="Simulation", page=_simulate_page, draw=_simulate_draw,
    tables={"main": _simulate_requests, "series": _simulate_series, "defaults": _defaults},
)  # fmt: skip
