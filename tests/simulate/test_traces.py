"""Traces by format: right values, published traces against their table, and what is said of each kind of bad row."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.errors import FileError, InputError
from tokenroof.simulate.requests import NO_SESSION
from tokenroof.simulate.traces import FORMATS, read_trace

EXAMPLES = {one.name: one.example for one in FORMATS}


def written(folder: Path, text: str) -> Path:
    path = folder / "trace"
    path.write_text(text, encoding="utf-8")
    return path


def columns(path: Path, **options: object) -> list[tuple[float, int, int]]:
    found = read_trace(path, **options)  # type: ignore[arg-type]
    return list(zip(found.arrival_s.round(6).tolist(), found.isl.tolist(), found.osl.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Azure", [(0.0, 4808, 10), (0.052, 3180, 8), (0.098189, 110, 27)]),
        ("Mooncake", [(0.0, 1100, 500), (0.0, 1500, 490), (3.052, 1030, 33)]),
        ("Qwen Bailian", [(0.0, 40, 9), (60.614, 60, 5), (61.0, 20, 2)]),
        ("BurstGPT", [(0.0, 472, 18), (40.0, 1087, 230), (113.0, 417, 276)]),
        ("vLLM request log", [(0.0, 2358, 531), (0.26, 1034, 769), (0.39, 1320, 769)]),
        ("vLLM or SGLang result", [(0.0, 1024, 128), (0.75, 1052, 64), (1.25, 1024, 128)]),
        ("CSV", [(0.0, 1024, 128), (0.25, 900, 30), (1.5, 2048, 64)]),
    ],
)
def test_examples_have_the_values_that_they_show(
    name: str, wanted: list[tuple[float, int, int]], tmp_path: Path
) -> None:
    assert columns(written(tmp_path, EXAMPLES[name])) == wanted


def test_blocks_and_sessions_stay_with_their_requests(tmp_path: Path) -> None:
    late, *rest = EXAMPLES["Mooncake"].splitlines()
    found = read_trace(written(tmp_path, "\n".join([*rest, late.replace('"timestamp": 0', '"timestamp": 9000')])))
    assert [found.blocks(row).tolist() for row in range(3)] == [[0, 3, 4], [0, 3, 5], [0, 1, 2]]
    assert found.block_tokens == 512
    sessions = read_trace(written(tmp_path, EXAMPLES["BurstGPT"])).sessions
    assert sessions is not None and sessions.tolist() == [0, 0, NO_SESSION]


def test_blocks_that_are_named_alone_are_numbered_by_prefix(tmp_path: Path) -> None:
    """The third prompt has blocks 2 and 1 of the first two, in another order: a cache finds neither."""
    found = read_trace(written(tmp_path, EXAMPLES["Qwen Bailian"]))
    assert [found.blocks(row).tolist() for row in range(3)] == [[0, 1, 2], [0, 1, 3, 4], [5, 6]]
    assert found.block_tokens == 16
    assert found.sessions is not None and found.sessions.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("AzureLLMInferenceTrace_code.csv", "Azure LLM 2023 code"),
        ("AzureLLMInferenceTrace_conv.csv", "Azure LLM 2023 conv"),
        ("mooncake_conversation_trace.jsonl", "Mooncake FAST25 conversation"),
        ("mooncake_synthetic_trace.jsonl", "Mooncake FAST25 synthetic"),
    ],
)
def test_published_traces_have_the_values_of_their_table(file: str, row: str, shared_data: Path) -> None:
    with (shared_data / "traces" / "trace_stats.csv").open(encoding="utf-8") as table:
        (stats,) = [one for one in csv.DictReader(table) if one["trace"] == row]
    found = read_trace(shared_data / "traces" / file)
    assert len(found) == int(stats["requests"])
    assert found.duration_s == pytest.approx(float(stats["duration_s"]), abs=0.051)
    assert len(found) / found.duration_s == pytest.approx(float(stats["mean_rate_rps"]), abs=0.0006)
    assert found.mean_rate == pytest.approx(float(stats["mean_rate_rps"]), rel=2 / len(found) + 2e-4)
    for lengths, side in ((found.isl, "in"), (found.osl, "out")):
        assert lengths.mean() == pytest.approx(float(stats[f"{side}_mean"]), abs=0.051)
        assert np.percentile(lengths, [50, 95]).tolist() == [float(stats[f"{side}_p50"]), float(stats[f"{side}_p95"])]
        assert lengths.max() == int(stats[f"{side}_max"])
    assert (found.skipped, found.notes) == (0, ())


def test_a_measured_log_is_read_whole(shared_data: Path) -> None:
    path = shared_data / "measured" / "request_level" / "RTX4090__Llama-3.1-8B.jsonl"
    found = read_trace(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(found) == len(rows) == 300
    assert found.isl.sum() == sum(row["input_toks"] for row in rows)
    times = [row["arrival_time"] for row in rows]
    assert found.duration_s == pytest.approx(max(times) - min(times))


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "says"),
    [
        ("Azure", "3180,8", "soon,8", 3, "ContextTokens = 'soon': must be a whole number from 1 to 100,000,000"),
        ("Azure", "3180,8", "3180,0", 3, "GeneratedTokens = '0': must be a whole number"),
        ("Azure", "3180,8", "3180,nan", 3, "GeneratedTokens = 'nan': must be a whole number"),
        ("Azure", "3180,8", "31.5,8", 3, "ContextTokens = '31.5'"),
        ("Azure", "3180,8", "3180", 3, "2 cells where the header has 3"),
        ("Azure", "2023-11-16 18:17:04.0319600", "now", 3, "TIMESTAMP = 'now': must be a date and time"),
        ("Azure", "2023-11-16 18:17:04.0319600", "1700158624", 3, "TIMESTAMP = '1700158624'"),
        ("Azure", "2023-11-16 18:17:04.0319600", "2023-13-16 18:17:04", 3, "TIMESTAMP = '2023-13-16"),
        ("BurstGPT", "45,1017", "-45,1017", 3, "Timestamp = '-45': must be a time in seconds from 0"),
        ("BurstGPT", "1087,230", "1087,0", 3, "Response tokens = '0'"),
        ("Mooncake", '"timestamp": 3052', '"timestamp": -1', 3, "timestamp = -1: must be a time"),
        ("Mooncake", '"timestamp": 3052', '"timestamp": NaN', 3, "timestamp = nan"),
        ("Mooncake", '"timestamp": 3052, ', "", 3, "timestamp = None"),
        ("Mooncake", "[0, 3, 5]", "[0, 3, 5, 6]", 3, "4 blocks of 512 tokens are more than the input has"),
        ("Mooncake", "[0, 3, 5]", '[0, "a"]', 3, "must be a list of whole numbers"),
        ("Mooncake", "[0, 3, 5]", "[0, true]", 3, "must be a list of whole numbers"),
        ("Mooncake", "[0, 3, 5]", "[9223372036854775808]", 3, "below 2^63"),
        ("Mooncake", '"input_length": 1030', '"input_length": true', 3, "input_length = True"),
        ("Mooncake", '"output_length": 33', '"output_length": 1' + "0" * 400, 3, "output_length = 1000"),
        ("Qwen Bailian", "[1, 2, 4, 5]", '[1, "2"]', 2, "must be a list of whole numbers"),
        ("Qwen Bailian", "[1, 2, 4, 5]", "[1, 2, 4, 5, 6]", 2, "5 blocks of 16 tokens are more than the input has"),
        ("vLLM request log", '"arrival_time": 1787267980.34', '"arrival_time": 1787267980340.0', 2, "arrival_time"),
        ("CSV", "0.25,900", "inf,900", 3, "arrival_s = 'inf'"),
        ("CSV", "0.25,900", ",900", 3, "arrival_s = ''"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_by_line_and_reason(
    name: str, old: str, new: str, line: int, says: str, tmp_path: Path
) -> None:
    assert old in EXAMPLES[name]
    path = written(tmp_path, EXAMPLES[name].replace(old, new))
    with pytest.raises(FileError) as caught:
        read_trace(path)
    assert caught.value.line == line
    assert says in caught.value.reason
    found = read_trace(path, skip_bad=True)
    assert (len(found), found.skipped, found.faults[0].line) == (2, 1, line)
    assert says in found.faults[0].reason


def test_the_first_bad_line_is_the_one_told_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    head, one, two, three = EXAMPLES["Azure"].splitlines()
    path = written(tmp_path, "\n".join([head, one, two.replace(",8", ",0"), three, "half"]))
    with pytest.raises(FileError) as caught:
        read_trace(path)
    assert caught.value.line == 3
    assert [fault.line for fault in read_trace(path, skip_bad=True).faults] == [3, 5]


def test_many_bad_rows_are_counted_and_some_kept(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k % 2},5\n" for k in range(30_000))
    found = read_trace(written(tmp_path, "arrival_s,isl,osl\n" + rows), skip_bad=True)
    assert (len(found), found.skipped, len(found.faults)) == (15_000, 15_000, 1_000)
    assert found.arrival_s.tolist() == [float(2 * k) for k in range(15_000)]


def test_dates_with_zones_are_one_clock(tmp_path: Path) -> None:
    head = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    same = "2024-05-10 00:00:00.009930+00:00,1,1\n2024-05-10 00:00:01.009930+00:00,1,1\n"
    mixed = "2024-05-10T00:00:00Z,1,1\n2024-05-10 01:00:01+01:00,1,1\n2024-05-10 00:00:03,1,1\n"
    assert [row[0] for row in columns(written(tmp_path, head + same))] == [0.0, 1.0]
    assert [row[0] for row in columns(written(tmp_path, head + mixed))] == [0.0, 1.0, 3.0]


def test_a_table_is_read_by_the_names_that_are_given(tmp_path: Path) -> None:
    text = 'who,"in",out,ts\nx,100,10,2024-05-10 00:00:01\nx,200,20,2024-05-10 00:00:00\n'
    path = written(tmp_path, text)
    assert columns(path, columns="arrival=ts, isl=in, osl=out") == [(0.0, 200, 20), (1.0, 100, 10)]
    found = read_trace(path, columns="isl=in,osl=out,session=who")
    assert found.notes == ("no column of arrivals: all requests arrive at once",)
    assert found.sessions is not None and found.sessions.tolist() == [0, 0]
    milli = written(tmp_path, "t,i,o\n500,1,1\n2000,1,1\n")
    assert [row[0] for row in columns(milli, columns="arrival_ms=t,isl=i,osl=o")] == [0.0, 1.5]


@pytest.mark.parametrize(
    "text",
    ["", "isl", "isl=a", "isl=a,osl=b,isl=c", "isl=,osl=b", "in=a,osl=b", "isl=a,osl=b,arrival=c,arrival_ms=d"],
)
def test_columns_that_are_no_mapping_are_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"columns = .*of the form arrival=NAME"):
        read_trace(written(tmp_path, EXAMPLES["CSV"]), columns=text)


@pytest.mark.parametrize(
    ("header", "says"), [("a,b", "no column 'c'; there are a, b"), ("c,c", "more than one column")]
)
def test_a_named_column_that_is_not_there_once_is_told(header: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=says) as caught:
        read_trace(written(tmp_path, f"{header}\n1,1\n"), columns="isl=c,osl=c")
    assert caught.value.line == 1


CELLS = st.lists(st.tuples(*[st.sampled_from(["7", "8.0", "", "x", "a,b", "3\n4", "5"])] * 3), max_size=8)


@given(rows=CELLS)
def test_tables_with_and_without_quotes_read_alike(
    rows: list[tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One quoted cell sends the file through the csv module; rows that need none also go the fast way."""
    folder = tmp_path_factory.mktemp("quotes")
    plain = [row for row in rows if not any("," in cell or "\n" in cell for cell in row)]
    for part in (plain, rows):
        quoted = folder / "quoted.csv"
        with quoted.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows([("arrival_s", "isl", "osl"), ("0", "1", "1"), *part])
        good = [row for row in part if row[0] in ("7", "8.0", "5") and {row[1], row[2]} <= {"7", "8.0", "5"}]
        found = columns(quoted, skip_bad=True)
        assert sorted(found)[1:] == sorted((float(a), int(float(b)), int(float(c))) for a, b, c in good)
        if part is plain:
            lines = [("arrival_s", "isl", "osl"), ("0", "1", "1"), *part]
            bare = written(folder, "".join(",".join(row) + "\n" for row in lines))
            assert columns(bare, skip_bad=True) == found


