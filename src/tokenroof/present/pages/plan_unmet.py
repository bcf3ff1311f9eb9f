"""What a plan says where its limits cannot be met: the best that can be had, and the nearest changes that would do."""

from collections.abc import Iterable

from tokenroof.present.page import Block, Table, numbers, words
from tokenroof.present.pages.parts import quoted
from tokenroof.scenario.slo import statistic
from tokenroof.usecases.plan.answer import MachinePlan, PlanResponse
from tokenroof.usecases.plan.unmet import said

__all__ = ["refused", "unmet_blocks"]


def unmet_blocks(answer: PlanResponse) -> list[Block]:
    """Of every machine without a deployment; nothing where all have one."""
    blocks: list[Block] = [*_best(answer), *_changes(answer)]
    return [*blocks, *(refused(answer.machines) if len(answer.machines) > 1 else [])]


def refused(machines: Iterable[MachinePlan]) -> list[Table]:
    """Machines on which the load cannot be served, and why."""
    rows = [(machine.system, machine.unmet.reason) for machine in machines if machine.unmet is not None]
    return [Table(title="Not met on", columns=(words(), words()), rows=rows)] if rows else []


def _best(answer: PlanResponse) -> list[Table]:
    """The best value of each limit that can be had, beside the limit."""
    unmet, slo = answer.machines[0].unmet, answer.slo
    if unmet is None:
        return []
    heads = [
        f"{statistic(percentile)} {name}" if slo.by_percentiles else name
        for name, percentile in (("TTFT", slo.ttft_percentile), ("TPOT", slo.tpot_percentile))
    ]
    pairs = zip(heads, (unmet.best_ttft_s, unmet.best_tpot_s), (slo.ttft_s, slo.tpot_s), strict=True)
    rows = [
        (name, said(best), f"{limit * 1e3:,.6g} ms")
        for name, best, limit in pairs
        if best is not None and limit is not None
    ]
    return [Table(columns=(words(), numbers("at best"), numbers("limit")), rows=rows)] if rows else []


def _changes(answer: PlanResponse) -> list[Table]:
    """What would be met: options to copy, and with which deployment."""
    several = len(answer.machines) > 1
    rows = []
    for machine in answer.machines:
        for text in () if machine.unmet is None else machine.unmet.changes:
            flags, _, deployment = text.partition(" (")
            other = flags.startswith("system ")
            where = f"`system` {machine.system} " if several and not other else ""
            rows.append((f"{where}{quoted(flags)}", deployment.removesuffix(")")))
    return [Table(title="What would be met", columns=(words(), words()), rows=rows, open=True)] if rows else []
