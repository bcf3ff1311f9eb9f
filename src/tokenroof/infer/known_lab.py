"""What a lab's known models say of its next one: how large and sparse it builds, and what it asks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tokenroof.catalog.offers.history import known_misses
from tokenroof.infer.calibration import Calibration, Lines, Point
from tokenroof.infer.levels import Level, Miss, level_of, one_a_model
from tokenroof.infer.population import Line, Member, Population, misses_of

__all__ = [
    "KnownModel", "as_table", "known_models", "lines_of_lab", "out_by", "population_of_lab", "price_level", "shipped",
]  # fmt: skip

_PRICE = "input_price"
_MONTH = 1.0 / 12.0  # years: days of release are known by month


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """An architecture of a lab and how far it lies over each line: of the population, and prices by kind of seller."""

    lab: str
    architecture: str
    misses: Mapping[str, Miss]


def known_models(
    points: Sequence[Point], members: Sequence[Member], lines: Lines, population: Population
) -> tuple[KnownModel, ...]:
    """Every architecture that these prices and this population know; several prices of one are averaged."""
    found: dict[tuple[str, str], dict[str, list[Miss]]] = {}
    for point in points:
        if point.channel == _PRICE:
            over = point.shown - lines[_PRICE, point.kind].at(point.predicted, point.year)
            own = found.setdefault((point.lab, point.model), {})
            own.setdefault(point.kind, []).append(Miss(point.lab, point.released, over))
    for member in members:
        own = found.setdefault((member.lab, member.architecture), {})
        for name, over in misses_of(member, population).items():
            own.setdefault(name, []).append(Miss(member.lab, member.released, over))
    return tuple(
        KnownModel(
            lab=lab, architecture=architecture,
            misses={name: one_a_model([("", miss) for miss in some])[0] for name, some in sorted(misses.items())},
        )
        for (lab, architecture), misses in sorted(found.items())
    )  # fmt: skip


@lru_cache(maxsize=1)
def shipped() -> tuple[KnownModel, ...]:
    """The architectures behind the lines in use."""
    return tuple(
        KnownModel(
            lab=lab, architecture=architecture,
            misses={name: Miss(lab, released, over) for name, (released, over) in misses.items()},
        )
        for lab, models in known_misses().items()
        for architecture, misses in models.items()
    )  # fmt: skip


def as_table(known: Sequence[KnownModel]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """The same by lab, to be shipped."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for one in known:
        misses = {name: [round(miss.released, 2), round(miss.over, 3)] for name, miss in one.misses.items()}
        found.setdefault(one.lab, {})[one.architecture] = misses
    return found


def out_by(known: Sequence[KnownModel], priced: float, but: float | None = None) -> tuple[KnownModel, ...]:
    """What was known of models on the day of a price: those of later days are left out.

    So are, where the model on sale is not named, those of about its day `but`: one of them may be it.
    """

    def counts(miss: Miss) -> bool:
        return miss.released <= priced and (but is None or abs(miss.released - but) > _MONTH)

    told = (replace(one, misses={name: m for name, m in one.misses.items() if counts(m)}) for one in known)
    return tuple(one for one in told if one.misses)


def price_level(known: Sequence[KnownModel], line: Calibration, released: float) -> Level:
    """Where a lab's prices of a kind of seller should lie at a day."""
    return _level(known, line.kind, line.lab_share, released)


def _level(known: Sequence[KnownModel], name: str, share: float, released: float) -> Level:
    return level_of([one.misses[name] for one in known if name in one.misses], share, released)


def population_of_lab(population: Population, known: Sequence[KnownModel], released: float) -> Population:
    """The population of a lab of which these models are known, at a day."""

    def moved(name: str) -> Line:
        line: Line = getattr(population, name)
        level = _level(known, name, line.lab_share, released)
        return replace(line, at=line.at + level.over, sd=line.sd * math.sqrt(level.left))

    return replace(
        population, size=moved("size"), sparsity=moved("sparsity"), kv_dense=moved("kv_dense"),
        kv_mixture=moved("kv_mixture"),
    )  # fmt: skip


def lines_of_lab(lines: Lines, known: Sequence[KnownModel], released: float) -> dict[tuple[str, str], Calibration]:
    """The lines of prices of a lab of which these models are known, by kind of seller."""
    found = dict(lines)
    for (channel, kind), line in lines.items():
        if channel == _PRICE:
            level = price_level(known, line, released)
            found[channel, kind] = line.moved(level.over, level.left)
    return found
