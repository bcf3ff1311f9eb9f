"""`trace`: numbers that describe a stream, against values worked by hand and streams whose numbers are known."""

import math
from pathlib import Path

import numpy as np
import pytest

import tokenroof
from tokenroof.errors import InputError, UnknownName
from tokenroof.present.charts.trace import draw
from tokenroof.present.json import finite_json
from tokenroof.present.pages.trace import page_of
from tokenroof.present.text import text
from tokenroof.simulate.arrivals import synthetic
from tokenroof.simulate.requests import in_order
from tokenroof.usecases.trace.run import TraceRequest, trace
from tokenroof.usecases.trace.stats import busiest_rate, dispersion, gap_cv, lengths_of, windows_of

MOONCAKE = """{"timestamp": 0, "input_length": 1024, "output_length": 10, "hash_ids": [1, 2]}
{"timestamp": 1000, "input_length": 1024, "output_length": 10, "hash_ids": [3, 4]}
{"timestamp": 2000, "input_length": 1024, "output_length": 10, "hash_ids": [1, 5]}
{"timestamp": 3000, "input_length": 1024, "output_length": 10, "hash_ids": [3, 4]}
"""


def written(folder: Path, content: str) -> str:
    path = folder / "trace.jsonl"
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_lengths_worked_by_hand() -> None:
    found = lengths_of(np.array([1, 2, 3, 4, 10]))
    assert (found.mean, found.min, found.p50, found.max) == (4.0, 1, 3.0, 10)
    assert found.cv == pytest.approx(math.sqrt(10.0) / 4.0)
    assert found.p90 == pytest.approx(4 + 0.6 * 6)


def test_bursts_worked_by_hand() -> None:
    """Windows of 10 s with 3, 0 and 1 arrivals: mean 4/3, variance 14/9, index 7/6; the last window is not whole."""
    times = np.array([0.0, 1.0, 2.0, 25.0, 31.0, 31.0, 31.0])
    assert dispersion(times) == pytest.approx((10 / 3 - 16 / 9) / (4 / 3))
    assert busiest_rate(times) == 0.3
    assert gap_cv(np.array([0.0, 1.0, 4.0])) == pytest.approx(0.5)
    assert gap_cv(np.array([0.0, 1.0])) is None
    assert gap_cv(np.zeros(5)) is None
    assert dispersion(np.array([0.0, 15.0])) is None
    assert busiest_rate(np.array([0.0, 5.0])) is None


@pytest.mark.parametrize(("arrivals", "cv", "index"), [("poisson", 1.0, 1.0), ("gamma:3", 3.0, 9.0)])
def test_streams_of_known_burstiness(arrivals: str, cv: float, index: float) -> None:
    """Independent gaps of that cv have an index of dispersion of its square in long windows."""
    times = synthetic(400_000, rate=40.0, arrivals=arrivals, isl="1", osl="1").arrival_s
    assert gap_cv(times) == pytest.approx(cv, rel=0.03)
    assert dispersion(times) == pytest.approx(index, rel=0.12)
    steady = synthetic(10_000, rate=40.0, arrivals="constant", isl="1", osl="1").arrival_s
    assert dispersion(steady) == pytest.approx(0.0, abs=0.01)


def test_a_gap_of_years_is_no_matter() -> None:
    times = np.array([0.0, 1.0, 1e10])
    assert dispersion(times) == pytest.approx(2.0, rel=1e-6)
    _, windows = windows_of(in_order(times, [5, 5, 5], [1, 1, 1]))
    assert len(windows) <= 401
    assert sum(one.requests for one in windows) == 3


def test_windows_hold_every_request_and_its_tokens() -> None:
    """Four requests a window on average: 2,000 of them in 700 s make windows of 2 s, three of them one of 1,000 s."""
    few = in_order([0.0, 0.5, 700.0], [5, 6, 7], [1, 2, 3])
    assert [(one.requests, one.input_tokens, one.output_tokens) for one in windows_of(few)[1]] == [(3, 18, 6)]
    many = [*[0.0] * 1_997, 0.5, 2.0, 700.0]
    width, windows = windows_of(in_order(many, [1] * 1_997 + [5, 6, 7], [1] * 1_997 + [1, 2, 3]))
    assert width == 2.0
    assert (windows[0].requests, windows[0].input_tokens, windows[0].output_tokens) == (1_998, 2_002, 1_998)
    assert (windows[1].requests, windows[1].input_tokens, windows[2].requests) == (1, 6, 0)
    assert (windows[350].start_s, windows[350].requests, windows[350].output_tokens) == (700.0, 1, 3)
    assert len(windows) == 351


