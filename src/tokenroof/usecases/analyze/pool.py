"""A model on a machine, resolved to rates, bytes and capacity, with each default said aloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tokenroof.errors import InputError
from tokenroof.formulas import moe
from tokenroof.mixers import architecture, architecture_cache
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.provenance import Fact, Grade, assumed
from tokenroof.scenario.formats import main_format
from tokenroof.types.dtype import dtype
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn, WeightDtypes

__all__ = ["Pool", "pool_of"]

# A stage takes at most this share of a domain for weights, so that sequences have room beside them.
_WEIGHT_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One scale-up domain running one copy of the model (or one stage of it, when `stages` > 1).

    Weights sit in `weight_dtype`; the input embedding is stored but not read by a pass. Rates are those of
    all chips of the domain together.
    """

    model: Model
    system: System
    weight_dtype: str
    kv_dtype: str
    arithmetic: str
    chips: int
    domains: int
    stages: int
    params: float
    active_params: float
    stored_bytes: float
    read_params: float
    bytes_per_param: float
    flops_per_s: float
    bytes_per_s: float
    capacity_bytes: float
    facts: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kv_element_bytes(self) -> float:
        return dtype(self.kv_dtype).bytes_per_element

    def touched_params(self, batch: float) -> float:
        """Weights that a pass of `batch` tokens is expected to read: experts that no token is routed to stay unread.

        The lecture's N is the limit of many tokens.
        """
        unread = 0.0
        for group in self.model.layers:
            if isinstance(group.ffn, MoeFfn):
                experts = float(group.ffn.n_experts)
                routed = sum(
                    p.total for p in architecture.ffn_params(group.ffn, self.model.hidden) if p.part == "routed experts"
                )
                share = moe.experts_touched_share(n_experts=experts, top_k=group.ffn.routes, tokens=batch)
                unread += group.count * routed * (1.0 - share)
        return self.read_params - unread

    def sequence_bytes(self, context: float) -> float:
        """What one sequence of `context` tokens keeps in memory: KV cache and constant state."""
        kv = architecture_cache.kv_bytes_per_sequence(self.model, context, self.kv_element_bytes)
        return kv + architecture_cache.state_bytes_per_sequence(self.model)

    def largest_batch(self, context: float) -> float:
        """Most sequences of `context` tokens beside the weights, nothing reserved; 0 where the weights do not fit."""
        room = self.capacity_bytes - self.stored_bytes / self.stages
        each = self.sequence_bytes(context)
        if room <= 0:
            return 0.0
        return float(room // each) if each > 0 else float("inf")

    def read_bytes(self, context: float) -> float:
        """What one decode step reads for one sequence of `context` tokens."""
        kv = architecture_cache.kv_read_bytes_per_step(self.model, context, self.kv_element_bytes)
        return kv + architecture_cache.state_bytes_per_sequence(self.model)


def _domain(system: System, stored_bytes: float, capacity: float) -> tuple[int, int, int]:
    chips = min(system.domain_size, system.n_chips)
    domains = max(system.n_chips // chips, 1)
    stages = 1
    while stages < domains and stored_bytes / stages >= _WEIGHT_SHARE * capacity * chips:
        stages += 1
    return chips, domains, stages


def pool_of(
    model: Model,
    system: System,
    *,
    weights: WeightDtypes | None = None,
    kv_dtype: str | None = None,
    label: str | None = None,
) -> Pool:
    """Rates and capacity of one domain. `weights` None: the checkpoint's own; `label` is the format of most of them."""
    chip = system.chip
    if chip.bytes_per_s <= 0:
        raise InputError("system", system.id, "a machine with a known memory bandwidth")
    stored = weights or model.weights
    label = label or main_format(replace(model, weights=stored))
    kv_dtype = kv_dtype or model.kv_dtype
    dtype(kv_dtype)
    key, _ = arithmetic_rate(chip, dtype(label).rate_key)
    per_chip = chip.usable_memory_bytes or chip.memory_bytes
    total_bytes = architecture.weight_bytes(model, stored)
    table = 0 if model.tied_embeddings else model.vocab * model.hidden
    table_bytes = table * dtype(stored.embedding).bytes_per_element
    params = float(architecture.total_params(model))
    chips, domains, stages = _domain(system, total_bytes, per_chip)
    active = architecture.active_params(model).without_input_embedding
    source = model.source or "config file given by the user"
    as_of = model.as_of or "2026-11-25"
    derived = {
        "params": (params - table, "param"),
        "active_params": (active, "param"),
        "bytes_per_param": ((total_bytes - table_bytes) / (params - table), "B/param"),
    }
    facts = {
        name: Fact(value=value, unit=unit, source=f"counted from {source}", as_of=as_of, grade=Grade.DERIVED)
        for name, (value, unit) in derived.items()
    }
    for name, fact_name in (("flops_per_s", f"flops_per_s.{key}"), ("bytes_per_s", "bytes_per_s")):
        per_chip_fact = chip.facts.get(fact_name) or assumed(0.0, "1", "no fact recorded")
        facts[name] = per_chip_fact
    return Pool(
        model=model,
        system=system,
        weight_dtype=label,
        kv_dtype=kv_dtype,
        arithmetic=key,
        chips=chips,
        domains=domains,
        stages=stages,
        params=params,
        active_params=float(active),
        stored_bytes=total_bytes,
        read_params=params - table,
        bytes_per_param=derived["bytes_per_param"][0],
        flops_per_s=chip.flops_per_s[key] * chips,
        bytes_per_s=chip.bytes_per_s * chips,
        capacity_bytes=per_chip * chips,
        facts=facts,
    )
