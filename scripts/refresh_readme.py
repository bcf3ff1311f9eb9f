"""Writes the README's transcripts and chart anew from what the commands say now.

.venv/bin/python scripts/refresh_readme.py          rewrite
.venv/bin/python scripts/refresh_readme.py --check  fail where the README is out of date
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- transcript: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def output_of(arguments: str) -> str:
    """What `tokenroof ARGUMENTS` prints."""
    # a transcript is as wide as a page, whatever terminal this runs in
    plain = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "tokenroof", *arguments.split()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=plain)
    return done.stdout


def refreshed(text: str) -> str:
    """The README with every transcript replaced by the present output."""
    return BLOCK.sub(lambda m: f"{m[1]}```text\n$ tokenroof {m[2]}\n{output_of(m[2]).rstrip()}\n```\n{m[4]}", text)


def main() -> int:
    """Rewrite or check; the exit status says whether the README was up to date."""
    readme = ROOT / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = refreshed(old)
    if "--check" in sys.argv:
        return int(new != old)
    readme.write_text(new, encoding="utf-8")
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    chart = images / "analyze-deepseek-v3.svg"
    output_of(f"analyze deepseek-v3 --system gb200-nvl72 --plot {chart}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
