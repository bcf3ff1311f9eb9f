"""The noun that every door speaks: a model on a system, in a layout and formats, under an engine and a load."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.errors import InputError
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.limits import (
    Degree,
    Dollars,
    OneOf,
    Pairs,
    Requests,
    Share,
    Tokens,
    TpotLimit,
    TtftLimit,
    Within,
)

__all__ = ["DEGREES", "LOADS", "MODES", "Scenario", "scenario_faults"]

DEGREES = ("tp", "pp", "ep", "dp", "cp")
LOADS = ("batch", "concurrency", "request_rate", "users")
MODES = ("agg", "disagg", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The whole question. None means: choose, and say so. Names are those of the command line's options; SI inside.

    Degrees are of one replica; `replicas` copies of it stand on the system. `context` is the mean length of a sequence
    in decode, for those who do not give `isl` and `osl`. At most one of `batch` (requests at once in one replica),
    `concurrency` (on the whole system), `request_rate` (requests/s) and `users` (who read for `think` seconds between
    requests) is the load; without one the system is filled up to its limits. `ttft` and `tpot` are limits in seconds
    on means. `memory_fraction`, `max_num_seqs` and `max_batched_tokens` are the engine's own settings. `set` overrides
    facts of the catalogue for this question: pairs such as ("chip.memory_bandwidth", "1.5x").
    """

    model: str
    system: str
    tp: Degree = None
    pp: Degree = None
    ep: Degree = None
    dp: Degree = None
    cp: Degree = None
    redundant_experts: Annotated[int | None, Within(0, 100_000)] = None
    replicas: Degree = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    engine: str = DEFAULT_ENGINE
    engine_version: str = ""
    memory_fraction: Annotated[float | None, Within(0.05, 1.0)] = None
    max_num_seqs: Annotated[int | None, Within(1, 1e7)] = None
    max_batched_tokens: Annotated[int | None, Within(16, 1e7, "tokens")] = None
    isl: Tokens = None
    osl: Tokens = None
    prefix: Annotated[float, Within(0.0, 1e9, "tokens")] = 0.0
    context: Tokens = None
    batch: Annotated[float | None, Within(1.0, 1e9, "requests decoded together")] = None
    concurrency: Requests = None
    request_rate: Requests = None
    users: Requests = None
    think: Annotated[float, Within(0.0, 1e6, "seconds")] = 30.0
    ttft: TtftLimit = None
    tpot: TpotLimit = None
    slo: str | None = None
    mode: Annotated[str, OneOf(MODES)] = "agg"
    acceptance: Share = None
    drafts: Annotated[int | None, Within(0, 64)] = None
    price_per_gpu_hour: Dollars = None
    profile: str = "auto"
    set: Annotated[tuple[tuple[str, str], ...], Pairs()] = ()


def scenario_faults(scenario: Scenario) -> tuple[InputError, ...]:
    """What fields say against each other, whatever model and system are: the rules that need no catalogue."""
    faults = []
    loads = {name: value for name in LOADS if (value := getattr(scenario, name)) is not None}
    if len(loads) > 1:
        given = ", ".join(f"{name} {value:g}" for name, value in loads.items())
        faults.append(InputError("load", given, f"one of {', '.join(LOADS)}", "leave the others out"))
    isl, osl, context = scenario.isl, scenario.osl, scenario.context
    if isl is not None and scenario.prefix > isl - 1.0:
        limit = f"at most isl - 1 = {isl - 1:g}"
        faults.append(InputError("prefix", scenario.prefix, limit, "one token is always uncached"))
    if isl is not None and osl is not None and context is not None and abs(isl + osl / 2.0 - context) > 0.5:
        faults.append(InputError("context", context, f"isl + osl / 2 = {isl + osl / 2:g}", "leave one of them out"))
    return tuple(faults)
