"""The calibration in use. Written by scripts/calibrate_deduction.py; not edited by hand.

Lines of 227 prices of open weights (97 architectures, 20 labs).
"""

from tokenroof.infer.baselines import Regression
from tokenroof.infer.calibration import Calibration
from tokenroof.infer.markup import Markups
from tokenroof.infer.population import Line, Population

__all__ = ["CALIBRATIONS", "MARKUPS", "POPULATION", "REGRESSIONS"]

POPULATION = Population(
    size=Line(at=3.2196, size_slope=0.0, year_slope=0.467, sd=1.22),
    dense=Line(at=3.1839, size_slope=-0.8306, year_slope=-1.8927, sd=0.0),
    sparsity=Line(at=1.5468, size_slope=0.1634, year_slope=0.4054, sd=0.541),
    kv_dense=Line(at=4.066, size_slope=0.2587, year_slope=-0.791, sd=0.7276),
    kv_mixture=Line(at=3.4209, size_slope=0.3478, year_slope=-0.4206, sd=1.0207),
    n=92,
    labs=22,
)

REGRESSIONS = (
    Regression(
        unknown="total_params",
        names=("price", "day", "speed"),
        weights=(25.9592, 0.1689, 1.017, 1.0752, -0.208),
        sd=1.1091,
    ),
    Regression(
        unknown="active_params",
        names=("price", "day", "speed"),
        weights=(24.4974, 0.0261, 0.6919, -0.1244, -0.6995),
        sd=0.6984,
    ),
    Regression(
        unknown="kv_bytes_per_token",
        names=("price", "day", "speed"),
        weights=(12.1268, 0.0526, 0.3047, -0.6969, -0.933),
        sd=0.9589,
    ),
)

MARKUPS = Markups(early=(3.668, 0.841), late=(0.547, 1.091))

CALIBRATIONS = {
    ("input_price", "market"): Calibration(
        channel="input_price",
        kind="market",
        offset=-3.8008,
        pass_through=0.7079,
        per_year=-0.2266,
        sd=0.15,
        total_sd=0.5324,
        n=114,
        labs=11,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
    ("input_price", "open"): Calibration(
        channel="input_price",
        kind="open",
        offset=-3.7911,
        pass_through=0.7079,
        per_year=-0.2266,
        sd=0.4707,
        total_sd=0.7483,
        n=113,
        labs=16,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
    ("output_speed", "any"): Calibration(
        channel="output_speed",
        kind="any",
        offset=3.4449,
        pass_through=0.2112,
        per_year=0.05,
        sd=0.6259,
        total_sd=0.6372,
        n=41,
        labs=9,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
}
