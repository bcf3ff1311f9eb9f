"""What `calibrate` is asked and answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenroof.usecases.runs.request import Told

__all__ = ["CalibrateRequest", "CalibrateResponse", "Factor", "Fitted", "Width"]

_SAME = 0.005  # of the shipped value
_TOLD = 0.001  # errors are told to a tenth of a percent


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateRequest(Told):
    """Results to calibrate on. `save` is the name of the profile, or a path that ends in .toml."""

    save: str | None = None
    as_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One parameter: `value` times the shipped one, with its 80 % range; `moved` where the results said something.

    What they said may be that it is as shipped: `changed` is false where it is within half a percent.
    """

    name: str
    level: str
    words: str
    value: float
    low: float
    high: float
    prior_low: float
    prior_high: float
    moved: bool

    @property
    def changed(self) -> bool:
        """Whether it is another than the shipped one to two decimals."""
        return self.moved and abs(self.value - 1.0) >= _SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One measured quantity beside predictions: as shipped, by the fit, and by a fit that had not seen its result."""

    file: str
    line: int
    load: str
    quantity: str
    measured: float
    shipped: float
    calibrated: float
    held_out: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """Errors of a kind of quantity, shares of the measurement in the median, and the 80 % range before and after.

    Half-widths are logarithms; `held_out_error` is of results that the fit had not seen.
    """

    metric: str
    n: int
    shipped_error: float
    fitted_error: float
    held_out_error: float | None
    shipped_width: float
    width: float

    @property
    def worse(self) -> bool:
        """Whether results left out are predicted better as shipped, by a tenth of a percent or more."""
        return self.held_out_error is not None and self.held_out_error - self.shipped_error >= _TOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateResponse:
    """A profile of one's own. `kept` says why the shipped one stays, where results do not speak for another."""

    sentence: str
    engine: str
    family: str
    chips: tuple[str, ...]
    models: tuple[str, ...]
    results: int
    noise: float
    factors: tuple[Factor, ...]
    widths: tuple[Width, ...]
    rows: tuple[Fitted, ...]
    kept: str
    saved: str
    skipped: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    tables: Mapping[str, Any] = field(repr=False, compare=False)
