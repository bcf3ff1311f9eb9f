"""The calibration lines in use. Written by scripts/calibrate_deduction.py; not edited by hand.

Fitted on 73 offers of open weights (41 models, 11 labs).
"""

from collections.abc import Mapping

from tokenroof.infer.calibration import ASSUMED, Calibration

__all__ = ["CALIBRATIONS"]

CALIBRATIONS: Mapping[str, Calibration] = {
    **ASSUMED,
    "input_price": Calibration(
        channel="input_price",
        offset=-1.6643,
        pass_through=0.8655,
        sd=0.15,
        total_sd=0.5163,
        n=73,
        labs=11,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "output_ratio": Calibration(
        channel="output_ratio",
        offset=1.0411,
        pass_through=0.1157,
        sd=0.4444,
        total_sd=0.4575,
        n=73,
        labs=11,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "host_floor": Calibration(
        channel="host_floor",
        offset=-1.6793,
        pass_through=0.897,
        sd=0.35,
        total_sd=0.5057,
        n=33,
        labs=9,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "long_context": Calibration(
        channel="long_context",
        offset=6.9993,
        pass_through=0.6432,
        sd=1.9481,
        total_sd=1.9818,
        n=29,
        labs=7,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "cached_ratio": Calibration(
        channel="cached_ratio",
        offset=-0.7604,
        pass_through=0.3195,
        sd=0.7142,
        total_sd=0.7648,
        n=32,
        labs=6,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
}
