"""DeepSeek's own deployment: cost, revenue, margin and occupancy of one day of V3 and R1.

Source: DeepSeek, "DeepSeek-V3/R1 inference system overview", open-infra-index, day 6 (2025-03-01): 24 hours from
2025-02-27 12:00 UTC+8. Numbers DS1 to DS10 are its figures and what follows from them.
"""

from typing import Any

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.offers.bills import Usage, bill
from tokenroof.catalog.offers.index import load_offer
from tokenroof.formulas import lecture, pricing, serving_cost
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import Timed, bind
from tokenroof.scenario.costs import Shares, allocated
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.program import Load, StepTimes
from tokenroof.types.workload import Workload
from tokenroof.usecases.money.costs import margin_of

DAY_S = 86400.0
HIT, MISS, OUT = 342e9, 266e9, 168e9
PREFILL_TOK_S, DECODE_TOK_S = 73.7e3, 14.8e3  # of one node; prefill counts cache hits
NODES, NODE_USD_S = 226.75, 8 * 2.0 / 3600.0
REQUESTS = 1e8  # any number: only sums are published
LOAD = Workload(isl=(HIT + MISS) / REQUESTS, prefix=HIT / REQUESTS, osl=OUT / REQUESTS)


def about(value: float, relative: float = 1e-3) -> Any:
    return pytest.approx(value, rel=relative)


def day_cost() -> float:
    return float(pricing.system_usd_per_s(gpus=NODES * 8, usd_per_gpu_s=2.0 / 3600.0)) * DAY_S


def test_ds1_cost_of_the_day() -> None:
    assert day_cost() == about(87_072, 1e-9)


def test_ds2_ds3_revenue_and_the_545_percent() -> None:
    """The sheet of R1, from our own catalogue; DeepSeek counted every token at R1's price."""
    usage = Usage(
        input_tokens=round(LOAD.isl), cached_tokens=round(LOAD.prefix), output_tokens=round(LOAD.osl),
        requests=round(REQUESTS),
    )  # fmt: skip
    revenue = bill(load_offer("deepseek/deepseek-r1"), usage).total
    assert revenue == about(562_027, 2e-4)  # from rounded counts: 562,100
    line = load_offer("deepseek/deepseek-r1").lines[0]
    assert line.cached_per_mtok is not None
    sold = (line.input_per_mtok, line.cached_per_mtok, line.output_per_mtok)
    margin = margin_of(LOAD, day_cost() / REQUESTS, sold)
    assert margin.markup == about(5.455, 1e-3)  # printed: 545 %
    assert margin.gross_margin == about(1 - 87_072 / 562_100, 1e-4)


def test_ds4_share_of_hits() -> None:
    assert LOAD.prefix / LOAD.isl == about(0.5625)


def test_ds5_occupancy_closes_to_a_thousandth() -> None:
    """Nodes that the day's tokens keep busy at the printed rates, against the printed mean of 226.75."""
    prefill = lecture.serving_cost.machines_in_use(tokens=HIT + MISS, tokens_per_s=PREFILL_TOK_S, window_s=DAY_S)
    decode = lecture.serving_cost.machines_in_use(tokens=OUT, tokens_per_s=DECODE_TOK_S, window_s=DAY_S)
    assert prefill == about(95.5)
    assert decode == about(131.4)
    assert prefill + decode == about(NODES, 1e-3)


def test_ds6_prefill_without_hits() -> None:
    without_hits = PREFILL_TOK_S * MISS / (HIT + MISS)
    assert without_hits == about(32_244)


PARTS = {
    # node-seconds of one request: prompts and answers on nodes of their own
    "time": (LOAD.isl / PREFILL_TOK_S, LOAD.osl / DECODE_TOK_S),
    "flops": (2 * 37e9 * LOAD.uncached, 2 * 37e9 * LOAD.osl),
    "output": (0.0, 1.0),
}
BUSY_S = sum(PARTS["time"])


def shares(rule: str = "time") -> Shares:
    """Who pays for a request; cached input is paid for by the rest of the input."""
    prompt, answer = PARTS[rule]
    return Shares(uncached=prompt / (prompt + answer), cached=0.0, output=answer / (prompt + answer))


def test_ds7_cost_per_million_tokens() -> None:
    request_usd = serving_cost.request_cost_usd(usd_per_s=NODE_USD_S, busy_s=BUSY_S, duty_cycle=1.0)
    by_time = allocated(shares(), LOAD, request_usd, "time")
    assert by_time.output_usd_per_mtok == about(0.300, 2e-3)
    assert by_time.input_usd_per_mtok == about(0.138, 2e-3)
    every_input = NODE_USD_S / PREFILL_TOK_S * 1e6
    assert every_input == about(0.060, 6e-3)  # printed to two digits
    # whatever the rule, the day costs the same
    for rule in ("time", "flops", "output"):
        prices = allocated(shares(rule), LOAD, request_usd, rule)
        paid = LOAD.uncached * prices.input_usd_per_mtok + LOAD.osl * prices.output_usd_per_mtok
        paid += LOAD.prefix * (prices.cached_usd_per_mtok or 0.0)
        assert paid * REQUESTS / 1e6 == about(day_cost(), 1e-3)


def test_time_explains_the_price_ratio_no_better_than_hits_do() -> None:
    """Lecture E32: an output token costs 2.2 fresh input tokens, or 5 input tokens of any kind; R1 sells at 4."""
    prices = allocated(shares(), LOAD, 1.0, "time")
    assert prices.output_usd_per_mtok / prices.input_usd_per_mtok == about(2.18, 2e-3)
    any_input = PREFILL_TOK_S / DECODE_TOK_S
    assert any_input == about(4.98)


def test_peak_and_mean_nodes_are_a_duty_cycle() -> None:
    """The overview gives a peak of 278 nodes; nodes that are free at night train instead."""
    duty = NODES / 278
    assert duty == about(0.8157)
    assert serving_cost.full_share_discount(duty_cycle=duty) == about(0.1843)


# ------------------------------------------------------------------ the model on the same machines


def decode_unit() -> tuple[System, Timed]:
    """18 nodes, EP144 and DP144, 32 redundant experts: 2 routed experts a GPU."""
    system, model = load_system("144xh800"), load_model("deepseek-r1")
    layout = Layout(ep=144, dp=144, redundant_experts=32)
    program = lower(model, layout)
    # the overview hides communication behind computation
    return system, bind(program, system, PEAK, free_networks=True)


def step(timed: Timed, batch: float, context: float) -> StepTimes:
    return timed.step(decode=Load(batch, batch, context))


def test_ds8_ds10_the_bound_is_below_what_they_measured() -> None:
    _, timed = decode_unit()
    context, per_gpu = 4989.0, DECODE_TOK_S / 8
    for speed, batch in ((22.0, 84.1), (20.0, 92.5)):  # DS8: sequences a GPU at 20 to 22 tok/s each
        assert per_gpu / speed == about(batch)
        step_s = float(step(timed, batch * 144, context).step_s)
        assert step_s < 1.0 / speed
        bound_usd = 2.0 / 3600.0 * step_s / batch * 1e6
        assert 0.1 < bound_usd < 0.300  # DS7's cost of an output token
    assert 2 * 37e9 * per_gpu / load_system("h800").chip.flops_per_s["fp8"] == about(0.069, 5e-3)  # DS10


def test_ds9_cache_of_a_gpu() -> None:
    system, timed = decode_unit()
    use = memory_use(timed.program, system, context=4989.0, engine="none")
    assert 88 * use.cache_bytes_per_sequence / 1e9 == about(30.9, 2e-3)
    assert use.sequences > 93 * 144
