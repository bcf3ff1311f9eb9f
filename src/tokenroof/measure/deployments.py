"""From the setup of a measured run to the Deployment that every verb asks; what tables repeat is kept."""

from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.catalog.efficiency import as_scheduled
from tokenroof.catalog.profile import profile_for
from tokenroof.engines import generation_of
from tokenroof.measure.setups import Setup
from tokenroof.operators.timing import Timed
from tokenroof.scenario.apart import with_prefill
from tokenroof.scenario.bounds import unbeatable
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.resolve import assemble
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.scenario import Scenario

__all__ = ["EAGER_LAUNCH_S", "Deployments", "as_run", "deployment_of"]

NARROWEST_KV = "fp8"  # of the formats that engines keep a cache in without being told by the table
# Host time of a kernel where Python runs every layer: the thinker of Qwen2.5-Omni-7B under vLLM on an A800 took 22 to
# 23 ms a token without graphs, 13 with them (issue 7960 of vllm-omni, 2026-09-22), in 256 kernels as counted here.
EAGER_LAUNCH_S = 86e-6
_MOST_KEPT = 512


def as_run(profile: Efficiency, setup: Setup) -> Efficiency:
    """The profile of a run that waited for no compilation, as others came before it, that used no graphs, or whose
    host planned several passes at once, or the work of attention.
    """
    if setup.warmed:
        profile = replace(profile, warmup_s=0.0)
    if setup.planned:
        profile = replace(profile, draft_pass_s=profile.draft_pass_s + profile.draft_plan_s)
    if setup.scheduler_steps > 1.0:
        steps = setup.scheduler_steps
        profile = replace(
            profile, host_s=profile.host_s / steps, host_per_sequence_s=profile.host_per_sequence_s / steps
        )
    profile = as_scheduled(profile, setup.scheduler)
    return replace(profile, eager=True, launch_s=EAGER_LAUNCH_S) if setup.eager else profile


def deployment_of(setup: Setup, profile: Efficiency, timed: Timed | None = None) -> Deployment:
    """The one replica that a run measured. `timed`: its operators, where the caller has timed them."""
    layout = setup.layout
    stored = None if layout.weights is None else layout.weights.experts
    scenario = Scenario(
        model=setup.model.id, system=setup.system.id, weight_dtype=stored, kv_dtype=layout.kv_dtype,
        engine=setup.engine, memory_fraction=setup.memory_fraction, drafts=setup.drafts or None,
        acceptance=setup.acceptance if setup.drafts else None,
    )  # fmt: skip
    made = assemble(
        scenario, setup.model, setup.system, layout, profile=profile, scheduler=setup.scheduler,
        workload=setup.workload, load=setup.load, weights=layout.weights, replicas=1, timed=timed,
    )  # fmt: skip
    if setup.prefill is None:
        return made
    workers = (setup.prefill_workers, setup.decode_workers)
    return with_prefill(made, setup.prefill, *workers, chunk=float(setup.scheduler.token_budget))


@dataclass(slots=True)
class Deployments:
    """Deployments and their bounds by what is lowered and timed: tables repeat one for many loads and lengths.

    `profile` is what they are timed with, as a scenario names it.
    """

    profile: str = "auto"
    _kept: dict[Any, tuple[Deployment, Deployment, Timed]] = field(default_factory=dict)

    def of(self, setup: Setup) -> tuple[Deployment, Deployment, Timed]:
        """The deployment; the same with whatever is not known as it would be quickest; and the latter at its bound."""
        key: tuple[Any, ...] = (
            setup.model.id,
            repr(setup.layout),
            setup.system.id,
            setup.engine,
            setup.generation,
            setup.kv_stated,
            setup.eager,
            setup.warmed,
            setup.planned,
            setup.scheduler_steps,
        )
        if setup.prefill is not None:
            key += (repr(setup.prefill), setup.prefill_workers, setup.decode_workers, setup.scheduler)
        if setup.drafts:  # the mean length of a context in decode hangs on how soon an answer is done
            key += (setup.drafts, setup.acceptance, setup.workload.osl)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[key] = _made(setup, self.profile)
        return _loaded(kept[0], setup), _loaded(kept[1], setup), kept[2]


def _loaded(kept: Deployment, setup: Setup) -> Deployment:
    """What is lowered and timed stays; lengths, load and the engine's settings are the run's own."""
    return replace(
        kept, workload=setup.workload, load=setup.load, scheduler=setup.scheduler,
        memory_fraction=setup.memory_fraction,
    )  # fmt: skip


def _made(setup: Setup, profile_name: str) -> tuple[Deployment, Deployment, Timed]:
    version = generation_of(setup.engine, setup.generation).version
    profile = as_run(profile_for(setup.system, setup.engine, profile_name, version, model=setup.model), setup)
    found = deployment_of(setup, profile)
    free = unbeatable(found, kv_dtype=None if setup.kv_stated else NARROWEST_KV)
    return found, replace(found, layout=free.program.layout, timed=free), free
