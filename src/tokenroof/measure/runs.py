"""Reads tables of measured runs: streamed, so that a million rows take no more memory than one.

A table without the columns it needs is refused; a bad row becomes a Fault with its number, and the rest is read.
"""

import csv
import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.types.run import Fault, Run

__all__ = ["METRIC_UNITS", "NEEDED", "read_runs"]

# Columns without which nothing can be predicted or compared; the other tidy columns may be absent.
NEEDED = ("model", "hardware", "engine", "mode", "input_len", "output_len", "batch_or_concurrency", "metric", "value")

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
    "total_tok_s": "tok/s",
}
_MOST_BYTES_PER_CELL = 100_000
_RATE = re.compile(r"(?:qps|rate)\s*=\s*([\d.]+|inf)|~\s*([\d.]+)\s*req/s", re.IGNORECASE)


class _Bad(Exception):
    """Why a row cannot be used."""


def _number(row: dict[str, str], column: str) -> float | None:
    text = (row.get(column) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise _Bad(f"{column} = {text[:40]!r} is not a number") from None
    if not math.isfinite(value) or value < 0:
        raise _Bad(f"{column} = {text[:40]} must be finite and not negative")
    return value


def _count(row: dict[str, str], column: str) -> int | None:
    value = _number(row, column)
    if value is None:
        return None
    if value != int(value) or value < 1 or value > 1e6:
        raise _Bad(f"{column} = {value:g} must be a whole number of at least 1")
    return int(value)


def _load(text: str) -> tuple[float | None, float | None]:
    """Concurrency (or batch) and request rate of a load column: `64`, `qps=8`, `poisson target_qps=75`."""
    try:
        return float(text), None
    except ValueError:
        found = _RATE.search(text)
        if not found:
            return None, None
        rate = (found[1] or found[2]).lower()
        return None, math.inf if rate == "inf" else float(rate)


def _run(row: dict[str, str], line: int, file: str) -> Run:
    needed = ("hardware", "metric") if row.get("mode") == "microbench" else ("model", "hardware", "metric")
    for column in needed:
        if not (row.get(column) or "").strip():
            raise _Bad(f"{column} is blank")
    metric, unit = row["metric"].strip(), (row.get("unit") or "").strip()
    wanted = METRIC_UNITS.get(metric)
    if wanted is not None and unit and unit != wanted:
        raise _Bad(f"unit = {unit[:20]!r} must be {wanted} for {metric}")
    value = _number(row, "value")
    if value is None or value <= 0:
        raise _Bad("value must be above 0" if value is not None else "value is blank")
    load = (row.get("batch_or_concurrency") or "").strip()
    concurrency, rate = _load(load)
    if concurrency is not None and not (0 < concurrency < 1e9):
        raise _Bad(f"batch_or_concurrency = {load[:40]} must be finite and above 0")
    texts = {
        name: (row.get(name) or "").strip()
        for name in ("row_id", "source", "date", "model", "model_key", "hardware", "hw_key", "weight_dtype", "kv_dtype",
                     "engine", "engine_version", "mode", "spec_decode", "quality", "split", "note")
    }  # fmt: skip
    return Run(
        **texts,
        line=line,
        file=file,
        num_gpus=_count(row, "num_gpus"),
        tp=_count(row, "tp"),
        pp=_count(row, "pp"),
        ep=_count(row, "ep"),
        dp=_count(row, "dp"),
        isl=_number(row, "input_len"),
        osl=_number(row, "output_len"),
        concurrency=concurrency,
        request_rate=rate,
        load=load,
        metric=metric,
        value=value,
        unit=unit or wanted or "",
    )


def read_runs(path: str | Path) -> Iterator[Run | Fault]:
    """Every row of a tidy CSV (plain or .gz), in order, as a Run or as the Fault that it has.

    Raises InputError for a path that is no readable file and for a table that lacks needed columns.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("csv", str(path), "a file")
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="strict", newline="") as file:
            yield from _rows(file, path.name)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise InputError("csv", str(path), "UTF-8 text", str(error)[:80]) from None
    except OSError as error:
        raise InputError("csv", str(path), "a readable file", error.strerror or "cannot be read") from None


def _rows(file: Iterator[str], name: str) -> Iterator[Run | Fault]:
    csv.field_size_limit(_MOST_BYTES_PER_CELL)
    reader = csv.DictReader(file)
    try:
        columns = reader.fieldnames or []
    except csv.Error as error:
        raise InputError("csv", name, "comma-separated text", str(error)) from None
    missing = [column for column in NEEDED if column not in columns]
    if missing:
        raise InputError("columns", name, f"a table with {', '.join(NEEDED)}", f"missing: {', '.join(missing)}")
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(file=name, line=reader.line_num, text=str(error))
            continue
        if None in row:
            yield Fault(file=name, line=reader.line_num, text="more cells than columns")
            continue
        try:
            yield _run(row, reader.line_num, name)
        except _Bad as error:
            yield Fault(file=name, line=reader.line_num, text=str(error))
