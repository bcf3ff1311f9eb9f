"""How much a public output speed can say of active parameters: the line's scatter, and a second measurement's.

Prices that come with a speed are deduced with it and without, their lab left out, on more draws than `--validate`
takes, so that what a speed adds is not lost in the noise. A table with the columns model and tok_s (speeds of another
day) says how far two measurements of one model lie apart.

    python scripts/deduction_speeds.py [speeds.csv]
"""

import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist, fmean, stdev

from tokenroof.catalog.offers.history import speed_of
from tokenroof.infer.calibration import line_of, moments
from tokenroof.infer.cases import Case, members, open_cases
from tokenroof.infer.population import fit_population
from tokenroof.infer.posterior import ARCHITECTURE
from tokenroof.infer.scores import Coverage, Outcome, coverage, weights_of
from tokenroof.infer.validate import fold_without, held_out

DRAWS = 1 << 16
SPEEDS_OF = "2026-10-03"
ALL, BARE = "all", "without output_speed"
WIDTH_ASKED = 4.5
_SIDE = NormalDist().inv_cdf(0.9)


def standing(cases: Sequence[Case]) -> str:
    """How many speeds lie in the 80 % band of the line fitted without their lab."""
    without, population = fold_without(cases), fit_population(members())
    shown = [case for case in cases if case.evidence.tokens_per_s is not None]
    inside = []
    for case in shown:
        line = line_of(without(case.lab).lines, "output_speed", case.evidence.kind)
        predicted = {name: mean for name, (mean, _) in moments(case, population).items()}
        miss = math.log(case.evidence.tokens_per_s or 1.0) - line.mean(predicted, case.evidence.priced)
        inside.append(abs(miss) < _SIDE * line.total_sd)
    weights = weights_of([case.architecture for case in shown])
    return f"line: 80 % band holds {weights @ inside:.0%} of {len(shown)} speeds"


def row(name: str, one: Coverage) -> str:
    """One line of the table."""
    return (
        f"{name:30} {one.unknown:19} {one.evidence:21} {one.n:3} of {one.models:2}  "
        f"{one.coverage80:4.0%} ({one.labs_low:.0%} to {one.labs_high:.0%})  x{one.width80:.2f}  {one.score:.2f}"
    )


def scatter_asked(bare: Coverage, slope: float) -> float:
    """The scatter of a speed at which an interval without one would narrow to what is asked, all being normal."""
    sds = [math.log(width) / (2.0 * _SIDE) for width in (WIDTH_ASKED, bare.width80)]
    return math.exp(slope / math.sqrt(sds[0] ** -2 - sds[1] ** -2))


def apart(path: Path) -> str:
    """How far speeds of the same models in another table lie from those in use."""
    with path.open(encoding="utf-8", newline="") as file:
        other = {line["model"]: float(line["tok_s"]) for line in csv.DictReader(file) if line["tok_s"]}
    ratios = [math.log(mine / speed) for name, speed in other.items() if (mine := speed_of(name, SPEEDS_OF))]
    middle = fmean(ratios)
    ratios.sort(key=lambda ratio: abs(ratio - middle))

    def one_speed(some: Sequence[float]) -> str:
        return f"x/÷{math.exp(stdev(some) / math.sqrt(2.0)):.2f}"

    return f"two days: {len(ratios)} models, one speed within {one_speed(ratios)}, {one_speed(ratios[:-1])} but for one"


def main() -> None:
    """Print all of it."""
    cases, _ = open_cases()
    without = fold_without(cases)
    shown = [case for case in cases if case.evidence.tokens_per_s is not None]
    outcomes, _ = held_out(shown, lambda case: without(case.lab), draws=DRAWS, candidates=False)
    largest = max({case.lab for case in shown}, key=lambda lab: sum(case.lab == lab for case in shown))
    print(standing(cases))
    groups: dict[str, list[Outcome]] = {
        "prices with a speed": outcomes,
        "forms were chosen": [o for o in outcomes if not o.exam],
        "nothing was chosen": [o for o in outcomes if o.exam],
        f"{largest} apart": [o for o in outcomes if o.lab != largest],
    }
    for name, group in groups.items():
        for one in coverage(group):
            if one.unknown in ARCHITECTURE and one.evidence in (ALL, BARE):
                print(row(name, one))
    bare = next(one for one in coverage(outcomes) if (one.unknown, one.evidence) == ("active_params", BARE))
    line = without("").lines["output_speed", "any"]
    asked, is_now = scatter_asked(bare, line.pass_through), math.exp(line.sd)
    print(f"x{WIDTH_ASKED} would ask for speeds within x/÷{asked:.2f} of their line; they are within x/÷{is_now:.2f}")
    if len(sys.argv) > 1:
        print(apart(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
