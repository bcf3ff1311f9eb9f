"""The answer in one or two sentences: a verdict, a number, and its cause."""

from tokenroof.scenario.deployment import Deployment
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.types.served import Infeasible, Served
from tokenroof.types.workload import Limits
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.answer import ServedCost

__all__ = ["bare_name", "hardware", "sentence_of", "short_name"]

_MOSTLY_PREFILL = 0.4


def hardware(deployment: Deployment) -> str:
    """`8 x H100 SXM`, or the name of a rack; `8 x H100 SXM and 8 x H200 SXM` where prompts have a machine of theirs."""
    return " and ".join(_machine(one) for one in deployment.machines)


def _machine(system: System) -> str:
    if system.id in (system.chip.id, f"{system.n_chips}x{system.chip.id}"):
        return f"{system.n_chips} x {system.chip.name}" if system.n_chips > 1 else system.chip.name
    return system.name


def bare_name(name: str) -> str:
    """A model's name as people say it: without its publisher, and without the word for chat tuning."""
    return name.rpartition("/")[2].removesuffix("-Instruct").removesuffix("-it")


def short_name(model: Model) -> str:
    """The name of a model in sentences."""
    return bare_name(model.name)


def _share(value: float) -> str:
    """A share of `_MOSTLY_PREFILL` or more in the words that are nearest to it."""
    parts = {
        0.4: "two fifths",
        0.5: "half",
        0.6: "three fifths",
        2 / 3: "two thirds",
        0.75: "three quarters",
        0.85: "most",
    }
    return parts[min(parts, key=lambda part: abs(part - value))]


def _usd(value: float) -> str:
    return f"${value:,.2f}" if value >= 0.1 else f"${value:.3g}"


def _refused(infeasible: Infeasible, what: str, where: str) -> str:
    """Why not: memory, a limit on latency, or more arrivals than are served."""
    if infeasible.limit in ("tpot", "ttft"):
        return f"{what} on {where} is too slow for its {infeasible.limit.upper()} limit: {infeasible.reason}."
    if infeasible.limit == "load":
        return f"{what} on {where} does not keep up: {infeasible.reason}."
    return f"{what} does not fit on {where}: {infeasible.reason}."


def _waiting(deployment: Deployment, served: Served) -> str:
    """A closed loop of more requests than memory holds."""
    running = served.batch * deployment.layout.pp * deployment.replicas
    return (
        f"Of {served.concurrency:,.0f} requests {running:,.0f} run at once, the rest wait "
        f"(TTFT {format_figures(served.ttft_s)} s); those that run get"
    )


def _fed(deployment: Deployment, served: Served) -> str:
    """Where prompts have GPUs of their own: whether they end the load, or are outrun by it."""
    if served.limit == "prefill":
        return "; its prefill feeds no more"
    if deployment.load.kind != "concurrency":
        return ""
    most, limit = deployment.most(Limits())
    fed = most * deployment.replicas
    if limit != "prefill" or served.concurrency <= fed:
        return ""
    return f"; its prefill feeds {fed:,.0f} of them, the rest wait before it (TTFT {format_figures(served.ttft_s)} s)"


def sentence_of(deployment: Deployment, served: Served, infeasible: Infeasible | None, cost: ServedCost | None) -> str:
    """`Llama-3.3-70B fits on 8 x H100. 64 requests at once get 15 tok/s each and cost $2.73 per M output tokens.`"""
    what, where = short_name(deployment.model), hardware(deployment)
    if infeasible is not None:
        return _refused(infeasible, what, where)
    rate = format_figures(1.0 / served.tpot_s)
    many, each = f"{served.concurrency:,.0f} requests at once get", f"{rate} tok/s each"
    if served.waiting:
        many = _waiting(deployment, served)
    if served.concurrency < 1.5:
        many, each = "One request alone gets", f"{rate} tok/s"
    price = "" if cost is None else f" and cost {_usd(cost.output_usd_per_mtok.value)} per M output tokens"
    if served.concurrency < 1.5:
        price = price.replace("cost", "costs")
    prefill = 1.0 - served.decode_step_s / deployment.tokens_per_step / served.tpot_s
    cause = ""
    if prefill >= _MOSTLY_PREFILL:
        cause = f"; {_share(prefill)} of that TPOT is the prefill of newly arriving prompts"
    if deployment.disaggregated:
        cause = _fed(deployment, served)
    return f"{what} fits on {where}. {many} {each} (TPOT {format_figures(served.tpot_s * 1e3)} ms){price}{cause}."
