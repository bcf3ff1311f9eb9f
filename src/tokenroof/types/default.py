"""A value that the user did not give, and why tokenroof took it."""

from dataclasses import dataclass

__all__ = ["Default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """`field` is the name of the input as every door spells it; a door adds its own dashes."""

    field: str
    value: str
    reason: str
