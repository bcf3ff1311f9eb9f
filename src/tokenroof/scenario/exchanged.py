"""How tokens reach their experts in a scenario: what was asked for, and what is said of the rest."""

from typing import Any

from tokenroof.engines import engine as engine_of
from tokenroof.operators.exchange import EXCHANGE, PLAIN, Exchange, exchange_of, ranks_sending, unused
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip
from tokenroof.types.model import Model, WeightDtypes
from tokenroof.types.scenario import Scenario

__all__ = ["asked_exchange", "check_exchange", "idle", "sent_as"]


def asked_exchange(
    scenario: Scenario, chip: Chip, model: Model, weights: WeightDtypes | None, given: tuple[Layout | None, ...]
) -> Exchange:
    """The settings. InputError for one that changes nothing in any of the given layouts."""
    check_exchange(scenario, model, given)
    return exchange_of(engine_of(scenario.engine, scenario.engine_version), chip, model, weights, _asked(scenario))


def check_exchange(scenario: Scenario, model: Model, given: tuple[Layout | None, ...]) -> None:
    """InputError for a setting that changes nothing in any of the given layouts, or without one in any at all."""
    named = [one for one in given if one is not None]
    faults = [unused(one, model, _asked(scenario)) for one in named or (None,)]
    if faults[0] is not None and all(faults):
        raise faults[0]


def idle(made: Deployment, asked: Scenario) -> tuple[Default, ...]:
    """What was asked for and changes nothing in the layouts that were chosen."""
    layouts = [made.layout] if made.prefill_workers is None else [made.layout, made.prefill_workers.layout]
    faults = [unused(one, made.model, _asked(asked)) for one in layouts]
    if faults[0] is None or not all(faults):
        return ()
    why = "the chosen layout sends no token to experts, which takes data-parallel attention"
    return (Default(field=faults[0].field, value="changes nothing", reason=why),)


def _asked(scenario: Scenario) -> dict[str, Any]:
    return {name: getattr(scenario, name) for name in EXCHANGE}


def sent_as(made: Deployment) -> tuple[Default, ...]:
    """The format of tokens on their way to experts, where nobody gave it and it is not that of all else; what was
    asked for and changes nothing in a layout that was chosen.
    """
    layout, name = made.layout, made.layout.dispatch_dtype
    useless = idle(made, made.scenario)
    if useless:
        return useless
    if made.scenario.dispatch_dtype is not None or name == PLAIN or not ranks_sending(layout, made.model):
        return ()
    why = f"as {made.engine} sends tokens to such experts; answers come back in {PLAIN}"
    return (Default(field="dispatch_dtype", value=name, reason=why),)
