"""Fit what chips draw anew: the catalogue's power figures, and the table of errors in docs/theory/energy.md.

    python scripts/fit_power.py measured/

`measured/` holds the tables that `tokenroof.measure.power_data.POWER_SETS` names. Run by maintainers after a change of
those, of the counts of operators, or of a prior.
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tokenroof.catalog.power import MEMORIES, POWER_FILE
from tokenroof.measure.fit_power import PRIORS, PowerFit, PowerHeldOut, fit_power, left_out_errors, predicted_w
from tokenroof.measure.power_data import PowerCase, read_power_cases
from tokenroof.measure.robust import weighted_quantile
from tokenroof.measure.setups import Skip

PAGE = Path(__file__).resolve().parent.parent / "docs/theory/energy.md"
AS_OF = "2026-11-25"
SOURCE = "fit to power of InferenceX (dump of 2026-07-20) and LLM-Inference-Bench runs"
SPLITS = ("model", "source", "model and source", "family")
MARKS = ("<!-- fitted: scripts/fit_power.py -->", "<!-- end -->")
FAMILIES = ("ampere", "hopper", "blackwell", "ada", "rtx", "cdna3", "cdna4", "tpu", "generic", "cpu")
RATIOS = {"fp32": 4.0, "tf32": 2.0, "bf16": 1.0}  # by the width of the multiplier; nothing measured them
FARTHER = {"chip": 1.0, "family": 1.25, "other": 1.5}  # ranges of a sibling and of a family that nobody measured


def p80(errors: Sequence[float]) -> float:
    """The size that four of five errors stay within."""
    return weighted_quantile([abs(one) for one in errors], [1.0] * len(errors), 0.8)


def pooled(groups: Sequence[PowerHeldOut], what: str) -> list[float]:
    """All errors of a split."""
    return [error for group in groups for error in getattr(group, what)]


def median(values: Sequence[float]) -> float:
    """Of a plain list."""
    return weighted_quantile(list(values), [1.0] * len(values), 0.5)


def catalogue(fit: PowerFit, cases: Sequence[PowerCase], width: float) -> str:
    """The file of facts."""
    measured = {name: sorted({c.chip.id for c in cases if c.family == name}) for name in FAMILIES}
    assumed = ', grade = "assumed"'
    lines = [
        "# What chips draw: written by scripts/fit_power.py, not edited by hand.",
        "# idle_share is of TDP, joules_per_flop of bf16 arithmetic, [format] what other formats take of it. [range]",
        "# holds half-widths of the 80 % range of power, as natural logarithms: of a chip that was measured, of its",
        "# siblings, of families that were not.",
        "",
        "[defaults]",
        f'source = "{SOURCE}"',
        f'as_of = "{AS_OF}"',
        'grade = "fitted"',
    ]
    for name in FAMILIES:
        end = "" if measured[name] else assumed
        chips = ", ".join(f'"{chip}"' for chip in measured[name])
        lines += [
            "", f"[family.{name}]", f"chips = [{chips}]",
            f'idle_share = {{value = {fit.idle_share(name):.3f}, unit = "1"{end}}}',
            f'joules_per_flop = {{value = {fit.joules_per_flop(name):.3e}, unit = "J/FLOP"{end}}}',
        ]  # fmt: skip
    lines += ["", "[format]"]
    lines += [f'{name} = {{value = {value}, unit = "1"{assumed}}}' for name, value in RATIOS.items()]
    lines += [f'{name} = {{value = {fit.values[name]:.3f}, unit = "1"}}' for name in ("fp8", "fp4")]
    lines += ["", "[memory]"]
    for kind in MEMORIES:
        end = "" if f"memory.{kind}" in fit.values else assumed
        lines.append(f'{kind} = {{value = {fit.joules_per_byte(kind):.3e}, unit = "J/B"{end}}}')
    lines += ["", "[range]", *(f'{k} = {{value = {width * v:.3f}, unit = "1"}}' for k, v in FARTHER.items()), ""]
    return "\n".join(lines)


def percent(log_error: float) -> str:
    """An error of a logarithm as a share."""
    return f"{100.0 * math.expm1(log_error):+.0f} %"


def size(errors: Sequence[float]) -> str:
    """Median absolute error."""
    return f"{100.0 * median([abs(math.expm1(one)) for one in errors]):.0f} %"


def constants(fit: PowerFit, cases: Sequence[PowerCase]) -> list[str]:
    """Priors beside what was fitted."""
    lines = ["| constant | prior (factor either way) | fitted |", "| --- | --- | --- |"]
    for name, value in fit.values.items():
        kind = name if name in PRIORS else name.partition(".")[0] + ".own"
        prior, width = PRIORS[kind]
        lines.append(f"| `{name}` | {prior:g} ({math.exp(width):.2f}) | {value:.3f} |")
    lines += ["", "| family | runs | idle, share of TDP | bf16, pJ/FLOP |", "| --- | --- | --- | --- |"]
    count = Counter(case.family for case in cases)
    for name in FAMILIES:
        own = f"{fit.idle_share(name):.2f} | {1e12 * fit.joules_per_flop(name):.2f}"
        lines.append(f"| {name} | {count[name] or 'none'} | {own} |")
    lines += ["", "| memory | runs | pJ/B |", "| --- | --- | --- |"]
    count = Counter(case.memory for case in cases)
    lines += [f"| {kind} | {count[kind] or 'none'} | {1e12 * fit.joules_per_byte(kind):.0f} |" for kind in MEMORIES]
    return lines


def errors(
    fit: PowerFit, cases: Sequence[PowerCase], splits: Sequence[Sequence[PowerHeldOut]], width: float
) -> list[str]:
    """The table of errors."""
    seen = [math.log(predicted_w(fit, case) / case.watts) for case in cases]
    limit = [math.log(case.tdp_w / case.watts) for case in cases]
    lines = [
        "| left out of the fit | runs | power | signed | inside the range | energy, speed predicted too | runs |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        f"| nothing | {len(seen)} | {size(seen)} | {percent(median(seen))} | | | |",
    ]
    for groups in splits:
        watts, joules = pooled(groups, "watts"), pooled(groups, "joules")
        inside = sum(abs(one) <= width for one in watts) / len(watts)
        lines.append(
            f"| {groups[0].split} | {len(watts)} | {size(watts)} | {percent(median(watts))} | {100 * inside:.0f} % | "
            f"{size(joules)} | {len(joules)} |"
        )
    lines.append(f"| power taken as TDP | {len(limit)} | {size(limit)} | {percent(median(limit))} | | | |")
    lines += ["", "| left out | runs | power | signed |", "| --- | --- | --- | --- |"]
    for groups in splits:
        for one in groups:
            lines.append(
                f"| {one.split}: {one.group} | {len(one.watts)} | {size(one.watts)} | {percent(median(one.watts))} |"
            )
    return lines


def main() -> None:
    """Read, fit, leave out, write."""
    rows = list(read_power_cases(Path(sys.argv[1])))
    cases = [row for row in rows if not isinstance(row, Skip)]
    for reason, number in Counter(row.reason for row in rows if isinstance(row, Skip)).items():
        print(f"left out: {number} runs, {reason}")
    fit = fit_power(cases)
    splits = [left_out_errors(cases, split) for split in SPLITS]
    width = p80(pooled(splits[SPLITS.index("model and source")], "watts"))
    POWER_FILE.write_text(catalogue(fit, cases, width), encoding="utf-8")
    table = "\n".join([*errors(fit, cases, splits, width), "", *constants(fit, cases)])
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
