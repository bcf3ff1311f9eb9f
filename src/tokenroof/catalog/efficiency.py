"""Efficiency profiles: how a chip runs each kind of operator, and what each engine adds around them.

    data/efficiency/families.toml   chips by family, which profile a chip without measurements takes
    data/efficiency/<name>.toml     curves of one chip, or of a family, fitted on kernel timings
    data/efficiency/pcie.toml       collectives of cards that only a server's bus joins, whatever the card
    data/efficiency/serving.toml    in place of a benchmark: what changes inside a running engine, host times, ranges

A curve's shares are of the datasheet, so a family's profile scales to another member by that chip's own sheet.
`tokenroof fit` writes these files.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenroof.catalog.facts import read_toml
from tokenroof.catalog.machine_index import DATA
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing, InputError
from tokenroof.provenance import Grade, worst_grade
from tokenroof.types.efficiency import ALGORITHMS, CollectiveCurve, Efficiency, OperatorCurve, Routing
from tokenroof.types.engine import DEFAULT_ENGINE, Scheduler
from tokenroof.types.machine import Chip
from tokenroof.xp import NUMPY

__all__ = [
    "FOLDER", "as_scheduled", "compose_profile", "engine_tables", "kernel_curves", "load_profile", "profile_families",
    "profile_source", "shipped_serving",
]  # fmt: skip

FOLDER = DATA / "efficiency"

Kernels = tuple[dict[str, OperatorCurve], dict[str, tuple[CollectiveCurve, ...]]]
_UNMEASURED_SPREAD = 1.5  # a family's profile on another member: ranges this much wider, as a factor on the logarithm


@functools.cache
def _read(name: str) -> Mapping[str, Any]:
    return read_toml(FOLDER / f"{name}.toml")


def profile_source(chip: Chip) -> tuple[str, str, str]:
    """(file, family, note) that a chip's curves come from; the note is empty where the chip itself was measured."""
    families: Mapping[str, Any] = _read("families")
    family = families["kinds"].get(chip.kind) or families["chips"].get(chip.id)
    note = ""
    if family is None:
        family = families["vendors"].get(chip.vendor, families["vendors"][""])
        note = f"{chip.id} belongs to no measured family; taken as {family}"
    if (FOLDER / f"{chip.id}.toml").is_file():
        return chip.id, family, note
    stand_in = families["family"][family]["profile"]
    return stand_in, family, note or f"{chip.id} was not measured: {stand_in} scaled by the datasheet"


def _number(where: str, table: Mapping[str, Any], key: str, default: float, low: float, high: float) -> float:
    value = table.get(key, default)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (isinstance(value, int) and value > _LARGEST):
        raise InputError(f"{where}.{key}", value, f"from {low:g} to {high:g}")
    return float(value)


