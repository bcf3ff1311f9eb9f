"""Plans whose limits are percentiles: what is printed holds them when it is simulated on its own."""

import numpy as np
import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.present.pages.plan import page_of
from tokenroof.present.text import text
from tokenroof.scenario.slo import means_of, slo_of
from tokenroof.types.limits import percentile_of
from tokenroof.usecases.plan.answer import Candidate, PlanResponse
from tokenroof.usecases.plan.percentiles import _highest
from tokenroof.usecases.plan.run import PlanRequest, plan
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.run import simulate

LLAMA = {"model": "llama-3.1-8b", "system": "h100", "mode": "agg", "isl": 2000, "osl": 200}


def ask(**more: object) -> PlanResponse:
    return plan(PlanRequest(**{**LLAMA, **more}))  # type: ignore[arg-type]


def again(one: Candidate, seed: int = 0, **load: object) -> SimulateResponse:
    """The printed deployment through `simulate`, with nothing of the plan but what it prints."""
    run, layout = one.simulated, one.layout
    assert run is not None
    degrees = {name: getattr(layout, name) for name in ("tp", "pp", "dp", "ep", "cp")}
    found = simulate(
        SimulateRequest(
            model=LLAMA["model"], system=f"{one.gpus}xh100" if one.gpus > 1 else "h100", isl=2000, osl=200, seed=seed,
            replicas=one.units, weight_dtype=None if one.own_weights else one.weights, kv_dtype=one.kv,
            max_batched_tokens=one.chunk, max_num_seqs=run.max_num_seqs, requests=run.requests, warmup=0.25,
            **degrees, **load,
        )  # type: ignore[arg-type]
    )  # fmt: skip
    assert isinstance(found, SimulateResponse)
    return found


@pytest.mark.parametrize(
    "load",
    [{}, {"request_rate": 20.0}, {"concurrency": 200}, {"users": 400, "think": 20.0}],
)
def test_the_printed_deployment_holds_the_limits_when_it_is_simulated(load):
    answer = ask(ttft="p99:500ms", tpot="p90:20ms", **load)
    one = answer.winner
    assert one is not None and one.simulated is not None
    given = load or {"request_rate": one.simulated.request_rate}
    outcome = again(one, **given)
    assert outcome.ttft.p99 == one.simulated.ttft.p99 == one.simulated.ttft_s <= 0.5
    assert outcome.tpot.p90 == one.simulated.tpot.p90 == one.simulated.tpot_s <= 0.02
    other = again(one, seed=7, **given)  # other draws differ by what few requests in the tail can
    assert other.ttft.p99 <= 0.5 * 1.15 and other.tpot.p90 <= 0.02 * 1.1


@pytest.mark.parametrize("one", ask(ttft="p99:500ms", tpot="p90:20ms").machines[0].runner_ups)
def test_runners_up_hold_them_too(one):
    assert one.simulated.ttft_s <= 0.5 and one.simulated.tpot_s <= 0.02 and one.simulated.sound
    assert one.chances["TTFT"] >= 0.5 and one.margins["TPOT"] == pytest.approx(1.0 - one.simulated.tpot_s / 0.02)


def test_a_percentile_asks_for_a_lighter_load_than_a_mean_and_a_higher_one_for_a_lighter_still():
    rates = [ask(tpot=tpot, ttft=1.0).winner.requests_per_s for tpot in (0.02, "p90:20ms", "p99:20ms")]
    assert rates[0] > rates[1] > rates[2]


def test_percentiles_take_more_units_than_means():
    load = {"request_rate": 60.0, "tp": 1}
    means, tails = (ask(tpot=tpot, ttft=1.0, **load).winner for tpot in (0.013, "p99:13ms"))
    assert means.simulated is None and tails.units > means.units
    assert tails.gpus_paid == tails.units


def test_confidence_leaves_room_under_a_percentile():
    one = ask(tpot="p90:20ms", confidence=0.9).winner
    assert one.simulated.tpot_s < 0.02 * 0.95 and one.chances["TPOT"] >= 0.9 - 1e-9


def test_where_nothing_holds_the_nearest_change_does():
    answer = ask(ttft="p99:20ms", tpot="p90:20ms")
    assert answer.winner is None
    unmet = answer.machines[0].unmet
    assert unmet.binding == "TTFT" and unmet.reason.startswith("simulated, p99 TTFT is ")
    change = unmet.changes[0].partition(" (")[0]
    assert change.startswith("ttft p99:") and unmet.best_ttft_s > 0.02
    assert ask(ttft=change.removeprefix("ttft "), tpot="p90:20ms").winner is not None


