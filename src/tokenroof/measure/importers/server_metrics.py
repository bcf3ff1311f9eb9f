"""Prometheus metrics of vLLM and SGLang: what a server counted, over two scrapes as rates and means.

A file with two scrapes one after the other holds what happened between them; one scrape holds all since the server
started. How much time lay between, no scrape says: it is given, or follows from requests in flight by Little's law.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenroof.engines.format_words import kv_word
from tokenroof.errors import MissingExtra
from tokenroof.measure.importers.documents import text_of
from tokenroof.measure.importers.table import BadRow, Importer
from tokenroof.types.benchmark import Benchmark, Deployed, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["SERVER_METRICS", "read_scrapes", "server_of"]

# quantity -> names that it has had, newest first, without the engine's prefix
_GAUGES = {
    "running": ("num_requests_running", "num_running_reqs"),
    "waiting": ("num_requests_waiting", "num_queue_reqs"),
}
_COUNTERS = {
    "prompt": ("prompt_tokens_total",),
    "generated": ("generation_tokens_total",),
    "asked": ("prefix_cache_queries_total", "gpu_prefix_cache_queries_total"),
    "hits": ("prefix_cache_hits_total", "gpu_prefix_cache_hits_total", "cached_tokens_total"),
    "tries": ("spec_decode_num_drafts_total",),
    "drafted": ("spec_decode_num_draft_tokens_total",),
    "accepted": ("spec_decode_num_accepted_tokens_total",),
}
_HISTOGRAMS = {
    "ttft": ("time_to_first_token_seconds",),
    "e2e": ("e2e_request_latency_seconds",),
    "itl": ("inter_token_latency_seconds", "time_per_output_token_seconds"),
    "tpot": ("request_time_per_output_token_seconds",),
    "isl": ("request_prompt_tokens", "prompt_tokens_histogram"),
    "osl": ("request_generation_tokens", "generation_tokens_histogram"),
}
_PREFIXES = {"vllm": "vllm", "sglang": "sglang"}
_HEAD = re.compile(r"^(?:# (?:HELP|TYPE) )?(vllm|sglang)[:_]\w", re.MULTILINE)
_FIRST = re.compile(r"^# HELP (\S+)", re.MULTILINE)
_LOOKED_AT = ("model_name", "cache_config_info")
_MOST_SAMPLES = 200_000
_EXAMPLE = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="llama-3.1-8b"} 8.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{model_name="llama-3.1-8b"} 32768.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="llama-3.1-8b"} 6400.0
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.05",model_name="llama-3.1-8b"} 16.0
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="llama-3.1-8b"} 64.0
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="llama-3.1-8b"} 64.0
vllm:time_to_first_token_seconds_count{model_name="llama-3.1-8b"} 64.0
vllm:time_to_first_token_seconds_sum{model_name="llama-3.1-8b"} 3.84
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_count{model_name="llama-3.1-8b"} 64.0
vllm:e2e_request_latency_seconds_sum{model_name="llama-3.1-8b"} 79.872
"""

_Sums = dict[str, float]


