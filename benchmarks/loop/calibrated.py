"""Half of the points as one's own results: calibrated on one model, the points of the other are predicted."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from loop.predict import FORMATS, SLOTS, Point, result_name, tpot_ms

__all__ = ["errors_after"]


def _fit(points: Iterable[Point], folder: Path, chip: Path) -> Path | None:
    """The profile of one model in one format; None where it has too few points."""
    held = list(points)
    first = held[0]
    saved = folder / f"calibrated-{first.format}.toml"
    files = [str(folder / result_name(one.model, one.format, one.isl, one.concurrency)) for one in held]
    command = [
        sys.executable, "-m", "tokenroof", "calibrate", *files, "--system", str(chip), "--engine", "llama.cpp",
        "--max-num-seqs", str(SLOTS), "--model", str(folder / f"{first.model}.json"),
        "--weight-dtype", FORMATS[first.format], "--save", str(saved),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return saved if done.returncode == 0 else None


def errors_after(points: list[Point], folder: Path, chip: Path) -> list[float]:
    """Errors of TPOT on every model but the first, by what was calibrated on the first."""
    errors = []
    models = dict.fromkeys(one.model for one in points)
    for format in dict.fromkeys(one.format for one in points):
        own = [one for one in points if one.format == format]
        profile = _fit([one for one in own if one.model == next(iter(models))], folder, chip)
        for one in own:
            if profile is not None and one.model != next(iter(models)):
                found = tpot_ms(one, chip, folder / f"{one.model}.json", str(profile))
                errors.append(found / one.measured_tpot_ms - 1.0)
    return errors
