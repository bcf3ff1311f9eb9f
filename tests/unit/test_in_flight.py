"""Little's law on measured runs, what tables leave unsaid, and the columns that are read and told."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.measure.deployments import EAGER_LAUNCH_S
from tokenroof.measure.importers.tidy import COLUMNS, _run
from tokenroof.measure.setups import Setup, setup_of
from tokenroof.present.pages.validate import page_of
from tokenroof.present.text import text
from tokenroof.types.run import Run
from tokenroof.usecases.measured.in_flight import InFlight, few_in_flight
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.measured.validate import validate

_ROOT = Path(__file__).parents[2]
_HEAD = "source,date,model,hardware,num_gpus,tp,engine,mode,input_len,output_len,batch_or_concurrency,metric,value"


def run(metric: str = "tpot_ms", value: str = "10", **changes: str) -> Run:
    row = {
        "model": "Llama-3.1-8B", "hardware": "H100 SXM", "engine": "vLLM", "mode": "server-closed-loop",
        "input_len": "1000", "output_len": "101", "batch_or_concurrency": "64", "metric": metric, "value": value,
    }  # fmt: skip
    return _run(row | changes, 2, "runs.csv")


def test_throughput_times_stay_by_hand():
    """5 requests a second that stay for 0.2 + 100 x 0.01 s are 6 in flight, not 64; 60 a second are 72."""
    few = few_in_flight(run(), {"output": 505.0, "ttft": 0.2, "tpot": 0.01})
    assert few is not None and not few.answered
    assert (few.measured, few.stated) == (pytest.approx(6.0), 64.0)
    assert few_in_flight(run(), {"output": 6060.0, "ttft": 0.2, "tpot": 0.01}) is None
    whole = few_in_flight(run(), {"total": 5.0 * 1101.0, "e2e": 1.2})
    assert whole is not None and whole.measured == pytest.approx(6.0)


def test_without_throughput_the_law_says_how_many_are_answered():
    """A second of decode in a stay of four: 16 of 64 are answered. Throughput alone, or an open loop, says nothing."""
    found = few_in_flight(run(), {"ttft": 3.0, "tpot": 0.01})
    assert found is not None and found.answered and found.measured == pytest.approx(16.0)
    assert few_in_flight(run(), {"ttft": 0.9, "tpot": 0.01}) is None
    assert few_in_flight(run(), {"output": 5.0}) is None
    assert few_in_flight(run(mode="server", batch_or_concurrency="qps=8"), {"ttft": 3.0, "tpot": 0.01}) is None


def test_rows_of_a_run_belong_together_and_a_second_run_of_it_is_another():
    in_flight = InFlight()
    rows = [run("ttft_ms", "3000"), run(), run("ttft_ms", "100"), run()]
    assert [one.measured for row in rows for one in in_flight.add(row)] == [pytest.approx(16.0)]
    assert list(in_flight.rest()) == []
    per_gpu = [run("output_tok_s_per_gpu", "126.25", num_gpus="4"), run("e2e_latency_s", "1.2", num_gpus="4")]
    in_flight = InFlight()
    assert [list(in_flight.add(row)) for row in per_gpu] == [[], []]
    assert [one.measured for one in in_flight.rest()] == [pytest.approx(6.0)]


def test_validate_says_it(tmp_path: Path):
    path = tmp_path / "runs.csv"
    same = "Llama-3.1-8B,NVIDIA H100 SXM,1,1,vLLM,server-closed-loop,1000,101,64"
    path.write_text("\n".join([_HEAD, f",2026-01-02,{same},ttft_ms,3000", f"s,,{same},tpot_ms,10", ""]))
    answer = validate([path])
    assert (answer.scored, answer.missing_columns) == (2, (("source", 1), ("date", 1)))
    assert answer.n_missing_in_flight == 0  # the rows differ in source and date: nobody says that they are one run
    path.write_text("\n".join([_HEAD, f"s,2026-01-02,{same},ttft_ms,3000", f"s,2026-01-02,{same},tpot_ms,10", ""]))
    answer = validate([path])
    assert (answer.n_missing_in_flight, answer.missing_columns) == (1, ())
    assert "16 of 64" in text(page_of(answer))


class Watched(dict[str, str]):
    """A row that remembers what it was asked for."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        super().__init__(cells)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def told() -> Iterator[str]:
    """Columns in the first cells of the tables of the page."""
    for line in (_ROOT / "docs/reference/measurements.md").read_text().splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`(\w+)`", line.split("|")[1])


def test_every_column_that_is_read_is_on_its_page():
    row = Watched({"model": "m", "hardware": "h", "mode": "offline", "metric": "tpot_ms", "value": "1"})
    _run(row, 2, "runs.csv")  # type: ignore[arg-type]
    assert row.asked == set(COLUMNS)
    assert sorted(told()) == sorted(set(COLUMNS))


def test_eager_is_read_and_decode_then_waits_for_the_host():
    assert run(eager="yes").eager and not run(eager="no").eager and not run().eager
    setup = setup_of(run(batch_or_concurrency="1", num_gpus="1", tp="1"))
    assert isinstance(setup, Setup)
    asked = Forecaster()
    graphs, eager = (asked.quantities(one)["tpot"].value for one in (setup, replace(setup, eager=True)))
    deployment, _, _ = asked.deployments.of(setup)
    profile, parts = deployment.profile, deployment.timed.parts
    kernels = parts["all"].kernels + parts["decode"].kernels
    assert eager == pytest.approx(max(graphs, profile.host_s + EAGER_LAUNCH_S * kernels), rel=0.02)
    assert eager > graphs


def test_a_run_after_others_waits_for_no_compilation():
    """A tenth of the requests are the first wave: their mean TTFT is shorter by a tenth of the compilation."""
    setup = setup_of(run("ttft_ms", model="gpt-oss-120b", weight_dtype="mxfp4", num_gpus="2", tp="2"))
    assert isinstance(setup, Setup)
    asked = Forecaster()
    cold, warm = (asked.quantities(one)["ttft"].value for one in (setup, replace(setup, warmed=True)))
    deployment, _, _ = asked.deployments.of(setup)
    assert deployment.profile.warmup_s > 0.0
    assert cold - warm == pytest.approx(0.1 * deployment.profile.warmup_s)


def test_a_budget_of_the_longest_prompt_and_the_requests_at_once():
    """1,024 + 64 + 64 tokens are 18 times 64; since 2026 it is 8,192."""
    old, new = (
        setup_of(run("ttft_ms", model="DeepSeek-V3", engine="TensorRT-LLM", weight_dtype="fp8", hardware="B200", tp="8",
                     num_gpus="8", source="InferenceX", date=date, input_len="1024", output_len="1024"))
        for date in ("2025-12-15", "2026-01-20")
    )  # fmt: skip
    assert isinstance(old, Setup) and isinstance(new, Setup)
    assert (old.scheduler.token_budget, new.scheduler.token_budget) == (1152.0, 8192.0)
