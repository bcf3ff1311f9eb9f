"""Writes examples/results: benchmark files of a made-up server, so that guides and tests have some to read.

The server is Llama-3.1-8B on one H100 under vLLM, as tokenroof predicts it, but in eager mode: 3.5 ms more a step.
A ripple of one per cent stands for the noise of a measurement; nothing here was measured.

.venv/bin/python scripts/example_results.py
"""

import csv
import math
from pathlib import Path

from tokenroof.measure.importers import IMPORTERS
from tokenroof.measure.setups import Skip, setup_of
from tokenroof.types.run import Run
from tokenroof.usecases.measured.predict import Forecaster

OUT = Path(__file__).resolve().parent.parent / "examples" / "results"
EAGER_S = 3.5e-3
LOADS = (1, 2, 4, 8, 16, 32, 64, 128)
LENGTHS = ((1000.0, 200.0), (4000.0, 500.0))
FAMILIES = {
    "vLLM bench serve": "vllm.json", "SGLang bench_serving": "sglang.jsonl", "GuideLLM": "guidellm.json",
    "AIPerf": "aiperf.json", "inference-perf": "inference-perf.json", "llama-bench": "llama-bench.json",
    "trtllm-bench": "trtllm.json", "InferenceX result": "inferencex.json", "locust": "locust.csv",
    "llm_decode_bench": "decode-bench.json",
}  # fmt: skip
COLUMNS = (
    "model", "hardware", "num_gpus", "tp", "weight_dtype", "kv_dtype", "engine", "engine_version", "mode", "input_len",
    "output_len", "batch_or_concurrency", "requests", "metric", "value", "unit",
)  # fmt: skip


def run_of(isl: float, osl: float, load: float) -> Run:
    """What was asked of the server."""
    blank = dict.fromkeys(("row_id", "file", "source", "model_key", "hw_key", "spec_decode", "quality", "split"), "")
    return Run(
        **blank, line=0, date="2026-11", model="llama-3.1-8b", hardware="h100-sxm", num_gpus=1, tp=1, pp=1, ep=1, dp=1,
        weight_dtype="bf16", kv_dtype="bf16", engine="vllm", engine_version="0.19.0", mode="server-closed-loop",
        isl=isl, osl=osl, concurrency=load, request_rate=None, load=f"{load:g}", metric="tpot_ms", value=1.0, unit="ms",
        requests=10.0 * load,
    )  # fmt: skip


def measured(isl: float, osl: float, load: float) -> tuple[float, float]:
    """(TTFT, TPOT) of the made-up server in seconds."""
    setup = setup_of(run_of(isl, osl, load))
    assert not isinstance(setup, Skip), setup
    found = Forecaster().quantities(setup)
    ripple = 1.0 + 0.01 * math.sin(7.0 * math.log(load + 1.0) + isl)
    return found["ttft"].value * ripple * 1.1 + EAGER_S, found["tpot"].value * ripple + EAGER_S


def sweep() -> list[tuple[object, ...]]:
    """Rows of the tidy table."""
    rows: list[tuple[object, ...]] = []
    for isl, osl in LENGTHS:
        for load in LOADS:
            ttft_s, tpot_s = measured(isl, osl, float(load))
            common = ("llama-3.1-8b", "h100-sxm", 1, 1, "bf16", "bf16", "vLLM", "0.19.0", "server-closed-loop",
                      f"{isl:g}", f"{osl:g}", load, 10 * load)  # fmt: skip
            rows.append((*common, "ttft_ms", f"{1e3 * ttft_s:.4g}", "ms"))
            rows.append((*common, "tpot_ms", f"{1e3 * tpot_s:.4g}", "ms"))
    return rows


def of_tools() -> None:
    """A short file of each benchmark tool: the example of its importer."""
    for one in IMPORTERS:
        if one.name in FAMILIES:
            (OUT / FAMILIES[one.name]).write_text(one.example, encoding="utf-8")


def main() -> None:
    """Write them."""
    OUT.mkdir(parents=True, exist_ok=True)
    of_tools()
    with (OUT / "sweep.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sweep())


if __name__ == "__main__":
    main()
