"""What a served token costs: the price of all GPUs over the requests that they serve, shared out by a named rule."""

from dataclasses import dataclass

from tokenroof.formulas import serving_cost
from tokenroof.operators.program import totals
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.program import Num
from tokenroof.types.served import Cost, Served
from tokenroof.types.workload import Workload
from tokenroof.xp import NUMPY, SCALAR

__all__ = ["ALLOCATIONS", "Shares", "allocated", "cost_of", "prompt_share", "request_usd", "shares_of"]

ALLOCATIONS = ("time", "flops", "output")
_MTOK = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Shares of a request's cost that uncached input, cached input and output carry; they add up to 1."""

    uncached: float
    cached: float
    output: float


def request_usd(
    deployment: Deployment, served: Served, usd_per_gpu_h: float, duty_cycle: float = 1.0, gpus: int | None = None
) -> float:
    """Price of all GPUs that are paid for (by default all) over the requests served, idle hours included."""
    usd_per_s = usd_per_gpu_h / 3600.0 * (gpus or deployment.gpus)
    busy_s: Num = 1.0 / served.requests_per_s
    found: float = serving_cost.request_cost_usd(usd_per_s=usd_per_s, busy_s=busy_s, duty_cycle=duty_cycle)
    return found


def _any(number: Num) -> bool:
    return bool(number.any() if hasattr(number, "any") else number)


def _cached_share(deployment: Deployment) -> Num:
    """Part of a prompt's prefill that goes to attending to its cached prefix."""
    work = deployment.workload
    if not _any(work.prefix):
        return 0.0
    whole = deployment.prefill().step_s
    alone = deployment.prefill(work.uncached, work.uncached).step_s
    return (NUMPY if hasattr(whole, "shape") else SCALAR).maximum(whole - alone, 0.0) / whole


def _flops(deployment: Deployment, served: Served) -> tuple[float, float, float]:
    """FLOP of one request on uncached input, cached input and output."""
    work, prefill = deployment.workload, deployment.prompt_timed.program
    groups = float(prefill.layout.dp)

    def prompt(context: float) -> float:  # totals are of one GPU of a stage
        load = StepLoad(work.uncached * groups, groups, context)
        return float(totals(prefill, prefill=load).all_flops) / groups * prefill.layout.stage

    batch = max(served.batch, 1.0)
    of_one_gpu = totals(deployment.program, decode=StepLoad(batch, batch, work.context)).all_flops
    decode = float(of_one_gpu) / batch * deployment.layout.stage
    uncached, whole = prompt(work.uncached), prompt(work.isl)
    return uncached, max(whole - uncached, 0.0), work.osl * decode


def prompt_share(deployment: Deployment, served: Served) -> float:
    """Prefill's share of machine time; where it has a machine of its own, each at its price."""
    split, part = deployment.prefill_workers, served.prefill_share
    if split is None or not split.own_machine or deployment.price is None:
        return part
    dearer = deployment.price.prefill_over_decode
    return part * dearer / (part * dearer + 1.0 - part)


def shares_of(deployment: Deployment, served: Served, allocation: str = "time") -> Shares:
    """Who pays for a request. `time`: prefill's share of machine time is the input's, at the price of its machine."""
    if allocation == "output":
        return Shares(uncached=0.0, cached=0.0, output=1.0)
    if allocation == "flops":
        parts = _flops(deployment, served)
        whole = sum(parts)
        return Shares(uncached=parts[0] / whole, cached=parts[1] / whole, output=parts[2] / whole)
    part = prompt_share(deployment, served)
    cached = part * _cached_share(deployment)
    return Shares(uncached=part - cached, cached=cached, output=1.0 - part)


def allocated(shares: Shares, work: Workload, usd: Num, allocation: str) -> Cost:
    """A request's cost laid on its tokens: what each kind carries over how many there are of it. Arrays too."""
    xp = NUMPY if hasattr(work.prefix, "shape") else SCALAR
    cached, each = xp.ratio(usd * shares.cached, work.prefix, 0.0), serving_cost.allocated_usd_per_token
    return Cost(
        allocation=allocation,
        input_usd_per_mtok=_MTOK * each(request_usd=usd, share=shares.uncached, tokens=work.uncached),
        cached_usd_per_mtok=cached * _MTOK if _any(work.prefix) else None,
        output_usd_per_mtok=_MTOK * each(request_usd=usd, share=shares.output, tokens=work.osl),
        request_usd=usd,
    )


def cost_of(
    deployment: Deployment,
    served: Served,
    usd_per_gpu_h: float,
    *,
    duty_cycle: float = 1.0,
    allocation: str = "time",
    gpus: int | None = None,
) -> Cost:
    """USD per million tokens of each kind; together they recover the request's cost exactly. Arrays too."""
    usd = request_usd(deployment, served, usd_per_gpu_h, duty_cycle, gpus)
    return allocated(shares_of(deployment, served, allocation), deployment.workload, usd, allocation)
