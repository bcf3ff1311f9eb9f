"""Where numbers of `price` and of the winner of `plan` came from: TPOT by its operators, cost by rent and time."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tokenroof.errors import DataMissing, InputError, UnknownName
from tokenroof.formulas import pricing
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.lower import lower
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.registry import nearest
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import Load, Program
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.money.price import PriceResponse
from tokenroof.usecases.plan.answer import Candidate, PlanResponse
from tokenroof.usecases.plan.pick import MONTH_H
from tokenroof.xp import Num

__all__ = ["PLAN_KEYS", "PRICE_KEYS", "explain_plan", "explain_price"]

PRICE_KEYS = ("tpot_s", "usd_per_mtok_output", "usd_per_mtok_input")
PLAN_KEYS = ("tpot_s", "usd_per_mtok_all")
_MTOK = 1e6
_HOUR_S = 3600.0
_UNITS = {"tpot_s": "s"}


def _check_key(key: str, known: tuple[str, ...]) -> None:
    if key not in known:
        raise UnknownName("number", key, nearest(key, known), f"known: {', '.join(known)}")


def _modelled(value: float, unit: str, profile: Efficiency, what: str = "") -> Fact:
    grade = Grade.DERIVED if profile.id == "peak" else Grade.FITTED
    source = f"{what}operator engine, efficiency {profile.id}"
    return Fact(value=value, unit=unit, source=source, as_of=profile.as_of, grade=grade)


def _rent(usd_per_gpu_h: float, source: str, system: System) -> Fact:
    rental, each = system.rental, usd_per_gpu_h / _HOUR_S
    if rental is None or usd_per_gpu_h != rental.median_usd_per_h:
        return given(each, "USD/GPU/s") if source == "given" else assumed(each, "USD/GPU/s", source)
    return Fact(value=each, unit="USD/GPU/s", source=source, as_of=rental.as_of, grade=Grade.REPORTED)


def _with_rows(
    number: Callable[..., Num], facts: Mapping[str, Fact], key: str, program: Program, load: Load, system: System,
    profile: Efficiency,
) -> OperatorExplanation:  # fmt: skip
    return OperatorExplanation(
        head=explain(number, facts, name=key, unit=_UNITS.get(key, "USD/Mtoken")),
        step_s=float(facts["step_s"].value),
        rows=operator_table(program, system, decode=load, profile=profile),
        system=system,
        profile=profile,
    )


def _tpot(*, step_s: Num, waiting_s: Num, xp: object) -> Num:
    return step_s + waiting_s


def _usd_per_s(leaf: Mapping[str, Num], xp: object) -> Num:
    return pricing.system_usd_per_s(gpus=leaf["gpus"], usd_per_gpu_s=leaf["usd_per_gpu_s"], xp=xp)  # type: ignore[arg-type]


def explain_price(answer: PriceResponse, key: str) -> Explanation | OperatorExplanation:
    """The derivation of one number of `price`: its TPOT, or a cost under the allocation by time."""
    _check_key(key, PRICE_KEYS)
    economics = answer.economics
    deployment, served, work = economics.deployment, economics.served, economics.workload
    profile, system, tokens = deployment.profile, deployment.system, deployment.tokens_per_step
    decode_s = served.decode_step_s / tokens
    batch = max(served.batch, 1.0) * (1.0 + float(deployment.scenario.drafts or 0))
    decode = Load(batch, max(served.batch, 1.0), work.context)
    if key == "tpot_s":
        others = _modelled(served.tpot_s - decode_s, "s", profile, "prefill of others, ")
        facts = {"step_s": _modelled(decode_s, "s", profile), "waiting_s": others}
        return _with_rows(_tpot, facts, key, deployment.program, decode, system, profile)
    if economics.allocation != "time":
        raise InputError("explain", key, "a cost under allocation time", "leave the allocation out")
    output = key == "usd_per_mtok_output"
    share = economics.shares.output if output else economics.shares.uncached
    facts = {
        "usd_per_gpu_s": _rent(economics.machine.usd_per_gpu_h, economics.machine.source, system),
        "gpus": given(float(economics.gpus), "GPU", "GPUs of the system"),
        "duty_cycle": assumed(economics.duty_cycle, "1", "share of the time that the system is busy"),
        "requests_per_s": _modelled(served.requests_per_s, "1/s", profile),
        "share": _modelled(share, "1", profile, "share of a request's time, "),
        "tokens": given(work.osl if output else work.uncached, "token", "tokens of this kind in a request"),
    }

    def usd(*, xp: object, **leaf: Num) -> Num:
        request_usd = _usd_per_s(leaf, xp) / (leaf["requests_per_s"] * leaf["duty_cycle"])
        return _MTOK * request_usd * leaf["share"] / leaf["tokens"]

    return explain(usd, facts, name=key, unit="USD/Mtoken")


def _answering(winner: Candidate, step_s: Callable[[float], float]) -> float:
    """Answers on one decode worker: as many as make its pass last the TPOT, since nobody's prompts are there."""
    low, high = 0.0, winner.unit_concurrency * winner.units / winner.decode_workers
    for _ in range(30):
        middle = (low + high) / 2.0
        low, high = (middle, high) if step_s(middle) <= winner.tpot_s else (low, middle)
    return low


