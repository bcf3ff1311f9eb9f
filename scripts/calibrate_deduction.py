"""Fit lines, population and mark-up anew and write them as constants (src/tokenroof/infer/calibrations.py).

Run by maintainers after a change of the price history, of the catalogue's models or of a prior.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tokenroof.infer.baselines import BASELINES, fit_regression
from tokenroof.infer.calibration import calibrate, points, rounded
from tokenroof.infer.cases import members, open_cases
from tokenroof.infer.evidence import USED
from tokenroof.infer.known_lab import as_table, known_models
from tokenroof.infer.markup import markup_without
from tokenroof.infer.population import fit_population, rounded_population
from tokenroof.infer.posterior import ARCHITECTURE

PACKAGE = Path(__file__).resolve().parent.parent / "src/tokenroof"
OUT = PACKAGE / "infer/calibrations.py"
LEVELS = PACKAGE / "catalog/data/offers/history/known_models.json"
SOURCE = "price lists of 2023-12 to 2026-11"


def shown(known: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """JSON with a line for each architecture."""
    labs = []
    for lab, models in known.items():
        rows = ",\n".join(f"   {json.dumps(name)}: {json.dumps(misses)}" for name, misses in models.items())
        labs.append(f"  {json.dumps(lab)}: {{\n{rows}\n  }}")
    note = "lab, architecture, line: year of release, how far it lies over the line in use, on logarithms"
    return f'{{\n "note": {json.dumps(note)},\n "labs": {{\n' + ",\n".join(labs) + "\n }\n}"


def main() -> None:
    """Fit and write."""
    cases, missing = open_cases()
    population = fit_population(members())
    found = points(cases, population)
    lines = calibrate(found, SOURCE)
    markup = markup_without(population)(lines, None)
    known = as_table(known_models(found, members(), lines, population))
    LEVELS.write_text(shown(known) + "\n", encoding="utf-8")
    columns = BASELINES["regression on price, day and speed"]
    regressions = tuple(fit_regression(cases, unknown, columns) for unknown in ARCHITECTURE)
    short = replace(markup, **{name: round(getattr(markup, name), 3) for name in ("early", "late", "sd")})
    out = [
        '"""The calibration in use. Written by scripts/calibrate_deduction.py; not edited by hand.',
        "",
        f"Lines of {len(cases)} prices of open weights ({len({c.architecture for c in cases})} architectures, "
        f"{len({c.lab for c in cases})} labs).",
        '"""',
        "",
        "from tokenroof.infer.baselines import Regression",
        "from tokenroof.infer.calibration import Calibration",
        "from tokenroof.infer.markup import Markups",
        "from tokenroof.infer.population import Line, Population",
        "",
        '__all__ = ["CALIBRATIONS", "MARKUPS", "POPULATION", "REGRESSIONS"]',
        "",
        f"POPULATION = {rounded_population(population)!r}",
        "",
        f"REGRESSIONS = {regressions!r}",
        "",
        f"MARKUPS = {short!r}",
        "",
        "CALIBRATIONS = {",
        *(f"    {key!r}: {rounded(line)!r}," for key, line in sorted(lines.items()) if key[0] in USED),
        "}",
    ]
    OUT.write_text("\n".join(out) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(OUT)], check=True)
    print(f"{OUT.name}: {len(cases)} cases; no architecture is known of {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
