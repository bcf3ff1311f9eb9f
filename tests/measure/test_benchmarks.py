"""Benchmarks and rows are two ways to write one run: nothing is lost or invented between them."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.errors import InputError, UnknownName
from tokenroof.measure.benchmarks import gathered, lacking, runs_of
from tokenroof.measure.importers import IMPORTERS, importer_of, read_benchmarks, read_results
from tokenroof.measure.setups import Setup, setup_of
from tokenroof.types.benchmark import Benchmark, Deployed, Given, Spread
from tokenroof.types.run import Fault, Run

KNOWN = Deployed(
    model="llama-3.1-8b", hardware="h100", gpus=2, tp=2, engine="vllm", max_num_seqs=128, memory_fraction=0.8
)  # fmt: skip
ONE = Benchmark(
    tool="a tool", file="a.json", position=3, mode="server-closed-loop", deployed=KNOWN, date="2026-09-01",
    isl=Spread(mean=1000.0), osl=Spread(mean=200.0), concurrency=16.0, completed=160.0,
    ttft=Spread(mean=0.08, percentiles=((50.0, 0.079), (99.0, 0.104))), tpot=Spread(mean=0.009),
    e2e=Spread(mean=1.871), output_tok_s=1710.3, total_tok_s=10262.0,
)  # fmt: skip


def test_a_benchmark_is_a_row_for_each_metric_and_the_rows_are_the_benchmark_again() -> None:
    runs = runs_of(ONE)
    assert {run.metric: run.value for run in runs} == pytest.approx(
        {"ttft_ms": 80.0, "ttft_p50_ms": 79.0, "tpot_ms": 9.0, "e2e_latency_s": 1.871, "output_tok_s": 1710.3,
         "total_tok_s": 10262.0}
    )  # fmt: skip
    (again,) = gathered(runs, "a tool")
    assert isinstance(again, Benchmark)
    for name in ("mode", "isl", "osl", "concurrency", "tpot", "e2e", "output_tok_s", "total_tok_s"):
        assert getattr(again, name) == getattr(ONE, name), name
    assert again.ttft == Spread(mean=pytest.approx(0.08), percentiles=((50.0, pytest.approx(0.079)),))
    assert again.deployed == KNOWN


def test_a_row_of_a_benchmark_is_a_setup_with_what_the_engine_was_told() -> None:
    setup = setup_of(runs_of(ONE)[0])
    assert isinstance(setup, Setup)
    assert (setup.layout.tp, setup.load.value, setup.load.requests) == (2, 16.0, 160.0)
    assert (setup.scheduler.max_sequences, setup.memory_fraction) == (128, 0.8)


def test_itl_stands_in_for_tpot_only_where_nothing_gives_it() -> None:
    chunks = Spread(mean=0.09)
    assert "itl_ms" not in {run.metric for run in runs_of(replace(ONE, itl=chunks))}
    assert "itl_ms" in {run.metric for run in runs_of(replace(ONE, itl=chunks, tpot=Spread()))}


def test_the_tokens_of_a_verification_say_how_many_drafts_are_accepted() -> None:
    """1 + a + a^2 + a^3 = 2.83 at a = 0.7437: each draft counts only after those before it."""
    where = replace(KNOWN, drafts=3, accepted_length=2.83, acceptance=0.61, speculation="mtp")
    run = runs_of(replace(ONE, deployed=where))[0]
    a = run.acceptance
    assert a is not None
    assert 1.0 + a + a * a + a**3 == pytest.approx(2.83, abs=1e-3)


@pytest.mark.parametrize(
    ("field", "changes"),
    [("model", {"model": ""}), ("hardware", {"hardware": ""}), ("gpus", {"gpus": None, "tp": None}),
     ("tp", {"tp": None}), ("engine", {"engine": ""})],
)  # fmt: skip
def test_what_nobody_said_is_named_with_the_keys_that_were_looked_at(field: str, changes: dict[str, None]) -> None:
    one = replace(ONE, deployed=replace(KNOWN, **changes), looked_at=("tp", "gpu"))
    found = lacking(one)
    assert isinstance(found, InputError)
    assert found.field == field
    assert f"`{FIXES.get(field, field)}`" in str(found)
    assert "looked at tp, gpu in a.json" in str(found)
    assert lacking(ONE) is None
    assert lacking(replace(ONE, deployed=replace(KNOWN, gpus=1, tp=None))) is None


def table(rows: list[dict[str, str]], path: Path) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


FIXES = {"hardware": "system", "gpus": "system"}  # what a verb calls it
ROW = {
    "model": "llama-3.1-8b", "hardware": "h100", "num_gpus": "1", "engine": "vLLM", "mode": "server-closed-loop",
    "input_len": "1000", "output_len": "200", "batch_or_concurrency": "16", "metric": "tpot_ms", "value": "9",
}  # fmt: skip


def test_rows_that_differ_in_their_metric_alone_are_one_benchmark(tmp_path: Path) -> None:
    ttft = ROW | {"metric": "ttft_ms", "value": "80"}
    other = ROW | {"batch_or_concurrency": "32"}
    path = table([ROW, ttft, ROW, other, ROW | {"value": "-1"}], tmp_path / "a.csv")
    found = list(read_benchmarks(path))
    assert [type(one) for one in found] == [Benchmark, Benchmark, Benchmark, Fault]
    first = found[0]
    assert isinstance(first, Benchmark)
    assert (first.tpot.mean, first.ttft.mean, first.position) == (pytest.approx(0.009), pytest.approx(0.08), 2)


def test_what_is_given_stands_over_the_file_and_the_command_between_them(tmp_path: Path) -> None:
    path = table([ROW], tmp_path / "a.csv")
    given = Given(
        deployed=Deployed(kv_dtype="fp8"), command=Deployed(kv_dtype="bf16", max_num_seqs=64, hardware="h200"),
        unknown_flags=("--odd",), osl=100.0,
    )  # fmt: skip
    (one,) = read_benchmarks(path, given=given)
    assert isinstance(one, Benchmark)
    where = one.deployed
    assert (where.kv_dtype, where.max_num_seqs, where.hardware, where.engine) == ("fp8", 64, "h200", "vLLM")
    assert one.osl.mean == 100.0
    assert [note.kind for note in one.notes] == ["merged", "merged", "command"]
    assert "hardware is h200 as the command says, and h100 otherwise" in one.notes[0].text
    (run,) = read_results(path, given=given)
    assert isinstance(run, Run)
    assert (run.kv_dtype, run.osl) == ("fp8", 100.0)


def test_a_format_can_be_named(tmp_path: Path) -> None:
    path = table([ROW], tmp_path / "a.csv")
    assert importer_of(path, "Tidy Table") is IMPORTERS[0]
    with pytest.raises(UnknownName, match="unknown format 'tidy tabel'; nearest: tidy table"):
        importer_of(path, "tidy tabel")