def test_caches_are_counted_over_the_last_half(tmp_path: Path) -> None:
    """Last half: [1, 5] finds block 1, [3, 4] both, 1,536 of 2,048 tokens; with room for two blocks neither does."""
    per_token = 2 * 80 * 8 * 128 * 2
    sizes = (512.0 * per_token * 2, 512.0 * per_token * 4)
    found = trace(TraceRequest(file=written(tmp_path, MOONCAKE), cache=sizes, model="llama-3.3-70b"))
    assert found.prefixes is not None
    assert found.prefixes.kv_bytes_per_token == per_token == 327_680
    assert [(one.blocks, one.cache_hit_rate) for one in found.prefixes.caches] == [(2, 0.0), (4, 0.75), (5, 0.75)]
    assert found.prefixes.reuse_share == 3 / 8
    assert (found.prefixes.blocks, found.prefixes.distinct_blocks) == (8, 5)
    assert found.prefixes.caches[-1].capacity_bytes is None
    assert found.sentence == (
        "4 requests in 3.00 s: 1.00 requests/s, 1,024 tokens in and 10 out on average. A prefix cache without limit "
        "finds 75.0 % of prompt tokens, one of 671.1 MB finds 75.0 %."
    )


def test_without_a_model_the_endless_cache_alone_is_told(tmp_path: Path) -> None:
    found = trace(TraceRequest(file=written(tmp_path, MOONCAKE)))
    assert found.prefixes is not None and found.prefixes.model is None and len(found.prefixes.caches) == 1
    page = text(page_of(found))
    assert "no limit" in page and "75.0 %" in page and "over all requests 37.5 %" in page
    assert max(map(len, page.splitlines())) <= 100


def test_lengths_of_millions_stay_within_the_page(tmp_path: Path) -> None:
    row = '{"timestamp": 0, "input_length": 99999999, "output_length": 99999999, "hash_ids": []}\n'
    page = text(page_of(trace(TraceRequest(file=written(tmp_path, row * 2)))))
    assert max(map(len, page.splitlines())) <= 100
    assert "99,999,999" in page and " cv\n" not in page


def test_requests_at_once_have_no_rate(tmp_path: Path) -> None:
    found = trace(TraceRequest(file=written(tmp_path, "isl,osl\n5,1\n7,1\n")))
    assert found.sentence == "2 requests that all arrive at once, 6 tokens in and 1 out on average."
    assert finite_json(found)["request_rate"] is None
    assert "columns" not in finite_json(found)
    page = text(page_of(found))
    assert "note: no column of arrivals" in page and "all arrive at once\n" in page


def test_the_chart_has_the_panels_that_say_something(tmp_path: Path) -> None:
    at_once = trace(TraceRequest(file=written(tmp_path, "isl,osl\n5,5\n5,5\n")))
    draw(at_once, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "Tokens of a request" in drawn
    assert "Requests per second" not in drawn and "Prompt tokens found" not in drawn


def test_rows_left_out_are_a_warning(tmp_path: Path) -> None:
    found = trace(TraceRequest(file=written(tmp_path, "arrival_s,isl,osl\n0,5,1\n1,5,0\n2,5,1\n"), skip_bad=True))
    assert (found.requests, found.skipped, found.faults[0].line) == (2, 1, 3)
    page = " ".join(text(page_of(found)).split())
    assert "warning: 1 row left out; the first, 3: osl = '0': must be a whole number" in page


def test_what_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, MOONCAKE)
    with pytest.raises(InputError, match="model = None: must be given with a cache"):
        trace(TraceRequest(file=file, cache=(1e9,)))
    with pytest.raises(UnknownName, match="llama-9"):
        trace(TraceRequest(file=file, cache=(1e9,), model="llama-9"))
    with pytest.raises(InputError, match="kv_dtype = 'fp8': must be given with a model"):
        trace(TraceRequest(file=file, kv_dtype="fp8"))
    with pytest.raises(InputError, match=r"cache = '1e\+06 B': must be at least one block of 512 tokens, 167.8 MB"):
        trace(TraceRequest(file=file, cache=(1e6, 1e12), model="llama-3.3-70b"))
    with pytest.raises((UnknownName, InputError), match="fp3"):
        trace(TraceRequest(file=file, cache=(1e9,), model="llama-3.3-70b", kv_dtype="fp3"))
    for cache in ((), (1e9,)):
        with pytest.raises(InputError, match="no ids of prompt blocks"):
            trace(TraceRequest(file=written(tmp_path, "isl,osl\n5,1\n"), cache=cache, model="llama-3.3-70b"))


