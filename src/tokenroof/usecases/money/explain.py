"""Where numbers of `price` came from: TPOT by its operators, cost by rent and time."""

from collections.abc import Callable, Mapping

from tokenroof.errors import InputError, UnknownName
from tokenroof.formulas import pricing
from tokenroof.operators.explain import Explanation, explain
from tokenroof.operators.table import operator_table
from tokenroof.provenance import Fact, Grade, assumed, given
from tokenroof.registry import nearest
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.machine import System
from tokenroof.types.program import Load, Program
from tokenroof.usecases.analyze.explain_rows import OperatorExplanation
from tokenroof.usecases.money.price import PriceResponse
from tokenroof.xp import Num

__all__ = ["COUNTED", "MTOK", "PRICE_KEYS", "check_key", "explain_price", "modelled", "rent", "tpot", "with_rows"]

PRICE_KEYS = ("tpot_s", "usd_per_mtok_output", "usd_per_mtok_input")
MTOK = 1e6
_HOUR_S = 3600.0
# counted or chosen: with more of them it is another deployment, or other requests
COUNTED = ("gpus", "gpus_paid", "osl", "isl", "tokens")
_UNITS = {"tpot_s": "s"}


def check_key(key: str, known: tuple[str, ...]) -> None:
    """UnknownName with the nearest where there is no such number."""
    if key not in known:
        raise UnknownName("number", key, nearest(key, known), f"known: {', '.join(known)}")


def modelled(value: float, unit: str, profile: Efficiency, what: str = "") -> Fact:
    """A number of the operator engine."""
    grade = Grade.DERIVED if profile.id == "peak" else Grade.FITTED
    source = f"{what}operator engine, efficiency {profile.id}"
    return Fact(value=value, unit=unit, source=source, as_of=profile.as_of, grade=grade)


def rent(usd_per_gpu_h: float, source: str, system: System) -> Fact:
    """The price of a GPU, per second: of the catalogue, or given."""
    rental, each = system.rental, usd_per_gpu_h / _HOUR_S
    if rental is None or usd_per_gpu_h != rental.median_usd_per_h:
        return given(each, "USD/GPU/s") if source == "given" else assumed(each, "USD/GPU/s", source)
    return Fact(value=each, unit="USD/GPU/s", source=source, as_of=rental.as_of, grade=Grade.REPORTED)


def with_rows(
    number: Callable[..., Num], facts: Mapping[str, Fact], key: str, program: Program, load: Load, system: System,
    profile: Efficiency,
) -> OperatorExplanation:  # fmt: skip
    """A number on a decode step, with the operators of that step."""
    return OperatorExplanation(
        head=explain(number, facts, name=key, unit=_UNITS.get(key, "USD/Mtoken")),
        step_s=float(facts["step_s"].value),
        rows=operator_table(program, system, decode=load, profile=profile),
        system=system,
        profile=profile,
    )


def tpot(*, step_s: Num, waiting_s: Num, xp: object) -> Num:
    """A decode step, and what the prompts of others take."""
    return step_s + waiting_s


def _usd_per_s(leaf: Mapping[str, Num], xp: object) -> Num:
    return pricing.system_usd_per_s(gpus=leaf["gpus"], usd_per_gpu_s=leaf["usd_per_gpu_s"], xp=xp)  # type: ignore[arg-type]


def explain_price(answer: PriceResponse, key: str) -> Explanation | OperatorExplanation:
    """The derivation of one number of `price`: its TPOT, or a cost under the allocation by time."""
    check_key(key, PRICE_KEYS)
    economics = answer.economics
    deployment, served, work = economics.deployment, economics.served, economics.workload
    profile, system, tokens = deployment.profile, deployment.system, deployment.tokens_per_step
    decode_s = served.decode_step_s / tokens
    batch = max(served.batch, 1.0) * (1.0 + float(deployment.scenario.drafts or 0))
    decode = Load(batch, max(served.batch, 1.0), work.context)
    if key == "tpot_s":
        others = modelled(served.tpot_s - decode_s, "s", profile, "prefill of others, ")
        facts = {"step_s": modelled(decode_s, "s", profile), "waiting_s": others}
        return with_rows(tpot, facts, key, deployment.program, decode, system, profile)
    if economics.allocation != "time":
        raise InputError("explain", key, "a cost under allocation time", "leave the allocation out")
    output = key == "usd_per_mtok_output"
    share = economics.shares.output if output else economics.shares.uncached
    facts = {
        "usd_per_gpu_s": rent(economics.machine.usd_per_gpu_h, economics.machine.source, system),
        "gpus": given(float(economics.gpus), "GPU", "GPUs of the system"),
        "duty_cycle": assumed(economics.duty_cycle, "1", "share of the time that the system is busy"),
        "requests_per_s": modelled(served.requests_per_s, "1/s", profile),
        "share": modelled(share, "1", profile, "share of a request's time, "),
        "tokens": given(work.osl if output else work.uncached, "token", "tokens of this kind in a request"),
    }

    def usd(*, xp: object, **leaf: Num) -> Num:
        request_usd = _usd_per_s(leaf, xp) / (leaf["requests_per_s"] * leaf["duty_cycle"])
        return MTOK * request_usd * leaf["share"] / leaf["tokens"]

    return explain(usd, facts, name=key, unit="USD/Mtoken", held=COUNTED)
