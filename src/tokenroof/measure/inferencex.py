"""Reads InferenceX rows in the database's own columns, which are not the tidy ones: medians, totals per GPU."""

import csv
from collections.abc import Iterator
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.types.run import Run

__all__ = ["read_inferencex"]

_NEEDED = ("model", "hardware", "framework", "precision", "isl", "osl", "concurrency", "decode_tp", "num_decode_gpu")


def _flag(row: dict[str, str], name: str) -> bool:
    return (row.get(name) or "0").strip().lower() in ("1", "true", "t", "1.0")


def _runs(row: dict[str, str], line: int, file: str) -> Iterator[Run]:
    gpus = int(float(row["num_decode_gpu"]))
    tp = int(row["decode_tp"])
    parallel = gpus if _flag(row, "decode_dp_attention") else None
    for metric, column, scale, unit in (
        ("tpot_p50_ms", "median_tpot_s", 1e3, "ms"),
        ("total_tok_s", "total_tok_s_per_gpu", float(gpus), "tok/s"),
    ):
        if not (row.get(column) or "").strip():
            continue
        yield Run(
            row_id=f"{file}-{line}-{metric}", line=line, file=file, source="InferenceX", date="2026-07",
            model=row["model"].split("/")[-1], model_key=row["model"].split("/")[-1], hardware=row["hardware"],
            hw_key=row["hardware"], num_gpus=gpus, tp=1 if parallel else tp, pp=1, ep=int(row.get("decode_ep") or 1),
            dp=parallel, weight_dtype=row["precision"], kv_dtype="",
            engine=row["framework"], engine_version="", mode="server-closed-loop",
            isl=float(row["isl"]), osl=float(row["osl"]), concurrency=float(row["concurrency"]), request_rate=None,
            load=row["concurrency"], metric=metric, value=float(row[column]) * scale, unit=unit, spec_decode="none",
            quality="B", split="cal",
        )  # fmt: skip


def read_inferencex(path: Path) -> Iterator[Run]:
    """Aggregated single-node runs without speculation, two metrics each."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                "columns", path.name, f"a table with {', '.join(_NEEDED)}", f"missing: {', '.join(missing)}"
            )
        for row in reader:
            plain = (row.get("spec_method") or "none") == "none"
            if plain and not _flag(row, "disagg") and not _flag(row, "is_multinode"):
                yield from _runs(row, reader.line_num, path.name)
