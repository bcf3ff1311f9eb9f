"""The verdict of `compare` in one or two sentences, and the words for runs and loads."""

from collections import Counter
from collections.abc import Sequence

from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.types.workload import Load
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.sentence import hardware, short_name
from tokenroof.usecases.compare.answer import Compared, ComparedRun, Part
from tokenroof.usecases.compare.waterfall import AT_PEAK, UNEXPLAINED

__all__ = ["load_words", "sentence_of", "verdict_words", "what_of"]

_NAMES = {
    "tpot": "TPOT", "ttft": "TTFT", "ttft_p50": "TTFT p50", "e2e": "E2E", "output": "output throughput",
    "output_per_gpu": "output throughput", "total": "total throughput", "input": "input throughput",
    "input_per_gpu": "input throughput",
}  # fmt: skip
_ROOF = ("hardware bound", *AT_PEAK)


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
    bound = run.main.predicted.bound
    gap = "" if bound is None else f"; the hardware bound is {format_figures(1e3 * bound)} ms"
    if largest.name == UNEXPLAINED:
        return f"{gap}, and most of the gap is {UNEXPLAINED} by anything modelled"
    return f"{gap}, and most of the gap is {largest.name}" if largest.name != "batch below balance" else gap


def _apart(run: ComparedRun) -> str:
    """What else is off, in other numbers than the one that the run is judged by."""
    return "".join(
        f"; {_NAMES[one.quantity]} is {one.verdict}, {_said(one, one.measured)} against "
        f"{_said(one, one.predicted.value)}"
        for one in run.apart
    )


def verdict_words(run: ComparedRun) -> str:
    """The verdict of a run in a table, and the first number that is off otherwise: `as predicted; TTFT slower`."""
    if run.verdict == "impossible":
        broken = next(one for one in run.numbers if one.verdict == "impossible")
        return run.verdict if broken is run.main else f"{_NAMES[broken.quantity]} {run.verdict}"
    return "; ".join([run.verdict, *(f"{_NAMES[one.quantity]} {one.verdict}" for one in run.apart[:1])])


def _verdict(run: ComparedRun) -> tuple[str, str]:
    """What the server is, and the numbers that say so."""
    one = run.main
    name, measured, predicted = _NAMES[one.quantity], _said(one, one.measured), _said(one, one.predicted.value)
    numbers = f"{name} {measured} against {predicted} predicted"
    if run.verdict == "impossible":
        broken = next(number for number in run.numbers if number.verdict == "impossible")
        bound = _said(broken, broken.predicted.bound or broken.predicted.value)
        return (
            "faster than the hardware allows",
            f"{_NAMES[broken.quantity]} {_said(broken, broken.measured)}, bound {bound}",
        )
    if one.verdict == "as predicted" and run.apart:
        return f"as fast as it should be in {name} alone", f"{numbers}{_apart(run)}"
    if one.verdict == "as predicted":
        return "as fast as it should be on this hardware", f"{numbers}{_cause(run)}"
    off = f"{100.0 * abs(one.measured / one.predicted.value - 1.0):.0f} %"
    if one.verdict == "slower":
        rest = next((part for part in run.tpot_parts if part.name == UNEXPLAINED), None)
        left = "" if rest is None else f"; nothing modelled explains {format_figures(1e3 * rest.time_s)} ms of it"
        return f"{off} slower than it should be", f"{numbers}{left}{_apart(run)}"
    return f"{off} faster than predicted", f"{numbers}; calibrate on it{_apart(run)}"


def _all(runs: Sequence[ComparedRun]) -> str:
    """How many runs do what they should, by the number that they are judged by."""
    verdicts = Counter(run.verdict for run in runs)
    many, good = len(runs), verdicts["as predicted"]
    names = {_NAMES[run.main.quantity] for run in runs}
    what = names.pop() if len(names) == 1 else "speed"
    if verdicts["faster"] and not verdicts["slower"] and not verdicts["impossible"]:
        are = "is" if verdicts["faster"] == 1 else "are"
        return f"{verdicts['faster']} of {many} runs {are} faster than predicted in {what}, none slower"
    have = "has the {} that it" if good < 2 else "have the {} that they"
    return f"{good or 'None'} of {many} runs {have.format(what)} should on this hardware"


def sentence_of(runs: Sequence[ComparedRun]) -> str:
    """Of one run its verdict; of several how many do what they should, and the one that is furthest off."""
    worst = runs[0]
    verdict, numbers = _verdict(worst)
    if len(runs) == 1:
        return f"Your server is {verdict}: {numbers}."
    return f"{_all(runs)}. Furthest off is the run with {worst.load}, {verdict}: {numbers}."
