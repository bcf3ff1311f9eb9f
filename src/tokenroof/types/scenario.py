"""The noun that every door speaks: a model on a system, in a layout and formats, under an engine and a load."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.types.limits import Degree, Dollars, OneOf, Requests, Seconds, Share, Tokens, Within

__all__ = ["DEGREES", "MODES", "Scenario"]

DEGREES = ("tp", "pp", "ep", "dp", "cp")
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
    engine: str = "vllm"
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
    ttft: Seconds = None
    tpot: Seconds = None
    slo: str | None = None
    mode: Annotated[str, OneOf(MODES)] = "agg"
    acceptance: Share = None
    drafts: Annotated[int | None, Within(0, 64)] = None
    price_per_gpu_hour: Dollars = None
    profile: str = "auto"
    set: tuple[tuple[str, str], ...] = ()
