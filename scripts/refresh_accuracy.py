"""Writes the scores and the picture of docs/accuracy.md anew from tables of measured runs, and this release's scores
into docs/accuracy_history.csv beside those of earlier ones.

.venv/bin/python scripts/refresh_accuracy.py RUNS/*.csv          rewrite
.venv/bin/python scripts/refresh_accuracy.py --check RUNS/*.csv  fail where the page is out of date
"""

import csv
import re
import sys
from pathlib import Path

import tokenroof
from tokenroof.errors import TokenroofError
from tokenroof.present.charts.validate import draw
from tokenroof.usecases.measured.validate import Scored, ValidateResponse, validate

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "accuracy.md"
HISTORY = ROOT / "docs" / "accuracy_history.csv"
PICTURE = ROOT / "docs" / "images" / "accuracy.png"
BLOCK = re.compile(r"(<!-- (scores|skipped|breaches) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


COLUMNS = ("release", "set", "metric", "n", "median_absolute_error", "median_error", "coverage_80")


def remember(answer: ValidateResponse) -> None:
    """The scores of this release in place of what stood there for it; other releases stay."""
    with open(HISTORY, encoding="utf-8", newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file) if row["release"] != tokenroof.__version__]
    rows += [
        (tokenroof.__version__, g.set.removesuffix(".csv"), g.metric, str(g.n), f"{g.median_absolute_error:.4f}",
         f"{g.median_error:+.4f}", f"{g.coverage_80:.3f}")
        for g in answer.groups
    ]  # fmt: skip
    with open(HISTORY, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def scores(answer: ValidateResponse) -> str:
    """A row per set and metric."""
    head = "| set | metric | n | median absolute error | median error | within 15 % | within 30 % | in 80 % range |\n"
    rows = [
        f"| {g.set.removesuffix('.csv')} | {g.metric} | {g.n:,} | {g.median_absolute_error:.1%} "
        f"| {g.median_error:+.1%} | {g.within_15:.0%} | {g.within_30:.0%} | {g.coverage_80:.0%} |"
        for g in answer.groups
    ]
    return head + "| --- | --- | --: | --: | --: | --: | --: | --: |\n" + "\n".join(rows) + "\n"


def skipped(answer: ValidateResponse) -> str:
    """What was not scored, most frequent first."""
    lines = [f"{answer.scored:,} of {answer.rows:,} rows are scored. The others:", ""]
    lines += [f"- {count:,}: {reason}" for reason, count in answer.skipped[:14]]
    rest = sum(count for _, count in answer.skipped[14:])
    return "\n".join(lines) + (f"\n- {rest:,}: other reasons\n" if rest else "\n")


def breaches(answer: ValidateResponse) -> str:
    """Rows that beat the speed of light, by set."""
    if not answer.n_breaches:
        return "No row is better than its hardware bound.\n"
    predicted = answer.scored + answer.n_breaches
    lines = [f"{answer.n_breaches} of {predicted:,} rows are better than the hardware allows, and in no score:", ""]
    lines += [
        f"- {b.file} row {b.line}: {b.what} = {b.measured:.4g} {b.unit}, bound {b.bound:.4g}; {b.reason}"
        for b in answer.breaches
    ]
    return "\n".join(lines) + "\n"


def readable(path: str) -> bool:
    """Whether a table has the columns that validate needs."""
    try:
        validate([path])
    except TokenroofError:
        return False
    return True


def main() -> int:
    """Rewrite or check; the exit status says whether the page was up to date."""
    check = "--check" in sys.argv
    points: list[Scored] = []
    tables = sorted(path for path in sys.argv[1:] if path != "--check" and readable(path))
    answer = validate(tables, each=points.append)
    parts = {"scores": scores, "skipped": skipped, "breaches": breaches}
    old = PAGE.read_text(encoding="utf-8")
    new = BLOCK.sub(lambda m: m[1] + parts[m[2]](answer) + m[4], old)
    if check:
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    remember(answer)
    draw(points, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
