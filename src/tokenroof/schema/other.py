"""The other scenario of a question that lays one beside another."""

from tokenroof.schema.scenarios import named_scenario
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.next.answer import NextRequest

__all__ = ["other_of"]

# what both are asked under, where the other does not say it
_SHARED = ("isl", "osl", "prefix", "context", "concurrency", "batch", "request_rate", "users", "think")


def other_of(request: NextRequest) -> Scenario | None:
    """What `against` names, under the same lengths and load; None where nothing is named."""
    if request.against is None:
        return None
    same = {name: value for name in _SHARED if (value := getattr(request, name)) not in (None, 0.0)}
    return named_scenario(request.against, Scenario, same)