def test_results_of_benchmarks_say_what_they_lack(tmp_path: Path) -> None:
    whole = json.loads(EXAMPLES["vLLM or SGLang result"])
    alone = {name: value for name, value in whole.items() if name != "start_times"}
    found = read_trace(written(tmp_path, json.dumps(alone)))
    assert found.notes == ("no start_times in the file: all requests arrive at once",)
    assert found.duration_s == 0.0
    for changed, says in (
        ({"input_lens": None}, "no list input_lens; write it with vllm bench serve --save-result --save-detailed"),
        ({"output_lens": [1]}, "lists of different lengths: 3 input_lens, 1 output_lens, 3 start_times"),
    ):
        with pytest.raises(FileError, match=says):
            read_trace(written(tmp_path, json.dumps(whole | changed)))
    with pytest.raises(FileError, match="holds 2 results"):
        read_trace(written(tmp_path, json.dumps(whole) + "\n" + json.dumps(whole)))
    failed = written(tmp_path, json.dumps(whole | {"output_lens": [128, 0, 128]}))
    with pytest.raises(FileError, match="request 2: output_lens = 0: must be a whole number"):
        read_trace(failed)
    assert read_trace(failed, skip_bad=True).arrival_s.tolist() == [0.0, 1.25]


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("w", encoding="utf-8") as file:
        file.write("arrival_s,isl,osl\n0,1,1\n")
        for _ in range(40):
            file.write("1" * 1_000_000)
    with pytest.raises(FileError, match="longer than 32,000,000 characters") as caught:
        read_trace(path)
    assert caught.value.line == 3


