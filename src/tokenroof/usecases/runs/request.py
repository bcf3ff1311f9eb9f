"""What `runs`, `compare`, `calibrate` and `next` are told beside result files."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.types.limits import Degree, Requests, Share, Tokens, Within

__all__ = ["RunsRequest", "Told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Result files and logs of a start, and what they do not say. None: as the file has it.

    `format` names one that is not to be found from the file. `server_cmd` is the launch command, which stands below
    what is given here. `interval_s` is the time between the scrapes of a file of metrics. Degrees are of one replica,
    lengths means; `prefix` is in tokens of a prompt.
    """

    results: tuple[str, ...] = ()
    format: str | None = None
    server_cmd: str | None = None
    interval_s: Annotated[float | None, Within(0.0, 86_400.0, "seconds", above=True)] = None
    model: str | None = None
    system: str | None = None
    tp: Degree = None
    pp: Degree = None
    ep: Degree = None
    dp: Degree = None
    weight_dtype: str | None = None
    kv_dtype: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    memory_fraction: Annotated[float | None, Within(0.05, 1.0)] = None
    max_num_seqs: Annotated[int | None, Within(1, 1e7)] = None
    max_batched_tokens: Annotated[int | None, Within(16, 1e7, "tokens")] = None
    isl: Tokens = None
    osl: Tokens = None
    prefix: Annotated[float | None, Within(0.0, 1e9, "tokens")] = None
    concurrency: Requests = None
    request_rate: Requests = None
    drafts: Annotated[int | None, Within(0, 64)] = None
    acceptance: Share = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsRequest(Told):
    """Told, for `runs`. `url` is a server whose metrics are read twice, `interval_s` apart."""

    url: str | None = None
