"""Fit the calibration lines anew and write them as constants (src/tokenroof/infer/calibrations.py).

Run by maintainers after a change of the price snapshot, of the catalogue's models or of a prior.
"""

from pathlib import Path

from tokenroof.infer.calibration import calibrate, rounded
from tokenroof.infer.cases import open_cases

OUT = Path(__file__).resolve().parent.parent / "src/tokenroof/infer/calibrations.py"


def main() -> None:
    """Fit and write."""
    cases, missing = open_cases()
    out = [
        '"""The calibration lines in use. Written by scripts/calibrate_deduction.py; not edited by hand.',
        "",
        f"Fitted on {len(cases)} offers of open weights ({len({c.model for c in cases})} models, "
        f"{len({c.lab for c in cases})} labs).",
        '"""',
        "",
        "from collections.abc import Mapping",
        "",
        "from tokenroof.infer.calibration import ASSUMED, Calibration",
        "",
        '__all__ = ["CALIBRATIONS"]',
        "",
        "CALIBRATIONS: Mapping[str, Calibration] = {",
        "    **ASSUMED,",
    ]
    for name, line in calibrate(cases, "price snapshot of 2026-11-22").items():
        if line.grade != "fitted":
            continue
        r = rounded(line)
        out += [
            f'    "{name}": Calibration(',
            f'        channel="{name}",',
            f"        offset={r.offset},",
            f"        pass_through={r.pass_through},",
            f"        sd={r.sd},",
            f"        total_sd={r.total_sd},",
            f"        n={r.n},",
            f"        labs={r.labs},",
            f'        grade="{r.grade}",',
            f'        source="{r.source}",',
            "    ),",
        ]
    OUT.write_text("\n".join([*out, "}"]) + "\n", encoding="utf-8")
    print(f"{OUT.name}: {len(cases)} cases; the catalogue lacks the model of {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
