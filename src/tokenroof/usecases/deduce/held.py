"""How often the 80 % intervals of the joint posterior held the truth, on models that are known.

The lab that trained a model is left out of lines, priors and mark-up, each architecture counts once. The last row is
of sheets that no line was fitted to, and that forms were developed on. docs/deduction.md has all of it.
"""

from dataclasses import dataclass

__all__ = ["HELD", "Held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Shares of `sheets` whose truth lay in the 80 % interval of each unknown, and in the joint 80 % region.

    `fitted` says whether prices of other labs of the same set are in the lines.
    """

    name: str
    fitted: bool
    sheets: int
    total_params: float
    active_params: float
    kv_bytes_per_token: float
    region: float


def _held(
    name: str, sheets: int, total: float, active: float, cache: float, region: float, *, fitted: bool = True
) -> Held:  # fmt: skip
    return Held(
        name=name, fitted=fitted, sheets=sheets, total_params=total, active_params=active, kv_bytes_per_token=cache,
        region=region,
    )  # fmt: skip


# tests/infer hold every row to the posteriors of today
HELD = (
    _held("hosts, models of 2023-24", 42, 0.89, 0.90, 0.94, 0.87),
    _held("hosts, models of 2025-26", 72, 0.78, 0.81, 0.73, 0.86),
    _held("sheets, models of 2023-24", 29, 0.79, 0.83, 0.90, 0.75),
    _held("sheets, models of 2025-26", 84, 0.67, 0.85, 0.78, 0.83),
    _held("all", 227, 0.77, 0.83, 0.84, 0.83),
    _held("sheets that nothing was fitted to", 63, 0.74, 0.82, 0.80, 0.78, fitted=False),
)
