"""Speed of reading traces and of a prefix cache: `pytest benchmarks/test_traces_bench.py --benchmark-enable`.

A replay of 12,031 requests of 24 blocks each through a cache of 4,096 GiB (26,214 blocks) is to take 3 s at most; it is
that of Mooncake's conversation trace where the shared data is there, and a made one of the same size.
"""

import json
import os
from pathlib import Path

import pytest

from tokenroof.simulate.arrivals import synthetic
from tokenroof.simulate.prefix_cache import lru_replay
from tokenroof.simulate.requests import Requests
from tokenroof.simulate.traces import FORMATS, read_trace
from tokenroof.usecases.trace.run import TraceRequest, trace

ROWS = 100_000
CAPACITY = 4096 * 2**30 // (327_680 * 512)  # Llama-70B in bf16, blocks of 512 tokens


def _conversation() -> Path:
    named = os.environ.get("TOKENROOF_SHARED")
    shared = Path(named).expanduser() if named else Path(__file__).resolve().parents[2] / "shared"
    return shared / "data" / "traces" / "mooncake_conversation_trace.jsonl"


def _made(count: int) -> Requests:
    return synthetic(count, rate=3.4, arrivals="gamma:3", isl="lognormal:12035:1.31", osl="exp:343", seed=7)


def _as_table(name: str, requests: Requests) -> str:
    """The requests in the columns of a format whose rows are its example's last, with other numbers."""
    header = next(one for one in FORMATS if one.name == name).example.splitlines()[0]
    rows = zip(requests.arrival_s.tolist(), requests.isl.tolist(), requests.osl.tolist(), strict=True)
    if name == "Azure":
        start = "2023-11-16 {:02d}:{:02d}:{:010.7f},{},{}\n"
        return f"{header}\n" + "".join(
            start.format(int(at) // 3600 % 24, int(at) // 60 % 60, at % 60.0, isl, osl) for at, isl, osl in rows
        )
    return f"{header}\n" + "".join(f"{at:.3f},1,1.0,GPT-4,{isl},{osl},{isl + osl},API log\n" for at, isl, osl in rows)


def _as_objects(requests: Requests) -> str:
    """Mooncake's JSON lines: of each prompt the first half are blocks of one of a thousand conversations."""
    lines, fresh = [], 10**6
    rows = zip(requests.arrival_s.tolist(), requests.isl.tolist(), requests.osl.tolist(), strict=True)
    for k, (at, isl, osl) in enumerate(rows):
        blocks = -(-isl // 512)
        old = [1_000 * (k * 7919 % 1_000) + n for n in range(min(blocks // 2, 1_000))]
        ids = old + list(range(fresh, fresh + blocks - len(old)))
        fresh += blocks
        row = {"timestamp": int(1e3 * at), "input_length": isl, "output_length": osl, "hash_ids": ids}
        lines.append(json.dumps(row) + "\n")
    return "".join(lines)


@pytest.mark.parametrize("name", ["Azure", "BurstGPT", "Mooncake"])
def test_reading(benchmark, tmp_path: Path, name: str) -> None:
    """A hundred thousand rows; of Mooncake 12,031, whose rows are longer."""
    count = 12_031 if name == "Mooncake" else ROWS
    path = tmp_path / "trace"
    path.write_text(
        _as_objects(_made(count)) if name == "Mooncake" else _as_table(name, _made(count)), encoding="utf-8"
    )
    found = benchmark(read_trace, path)
    assert len(found) == count
    benchmark.extra_info["rows"] = count


def test_replay_of_a_made_trace(benchmark, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(_as_objects(_made(12_031)), encoding="utf-8")
    requests = read_trace(path)
    assert benchmark(lru_replay, requests, (CAPACITY,)).share > 0.0


def test_replay_of_the_conversation_trace(benchmark) -> None:
    if not _conversation().is_file():
        pytest.skip("needs the shared data: TOKENROOF_SHARED")
    requests = read_trace(_conversation())
    assert 100 * benchmark(lru_replay, requests, (CAPACITY,)).share == pytest.approx(33.0, abs=0.051)


def test_the_verb_on_the_conversation_trace(benchmark) -> None:
    """Reading, numbers, and six caches from 64 GiB to 64 TiB."""
    if not _conversation().is_file():
        pytest.skip("needs the shared data: TOKENROOF_SHARED")
    answer = benchmark(trace, TraceRequest(file=str(_conversation()), model="llama-3.3-70b"))
    assert answer.prefixes is not None and len(answer.prefixes.caches) == 7
