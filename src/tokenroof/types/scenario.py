"""The noun that every door speaks: a model on a system, in a layout and formats, under an engine and a load."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from tokenroof.errors import InputError
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.layout import A2A_BACKENDS
from tokenroof.types.limits import (
    Degree,
    Dollars,
    OneOf,
    Pairs,
    Pause,
    Rate,
    Requests,
    Share,
    Tokens,
    TpotLimit,
    TtftLimit,
    Within,
)

__all__ = ["APART", "DEGREES", "LOADS", "MODES", "NEEDS", "OSL_FIX", "Scenario", "over", "scenario_faults"]

DEGREES = ("tp", "pp", "ep", "dp", "cp", "dcp")
APART = ("prefill_layout", "decode_layout", "prefill_workers", "decode_workers", "decode_system")
LOADS = ("batch", "concurrency", "request_rate", "users")
MODES = ("agg", "disagg", "auto")
# field -> the field without which it would change nothing
NEEDS = {
    "think": "users", "acceptance": "drafts", "drafts": "acceptance", "prefill_layout": "decode_layout",
    "decode_layout": "prefill_layout", "prefill_workers": "prefill_layout", "decode_workers": "decode_layout",
    "decode_system": "decode_layout",
}  # fmt: skip
# what means nothing where prompts and answers have workers of their own, and what to give in its place
_NOT_APART = {
    **dict.fromkeys(DEGREES, "give the degrees in decode_layout"),
    "redundant_experts": "give them in each layout: 'dp72 ep72 redundant32'",
    "batch": "give concurrency, request_rate or users",
}
OSL_FIX = "one token has no time per output token; with 2 read TTFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The whole question. None means: choose, and say so. Names are those of the command line's options; SI inside.

    Degrees are of one replica; `replicas` copies of it stand on the system. `prefill_layout` and `decode_layout`,
    such as "tp4 pp2", put prompts and answers on workers of their own, so many of each in a replica; those that decode
    stand on `decode_system`, a machine beside `system`, where it is another. `context` is the mean length of a sequence
    in decode, for those who do not give `isl` and `osl`. At most one of `batch`
    (requests at once in one replica), `concurrency` (on the whole system), `request_rate` (requests/s) and `users`
    (who read for `think` seconds between requests, 30 where it is not given) is the load; without one the system is
    filled up to its limits. `ttft` and `tpot` are limits in seconds on means. `drafts` tokens are drafted for each
    step and accepted at the rate `acceptance`. Between dp groups tokens reach their experts by `moe_a2a_backend`, as
    `dispatch_dtype`, with `two_batch_overlap` behind the work of the other half of the batch. `memory_fraction`,
    `max_num_seqs`, `max_batched_tokens` and `gather_passes` (passes that attention-DP ranks wait at most until all have
    a prompt) are the engine's own settings. `set` overrides facts of the catalogue for this question: pairs such as
    ("chip.memory_bandwidth", "1.5x").
    """

    model: str
    system: str
    tp: Degree = None
    pp: Degree = None
    ep: Degree = None
    dp: Degree = None
    cp: Degree = None
    dcp: Degree = None
    redundant_experts: Annotated[int | None, Within(0, 100_000)] = None
    prefill_layout: str | None = None
    decode_layout: str | None = None
    prefill_workers: Degree = None
    decode_workers: Degree = None
    decode_system: str | None = None
    replicas: Degree = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    engine: str = DEFAULT_ENGINE
    engine_version: str = ""
    memory_fraction: Annotated[float | None, Within(0.05, 1.0)] = None
    max_num_seqs: Annotated[int | None, Within(1, 1e7)] = None
    max_batched_tokens: Annotated[int | None, Within(16, 1e7, "tokens")] = None
    gather_passes: Annotated[float | None, Within(0.0, 10_000.0, "passes")] = None
    moe_a2a_backend: Annotated[str | None, OneOf(A2A_BACKENDS)] = None
    dispatch_dtype: str | None = None
    two_batch_overlap: bool | None = None
    isl: Tokens = None
    osl: Annotated[float | None, Within(2.0, 1e9, "tokens", low_fix=OSL_FIX)] = None
    prefix: Annotated[float, Within(0.0, 1e9, "tokens")] = 0.0
    context: Annotated[float | None, Within(2.0, 1e9, "tokens")] = None
    batch: Annotated[float | None, Within(1.0, 1e9, "requests in one step")] = None
    concurrency: Requests = None
    request_rate: Rate = None
    users: Requests = None
    think: Pause = None
    ttft: TtftLimit = None
    tpot: TpotLimit = None
    slo: str | None = None
    mode: Annotated[str, OneOf(MODES)] = "agg"
    acceptance: Share = None
    drafts: Annotated[int | None, Within(0, 64)] = None
    price_per_gpu_hour: Dollars = None
    profile: str = "auto"
    set: Annotated[tuple[tuple[str, str], ...], Pairs()] = ()

    alone: ClassVar[frozenset[str]] = frozenset()  # what this verb reads without the field that it needs elsewhere


def over(held: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a scenario with others laid over them; a load takes the place of the load that was there."""
    replaced: set[str] = set()
    if any(given.get(name) is not None for name in LOADS):
        replaced = {*LOADS, "think"} - {"think" if given.get("users") is not None else ""}
    return {**{name: value for name, value in held.items() if name not in replaced}, **given}


def scenario_faults(scenario: Scenario, alone: frozenset[str] | None = None) -> tuple[InputError, ...]:
    """What fields say against each other, whatever model and system are: the rules that need no catalogue.

    `alone` are fields that are used without the one that they need elsewhere; by default those of the scenario's class.
    """
    free = scenario.alone if alone is None else alone
    faults = []
    loads = {name: value for name in LOADS if (value := getattr(scenario, name)) is not None}
    if len(loads) > 1:
        given = ", ".join(f"{name} {value:g}" for name, value in loads.items())
        faults.append(InputError("load", given, f"one of {', '.join(LOADS)}", "leave the others out"))
    isl, osl = (one if isinstance(one, int | float) else None for one in (scenario.isl, scenario.osl))
    context = scenario.context  # `simulate` has distributions of lengths, which are compared as means later
    if isl is not None and scenario.prefix > isl - 1.0:
        limit = f"at most isl - 1 = {isl - 1:g}"
        faults.append(InputError("prefix", scenario.prefix, limit, "one token is always uncached"))
    if isl is not None and osl is not None and context is not None and abs(isl + osl / 2.0 - context) > 0.5:
        faults.append(InputError("context", context, f"isl + osl / 2 = {isl + osl / 2:g}", "leave one of them out"))
    for name, needed in NEEDS.items():
        value = getattr(scenario, name)
        unused = value is not None and not (name == "drafts" and value == 0)
        if unused and name not in free and getattr(scenario, needed) is None:
            faults.append(InputError(name, value, f"given with `{needed}`", "it changes nothing alone"))
    if scenario.prefill_layout is not None:
        faults += [
            InputError(name, value, "left out: prefill_layout and decode_layout name the layouts", fix)
            for name, fix in _NOT_APART.items()
            if (value := getattr(scenario, name)) is not None
        ]
    if scenario.engine == "none" and scenario.engine_version:
        faults.append(InputError("engine_version", scenario.engine_version, "left out where engine is none"))
    return tuple(faults)
