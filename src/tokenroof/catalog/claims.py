"""Claims as data: what a source says, from which inputs, and by which formulas it can be recomputed.

`data/claims/NN-chapter.toml` holds one chapter each. A claim lists its `given` quantities, `steps` and
`checks` as short lines that are parsed here and never executed as code:

    step    compute = compute_time_s(batch, active_params=$active, flops_per_s=2e15 FLOP/s)
            ratio = $slow / $fast            one of + - * / ^, or ceil(...), floor(...), max(...), min(...)
    check   time of the pass: $step = 2.6598 ms within 0.1%
            batch in use: $batch in 2000..3000 sequence

An argument without `=` takes the quantity of its own name. A stated number without `within` is held to half a
unit of its last printed digit. No computed value is written down anywhere: usecases.lecture computes them.
"""

import functools
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tokenroof.errors import DataMissing, InputError, TokenroofError
from tokenroof.reading import read_toml
from tokenroof.units import parse_unit

__all__ = [
    "Chapter", "Check", "Claim", "Number", "Operand", "Ref", "Source", "Step", "Verdict", "load_chapters",
    "parse_check", "parse_claim", "parse_number", "parse_step",
]  # fmt: skip

FOLDER = Path(__file__).parent / "data" / "claims"
BUILT_IN = ("ceil", "floor", "max", "min")


class Verdict(StrEnum):
    """What recomputing a claim says about it."""

    REPRODUCED = "reproduced"
    CORRECTED = "corrected"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A quantity as written in the data: `value` in SI base units, `text` with its printed digits."""

    value: float
    unit: str
    text: str

    @property
    def half_digit(self) -> float:
        """Half a unit of the last printed digit, in SI base units."""
        mantissa, _, exponent = self.text.partition(" ")[0].lower().partition("e")
        decimals = len(mantissa.partition(".")[2])
        return 0.5 * 10.0 ** (int(exponent or 0) - decimals) * parse_unit(self.unit).scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A reference to a given quantity or an earlier step."""

    name: str


