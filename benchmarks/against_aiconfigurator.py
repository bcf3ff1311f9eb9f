"""NVIDIA AIConfigurator and tokenroof on the same measured runs, no others.

AIConfigurator lives in an environment of its own (pip install aiconfigurator): the first command runs there, about a
second a run; the second here. A run counts where both answer.

OTHER/bin/python benchmarks/against_aiconfigurator.py ask RUNS.csv [RUNS.csv ...] -o answers.csv
.venv/bin/python benchmarks/against_aiconfigurator.py score answers.csv RUNS.csv [RUNS.csv ...]
"""

import csv
import logging
import re
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

METRICS = ("ttft_ms", "tpot_ms")
_ID = re.compile(r"\bid=([^;]+)")
_MEAN_OF_NOMINAL = 0.9  # InferenceX draws lengths from 0.8 to 1 of the nominal one
FIELDS = ("id", "ttft_ms", "tpot_ms", "seconds", "error")


def rows_of(paths: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a metric that both predict, with the `id` by which AIConfigurator's own table knows the run."""
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found = _ID.search(row["note"])
                if found and row["metric"] in METRICS and row["mode"] == "server-closed-loop":
                    yield {**row, "id": found[1].strip()}


def ask(paths: list[str], output: str) -> None:
    """AIConfigurator's answers for the runs of the tables, with layout and formats as its own table gives them."""
    import aiconfigurator_core
    from aiconfigurator.cli.api import cli_estimate

    logging.disable(logging.CRITICAL)
    wanted = {row["id"] for row in rows_of(paths)}
    table = Path(aiconfigurator_core.__file__).parent / "systems" / "silicon_sample.csv"
    with open(table, encoding="utf-8", newline="") as file, open(output, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, FIELDS)
        writer.writeheader()
        for run in csv.DictReader(file):
            if run["id"] in wanted and run["mode"] == "agg":
                writer.writerow({"id": run["id"], **estimate(cli_estimate, run)})


def estimate(cli_estimate: object, run: dict[str, str]) -> dict[str, object]:
    def whole(name: str) -> int | None:
        return int(float(run[name])) if run[name] else None

    share = _MEAN_OF_NOMINAL if "db-dump" in run["silicon_data_source"] else 1.0
    started = time.perf_counter()
    try:
        found = cli_estimate(  # type: ignore[operator]
            run["model_path"], run["system"], mode="agg", backend_name=run["backend"],
            isl=int(int(run["isl"]) * share), osl=int(int(run["osl"]) * share), batch_size=whole("batch_size"),
            tp_size=whole("tp_size"), pp_size=whole("pp_size"), attention_dp_size=whole("attention_dp_size"),
            moe_tp_size=whole("moe_tp_size"), moe_ep_size=whole("moe_ep_size"),
            gemm_quant_mode=run["gemm_quant_mode"] or None, moe_quant_mode=run["moe_quant_mode"] or None,
        )  # fmt: skip
    except Exception as error:  # whatever it refuses with is its answer
        return {"error": f"{type(error).__name__}: {error}"[:160], "seconds": round(time.perf_counter() - started, 2)}
    return {"ttft_ms": found.ttft, "tpot_ms": found.tpot, "seconds": round(time.perf_counter() - started, 2)}


def score(answers: str, paths: list[str]) -> None:
    """Median absolute errors of both, by table, engine and model, on the runs that both answer."""
    from tokenroof.usecases.measured.validate import Scored, validate

    with open(answers, encoding="utf-8", newline="") as file:
        theirs = {row["id"]: row for row in csv.DictReader(file)}
    ids = {row["row_id"]: row["id"] for row in rows_of(paths)}
    points: list[Scored] = []
    validate(paths, each=points.append)
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    asked = refused = 0
    for one in points:
        answer = theirs.get(ids.get(one.run.row_id, ""))
        if answer is None or one.run.metric not in METRICS:
            continue
        asked += 1
        if not answer[one.run.metric]:
            refused += 1
            continue
        pair = (float(answer[one.run.metric]) / one.run.value - 1.0, one.predicted / one.run.value - 1.0)
        for name in ("all", f"under {one.run.engine}", one.run.model_key):
            groups.setdefault((one.run.metric, name), []).append(pair)
    print(f"{asked} measurements asked, {refused} refused by AIConfigurator")
    print("| metric | runs | n | AIConfigurator | tokenroof |\n| --- | --- | --: | --: | --: |")
    for (metric, name), pairs in sorted(groups.items()):
        errors = [statistics.median(abs(pair[side]) for pair in pairs) for side in (0, 1)]
        print(f"| {metric} | {name} | {len(pairs)} | {errors[0]:.1%} | {errors[1]:.1%} |")


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        ask([path for path in sys.argv[2:] if path.endswith(".csv") and path != sys.argv[-1]], sys.argv[-1])
    else:
        score(sys.argv[2], sys.argv[3:])
