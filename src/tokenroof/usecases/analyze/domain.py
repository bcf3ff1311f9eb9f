"""A model on a machine, resolved to rates, bytes and capacity, with each default said aloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenroof.errors import InputError
from tokenroof.formulas import architecture, architecture_cache, moe
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.provenance import Fact, Grade, assumed
from tokenroof.types.default import Default
from tokenroof.types.dtype import DTYPES, dtype
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn, WeightDtypes

__all__ = ["Deployment", "deploy"]

# A stage takes at most this share of a domain for weights, so that sequences have room beside them.
_WEIGHT_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
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
    defaults: tuple[Default, ...] = ()
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

    def read_bytes(self, context: float) -> float:
        """What one decode step reads for one sequence of `context` tokens."""
        kv = architecture_cache.kv_read_bytes_per_step(self.model, context, self.kv_element_bytes)
        return kv + architecture_cache.state_bytes_per_sequence(self.model)


def _main_class(model: Model, stored: WeightDtypes) -> str:
    """The format that most of the weights are in."""
    sizes = architecture.params_by_class(model)
    return str(getattr(stored, max(sizes, key=lambda name: sizes[name])))


def _stored(model: Model, weight_dtype: str | None, defaults: list[Default]) -> tuple[WeightDtypes, str]:
    if weight_dtype is None:
        label = _main_class(model, model.weights)
        defaults.append(Default(field="weight dtype", value=label, reason="the checkpoint's own format"))
        return model.weights, label
    if weight_dtype not in DTYPES:
        dtype(weight_dtype)
    return architecture.uniform_dtypes(weight_dtype), weight_dtype


def _domain(system: System, stored_bytes: float, capacity: float) -> tuple[int, int, int]:
    chips = min(system.domain_size, system.n_chips)
    domains = max(system.n_chips // chips, 1)
    stages = 1
    while stages < domains and stored_bytes / stages >= _WEIGHT_SHARE * capacity * chips:
        stages += 1
    return chips, domains, stages


def deploy(model: Model, system: System, *, weight_dtype: str | None = None, kv_dtype: str | None = None) -> Deployment:
    """Resolve formats, rates and capacity. DataMissing where the chip has no usable arithmetic rate."""
    defaults: list[Default] = []
    chip = system.chip
    if chip.bytes_per_s <= 0:
        raise InputError("system", system.id, "a machine with a known memory bandwidth")
    stored, label = _stored(model, weight_dtype, defaults)
    if kv_dtype is None:
        kv_dtype = model.kv_dtype
        defaults.append(
            Default(field="KV dtype", value=kv_dtype, reason="the serving engines' default for this checkpoint")
        )
    dtype(kv_dtype)
    key, _ = arithmetic_rate(chip, dtype(label).rate_key)
    if key != dtype(label).rate_key:
        defaults.append(
            Default(field="arithmetic", value=key, reason=f"{chip.name} has no {dtype(label).rate_key} rate")
        )
    per_chip = chip.usable_memory_bytes or chip.memory_bytes
    total_bytes = architecture.weight_bytes(model, stored)
    table = 0 if model.tied_embeddings else model.vocab * model.hidden
    table_bytes = table * dtype(stored.embedding).bytes_per_element
    params = float(architecture.total_params(model))
    chips, domains, stages = _domain(system, total_bytes, per_chip)
    if domains > 1:
        text = f"{stages} pipeline stages" if stages > 1 else f"{domains} copies of the model"
        defaults.append(Default(field="scale-up domains", value=str(domains), reason=f"{chips} chips each: {text}"))
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
    return Deployment(
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
        defaults=tuple(defaults),
        facts=facts,
    )
