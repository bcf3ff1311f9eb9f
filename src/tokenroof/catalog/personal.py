"""Profiles of a user's own: a serving file for one chip family and one engine, which `calibrate` writes.

The file has the schema of data/efficiency/serving.toml (engines, in_engine, spread), narrowed to what was calibrated,
and a table `calibrated` that says on what. Kernel curves stay those of the catalogue. A name is a file of the user's
folder, $XDG_DATA_HOME/tokenroof/profiles or ~/.local/share/tokenroof/profiles; a path is taken as it stands.
"""

import functools
import math
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenroof.catalog.efficiency import (
    FOLDER,
    as_scheduled,
    engine_tables,
    kernel_curves,
    load_profile,
    profile_source,
)
from tokenroof.catalog.efficiency import compose_profile as compose
from tokenroof.catalog.facts import read_toml
from tokenroof.engines import ENGINES
from tokenroof.engines import engine as engine_of
from tokenroof.errors import DataMissing, InputError
from tokenroof.provenance import Grade
from tokenroof.registry import nearest
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import Chip
from tokenroof.types.model import Model

__all__ = ["calibrated_on", "check_name", "personal_names", "personal_path", "personal_profile", "profile_folder"]

_OTHER_FILES = (".csv", ".json", ".parquet", ".svg", ".png", ".html", ".md", ".txt", ".yaml", ".yml")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
_WORDS = ("auto", "peak", "bound", "best", "default")
_TABLES = ("engines", "in_engine", "spread", "spread_dense", "calibrated")
_LARGEST = 1e6
_WIDEST = 10.0  # of a range, as a logarithm


def profile_folder() -> Path:
    """Where profiles that have a name lie."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "share"
    return root / "tokenroof" / "profiles"


def personal_names() -> tuple[str, ...]:
    """Names of the user's folder."""
    folder = profile_folder()
    return tuple(sorted(path.stem for path in folder.glob("*.toml"))) if folder.is_dir() else ()


def check_name(name: str) -> str:
    """A name that a profile may be saved under; those of the catalogue are taken."""
    if not _NAME.fullmatch(name):
        raise InputError("save", name, "a name of small letters, digits, dots and dashes", "such as my-h100")
    if name.endswith(_OTHER_FILES):
        raise InputError("save", name, "a name, or a file ending in .toml", "a profile is written as TOML alone")
    shipped = {*_WORDS, *ENGINES, *(path.stem for path in FOLDER.glob("*.toml"))}
    if name in shipped:
        raise InputError("save", name, "a name that no profile of the catalogue has", f"such as my-{name}")
    return name


def personal_path(given: str) -> Path:
    """The file of a name or path; InputError where there is no such name."""
    if given.endswith(".toml") or "/" in given or "\\" in given:
        return Path(given).expanduser()
    known = ("auto", "peak", *personal_names())
    if not _NAME.fullmatch(given) or given not in known:
        near = nearest(given, known)
        fix = f"nearest: {', '.join(near)}" if near else "`calibrate` saves one"
        raise InputError("profile", given, "auto, peak, the name of a saved profile, or a TOML file", fix)
    return profile_folder() / f"{given}.toml"


def _numbers(where: str, table: Any, most: float) -> Mapping[str, Any]:
    """A table of numbers from 0 to `most`, nested ones too."""
    if not isinstance(table, dict):
        raise InputError(where, table, "a table of numbers")
    for key, value in table.items():
        if isinstance(value, dict):
            _numbers(f"{where}.{key}", value, most)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= most:
            raise InputError(f"{where}.{key}", value, f"a number from 0 to {most:g}")
    return table


@functools.lru_cache(maxsize=16)
def _read(path: str, changed: float) -> Mapping[str, Any]:
    """The file as tables, checked; `changed` is when it was, so that a new one is read again."""
    name = Path(path).name
    table = read_toml(Path(path))
    for key in _TABLES:
        if not isinstance(table.get(key), dict):
            raise InputError(f"{name}: {key}", ..., "a table", "`calibrate` writes such files")
    for key, most in (("engines", _LARGEST), ("in_engine", _LARGEST), ("spread", _WIDEST), ("spread_dense", _WIDEST)):
        _numbers(f"{name}: {key}", table[key], most)
    about = table["calibrated"]
    for key in ("chips", "models"):
        if not isinstance(about.get(key), list) or not all(isinstance(one, str) for one in about[key]):
            raise InputError(f"{name}: calibrated.{key}", about.get(key), "a list of names")
    for key in ("n", "median_error"):
        value = table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= _LARGEST:
            raise InputError(f"{name}: {key}", value, "a number of at least 0")
    return table


def _table(given: str) -> tuple[Path, Mapping[str, Any]]:
    path = personal_path(given)
    try:
        changed = path.stat().st_mtime
    except OSError:
        changed = 0.0  # the reader says what is wrong
    return path, _read(str(path), changed)


def calibrated_on(given: str) -> frozenset[str]:
    """Marks of the results that a profile was calibrated on; none where it is older than they are."""
    return frozenset(map(str, _table(given)[1]["calibrated"].get("results", ())))


def personal_profile(given: str, chip: Chip, engine: str, version: str, model: Model | None) -> Efficiency:
    """The profile of a name or file on a chip under an engine; DataMissing where it was calibrated on others."""
    path, serving = _table(given)
    experts = model is None or model.has_experts
    shipped = load_profile(chip, engine, version, experts=experts)
    _, family, _ = profile_source(chip)
    generation = engine_of(engine, version).generation.name
    about = serving["calibrated"]
    if family not in serving["in_engine"] or generation not in serving["engines"]:
        known = f"{', '.join(serving['in_engine'])} chips under {', '.join(serving['engines'])}"
        raise DataMissing(f"profile {path.stem}", f"fit for {chip.id} under {generation}", f"it is of {known}")
    factors, host = engine_tables({**serving, "in_engine": {"all": {}, **serving["in_engine"]}}, family, generation)
    curves, collectives = kernel_curves(chip)
    same = chip.id in about["chips"] and (model is None or model.id in about["models"])
    spread = dict(shipped.spread)
    notes = list(shipped.notes)
    if same:
        own = serving["spread" if experts else "spread_dense"].get(family, {})
        spread |= {name: float(width) for name, width in own.items()}
    else:
        notes.append(
            f"calibrated on {', '.join(about['models'])} on {', '.join(about['chips'])}: ranges are as shipped"
        )
    composed = compose(
        f"{path.stem}: {shipped.id}", curves, collectives, factors=factors, host=host, experts=experts,
        engine=generation,
    )  # fmt: skip
    return replace(
        as_scheduled(composed, engine_of(engine, version).scheduler),
        chip=chip.id, spread=spread, pair_spread=shipped.pair_spread, low=math.exp(-spread["tpot"]),
        high=math.exp(spread["tpot"]), n=int(serving.get("n", 0)),
        median_error=float(serving["median_error"]) if "median_error" in serving else None,
        source=f"{path.name}: {serving.get('source', '')}; {shipped.source}",
        as_of=str(serving.get("as_of", shipped.as_of)), grade=Grade.FITTED, notes=tuple(notes),
    )  # fmt: skip
