"""Where a measured latency goes: from the roof of a step to what was measured, piece by piece, adding up exactly.

Every piece but the last is a prediction of the one deployment with one thing more in it; `not explained` is what is
left of the measurement, and may be negative.
"""

import math
from dataclasses import dataclass, replace

from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.scenario.bounds import unbeatable
from tokenroof.scenario.deployment import Deployment
from tokenroof.serving.scheduling import Passes
from tokenroof.serving.steady import ServingEstimate
from tokenroof.types.program import Load as StepLoad
from tokenroof.types.program import OperatorTime, StepTimes
from tokenroof.types.workload import Load
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.work import kind_of
from tokenroof.usecases.compare.answer import Part
from tokenroof.xp import SCALAR

__all__ = ["AT_PEAK", "UNEXPLAINED", "tpot_parts", "ttft_parts"]

UNEXPLAINED = "not explained"
# The step that is predicted at the data sheet's rates. The hardware bound is lower: in it nobody waits for a prompt.
AT_PEAK = ("arithmetic at peak rates", "KV reads at peak rates")
_MATMULS = ("matmuls", "experts")
_ATTENTION = "attention over KV cache"
_NOTHING = 1e-12  # of a latency: what rounding leaves


def _ms(seconds: float) -> str:
    return f"{format_figures(1e3 * seconds)} ms"


def _ideal_s(row: OperatorTime, deployment: Deployment) -> float:
    """The row at the datasheet's rates: the larger of its arithmetic and its bytes."""
    chip = deployment.system.chip
    moved = row.weight_bytes + row.kv_read_bytes + row.kv_write_bytes + row.activation_bytes
    compute_s = row.flops / arithmetic_rate(chip, row.rate)[1] if row.rate else 0.0
    return max(compute_s, moved / chip.bytes_per_s)


def _below_peak(rows: list[OperatorTime], deployment: Deployment, times: float, name: str, kind: str) -> Part | None:
    """What kernels of a kind take beyond the datasheet's rates, their fixed times aside."""
    ideal = sum(_ideal_s(row, deployment) for row in rows)
    taken = sum(row.time_s - row.fixed_s for row in rows)
    if taken <= 0.0:
        return None
    return Part(
        name=name, time_s=times * (taken - ideal), kind=kind, evidence=f"{100.0 * ideal / taken:.0f} % of peak rates"
    )


def _split(times: StepTimes) -> tuple[float, float, float]:
    """(kernels, communication that nothing hides, fixed) of a step; they add up to it."""
    overhead = float(times.overhead_s)
    rest = float(times.step_s) - overhead
    visible = min(float(times.communication_s) - float(times.hidden_s), rest)
    return rest - visible, visible, overhead


