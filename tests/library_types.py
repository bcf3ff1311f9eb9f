"""Types of the modelling library with the sizes that it builds: what `scripts/oracle.py --fixture` wrote."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "fixtures" / "library_types.jsonl"
LIBRARY: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
