#!/usr/bin/env python3
"""Writes tests/web/golden/curves.json: answers of `curves`, and what Python says of places on and between their knots.

The evaluator in the browser is held to it. Run it after a change of predictions:

    .venv/bin/python scripts/golden_curves.py
"""

import json
import sys
from pathlib import Path
from typing import Any

from tokenroof.present.json import finite_json
from tokenroof.scenario.costs import cost_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import resolve
from tokenroof.schema import parse
from tokenroof.usecases.analyze.request import AnalyzeRequest
from tokenroof.usecases.curves.run import curves

TARGET = Path(__file__).resolve().parents[1] / "tests/web/golden/curves.json"
CASES: tuple[dict[str, Any], ...] = (
    {"model": "deepseek-r1", "system": "8xh200", "engine": "sglang", "tp": 8, "isl": 1024, "osl": 8192, "batch": 64},
    {"model": "llama-3.3-70b", "system": "8xh100", "tp": 8},
    {"model": "gpt-oss-120b", "system": "8xb200", "tp": 8, "batch": 32, "isl": 8192, "osl": 1024},
    {"model": "deepseek-v3", "system": "gb200-nvl72", "dp": 8, "ep": 8, "tp": 1, "isl": 2000, "osl": 600},
    {"model": "deepseek-v3", "system": "16xh200", "dp": 16, "ep": 16, "isl": 2000, "two_batch_overlap": True},
)
SHARES = (0.0, 0.13, 0.37, 0.61, 0.83, 0.97)  # of the way from one request to the memory wall, in logarithms
CONTEXTS = (1.0, 1.7, 3.3)  # times the scenario's own prompt


def point_of(
    asked: dict[str, Any], deployment: Deployment, batch: float, new_tokens: float, own: bool
) -> dict[str, Any] | None:
    """What the deployment itself says at a place that memory holds."""
    work, layout = deployment.workload, deployment.layout
    degrees = {name: getattr(layout, name) for name in ("tp", "pp", "ep", "dp", "cp", "dcp")}
    lengths = {"batch": batch, "isl": new_tokens + work.prefix, "osl": work.osl}
    there = resolve(parse(AnalyzeRequest, {**asked, **degrees, **lengths}))
    served = there.serve()
    if not served.fits:
        return None
    step = there.step(batch)
    rounds = served.decode_step_s / step.step_s
    cost = cost_of(there, served, 1.0)
    return {
        "batch": batch, "context": there.workload.context, "own": own, "room": there.room(),
        "decode_step_s": served.decode_step_s, "weights_s": step.weights_s * rounds, "kv_s": step.kv_s * rounds,
        "compute_s": step.compute_s * rounds, "communication_s": step.communication_s * rounds,
        "tpot_s": served.tpot_s, "ttft_s": served.ttft_s, "e2e_s": served.e2e_s,
        "output_tokens_per_s_per_gpu": served.output_tokens_per_s_per_gpu,
        "output_usd_per_mtok": cost.output_usd_per_mtok, "input_usd_per_mtok": cost.input_usd_per_mtok,
    }  # fmt: skip


def case_of(asked: dict[str, Any]) -> dict[str, Any]:
    """One answer and its places."""
    answer = curves(parse(AnalyzeRequest, asked))
    deployment = answer.deployment
    points = []
    for times in CONTEXTS:
        new = round(deployment.workload.uncached * times)
        room = answer.axes.batch_high
        for share in SHARES:
            batch = float(round(room**share))
            point = point_of(asked, deployment, batch, float(new), times == 1.0)
            points += [] if point is None else [point]
    return {"request": asked, "curves": finite_json(answer), "points": points}


def text() -> str:
    """The file as it should be."""
    return json.dumps({"cases": [case_of(case) for case in CASES]}, separators=(",", ":"), allow_nan=False) + "\n"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"written: {TARGET} ({TARGET.stat().st_size / 1000:.0f} KB)\n")
