"""What a user or a launch command says of a deployment, put over what its result file says."""

from dataclasses import fields, replace
from typing import Any

from tokenroof.types.benchmark import Benchmark, Deployed, Given, Note, Spread

__all__ = ["with_given"]

_NAMES = ("model", "tokenizer", "prefill")  # of which a difference is no contradiction


def _differing(name: str, over: Deployed, below: Deployed) -> list[str]:
    """Fields that both say, differently, as `tp 8 and not 4`."""
    pairs = ((one.name, getattr(over, one.name), getattr(below, one.name)) for one in fields(Deployed))
    return [
        f"{field} is {high} as {name} has it, not {low}"
        for field, high, low in pairs
        if high not in (None, "") and low not in (None, "") and high != low and field not in _NAMES
    ]


def with_given(one: Benchmark, given: Given) -> Benchmark:
    """The benchmark with what was said beside its file; each difference is a note."""
    said = given.command.over(one.deployed)
    differ = _differing("the command", given.command, one.deployed) + _differing("asked", given.deployed, said)
    notes = [Note(kind="merged", text=text) for text in differ]
    if given.unknown_flags:
        notes.append(Note(kind="command", text=f"flags not known: {' '.join(given.unknown_flags)}"))
    lengths = (("isl", given.isl), ("osl", given.osl))
    loads = (("concurrency", given.concurrency), ("request_rate", given.request_rate))
    if given.interval_s is not None and one.duration_s is None and one.completed:
        rate = one.completed / given.interval_s
        one = replace(one, duration_s=given.interval_s, served_rate=rate, request_rate=rate)
    changes: dict[str, Any] = {name: Spread(mean=value) for name, value in lengths if value is not None}
    changes |= {name: value for name, value in loads if value is not None}
    deployed = given.deployed.over(said)
    if given.deployed.model:  # a model that is asked for is the checkpoint, whatever the file's tokenizer is
        deployed = replace(deployed, tokenizer=given.deployed.tokenizer)
    return replace(one, deployed=deployed, notes=(*one.notes, *notes), **changes)
