"""Why a served number is what it is: the decode step and the prefill of others, composed as the number is.

How many requests run, and how their prompts group, is held fixed: elasticities are those of the steps' times, which
add up through sums and quotients.
"""

from dataclasses import replace

from tokenroof.errors import InputError, UnknownName
from tokenroof.operators.halves import splits
from tokenroof.operators.sensitivity import explain_step
from tokenroof.planner.drafts import drafting_s
from tokenroof.provenance import Grade
from tokenroof.registry import nearest
from tokenroof.scenario.deployment import Deployment
from tokenroof.scenario.ranges import ranged
from tokenroof.types.explanation import Explanation, Input, combine, of_input, quotient
from tokenroof.types.program import Load
from tokenroof.types.served import Served

__all__ = ["SERVED_NUMBERS", "explain_served"]

SERVED_NUMBERS = ("decode_step_s", "tpot_s", "ttft_s", "interactivity", "decode_tokens_per_s_per_gpu")
_NOBODY = 1e-12


def explain_served(deployment: Deployment, served: Served, number: str) -> Explanation:
    """One number of what a deployment serves, by its operators. InputError where nothing is served."""
    if number not in SERVED_NUMBERS:
        raise UnknownName("number", number, nearest(number, SERVED_NUMBERS), f"known: {', '.join(SERVED_NUMBERS)}")
    if not served.fits:
        raise InputError("explain", number, "a deployment that fits", "it has no speed and no cost")
    if number == "ttft_s":
        return _ttft(deployment, served)
    decode = _decode_step(deployment, served)
    if number == "decode_step_s":
        return decode
    if number == "decode_tokens_per_s_per_gpu":
        return quotient(
            number, "token/s/GPU", "tokens of a step per GPU / decode step",
            _held("tokens_per_step_per_gpu", served.decode_tokens_per_s_per_gpu * decode.value, "token/GPU"), decode,
        )  # fmt: skip
    tpot = _tpot(deployment, served, decode)
    if number == "tpot_s":
        return tpot
    return quotient(number, "token/s", "1 / TPOT", _held("tokens", 1.0, "token"), tpot)


def _held(name: str, value: float, unit: str) -> Explanation:
    """A number of the load, which no machine moves."""
    return of_input(
        Input(name=name, value=value, unit=unit, source="the load", grade=Grade.GIVEN, elasticity=None)
    )  # fmt: skip


def _decode_step(deployment: Deployment, served: Served) -> Explanation:
    """The step between two tokens of a request: one micro-batch through every stage, at the pace of the fullest."""
    batch = max(served.batch, 1.0) if deployment.layout.pp > 1 else served.batch
    drafts = deployment.scenario.drafts or 0
    step = explain_step(
        deployment.program, deployment.system, deployment.profile,
        decode=Load(batch * (1.0 + drafts), batch, deployment.workload.context), number="decode step",
    )  # fmt: skip
    extra_s = drafting_s(deployment.timed, batch, deployment.workload.context)
    parts = [((served.decode_step_s - extra_s) / step.value, step)]
    if extra_s:
        profile = deployment.profile
        passes = Input(
            name="drafting_s", value=extra_s, unit="s", source=f"efficiency {profile.id}: {profile.source}",
            as_of=profile.as_of, grade=Grade.FITTED,
        )  # fmt: skip
        parts.append((1.0, replace(of_input(passes), formula="passes of the draft head, and their host time")))
    how = f", two-batch overlap: {step.formula}" if splits(deployment.program) else ""
    return combine("decode_step_s", "s", f"decode step of the running requests{how}", parts)


def _tpot(deployment: Deployment, served: Served, decode: Explanation) -> Explanation:
    """Decode step over its tokens + what the prompts of others take, in proportion to a prefill step."""
    tokens = deployment.tokens_per_step
    parts = [(1.0 / tokens, decode)]
    others_s = served.tpot_s - decode.value / tokens
    formula = "decode step" + (" (two-batch overlap)" if splits(deployment.program) else "")
    formula += "" if tokens == 1.0 else f" / {tokens:.4g} tokens"
    if others_s > _NOBODY * served.tpot_s:
        prefill = _prefill(deployment, "prefill of others")
        parts.append((others_s / prefill.value, prefill))
        formula += f" + {others_s / prefill.value:.3g} x the prefill of another prompt, between two tokens"
    return combine("tpot_s", "s", formula, parts)


def _ttft(deployment: Deployment, served: Served) -> Explanation:
    """Host time of a request + its prefill and the wait before and beside it, in proportion to a prefill step."""
    profile = deployment.prompt_timed.profile
    outside_s = float(profile.outside_s(deployment.workload.isl))
    prefill = _prefill(deployment, "prefill of the prompt")
    times = (served.ttft_s - outside_s) / prefill.value
    parts = [(times, prefill)]
    if outside_s > 0.0:
        source = f"efficiency {profile.id}: {profile.source}"
        own = Input(
            name="request_s", value=outside_s, unit="s", source=source, as_of=profile.as_of, grade=Grade.FITTED
        )  # fmt: skip
        parts.append((1.0, replace(of_input(own), formula="host time of a request outside its passes")))
    formula = f"host time of a request + {times:.3g} x its prefill alone: the wait for the passes of others is in it"
    found = combine("ttft_s", "s", formula, parts)
    held = ranged("ttft", 1.0, profile)
    if held.low is None or held.high is None:
        return found
    near = f"80 % of held-out first tokens lay between {held.low:.2f} and {held.high:.2f} times it"
    return replace(found, notes=(f"efficiency {profile.id}: fitted on {profile.n:,} measurements", near))


def _prefill(deployment: Deployment, name: str) -> Explanation:
    """A step that reads one prompt, on the machine of prefill."""
    work, timed = deployment.workload, deployment.prompt_timed
    return explain_step(
        timed.program, deployment.machines[0], timed.profile,
        prefill=Load(work.uncached, 1.0, work.isl), number=name,
    )  # fmt: skip
