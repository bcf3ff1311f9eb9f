"""Measured acceptance lengths of speculative decoding: mean tokens of a verification by draft length."""

import functools
from dataclasses import dataclass, field

from tokenroof.catalog.facts import Entry, Range, read_toml
from tokenroof.catalog.machine_index import DATA
from tokenroof.errors import InputError, UnknownName
from tokenroof.provenance import Fact

__all__ = ["AcceptanceCurve", "acceptance_curves", "curves_of", "load_acceptance"]

_MOST_DRAFTS = 16
_KEYS = ("id", "family", "checkpoint", "drafter", "thinking", "lengths", "source", "as_of", "grade", "note")
_PROVENANCE = ("source", "as_of", "grade", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceCurve:
    """`lengths[g - 1]` tokens a verification of g drafts: those accepted and the target's own next one.

    `family` is the model's id without its format; `thinking` None where the source does not say.
    """

    id: str
    family: str
    checkpoint: str
    drafter: str
    thinking: bool | None
    lengths: tuple[float, ...]
    facts: tuple[Fact, ...] = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        """Who measured it, and when."""
        return f"{self.facts[0].source}, {self.facts[0].as_of}, {self.facts[0].grade.value}"

    def covers(self, model_id: str) -> bool:
        """Whether a model is this curve's checkpoint, perhaps in another format."""
        tail = model_id.removeprefix(self.family)
        return tail != model_id and (tail == "" or tail in _FORMATS)


_FORMATS = ("-fp8", "-nvfp4", "-fp4", "-int8", "-int4", "-bf16", "-0324-nvfp4", ".1", ".1-nvfp4")


def _curve(entry: Entry) -> AcceptanceCurve:
    entry.only(_KEYS)
    given = entry.table.get("lengths")
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_DRAFTS:
        raise InputError(entry.field("lengths"), given, f"a list of 1 to {_MOST_DRAFTS} numbers")
    origin = {key: entry.table[key] for key in _PROVENANCE if key in entry.table}
    facts = []
    for drafts, length in enumerate(given, 1):
        inner = entry.child({"length": {"value": length, "unit": "1", **origin}}, f"lengths[{drafts}]")
        facts.append(inner.required("length", Range("1", 1.0, drafts + 1.0)))
    thinking = entry.table.get("thinking")
    if thinking is not None and not isinstance(thinking, bool):
        raise InputError(entry.field("thinking"), thinking, "true or false")
    return AcceptanceCurve(
        id=entry.text("id", limit=80),
        family=entry.text("family", limit=80),
        checkpoint=entry.text("checkpoint", limit=80),
        drafter=entry.text("drafter", limit=40),
        thinking=thinking,
        lengths=tuple(fact.value for fact in facts),
        facts=tuple(facts),
    )


@functools.cache
def acceptance_curves() -> tuple[AcceptanceCurve, ...]:
    """Every curve of the catalogue."""
    path = DATA / "acceptance" / "acceptance.toml"
    top = Entry.top(f"acceptance/{path.name}", read_toml(path), {})
    top.only(("defaults", "curve"))
    tables = top.table.get("curve", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(top.field("curve"), tables, "a list of tables")
    curves = tuple(_curve(top.child(table, f"curve[{i}]")) for i, table in enumerate(tables, 1))
    if len({curve.id for curve in curves}) < len(curves):
        raise InputError(top.field("curve"), "ids", "one curve for each id")
    return curves


def curves_of(model_id: str) -> tuple[AcceptanceCurve, ...]:
    """Curves measured on this model, in any format."""
    return tuple(curve for curve in acceptance_curves() if curve.covers(model_id))


def load_acceptance(name: str) -> AcceptanceCurve:
    """A curve by id; UnknownName with the nearest three where there is none."""
    wanted = name.strip().lower()
    known = {curve.id: curve for curve in acceptance_curves()}
    if wanted not in known:
        from tokenroof.registry import nearest

        raise UnknownName("acceptance curve", name, nearest(wanted, known), "`list` shows them all")
    return known[wanted]
