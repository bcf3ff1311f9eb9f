"""Answers as data and files: finite JSON with versions, frames of one type a column, files written whole."""

import builtins
import csv
import io
import json
import math
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from present_example import analyze_page

from tokenroof import __version__
from tokenroof.catalog.machine_index import catalogue_date
from tokenroof.errors import InputError, MissingExtra
from tokenroof.files import beside, part_of, put
from tokenroof.present.frame import csv_text, parquet_bytes, to_frame
from tokenroof.present.json import SCHEMA_VERSION, dump, finite_json, versions, with_versions
from tokenroof.present.output import Outputs, check, write
from tokenroof.types.columns import Columns


class Bound(Enum):
    MEMORY = "memory"


@dataclass(frozen=True)
class Row:
    model: str
    tpot_s: float
    bound: Bound = Bound.MEMORY
    layouts: tuple[int, ...] = (2, 4)
    gpus: int | None = None
    hidden: object = field(default=None, repr=False)


ROWS = [Row("a", 0.0659, gpus=8), Row("b", math.inf), {"model": "c", "fits": True}]


def test_finite_json_is_plain_and_finite() -> None:
    assert finite_json(ROWS[1]) == {"model": "b", "tpot_s": None, "bound": "memory", "layouts": [2, 4], "gpus": None}
    assert finite_json({1: math.nan, "s": {2}}) == {"1": None, "s": [2]}


def test_every_object_carries_the_versions_that_made_it() -> None:
    answer = json.loads(dump(ROWS[0]))
    assert list(answer)[-1] == "versions" and answer["versions"] == versions()
    assert versions() == {"package": __version__, "catalogue": catalogue_date(), "schema": SCHEMA_VERSION}
    assert len(catalogue_date().split("-")) == 3 and isinstance(SCHEMA_VERSION, int)
    assert with_versions([1, math.inf]) == [1, None], "a list stays one"


def test_csv_has_the_columns_of_all_rows() -> None:
    head, first, second, third = csv.reader(io.StringIO(csv_text(ROWS)))
    assert head == ["model", "tpot_s", "bound", "layouts", "gpus", "fits"]
    assert first == ["a", "0.0659", "memory", "[2, 4]", "8", ""]
    assert second[1] == "" and third == ["c", "", "", "", "", "True"]
    assert csv_text([]) == "\n"


def test_parquet_keeps_values_and_units() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(io.BytesIO(parquet_bytes(ROWS, {"tpot_s": "s"})))
    assert table.to_pylist()[0] == {
        "model": "a", "tpot_s": 0.0659, "bound": "memory", "layouts": "[2, 4]", "gpus": 8, "fits": None}  # fmt: skip
    assert table.schema.field("tpot_s").metadata == {b"unit": b"s"}
    assert table.to_pylist()[1]["tpot_s"] is None


def test_frames_of_many_answers_keep_their_types() -> None:
    pd = pytest.importorskip("pandas")
    one, two = to_frame([{"n": 1, "x": None, "s": "a"}]), to_frame([{"n": 2, "x": 0.5, "s": "b"}])
    assert list(pd.concat([one, two]).dtypes) == list(one.dtypes) == list(two.dtypes)
    frame = to_frame(ROWS)
    assert frame["tpot_s"].dtype == "float64" and math.isnan(frame["tpot_s"][1]) and math.isnan(frame["gpus"][1])


def _without(monkeypatch: pytest.MonkeyPatch, *gone: str) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] in gone:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_frames_without_pandas_are_arrow_and_without_both_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    _without(monkeypatch, "pandas")
    assert to_frame(ROWS).column_names[0] == "model"
    _without(monkeypatch, "pandas", "pyarrow")
    with pytest.raises(MissingExtra, match=r"a frame needs .+ pip install 'tokenroof\[export\]'"):
        to_frame(ROWS)
    with pytest.raises(MissingExtra, match="a Parquet file"):
        parquet_bytes(ROWS)


@pytest.mark.parametrize("ending", ["csv", "json", "md", "txt", "html", "svg", "PNG"])
def test_each_ending_gets_its_form(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    drawn: list[Path] = []

    def draw(path: Path) -> None:
        drawn.append(path)
        put(path, b"chart")

    outputs = Outputs(answer=ROWS[0], rows=ROWS, page=analyze_page(), draw=draw)
    write(path, outputs)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if ending in ("svg", "PNG", "html"):
        assert drawn == [path]
    else:
        begins = {"csv": "model,", "json": "{", "md": "**Llama", "txt": "Llama"}[ending]
        assert path.read_text(encoding="utf-8").startswith(begins)
    if ending == "txt":
        assert "vllm serve" in path.read_text(encoding="utf-8")


def test_html_is_the_page_where_there_is_no_chart(tmp_path: Path) -> None:
    write(tmp_path / "a.html", Outputs(page=analyze_page()))
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_written_is_refused_before_and_leaves_nothing(tmp_path: Path) -> None:
    for path in (tmp_path / "x.pdf", tmp_path / "x", tmp_path / "none" / "x.csv"):
        with pytest.raises(InputError):
            check(path, ("csv", "json"))
    with pytest.raises(InputError, match=r"\.json$"):
        write(tmp_path / "x.csv", Outputs(answer={}))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="must be a writable path"):
        write(tmp_path / "folder.csv", Outputs(rows=ROWS))
    with pytest.raises(InputError, match="must be a writable path"):
        put(tmp_path / "none" / "x", "y")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.csv"]


def test_an_interrupted_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    put(path, "old")
    with pytest.raises(KeyboardInterrupt), beside(path) as part:
        assert part == part_of(path)
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    put(path, "é\n")
    assert path.read_bytes() == "é\n".encode()


def test_one_helper_writes_files_whole(repo_root: Path) -> None:
    sources = {p.relative_to(repo_root / "src/tokenroof").as_posix(): p for p in (repo_root / "src").rglob("*.py")}
    found = {name for name, path in sources.items() if '.part"' in path.read_text(encoding="utf-8")}
    assert found == {"files.py"}


def test_a_table_of_columns_is_that_of_its_rows() -> None:
    """100,000 rows, so that they are written in parts: numbers, counts, truth values, what is unknown or has no end."""
    np = pytest.importorskip("numpy")
    pq = pytest.importorskip("pyarrow.parquet")
    pd = pytest.importorskip("pandas")
    x = np.arange(100_000) / 7.0
    x[[3, 70_000]], x[5] = math.nan, math.inf
    table = Columns({"x_s": x, "n": np.arange(100_000), "good": np.arange(100_000) % 3 == 0})
    rows = list(table)
    assert len(table) == len(rows) == 100_000 and rows[7] == {"x_s": 1.0, "n": 7, "good": False}
    assert csv_text(table) == csv_text(rows)
    units = {"x_s": "s"}
    one, other = (pq.read_table(io.BytesIO(parquet_bytes(each, units))) for each in (table, rows))
    assert one.equals(other) and one.schema.equals(other.schema, check_metadata=True)
    assert one["x_s"].null_count == 3
    pd.testing.assert_frame_equal(to_frame(table), to_frame(rows))


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"output file.*must be the name of a file"):
        put(Path(path), "text")
