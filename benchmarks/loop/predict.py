"""What tokenroof says of each point that was benchmarked, on the machine as microbench found it."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenroof.scenario.bounds import unbeatable
from tokenroof.scenario.resolve import resolve
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario

__all__ = ["FORMATS", "SLOTS", "Point", "lines_of", "point_of", "result_name", "summary_of", "tpot_ms"]

FORMATS = {"q8_0": "q8_0", "f16": "fp16"}
SLOTS = 1  # llama-cpp-python's server answers one request at a time
_WITHIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One benchmark: medians of its requests, the prediction, and the roof, in ms."""

    model: str
    format: str
    isl: int
    osl: int
    concurrency: int
    requests: int
    measured_tpot_ms: float
    predicted_tpot_ms: float
    roof_tpot_ms: float
    measured_ttft_ms: float
    predicted_ttft_ms: float

    @property
    def error(self) -> float:
        return self.predicted_tpot_ms / self.measured_tpot_ms - 1.0

    @property
    def ttft_error(self) -> float:
        return self.predicted_ttft_ms / self.measured_ttft_ms - 1.0


def result_name(model: str, format: str, isl: int, concurrency: int) -> str:
    """The file of a point."""
    return f"{model}-{format}-isl{isl}-c{concurrency}.json"


def tpot_ms(one: Point, chip: Path, config: Path, profile: str) -> float:
    """What another profile predicts for a point."""
    scenario = Scenario(
        model=str(config), system=str(chip), engine="llama.cpp", weight_dtype=FORMATS[one.format], isl=float(one.isl),
        osl=float(one.osl), concurrency=float(one.concurrency), max_num_seqs=SLOTS, profile=profile,
    )  # fmt: skip
    return 1e3 * resolve(scenario).serve().tpot_s


def point_of(result: Path, chip: Path, config: Path, name: str, format: str) -> Point:
    """A result file beside its prediction."""
    told = json.loads(result.read_text(encoding="utf-8"))
    isl, osl = told["input_lens"][0], told["output_lens"][0]
    scenario = Scenario(
        model=str(config), system=str(chip), engine="llama.cpp", weight_dtype=FORMATS[format], isl=float(isl),
        osl=float(osl), concurrency=float(told["max_concurrency"]), max_num_seqs=SLOTS,
    )  # fmt: skip
    deployment = resolve(scenario)
    served = deployment.serve()
    least = unbeatable(deployment).step(decode=Load(1, 1, isl + osl / 2))
    return Point(
        model=name, format=format, isl=isl, osl=osl, concurrency=told["max_concurrency"], requests=told["completed"],
        measured_tpot_ms=told["median_tpot_ms"], predicted_tpot_ms=1e3 * served.tpot_s,
        roof_tpot_ms=1e3 * least.step_s, measured_ttft_ms=told["median_ttft_ms"],
        predicted_ttft_ms=1e3 * served.settled_ttft_s,
    )  # fmt: skip


def lines_of(points: Iterable[Point]) -> list[str]:
    """The points as a Markdown table."""
    heads = ("model", "weights", "isl", "osl", "in flight", "TPOT measured", "predicted", "error", "roof",
             "TTFT measured", "predicted")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for one in points:
        row = (
            one.model, one.format, one.isl, one.osl, one.concurrency, f"{one.measured_tpot_ms:.2f} ms",
            f"{one.predicted_tpot_ms:.2f} ms", f"{one.error:+.1%}", f"{one.roof_tpot_ms:.2f} ms",
            f"{one.measured_ttft_ms:,.0f} ms", f"{one.predicted_ttft_ms:,.0f} ms",
        )  # fmt: skip
        lines.append(f"| {' | '.join(map(str, row))} |")
    return lines


def summary_of(points: list[Point]) -> dict:
    """How far off, and whether any run beat the roof."""
    errors = [abs(one.error) for one in points]
    return {
        "points": [asdict(one) for one in points], "n": len(points), "median_error": statistics.median(errors),
        "worst_error": max(errors), "within_25_percent": sum(error <= _WITHIN for error in errors),
        "above_the_roof": sum(one.measured_tpot_ms < one.roof_tpot_ms for one in points),
        "median_ttft_error": statistics.median(abs(one.ttft_error) for one in points),
    }  # fmt: skip
