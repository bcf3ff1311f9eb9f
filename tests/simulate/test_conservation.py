"""What no scheduler may lose or make up, whoever is put back: requests, tokens, memory, time in the system."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from simulate.cases import Case, cases

from tokenroof.simulate.requests import Requests
from tokenroof.simulate.rules import POLICIES
from tokenroof.simulate.run import simulate


@pytest.mark.parametrize("policy", POLICIES)
def test_every_token_is_yielded_once_and_memory_is_never_overdrawn(policy: str) -> None:
    seen = {"put back": 0, "full": 0}

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(cases((policy,)))
    def conserved(case: Case) -> None:
        arrivals = [moment - case.arrivals[0] for moment in case.arrivals]
        steps: list[tuple[float, float, int, int, int, int]] = []
        requests = Requests(arrival_s=np.array(arrivals), isl=np.array(case.isl), osl=np.array(case.osl))
        out = simulate(
            requests, case.machine, case.rules, concurrency=case.concurrency, think_s=case.think_s,
            watch=lambda *step: steps.append(step),
        )  # fmt: skip
        done = out.done
        assert done.sum() + out.rejected == len(case.isl)
        assert all(0 <= free <= case.rules.blocks for *_, free in steps)
        assert 0 <= out.least_free_blocks <= case.rules.blocks
        # A prompt yields the first token. Who is prefilled again is given the next one with that, not by a decode step.
        decoded = sum(number * decodes for _, _, number, decodes, _, _ in steps)
        again = int((out.osl[done] - 1).sum()) - decoded
        assert 0 <= again <= out.put_back
        # All that a request has is prefilled again, for each time at least a token of prompt and what was yielded.
        prefilled = sum(tokens for *_, tokens, _ in steps) - int(out.isl[done].sum())
        assert prefilled == 0 if out.put_back == 0 else prefilled >= 0
        assert (out.arrival_s[done] <= out.started_s[done]).all() and (out.started_s[done] < out.first_s[done]).all()
        assert (out.first_s[done] <= out.end_s[done]).all()
        # Little's law, of a stretch of time that begins and ends empty: the number inside is their time together.
        if done.any():
            moments = np.sort(np.concatenate([out.arrival_s[done], out.end_s[done]]))
            middles, widths = (moments[1:] + moments[:-1]) / 2.0, np.diff(moments)
            inside = [((out.arrival_s[done] <= at) & (at < out.end_s[done])).sum() for at in middles]
            assert float(np.dot(inside, widths)) == pytest.approx(float(out.e2e_s[done].sum()), rel=1e-9)
        if case.concurrency is not None and done.any():
            assert max(inside) <= case.concurrency
        seen["put back"] += out.put_back > 0
        seen["full"] += out.least_free_blocks == 0

    conserved()
    assert seen["full"]
    assert seen["put back"] or policy == "static"
