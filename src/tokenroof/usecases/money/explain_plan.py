"""Where numbers of the winner of `plan` came from: TPOT by its operators, cost by rent and time, fleets by counting."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tokenroof.errors import DataMissing, InputError
from tokenroof.formulas import pricing
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.lower import lower
from tokenroof.operators.timing import bind
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.solve import falling_root
from tokenroof.types.program import Load
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.money.explain import COUNTED, MTOK, check_key, modelled, rent, tpot, with_rows
from tokenroof.usecases.plan.answer import Candidate, MachinePlan, PlanResponse
from tokenroof.usecases.plan.pick import MONTH_H
from tokenroof.xp import Num

__all__ = ["PLAN_KEYS", "explain_plan"]

# number -> unit, and the inputs that it is made of
_MADE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "tokens_per_s_per_user": ("token/s", ("tpot_s",)),
    "output_tokens_per_s_per_gpu": ("token/s/GPU", ("requests_per_s", "osl", "gpus_paid")),
    "concurrency": ("sequence", ("requests_per_s", "e2e_s")),
    "systems": ("1", ("concurrency", "users_of_one")),
    "usd_per_month": ("USD", ("usd_per_gpu_s", "gpus_paid")),
    "watts": ("W", ("watts_per_gpu", "gpus_paid")),
    "users_per_mw": ("sequence", ("concurrency", "watts_per_gpu", "gpus_paid")),
    "usd_per_mtok_all": ("USD/Mtoken", ("usd_per_gpu_s", "gpus_paid", "requests_per_s", "osl")),
    "usd_per_mtok_output": ("USD/Mtoken", ("usd_per_gpu_s", "gpus_paid", "requests_per_s", "osl", "output_share")),
    "tokens_per_usd": ("token/USD", ("usd_per_gpu_s", "gpus_paid", "requests_per_s", "osl")),
}
PLAN_KEYS = ("tpot_s", *_MADE)
_MW = 1e6


def _answering(winner: Candidate, step_s: Callable[[float], float]) -> float:
    """Answers on one decode worker: as many as make its pass last the TPOT, since nobody's prompts are there."""
    most = winner.unit_concurrency * winner.units / winner.decode_workers
    return float(falling_root(lambda answers: winner.tpot_s - step_s(answers), 0.0, most))


def _paid_usd(winner: Candidate, usd_per_gpu_h: float) -> float:
    """An hour of one of the GPUs that are paid for: of two kinds the mean."""
    if len(winner.gpus_paid_of) == 1 or winner.usd_per_month is None:
        return usd_per_gpu_h
    return winner.usd_per_month / MONTH_H / winner.gpus_paid


def _facts(answer: PlanResponse, machine: MachinePlan, winner: Candidate) -> dict[str, Fact]:
    """What the numbers above a decode step are made of; without a price or a power those that need it lack it."""
    space = machine.space
    assert space is not None
    profile, demand = space.profile, answer.demand.concurrency
    found = {
        "tpot_s": modelled(winner.tpot_s, "s", profile),
        "e2e_s": modelled(winner.concurrency / winner.requests_per_s, "s", profile, "of a request, by Little's law, "),
        "requests_per_s": modelled(winner.requests_per_s, "1/s", profile),
        "osl": given(answer.workload.osl, "token", "output tokens of a request"),
        "gpus_paid": assumed(float(winner.gpus_paid), "GPU", "all that are paid for, idle ones too"),
        "concurrency": modelled(winner.concurrency, "sequence", profile, f"as many as {winner.limit} allows, ")
        if demand is None
        else given(demand, "sequence", "requests at once"),
        "users_of_one": modelled(winner.concurrency / winner.systems, "sequence", profile, "of one system, "),
    }
    if machine.usd_per_gpu_h is not None:
        found["usd_per_gpu_s"] = rent(_paid_usd(winner, machine.usd_per_gpu_h), machine.price_source, space.system)
        if winner.usd_per_mtok_output is not None and winner.usd_per_mtok_all:
            share = winner.usd_per_mtok_output / winner.usd_per_mtok_all
            found["output_share"] = modelled(share, "1", profile, "share of a request's machine time, ")
    if winner.energy is not None:
        found["watts_per_gpu"] = Fact(
            value=winner.energy.watts_per_gpu.value, unit="W/GPU", source=winner.energy.source, as_of=profile.as_of,
            grade=Grade(winner.energy.grade),
        )  # fmt: skip
    return found


def _number(key: str) -> Callable[..., Num]:
    def number(*, xp: object, **x: Num) -> Num:
        if key == "tokens_per_s_per_user":
            return 1.0 / x["tpot_s"]
        if key == "output_tokens_per_s_per_gpu":
            return x["requests_per_s"] * x["osl"] / x["gpus_paid"]
        if key == "concurrency":
            return x["requests_per_s"] * x["e2e_s"]
        if key == "systems":
            return x["concurrency"] / x["users_of_one"]
        if key == "watts":
            return x["watts_per_gpu"] * x["gpus_paid"]
        if key == "users_per_mw":
            return _MW * x["concurrency"] / (x["watts_per_gpu"] * x["gpus_paid"])
        usd_per_s = pricing.system_usd_per_s(gpus=x["gpus_paid"], usd_per_gpu_s=x["usd_per_gpu_s"], xp=xp)  # type: ignore[arg-type]
        if key == "usd_per_month":
            return usd_per_s * (MONTH_H * 3600.0)
        usd_per_token = usd_per_s / (x["requests_per_s"] * x["osl"])
        if key == "tokens_per_usd":
            return 1.0 / usd_per_token
        return MTOK * usd_per_token * x["output_share"] if key == "usd_per_mtok_output" else MTOK * usd_per_token

    return number


def explain_plan(answer: PlanResponse, key: str) -> Explanation | OperatorExplanation:
    """The derivation of one number of the winner of `plan`."""
    check_key(key, PLAN_KEYS)
    winner, machine = answer.winner, answer.machines[0]
    if winner is None or machine.space is None:
        raise InputError("explain", key, "a plan with a winner", "loosen a limit")
    if key == "tpot_s":
        return _tpot(machine, winner)
    unit, needs = _MADE[key]
    facts = _facts(answer, machine, winner)
    if "usd" in key and "usd_per_gpu_s" not in facts:
        raise DataMissing(machine.system_name, "price", "no rental known", "give `price_per_gpu_hour`")
    if lacking := [name for name in needs if name not in facts]:
        raise DataMissing(machine.system_name, lacking[0].replace("_", " "), "nothing known of it")
    used = {name: facts[name] for name in needs}
    return explain(_number(key), used, name=key, unit=unit, left_out=answer.left_out, held=COUNTED)


def _tpot(machine: MachinePlan, winner: Candidate) -> OperatorExplanation:
    """A decode pass by its operators, and what the prompts of others take."""
    space = machine.space
    assert space is not None
    system, profile = space.system, space.profile
    if winner.drafts:
        raise InputError("explain", "tpot_s", "the TPOT of a plan without drafts", "leave `acceptance` out")
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
        "step_s": modelled(step_s, "s", profile),
        "waiting_s": modelled(winner.tpot_s - step_s, "s", profile, waiting),
    }
    return with_rows(tpot, facts, "tpot_s", program, load, system, profile)
