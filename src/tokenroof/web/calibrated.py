"""Results calibrated for a page: what `calibrate` answers, and the curve of `compare` by its profile."""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tokenroof.usecases.calibrate.run import CalibrateRequest, CalibrateResponse, calibrate, saved
from tokenroof.usecases.compare.answer import LatencyPoint
from tokenroof.usecases.compare.run import CompareRequest, compare, curve_of
from tokenroof.usecases.runs.request import Told

__all__ = ["Calibrated", "calibrated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """`curve` goes through the run that `compare` puts first; empty where the shipped profile stays."""

    calibration: CalibrateResponse
    curve: tuple[LatencyPoint, ...]


def calibrated(request: CalibrateRequest, tell: Any) -> Calibrated:
    """Fit, and draw; the profile is gone with the answer."""
    answer = calibrate(request)
    tell(0.7)
    if answer.kept:
        return Calibrated(calibration=answer, curve=())
    told = {one.name: getattr(request, one.name) for one in fields(Told)}
    worst = compare(CompareRequest(**told, changes=False)).runs[0]
    with tempfile.TemporaryDirectory(prefix="tokenroof-") as folder:
        profile = saved(str(Path(folder) / "own.toml"), answer.tables)
        curve = curve_of(CompareRequest(**told, changes=False, profile=profile), worst.file, worst.line)
    return Calibrated(calibration=answer, curve=curve)
