"""What an answer says of its question beside the numbers: settings taken for the user, lengths beyond the model's."""

from tokenroof.engines import engine
from tokenroof.errors import InputError
from tokenroof.types.default import Default
from tokenroof.types.engine import Engine
from tokenroof.types.model import Model
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Workload

__all__ = ["THINK_S", "check_version", "length_warnings", "think_s"]

THINK_S = 30.0


def think_s(scenario: Scenario, defaults: list[Default]) -> float:
    """Seconds between an answer and the next request of a user; 0 where the load is no users."""
    if scenario.users is None:
        return 0.0
    if scenario.think is None:
        defaults.append(Default(field="think", value=f"{THINK_S:g} s", reason="a page is read"))
        return THINK_S
    return scenario.think


def _known(one: Engine) -> str:
    """Its generations in words: `before 0.8, 0.8 and later`."""
    starts = [generation.version for generation in one.generations]
    if len(starts) == 1:
        return "all versions alike"
    return ", ".join([*(f"before {version}" for version in starts[1:]), f"{starts[-1]} and later"])


def check_version(scenario: Scenario, defaults: list[Default]) -> None:
    """InputError for what is no version; one that the newest rules stand for is said with the version they begin at."""
    version = scenario.engine_version.strip()
    if not version:
        return
    one = engine(scenario.engine, version)
    if one.number == ():
        raise InputError(
            "engine_version", version, f"a version number; {one.display_name} is known {_known(one)}",
            "leave it out for the newest",
        )  # fmt: skip
    newest = one.generations[-1]
    if one.generation is newest and one.number != newest.first:
        alike = _known(one).rpartition(", ")[2]
        reason = f"{one.display_name} is known {_known(one)}; memory: {one.memory.source}"
        defaults.append(Default(field="engine_version", value=f"{version}, as {alike}", reason=reason))


def length_warnings(model: Model, workload: Workload) -> tuple[str, ...]:
    """That requests are longer than the model was made for: some are served so, with stretched positions."""
    limit = max(model.context_config or 0, model.context_advertised or 0)
    whole = workload.isl + workload.osl
    if not limit or whole <= limit:
        return ()
    return (
        f"isl + osl = {whole:,.0f} tokens, but {model.name} is made for {limit:,}: an engine refuses them "
        "unless its positions are scaled",
    )