def _table(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(where, value, "a table")
    return value


_LARGEST = 10**300  # a longer whole number has no float

_CURVE = {
    "fixed_s": (0.0, 0.0, 1.0),
    "flops_share": (1.0, 1e-4, 1.0),
    "bytes_share": (1.0, 1e-4, 1.0),
    "sharpness": (math.inf, 1.0, math.inf),
    "padding_rows": (0.0, 0.0, 1024.0),
    "padding_bytes": (0.0, 0.0, 1024.0),
    "tile_columns": (1.0, 1.0, 1024.0),
}


def _curve(where: str, table: Mapping[str, Any]) -> OperatorCurve:
    return OperatorCurve(**{key: _number(where, table, key, *limits) for key, limits in _CURVE.items()})


def _collective(where: str, table: Mapping[str, Any]) -> CollectiveCurve:
    algorithm = table.get("algorithm", ...)
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InputError(f"{where}.algorithm", algorithm, f"one of {', '.join(ALGORITHMS)}")
    times = {key: _number(where, table, key, 0.0, 0.0, 1.0) for key in ("call_s", "step_s", "out_call_s", "out_step_s")}
    shares = {key: _number(where, table, key, 1.0, 1e-4, 1.0) for key in ("bytes_share", "out_bytes_share")}
    limits = {key: _number(where, table, key, math.inf, 1.0, math.inf) for key in ("max_bytes", "max_ranks")}
    limits["min_ranks"] = _number(where, table, "min_ranks", 1.0, 1.0, math.inf)
    return CollectiveCurve(algorithm=algorithm, engine=str(table.get("engine", "")), **times, **shares, **limits)


def _capped(share: Any) -> Any:
    """At most the datasheet; arrays where a fit tries several values at once."""
    return NUMPY.minimum(share, 1.0) if hasattr(share, "shape") else min(share, 1.0)


def _in_engine(
    curves: Mapping[str, OperatorCurve], factors: Mapping[str, Any], own: Mapping[str, Any], engine: str
) -> dict[str, OperatorCurve]:
    """Kernel curves as they act inside an engine: graphs hide part of the fixed cost, neighbours share the rates.

    `factors` hold for a family under every engine, those in `own` for the engine on every family; a name of `factors`
    that ends in the engine's is for both.
    """
    found = {}
    padding = {name: factors.get(name, 0.0) for name in ("padding_rows", "padding_bytes")}
    for key, curve in curves.items():
        kind = key.split(".")[0]
        fixed = factors.get(f"{kind}.fixed", factors.get("fixed", 1.0))
        if key != kind:
            fixed = fixed * factors.get(f"{key}.fixed", 1.0)
        rate = factors.get(f"{key}.rate", 1.0)
        flops = factors.get(f"{kind}.flops", 1.0) * own.get(f"{key}.flops", 1.0)
        found[key] = replace(
            curve,
            fixed_s=curve.fixed_s
            * fixed
            * own.get("fixed", 1.0)
            * own.get(f"{key}.fixed", 1.0)
            * factors.get(f"{key}.fixed.{engine}", 1.0),
            launches=own.get(f"{key}.launches", own.get(f"{kind}.launches", 1.0)),
            flops_share=_capped(curve.flops_share * flops * rate),
            bytes_share=_capped(curve.bytes_share * factors.get(f"{kind}.bytes", 1.0) * rate),
            tile_columns=factors.get(f"{key}.tile", curve.tile_columns),
            **(padding if kind == "grouped_gemm" else {}),
        )
    return found


def _of_engine(curves: Mapping[str, OperatorCurve], engine: str) -> dict[str, OperatorCurve]:
    """The curves that hold for an engine: "engine/kind" is its own kernel, which comes before "kind"."""
    shared = {key: curve for key, curve in curves.items() if "/" not in key}
    own = {key.removeprefix(f"{engine}/"): curve for key, curve in curves.items() if key.startswith(f"{engine}/")}
    return shared | own


def _lines_of_engine(lines: tuple[CollectiveCurve, ...], engine: str) -> list[CollectiveCurve]:
    """Lines of everybody and of an engine; where it has its own of an algorithm for a size of group, that alone."""
    own = {(line.algorithm, line.min_ranks, line.max_ranks) for line in lines if line.engine and line.engine == engine}
    return [
        line
        for line in lines
        if line.engine == engine or (not line.engine and (line.algorithm, line.min_ranks, line.max_ranks) not in own)
    ]


def _slower(line: CollectiveCurve, factors: Mapping[str, Any]) -> CollectiveCurve:
    """A collective that takes `communication` times as long, where a file says so."""
    times = factors.get("communication")
    if times is None:
        return line
    return replace(
        line, call_s=line.call_s * times, step_s=line.step_s * times, out_call_s=line.out_call_s * times,
        out_step_s=line.out_step_s * times, bytes_share=_capped(line.bytes_share / times),
        out_bytes_share=_capped(line.out_bytes_share / times),
    )  # fmt: skip


def compose_profile(
    name: str,
    curves: Mapping[str, OperatorCurve],
    collectives: Mapping[str, tuple[CollectiveCurve, ...]],
    *,
    factors: Mapping[str, Any],
    host: Mapping[str, Any],
    engine: str = "",
    experts: bool = True,
    **about: Any,
) -> Efficiency:
    """A profile from kernel curves, factors inside an engine and host times; `tokenroof fit` tries values with it.

    `experts`: it is for a model that has some, whose kernels are compiled while the first wave waits.
    """
    return Efficiency(
        id=name,
        operators=_in_engine(_of_engine(curves, engine), factors, host.get("factors", {}), engine),
        collectives={
            kind: tuple(_slower(line, factors) for line in _lines_of_engine(lines, engine))
            for kind, lines in collectives.items()
        },
        engine=engine,
        routing=Routing(skew=1.0, shape=factors.get("expert_shape", math.inf)),
        skew_s_per_width=factors.get("skew_s_per_width", 0.0) * host.get("factors", {}).get("skew", 1.0),
        host_s=host["host_s"],
        host_per_sequence_s=host["host_per_sequence_s"],
        stream_s=host.get("stream_s", 0.0),
        launch_s=host["launch_s"],
        request_s=host["request_s"],
        prompt_token_s=host.get("prompt_token_s", 0.0),
        warmup_s=host.get("warmup_s", 0.0) + (host.get("experts_warmup_s", 0.0) if experts else 0.0),
        draft_sequence_s=host.get("draft_sequence_s", 0.0),
        draft_pass_s=host.get("draft_pass_s", 0.0),
        draft_plan_s=host.get("draft_plan_s", 0.0),
        **about,
    )


def as_scheduled(profile: Efficiency, scheduler: Scheduler) -> Efficiency:
    """The profile of an engine that sends tokens, and plans its passes, as this scheduler does."""
    share = 0.0 if scheduler.ahead else 1.0 / scheduler.stream_interval
    return profile if share == 1.0 else replace(profile, stream_s=profile.stream_s * share)


def profile_families() -> Mapping[str, str]:
    """Chip -> family."""
    families: Mapping[str, str] = _read("families")["chips"]
    return families


def kernel_curves(chip: Chip, folder: Path = FOLDER) -> Kernels:
    """Curves and collectives of a chip as its kernels were timed, from the catalogue or another folder."""
    name = profile_source(chip)[0]
    curves, collectives = _kernels(name, folder if (folder / f"{name}.toml").is_file() else FOLDER)
    return (_of_reached(curves, chip) if _means_reached(name) else curves), collectives


@functools.cache
def _kernels(name: str, folder: Path = FOLDER) -> Kernels:
    table = read_toml(folder / f"{name}.toml")
    operators = _table(f"{name}: operators", table.get("operators", ...))
    curves = {
        key: _curve(f"{name}: operators.{key}", _table(f"{name}: operators.{key}", one))
        for key, one in operators.items()
    }
    return curves, {**_lines("pcie", _read("pcie")), **_lines(name, table)}


def _lines(name: str, table: Mapping[str, Any]) -> dict[str, tuple[CollectiveCurve, ...]]:
    found = {}
    for kind, lines in _table(f"{name}: collectives", table.get("collectives", ...)).items():
        where = f"{name}: collectives.{kind}"
        if not isinstance(lines, list):
            raise InputError(where, lines, "a list of tables")
        found[kind] = tuple(_collective(where, _table(where, one)) for one in lines)
    return found


def _own_factors(family: str) -> Mapping[str, Any]:
    """Factors in the file of a family whose engines no fit sees."""
    stand_in = _read("families")["family"].get(family)
    found: Mapping[str, Any] = {} if stand_in is None else _read(stand_in["profile"]).get("in_engine", {})
    return found


def engine_tables(serving: Mapping[str, Any], family: str, generation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(factors inside an engine, host times) of a family and a generation, as a serving file has them."""
    if generation not in serving["engines"]:
        raise DataMissing(f"engine {generation}", "host times", "serving.toml")
    factors = {**serving["in_engine"]["all"], **serving["in_engine"].get(family, _own_factors(family))}
    host = dict(serving["engines"][generation])
    host["host_s"] *= factors.get(f"host.{generation}", 1.0)
    return factors, host


def shipped_serving() -> Mapping[str, Any]:
    """The serving file of the catalogue."""
    return _read("serving")


@functools.cache
def _load(
    chip: str, file: str, family: str, note: str, generation: str, experts: bool, scheduler: Scheduler
) -> Efficiency:
    serving = _read("serving")
    ranges = serving["spread" if experts else "spread_dense"]
    factors, host = engine_tables(serving, family, generation)
    curves, collectives = _kernels(file)
    tested = ranges.get(family, ranges["untested"])
    widen = _UNMEASURED_SPREAD if note else 1.0
    spread = {metric: float(width) * widen for metric, width in tested.items()}
    about = _read(file)
    grade = Grade(about.get("grade", "assumed"))
    notes = [note] if note else []
    if grade is Grade.ASSUMED:
        notes.append(f"curves of {file} are assumed, not fitted: {about['source']}")
    if family not in ranges:
        notes.append(f"no run on a {family} chip was used to test predictions: the range is a guess")
    found = compose_profile(
        f"{chip}/{generation}",
        curves,
        collectives,
        factors=factors,
        host=host,
        experts=experts,
        chip=chip,
        engine=generation,
        spread=spread,
        pair_spread={key: float(one["width"]) * widen for key, one in serving["pairs"].items()},
        low=math.exp(-spread["tpot"]),
        high=math.exp(spread["tpot"]),
        n=int(serving["n"]),
        median_error=float(serving["held_out"]["tpot"]),
        source=f"{about['source']}; {serving['source']}",
        as_of=min(about["as_of"], serving["as_of"]),
        grade=worst_grade((grade, Grade.FITTED)),
        notes=tuple(notes),
    )
    return as_scheduled(found, scheduler)


def load_profile(chip: Chip, engine: str = DEFAULT_ENGINE, version: str = "", *, experts: bool = True) -> Efficiency:
    """The profile fitted for this chip and engine, or its family's, said so and with a wider range.

    `experts`: whether models with experts are timed, whose ranges are wider; nothing else depends on it.
    """
    file, family, note = profile_source(chip)
    known = engine_of(engine, version)
    found = _load(chip.id, file, family, note, known.generation.name, experts, known.scheduler)
    return replace(found, operators=_of_reached(found.operators, chip)) if _means_reached(file) else found


def _means_reached(file: str) -> bool:
    """Whether the shares in a file are of what a chip reached, not of its peaks."""
    return bool(_read(file).get("shares") == "reached")


def _of_reached(curves: Mapping[str, OperatorCurve], chip: Chip) -> dict[str, OperatorCurve]:
    """Shares of what the chip reached when it was measured, as shares of its peaks."""
    reached = [rate / chip.flops_per_s[key] for key, rate in chip.achievable_flops_per_s.items() if key == "bf16"]
    rate = reached[0] if reached else 1.0
    bandwidth = (chip.achievable_bytes_per_s or chip.bytes_per_s) / chip.bytes_per_s
    return {
        key: replace(curve, flops_share=curve.flops_share * rate, bytes_share=curve.bytes_share * bandwidth)
        for key, curve in curves.items()
    }
