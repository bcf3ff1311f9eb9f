"""The calibration in use. Written by scripts/calibrate_deduction.py; not edited by hand.

Lines of 227 prices of open weights (73 architectures, 20 labs).
"""

from tokenroof.infer.baselines import Regression
from tokenroof.infer.calibration import Calibration
from tokenroof.infer.markup import Markups
from tokenroof.infer.population import Line, Population

__all__ = ["CALIBRATIONS", "MARKUPS", "POPULATION", "REGRESSIONS"]

POPULATION = Population(
    size=Line(at=2.9418, size_slope=0.0, year_slope=0.4049, sd=1.1145, lab_share=0.1),
    product=0.9069,
    product_share=0.3152,
    dense=Line(at=3.1839, size_slope=-0.8306, year_slope=-1.8927, sd=0.0, lab_share=0.0),
    sparsity=Line(at=1.5468, size_slope=0.1634, year_slope=0.4054, sd=0.541, lab_share=0.4),
    kv_dense=Line(at=4.066, size_slope=0.2587, year_slope=-0.791, sd=0.7276, lab_share=0.5),
    kv_mixture=Line(at=3.4209, size_slope=0.3478, year_slope=-0.4206, sd=1.0207, lab_share=0.9),
    n=92,
    labs=22,
)

REGRESSIONS = (
    Regression(
        unknown="total_params",
        names=("price", "day", "speed"),
        weights=(25.7926, 0.2461, 0.9784, 1.0853, -0.09),
        sd=1.0638,
    ),
    Regression(
        unknown="active_params",
        names=("price", "day", "speed"),
        weights=(24.4855, 0.0324, 0.695, -0.0508, -0.6304),
        sd=0.7003,
    ),
    Regression(
        unknown="kv_bytes_per_token",
        names=("price", "day", "speed"),
        weights=(11.9862, 0.0834, 0.2632, -0.8189, -0.8126),
        sd=0.9742,
    ),
)

MARKUPS = Markups(early=2.467, late=0.536, start=2023.5, end=2024.5, sd=0.789)

CALIBRATIONS = {
    ("input_price", "market"): Calibration(
        channel="input_price",
        kind="market",
        offset=-2.6835,
        pass_through=0.7677,
        per_year=-0.3491,
        sd=0.1709,
        total_sd=0.5292,
        lab_share=0.3,
        n=114,
        labs=11,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
    ("input_price", "open"): Calibration(
        channel="input_price",
        kind="open",
        offset=-2.7273,
        pass_through=0.7677,
        per_year=-0.3491,
        sd=0.4107,
        total_sd=0.7465,
        lab_share=0.35,
        n=113,
        labs=16,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
    ("output_speed", "any"): Calibration(
        channel="output_speed",
        kind="any",
        offset=3.4145,
        pass_through=0.2194,
        per_year=0.0434,
        sd=0.6377,
        total_sd=0.6496,
        lab_share=0.0,
        n=41,
        labs=9,
        grade="fitted",
        source="price lists of 2023-12 to 2026-11",
    ),
}
