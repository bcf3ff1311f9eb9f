"""The answer of `calibrate` as rows."""

from dataclasses import asdict
from typing import Any

from tokenroof.usecases.calibrate.answer import CalibrateResponse

__all__ = ["factor_rows", "rows_of"]


def rows_of(answer: CalibrateResponse) -> list[dict[str, Any]]:
    """Every measured quantity with its predictions, in seconds or tokens a second."""
    return [asdict(one) for one in answer.rows]


def factor_rows(answer: CalibrateResponse) -> list[dict[str, Any]]:
    """The parameters."""
    return [asdict(one) for one in answer.factors]
