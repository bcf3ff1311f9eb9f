"""llama-bench in JSON, JSONL, CSV and Markdown: a record a test, one sequence at a time.

A test of prompts alone is a prefill, one of answers alone a decode at the depth that it says, both is a whole request.
The size of the file is the weights that a decode step reads, better than the name of their format. Markdown has no
chip.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tokenroof.engines.format_words import kv_word
from tokenroof.errors import UnitError
from tokenroof.measure.importers.documents import Fields, benchmarks, keys_of, month, text_of
from tokenroof.measure.importers.table import BadRow, Importer, columns_of
from tokenroof.types.benchmark import Benchmark, Deployed, Note, Spread
from tokenroof.types.run import Fault
from tokenroof.units import parse_quantity

__all__ = ["LLAMA_BENCH", "LLAMA_BENCH_CSV", "LLAMA_BENCH_MD"]

_LOOKED_AT = ("gpu_info", "cpu_info", "split_mode")
_QUANT = re.compile(r"[-._ ]((?:I?Q\d\w*|BF16|F16|F32|MXFP4)(?:_\w+)?)$", re.IGNORECASE)
_FORMATS = {"f16": "fp16", "f32": "fp32", "bf16": "bf16", "mxfp4": "mxfp4"}
_TEST = re.compile(r"(?:pp(\d{1,9}))?\+?(?:tg(\d{1,9}))?(?:\s*@\s*d(\d{1,9}))?")
_KEYS = frozenset({"model_n_params", "n_gen", "avg_ts"})
_EXAMPLE = """[{"build_commit": "abc1234", "cpu_info": "a CPU", "gpu_info": "NVIDIA H100 80GB HBM3", "backends": "CUDA",
 "model_filename": "/models/llama-3.1-8b-Q4_K_M.gguf", "model_type": "llama 8B Q4_K - Medium",
 "model_size": 4912898304, "model_n_params": 8030261248, "type_k": "f16", "type_v": "f16", "n_gpu_layers": 99,
 "n_cpu_moe": 0, "split_mode": "layer", "n_prompt": 0, "n_gen": 128, "n_depth": 4096,
 "test_time": "2026-09-01T10:00:00Z", "avg_ns": 907801418, "avg_ts": 141.0}]
"""
_EXAMPLE_CSV = (
    "build_commit,gpu_info,backends,model_filename,model_size,model_n_params,type_k,n_gpu_layers,split_mode,n_prompt,"
    "n_gen,n_depth,test_time,avg_ns,avg_ts\n"
    '"abc1234","NVIDIA H100 80GB HBM3","CUDA","/models/llama-3.1-8b-Q4_K_M.gguf","4912898304","8030261248","f16","99",'
    '"layer","0","128","4096","2026-09-01T10:00:00Z","907801418","141.0"\n'
)
_EXAMPLE_MD = """| model | size | params | backend | ngl | test | t/s |
| --- | ---: | ---: | --- | --: | ---: | ---: |
| llama 8B Q4_K - Medium | 4.58 GiB | 8.03 B | CUDA | 99 | tg128 @ d4096 | 141.00 ± 1.41 |
"""


def _named(file: str) -> tuple[str, str]:
    """Model and format of a name such as Model-8B-Q4_K_M.gguf or `llama 8B Q4_K - Medium`."""
    stem = PurePosixPath(file.replace("\\", "/")).name.removesuffix(".gguf")
    stem = re.sub(r"-\d{5}-of-\d{5}$", "", stem)
    found = _QUANT.search(stem)
    if found is None:
        return stem, ""
    word = found[1].lower()
    return stem[: found.start()], _FORMATS.get(word, word)


def _bits(fields: Fields, word: str) -> str:
    """The mean bits of a weight, as the size of the file has them; the name of the format where that is not said."""
    size, params = fields.above("model_size"), fields.above("model_n_params")
    bits = 8.0 * size / params if size and params else None
    return f"bpw{bits:.4f}" if bits is not None and 1.0 <= bits <= 33.0 else word


def _deployed(fields: Fields) -> Deployed:
    model, word = _named(fields.text("model_filename") or fields.text("model_type"))
    names = [name.strip() for name in fields.text("gpu_info").split(",") if name.strip()]
    split, gpus = fields.text("split_mode"), len(names) or 1
    if split == "none":
        gpus = 1
    size = fields.above("model_size")
    return Deployed(
        model=model, hardware=(names or [fields.text("cpu_info")])[0] if len(set(names)) <= 1 else "", gpus=gpus,
        tp=gpus if split in ("row", "tensor") else 1, pp=1 if split in ("row", "tensor") else gpus,
        weight_dtype=_bits(fields, word), kv_dtype=kv_word(_FORMATS.get(fields.text("type_k"), fields.text("type_k"))),
        engine="llama.cpp", engine_version=_build(fields), weights_bytes=size,
        speculation="none",
    )  # fmt: skip


def _build(fields: Fields) -> str:
    number = fields.count("build_number")
    return "" if number is None else f"b{number}"


def _notes(fields: Fields) -> tuple[Note, ...]:
    notes = []
    layers, experts = fields.number("n_gpu_layers"), fields.number("n_cpu_moe")
    if layers == 0 and fields.text("gpu_info"):
        notes.append(Note(kind="offload", text="n_gpu_layers is 0: the weights are in the memory of the host"))
    if experts:
        notes.append(Note(kind="offload", text=f"experts of {experts:g} layers are in the memory of the host"))
    return tuple(notes)


def _test(fields: Fields, tool: str, position: int, file: str) -> Benchmark:
    prompt, answer = fields.number("n_prompt") or 0.0, fields.number("n_gen") or 0.0
    depth, speed = fields.number("n_depth") or 0.0, fields.needed("avg_ts")
    if not prompt and not answer:
        raise BadRow("n_prompt and n_gen are both 0")
    took_s = (fields.above("avg_ns") or (prompt + answer) / speed * 1e9) * 1e-9
    where = _deployed(fields)
    if depth and prompt:
        where = replace(where, prefix_hits=depth / (depth + prompt))
    base = Benchmark(
        tool=tool, file=file, position=position, mode="mixed", deployed=where, date=month(fields.text("test_time")),
        isl=Spread(mean=depth + prompt or 1.0), osl=Spread(mean=answer or 1.0), concurrency=1.0, in_flight=1.0,
        looked_at=_LOOKED_AT, notes=_notes(fields),
    )  # fmt: skip
    if not answer:
        return replace(base, mode="prefill", ttft=Spread(mean=took_s), input_tok_s=prompt / took_s)
    if not prompt:
        return replace(base, mode="decode", tpot=Spread(mean=took_s / answer), output_tok_s=answer / took_s)
    return replace(base, e2e=Spread(mean=took_s), total_tok_s=(prompt + answer) / took_s)


def _read(path: Path) -> Iterator[Benchmark | Fault]:
    return benchmarks(path, lambda fields, position, file: iter((_test(fields, LLAMA_BENCH.name, position, file),)))


def _rows(path: Path, rows: Iterator[tuple[int, dict[str, str]]], tool: str) -> Iterator[Benchmark | Fault]:
    for line, row in rows:
        try:
            yield _test(Fields(row), tool, line, path.name)
        except BadRow as error:
            yield Fault(file=path.name, line=line, text=str(error))


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text_of(path)))
    try:
        for row in reader:
            yield reader.line_num, {str(name): cell for name, cell in row.items() if isinstance(cell, str)}
    except csv.Error as error:
        raise BadRow(str(error)) from None


def _read_csv(path: Path) -> Iterator[Benchmark | Fault]:
    try:
        yield from _rows(path, _csv_rows(path), LLAMA_BENCH_CSV.name)
    except BadRow as error:
        yield Fault(file=path.name, line=0, text=str(error))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _md_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the tables of a page, with the names that the JSON has; what is no table between them is passed over."""
    head: list[str] = []
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        cells = _cells(line) if line.lstrip().startswith("|") else []
        if not cells:
            head = []
        elif "test" in cells and "t/s" in cells:
            head = cells
        elif len(head) == len(cells) and not set("".join(cells)) <= set("-: "):
            yield number, _as_record(dict(zip(head, cells, strict=True)))


