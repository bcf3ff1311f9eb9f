"""Published runs of the scenario's model on its chip, those of its own layout first, each with how it differs."""

from collections.abc import Iterator

from tokenroof.catalog import load_model
from tokenroof.catalog.measured import MeasuredSeries, measured_on
from tokenroof.engines import engine
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import layout_label
from tokenroof.types.dtype import dtype
from tokenroof.types.layout import Layout
from tokenroof.types.model import Model
from tokenroof.usecases.curves.answer import MeasuredRun

__all__ = ["LENGTHS_WITHIN", "MOST_RUNS", "measured_runs"]

MOST_RUNS = 40
LENGTHS_WITHIN = 1.25  # lengths this close count as the scenario's: sources draw 0.8 to 1.0 of what they name
_DEGREES = ("tp", "pp", "ep", "dp")


def _shape(model: Model) -> object:
    """What makes two checkpoints cost the same: everything but the format of their weights."""
    return model.hidden, model.vocab, model.layers, model.order


def _layout(one: MeasuredSeries) -> Layout:
    return Layout(tp=one.tp, pp=one.pp, ep=one.ep, dp=one.dp)


def _near(one: float, other: float) -> bool:
    return one <= other * LENGTHS_WITHIN and other <= one * LENGTHS_WITHIN


def _width(name: str) -> float:
    return round(dtype(name).bytes_per_element * 2) / 2  # formats of about as many bits read about as much


def _differs(deployment: Deployment, one: MeasuredSeries) -> Iterator[tuple[int, str]]:
    """(weight, words) of what is not as the scenario has it: the layout weighs most."""
    layout, work = deployment.layout, deployment.workload
    if any(getattr(layout, name) != getattr(one, name) for name in _DEGREES) or layout.cp > 1 or layout.dcp > 1:
        yield 16, f"layout {layout_label(_layout(one))}"
    isl, osl = one.isl * one.mean_share, one.osl * one.mean_share
    if not (_near(isl, work.isl) and _near(osl, work.osl)):
        yield 8, f"lengths {isl:,.0f} in, {osl:,.0f} out in the mean"
    if work.prefix:
        yield 8, "no cached prefix"
    if deployment.tokens_per_step > 1.0:
        yield 8, "no drafts"
    if _width(one.weight_dtype) != _width(deployment.weight_dtype):
        yield 4, f"weights in {one.weight_dtype}"
    if one.engine != deployment.known_engine.name:
        yield 2, f"engine {engine(one.engine).display_name}"
    if deployment.overrides:
        yield 2, "without your changes of model and machine"


def _runs(deployment: Deployment, one: MeasuredSeries, differs: tuple[str, ...]) -> Iterator[MeasuredRun]:
    isl, osl = one.isl * one.mean_share, one.osl * one.mean_share
    totals = one.total_tokens_per_s_per_gpu
    for at, concurrency in enumerate(one.concurrency):
        yield MeasuredRun(
            model=one.model, gpus=one.gpus, layout_label=layout_label(_layout(one)), weight_dtype=one.weight_dtype,
            isl=isl, osl=osl, statistic=one.statistic, concurrency=concurrency, batch=concurrency / one.pp,
            tpot_s=one.tpot_s[at], ttft_s=one.ttft_s[at] if one.ttft_s else None,
            output_tokens_per_s_per_gpu=totals[at] * osl / (isl + osl) if totals else None,
            engine=f"{engine(one.engine).display_name} {one.engine_version}".strip(), source=one.source,
            as_of=one.as_of, fitted=one.fitted, differs=differs,
        )  # fmt: skip


def measured_runs(deployment: Deployment) -> tuple[MeasuredRun, ...]:
    """At most `MOST_RUNS`, those that differ least first; whole series, so that a line of points has no gaps."""
    shape = _shape(deployment.model)
    ranked = []
    for at, one in enumerate(measured_on(deployment.system.chip.id)):
        if _shape(load_model(one.model)) == shape:
            found = tuple(_differs(deployment, one))
            ranked.append((sum(weight for weight, _ in found), at, one, tuple(words for _, words in found)))
    kept: list[MeasuredRun] = []
    for _, _, one, differs in sorted(ranked, key=lambda found: found[:2]):
        if len(kept) + len(one.concurrency) > MOST_RUNS:
            break
        kept += _runs(deployment, one, differs)
    return tuple(kept)
