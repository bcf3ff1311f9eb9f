"""The answer moves with the day, and not in jumps: of the 2.3 times on 1 January 2024 nothing is left."""

import math
from datetime import date, timedelta
from itertools import pairwise

import pytest

from tokenroof.infer.calibrations import MARKUPS
from tokenroof.infer.machines import MACHINE_YEARS
from tokenroof.infer.population import years
from tokenroof.infer.posterior import ARCHITECTURE
from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer
from tokenroof.usecases.deduce.run import DeduceRequest, deduce

DAYS = [date(2023, 1, 1) + timedelta(days=number) for number in range(4 * 365)]
# where a function of the day has a kink, or had a step, and days between
TURNS = sorted({2024.0, 2026.0, *MACHINE_YEARS, MARKUPS.start, MARKUPS.end})
MOST = 1.03


def test_what_closed_models_ask_over_open_ones_has_no_step() -> None:
    asked = [MARKUPS.at("closed", years(day.isoformat())) for day in DAYS]
    steps = [abs(math.log(later[0] / one[0])) for one, later in pairwise(asked)]
    assert max(steps) < math.log(1.01)
    assert len({sd for _, sd in asked}) == 1
    assert asked[0][0] > 2 > 1 > asked[-1][0]


@pytest.mark.parametrize("open_weights", [False, True])
def test_the_median_moves_little_in_a_day(open_weights: bool) -> None:
    sheet = own_offer(PricesGiven(input=3.0, output=15.0, open=open_weights))
    for turn in TURNS:
        eve = date(int(turn), 1, 1) + timedelta(days=round((turn % 1) * 365.25) - 1)
        before, after = (
            deduce(DeduceRequest(offer=sheet, as_of=day.isoformat(), draws=1 << 14))
            for day in (eve, eve + timedelta(days=1))
        )
        for name in ARCHITECTURE:
            assert 1 / MOST < after.estimate(name).median / before.estimate(name).median < MOST, (turn, name)
