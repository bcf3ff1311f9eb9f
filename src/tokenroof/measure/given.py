"""What a user or a launch command says of a deployment, put over what its result file says."""

from dataclasses import fields, replace
from typing import Any

from tokenroof.catalog import load_chip
from tokenroof.errors import TokenroofError
from tokenroof.types.benchmark import Benchmark, Deployed, Given, Note, Spread

__all__ = ["with_given"]

_NAMES = ("model", "tokenizer", "prefill")  # of which a difference is no contradiction


def _differing(said: str, over: Deployed, below: Deployed) -> list[str]:
    """Fields that both say, differently: `tp is 8 as the command says, and 4 in the file`."""
    pairs = ((one.name, getattr(over, one.name), getattr(below, one.name)) for one in fields(Deployed))
    return [
        f"{field} is {high} {said}, and {low} otherwise"
        for field, high, low in pairs
        if high not in (None, "") and low not in (None, "") and field not in _NAMES and not _same(field, high, low)
    ]


def _same(field: str, high: object, low: object) -> bool:
    if field == "engine":
        return str(high).lower() == str(low).lower()
    if field != "hardware" or high == low:
        return high == low
    try:
        return load_chip(str(high)).id == load_chip(str(low)).id
    except TokenroofError:
        return False


def with_given(one: Benchmark, given: Given) -> Benchmark:
    """The benchmark with what was said beside its file; each difference is a note."""
    said = given.command.over(one.deployed)
    differ = _differing("as the command says", given.command, one.deployed) + _differing(
        "as given", given.deployed, said
    )
    notes = [Note(kind="merged", text=text) for text in differ]
    if given.unknown_flags:
        notes.append(Note(kind="command", text=f"flags not known: {', '.join(given.unknown_flags)}"))
    lengths = (("isl", given.isl), ("osl", given.osl))
    loads = (("concurrency", given.concurrency), ("request_rate", given.request_rate))
    if given.interval_s is not None and one.duration_s is None and one.completed:
        rate = one.completed / given.interval_s
        one = replace(one, duration_s=given.interval_s, served_rate=rate, request_rate=rate)
    changes: dict[str, Any] = {name: Spread(mean=value) for name, value in lengths if value is not None}
    changes |= {name: value for name, value in loads if value is not None}
    deployed = _placed(given.deployed.over(said).over(given.otherwise), given.machine_gpus)
    if given.deployed.model:  # a model that is asked for is the checkpoint, whatever the file's tokenizer is
        deployed = replace(deployed, tokenizer=given.deployed.tokenizer)
    whole = replace(one, deployed=deployed, notes=(*one.notes, *notes), **changes)
    return whole if given.prefix is None else _cached(whole, given.prefix)


def _placed(where: Deployed, machine_gpus: int | None) -> Deployed:
    """All GPUs of the machine, where nobody says how many are taken."""
    said = where.gpus or where.tp or where.pp or where.dp
    return where if machine_gpus is None or said else replace(where, gpus=machine_gpus)


def _cached(one: Benchmark, prefix: float) -> Benchmark:
    """With so many tokens of a prompt in the cache; a length is needed to say it as a share."""
    if one.isl.middle is None:
        return one
    return replace(one, deployed=replace(one.deployed, prefix_hits=prefix / one.isl.middle))
