"""A Deployment as the simulator sees it: a table of step times, and the rules of its engine's scheduler."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.planner.drafts import Drafting
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.prefill_workers import PrefillWorkers
from tokenroof.simulate.prefix_cache import MOST_BLOCKS
from tokenroof.simulate.rules import Rules
from tokenroof.simulate.run import Tiers
from tokenroof.simulate.step_times import StepTable
from tokenroof.types.machine import MemoryTier, System
from tokenroof.units import format_bytes

__all__ = ["prefill_rules_of", "prefill_table_of", "rules_of", "table_of", "tiers_of", "transfer_of"]


def _stages(layers: int, pp: int) -> tuple[float, ...]:
    """Shares of a step by pipeline stage: layers as evenly as they divide, the fuller stages first."""
    whole, more = divmod(layers, pp)
    return tuple((whole + (at < more)) / layers for at in range(pp))


def _block_tokens(deployment: Deployment) -> int:
    return max(1, engine_of(deployment.engine).memory.block_tokens)


def _block_bytes(deployment: Deployment, *, prompts: bool = False) -> float:
    """Of the engine's block on the fullest GPU, at the mean length of what is held: of requests, or where workers of
    their own prefill of their `prompts`; 0 where memory grows with no token.
    """
    use, tokens = deployment.memory(), deployment.held_tokens
    if prompts:
        use, tokens = deployment.prompt_memory(), deployment.workload.isl
    return float(use.cache_bytes_per_sequence) / math.ceil(tokens / _block_tokens(deployment))


def _blocks(system: System, pool_bytes: float, each: float) -> int:
    """Blocks of a data-parallel rank."""
    blocks = int(max(pool_bytes, 0.0) // each) if each > 0.0 else 1 << 62
    if blocks < 1:
        raise InputError("system", system.id, "one whose memory holds a request", "see tokenroof analyze")
    return blocks


def rules_of(deployment: Deployment) -> Rules:
    """The engine's scheduler on this deployment. Blocks are what its memory holds at the mean length of a request.

    Where a model keeps a window, or a state, memory does not grow by the block; the blocks are then counted so that as
    many requests of the mean length fit as do in truth.
    """
    scheduler, layout = deployment.scheduler, deployment.layout
    return Rules(
        policy="mixed" if scheduler.mixed else "prompts-first",
        token_budget=int(scheduler.token_budget),
        max_sequences=int(scheduler.max_sequences),
        reserve="output" if scheduler.reserves_output else "pages",
        block_tokens=_block_tokens(deployment),
        blocks=_blocks(deployment.system, float(deployment.memory().cache_pool_bytes), _block_bytes(deployment)),
        ranks=layout.dp,
        stages=_stages(deployment.program.layers, layout.pp),
        gather_steps=scheduler.gather_passes,
        drafts=deployment.scenario.drafts or 0,
        acceptance=(deployment.scenario.acceptance or 0.0) if deployment.scenario.drafts else 0.0,
    )


def prefill_rules_of(deployment: Deployment) -> Rules:
    """The scheduler of a prefill worker, which holds prompts alone: in steps of their chunk, on its own layout."""
    split = _split(deployment)
    each, pool = _block_bytes(deployment, prompts=True), float(deployment.prompt_memory().cache_pool_bytes)
    return replace(
        rules_of(deployment), policy="prompts-first", token_budget=int(split.chunk), ranks=split.layout.dp,
        max_sequences=int(split.scheduler.max_sequences), blocks=_blocks(split.system, pool, each),
        stages=_stages(split.timed.program.layers, split.layout.pp),
        gather_steps=0.0, drafts=0, acceptance=0.0,
    )  # fmt: skip


def prefill_table_of(deployment: Deployment) -> StepTable:
    """Step times of a prefill worker."""
    split = _split(deployment)
    return StepTable(split.timed, int(split.chunk) + int(split.scheduler.max_sequences))


def _split(deployment: Deployment) -> PrefillWorkers:
    if deployment.prefill_workers is None:
        raise InputError("mode", "agg", "one with prefill workers of their own")
    return deployment.prefill_workers


def table_of(deployment: Deployment) -> StepTable:
    """Step times of one replica."""
    scheduler = deployment.scheduler
    timed, drafts = deployment.timed, deployment.scenario.drafts or 0
    most = int(scheduler.token_budget) + int(scheduler.max_sequences) * (1 + drafts)
    return StepTable(timed, most, drafts=drafts, head=timed.head if isinstance(timed, Drafting) else None)


def tiers_of(deployment: Deployment, tiers: Sequence[tuple[MemoryTier, float]], block_tokens: int) -> Tiers:
    """Memory behind that of the GPUs: every GPU has so many bytes of each tier, and a link of the tier's rate to it.

    A block of so many tokens lies on all GPUs of its rank, which bring their parts back side by side. Prefix caches of
    disaggregated deployments are those of their prefill workers.
    """
    each = _block_bytes(deployment, prompts=deployment.disaggregated) * block_tokens / _block_tokens(deployment)
    for tier, capacity in tiers:
        if capacity < each:
            limit = f"at least one block of {block_tokens} tokens, {format_bytes(each)} on a GPU"
            raise InputError("cache_tiers", f"{tier.id}:{capacity:g}B", limit)
    return Tiers(
        blocks=tuple(min(int(capacity // each), MOST_BLOCKS) for _, capacity in tiers),
        reload_s=tuple(each / tier.bytes_per_s for tier, _ in tiers),
    )


def transfer_of(deployment: Deployment) -> Callable[[int], float]:
    """Seconds to send the cache of a prompt of so many tokens from a prefill worker to one that decodes.

    Every stage of the prefill worker sends its own layers, at the rate of one GPU's link.
    """
    split = _split(deployment)
    rate = deployment.link_bytes_per_s() * split.layout.pp
    return lambda isl: float(cache_bytes_per_sequence(split.timed.program, float(isl))) / rate
