"""Names and citations of all machines, and the catalogue's date, in one small file: loading a machine reads one more.

`machines.json` is made from the TOML files by `python -m tokenroof.catalog.machine_index`; a test makes
it anew and compares. It holds nothing that the TOML files do not.
"""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenroof.catalog.facts import read_toml
from tokenroof.errors import InputError
from tokenroof.reading import read_json, read_text
from tokenroof.types.machine import PCIE_SERVER

__all__ = ["DATA", "build_index", "catalogue_date", "machine_index", "normal"]

DATA = Path(__file__).resolve().parent / "data"
_MOST_BYTES = 10_000_000  # of a file of the catalogue
_DATED = re.compile(r'as_of"?\s*[=:]\s*"(\d{4}-\d\d-\d\d)"')


def normal(name: str) -> str:
    """How names are compared: lower case, hyphens for spaces and underscores."""
    return "-".join(str(name).lower().replace("_", " ").split())


@functools.cache
def machine_index() -> Mapping[str, Any]:
    """Keys: as_of, chips and systems (alias -> id or composed name), slices, system_names, sources."""
    index: dict[str, Any] = read_json(DATA / "machines.json")
    return index


def catalogue_date() -> str:
    """The newest day on which a figure of the catalogue was read from its source: the catalogue's version."""
    day: str = machine_index()["as_of"]
    return day


def _newest_day() -> str:
    files = (p for p in DATA.rglob("*") if p.suffix in (".toml", ".json"))
    days: list[str] = [day for path in files for day in _DATED.findall(read_text(path, most=_MOST_BYTES))]
    return max(days)


def _aliases(folder: str) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """Alias -> id, and the parsed files by id. An alias that two files claim is refused."""
    found: dict[str, str] = {}
    files: dict[str, dict[str, Any]] = {}
    for path in sorted((DATA / folder).glob("*.toml")):
        if path.stem == "names":
            continue
        table = read_toml(path)
        if table["id"] != path.stem:
            raise InputError(f"{folder}/{path.name}: id", table["id"], f"the file's name, {path.stem}")
        files[path.stem] = table
        for alias in {path.stem, *map(normal, table.get("aliases", []))}:
            if alias in found:
                raise InputError(f"{folder}/{path.name}: aliases", alias, f"its own, {found[alias]} has it")
            found[alias] = path.stem
    return dict(sorted(found.items())), files


def _cite(source: Mapping[str, str]) -> str:
    return f"{source['title']} ({source['publisher']}, {source['date']})"


def build_index() -> dict[str, Any]:
    """The content of machines.json, from the TOML files."""
    chips, chip_files = _aliases("chips")
    systems, system_files = _aliases("systems")
    names = read_toml(DATA / "systems" / "names.toml")
    systems |= {normal(alias): name for alias, name in names["aliases"].items()}
    slices: dict[str, dict[str, Any]] = names["slices"]
    listed = [name for each in slices.values() for name in each["listed"]]
    for chip_id, table in chip_files.items():
        links = table.get("links", {})
        domain = links.get("domain", PCIE_SERVER if "pcie" in links else 1)
        domain = domain["value"] if isinstance(domain, dict) else domain
        listed.append(chip_id)
        if chip_id not in slices and 1 < domain <= names["largest_listed_board"]:
            listed.append(f"{domain}x{chip_id}")
    return {
        "as_of": _newest_day(),
        "chips": chips,
        "systems": dict(sorted(systems.items())),
        "slices": {key: {k: v for k, v in each.items() if k != "listed"} for key, each in slices.items()},
        "system_names": sorted({*listed, *system_files}),
        "sources": {key: _cite(source) for key, source in read_toml(DATA / "sources.toml").items()},
    }


def write_index() -> Path:
    """Write machines.json anew."""
    path = DATA / "machines.json"
    path.write_text(json.dumps(build_index(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    write_index()
