"""A plan as a table: the frontier of each machine, winners and runner-ups, one row each, units in the column names."""

import csv
import io
from pathlib import Path
from typing import Any

from tokenroof.errors import InputError, MissingExtra
from tokenroof.files import put
from tokenroof.usecases.plan.answer import Candidate, FrontierPoint, MachinePlan, PlanResponse

__all__ = ["COLUMNS", "rows_of", "to_csv", "write_parquet"]

# column -> unit, for the metadata of Parquet fields
COLUMNS: dict[str, str] = {
    "model": "", "system": "", "kind": "", "mode": "", "layout": "", "weights": "", "kv": "", "chunk_tokens": "token",
    "drafts": "1", "gpus": "GPU", "concurrency": "request", "ttft_s": "s", "tpot_s": "s",
    "tokens_per_s_per_user": "token/s", "output_tokens_per_s_per_gpu": "token/s/GPU", "usd_per_mtok_all": "USD/Mtoken",
    "meets": "", "ttft_chance": "1", "tpot_chance": "1", "equal": "", "why_not": "",
}  # fmt: skip


def _of_point(answer: PlanResponse, machine: MachinePlan, point: FrontierPoint) -> dict[str, Any]:
    return {
        "model": answer.model, "system": machine.system, "kind": "frontier", "mode": point.mode, "layout": point.label,
        "weights": point.weights, "kv": point.kv, "chunk_tokens": point.chunk, "drafts": point.drafts,
        "gpus": point.gpus, "concurrency": point.concurrency, "ttft_s": point.ttft_s, "tpot_s": point.tpot_s,
        "tokens_per_s_per_user": point.tokens_per_s_per_user,
        "output_tokens_per_s_per_gpu": point.output_tokens_per_s_per_gpu, "usd_per_mtok_all": point.usd_per_mtok_all,
        "meets": point.meets, "ttft_chance": None, "tpot_chance": None, "equal": None, "why_not": "",
    }  # fmt: skip


def _of_candidate(answer: PlanResponse, machine: MachinePlan, one: Candidate, kind: str) -> dict[str, Any]:
    return {
        "model": answer.model, "system": machine.system, "kind": kind, "mode": one.mode, "layout": one.label,
        "weights": one.weights, "kv": one.kv, "chunk_tokens": one.chunk, "drafts": one.drafts, "gpus": one.gpus,
        "concurrency": one.concurrency, "ttft_s": one.ttft_s, "tpot_s": one.tpot_s,
        "tokens_per_s_per_user": one.tokens_per_s_per_user,
        "output_tokens_per_s_per_gpu": one.output_tokens_per_s_per_gpu, "usd_per_mtok_all": one.usd_per_mtok_all,
        "meets": True, "ttft_chance": one.chances.get("TTFT"), "tpot_chance": one.chances.get("TPOT"),
        "equal": one.equal or kind == "winner", "why_not": one.why_not,
    }  # fmt: skip


def rows_of(answer: PlanResponse) -> list[dict[str, Any]]:
    """Winner, runner-ups and frontier of each machine."""
    rows = []
    for machine in answer.machines:
        if machine.winner is not None:
            rows.append(_of_candidate(answer, machine, machine.winner, "winner"))
        rows += [_of_candidate(answer, machine, one, "runner-up") for one in machine.runner_ups]
        rows += [_of_point(answer, machine, point) for point in machine.frontier]
    return rows


def to_csv(answer: PlanResponse) -> str:
    """The rows as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(answer))
    return text.getvalue()


def write_parquet(answer: PlanResponse, path: Path) -> None:
    """The rows as a Parquet file with units in the schema, whole or not at all."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("a Parquet file", "export") from None
    words = {"model", "system", "kind", "mode", "layout", "weights", "kv", "why_not"}
    whole = {"chunk_tokens", "drafts", "gpus"}
    fields = []
    for name, unit in COLUMNS.items():
        kind = pa.string() if name in words else pa.int64() if name in whole else pa.float64()
        fields.append(pa.field(name, pa.bool_() if name in ("meets", "equal") else kind, metadata={"unit": unit}))
    rows = rows_of(answer)
    if not rows:
        raise InputError("output", str(path), "a plan with at least one point")
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields, metadata={"model": answer.model}))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    put(path, bytes(sink.getvalue()))
