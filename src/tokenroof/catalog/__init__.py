"""Facts about models and machines, with source and date on every number. Names load at first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenroof.catalog.chips import chip_ids, load_chip
    from tokenroof.catalog.models.index import load_model, load_models, model_ids
    from tokenroof.catalog.rental import load_rental
    from tokenroof.catalog.systems import load_system, load_system_file, system_names
    from tokenroof.catalog.tiers import hbm_tier, load_tier, load_tiers

# public name -> module below tokenroof.catalog
_PUBLIC = {
    "chip_ids": "chips",
    "load_chip": "chips",
    "load_model": "models.index",
    "load_models": "models.index",
    "model_ids": "models.index",
    "load_rental": "rental",
    "load_system": "systems",
    "load_system_file": "systems",
    "system_names": "systems",
    "hbm_tier": "tiers",
    "load_tier": "tiers",
    "load_tiers": "tiers",
}

__all__ = [
    "chip_ids",
    "hbm_tier",
    "load_chip",
    "load_model",
    "load_models",
    "load_rental",
    "load_system",
    "load_system_file",
    "load_tier",
    "load_tiers",
    "model_ids",
    "system_names",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
