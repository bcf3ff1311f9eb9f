"""The joint estimates of a deduction as rows of a table, in SI units."""

import csv
import io

from tokenroof.usecases.deduce.run import DeduceResponse

__all__ = ["estimates_csv"]


def estimates_csv(r: DeduceResponse) -> str:
    """The joint estimates as CSV in SI units."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ("offer", "unknown", "unit", "low80", "low50", "median", "high50", "high80", "prior_low80", "prior_median",
         "prior_high80", "width_left")
    )  # fmt: skip
    for e in r.estimates:
        writer.writerow(
            (r.offer.id, e.name, e.unit, e.low80, e.low50, e.median, e.high50, e.high80, e.prior_low80, e.prior_median,
             e.prior_high80, e.width_left)
        )  # fmt: skip
    return buffer.getvalue()
