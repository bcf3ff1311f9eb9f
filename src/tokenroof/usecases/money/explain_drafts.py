"""Where numbers of `speculate` came from: tokens of a verify step over its time, at one batch and depth."""

import math
from collections.abc import Mapping
from dataclasses import replace

from tokenroof.errors import UnknownName
from tokenroof.formulas import speculation
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import arithmetic_rate
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.registry import nearest
from tokenroof.types.explanation import Explanation as Terms
from tokenroof.types.explanation import Input, Term
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.money.drafting import DepthPoint, Drafting
from tokenroof.usecases.money.speculate import SpeculateResponse
from tokenroof.xp import Namespace, Num

__all__ = ["SPECULATE_KEYS", "explain_speculate"]

SPECULATE_KEYS: Mapping[str, str] = {
    "speedup": "1", "best_speedup": "1", "tokens": "token", "stops_at": "sequence", "compute_bound_from": "sequence",
}  # fmt: skip
_STEP = 1.01  # of a batch, for the slope at a crossing


def _drafts(depth: int) -> str:
    return f"{depth} draft{'' if depth == 1 else 's'}"


def _modelled(timed: Drafting, value: float, what: str) -> Fact:
    profile = timed.deployment.profile
    grade = Grade.DERIVED if profile.id == "peak" else Grade.FITTED
    source = f"operator engine, efficiency {profile.id}"
    return Fact(value=value, unit="s", source=source, as_of=profile.as_of, grade=grade, note=what)


def _facts(answer: SpeculateResponse, timed: Drafting, batch: float, depth: int) -> dict[str, Fact]:
    """What a speed-up is made of at one batch and depth."""
    step_s = timed.step_s(batch)
    point, requests = timed.point(batch, depth, step_s), f"{batch:,.4g} request{'' if batch == 1 else 's'}"
    if answer.acceptance is None:
        source, day = answer.acceptance_source, timed.deployment.profile.as_of
        said = f"of a request in a verify step of {_drafts(depth)}"
        drafted = {
            "tokens": Fact(
                value=point.tokens, unit="token", source=source, as_of=day, grade=Grade.MEASURED, note=said
            )
        }  # fmt: skip
    elif answer.acceptance_source == "given":
        drafted = {"acceptance": given(answer.acceptance, "1")}
    else:
        drafted = {"acceptance": assumed(answer.acceptance, "1", "as Epoch does")}
    return {
        **drafted,
        "drafts": given(float(depth), "1", "drafts in a verify step"),
        "step_s": _modelled(timed, step_s, f"a step of {requests} without drafts"),
        "verification_s": _modelled(timed, point.verify_step_s, f"a step that verifies {depth + 1} tokens of each"),
        "draft_s": _modelled(timed, point.draft_s, f"one token of each, drafted by {timed.drafter.name}"),
    }


def _tokens(x: Mapping[str, Num], xp: Namespace) -> Num:
    if "tokens" in x:
        return x["tokens"]
    return speculation.tokens_per_verification(acceptance=x["acceptance"], drafts=x["drafts"], xp=xp)


def _speedup(*, xp: Namespace, **x: Num) -> Num:
    return speculation.measured_speculation_speedup(
        tokens=_tokens(x, xp), step_s=x["step_s"], verification_s=x["verification_s"], draft_s=x["draft_s"],
        drafts=x["drafts"], xp=xp,
    )  # fmt: skip


def _head(answer: SpeculateResponse, timed: Drafting, batch: float, depth: int, key: str) -> Explanation:
    facts = _facts(answer, timed, batch, depth)
    if key == "tokens":
        used = {name: facts[name] for name in facts if name in ("tokens", "acceptance", "drafts")}
        return explain(lambda *, xp, **x: _tokens(x, xp), used, name=key, unit="token", left_out=answer.left_out)
    return explain(_speedup, facts, name=key, unit="1", left_out=answer.left_out)


def _held(found: Explanation) -> tuple[Input, ...]:
    """Inputs of a traced number; the depth was chosen, and moves nothing."""
    return tuple(
        Input(
            name=leaf.name, value=leaf.value, unit=leaf.unit, source=leaf.source, grade=leaf.grade, as_of=leaf.as_of,
            note=leaf.note, elasticity=None if leaf.name == "drafts" else leaf.elasticity,
        )
        for leaf in found.leaves
    )  # fmt: skip


def _moved(inputs: tuple[Input, ...], slope: float) -> tuple[Input, ...]:
    """Elasticities of the batch at which a number reaches its mark, from those of the number and its own slope."""
    return tuple(
        one if one.elasticity is None or not slope else replace(one, elasticity=-one.elasticity / slope)
        for one in inputs
    )  # fmt: skip