TABLE_OF = "ts;in;out\n5;100;10\n7;200;20\n"


@pytest.mark.parametrize("text", [TABLE_OF, TABLE_OF.replace(";", "\t"), TABLE_OF.replace(";", ",")])
def test_tables_with_semicolons_and_tabs(text: str, tmp_path: Path) -> None:
    assert columns(written(tmp_path, text), columns="arrival=ts,isl=in,osl=out") == [(0.0, 100, 10), (2.0, 200, 20)]


def test_json_lines_are_read_by_the_names_that_are_given(tmp_path: Path) -> None:
    rows = '{"ts": "2024-05-10 00:00:00", "in": 5, "out": 1}\n{"out": 2, "in": 6, "ts": "2024-05-10T00:00:01Z"}\n'
    path = written(tmp_path, rows + '{"ts": 7, "in": 7, "out": 3}\n')
    named = "arrival=ts,isl=in,osl=out"
    with pytest.raises(FileError, match="ts = 7: must be a date and time") as caught:
        read_trace(path, columns=named)
    assert caught.value.line == 3
    assert columns(path, columns=named, skip_bad=True) == [(0.0, 5, 1), (1.0, 6, 2)]
    with pytest.raises(FileError, match="no key 'osl'; there are ts, in, out"):
        read_trace(path, columns="isl=in,osl=osl")


