"""Logs of single requests through `validate`: they are replayed, and the means of both are compared."""

import json
from pathlib import Path

import numpy as np
import pytest

from tokenroof.errors import TokenroofError
from tokenroof.scenario.resolve import resolve
from tokenroof.simulate.arrivals import synthetic
from tokenroof.simulate.binding import rules_of, table_of
from tokenroof.simulate.run import simulate
from tokenroof.types.scenario import Scenario
from tokenroof.usecases.measured.validate import Scored, score_rows, validate

NAME = "h100__llama-3.1-8b.jsonl"
METRICS = {"ttft_ms", "ttft_p50_ms", "tpot_ms", "e2e_latency_s", "output_tok_s"}


def log(folder: Path, name: str = NAME, slower: float = 1.0, **changes: object) -> Path:
    """What a server would have logged that takes `slower` times as long as the simulator says; a clock of its own."""
    requests = synthetic(80, rate=4.0, isl="lognormal:900:0.8", osl="uniform:50:250", seed=4)
    deployment = resolve(Scenario(model="llama-3.1-8b", system="h100", request_rate=4.0, isl=900.0, osl=150.0))
    out = simulate(requests, table_of(deployment), rules_of(deployment))
    path = folder / name
    rows = []
    for at in range(len(requests)):
        queued, first, end = 500.0 + slower * np.array([out.arrival_s[at], out.first_s[at], out.end_s[at]])
        rows.append({
            "request_id": f"r-{at}", "input_toks": int(out.isl[at]), "output_toks": int(out.osl[at]),
            "arrival_time": 1.787e9 + float(out.arrival_s[at]), "queued_ts": queued, "first_token_ts": first,
            "last_token_ts": end,
        })  # fmt: skip
    rows[7] |= changes
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_log_that_the_simulator_could_have_written_is_predicted_without_error(tmp_path: Path) -> None:
    """Times outside of the server, which a client sees, are in neither."""
    found = list(score_rows([log(tmp_path)]))
    assert {one.run.metric for one in found if isinstance(one, Scored)} == METRICS and len(found) == len(METRICS)
    for one in found:
        assert isinstance(one, Scored) and one.error == pytest.approx(0.0, abs=2e-3), one.run.metric
        assert one.bound <= one.run.value or one.run.metric == "output_tok_s"


def test_a_slower_server_is_as_far_off_as_it_is_slower(tmp_path: Path) -> None:
    for one in score_rows([log(tmp_path, slower=1.25)]):
        assert isinstance(one, Scored)
        expected = 1.25 if one.run.metric == "output_tok_s" else 0.8
        assert one.predicted / one.run.value == pytest.approx(expected, rel=5e-3)


def test_the_name_says_machine_model_and_version(tmp_path: Path) -> None:
    path = log(tmp_path, "2xH100__Llama-3.1-8B__0.19.0.jsonl")
    runs = [one.run for one in score_rows([path]) if isinstance(one, Scored)]
    assert {(run.hardware, run.model, run.tp, run.engine_version) for run in runs} == {
        ("H100", "Llama-3.1-8B", 2, "0.19.0")
    }


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("requests.jsonl", {}, "HARDWARE__MODEL.jsonl"),
        (
            NAME,
            {"first_token_ts": 1.0},
            f"{NAME}:8: queued_ts, first_token_ts, last_token_ts must be times in this order",
        ),
        (
            NAME,
            {"last_token_ts": None},
            f"{NAME}:8: queued_ts, first_token_ts, last_token_ts must be times in this order",
        ),
        (NAME, {"input_toks": 0}, f"{NAME}:8: input_toks = 0"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, changes: dict[str, object], said: str) -> None:
    with pytest.raises(TokenroofError) as caught:
        validate([log(tmp_path, name, **changes)])
    assert said in str(caught.value) and "\n" not in str(caught.value) and "skip_bad" not in str(caught.value)


def test_a_log_that_cannot_be_read_is_a_fault_among_others(tmp_path: Path) -> None:
    answer = validate([log(tmp_path), log(tmp_path, "requests.jsonl")])
    assert answer.scored == len(METRICS) and answer.n_faults == 1 and "rename the log" in answer.faults[0].text


def test_a_machine_that_nobody_knows_is_a_reason_and_no_error(tmp_path: Path) -> None:
    answer = validate([log(tmp_path, "abacus__llama-3.1-8b.jsonl")])
    assert answer.scored == 0 and answer.skipped == (("hardware abacus is not in the catalogue", 5),)
