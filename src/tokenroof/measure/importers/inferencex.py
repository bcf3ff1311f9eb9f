"""InferenceX: rows of its database and of its result files, which give a run's metrics side by side, in seconds.

A row is a closed loop. Rates are of each GPU, and of input and output together where nothing else is said; where
prefill has GPUs of its own, output is of each decode GPU and input of each prefill GPU. Such runs are read as
disaggregated, runs with drafts as such: neither is silently left out.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tokenroof.engines import engine
from tokenroof.errors import UnknownName
from tokenroof.measure.importers.table import BadRow, Importer, Row, columns_of, count, number, rows
from tokenroof.types.run import Fault, Role, Run

__all__ = ["INFERENCEX", "NEEDED", "base_of", "counted_gpus"]

NEEDED = ("model", "hardware", "framework", "precision", "isl", "osl", "decode_tp", "num_decode_gpu")
_CONCURRENCY = ("concurrency", "conc")  # the database's column, and that of the result files
# metric, column, scale to the metric's unit, unit, of which GPUs the column counts one's share
_METRICS = (
    ("ttft_ms", "mean_ttft_s", 1e3, "ms", ""),
    ("ttft_p50_ms", "median_ttft_s", 1e3, "ms", ""),
    ("tpot_ms", "mean_tpot_s", 1e3, "ms", ""),
    ("tpot_p50_ms", "median_tpot_s", 1e3, "ms", ""),
    ("e2e_latency_s", "mean_e2el", 1.0, "s", ""),
    ("total_tok_s", "total_tok_s_per_gpu", 1.0, "tok/s", "total"),
    ("total_tok_s", "tput_per_gpu", 1.0, "tok/s", "total"),
    ("output_tok_s", "output_tput_per_gpu", 1.0, "tok/s", "output"),
    ("input_tok_s", "input_tput_per_gpu", 1.0, "tok/s", "input"),
    ("joules_per_output_token", "joules_per_output_token", 1.0, "J/token", ""),
)
_MODELS = {"dsr1": "DeepSeek-R1"}  # short names of the result files
_DATE = re.compile(r"\b(20\d\d-[01]\d)(?:-\d\d)?\b")
_VERSION = re.compile(r":v?(\d+\.\d+(?:\.\d+)?)")
_EXAMPLE = """model,hardware,framework,precision,spec_method,disagg,isl,osl,concurrency,decode_tp,decode_ep,num_decode_gpu,median_tpot_s,total_tok_s_per_gpu,source_url
deepseek-ai/DeepSeek-R1,mi300x,sglang,fp8,none,0,1024,1024,4,8,1,8.0,0.0222,43.4,db-dump 2026-07-20
deepseek-ai/DeepSeek-R1,b200,dynamo-trt,fp4,mtp,1,1024,1024,6,8,8,40.0,0.0055,30.3,db-dump 2026-07-20
"""  # noqa: E501


def _flag(row: Row, name: str) -> bool:
    return (row.get(name) or "0").strip().lower() in ("1", "true", "t", "1.0")


def _some(row: Row, column: str) -> str:
    text = (row.get(column) or "").strip()
    if not text:
        raise BadRow(f"{column} is blank")
    return text


def _above_zero(row: Row, column: str) -> float:
    value = number(row, column)
    if value is None or value <= 0:
        raise BadRow(f"{column} must be above 0" if value is not None else f"{column} is blank")
    return value


def _engine_name(framework: str) -> str:
    """The engine as people write it, where the framework is one and not a service around it."""
    try:
        return engine(framework).display_name
    except UnknownName:
        return framework


def _found(pattern: re.Pattern[str], text: str | None) -> str:
    match = pattern.search(text or "")
    return match[1] if match else ""


def _gpus(row: Row, apart: bool) -> int:
    """GPUs of the run.

    Where prefill has none of its own, decode_tp is their number: num_decode_gpu is there tp * ep, which counts a GPU
    once for every rank of experts. Tokens in flight say so: the median of tok/s x TPOT / concurrency is 0.97 with the
    one and up to 8 with the other.
    """
    columns = ("num_decode_gpu", "num_prefill_gpu") if apart else ("decode_tp",)
    found = [count(row, column) for column in columns]
    if found[0] is None:
        raise BadRow(f"{columns[0]} is blank")
    return sum(number or 0 for number in found)


def _role(row: Row, name: str) -> Role:
    """Workers of one role. With attention in data parallel every GPU is a group of its own.

    A worker has as many GPUs as its `tp` says, however many the table counts as one.
    """
    gpus, workers = count(row, f"num_{name}_gpu"), count(row, f"{name}_num_workers") or 1
    tp, ep = count(row, f"{name}_tp") or 1, count(row, f"{name}_ep") or 1
    if gpus is None:
        raise BadRow(f"num_{name}_gpu is blank")
    each = tp if tp > 1 else gpus // workers
    if each < 1 or gpus % each:
        raise BadRow(f"num_{name}_gpu = {gpus} must be a multiple of {name}_tp = {tp}")
    apart = _flag(row, f"{name}_dp_attention")
    return Role(
        tp=1 if apart else each, dp=each if apart else 1, ep=ep if each % ep == 0 else 1, workers=gpus // each
    )  # fmt: skip


def base_of(row: Row, line: int, file: str) -> Run:
    """What a row says of its run, without a metric."""
    apart = _flag(row, "disagg")
    gpus, tp = _gpus(row, apart), count(row, "decode_tp")
    groups = gpus if _flag(row, "decode_dp_attention") and not apart else None
    model = _some(row, "model").split("/")[-1]
    model = _MODELS.get(model, model)
    concurrency = next((name for name in _CONCURRENCY if name in row), None)
    if concurrency is None:
        raise BadRow(f"{_CONCURRENCY[0]} must be a number")
    base = Run(
        row_id="", line=line, file=file, source="InferenceX",
        date=_found(_DATE, row.get("date") or row.get("source_url")), model=model, model_key=model,
        hardware=_some(row, "hardware"), hw_key=_some(row, "hardware"), num_gpus=gpus, tp=1 if groups else tp, pp=1,
        ep=count(row, "decode_ep") or 1, dp=groups, weight_dtype=_some(row, "precision"), kv_dtype="",
        engine=_engine_name(_some(row, "framework")), engine_version=_found(_VERSION, row.get("image")),
        mode="disaggregated" if apart else "server-closed-loop", isl=_above_zero(row, "isl"),
        osl=_above_zero(row, "osl"), concurrency=_above_zero(row, concurrency), request_rate=None,
        load=row[concurrency].strip(), metric="", value=0.0, unit="",
        spec_decode=(row.get("spec_method") or "none").strip(), quality="B", split="",
    )  # fmt: skip
    if not apart:
        return base
    one = _role(row, "decode")
    front = _role(row, "prefill") if (row.get("num_prefill_gpu") or "").strip() else None
    return replace(base, tp=one.tp, dp=one.dp, ep=one.ep, decode_workers=one.workers, prefill=front)


def counted_gpus(base: Run, share: str) -> int:
    """GPUs that a rate is told for: decode GPUs for output and prefill GPUs for input, where each has its own."""
    gpus, front = base.num_gpus or 1, base.prefill
    if front is None or share == "total":
        return gpus
    own = front.each * front.workers
    return own if share == "input" else gpus - own


def _runs(row: Row, line: int, file: str) -> Iterator[Run]:
    base = base_of(row, line, file)
    for metric, column, scale, unit, share in _METRICS:
        if (row.get(column) or "").strip():
            value = _above_zero(row, column) * scale * (counted_gpus(base, share) if share else 1)
            yield replace(base, row_id=f"{file}-{line}-{metric}", metric=metric, value=value, unit=unit)


def detect(head: str) -> bool:
    """Whether the first line has InferenceX's columns, in the database's names or those of the result files."""
    columns = set(columns_of(head))
    return set(NEEDED) <= columns and bool(columns & set(_CONCURRENCY))


def read(path: Path) -> Iterator[Run | Fault]:
    """A Run for every metric of every row; a row that cannot be used is a Fault."""
    return rows(path, _runs)


INFERENCEX = Importer(
    name="InferenceX", columns=(*NEEDED, _CONCURRENCY[0]), detect=detect, read=read, example=_EXAMPLE
)  # fmt: skip