def _scrapes(text: str) -> list[str]:
    """The scrapes of a file: a new one begins where the first metric's help stands again."""
    first = _FIRST.search(text)
    if first is None:
        return [text]
    starts = [one.start() for one in re.finditer(rf"^# HELP {re.escape(first[1])}(?=\s|\Z)", text, re.MULTILINE)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _read_scrape(text: str) -> tuple[_Sums, Mapping[str, str], str]:
    """Sums over all engines by name (and bucket), labels that say what is served, and the engine."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ModuleNotFoundError:
        raise MissingExtra("metrics of a server", "formats") from None
    sums: _Sums = {}
    labels: dict[str, str] = {}
    engine, count = "", 0
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                prefix, _, name = sample.name.replace("_", ":", 1 if ":" not in sample.name else 0).partition(":")
                if prefix not in _PREFIXES:
                    continue
                count += 1
                if count > _MOST_SAMPLES:
                    raise BadRow(f"more than {_MOST_SAMPLES:,} samples")
                engine = engine or prefix
                if name.startswith("cache_config_info"):
                    labels |= {key: str(value)[:200] for key, value in sample.labels.items()}
                elif "model_name" in sample.labels:
                    labels.setdefault("model_name", str(sample.labels["model_name"])[:200])
                if not math.isfinite(sample.value) or sample.value < 0:
                    continue
                key = f"{name} {_edge(sample.labels['le'])!r}" if "le" in sample.labels else name
                sums[key] = sums.get(key, 0.0) + float(sample.value)
    except BadRow:
        raise
    except Exception as error:  # the parser raises whatever a line makes it stumble over
        raise BadRow(f"no metrics in Prometheus text: {' '.join(str(error).split())[:120]}") from None
    if not engine:
        raise BadRow("no metric of vLLM or SGLang")
    return sums, labels, engine


def _edge(text: str) -> float:
    """The upper edge of a bucket, +Inf for the last one."""
    try:
        edge = float(text)
    except ValueError:
        edge = math.nan
    if math.isnan(edge):
        raise BadRow(f"the bucket's edge le={text[:40]!r} is no number")
    return edge


def _difference(before: _Sums, after: _Sums, names: tuple[str, ...], ending: str = "") -> float | None:
    for name in names:
        if name + ending in after:
            change = after[name + ending] - before.get(name + ending, 0.0)
            if change < 0:
                raise BadRow(f"{name}{ending} went down between the scrapes: the server was started anew")
            return change
    return None


def _spread(before: _Sums, after: _Sums, names: tuple[str, ...]) -> tuple[Spread, float]:
    """Mean and percentiles of what a histogram counted between the scrapes, and how many it counted."""
    count, total = (_difference(before, after, names, ending) for ending in ("_count", "_sum"))
    if not count or total is None:
        return Spread(), 0.0
    name = next(one for one in names if f"{one}_count" in after)
    if count < 1.0:
        raise BadRow(f"{name}_count = {count:g}: it counts whole requests")
    edges = [(float(key.rpartition(" ")[2]), key) for key in after if key.startswith(f"{name}_bucket ")]
    counts = [(edge, after[key] - before.get(key, 0.0)) for edge, key in sorted(edges)]
    places = ((place, _inside(counts, place / 100.0 * count)) for place in (50.0, 90.0, 99.0))
    return Spread(
        mean=total / count or None, percentiles=tuple((place, value) for place, value in places if value is not None)
    ), count  # fmt: skip


def _inside(counts: list[tuple[float, float]], wanted: float) -> float | None:
    """Where so many are reached, evenly inside a bucket; None in the last one, which has no end."""
    low, below = 0.0, 0.0
    for edge, upto in counts:
        if upto >= wanted and upto > below:
            return low + (edge - low) * (wanted - below) / (upto - below) if math.isfinite(edge) else None
        low, below = edge, max(below, upto)
    return None


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else min(1.0, part / whole)


def _deployed(labels: Mapping[str, str], engine: str, before: _Sums, after: _Sums) -> Deployed:
    hits, asked, tries, drafted, accepted = (
        _difference(before, after, _COUNTERS[name]) for name in ("hits", "asked", "tries", "drafted", "accepted")
    )
    asked = asked if asked is not None else _difference(before, after, _COUNTERS["prompt"])
    caching = labels.get("enable_prefix_caching", "")
    fraction = labels.get("gpu_memory_utilization", "")
    return Deployed(
        model=labels.get("model_name", ""), engine=engine, prefix_hits=_share(hits, asked),
        kv_dtype=kv_word(labels.get("cache_dtype")), prefix_caching=caching == "True" if caching else None,
        memory_fraction=float(fraction) if re.fullmatch(r"0?\.\d{1,6}", fraction) else None,
        speculation="draft" if tries else "", drafts=round(drafted / tries) or None if drafted and tries else None,
        acceptance=_share(accepted, drafted), accepted_length=1.0 + accepted / tries if accepted and tries else None,
    )  # fmt: skip


def _between(before: _Sums, after: _Sums, labels: Mapping[str, str], engine: str, file: str, whole: bool) -> Benchmark:
    found: dict[str, Any] = {}
    counted: dict[str, float] = {}
    for name, names in _HISTOGRAMS.items():
        found[name], counted[name] = _spread(before, after, names)
    completed = counted["e2e"] or counted["osl"] or counted["ttft"]
    if not completed:
        raise BadRow("no request ended between the scrapes")
    for name, counter in (("isl", "prompt"), ("osl", "generated")):
        total = _difference(before, after, _COUNTERS[counter])
        if found[name].mean is None and total:
            found[name] = Spread(mean=total / completed)
    gauges = [
        sum(scrape.get(next((one for one in names if one in scrape), ""), 0.0) for names in _GAUGES.values())
        for scrape in ((after,) if whole else (before, after))
    ]
    flight = sum(gauges) / len(gauges) or None
    rate = flight / found["e2e"].mean if flight and found["e2e"].mean else None
    span = "since the server started" if whole else "between the scrapes"
    text = f"counted by the server {span}; its load is taken as an open loop at the rate that it served"
    return Benchmark(
        tool=SERVER_METRICS.name, file=file, position=1, mode="server",
        deployed=_deployed(labels, engine, before, after), served_rate=rate, request_rate=rate, in_flight=flight,
        completed=completed, looked_at=_LOOKED_AT, notes=(Note(kind="unsaid", text=text),), **found,
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the text has metrics of vLLM or SGLang."""
    return head.lstrip("\ufeff \t\r\n")[:1] not in ("{", "[") and _HEAD.search(head) is not None


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """What the server did between the first and the last scrape, or in all where there is one."""
    yield from read_scrapes([text_of(path)], path.name)


def server_of(text: str) -> str:
    """Engine and model where a text is one scrape, which another of the same server may stand beside; else nothing."""
    try:
        scrapes = _scrapes(text)
        _, labels, engine = _read_scrape(scrapes[0])
    except BadRow:
        return ""
    return f"{engine} {labels.get('model_name', '')}" if len(scrapes) == 1 else ""


def _tokens(scrape: str) -> float:
    """What the server had answered by then."""
    sums = _read_scrape(scrape)[0]
    return sums.get(_COUNTERS["generated"][0], 0.0) + sums.get(_COUNTERS["prompt"][0], 0.0)


def read_scrapes(texts: Sequence[str], file: str) -> Iterator[Benchmark | Fault]:
    """The same of texts that are at hand: several of one scrape each stand in whatever order."""
    try:
        scrapes = _scrapes(texts[0]) if len(texts) == 1 else sorted(texts, key=_tokens)
        after, labels, engine = _read_scrape(scrapes[-1])
        before = _read_scrape(scrapes[0])[0] if len(scrapes) > 1 else {}
        yield _between(before, after, labels, engine, file, len(scrapes) < 2)
    except BadRow as error:
        yield Fault(file=file, line=1, text=str(error), place="scrape")


SERVER_METRICS = Importer(name="server metrics", columns=(), detect=detect, read=read, example=_EXAMPLE)
