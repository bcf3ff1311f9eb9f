"""Detailed results of `vllm bench serve` (--save-detailed) and `sglang.bench_serving` (--output-details).

One JSON object with a list of lengths for all requests; newer versions add `start_times`. Without them all requests
arrive at once, and a note says so. Failed requests keep a slot with no output tokens.
"""

import json
from typing import Any, TextIO

from tokenroof.errors import FileError
from tokenroof.simulate.traces.collect import Collector, numbers
from tokenroof.simulate.traces.format import TraceFormat

__all__ = ["BENCH_OUTPUT"]

_COLUMNS = ("input_lens", "output_lens")
_TIMES = "start_times"
_MOST_CHARACTERS = 1_000_000_000  # the object is held whole: texts and gaps of some million requests
_EXAMPLE = """{"date": "20260720-101500", "backend": "vllm", "model_id": "a/b", "num_prompts": 3, "request_rate": 2.0,
 "total_input_tokens": 3100, "input_lens": [1024, 1052, 1024], "output_lens": [128, 64, 128],
 "start_times": [8123.5, 8124.25, 8124.75], "ttfts": [0.05, 0.06, 0.05], "errors": ["", "", ""]}
"""


def _detect(head: str) -> bool:
    return head.lstrip().startswith("{") and ('"input_lens"' in head or '"total_input_tokens"' in head)


def _one_run(text: str, into: Collector) -> dict[str, Any]:
    decoder, place = json.JSONDecoder(), 0
    runs = list[Any]()
    try:
        while place < len(text):
            found, place = decoder.raw_decode(text, place)
            runs.append(found)
            while text[place : place + 1].isspace():
                place += 1
    except (ValueError, RecursionError) as error:
        raise FileError(into.path, 0, f"not JSON: {str(error)[:60]}") from None
    if len(runs) != 1 or not isinstance(runs[0], dict):
        raise FileError(into.path, 0, f"holds {len(runs)} results where one run is read; keep one in a file")
    return runs[0]


def _lists(run: dict[str, Any], into: Collector) -> list[list[Any]]:
    """Lengths, and times where there are any; one entry a request in each."""
    for name in _COLUMNS:
        if not isinstance(run.get(name), list):
            detail = "vllm bench serve --save-result --save-detailed or sglang.bench_serving --output-details"
            raise FileError(into.path, 0, f"no list {name}; write it with {detail}")
    names = [*_COLUMNS, _TIMES] if isinstance(run.get(_TIMES), list) and run[_TIMES] else [*_COLUMNS]
    found = [run[name] for name in names]
    if len({len(one) for one in found}) > 1:
        counts = ", ".join(f"{len(one)} {name}" for name, one in zip(names, found, strict=True))
        raise FileError(into.path, 0, f"lists of different lengths: {counts}")
    return found


def _read(file: TextIO, into: Collector) -> None:
    text = file.read(_MOST_CHARACTERS + 1)
    if len(text) > _MOST_CHARACTERS:
        raise FileError(into.path, 0, f"more than {_MOST_CHARACTERS:,} characters; leave generated_texts and itls out")
    into.place = "request"
    isl, osl, *times = _lists(_one_run(text.strip(), into), into)
    if not times:
        into.notes.append("no start_times in the file: all requests arrive at once")
    into.add(
        range(1, len(isl) + 1), arrival=numbers(_TIMES, times[0]) if times else None,
        isl=numbers(_COLUMNS[0], isl), osl=numbers(_COLUMNS[1], osl),
    )  # fmt: skip


BENCH_OUTPUT = TraceFormat(name="vLLM or SGLang result", columns=_COLUMNS, detect=_detect, read=_read, example=_EXAMPLE)
