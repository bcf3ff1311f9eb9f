"""What every importer of result files promises, checked for all of them."""

import csv
import gzip
import io
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenroof.measure.importers
from tokenroof.errors import InputError, TokenroofError
from tokenroof.measure.importers import IMPORTERS, Importer, importer_of, read_results
from tokenroof.measure.importers.inferencex import INFERENCEX
from tokenroof.types.benchmark import Deployed, Given
from tokenroof.types.run import Fault, Run

every_importer = pytest.mark.parametrize("one", IMPORTERS, ids=[one.name for one in IMPORTERS])
every_table = pytest.mark.parametrize(
    "one", [one for one in IMPORTERS if one.columns], ids=[one.name for one in IMPORTERS if one.columns]
)


# What no file of some formats says.
SAID = Given(
    interval_s=10.0,
    deployed=Deployed(model="llama-3.1-8b", hardware="h100", gpus=1, tp=1, engine="vllm"), isl=512.0, osl=100.0
)  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8")
    return path


def table(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def examples(one: Importer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(one.example)))


def test_every_file_of_a_format_is_in_the_registry() -> None:
    files = {path.stem for path in Path(tokenroof.measure.importers.__file__).parent.glob("*.py")}
    modules = {one.read.__module__.rpartition(".")[2] for one in IMPORTERS}
    assert files - {"__init__", "table", "documents", "details"} == modules
    assert len({one.name for one in IMPORTERS}) == len(IMPORTERS)


@every_importer
def test_an_example_is_detected_as_its_own_format_and_no_other(one: Importer, tmp_path: Path) -> None:
    assert [other.name for other in IMPORTERS if other.detect(one.example)] == [one.name]
    assert importer_of(written(tmp_path, one.example)) is one


@every_importer
def test_an_example_reads_whole_plain_and_compressed(one: Importer, tmp_path: Path) -> None:
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(one.example.encode()))
    for path in (written(tmp_path, one.example), packed):
        runs = list(read_results(path, given=SAID))
        assert runs
        for run in runs:
            assert isinstance(run, Run), run
            assert run.file == path.name
            assert run.line >= 1
            assert run.metric
            assert run.unit
            assert math.isfinite(run.value)
            assert run.value > 0


@every_table
def test_each_needed_column_is_told_where_it_lacks(one: Importer, tmp_path: Path) -> None:
    for column in one.columns:
        rows = [{name: cell for name, cell in row.items() if name != column} for row in examples(one)]
        with pytest.raises(InputError, match=rf"known format; nearest is {one.name}, missing: {column}$") as caught:
            list(read_results(written(tmp_path, table(rows))))
        assert "\n" not in str(caught.value)


@every_table
@pytest.mark.parametrize("cell", ["", "soon", "-3", "nan", "inf", "\x00"])
def test_a_bad_cell_makes_one_fault_and_leaves_the_other_rows(one: Importer, cell: str, tmp_path: Path) -> None:
    row = examples(one)[0]
    alone = len(list(read_results(written(tmp_path, table([row])))))
    for column in one.columns:
        found = list(read_results(written(tmp_path, table([row, row | {column: cell}, row]))))
        faults = [each for each in found if isinstance(each, Fault)]
        assert len(faults) <= 1
        assert all("row 3" in str(fault) and column in str(fault) for fault in faults)
        assert sum(isinstance(each, Run) and each.line != 3 for each in found) == 2 * alone


@every_table
@given(data=st.binary(max_size=300))
def test_any_bytes_end_in_rows_or_one_error(
    one: Importer, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(one.example.splitlines()[0].encode() + b"\n" + data)
    try:
        rows = list(read_results(path))
    except TokenroofError:
        return
    for row in rows:
        assert isinstance(row, Fault) or (math.isfinite(row.value) and row.value > 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it is empty$"), ("\n", "it is empty$"), ("a,b\n1,2\n", "tidy table, missing: batch_or_c.* value$"),
     ("{}", "nearest is .*, missing: "), ("model\n", "nearest is tidy table, missing: (?!.*model)"),
     ('[{"completed": 1}]', "nearest is .*, missing: (?!.*completed)")],
)  # fmt: skip
def test_a_file_of_no_known_format_is_one_short_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        list(read_results(written(tmp_path, text)))
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 200


