"""Tables of measured runs: typed rows, faults with their row number, bounded memory, any bytes."""

import csv
import gzip
import io
import math
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import InputError, TokenroofError
from tokenroof.measure.importers import read_results
from tokenroof.measure.importers.tidy import NEEDED
from tokenroof.types.run import Fault, Run

ROW = {
    "row_id": "r1", "model": "Llama-3.1-8B", "hardware": "NVIDIA H100 SXM", "num_gpus": "1", "tp": "1",
    "engine": "vLLM",
    "mode": "server-closed-loop", "input_len": "1024", "output_len": "128", "batch_or_concurrency": "64",
    "metric": "tpot_ms", "value": "12.5", "unit": "ms", "quality": "A",
}  # fmt: skip


def write(path: Path, rows: list[dict[str, str]], columns: list[str] | None = None) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or list(ROW), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_a_row_becomes_a_run(tmp_path: Path) -> None:
    (run,) = read_results(write(tmp_path / "a.csv", [ROW]))
    assert isinstance(run, Run)
    assert (run.value, run.unit, run.isl, run.concurrency, run.tp, run.pp, run.line) == (
        12.5,
        "ms",
        1024,
        64,
        1,
        None,
        2,
    )


@pytest.mark.parametrize(
    "load,concurrency,rate",
    [("64", 64, None), ("qps=8", None, 8), ("qps=INF", None, math.inf), ("qps=.", None, None),
     ("qps=.5", None, 0.5), ("poisson target_qps=67.2", None, 67.2),
     ("poisson ~10 req/s, max_num_seqs 256", None, 10), ("max-load", None, None), ("", None, None)],
)  # fmt: skip
def test_loads_as_people_write_them(tmp_path: Path, load: str, concurrency: float | None, rate: float | None) -> None:
    (run,) = read_results(write(tmp_path / "a.csv", [ROW | {"batch_or_concurrency": load}]))
    assert isinstance(run, Run)
    assert (run.concurrency, run.request_rate) == (concurrency, rate)


@pytest.mark.parametrize(
    "change,needle",
    [
        ({"value": "fast"}, "value = 'fast' is not a number"),
        ({"value": ""}, "value is blank"),
        ({"value": "-3"}, "not negative"),
        ({"value": "0"}, "above 0"),
        ({"value": "nan"}, "finite"),
        ({"unit": "s"}, "unit = 's' must be ms"),
        ({"num_gpus": "2.5"}, "whole number"),
        ({"tp": "0"}, "at least 1"),
        ({"model": " "}, "model is blank"),
        ({"batch_or_concurrency": "-4"}, "batch_or_concurrency"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_read(tmp_path: Path, change: dict[str, str], needle: str) -> None:
    first, second, third = read_results(write(tmp_path / "a.csv", [ROW, ROW | change, ROW]))
    assert isinstance(first, Run)
    assert isinstance(third, Run)
    assert isinstance(second, Fault)
    assert needle in str(second)
    assert "a.csv row 3" in str(second)


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(read_results(write(tmp_path / "a.csv", [ROW], ["model", "value", "metric"])))
    for column in set(NEEDED) - {"model", "value", "metric"}:
        assert column in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"\xff\xfe\xfa", b"a,b\n1,2\n"])
def test_files_that_are_no_tables(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        list(read_results(path))


def test_directories_absent_files_and_broken_gzip(tmp_path: Path) -> None:
    broken = tmp_path / "a.csv.gz"
    broken.write_bytes(gzip.compress(b"model")[:-6])
    for path in (tmp_path, tmp_path / "none.csv", broken):
        with pytest.raises(InputError):
            list(read_results(path))


def test_many_rows_take_no_more_memory_than_few(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [ROW] * 50_000)
    tracemalloc.start()
    count = sum(1 for _ in read_results(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 2e6  # the file has 5 MB


@given(data=st.binary(max_size=400))
def test_any_bytes_end_in_rows_or_one_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(",".join(NEEDED).encode() + b"\n" + data)
    try:
        rows = list(read_results(path))
    except TokenroofError:
        return
    for row in rows:
        assert isinstance(row, Fault) or (math.isfinite(row.value) and row.value > 0)


def test_an_open_loop_may_give_its_rate_as_a_number(tmp_path: Path) -> None:
    row = ROW | {"mode": "server", "request_rate": "5", "prefix_len": "576", "requests": "3000"}
    del row["batch_or_concurrency"]
    (run,) = read_results(write(tmp_path / "a.csv", [row], list(row)))
    assert isinstance(run, Run)
    assert (run.request_rate, run.prefix, run.requests, run.concurrency) == (5.0, 576.0, 3000.0, None)


# Memory that engines reported: no runs, so no importer's.
OTHER_TABLES = {"vllm_kv_pools.csv"}


def test_public_tables_read_but_for_rows_that_give_a_range_of_lengths(shared_data: Path) -> None:
    tables = sorted((shared_data / "measured").glob("*.csv"))
    read = 0
    for table in tables:
        if table.name in OTHER_TABLES:
            with pytest.raises(InputError, match="known format"):
                list(read_results(table))
            continue
        rows = list(read_results(table))
        faults = [str(row) for row in rows if isinstance(row, Fault)]
        assert all("256-125000" in fault for fault in faults), faults
        assert len(faults) == (4 if table.name == "vllm_misc.csv" else 0)
        read += len(rows)
    assert read > 10_000