@dataclass(frozen=True, slots=True)
class _Step:
    """One pass under the profile and at its bound, with its rows, and how often it is told."""

    times: StepTimes
    bound: StepTimes
    rows: tuple[OperatorTime, ...]
    scale: float

    def parts(self, deployment: Deployment, *, decode: float | None) -> list[Part]:
        """From the roof of the pass to the pass; `decode`: of so many requests, None for a prompt."""
        kernels, visible, fixed = _split(self.times)
        roof = min(float(self.bound.step_s), kernels)
        found = self._roof(roof, decode)
        by_kind: dict[str, list[OperatorTime]] = {}
        for row in self.rows:
            kind = kind_of(row)
            name = "matmuls" if kind in _MATMULS else "attention" if kind == _ATTENTION else "other kernels"
            if not row.collective:
                by_kind.setdefault(name, []).append(row)
        for name, limit in (("attention", "memory"), ("matmuls", "compute"), ("other kernels", "memory")):
            part = _below_peak(by_kind.get(name, []), deployment, self.scale, f"{name} below peak", limit)
            found += [] if part is None else [part]
        apart = self.scale * kernels - sum(one.time_s for one in found)
        if abs(apart) > _NOTHING * kernels:
            found.append(Part(name="operators in turn", time_s=apart, evidence=self._apart(deployment)))
        return [*found, *self._network(visible), self._fixed(deployment, fixed)]

    def _roof(self, roof: float, decode: float | None) -> list[Part]:
        scale, bound = self.scale, self.bound
        compute, weights, kv = (float(one) for one in (bound.compute_s, bound.weights_s, bound.kv_s))
        kind = "compute" if compute >= weights + kv else "memory"
        if decode is None:
            return [
                Part(name="hardware bound", time_s=scale * roof, kind=kind, evidence=f"{_ms(compute)} of arithmetic")
            ]
        needed = min(max(compute, kv), roof)
        why = f"KV reads {_ms(kv)}, arithmetic {_ms(compute)}"
        full = Part(name=AT_PEAK[compute < kv], time_s=scale * needed, kind=kind, evidence=why)
        below = f"weight reads {_ms(weights)} for {format_figures(decode)} requests"
        return [full, Part(name="batch below balance", time_s=scale * (roof - needed), kind="memory", evidence=below)]

    def _apart(self, deployment: Deployment) -> str:
        if deployment.scenario.drafts:
            return "operators in turn; the draft head"
        return "memory waits for arithmetic, and the reverse"

    def _network(self, visible: float) -> list[Part]:
        rows = [row for row in self.rows if row.collective]
        if not rows or visible == 0.0:
            return []
        calls = sum(float(row.count) for row in rows)
        each = f"{calls:,.0f} collectives of {format_figures(1e3 * sum(row.time_s for row in rows) / calls)} ms"
        return [Part(name="communication", time_s=self.scale * visible, kind="network", evidence=each)]

    def _fixed(self, deployment: Deployment, fixed: float) -> Part:
        kernels = sum(row.fixed_s for row in self.rows if not row.collective)
        text = f"host {_ms(max(fixed - kernels, 0.0))}, starts of kernels {_ms(min(kernels, fixed))}"
        return Part(name="fixed cost per step", time_s=self.scale * fixed, evidence=text)


def _decoding(deployment: Deployment, estimate: ServingEstimate) -> float:
    """Requests that are answered at once in a replica, by prediction."""
    work = deployment.workload
    running = float(estimate.in_flight)
    if deployment.prefill_workers is not None:
        running = float(estimate.requests_per_s * estimate.e2e_s) / deployment.prefill_workers.decode_workers
    if deployment.load.kind == "static" or deployment.disaggregated:
        return max(running, 1.0)
    new = max(work.isl - work.prefix, 1.0)
    passes = Passes(deployment.timed, deployment.scheduler, work.isl, new, work.context, SCALAR)
    return float(passes.answering(max(running, 1.0), work.osl / deployment.tokens_per_step))


def _closed(parts: list[Part], measured_s: float, why: str) -> tuple[Part, ...]:
    """With what is left of the measurement as the last part, so that all add up to it."""
    kept = [one for one in parts if abs(one.time_s) > _NOTHING * measured_s]
    left = measured_s - math.fsum(one.time_s for one in kept)
    return (*kept, Part(name=UNEXPLAINED, time_s=left, evidence=why))


def tpot_parts(deployment: Deployment, measured_s: float, predicted_s: float, inside: bool) -> tuple[Part, ...]:
    """A measured TPOT. `predicted_s` is the forecast as a client counts it, `inside` that its range holds the run."""
    estimate = deployment.estimate(deployment.load)
    layout, work = deployment.layout, deployment.workload
    answered = _decoding(deployment, estimate)
    share = max(answered / layout.pp, 1.0)
    load = StepLoad(share, share, work.context)
    times = deployment.timed.step(decode=load)
    scale = 1.0 / deployment.tokens_per_step
    bound = unbeatable(deployment).step(decode=load)
    rows = operator_table(deployment.program, deployment.system, decode=load, profile=deployment.profile)
    parts = _Step(times, bound, rows, scale).parts(deployment, decode=share)
    step_s = float(times.step_s)
    known = estimate.answered_step_s if estimate.answered_step_s is not None else estimate.decode_step_s
    round_s = float(known)
    if layout.pp > 1:
        uneven = f"{layout.pp} stages wait for the fullest of them"
        parts.append(Part(name="pipeline", time_s=scale * (round_s - step_s), evidence=uneven))
    else:
        round_s = step_s
    tpot_s = float(estimate.tpot_s) * scale
    others = tpot_s - scale * round_s
    again = float(estimate.again)
    put_back = f"; no memory: prefilled {again:.2f} times" if again > 1.005 else ""
    text = f"{estimate.in_flight:,.0f} requests, prompts of {work.uncached:,.0f} tokens"
    parts.append(Part(name="prefill of other requests", time_s=others, kind="compute", evidence=f"{text}{put_back}"))
    if abs(predicted_s - tpot_s) > _NOTHING * tpot_s:
        chunks = "the client counts chunks, several tokens in each"
        parts.append(Part(name="chunks", time_s=predicted_s - tpot_s, evidence=chunks))
    return _closed(parts, measured_s, _rest(measured_s, predicted_s, inside))


