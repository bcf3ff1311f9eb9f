"""The price level, and the size of the model (price study section 3, test 2)."""

import math

from tokenroof.infer.deductions.base import ESTIMATE, UPPER, Deduction
from tokenroof.infer.evidence import Evidence

__all__ = ["INVERSE", "size_from_price"]

# log sqrt(total * active) in billions = intercept + slope * log(median input price in USD per Mtok), and the
# factor that 80 % of models stay within when their lab is left out: fitted by tests/infer on the host medians.
INVERSE = (4.88, 1.01, 2.50, 114)


def size_from_price(evidence: Evidence, inverse: tuple[float, float, float, int] = INVERSE) -> Deduction:
    """Geometric mean of total and active parameters from the input price.

    Formula: sqrt(N A) = e^4.88 p^1.01 (billions; p in USD per million input tokens); the price study has 5.24
    and 0.90 on 35 models of 2025 and 2026
    Direction: estimate for open weights at market price; upper bound for closed models, whose mark-up is not known.
    """
    intercept, slope, factor, n = inverse
    price = evidence.input_usd_per_token * 1e6
    point = math.exp(intercept) * price**slope * 1e9
    closed = evidence.kind == "closed"
    return Deduction(
        name="price level",
        channel="input_price",
        quantity="sqrt(total x active)",
        unit="param",
        direction=UPPER if closed else ESTIMATE,
        low=None if closed else point / factor,
        point=point,
        high=point if closed else point * factor,
        formula=f"e^{intercept:g} p^{slope:g} billion",
        inputs={"usd_per_mtok_in": price},
        calibrated_low=None if closed else point / factor,
        calibrated_high=point * factor,
        calibration=f"within x/÷{factor:g} for 80 % of {n} medians over hosts, each lab left out in turn",
        caveat="GPT-4 at launch asked 5.6 times what its leaked size would cost here"
        if closed
        else "sparse attention and price cuts come out too small: DeepSeek-V3.2 by 2.7x",
    )