def _as_record(row: dict[str, str]) -> dict[str, str]:
    test = _TEST.fullmatch(row["test"]) or _TEST.fullmatch("")
    size = re.fullmatch(r"([\d.]{1,12})\s*([KMGT]iB)", row.get("size", ""))
    params = re.fullmatch(r"([\d.]{1,12})\s*([MBT])", row.get("params", ""))
    scale = {"M": 1e6, "B": 1e9, "T": 1e12}
    try:
        bytes_of = f"{parse_quantity(size[0], 'B'):.0f}" if size else ""
        count = f"{float(params[1]) * scale[params[2]]:.0f}" if params else ""
    except (UnitError, ValueError):
        bytes_of = count = ""
    return {
        "model_type": row.get("model", ""), "model_size": bytes_of, "model_n_params": count,
        "n_gpu_layers": row.get("ngl", ""), "type_k": row.get("type_k", "f16"), "split_mode": row.get("sm", "layer"),
        "n_prompt": (test and test[1]) or "0", "n_gen": (test and test[2]) or "0", "n_depth": (test and test[3]) or "0",
        "avg_ts": row["t/s"].partition("±")[0].strip(),
    }  # fmt: skip


def _read_md(path: Path) -> Iterator[Benchmark | Fault]:
    return _rows(path, _md_rows(path), LLAMA_BENCH_MD.name)


def _detect(head: str) -> bool:
    return keys_of(head) >= _KEYS


def _detect_csv(head: str) -> bool:
    return set(columns_of(head)) >= {"model_n_params", "n_prompt", "n_gen", "avg_ts"}


def _detect_md(head: str) -> bool:
    return any("test" in (cells := _cells(line)) and "t/s" in cells for line in head.splitlines()[:2000] if "|" in line)


LLAMA_BENCH = Importer(name="llama-bench", columns=(), detect=_detect, read=_read, example=_EXAMPLE, keys=_KEYS)
LLAMA_BENCH_CSV = Importer(name="llama-bench CSV", columns=(), detect=_detect_csv, read=_read_csv, example=_EXAMPLE_CSV)
LLAMA_BENCH_MD = Importer(name="llama-bench table", columns=(), detect=_detect_md, read=_read_md, example=_EXAMPLE_MD)
