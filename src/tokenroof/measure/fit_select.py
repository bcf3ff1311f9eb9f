"""Which measurements a fit may use, and which it leaves out, each with the reason. Scoring leaves none of them out."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path

from tokenroof.catalog.efficiency import profile_source
from tokenroof.engines import generation_of
from tokenroof.measure.fit_runs import Case
from tokenroof.measure.importers import read_results
from tokenroof.measure.setups import METRICS, Setup, Skip, setup_of
from tokenroof.types.engine import Doubt
from tokenroof.types.run import Fault, Run

__all__ = ["SETS", "read_cases", "why_not_fitted"]

# Tables that a fit reads, where they are there. Others are only scored.
SETS = (
    "inferencex_aggregated", "aiconfigurator_gap_runs", "argonne_llm_inference_bench", "trtllm_static_v0.9",
    "trtllm_max_throughput", "trtllm_online_serving_v0.14", "rocm_vllm_mi300x", "sglang_cookbook",
    "inferencex_amd_2026_07", "inferencex_2026_07_part",
)  # fmt: skip
_FITTED_FAMILIES = frozenset({"ampere", "hopper", "blackwell", "cdna3", "cdna4"})


def _doubtful(run: Run, setup: Setup) -> str:
    gap = "gap" in run.source.lower()
    if gap and (setup.workload.isl % 1024 or setup.model.id == "llama-3.1-8b"):
        return "imply more than the links carry: cached prefixes or another set-up"
    if "mixtral" in setup.model.id and setup.load.kind == "static":
        return "identical prompts route to the same experts: faster than light"
    if "gpt-oss" in setup.model.id and setup.load.kind == "concurrency" and setup.load.value > 256:
        return "batch was limited by a setting that nobody recorded"
    return ""


def _applies(doubt: Doubt, run: Run, setup: Setup) -> bool:
    known = doubt.model in setup.model.id and doubt.source in run.source.lower()
    return known and (not doubt.before or run.date < doubt.before)


def why_not_fitted(run: Run, setup: Setup) -> str:
    """Reason why a measurement must not move a constant; empty where it may."""
    if run.quality not in ("A", "B"):
        return "quality C"
    if not run.weight_dtype:
        return "weight format is not stated"
    if run.split not in ("", "cal"):
        return f"split {run.split}"
    if setup.prefill is not None:
        return "separate roles are predicted, not fitted"
    if profile_source(setup.system.chip)[1] not in _FITTED_FAMILIES:
        return "no constants of this family are fitted"
    if run.metric.startswith("ttft") and setup.load.kind == "concurrency":
        for doubt in generation_of(setup.engine, setup.generation).doubts:
            if _applies(doubt, run, setup):
                return doubt.reason
    return _doubtful(run, setup)


def read_cases(
    folder: Path, progress: Callable[[str], None] | None = None, sets: Iterable[str] = SETS
) -> Iterator[Case]:
    """Every measurement that a fit may use. Models of one architecture go by the name that comes first: to have seen
    DeepSeek-V3 is to have seen R1.
    """
    architectures: dict[Hashable, str] = {}
    for name in sets:
        path = folder / f"{name}.csv"
        if not path.is_file():
            continue
        kept = left = 0
        for run in read_results(path):
            setup = Skip("unreadable") if isinstance(run, Fault) else setup_of(run)
            if isinstance(run, Fault) or isinstance(setup, Skip) or why_not_fitted(run, setup):
                left += 1
                continue
            quantity, scale = METRICS[run.metric]
            chip = setup.system.chip
            kept += 1
            model = setup.model
            seen = architectures.setdefault((model.hidden, model.layers), run.model_key)
            yield Case(
                set=name, setup=setup, quantity=quantity, metric=run.metric, value=run.value / scale,
                model=seen, chip=chip.id, family=profile_source(chip)[1],
            )  # fmt: skip
        if progress is not None:
            progress(f"{name}: {kept:,} measurements, {left:,} left out")
