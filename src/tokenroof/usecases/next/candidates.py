"""Runs that could be made of a deployment: loads and lengths, what they cost, and how a tool is told to make them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tokenroof.catalog.systems import compose_system
from tokenroof.engines.bench_commands import bench_command
from tokenroof.measure.setups import Setup
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.layouts import unit_label
from tokenroof.types.workload import Load

__all__ = ["Run", "command_of", "runs_of", "setup_of"]

_LOADS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_SHORTER = (1.0, 0.25)  # of the lengths: short prompts are cheap
_REQUESTS = 4.0  # times the concurrency: the first wave is then a quarter of the run
_FEWEST = 16.0
_WARM_S = 60.0  # to warm up and to start the client: assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one deployment."""

    setup: Setup
    label: str
    seconds: float
    gpus: int

    @property
    def gpu_minutes(self) -> float:
        """What it occupies."""
        return self.gpus * (self.seconds + _WARM_S) / 60.0


def setup_of(deployment: Deployment, load: Load, isl: float, osl: float) -> Setup:
    """One replica under a load, as results have it."""
    work = deployment.workload
    short = isl / work.isl
    return Setup(
        model=deployment.model, system=compose_system(deployment.system.chip, deployment.layout.n_gpus),
        layout=deployment.layout, engine=deployment.engine, generation=deployment.known_engine.generation.name,
        scheduler=deployment.scheduler, workload=replace(work, isl=isl, osl=osl, prefix=work.prefix * short), load=load,
        memory_fraction=deployment.memory_fraction, drafts=deployment.scenario.drafts or 0,
        acceptance=deployment.scenario.acceptance or 0.0,
    )  # fmt: skip


def _seconds(deployment: Deployment, load: Load, isl: float, osl: float) -> float:
    held = replace(deployment, workload=replace(deployment.workload, isl=isl, osl=osl), replicas=1)
    return float(load.requests or 0.0) / float(held.estimate(load).requests_per_s)


def runs_of(deployment: Deployment, most: float) -> Iterator[Run]:
    """Closed loops of one replica up to its room, at the scenario's lengths and at a quarter of them."""
    work = deployment.workload
    for part in _SHORTER:
        isl, osl = max(work.isl * part, 2.0), max(work.osl * part, 2.0)
        for at in _LOADS:
            if at > max(most, 1.0):
                continue
            load = Load(kind="concurrency", value=at, requests=max(_REQUESTS * at, _FEWEST))
            yield Run(
                setup=setup_of(deployment, load, isl, osl), label=unit_label(deployment),
                seconds=_seconds(deployment, load, isl, osl), gpus=deployment.layout.n_gpus,
            )  # fmt: skip


def command_of(run: Run, tool: str) -> str:
    """The command of a benchmark tool against a server that is up; its result file is what `results` takes."""
    one = run.setup
    isl, osl, at = round(one.workload.isl), round(one.workload.osl), round(one.load.value)
    return bench_command(
        tool, model=one.model.name, engine=one.engine, isl=isl, osl=osl, concurrency=at,
        requests=round(one.load.requests or 0), file=f"{run.label.replace(' ', '-')}-c{at}-{isl}-{osl}",
    )  # fmt: skip