def test_inferencex_counts_gpus_once_and_its_rates_are_of_all_of_them(tmp_path: Path) -> None:
    """tp 8 with 8 ranks of experts on the same 8 GPUs is written as 64: 8 x 43.4 = 347.2 tok/s. Apart, 8 + 4 GPUs."""
    together = examples(INFERENCEX)[0] | {"decode_ep": "8", "num_decode_gpu": "64", "num_prefill_gpu": "64"}
    apart = together | {"disagg": "1", "num_decode_gpu": "8", "num_prefill_gpu": "4"}
    tpot, total, _, whole = read_results(written(tmp_path, table([together, apart])))
    assert isinstance(tpot, Run)
    assert isinstance(total, Run)
    assert isinstance(whole, Run)
    assert (tpot.metric, tpot.value, tpot.num_gpus, tpot.tp, tpot.ep) == ("tpot_p50_ms", pytest.approx(22.2), 8, 8, 8)
    assert (total.metric, total.value, total.unit) == ("total_tok_s", pytest.approx(347.2), "tok/s")
    assert (tpot.engine, tpot.date, tpot.concurrency, tpot.mode) == ("SGLang", "2026-07", 4.0, "server-closed-loop")
    assert (whole.num_gpus, whole.value, whole.mode) == (12, pytest.approx(12 * 43.4), "disaggregated")


@pytest.mark.parametrize(
    ("columns", "decode", "prefill"),
    [
        # five workers of tp8, one of four GPUs with a group of attention each
        ("8,8,0,5,40,4,4,1,1,4", (8, 1, 8, 5), (1, 4, 4, 1)),
        # a rack's worker of 32 groups; five workers of eight
        ("32,32,1,1,32,8,8,1,5,40", (1, 32, 32, 1), (1, 8, 8, 5)),
        # tp 1 with data-parallel attention over all GPUs of the worker; experts that are cut, not spread
        ("1,16,1,1,16,8,1,0,1,8", (1, 16, 16, 1), (8, 1, 1, 1)),
        # sixteen GPUs told of as one worker of tp8: two of them
        ("8,1,0,1,16,4,1,0,1,4", (8, 1, 1, 2), (4, 1, 1, 1)),
    ],
)
def test_inferencex_roles_are_workers_of_their_own_degrees(
    columns: str, decode: tuple[int, ...], prefill: tuple[int, ...], tmp_path: Path
) -> None:
    names = [f"{role}_{name}" for role in ("decode", "prefill") for name in ("tp", "ep", "dp_attention", "num_workers")]
    names.insert(4, "num_decode_gpu")
    names.append("num_prefill_gpu")
    row = examples(INFERENCEX)[1] | dict(zip(names, columns.split(","), strict=True))
    run = next(iter(read_results(written(tmp_path, table([row])))))
    assert isinstance(run, Run) and run.prefill is not None, run
    assert (run.tp, run.dp, run.ep, run.decode_workers) == decode
    assert (run.prefill.tp, run.prefill.dp, run.prefill.ep, run.prefill.workers) == prefill
    assert run.num_gpus == run.prefill.each * run.prefill.workers + run.tp * run.dp * run.decode_workers


def test_inferencex_result_files_give_every_metric(tmp_path: Path) -> None:
    row = {name: cell for name, cell in examples(INFERENCEX)[0].items() if name not in ("concurrency", "source_url")}
    row |= {"conc": "4", "model": "dsr1", "image": "lmsysorg/sglang:v0.5.9-rocm700", "mean_ttft_s": "0.15",
            "mean_e2el": "9.9", "output_tput_per_gpu": "20"}  # fmt: skip
    found = {run.metric: run for run in read_results(written(tmp_path, table([row]))) if isinstance(run, Run)}
    values = {name: run.value for name, run in found.items()}
    assert values == pytest.approx(
        {"ttft_ms": 150.0, "tpot_p50_ms": 22.2, "e2e_latency_s": 9.9, "total_tok_s": 347.2, "output_tok_s": 160.0}
    )
    assert {(run.model, run.engine_version) for run in found.values()} == {("DeepSeek-R1", "0.5.9")}