def _rest(measured_s: float, predicted_s: float, inside: bool) -> str:
    where = "inside" if inside else "outside"
    return f"predicted {_ms(predicted_s)}, {where} the 80 % range"


def ttft_parts(deployment: Deployment, measured_s: float, predicted_s: float, inside: bool) -> tuple[Part, ...]:
    """A measured TTFT."""
    work, load = deployment.workload, deployment.load
    prompt = StepLoad(work.uncached, 1.0, work.isl)
    timed = deployment.prompt_timed
    prompts = deployment if deployment.prefill_workers is None else replace(deployment, timed=timed)
    rows = operator_table(timed.program, deployment.system, prefill=prompt, profile=deployment.profile)
    bound = unbeatable(deployment).step(prefill=prompt)
    step = timed.step(prefill=prompt)
    parts = _Step(step, bound, rows, 1.0).parts(prompts, decode=None)
    if load.kind == "static":
        beside = predicted_s - float(step.step_s)
        text = f"{load.value:,.0f} prompts are prefilled together"
        parts.append(Part(name="prefill of other requests", time_s=beside, kind="compute", evidence=text))
        return _closed(parts, measured_s, _rest(measured_s, predicted_s, inside))
    outside = float(deployment.profile.outside_s(work.isl))
    host = "HTTP, tokeniser, scheduler"
    parts.append(Part(name="request outside the passes", time_s=outside, evidence=host))
    one = deployment.closed(1.0, Load(kind="concurrency", value=1.0))
    alone = float(one.ttft_s if deployment.disaggregated else one.settled_ttft_s)
    chunk = f"chunks of {deployment.scheduler.token_budget:,.0f} tokens beside decode"
    parts.append(Part(name="steps, not one pass", time_s=alone - outside - float(step.step_s), evidence=chunk))
    parts += _waiting(deployment, alone, predicted_s)
    return _closed(parts, measured_s, _rest(measured_s, predicted_s, inside))


def _waiting(deployment: Deployment, alone_s: float, predicted_s: float) -> list[Part]:
    """From a prompt alone to the prediction: other prompts, the queue for memory, the first wave."""
    load = deployment.load
    found = deployment.estimate(load)
    if deployment.disaggregated:
        text = "prompts that come together, and the cache on its way to decode workers"
        return [Part(name="waiting for other prompts", time_s=predicted_s - alone_s, kind="compute", evidence=text)]
    settled = float(found.settled_ttft_s)
    room, held = deployment.room(), load.value / deployment.replicas
    queue = 0.0
    if load.kind == "concurrency" and held > room >= 1.0:
        inside = deployment.estimate(replace(load, value=room * deployment.replicas))
        queue = settled - float(inside.settled_ttft_s)
    text = "prompts that come together; the step under way"
    parts = [Part(name="waiting for other prompts", time_s=settled - alone_s - queue, kind="compute", evidence=text)]
    if queue:
        held_text = f"{held:,.0f} asked for, memory holds {room:,.0f}"
        parts.append(Part(name="queue for memory", time_s=queue, kind="memory", evidence=held_text))
    wave = f"{load.value:,.0f} of {load.requests or math.inf:,.0f} requests start together"
    parts.append(Part(name="first wave", time_s=predicted_s - settled, evidence=wave))
    return parts
