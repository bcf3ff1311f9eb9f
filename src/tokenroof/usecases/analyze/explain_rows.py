"""Where a number of the operator engine came from: the step as its rows, each with counts, rates and efficiency."""

import math
from dataclasses import dataclass
from typing import Any

from tokenroof.operators.explain import Explanation
from tokenroof.operators.explain_text import explanation_text
from tokenroof.operators.timing import arithmetic_rate, curve_of
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import OperatorTime
from tokenroof.units import format_si

__all__ = ["OperatorExplanation", "operator_line"]


def operator_line(row: OperatorTime, system: System, profile: Efficiency) -> str:
    """One row with its values substituted: `fixed + max(F / (share x peak), B / (share x W))`, or its traffic.

    Where arithmetic and memory overlap less than fully, `max` is their sum, or the norm of that order.
    """
    runs = f"{row.count:g} runs"
    if row.collective:
        latency = f"{format_si(row.fixed_s, 's')} latency + " if row.fixed_s else ""
        sent = f"{format_si(row.comm_bytes, 'B')} by {row.detail}"
        return f"{row.name}: {runs}, {latency}{sent} = {format_si(row.time_s, 's')}"
    rate, peak = arithmetic_rate(system.chip, row.rate)
    curve = curve_of(profile, row.kind, row.format, rate)
    compute = f"{format_si(row.flops, 'FLOP')} / ({curve.flops_share:.2f} x {format_si(peak, 'FLOP/s')})"
    memory = (
        f"{format_si(row.memory_bytes, 'B')} / ({curve.bytes_share:.2f} x {format_si(system.chip.bytes_per_s, 'B/s')})"
    )
    fixed = f"{format_si(row.fixed_s, 's')} + " if row.fixed_s else ""
    joined = "max" if curve.sharpness == math.inf else "sum" if curve.sharpness <= 1.0 else f"norm{curve.sharpness:g}"
    return f"{row.name}: {runs}, {fixed}{joined}({compute}, {memory}) = {format_si(row.time_s, 's')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorExplanation:
    """A number made from a step's time by the operator engine: the formula above it, and the rows below it.

    `of` is what the formula calls that time.
    """

    head: Explanation
    step_s: float
    rows: tuple[OperatorTime, ...]
    system: System
    profile: Efficiency
    of: str = "step_s"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        lines = [
            {
                "name": row.name,
                "time_s": row.time_s,
                "bound": row.bound,
                "text": operator_line(row, self.system, self.profile),
            }
            for row in self.rows
        ]
        profile = self.profile
        fitted = {"id": profile.id, "n": profile.n, "source": profile.source, "as_of": profile.as_of,
                  "median_error": profile.median_error, "low": profile.low, "high": profile.high}  # fmt: skip
        return {**self.head.to_dict(), "step_s": self.step_s, "operators": lines, "profile": fitted}

    def text(self) -> str:
        """For people: the derivation, then the rows of the step, then what the profile rests on."""
        profile = self.profile
        lines = [explanation_text(self.head), "", f"{self.of} = {format_si(self.step_s, 's', 4)}, the sum of"]
        lines += [f"  {operator_line(row, self.system, profile)}" for row in self.rows]
        host = self.step_s - sum(row.time_s for row in self.rows)
        if abs(host) > 1e-3 * self.step_s:
            lines.append(f"  host and overlap: {format_si(host, 's')}")
        lines.append("")
        if profile.id == "peak":
            lines.append("efficiency peak: every share is 1, no call costs time, operators follow each other: no bound")
        else:
            error = (
                "" if profile.median_error is None else f", median error {profile.median_error:.0%} on held-out runs"
            )
            lines.append(f"efficiency {profile.id}: fitted on {profile.n:,} measurements{error}; {profile.source}")
            lines.append(f"80 % of held-out measurements lay between {profile.low:.2f} and {profile.high:.2f} times it")
        return "\n".join(lines)