def _stops_at(answer: SpeculateResponse, timed: Drafting) -> Terms:
    batch = answer.stops_at
    if not batch:
        why = "no number of drafts pays at any batch" if batch == 0.0 else "drafts pay at every batch up to a million"
        raise UnknownName("number", "stops_at", (), why)
    row = timed.row(batch)
    depth = max(row.points, key=lambda one: one.speedup).depth
    head = _head(answer, timed, batch, depth, "speedup")
    after = timed.speedup_of(depth, batch * _STEP)
    slope = math.log(after / head.value) / math.log(_STEP)
    return Terms(
        number="stops_at", value=batch, unit="sequence",
        formula="tokens * step_s(batch) = verification_s(batch) + drafts * draft_s(batch)",
        terms=_terms(_times(row.step_s, row.points, depth)),
        inputs=_moved(_held(head), slope), left_out=answer.left_out,
        notes=(f"found by halving; times stand at that batch, with {_drafts(depth)}",),
    )  # fmt: skip


def _times(step_s: float, points: tuple[DepthPoint, ...], depth: int) -> tuple[tuple[str, float, str], ...]:
    point = next(one for one in points if one.depth == depth)
    return (
        (
            "ordinary steps for as many tokens", point.tokens * step_s,
            f"{point.tokens:.3g} tokens, each a step_s of {step_s * 1e3:.4g} ms",
        ),
        ("verify step", point.verify_step_s, f"verification_s, of {depth + 1} tokens for each request"),
        ("drafting", depth * point.draft_s, f"{depth} times a draft_s of {point.draft_s * 1e3:.4g} ms"),
    )  # fmt: skip


def _terms(times: tuple[tuple[str, float, str], ...]) -> tuple[Term, ...]:
    """Two sides of an equation: the first stands alone on its side, and shares are of it."""
    whole = times[0][1]
    return tuple(
        Term(name=name, value=value, unit="s", share=value / whole, text=text) for name, value, text in times
    )  # fmt: skip


def _compute_bound_from(answer: SpeculateResponse, timed: Drafting) -> Terms:
    batch, depth = answer.compute_bound_from, answer.typical_depth
    if batch is None:
        raise UnknownName("number", "compute_bound_from", (), "reads outlast the arithmetic at every batch")
    base = timed.deployment

    def parts(at: float) -> tuple[float, float, float]:
        times = base.step(at, timed.context + depth, drafts=float(depth))
        return float(times.compute_s), float(times.weights_s), float(times.kv_s)

    compute, weights, kv = parts(batch)
    later = parts(batch * _STEP)
    slope = math.log(later[0] / (later[1] + later[2]) * (weights + kv) / compute) / math.log(_STEP)
    load = Load(batch * (1.0 + depth), batch, timed.context + depth)
    spent: dict[str, float] = {}
    for row in operator_table(base.program, base.system, decode=load, profile=base.profile):
        if row.compute_s:
            name = f"flops_per_s.{arithmetic_rate(base.system.chip, row.rate)[0]}"
            spent[name] = spent.get(name, 0.0) + row.compute_s / compute
    moved = {**spent, "bytes_per_s": -1.0}
    return Terms(
        number="compute_bound_from", value=batch, unit="sequence",
        formula="compute_s(batch, drafts) = weights_s(batch, drafts) + kv_s(batch, drafts)",
        terms=_terms((
            ("arithmetic", compute, "compute_s of a verify step"), ("weights", weights, "weights_s, their reads"),
            ("KV cache", kv, "kv_s, its reads"),
        )),
        inputs=tuple(
            Input(name=name, value=fact.value, unit=fact.unit, source=fact.source, grade=fact.grade, as_of=fact.as_of,
                  note=fact.note, elasticity=sign / slope if slope else None)
            for name, sign in moved.items() for fact in (base.system.chip.facts[name],)
        ),
        left_out=answer.left_out, notes=(f"found by halving, with {_drafts(depth)}",),
    )  # fmt: skip


def explain_speculate(answer: SpeculateResponse, key: str) -> Explanation | OperatorExplanation | Terms:
    """The derivation of one number of `speculate`; `speedup` and `tokens` are those of the first batch asked for."""
    if key not in SPECULATE_KEYS:
        raise UnknownName("number", key, nearest(key, SPECULATE_KEYS), f"known: {', '.join(SPECULATE_KEYS)}")
    timed = answer.timed
    if timed is None:
        raise TypeError("an answer read back from JSON has nothing to explain")
    if key == "stops_at":
        return _stops_at(answer, timed)
    if key == "compute_bound_from":
        return _compute_bound_from(answer, timed)
    batch = answer.best_batch if key == "best_speedup" else answer.rows[0].batch
    depth = max(timed.row(batch).points, key=lambda one: one.speedup).depth
    head = _head(answer, timed, batch, depth, key)
    if key == "tokens":
        return head
    base = timed.deployment
    load = Load(batch * (1.0 + depth), batch, timed.context + depth)
    return OperatorExplanation(
        head=head, step_s=timed.verify_step_s(batch, depth),
        rows=operator_table(base.program, base.system, decode=load, profile=base.profile), system=base.system,
        profile=base.profile, of="verification_s",
    )  # fmt: skip
