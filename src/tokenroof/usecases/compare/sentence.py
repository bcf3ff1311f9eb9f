"""The verdict of `compare` in one or two sentences, and the words for runs and loads."""

from collections.abc import Sequence

from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.types.workload import Load
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.sentence import hardware, short_name
from tokenroof.usecases.compare.answer import Compared, ComparedRun, Part
from tokenroof.usecases.compare.waterfall import UNEXPLAINED

__all__ = ["load_words", "sentence_of", "what_of"]

_NAMES = {
    "tpot": "TPOT", "ttft": "TTFT", "ttft_p50": "TTFT p50", "e2e": "E2E", "output": "output throughput",
    "output_per_gpu": "output throughput", "total": "total throughput", "input": "input throughput",
}  # fmt: skip
_ROOF = ("hardware bound", "hardware bound of a full batch")


def load_words(load: Load) -> str:
    """`64 at once`, `8 requests/s`."""
    if load.kind == "concurrency":
        return f"{load.value:,.0f} at once"
    if load.kind == "request_rate":
        return f"{format_figures(load.value)} requests/s"
    return "more than fit" if load.kind == "saturated" else f"a batch of {load.value:,.0f}"


def what_of(deployment: Deployment) -> str:
    """`Llama-3.3-70B, fp8 | tp4 on 4 x H100 SXM | vLLM`."""
    model, where = short_name(deployment.model), hardware(deployment)
    return f"{model}, {deployment.weight_dtype} | {unit_label(deployment)} on {where} | {deployment.engine}"


def _said(one: Compared, value: float) -> str:
    seconds = one.quantity in ("tpot", "ttft", "ttft_p50", "e2e")
    return f"{format_figures(1e3 * value)} ms" if seconds else f"{format_figures(value)} tok/s"


def _largest(parts: Sequence[Part], *, but: tuple[str, ...]) -> Part | None:
    rest = [one for one in parts if one.name not in but and one.time_s > 0.0]
    return max(rest, key=lambda one: one.time_s, default=None)


def _cause(run: ComparedRun) -> str:
    """What most of the way from the roof to the measurement is."""
    parts = run.tpot_parts if run.main.quantity == "tpot" else ()
    largest = _largest(parts, but=_ROOF)
    if largest is None:
        return ""
    bound = sum(one.time_s for one in parts if one.name in (*_ROOF, "batch below balance"))
    gap = f"; the hardware alone would allow {format_figures(1e3 * bound)} ms"
    if largest.name == UNEXPLAINED:
        return f"{gap}, and most of the gap is {UNEXPLAINED} by anything modelled"
    return f"{gap}, and most of the gap is {largest.name}" if largest.name != "batch below balance" else gap


def _one(run: ComparedRun) -> str:
    one = run.main
    name, measured, predicted = _NAMES[one.quantity], _said(one, one.measured), _said(one, one.predicted.value)
    if run.reason:
        broken = next(number for number in run.numbers if number.verdict == "impossible")
        bound = _said(broken, broken.predicted.bound or broken.predicted.value)
        measured = _said(broken, broken.measured)
        return f"This run is faster than the hardware allows: {_NAMES[broken.quantity]} {measured}, bound {bound}."
    if one.verdict == "as predicted":
        return (
            f"Your server does what it should on this hardware: {name} {measured}, predicted {predicted}{_cause(run)}."
        )
    off = f"{100.0 * abs(one.measured / one.predicted.value - 1.0):.0f} %"
    if one.verdict == "slower":
        rest = next((part for part in run.tpot_parts if part.name == UNEXPLAINED), None)
        left = (
            "" if rest is None else f"; {format_figures(1e3 * rest.time_s)} ms of it are explained by nothing modelled"
        )
        return f"Your server is slower than it should be, by {off}: {name} {measured}, predicted {predicted}{left}."
    return f"Your server is faster than predicted, by {off}: {name} {measured}, predicted {predicted}; calibrate on it."


def sentence_of(runs: Sequence[ComparedRun]) -> str:
    """Of one run its verdict; of several how many do what they should, and the worst."""
    worst = runs[0]
    if len(runs) == 1:
        return _one(worst)
    good = sum(run.main.verdict == "as predicted" for run in runs)
    all_say = f"{good} of {len(runs)} runs do what they should on this hardware"
    if good == len(runs):
        return f"{all_say}; furthest off is {worst.load}: {_one(worst)}"
    return f"{all_say}; worst is {worst.load}: {_one(worst)}"
