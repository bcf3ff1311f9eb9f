"""The calibration lines in use. Written by scripts/calibrate_deduction.py; not edited by hand.

Fitted on 70 offers of open weights (38 models, 10 labs).
"""

from collections.abc import Mapping

from tokenroof.infer.calibration import ASSUMED, Calibration

__all__ = ["CALIBRATIONS"]

CALIBRATIONS: Mapping[str, Calibration] = {
    **ASSUMED,
    "input_price": Calibration(
        channel="input_price",
        offset=-3.0495,
        pass_through=0.7733,
        sd=0.15,
        total_sd=0.5238,
        n=70,
        labs=10,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "output_ratio": Calibration(
        channel="output_ratio",
        offset=0.9619,
        pass_through=0.1818,
        sd=0.4247,
        total_sd=0.4632,
        n=70,
        labs=10,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "host_floor": Calibration(
        channel="host_floor",
        offset=-2.9892,
        pass_through=0.809,
        sd=0.35,
        total_sd=0.5071,
        n=31,
        labs=9,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "long_context": Calibration(
        channel="long_context",
        offset=7.2178,
        pass_through=0.6243,
        sd=1.7217,
        total_sd=1.7576,
        n=28,
        labs=6,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
    "cached_ratio": Calibration(
        channel="cached_ratio",
        offset=-0.8302,
        pass_through=0.2985,
        sd=0.7627,
        total_sd=0.7977,
        n=31,
        labs=5,
        grade="fitted",
        source="price snapshot of 2026-11-22",
    ),
}
