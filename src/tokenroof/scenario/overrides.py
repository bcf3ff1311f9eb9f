"""What-ifs: facts of the catalogue changed for one question.

    chip.memory_bandwidth=1.5x   chip.memory=192GB   chip.flops=+10%   chip.flops.fp8=2PFLOP/s   system.domain_size=72
    model.kv_heads=4   model.layers=0.5x   model.weights=fp8   attention=sqrt|topk:2048|window:4096

Changes are made in the order given and checked together at the end, so that `heads` and `kv_heads` may move at once.
"""

import re
from dataclasses import dataclass

from tokenroof.errors import InputError, UnknownName
from tokenroof.registry import nearest
from tokenroof.scenario.override_machine import MACHINE_FIELDS, change_machine, check_machine
from tokenroof.scenario.override_model import FORMAT_FIELDS, MODEL_FIELDS, change_model, check_model
from tokenroof.scenario.override_values import Override
from tokenroof.types.machine import System
from tokenroof.types.model import Model

__all__ = ["Override", "OverrideField", "change_of", "check_planned", "overridden", "override_fields"]

# The names of the fields of Chip, System and Model, and what else people write.
_ALIASES = {
    "chip.bytes_per_s": "chip.memory_bandwidth", "chip.bandwidth": "chip.memory_bandwidth",
    "chip.memory_bytes": "chip.memory", "chip.flops_per_s": "chip.flops",
    "chip.scaleup_bytes_per_s": "chip.scaleup_bandwidth", "chip.scaleout_bytes_per_s": "chip.scaleout_bandwidth",
    "chip.scaleup_domain": "chip.domain", "chip.tdp_w": "chip.tdp", "chip.all_in_w": "chip.all_in_power",
    "chip.power_cap_w": "chip.power_cap", "chip.power_limit": "chip.power_cap", "chip.clocks": "chip.flops",
    "chip.clock": "chip.flops",
    "system.n_chips": "system.gpus", "system.chips": "system.gpus", "system.domain": "system.domain_size",
    "system.scaleup_bytes_per_s": "system.scaleup_bandwidth",
    "system.scaleout_bytes_per_s": "system.scaleout_bandwidth", "system.power_w": "system.power",
    "model.n_layers": "model.layers", "model.n_heads": "model.heads", "model.n_kv_heads": "model.kv_heads",
    "model.n_experts": "model.experts", "model.state_elements": "model.state", "model.weight_dtype": "model.weights",
    "model.context_config": "model.context", "model.attention": "attention",
}  # fmt: skip
_ANY = {"flops": "FORMAT", "weights": "CLASS"}


@dataclass(frozen=True, slots=True)
class OverrideField:
    """A fact that may be changed: its name, what it is, and the unit in which an absolute value is written."""

    name: str
    what: str
    unit: str


def override_fields() -> tuple[OverrideField, ...]:
    """Every field that a what-if may change, machine first."""
    numbers = {**MACHINE_FIELDS, **MODEL_FIELDS}
    found = [OverrideField(name, rule.what, rule.unit) for name, rule in numbers.items()]
    found += [OverrideField(name, what, "") for name, what in FORMAT_FIELDS.items()]
    return (*found, OverrideField("attention", "what full attention reads: sqrt, topk:N or window:N", ""))


def change_of(text: str) -> tuple[str, str]:
    """`field=value` as a pair."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise InputError("set", text, "field=value", "such as chip.memory_bandwidth=1.5x")
    return name.strip(), value.strip()


def _listed(name: str, known: list[str]) -> str:
    """The fields of the owner that a name begins with, or of all; formats and classes of weights as one word each."""
    owner = name.partition(".")[0]
    shown = [field for field in known if field.startswith(f"{owner}.")] or known
    short = [re.sub(r"(flops|weights)\..*", lambda m: f"{m[1]}.{_ANY[m[1]]}", field) for field in shown]
    return ", ".join(dict.fromkeys(short))


def _canonical(name: str) -> str:
    plain = name.strip().lower().replace("-", "_")
    plain = plain.replace("chip.flops_per_s.", "chip.flops.")
    plain = _ALIASES.get(plain, plain)
    known = [field.name for field in override_fields()]
    if plain not in known:
        raise UnknownName("field", name, nearest(plain, known), f"fields: {_listed(plain, known)}")
    return plain


def check_planned(changes: tuple[tuple[str, str], ...]) -> None:
    """InputError for the first change that a plan cannot take: it asks about machines, and has GPUs of its own."""
    for written, text in changes:
        name = _canonical(written)
        if name == "system.gpus":
            raise InputError("set", f"{written}={text}", "left out in a plan", "give gpus")
        if name not in MACHINE_FIELDS:
            raise InputError("set", f"{written}={text}", "a fact of chip or system", "ask analyze about other models")


def overridden(
    model: Model, system: System, changes: tuple[tuple[str, str], ...]
) -> tuple[Model, System, tuple[Override, ...]]:
    """The model and system with the changes made, and what was changed from what to what.

    UnknownName where no such field is, InputError and UnitError where its value cannot be, DataMissing where a
    relative change has nothing to start from or the model has no such part.
    """
    told: list[Override] = []
    seen: set[str] = set()
    for written, text in changes:
        name = _canonical(written)
        if name in seen:
            raise InputError(name, text, "given once")
        seen.add(name)
        more: tuple[Override, ...]
        if name in MACHINE_FIELDS:
            system, more = change_machine(system, name, text)
        else:
            model, more = change_model(model, name, text)
        told.extend(more)
    if any(name in MACHINE_FIELDS for name in seen):
        check_machine(system)
    if any(name not in MACHINE_FIELDS for name in seen):
        check_model(model)
    return model, system, tuple(told)
