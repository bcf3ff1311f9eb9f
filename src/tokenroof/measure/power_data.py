"""Measured power beside the work that a run did: at its own speed, so that errors of timing are not fitted as power."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenroof.catalog.efficiency import profile_source
from tokenroof.catalog.power import format_of, memory_kind
from tokenroof.measure.deployments import Deployments
from tokenroof.measure.importers import read_results
from tokenroof.measure.setups import Skip, setup_of
from tokenroof.scenario.deployment import Deployment
from tokenroof.serving.power import decoding_at_once, request_work
from tokenroof.types.machine import Chip
from tokenroof.types.run import Fault, Run

__all__ = ["POWER_SETS", "PowerCase", "read_power_cases"]

POWER_SETS = ("inferencex_2026_07_part", "inferencex_amd_2026_07", "argonne_llm_inference_bench")
_JOULES, _MILLIWATTS = "joules_per_output_token", "avg_power_mw_raw"
_NARROW = ("-nvfp4", "-fp8", "-mxfp4")


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCase:
    """One run: watts of a GPU, and the FLOP/s by format and bytes/s of memory that it did at the speed measured.

    `source` is who measured and under which engine, `model` the checkpoint whatever its format.
    """

    source: str
    publisher: str
    engine: str
    model: str
    family: str
    memory: str
    chip: Chip
    watts: float
    flops_per_s: Mapping[str, float]
    bytes_per_s: float
    tokens_per_s: float
    deployment: Deployment = field(repr=False)

    @property
    def tdp_w(self) -> float:
        """The chip's limit; there is one wherever power was measured."""
        assert self.chip.tdp_w is not None
        return self.chip.tdp_w

    @property
    def joules_per_token(self) -> float:
        """Of all GPUs, for an output token."""
        return self.watts * self.deployment.gpus_used / self.tokens_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """`run` says what was run; `answer_s` is from its first token to its last, `watts` of all GPUs."""

    run: Run
    tokens_per_s: float
    answer_s_per_token: float
    watts: float


def _runs(path: Path) -> Iterator[dict[str, Run]]:
    """Metrics of each run: those of one line, and of the next where it says that it is the run of a row of power."""
    found: dict[str, Run] = {}
    last = 0
    for row in read_results(path):
        if isinstance(row, Fault):
            continue
        if row.line != last and "same run as power row" not in row.note:
            yield found
            found = {}
        found[row.metric], last = row, row.line
    yield found


def _measured(found: Mapping[str, Run]) -> _Measured | None:
    if _JOULES in found and "total_tok_s" in found and "tpot_p50_ms" in found:
        run = found["total_tok_s"]
        assert run.isl is not None and run.osl is not None
        tokens_per_s = run.value * run.osl / (run.isl + run.osl)
        return _Measured(
            run=run, tokens_per_s=tokens_per_s, answer_s_per_token=found["tpot_p50_ms"].value / 1e3,
            watts=found[_JOULES].value * tokens_per_s,
        )  # fmt: skip
    if _MILLIWATTS in found and "e2e_latency_s" in found:
        run = found["e2e_latency_s"]
        assert run.osl is not None and run.concurrency is not None
        each_s = run.value / run.osl
        return _Measured(
            run=run, tokens_per_s=run.concurrency / each_s, answer_s_per_token=each_s,
            watts=found[_MILLIWATTS].value / 1e3 * (run.num_gpus or 1),
        )  # fmt: skip
    return None


def _checkpoint(model: str) -> str:
    for ending in _NARROW:
        model = model.removesuffix(ending)
    return model


def _case(one: Deployment, measured: _Measured) -> PowerCase:
    chip, work, gpus = one.system.chip, one.workload, one.gpus_used
    at_once = decoding_at_once(measured.tokens_per_s, measured.answer_s_per_token)
    if one.fits:  # a run that was made did fit; more than fit at once waited
        at_once = min(at_once, one.room())
    done = request_work(one.timed, one.prompt_timed, work, batch=at_once / one.layout.pp, passes=work.osl)
    per_gpu_s = measured.tokens_per_s / work.osl / gpus
    flops: dict[str, float] = {}
    for key, count in done.flops.items():
        name = format_of(chip, key)
        flops[name] = flops.get(name, 0.0) + float(count) * per_gpu_s
    publisher = measured.run.source.partition(" (")[0]
    return PowerCase(
        source=f"{publisher}, {one.engine}", publisher=publisher, engine=one.engine, model=_checkpoint(one.model.id),
        family=profile_source(chip)[1], memory=memory_kind(chip.memory_type), chip=chip, watts=measured.watts / gpus,
        flops_per_s=flops, bytes_per_s=float(done.memory_bytes) * per_gpu_s, tokens_per_s=measured.tokens_per_s,
        deployment=one,
    )  # fmt: skip


def read_power_cases(folder: Path) -> Iterator[PowerCase | Skip]:
    """Every run that tells its power, or why it cannot be used."""
    kept = Deployments()
    for name in POWER_SETS:
        path = folder / f"{name}.csv"
        for found in _runs(path) if path.is_file() else ():
            measured = _measured(found)
            if measured is not None:
                setup = _unclear(measured.run) or setup_of(measured.run)
                yield setup if isinstance(setup, Skip) else _case(kept.of(setup)[0], measured)


def _unclear(run: Run) -> Skip | None:
    """What a run did must follow from what it measured: nobody counted its accepted drafts, or what each role drew."""
    if run.spec_decode not in ("", "none"):
        return Skip("speculative decoding")
    return Skip("disaggregated") if run.mode == "disaggregated" else None
