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
        offset=-1.7421,
        pass_through=0.8629,
        sd=0.15,
        total_sd=0.5163,
        n=73,
        labs=11,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "output_ratio": Calibration(
        channel="output_ratio",
        offset=1.028,
        pass_through=0.1256,
        sd=0.442,
        total_sd=0.4572,
        n=73,
        labs=11,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "host_floor": Calibration(
        channel="host_floor",
        offset=-1.7561,
        pass_through=0.8945,
        sd=0.35,
        total_sd=0.5058,
        n=33,
        labs=9,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "long_context": Calibration(
        channel="long_context",
        offset=6.9914,
        pass_through=0.6432,
        sd=1.9473,
        total_sd=1.9818,
        n=29,
        labs=7,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "cached_ratio": Calibration(
        channel="cached_ratio",
        offset=-0.757,
        pass_through=0.3189,
        sd=0.7145,
        total_sd=0.7649,
        n=32,
        labs=6,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
}
