"""One decode step by operator and by kind of work, and how near it comes to the peak."""

from tokenroof.operators.program import totals
from tokenroof.operators.sensitivity import seconds_by_input
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.model import MoeFfn
from tokenroof.types.program import Load, OperatorTime, StepTimes
from tokenroof.usecases.analyze.answer import Work

__all__ = [
    "decode_load", "decode_rows", "experts_per_gpu", "kind_of", "nearness", "prefill_rows", "waits_of", "work_of"
]  # fmt: skip

_KINDS = {
    "gemm": "matmuls",
    "bmm": "matmuls",
    "grouped_gemm": "experts",
    "embedding": "norms, embedding, sampling",
    "norm": "norms, embedding, sampling",
    "elementwise": "norms, embedding, sampling",
    "sampling": "norms, embedding, sampling",
}
_FAMILIES = {
    "attention": "attention over KV cache",
    "mla": "attention over KV cache",
    "indexer": "attention over KV cache",
    "recurrence": "recurrence over state",
}
_NETWORK = "communication between GPUs"
_HOST, _DRAFTING = "host", "drafting"
_NOTHING = 1e-3


def decode_load(deployment: Deployment, batch: float) -> Load:
    """One decode step of `batch` requests; with drafts it verifies them too."""
    drafts = deployment.scenario.drafts or 0
    return Load(batch * (1.0 + drafts), batch, deployment.workload.context)


def decode_rows(deployment: Deployment, batch: float) -> tuple[OperatorTime, ...]:
    """The operators of a decode step."""
    return operator_table(
        deployment.program, deployment.system, decode=decode_load(deployment, batch), profile=deployment.profile
    )


def waits_of(deployment: Deployment, batch: float) -> dict[str, float]:
    """Seconds of a decode step by the rate or fixed time that it waits for: its exact derivatives."""
    found = seconds_by_input(
        deployment.program, deployment.system, deployment.profile, decode=decode_load(deployment, batch)
    )
    return dict(found.by_input)


def prefill_rows(deployment: Deployment) -> tuple[OperatorTime, ...]:
    """The operators of the prefill of one prompt alone."""
    work = deployment.workload
    load = Load(work.uncached, 1.0, work.isl)
    timed = deployment.prompt_timed
    return operator_table(timed.program, deployment.machines[0], prefill=load, profile=timed.profile)


def kind_of(row: OperatorTime) -> str:
    """The kind of work that an operator counts under."""
    if row.collective:
        return _NETWORK
    return _KINDS.get(row.kind) or _FAMILIES.get(row.kind.partition("_")[0], row.kind)


def work_of(
    rows: tuple[OperatorTime, ...], step_s: float, drafting_s: float = 0.0, hidden_s: float = 0.0
) -> tuple[Work, ...]:
    """Kinds of work, longest first; what neither the rows nor drafts explain is the host. Communication counts as far
    as it is not `hidden_s` beside work.
    """
    seconds: dict[str, float] = {}
    bounds: dict[str, dict[str, float]] = {}
    for row in rows:
        kind = kind_of(row)
        seconds[kind] = seconds.get(kind, 0.0) + row.time_s
        by = bounds.setdefault(kind, {})
        by[row.bound] = by.get(row.bound, 0.0) + row.time_s
    if _NETWORK in seconds:
        seconds[_NETWORK] -= hidden_s
        if hidden_s and seconds[_NETWORK] <= _NOTHING * step_s:
            del seconds[_NETWORK]
    if drafting_s > 0.0:
        seconds[_DRAFTING], bounds[_DRAFTING] = drafting_s, {"overhead": drafting_s}
    host = step_s - sum(seconds.values())
    if host > _NOTHING * step_s:
        seconds[_HOST], bounds[_HOST] = host, {"overhead": host}
    return tuple(
        Work(kind=kind, time_s=time, share=time / step_s, bound_by=max(bounds[kind], key=lambda b: bounds[kind][b]))
        for kind, time in sorted(seconds.items(), key=lambda item: -item[1])
    )


def nearness(deployment: Deployment, batch: float, times: StepTimes) -> tuple[float, float]:
    """(MFU, MBU) of a decode step: arithmetic and bytes that must be read, over time and dense peak."""
    counts = totals(deployment.program, decode=decode_load(deployment, batch))
    chip, step_s = deployment.system.chip, float(times.step_s)
    compute_s = sum(float(n) / arithmetic_rate(chip, key)[1] for key, n in counts.flops.items())
    read = float(counts.weight_bytes + counts.kv_read_bytes)
    return compute_s / step_s, read / chip.bytes_per_s / step_s


def experts_per_gpu(deployment: Deployment) -> float | None:
    """Expert slots of a layer on each GPU; None for a dense model."""
    layout = deployment.layout
    for group in deployment.model.layers:
        if isinstance(group.ffn, MoeFfn):
            return (group.ffn.n_experts + layout.redundant_experts) / layout.ep
    return None
