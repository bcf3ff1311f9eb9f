"""What was measured as a chip file: every number with its grade, date and source, in the form that the loader reads."""

from pathlib import Path
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.catalog.chips import RATE_KEYS
from tokenroof.errors import InputError, UnknownName
from tokenroof.measure.profile_files import write_toml
from tokenroof.provenance import Fact
from tokenroof.types.machine import Chip
from tokenroof.usecases.microbench.answer import MicrobenchResponse, Reached

__all__ = ["chip_table", "save_chip"]


def _sheet(answer: MicrobenchResponse) -> Chip | None:
    """The chip of the catalogue that the device is, whose data sheet gives its peaks."""
    if answer.kind == "cpu":
        return None
    try:
        return load_chip(answer.name)
    except UnknownName:
        return None


def _told(fact: Fact) -> dict[str, Any]:
    """A fact of the catalogue, as it stands there."""
    told = {
        "value": fact.value,
        "unit": fact.unit,
        "source": fact.source,
        "as_of": fact.as_of,
        "grade": str(fact.grade),
    }
    return told | ({"note": fact.note} if fact.note else {})


def _peak(reached: Reached, unit: str, sheet: Fact | None) -> dict[str, Any]:
    """The data sheet's figure where there is one and nothing beat it, else the fastest repetition."""
    if sheet is not None and sheet.value >= reached.best:
        return _told(sheet)
    if reached.basis:
        return {"value": reached.best, "unit": unit, "grade": "derived", "note": reached.basis}
    beaten = "" if sheet is None else f"; the data sheet has {sheet.value:.4g}"
    return {"value": reached.best, "unit": unit, "note": f"fastest repetition{beaten}"}


def _median(reached: Reached, unit: str, top: float) -> dict[str, Any]:
    note = reached.basis or f"median, {reached.shape}; spread {reached.spread:.1%}"
    grade = {"grade": "derived"} if reached.basis else {}
    return {"value": min(reached.rate, top), "unit": unit, **grade, "note": note}


def chip_table(answer: MicrobenchResponse) -> dict[str, Any]:
    """The tables of the chip file."""
    sheet = _sheet(answer)
    facts = {} if sheet is None else sheet.facts
    load = "" if answer.load_average is None else f", load average {answer.load_average:.1f}"
    rates = {key: one for key, one in answer.arithmetic.items() if key in RATE_KEYS}
    flops = {key: _peak(one, "FLOP/s", facts.get(f"flops_per_s.{key}")) for key, one in rates.items()}
    bandwidth = _peak(answer.read, "B/s", facts.get("bytes_per_s"))
    table: dict[str, Any] = {
        "id": answer.id, "name": answer.name[:80], "vendor": answer.vendor, "kind": answer.kind,
        "year": int(answer.as_of[:4]) if sheet is None else sheet.year, "status": "shipping",
        "notes": [f"Measured by tokenroof microbench{load}."],
        "defaults": {
            "source": f"tokenroof microbench on {answer.name}"[:200], "as_of": answer.as_of, "grade": "measured",
        },
        "memory": {"label": {"value": answer.memory_bytes, "unit": "B", "note": "as the system reports it"},
                   "bandwidth": bandwidth},
        "flops": {key: one for key, one in flops.items()},
        "achievable": {
            **{key: _median(one, "FLOP/s", flops[key]["value"]) for key, one in rates.items()},
            "bandwidth": _median(answer.read, "B/s", bandwidth["value"]),
        },
    }  # fmt: skip
    if answer.kind == "gpu" and answer.link is not None:
        table["links"] = {
            "domain": answer.ranks,
            "scaleup": {"value": answer.link.rate, "unit": "B/s", "note": f"ring all-reduce, {answer.link.shape}"},
        }
    return table


def save_chip(answer: MicrobenchResponse, path: Path, *, force: bool = False) -> None:
    """Write the chip file. InputError where a rate spreads too far to be worth keeping."""
    if answer.wide and not force:
        raise InputError(
            "output", str(path), f"of rates that spread by at most {answer.max_spread:.0%}: {', '.join(answer.wide)}",
            "let nothing else run and try again, or save them all the same with `force`",
        )  # fmt: skip
    write_toml(path, chip_table(answer), "A chip as it was measured: a machine of one.")
