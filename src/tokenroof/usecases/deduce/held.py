"""How often the 80 % intervals of the joint posterior held the truth, on models that are known.

The lab that trained a model is left out of lines, priors and mark-up, each architecture counts once. The last row is
of sheets that no line was fitted to, and that forms were developed on. docs/deduction.md has all of it.
"""

from dataclasses import dataclass

from tokenroof.infer.report import LAB_KNOWN, NEW_FROM

__all__ = ["CLOSED", "HELD", "Held", "sheets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Shares of `sheets` whose truth lay in the 80 % interval of each unknown, and in the joint 80 % region.

    `fitted` says whether prices of other labs of the same set are in the lines. Of closed models the cache is not
    known, so that neither it nor the region has a share; `total_width` is how wide the total's intervals were, high
    over low.
    """

    name: str
    fitted: bool
    sheets: int
    total_params: float
    active_params: float
    kv_bytes_per_token: float | None
    region: float | None
    total_width: float | None = None


def _held(
    name: str, sheets: int, total: float, active: float, cache: float, region: float, *, fitted: bool = True
) -> Held:  # fmt: skip
    return Held(
        name=name, fitted=fitted, sheets=sheets, total_params=total, active_params=active, kv_bytes_per_token=cache,
        region=region,
    )  # fmt: skip


# tests/infer hold every row to the posteriors of today
HELD = (
    _held("hosts, models of 2023-24", 42, 0.82, 0.81, 0.93, 0.90),
    _held("hosts, models of 2025-26", 72, 0.78, 0.79, 0.79, 0.77),
    _held("sheets, models of 2023-24", 29, 0.74, 0.90, 0.88, 0.74),
    _held("sheets, models of 2025-26", 84, 0.76, 0.87, 0.80, 0.83),
    _held("all", 227, 0.76, 0.84, 0.85, 0.80),
    _held(LAB_KNOWN, 210, 0.80, 0.81, 0.81, 0.74),
    _held("sheets that nothing was fitted to", 63, 0.76, 0.69, 0.84, 0.75, fitted=False),
)

# closed models whose size the lab gave or that leaked, read as closed; their prices are in no line but in the mark-up
CLOSED = Held(
    name="closed models of known size", fitted=False, sheets=14, total_params=0.86, active_params=0.93,
    kv_bytes_per_token=None, region=None, total_width=43.2,
)  # fmt: skip


def sheets_of(released: float) -> str:
    """The group of sheets of labs and single sellers that a model of this year is in."""
    return f"sheets, models of {'2025-26' if released >= NEW_FROM else '2023-24'}"
