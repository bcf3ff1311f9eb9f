"""From the work of a request to what its GPUs draw: one rule for every verb, on floats and arrays.

A request is its prompt, one pass for each dp group, and so many decode passes shared with those that decode beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenroof.formulas import power as f
from tokenroof.operators.timing import Timed
from tokenroof.provenance import worst_grade
from tokenroof.types.power import Power
from tokenroof.types.program import Load, Num
from tokenroof.types.workload import Workload
from tokenroof.xp import SCALAR, Namespace

__all__ = [
    "Work",
    "added",
    "arithmetic_joules",
    "decoding_at_once",
    "drawn_w",
    "request_work",
    "request_works",
    "shared_power",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """FLOP by rate key and bytes of memory traffic, of all GPUs together."""

    flops: Mapping[str, Num]
    memory_bytes: Num


def decoding_at_once(requests_per_s: Num, answer_s: Num, xp: Namespace = SCALAR) -> Num:
    """Requests that share a decode pass, by Little's law; no pass runs for fewer than one."""
    return xp.maximum(requests_per_s * answer_s, 1.0)


def request_works(decode: Timed, prompt: Timed, workload: Workload, *, batch: Num, passes: Num) -> tuple[Work, Work]:
    """Work of one request: of its prompt, and of `passes` decode passes with `batch` requests in each."""
    load = Load(batch, batch, workload.context)
    groups = prompt.program.layout.dp
    answer = decode.counts(decode=load)
    asked = prompt.counts(prefill=Load(workload.uncached * groups, 1.0 * groups, workload.isl))
    # counts are of one GPU of each stage, and a pass serves all that are in it
    of_answer = decode.program.layout.stage * passes / batch
    of_prompt = prompt.program.layout.stage / groups
    return (
        Work(
            flops={key: of_prompt * count for key, count in asked.flops.items()},
            memory_bytes=of_prompt * asked.memory_bytes,
        ),
        Work(
            flops={key: of_answer * count for key, count in answer.flops.items()},
            memory_bytes=of_answer * answer.memory_bytes,
        ),
    )  # fmt: skip


def request_work(decode: Timed, prompt: Timed, workload: Workload, *, batch: Num, passes: Num) -> Work:
    """The work of both together."""
    return added(*request_works(decode, prompt, workload, batch=batch, passes=passes))


def added(asked: Work, answer: Work) -> Work:
    """Prompt and answer together."""
    keys = dict.fromkeys((*answer.flops, *asked.flops))
    return Work(
        flops={key: answer.flops.get(key, 0.0) + asked.flops.get(key, 0.0) for key in keys},
        memory_bytes=answer.memory_bytes + asked.memory_bytes,
    )


def shared_power(
    powers: tuple[Power, Power], works: tuple[Work, Work], idle_w: Any, limit_w: Any, xp: Namespace = SCALAR
) -> Power:
    """Two kinds of GPU as one: energy of arithmetic and memory as these two works spend it, `idle_w` and `limit_w`
    means over all of them.
    """
    first, second = works
    pairs = list(zip(powers, works, strict=True))
    flops: dict[str, Any] = {}
    for key in dict.fromkeys((*first.flops, *second.flops)):
        joules = sum(work.flops.get(key, 0.0) * power.joules_per_flop[key] for power, work in pairs)
        flops[key] = xp.ratio(joules, sum(work.flops.get(key, 0.0) for work in works), powers[0].joules_per_flop[key])
    joules = sum(work.memory_bytes * power.joules_per_byte for power, work in pairs)
    per_byte: Any = joules / (first.memory_bytes + second.memory_bytes)
    return Power(
        idle_w=idle_w, limit_w=limit_w, joules_per_flop=flops, joules_per_byte=per_byte,
        spread=max(one.spread for one in powers), source="; ".join(dict.fromkeys(one.source for one in powers)),
        as_of=min(one.as_of for one in powers), grade=worst_grade(one.grade for one in powers),
        notes=tuple(dict.fromkeys(note for one in powers for note in one.notes)),
    )  # fmt: skip


def arithmetic_joules(power: Power, flops: Mapping[str, Num]) -> Num:
    """Energy of arithmetic, each format at its own."""
    return sum(count * power.joules_per_flop[key] for key, count in flops.items())


def drawn_w(power: Power, work: Work, per_gpu_s: Num, xp: Namespace = SCALAR) -> Num:
    """Watts of a GPU that does `per_gpu_s` of these requests in a second: their number over the GPUs that share it."""
    flops = sum(work.flops.values())
    joules = f.step_joules(
        flops=flops * per_gpu_s, joules_per_flop=xp.ratio(arithmetic_joules(power, work.flops), flops, 0.0),
        moved_bytes=work.memory_bytes * per_gpu_s, joules_per_byte=power.joules_per_byte, idle_watts=power.idle_w,
        step_s=1.0, xp=xp,
    )  # fmt: skip
    return f.drawn_watts(joules=joules, step_s=1.0, limit_watts=power.limit_w, xp=xp)
