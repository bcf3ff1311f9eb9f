"""The tidy table: one row a measurement of one metric, of any engine, mode and load."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tokenroof.engines.format_words import KV_WORDS, kv_word
from tokenroof.measure.importers.table import BadRow, Importer, Row, columns_of, count, number, plain, rows
from tokenroof.types.layout import A2A_BACKENDS
from tokenroof.types.run import Fault, Role, Run

__all__ = ["COLUMNS", "METRIC_UNITS", "NEEDED", "TIDY", "row_of"]

# The other tidy columns may be absent. A table of open loops may give `request_rate` in place of the load as text.
NEEDED = ("model", "hardware", "engine", "mode", "input_len", "output_len", "batch_or_concurrency", "metric", "value")

# Every column that is read: docs/reference/measurements.md says what each means.
COLUMNS = (
    *NEEDED, "row_id", "source", "date", "model_key", "hw_key", "num_gpus", "tp", "pp", "ep", "dp", "dcp",
    "weight_dtype", "kv_dtype", "engine_version", "eager", "memory_fraction", "max_num_seqs", "max_batched_tokens",
    "gather_passes", "moe_a2a_backend", "dispatch_dtype", "two_batch_overlap", "request_rate", "arrivals", "lengths",
    "generated_len", "prefix_len", "requests", "spec_decode", "drafts", "acceptance", "prefill_tp", "prefill_pp",
    "prefill_ep", "prefill_dp", "prefill_workers", "decode_workers", "unit", "quality", "split", "note",
)  # fmt: skip

# metric -> the unit its value must be in
METRIC_UNITS = {
    "e2e_latency_s": "s",
    "ttft_ms": "ms",
    "ttft_p50_ms": "ms",
    "tpot_ms": "ms",
    "tpot_p50_ms": "ms",
    "itl_ms": "ms",
    "itl_p50_ms": "ms",
    "output_tok_s": "tok/s",
    "output_tok_s_per_gpu": "tok/s/GPU",
    "input_tok_s": "tok/s",
    "input_tok_s_per_gpu": "tok/s/GPU",
    "total_tok_s": "tok/s",
}
_RATE = re.compile(r"(?:qps|rate)\s*=\s*(\d+\.?\d*|\.\d+|inf)|~\s*(\d+\.?\d*|\.\d+)\s*req/s", re.IGNORECASE)
_ROLE = ("tp", "pp", "ep", "dp", "workers")
_ARRIVALS = ("poisson", "constant")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
# The method of drafts, of which more may be said: `MTP2`, `eagle3`, `draft Llama-3.2-1B`.
_METHOD = re.compile(
    r"none|(deepseek_)?(mtp|nextn|eagle|draft|ngram|medusa|suffix|lookahead|speculative|given).*", re.IGNORECASE
)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_LOAD, _RATE_COLUMN = "batch_or_concurrency", "request_rate"
_TIMES = re.compile(r"(\d{1,6})x(.+)")
_EXAMPLE = """model,hardware,num_gpus,tp,engine,mode,input_len,output_len,batch_or_concurrency,metric,value,unit
Llama-3.1-8B,NVIDIA H100 SXM,1,1,vLLM,server-closed-loop,1024,128,64,tpot_ms,12.5,ms
Llama-3.1-8B,NVIDIA H100 SXM,1,1,vLLM,server,1024,128,qps=8,ttft_ms,80,ms
"""


def _load(text: str) -> tuple[float | None, float | None]:
    """Concurrency (or batch) and request rate of a load column: `64`, `qps=8`, `poisson target_qps=75`."""
    try:
        return plain(text), None
    except ValueError:
        found = _RATE.search(text)
        if not found:
            return None, None
        rate = (found[1] or found[2]).lower()
        return None, math.inf if rate == "inf" else float(rate)


def _word(row: Row, column: str, known: str, fits: Callable[[str], object]) -> str:
    """A cell of known words; blank is unknown, and any other word is refused with those that are known."""
    text = (row.get(column) or "").strip()
    if text and not fits(text):
        raise BadRow(f"{column} = {text[:40]!r} must be {known}, or blank")
    return text


def _words(row: Row) -> dict[str, str]:
    """Cells that would change what is predicted, or be taken for blank, if a word of theirs were not known."""
    _word(row, "lengths", "mean", lambda text: text.lower() == "mean")
    method = _word(row, "spec_decode", "none, mtp, eagle, draft, ngram, medusa or suffix", _METHOD.fullmatch)
    cache = _word(row, "kv_dtype", f"auto, {', '.join(KV_WORDS)}", lambda t: t.lower() == "auto" or kv_word(t))
    return {
        "spec_decode": "none" if method.lower() == "none" else method,
        "kv_dtype": "" if cache.lower() == "auto" else cache,
        "quality": _word(row, "quality", "A, B or C", lambda text: text in ("A", "B", "C")),
        "date": _word(row, "date", "year-month-day", _DATE.fullmatch),
    }


def _evenly(row: Row) -> bool:
    text = (row.get("arrivals") or "").strip().lower()
    if text not in ("", *_ARRIVALS):
        raise BadRow(f"arrivals = {text[:40]!r} must be one of {', '.join(_ARRIVALS)}")
    return text == "constant"


def _prefill(row: Row) -> Role | None:
    """Workers of their own for prompts, where a degree or their number is given."""
    given = {name: count(row, f"prefill_{name}") for name in _ROLE}
    stated = {name: value for name, value in given.items() if value is not None}
    return Role(**stated) if stated else None


def _yes(row: Row, name: str) -> bool | None:
    text = (row.get(name) or "").strip().lower()
    if text not in ("", *_YES, *_NO):
        raise BadRow(f"{name} = {text[:40]!r} must be yes or no")
    return text in _YES if text else None


def _backend(row: Row) -> str:
    text = (row.get("moe_a2a_backend") or "").strip().lower()
    if text not in ("", *A2A_BACKENDS):
        raise BadRow(f"moe_a2a_backend = {text[:40]!r} must be {' or '.join(A2A_BACKENDS)}")
    return text


def _drafts(row: Row) -> int | None:
    found = count(row, "drafts")
    if found and (row.get("spec_decode") or "").strip().lower() == "none":
        raise BadRow(f"drafts = {found} beside spec_decode = none; leave one out")
    return found


def _share(row: Row, column: str) -> float | None:
    value = number(row, column)
    if value is not None and value > 1.0:
        raise BadRow(f"{column} = {value:g} must be a share from 0 to 1")
    return value


def _hardware(row: Row) -> tuple[str, int | None]:
    """A chip and how many: `2xH100` says both, as it does elsewhere."""
    text, gpus = (row.get("hardware") or "").strip(), count(row, "num_gpus")
    found = _TIMES.fullmatch(text)
    if found is None:
        return text, gpus
    if gpus is not None and gpus != int(found[1]):
        raise BadRow(f"num_gpus = {gpus} must be that of hardware = {text[:40]!r}")
    return found[2], int(found[1])


def _run(row: Row, line: int, file: str) -> Run:
    needed = ("hardware", "metric") if row.get("mode") == "microbench" else ("model", "hardware", "metric")
    for column in needed:
        if not (row.get(column) or "").strip():
            raise BadRow(f"{column} is blank")
    metric, unit = row["metric"].strip(), (row.get("unit") or "").strip()
    wanted = METRIC_UNITS.get(metric)
    if wanted is not None and unit and unit != wanted:
        raise BadRow(f"unit = {unit[:20]!r} must be {wanted} for {metric}")
    value = number(row, "value")
    if value is None or value <= 0:
        raise BadRow("value must be above 0" if value is not None else "value is blank")
    load = (row.get(_LOAD) or "").strip()
    concurrency, rate = _load(load)
    rate = number(row, _RATE_COLUMN) if rate is None else rate
    if concurrency is not None and not (0 < concurrency < 1e9):
        raise BadRow(f"batch_or_concurrency = {load[:40]} must be finite and above 0")
    texts = {
        name: (row.get(name) or "").strip()
        for name in ("row_id", "source", "model", "model_key", "hw_key", "weight_dtype", "engine", "engine_version",
                     "mode", "split", "note")
    } | _words(row)  # fmt: skip
    hardware, gpus = _hardware(row)
    return Run(
        **texts,
        line=line,
        file=file,
        hardware=hardware,
        num_gpus=gpus,
        tp=count(row, "tp"),
        pp=count(row, "pp"),
        ep=count(row, "ep"),
        dp=count(row, "dp"),
        isl=number(row, "input_len"),
        osl=number(row, "output_len"),
        concurrency=concurrency,
        request_rate=rate,
        load=load,
        metric=metric,
        value=value,
        unit=unit or wanted or "",
        prefix=number(row, "prefix_len"),
        requests=number(row, "requests"),
        evenly=_evenly(row),
        generated=number(row, "generated_len"),
        max_num_seqs=count(row, "max_num_seqs"),
        max_batched_tokens=count(row, "max_batched_tokens"),
        prefill=_prefill(row),
        decode_workers=count(row, "decode_workers"),
        drafts=_drafts(row),
        acceptance=_share(row, "acceptance"),
        gather_passes=number(row, "gather_passes"),
        dcp=count(row, "dcp"),
        mean_lengths=(row.get("lengths") or "").strip().lower() == "mean",
        memory_fraction=_share(row, "memory_fraction"),
        eager=bool(_yes(row, "eager")),
        moe_a2a_backend=_backend(row),
        dispatch_dtype=(row.get("dispatch_dtype") or "").strip().lower(),
        two_batch_overlap=_yes(row, "two_batch_overlap"),
    )


def _runs(row: Row, line: int, file: str) -> Iterator[Run]:
    yield _run(row, line, file)


def row_of(run: Run) -> dict[str, str]:
    """A run as a row of the table; reading it gives the run again."""
    front = run.prefill
    cells: dict[str, Any] = {
        "row_id": run.row_id, "source": run.source, "date": run.date, "model": run.model, "model_key": run.model_key,
        "hardware": run.hardware, "hw_key": run.hw_key, "num_gpus": run.num_gpus, "tp": run.tp, "pp": run.pp,
        "ep": run.ep, "dp": run.dp, "dcp": run.dcp, "weight_dtype": run.weight_dtype, "kv_dtype": run.kv_dtype,
        "engine": run.engine, "engine_version": run.engine_version, "mode": run.mode, "input_len": run.isl,
        "output_len": run.osl, _LOAD: run.load, "metric": run.metric, "value": run.value, "unit": run.unit,
        "spec_decode": run.spec_decode, "quality": run.quality, "prefix_len": run.prefix, "requests": run.requests,
        "arrivals": "constant" if run.evenly else "", "max_num_seqs": run.max_num_seqs,
        "max_batched_tokens": run.max_batched_tokens, "memory_fraction": run.memory_fraction, "drafts": run.drafts,
        "acceptance": run.acceptance, "decode_workers": run.decode_workers,
        "lengths": "mean" if run.mean_lengths else "", "eager": "yes" if run.eager else "",
        "moe_a2a_backend": run.moe_a2a_backend, "dispatch_dtype": run.dispatch_dtype,
        "two_batch_overlap": {None: "", True: "yes", False: "no"}[run.two_batch_overlap],
        **{f"prefill_{name}": None if front is None else getattr(front, name) for name in _ROLE},
    }  # fmt: skip
    return {name: "" if cell is None else f"{cell:.10g}" if isinstance(cell, float) else str(cell)
            for name, cell in cells.items()}  # fmt: skip


def detect(head: str) -> bool:
    """Whether the first line has the tidy columns."""
    columns = set(columns_of(head))
    return set(NEEDED) - {_LOAD} <= columns and bool(columns & {_LOAD, _RATE_COLUMN})


def read(path: Path) -> Iterator[Run | Fault]:
    """Every row as a Run or as the Fault that it has."""
    return rows(path, _runs)


TIDY = Importer(name="tidy table", columns=NEEDED, detect=detect, read=read, example=_EXAMPLE)
