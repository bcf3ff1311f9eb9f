"""The pages on deduction show what the commands print, and their example files load."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tokenroof.catalog.offers.files import read_offer_file
from tokenroof.infer.cases import open_cases
from tokenroof.infer.evidence import evidence_of, readings

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "guide/deduce.md").read_text(encoding="utf-8")
PAGE = (DOCS / "deduction.md").read_text(encoding="utf-8")


def test_the_lecture_page_is_what_the_verb_prints() -> None:
    shown = re.search(r"```console\n\$ tokenroof deduce --lecture --full\n(.*?)```", GUIDE, re.DOTALL)
    assert shown is not None
    done = subprocess.run(
        [sys.executable, "-m", "tokenroof", "deduce", "--lecture", "--full"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    assert [line.rstrip() for line in done.stdout.rstrip().splitlines()] == shown[1].rstrip().splitlines()


def test_the_example_sheet_loads_and_feeds_its_channels(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "big.toml"
    path.write_text(text, encoding="utf-8")
    (offer,) = read_offer_file(path)
    assert {reading.channel for reading in readings(evidence_of(offer), every=True)} == {
        "input_price", "output_ratio", "cached_ratio", "long_context", "fast_mode", "spare_capacity", "output_speed",
    }  # fmt: skip
    (lines,) = re.findall(r"`(lines = \[.*?\])`", GUIDE)
    path.write_text(f'currency = "CNY"\nas_of = 2026-09-27\nsource = "x"\n{lines}\n', encoding="utf-8")
    assert len(read_offer_file(path)[0].lines) == 3


def test_the_counts_in_the_text_are_the_cases() -> None:
    cases, _ = open_cases()
    models, labs = len({(c.lab, c.architecture) for c in cases}), len({c.lab for c in cases})
    text = " ".join(PAGE.split())
    assert f"{len(cases)} prices of {models} architectures from {labs} labs" in text
    assert f"{sum(c.evidence.kind == 'market' for c in cases)} medians over hosts" in text