def test_where_gpus_run_out_it_says_how_many_would_do():
    asked = {"ttft": "p99:500ms", "tpot": "p90:20ms", "request_rate": 100.0}
    unmet = ask(gpus=1, **asked).machines[0].unmet
    assert unmet.binding == "GPUs"
    gpus = int(unmet.changes[0].split()[1])
    assert gpus > 1 and ask(gpus=gpus, **asked).winner.gpus_paid <= gpus


def test_a_large_load_runs_on_a_part_of_the_units():
    one = ask(ttft="p99:500ms", tpot="p90:20ms", request_rate=20_000.0, tp=1).winner
    assert one.units > 500 and one.simulated.units < one.units
    assert one.simulated.request_rate == pytest.approx(20_000.0 * one.simulated.units / one.units)


def test_the_page_has_the_percentile_beside_the_mean():
    page = text(page_of(ask(ttft="p99:500ms", tpot=0.02, request_rate=20.0)), width=100)
    assert "TTFT, mean" in page and "TTFT, p99, simulated" in page and "TPOT, mean, simulated" in page
    assert "simulated: 2,000 requests at random, 20 a second, seed 0" in page
    assert all(len(line) <= 100 for line in page.splitlines())


def test_a_plan_of_means_asks_the_simulator_nothing(monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "tokenroof.usecases.plan.by_percentiles", raising=False)
    assert ask(ttft=0.5).winner.simulated is None
    assert "tokenroof.usecases.plan.by_percentiles" not in sys.modules


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"ttft": "p30:1s"}, "ttft"),
        ({"ttft": "p99:fast"}, "ttft"),
        ({"slo": "ttft:p99:"}, "slo"),
        ({"ttft": "p99:1s", "prefix": 500}, "prefix"),
        ({"ttft": "p99:1s", "users": 10.5}, "users"),
    ],
)
def test_what_cannot_be_held_is_refused(options, field):
    with pytest.raises(InputError) as fault:
        ask(**options)
    assert fault.value.field == field


def test_an_unknown_slo_has_its_neighbours_named():
    with pytest.raises(UnknownName, match="chat, rag, code, content"):
        ask(slo="p99:nothing")


def test_limits_are_read_in_one_way():
    pairs = slo_of("ttft:p99:2s,tpot:p90:50", None, None)
    assert (pairs.ttft_s, pairs.ttft_percentile, pairs.tpot_s, pairs.tpot_percentile) == (2.0, 99.0, 0.05, 90.0)
    named = slo_of("p99.9:chat", None, 0.02)
    assert (named.ttft_s, named.ttft_percentile, named.tpot_s, named.tpot_percentile) == (0.2, 99.9, 0.02, None)
    assert slo_of(None, "p95:300ms", None).ttft_percentile == 95.0
    # the mean of an exponential time is its median over ln 2, and below its 64th percentile
    assert means_of(slo_of("ttft:p50:1s,tpot:p90:50", None, None)).ttft_s == pytest.approx(1.0 / np.log(2.0))
    assert means_of(pairs).tpot_s == 0.05


@pytest.mark.parametrize("power", [0.3, 1.0, 4.0])
def test_the_highest_rate_inside_is_found_from_below(power):
    calls = []

    def over(rate: float) -> float:
        calls.append(rate)
        return (rate / 7.0) ** power if rate < 15.0 else float("inf")

    found = _highest(over, 16.0, 1.0)
    assert 7.0 / 1.031 <= found <= 7.0 and len(calls) <= 14
    assert _highest(over, 5.0, 1.0) == 5.0 and _highest(over, 16.0, 8.0) == 0.0


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("p101:1s", "p50 to p99.999"), ("p40:1s", "p50 to p99.999"), ("p99.9999:1s", "p50 to p99.999"),
        ("p99:", "with its limit"), ("p100:1s", "p50 to p99.999"),
    ],
)  # fmt: skip
def test_what_is_no_percentile_is_said_of_the_percentile(text: str, limit: str) -> None:
    with pytest.raises(InputError, match=limit):
        percentile_of(text, "ttft")