Operand = Number | Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a computation: a registered formula, or one arithmetic operation."""

    name: str
    call: str
    arguments: tuple[tuple[str, Operand], ...]
    text: str

    @property
    def is_formula(self) -> bool:
        return self.call not in BUILT_IN and self.call not in tuple("+-*/^")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A stated number against a computed one; `upper` belongs to `in`, `within` is relative or None."""

    label: str
    of: Ref
    relation: str
    stated: Operand
    upper: Number | None
    within: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A work that claims are quoted from."""

    key: str
    title: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement of a source and the way to recompute it."""

    id: str
    question: str
    says: str
    source: Source
    where: str
    verdict: Verdict
    given: tuple[tuple[str, Number], ...]
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    right: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The claims of one chapter, in their order."""

    key: str
    title: str
    claims: tuple[Claim, ...]


def parse_number(text: str | float | int) -> Number:
    """Read `288 GB`, `2e15` or `unlimited` with its printed digits."""
    written = str(text).strip()
    figure, _, unit = written.partition(" ")
    unit = unit.strip() or "1"
    try:
        value = math.inf if figure == "unlimited" else float(figure)
    except ValueError:
        raise InputError("number", written, "a figure and a unit", "write for example '288 GB'") from None
    if math.isnan(value):
        raise InputError("number", written, "a number")
    return Number(value=value * parse_unit(unit).scale, unit=unit, text=written)


def _operand(text: str) -> Operand:
    text = text.strip()
    return Ref(name=text[1:]) if re.fullmatch(r"\$\w+", text) else parse_number(text)


def parse_step(line: str) -> Step:
    """Read one line of `steps`."""
    match = re.fullmatch(r"(\w+) = (.+)", line.strip())
    if not match:
        raise InputError("step", line, "name = formula(...) or name = a * b")
    name, right = match[1], match[2]
    if call := re.fullmatch(r"(\w+)\((.*)\)", right):
        parts = [part.strip() for part in call[2].split(",") if part.strip()]
        if call[1] in BUILT_IN:
            arguments = tuple((str(n), _operand(part)) for n, part in enumerate(parts))
        else:
            pairs = [part.partition("=") for part in parts]
            arguments = tuple((key.strip(), _operand(value if sign else f"${key}")) for key, sign, value in pairs)
        return Step(name=name, call=call[1], arguments=arguments, text=right)
    if infix := re.fullmatch(r"(.+?) ([-+*/^]) (.+)", right):
        operands = (("0", _operand(infix[1])), ("1", _operand(infix[3])))
        return Step(name=name, call=infix[2], arguments=operands, text=right)
    raise InputError("step", line, "name = formula(...) or name = a * b")


def parse_check(line: str) -> Check:
    """Read one line of `checks`."""
    match = re.fullmatch(r"(.+?): (\$\w+) (=|<=|>=|<|>|in) (.+?)(?: within (\S+)%)?", line.strip())
    if not match:
        raise InputError("check", line, "label: $name = 12.3 unit, with < > <= >= or 'in low..high unit' for =")
    relation, stated, upper = match[3], match[4], None
    if relation == "in":
        low, dots, rest = stated.partition("..")
        if not dots:
            raise InputError("check", line, "a range such as 2..3 ms after 'in'")
        upper = parse_number(rest)
        stated = f"{low} {upper.unit}"
    return Check(
        label=match[1],
        of=Ref(name=match[2][1:]),
        relation=relation,
        stated=_operand(stated),
        upper=upper,
        within=float(match[5]) / 100 if match[5] else None,
        text=match[4],
    )


_KEYS = {"id", "question", "says", "source", "verdict", "given", "steps", "checks", "right", "why"}


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def _names_resolve(claim: Claim) -> None:
    """Every reference points at something written above it, and no name is used twice."""
    known = {name for name, _ in claim.given}
    for step in claim.steps:
        for _, operand in step.arguments:
            if isinstance(operand, Ref) and operand.name not in known:
                raise InputError(f"claim {claim.id}, step {step.name}", operand.name, "a given or an earlier step")
        if step.name in known:
            raise InputError(f"claim {claim.id}", step.name, "a new name")
        known.add(step.name)
    computed = {step.name for step in claim.steps}
    for check in claim.checks:
        if check.of.name not in computed:
            raise InputError(
                f"claim {claim.id}, check", check.of.name, "the name of a step: what is compared is computed"
            )
        if isinstance(check.stated, Ref) and check.stated.name not in known:
            raise InputError(f"claim {claim.id}, check", check.stated.name, "a given or a step")


def _complete(claim: Claim) -> None:
    """A correction says what is right and why; a bare claim says why nothing can be computed."""
    corrected = claim.verdict is Verdict.CORRECTED
    if corrected and not (claim.right and claim.why):
        raise DataMissing(f"claim {claim.id}", "right form or reason", "verdict corrected")
    if claim.right and not corrected:
        raise InputError(f"claim {claim.id}, right", claim.right, "absent unless the verdict is corrected")
    if claim.verdict is Verdict.CLAIM and (claim.checks or not claim.why):
        raise InputError(f"claim {claim.id}", claim.verdict, "without checks and with the reason why none is possible")
    if claim.verdict is Verdict.REPRODUCED and not claim.checks:
        raise DataMissing(f"claim {claim.id}", "check", "verdict reproduced")


def parse_claim(entry: dict[str, Any], sources: dict[str, Source]) -> Claim:
    """Turn one table of a chapter file into a Claim; what is missing or unknown is refused by name."""
    label = f"claim {entry.get('id', '?')}"
    if unknown := set(entry) - _KEYS:
        raise InputError(label, sorted(unknown), f"made of {', '.join(sorted(_KEYS))}")
    for key in ("id", "question", "says", "source", "verdict"):
        if not str(entry.get(key, "")).strip():
            raise DataMissing(label, key)
    source, _, where = entry["source"].partition(": ")
    if source not in sources:
        raise InputError(f"{label}, source", source, f"one of {', '.join(sources)}")
    if entry["verdict"] not in list(Verdict):
        raise InputError(f"{label}, verdict", entry["verdict"], f"one of {', '.join(Verdict)}")
    try:
        claim = Claim(
            id=entry["id"],
            question=entry["question"],
            says=entry["says"],
            source=sources[source],
            where=where,
            verdict=Verdict(entry["verdict"]),
            given=tuple((name, parse_number(text)) for name, text in entry.get("given", {}).items()),
            steps=tuple(parse_step(line) for line in _lines(entry.get("steps", ""))),
            checks=tuple(parse_check(line) for line in _lines(entry.get("checks", ""))),
            right=entry.get("right", ""),
            why=entry.get("why", ""),
        )
    except TokenroofError as error:
        raise InputError(label, entry["id"], "readable", str(error)) from None
    _names_resolve(claim)
    _complete(claim)
    return claim


@functools.cache
def load_chapters(folder: Path = FOLDER) -> tuple[Chapter, ...]:
    """Every chapter in the order of the file names; ids are unique over all of them. Read once."""
    sources = {key: Source(key=key, **entry) for key, entry in read_toml(folder / "sources.toml").items()}
    chapters, seen = [], set[str]()
    for path in sorted(folder.glob("[0-9]*.toml")):
        data = read_toml(path)
        claims = tuple(parse_claim(entry, sources) for entry in data["claims"])
        for claim in claims:
            if claim.id in seen:
                raise InputError("claim id", claim.id, "unique")
            seen.add(claim.id)
        chapters.append(Chapter(key=data["chapter"], title=data["title"], claims=claims))
    return tuple(chapters)
