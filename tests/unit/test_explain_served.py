"""Served numbers are explained to the figure, by the machine's rates and not by themselves."""

import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.operators.sensitivity_inputs import MEMORY
from tokenroof.scenario.explain import SERVED_NUMBERS, explain_served
from tokenroof.scenario.resolve import resolve
from tokenroof.types.scenario import Scenario

CASES = {
    "dense": Scenario(model="llama-3.1-70b", system="8xh100", tp=8, isl=2000.0, osl=500.0, concurrency=64.0),
    "experts": Scenario(model="deepseek-v3", system="8xh200", isl=4000.0, osl=1000.0, concurrency=32.0),
    "stages": Scenario(model="llama-3.1-70b", system="8xh100", tp=4, pp=2, isl=1000.0, osl=500.0, concurrency=32.0),
    "batch": Scenario(model="llama-3.1-8b", system="h100", isl=1000.0, osl=200.0, batch=16.0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("number", SERVED_NUMBERS)
def test_the_value_is_the_served_one(name: str, number: str) -> None:
    deployment = resolve(CASES[name])
    served = deployment.serve()
    found = explain_served(deployment, served, number)
    shown = 1.0 / served.tpot_s if number == "interactivity" else getattr(served, number)
    assert found.value == pytest.approx(shown, rel=1e-9)
    names = {one.name for one in found.inputs}
    assert MEMORY in names
    assert not names & {"step_s", "decode_step_s", "tpot_s", "prefill_of_others_s"}
    assert all(one.source for one in found.inputs)
    assert len(found.movers) == 2
    moved = sum(abs(one.elasticity or 0.0) for one in found.inputs)
    assert moved == pytest.approx(1.0, rel=1e-9)


def test_the_prefill_of_others_is_a_term_of_its_own() -> None:
    deployment = resolve(CASES["dense"])
    found = explain_served(deployment, deployment.serve(), "tpot_s")
    assert {term.name.partition(":")[0] for term in found.terms} == {"decode_step_s", "prefill of others"}
    assert sum(term.share for term in found.terms) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["dense", "experts", "batch"])
def test_the_step_that_is_explained_is_the_step_that_is_served(name: str) -> None:
    deployment = resolve(CASES[name])
    served = deployment.serve()
    found = explain_served(deployment, served, "decode_step_s")
    step = deployment.step(served.batch)
    assert found.value == pytest.approx(float(step.step_s), rel=1e-9)
    assert found.value == pytest.approx(served.decode_step_s, rel=1e-9)


def test_what_cannot_be_explained_is_one_error() -> None:
    deployment = resolve(CASES["dense"])
    with pytest.raises(UnknownName, match="tpot_s"):
        explain_served(deployment, deployment.serve(), "tpot")
    full = resolve(Scenario(model="llama-3.1-70b", system="8xh100", tp=8, isl=2000.0, osl=500.0, batch=1e6))
    with pytest.raises(InputError, match="fits"):
        explain_served(full, full.serve(), "tpot_s")
