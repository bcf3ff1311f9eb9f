"""Writes what a fit says of models, chips and sources left out into docs/accuracy.md.

tokenroof fit --runs RUNS --json > FIT.json
.venv/bin/python scripts/refresh_left_out.py FIT.json
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"
BLOCK = re.compile(r"(<!-- (errors|ranges|groups) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
METRICS = ("tpot", "throughput", "ttft")
WORDS = {"tpot": "time per token", "throughput": "throughput or latency of a batch", "ttft": "time to first token"}
ENGINES = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"}


def errors(fit: dict[str, Any]) -> str:
    """Median absolute errors over all sets, by what was left out."""
    lines = {"a model that was left out": "without_model", "a chip that was left out": "without_chip",
             "a source that was left out": "without_source", "fitted (in sample)": "in_sample"}  # fmt: skip
    text = "| | time per output token | throughput, latency of a batch | time to first token |\n"
    text += "| --- | --: | --: | --: |\n| target | 10 % | 10 % | 22 % |\n"
    for words, key in lines.items():
        found = {one["metric"]: one["median_error"] for one in fit[key] if one["set"] == "all"}
        text += f"| {words} | " + " | ".join(f"{100 * found[metric]:.1f} %" for metric in METRICS) + " |\n"
    return text


def ranges(fit: dict[str, Any]) -> str:
    """Shares of measurements in the 80 % range, by what was left out."""
    text = "| measurements in the 80 % range | time per output token | throughput, latency of a batch "
    text += "| time to first token |\n| --- | --: | --: | --: |\n| target | 72 to 88 % | 72 to 88 % | 72 to 88 % |\n"
    for left in ("model", "chip", "source"):
        found = {
            one["metric"]: one["share"] for one in fit["coverage"] if one["left"] == left and one["experts"] is None
        }
        text += (
            f"| a {left} that was left out | "
            + " | ".join(f"{found[m]:.0%}" for m in METRICS).replace("%", " %")
            + " |\n"
        )
    return text


def groups(fit: dict[str, Any]) -> str:
    """How many deployments the range holds by less than half, or wholly."""
    found = fit["deployments"]
    few = [one for one in found if one["share"] < 0.5]
    whole = sum(one["share"] == 1.0 for one in found)
    text = (
        f"Of {len(found)} groups of one model, chip, engine and metric with ten measurements or more, models left out, "
    )
    text += f"{len(few)} lie in their range by less than half and {whole} wholly. Those {len(few)}:\n\n"
    for one in few:
        engine = ENGINES.get(one["engine"], one["engine"])
        text += f"- {one['model']}, {one['chip']}, {engine}, {WORDS[one['metric']]}: {one['share']:.0%}".replace(
            "%", " %"
        )
        text += f" of {one['n']}\n"
    return text


def main() -> None:
    """Rewrite the page."""
    fit = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    parts = {"errors": errors, "ranges": ranges, "groups": groups}
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda m: m[1] + parts[m[2]](fit) + m[4], text), encoding="utf-8")


if __name__ == "__main__":
    main()