def test_a_last_line_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLES["Mooncake"][:-20])
    with pytest.raises(FileError, match=r":3: not JSON at column \d+: .*; the last line is cut off; `skip_bad`"):
        read_trace(path)
    assert len(read_trace(path, skip_bad=True)) == 2
    table = written(tmp_path, EXAMPLES["BurstGPT"][:-20])
    with pytest.raises(FileError, match=":4: 5 cells where the header has 8"):
        read_trace(table)
    assert len(read_trace(table, skip_bad=True)) == 2


def test_gzip_is_read_and_half_of_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress(EXAMPLES["Azure"].encode())
    path = tmp_path / "trace.gz"
    path.write_bytes(packed)
    assert len(read_trace(path)) == 3
    for broken in (packed[:-10], packed[:12], packed[:40] + b"xxxx" + packed[44:]):
        path.write_bytes(broken)
        with pytest.raises(FileError, match="a broken gzip file"):
            read_trace(path, skip_bad=True)


def test_bytes_that_are_no_text_matter_only_in_numbers(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(b"arrival_s,isl,osl,prompt\n0,5,1,caf\xe9\n1,6,1,x\n2,\xff,1,y\n")
    with pytest.raises(FileError, match=r"isl = '\\udcff': must be a whole number") as caught:
        read_trace(path)
    assert caught.value.line == 4
    assert columns(path, skip_bad=True) == [(0.0, 5, 1), (1.0, 6, 1)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8 text"),
        (
            b'{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": [1], "parent_chat_id": -1}',
            "nearest is Qwen Bailian, without chat_id",
        ),
        (b'[{"isl": 5, "osl": 1}]', "a JSON list, where one object a line is read"),
        (b"timestamp,a,b\n1,2,3\n", "known are Azure, .* it has timestamp, a, b"),
        (b"ts,in,out\n1,2,3\n", "it has ts, in, out: `columns` arrival=NAME"),
        (b'{"timestamp": 1, "input_length": 5}\n', "nearest is Mooncake, without output_length, hash_ids"),
        (b'"a\nb",\x1b[31mc\n', r"it has a\?b, \?\[31mc:"),
        (b"TIMESTAMP,ContextTokens,GeneratedTokens\n", "holds no request"),
    ],
)
def test_files_that_are_no_trace_say_why(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(FileError, match=says) as caught:
        read_trace(path)
    assert len(str(caught.value).splitlines()) == 1


def test_times_that_look_like_milliseconds_get_the_hint(tmp_path: Path) -> None:
    path = written(tmp_path, "arrival_s,isl,osl\n1700000000000,5,1\n1700000001500,5,1\n")
    with pytest.raises(FileError, match="for milliseconds `columns` arrival_ms=NAME"):
        read_trace(path)
    assert columns(path, columns="arrival_ms=arrival_s,isl=isl,osl=osl") == [(0.0, 5, 1), (1.5, 5, 1)]


def test_long_prompts_beside_the_lengths_and_quotes_that_do_not_end(tmp_path: Path) -> None:
    """The csv module stops at cells of 131,072 characters unless told; a stray quote swallows what follows."""
    limit = csv.field_size_limit()
    path = written(tmp_path, "arrival_s,isl,osl,prompt\n0,5,1," + '"' + "x" * 300_000 + '"\n2,5,1,"a\nb"\n3,5,1,c\n')
    assert columns(path) == [(0.0, 5, 1), (2.0, 5, 1), (3.0, 5, 1)]
    assert csv.field_size_limit() == limit
    open_end = written(tmp_path, 'arrival_s,isl,osl\n0,5,1\n1,"5,1\n2,5,1\n3,5,1\n')
    with pytest.raises(FileError, match="2 cells where the header has 3, in a row that a quote stretches over 3") as it:
        read_trace(open_end)
    assert it.value.line == 3