def test_a_part_at_another_rate(tmp_path: Path) -> None:
    file = written(tmp_path, "arrival_s,isl,osl\n10,5,1\n11,6,1\n13,7,1\n19,8,1\n")
    found = trace(TraceRequest(file=file, start=1.0, end=9.0, scale=4.0))
    assert (found.requests, found.duration_s, found.request_rate, found.isl.mean) == (2, 0.5, 2.0, 6.5)
    assert "Trace  trace.jsonl | format CSV | from 1.00 s to 9.00 s | at 4x the rate" in text(page_of(found))
    one = trace(TraceRequest(file=file, end=1.0))
    assert one.sentence == "One request, 5 tokens in and 1 out."
    assert finite_json(one)["request_rate"] is None
    assert trace(TraceRequest(file=file, start=9.0)).isl.max == 8
    for start, end, says in (
        (5.0, 5.0, "end = 5.0: must be later than the start, 5 s"),
        (9.5, None, "start = 9.5: must be within the trace, which lasts 9 s"),
        (4.0, 8.0, "end = 8.0: must be later than the first arrival from 4 s on"),
    ):
        with pytest.raises(InputError, match=says):
            trace(TraceRequest(file=file, start=start, end=end))


def test_without_sizes_a_ladder_up_to_the_whole_trace_is_tried(tmp_path: Path) -> None:
    """Five blocks of 160 MiB: 1 GiB holds them all. 200 blocks take 31.25 GiB, which 64 GiB hold."""
    small = trace(TraceRequest(file=written(tmp_path, MOONCAKE), model="llama-3.3-70b")).prefixes
    assert small is not None and [one.capacity_bytes for one in small.caches] == [2.0**30, None]
    row = '{{"timestamp": {0}, "input_length": 1000, "output_length": 1, "hash_ids": [{0}, {1}]}}\n'
    many = "".join(row.format(k, k + 1000) for k in range(100))
    large = trace(TraceRequest(file=written(tmp_path, many), model="llama-3.3-70b")).prefixes
    assert large is not None
    assert [(one.capacity_bytes, one.blocks) for one in large.caches] == [
        (2.0**30, 6), (4 * 2.0**30, 25), (16 * 2.0**30, 102), (64 * 2.0**30, 409), (None, 200)
    ]  # fmt: skip


def test_the_sentence_tells_of_the_smallest_cache_that_finds_most(tmp_path: Path) -> None:
    block = 512 * 327_680.0
    found = trace(TraceRequest(file=written(tmp_path, MOONCAKE), model="llama-3.3-70b", cache=(block, 4 * block, 64e9)))
    assert found.sentence.endswith("finds 75.0 % of prompt tokens, one of 671.1 MB finds 75.0 %.")


def test_the_python_door_is_the_verb(tmp_path: Path) -> None:
    file = written(tmp_path, MOONCAKE)
    answer = tokenroof.trace(Path(file), model="llama-3.3-70b", cache=["1GiB", 2e9], end="2.5s")
    same = trace(TraceRequest(file=file, model="llama-3.3-70b", cache=(2.0**30, 2e9), end=2.5))
    assert finite_json(answer.response) == finite_json(same)
    assert answer.page() == text(page_of(same)) and "Windows of" in answer.page(full=True)
    assert answer.tables == ("main", "caches")
    answer.save(tmp_path / "a.csv", tmp_path / "a.svg")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").startswith("start_s,requests,")
    assert "Prompt tokens found" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert tokenroof.trace(TraceRequest(file=file)).requests == 4
    with pytest.raises(InputError, match="file = 7"):
        tokenroof.trace(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scales"):
        tokenroof.trace(file, scales=2)


@pytest.mark.parametrize(
    ("file", "rate", "share"),
    [("AzureLLMInferenceTrace_conv.csv", 5.530, None), ("mooncake_conversation_trace.jsonl", 3.401, 39.8)],
)
def test_published_traces(file: str, rate: float, share: float | None, shared_data: Path) -> None:
    found = trace(TraceRequest(file=str(shared_data / "traces" / file)))
    assert found.request_rate == pytest.approx(rate, abs=0.001)
    assert sum(one.requests for one in found.windows) == found.requests
    assert (found.prefixes is None) == (share is None)
    if found.prefixes is not None and share is not None:
        assert 100 * found.prefixes.caches[-1].cache_hit_rate == pytest.approx(share, abs=0.05)
