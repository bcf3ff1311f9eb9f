"""What `compare`, `calibrate` and `next` are told beside result files."""

from dataclasses import dataclass
from typing import Annotated

from tokenroof.types.limits import Degree, Share, Tokens, Within

__all__ = ["CompareRequest", "Told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Result files, and what they do not say about the deployment that was measured. None: as the file has it.

    Degrees are of one replica. `server_cmd` is the launch command, which stands below what is given here; `profile` is
    what predictions are made with.
    """

    results: tuple[str, ...]
    model: str | None = None
    isl: Tokens = None
    osl: Tokens = None
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
    prefix: Annotated[float | None, Within(0.0, 1e9, "tokens")] = None
    drafts: Annotated[int | None, Within(0, 64)] = None
    acceptance: Share = None
    server_cmd: str | None = None
    profile: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest(Told):
    """Told, for `compare`; `changes` looks for what would help most."""

    changes: bool = True
