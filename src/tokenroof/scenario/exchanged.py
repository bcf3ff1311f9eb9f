"""How tokens reach their experts in a scenario: what was asked for, and what is said of the rest."""

from tokenroof.engines import engine as engine_of
from tokenroof.operators.exchange import EXCHANGE, PLAIN, Exchange, exchange_of, ranks_sending, unused
from tokenroof.scenario.deployment import Deployment
from tokenroof.types.default import Default
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip
from tokenroof.types.model import Model, WeightDtypes
from tokenroof.types.scenario import Scenario

__all__ = ["asked_exchange", "sent_as"]


def asked_exchange(
    scenario: Scenario, chip: Chip, model: Model, weights: WeightDtypes | None, given: tuple[Layout | None, ...]
) -> Exchange:
    """The settings. InputError for one that changes nothing in any of the given layouts."""
    asked = {name: getattr(scenario, name) for name in EXCHANGE}
    faults = [unused(one, model, asked) for one in given if one is not None]
    if faults and faults[0] is not None and all(faults):
        raise faults[0]
    return exchange_of(engine_of(scenario.engine, scenario.engine_version), chip, model, weights, asked)


def sent_as(made: Deployment) -> tuple[Default, ...]:
    """The format of tokens on their way to experts, where nobody gave it and it is not that of all else."""
    layout, name = made.layout, made.layout.dispatch_dtype
    if made.scenario.dispatch_dtype is not None or name == PLAIN or not ranks_sending(layout, made.model):
        return ()
    why = f"as {made.engine} sends tokens to such experts; answers come back in {PLAIN}"
    return (Default(field="dispatch_dtype", value=name, reason=why),)
