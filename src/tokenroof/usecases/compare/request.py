"""What `compare` is asked."""

from dataclasses import dataclass

from tokenroof.usecases.runs.request import Told

__all__ = ["CompareRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest(Told):
    """Told, for `compare`: predictions are made with `profile`, and `changes` looks for what would help most.

    `url` is a server whose metrics are read twice, `interval_s` apart.
    """

    url: str | None = None
    profile: str = "auto"
    changes: bool = True