def _paid_usd(winner: Candidate, usd_per_gpu_h: float) -> float:
    """An hour of one of the GPUs that are paid for: of two kinds the mean."""
    if len(winner.gpus_paid_of) == 1 or winner.usd_per_month is None:
        return usd_per_gpu_h
    return winner.usd_per_month / MONTH_H / winner.gpus_paid


def explain_plan(answer: PlanResponse, key: str) -> Explanation | OperatorExplanation:
    """The derivation of one number of the winner of `plan`."""
    _check_key(key, PLAN_KEYS)
    winner, machine = answer.winner, answer.machines[0]
    if winner is None or machine.space is None:
        raise InputError("explain", key, "a plan with a winner", "loosen a limit")
    space = machine.space
    system, profile = space.system, space.profile
    if key == "usd_per_mtok_all":
        if machine.usd_per_gpu_h is None:
            raise DataMissing(system.name, "price", "no rental known", "give `price_per_gpu_hour`")
        facts = {
            "usd_per_gpu_s": _rent(_paid_usd(winner, machine.usd_per_gpu_h), machine.price_source, system),
            "gpus_paid": assumed(float(winner.gpus_paid), "GPU", "all that are paid for, idle ones too"),
            "requests_per_s": _modelled(winner.requests_per_s, "1/s", profile),
            "osl": given(answer.workload.osl, "token", "output tokens of a request"),
        }

        def cost(*, xp: object, **leaf: Num) -> Num:
            usd_per_s = pricing.system_usd_per_s(gpus=leaf["gpus_paid"], usd_per_gpu_s=leaf["usd_per_gpu_s"], xp=xp)  # type: ignore[arg-type]
            return _MTOK * usd_per_s / (leaf["requests_per_s"] * leaf["osl"])

        return explain(cost, facts, name=key, unit="USD/Mtoken", left_out=answer.left_out)
    if winner.drafts:
        raise InputError("explain", key, "the TPOT of a plan without drafts", "leave `acceptance` out")
    form = next(one for one in space.formats if (one.name, one.kv_name) == (winner.weights, winner.kv))
    layout = replace(winner.layout, weights=form.weights, kv_dtype=form.kv)
    program = lower(space.model, layout)
    timed, context = bind(program, system, profile), space.isl + space.osl / 2.0

    def load_of(running: float) -> Load:
        batch = running / min(layout.pp, max(running, 1.0))
        return Load(batch, batch, context)

    running, waiting = winner.unit_concurrency, "prompts of others and the fullest pipeline stage, "
    if winner.prefill_layout is not None:
        running, waiting = _answering(winner, lambda number: float(timed.step(decode=load_of(number)).step_s)), ""
    load = load_of(running)
    step_s = min(float(timed.step(decode=load).step_s), winner.tpot_s)
    facts = {
        "step_s": _modelled(step_s, "s", profile),
        "waiting_s": _modelled(winner.tpot_s - step_s, "s", profile, waiting),
    }
    return _with_rows(_tpot, facts, key, program, load, system, profile)
