"""What a deployment draws while it serves, and the energy of an output token: of its GPUs alone, for every verb.

Host, network, losses and cooling come on top: the electricity of an owned machine counts them (`machine_cost`).
"""

import math
from dataclasses import dataclass

from tokenroof.catalog.power import known_power
from tokenroof.formulas.power import joules_per_token
from tokenroof.provenance import Grade
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.ranges import spread
from tokenroof.serving.power import (
    Work,
    added,
    arithmetic_joules,
    decoding_at_once,
    drawn_w,
    request_works,
    shared_power,
)
from tokenroof.types.power import Power
from tokenroof.types.program import Num
from tokenroof.types.served import Ranged, Served
from tokenroof.xp import NUMPY, SCALAR

__all__ = ["Energy", "energy_of", "joules_per_output_token", "watts_per_gpu", "work_of_request"]

Paid = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Means over all GPUs that are paid for, those without work at idle power.

    `idle_w` is what each draws between kernels, `arithmetic_w` and `memory_w` what the work adds before the limit.
    """

    watts_per_gpu: Ranged
    joules_per_output_token: Ranged
    idle_w: float
    arithmetic_w: float
    memory_w: float
    limit_w: float
    grade: Grade
    source: str
    notes: tuple[str, ...] = ()


def _works(deployment: Deployment, served: Served) -> tuple[Work, Work]:
    """Work of one request in the served state: of prompt and answer; drafts take fewer passes of more tokens."""
    split, work = deployment.prefill_workers, deployment.workload
    pools = deployment.replicas * (1 if split is None else split.decode_workers) * deployment.layout.pp
    answer_s = work.osl * served.tpot_s
    batch = decoding_at_once(served.requests_per_s / pools, answer_s, NUMPY if hasattr(answer_s, "shape") else SCALAR)
    passes = work.osl / deployment.tokens_per_step
    return request_works(deployment.timed, deployment.prompt_timed, work, batch=batch, passes=passes)


def work_of_request(deployment: Deployment, served: Served) -> Work:
    """Both together."""
    return added(*_works(deployment, served))


def _power(deployment: Deployment, served: Served, paid: Paid) -> Power | None:
    """What a GPU of the deployment draws. Of two kinds each does its own work: what waits is the mean of those that are
    paid for, the limit that of those with work, as all GPUs of one machine share one.
    """
    powers = [known_power(machine.chip) for machine in deployment.machines]
    if len(powers) == 1 or powers[0] is None or powers[1] is None:
        return None if None in powers else powers[0]
    split, each = deployment.prefill_workers, paid or tuple(machine.n_chips for machine in deployment.machines)
    assert split is not None
    front, back = powers[0], powers[1]
    share = split.n_gpus / deployment.unit_gpus
    idle_w = (front.idle_w * each[0] + back.idle_w * each[1]) / sum(each)
    limit_w = share * front.limit_w + (1.0 - share) * back.limit_w
    return shared_power((front, back), _works(deployment, served), idle_w, limit_w)


def _watts(deployment: Deployment, served: Served, power: Power, gpus: float) -> tuple[Num, Work]:
    work, used = work_of_request(deployment, served), deployment.gpus_used
    xp = NUMPY if hasattr(served.tpot_s, "shape") else SCALAR
    busy = drawn_w(power, work, served.requests_per_s / used, xp)
    return power.idle_w + (busy - power.idle_w) * (used / gpus), work


def watts_per_gpu(deployment: Deployment, served: Served, power: Power, gpus: int | None = None) -> Num:
    """Mean over the GPUs that are paid for, by default the system's. Arrays too."""
    return _watts(deployment, served, power, float(gpus or deployment.gpus))[0]


def joules_per_output_token(deployment: Deployment, served: Served, power: Power, gpus: int | None = None) -> Num:
    """Energy of all GPUs that are paid for over the tokens of answers. Arrays too."""
    paid = gpus or deployment.gpus
    tokens_per_s = served.requests_per_s * deployment.workload.osl
    return joules_per_token(watts=watts_per_gpu(deployment, served, power, paid) * paid, tokens_per_s=tokens_per_s)


def energy_of(deployment: Deployment, served: Served, paid: Paid = ()) -> Energy | None:
    """Power and energy with their 80 % ranges; None where nothing is served, or nobody published the chip's TDP.

    `paid` are the GPUs that are paid for, of each machine, by default all.
    """
    if not served.fits or not served.requests_per_s > 0.0:
        return None
    power = _power(deployment, served, paid)
    if power is None:
        return None
    gpus = sum(paid) or deployment.gpus
    watts, work = _watts(deployment, served, power, float(gpus))
    joules = float(joules_per_token(watts=watts * gpus, tokens_per_s=served.requests_per_s * deployment.workload.osl))
    per_gpu_s = served.requests_per_s / gpus
    # what the power and the speed are off by are taken as independent
    both = math.exp(math.hypot(power.spread, spread("throughput", deployment.profile)))
    wide = math.exp(power.spread)
    return Energy(
        watts_per_gpu=Ranged(value=float(watts), low=float(watts) / wide, high=min(float(watts) * wide, power.limit_w)),
        joules_per_output_token=Ranged(value=joules, low=joules / both, high=joules * both),
        idle_w=power.idle_w,
        arithmetic_w=float(arithmetic_joules(power, work.flops)) * per_gpu_s,
        memory_w=float(work.memory_bytes) * power.joules_per_byte * per_gpu_s,
        limit_w=power.limit_w,
        grade=power.grade,
        source=power.source,
        notes=power.notes,
    )
