"""Reads tables of kernel timings as counts: floating-point operations, bytes moved, seconds, for each kind of operator.

Counts are those of the engine's own rows, so that a curve fitted here is the curve that the engine evaluates.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tokenroof.errors import InputError
from tokenroof.reading import lines, opened
from tokenroof.types.dtype import dtype

__all__ = ["CHIPS", "CollectiveRow", "KernelRow", "read_collectives", "read_kernels"]

# Names of the systems in the tables -> chip of the catalogue
CHIPS = {
    "a100_sxm": "a100", "h100_sxm": "h100", "h200_sxm": "h200", "b200_sxm": "b200", "b300_sxm": "b300",
    "gb200": "gb200", "gb300": "gb300", "l40s": "l40s", "rtx_pro_6000_server": "rtx-pro-6000",
}  # fmt: skip
# format in the tables -> (format of the engine, key of the arithmetic rate, bytes of one activation)
_MATMUL = {
    "bfloat16": ("bf16", "bf16", 2.0), "fp8": ("fp8", "fp8", 1.0), "fp8_block": ("fp8_block", "fp8", 1.0),
    "nvfp4": ("nvfp4", "fp4", 0.5625), "sq": ("int8", "int8", 1.0), "int8_wo": ("int8_w", "bf16", 2.0),
    "int4_wo": ("int4_g128", "bf16", 2.0),
}  # fmt: skip
# 4-bit weights with 8-bit activations multiply at the 8-bit rate; profile_build restates the share of the 4-bit one.
_EXPERTS = _MATMUL | {"w4a8_mxfp4_mxfp8": ("mxfp4", "fp8", 1.0), "w4a16_mxfp4": ("mxfp4_w", "bf16", 2.0)}
_CACHE = {"bfloat16": ("bf16", 2.0), "fp8": ("fp8", 1.0)}
# Heads that share a pair of keys and values in models of today; kernels for more or fewer are others in some engines.
_FEWEST_SHARING, _MOST_SHARING = 2.0, 16.0
_LONGEST_LINE = 1_000_000  # characters
_LEAST_S = 1e-6  # shorter rows are failures of the measurement


@dataclass(frozen=True, slots=True)
class KernelRow:
    """One timing. `groups` is how many experts have work (0 elsewhere); `site` names its shape, whatever the load.

    `shared`: it tells what engines do whose kernels nobody timed; `own`: what `engine` itself does.
    """

    chip: str
    kind: str
    format: str
    rate: str
    flops: float
    bytes: float
    seconds: float
    site: str
    groups: float = 0.0
    flops_per_row: float = 0.0
    engine: str = ""
    shared: bool = True
    own: bool = True


@dataclass(frozen=True, slots=True)
class CollectiveRow:
    """One timing of a collective over `ranks` ranks; `bytes` as engine.networks counts its buffer.

    `library`: nccl, or an engine whose own kernel it is. vLLM's goes up to a size that depends on ranks and chip; above
    that the switch sums in symmetric memory.
    """

    chip: str
    kind: str
    library: str
    ranks: int
    bytes: float
    seconds: float


def _paths(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / f"{name}.csv.gz", folder / f"{name}.csv") if path.is_file()]


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    for path in _paths(folder, name)[:1]:
        with opened(path, "ops", errors="strict") as file:
            yield from csv.DictReader(lines(file, str(path), _LONGEST_LINE))
        return
    raise InputError("ops", str(folder), f"a folder with {name}.csv.gz")


def _weight_bytes(name: str) -> float:
    plain = {"int8_w": "int8", "mxfp4_w": "mxfp4"}.get(name, name)
    return dtype(plain).bytes_per_element


def _gemm(row: dict[str, str]) -> KernelRow | None:
    m, n, k = (float(row[key]) for key in ("m", "n", "k"))
    known = _MATMUL.get(row["dtype"])
    # Small problems on cards with a cache larger than the weights never see the memory.
    cached = row["system"] in ("l40s", "rtx_pro_6000_server") and m <= 64
    if known is None or m <= 0 or cached:
        return None
    format, rate, act = known
    moved = n * k * _weight_bytes(format) + m * k * act + 2.0 * m * n
    return KernelRow(CHIPS[row["system"]], "gemm", format, rate, 2.0 * m * n * k, moved, 0.0, f"{n:g}x{k:g}")


def _decode_attention(row: dict[str, str]) -> KernelRow | None:
    batch, length, heads, kv_heads, width = (
        float(row[key]) for key in ("batch", "kv_len", "q_heads", "kv_heads", "head_dim")
    )
    format, size = _CACHE[row["kv_dtype"]]
    hopper = row["system"] in ("h100_sxm", "h200_sxm")
    if length < 128 or (row["framework"] == "trtllm" and row["system"] in ("a100_sxm", "l40s")):
        return None
    if row["framework"] == "sglang" and format == "fp8" and hopper:
        return None  # dequantises on Hopper: not what servers run
    moved = batch * length * 2.0 * kv_heads * width * size + 4.0 * batch * heads * width
    flops = 4.0 * batch * length * heads * width
    chip = CHIPS[row["system"]]
    # TensorRT-LLM has two kernels far apart for an 8-bit cache, chosen by shape.
    shared = row["framework"] != "trtllm" or format != "fp8" or hopper
    own = _FEWEST_SHARING <= heads / kv_heads <= _MOST_SHARING
    return KernelRow(
        chip, "attention_decode", format, "bf16", flops, moved, 0.0, f"{heads:g}/{kv_heads:g}", shared=shared, own=own
    )


def _prefill_attention(row: dict[str, str]) -> KernelRow | None:
    batch, length, heads, kv_heads, width = (
        float(row[key]) for key in ("batch", "isl", "q_heads", "kv_heads", "head_dim")
    )
    if length < 64 or row["attn_dtype"] != "bfloat16":
        return None
    size = _CACHE[row["kv_dtype"]][1]
    moved = batch * length * width * (2.0 * 2.0 * heads + 2.0 * 2.0 * kv_heads * size)
    flops = 4.0 * batch * length * (length + 1.0) / 2.0 * heads * width
    return KernelRow(
        CHIPS[row["system"]], "attention_prefill", "", "bf16", flops, moved, 0.0, f"{heads:g}/{kv_heads:g}"
    )


def _experts(row: dict[str, str]) -> KernelRow | None:
    known = _EXPERTS.get(row["moe_dtype"])
    if known is None or row["distribution"] != "balanced" or "nongated" in row["kernel_source"]:
        return None
    if row["moe_dtype"] == "fp8" and row["system"] in ("h100_sxm", "h200_sxm"):
        return None  # two kernels four times apart
    if row["moe_dtype"] == "bfloat16" and row["system"] == "a100_sxm":
        return None  # only untuned Triton kernels were timed
    format, rate, _ = known
    tokens, hidden, inner, top_k, experts, tp, ep = (
        float(row[key])
        for key in ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size")
    )
    per_row = 2.0 * 3.0 * hidden * inner / tp
    visits = tokens * top_k / ep
    touched = max(1.0, min(experts / ep, visits))
    moved = touched * 3.0 * hidden * inner / tp * _weight_bytes(format) + visits * 2.0 * (
        2.0 * hidden + 3.0 * inner / tp
    )
    return KernelRow(
        CHIPS[row["system"]], "grouped_gemm", format, rate, visits * per_row, moved, 0.0,
        f"{hidden:g}x{inner:g}x{experts:g}", touched, per_row,
    )  # fmt: skip


def _latent(row: dict[str, str]) -> KernelRow | None:
    if row["table"] not in ("generation_mla", "context_mla"):
        return None
    format, size = _CACHE[row["kv_cache_dtype"]]
    heads, batch, step, new = (float(row[key]) for key in ("num_heads", "batch_size", "step", "isl"))
    chip = CHIPS[row["system"]]
    hopper = chip in ("h100", "h200")
    if row["table"] == "generation_mla":
        context = step + 1.0
        if context < 128 or row["engine"] == "vllm" or chip in ("a100", "l40s", "rtx-pro-6000"):
            return None
        if hopper and format == "fp8" and row["engine"] == "sglang":
            return None
        moved = batch * context * 576.0 * size + batch * heads * (576.0 + 512.0) * 2.0
        flops = 2.0 * batch * context * heads * (576.0 + 512.0)
        return KernelRow(chip, "mla_decode", format, "bf16", flops, moved, 0.0, f"{heads:g}")
    if new < 64:
        return None
    pairs = new * (step + (new + 1.0) / 2.0)
    moved = batch * new * heads * (192.0 * 2 + 128.0 * 2) * 2.0
    return KernelRow(chip, "mla_context", format, "bf16", 2.0 * batch * pairs * heads * 320.0, moved, 0.0, f"{heads:g}")


# Sparse attention as GLM-5 has it: entries of 656 B in 8 bits, 2,048 of them chosen by 32 heads of 128 over keys of
# 132 B.
_CHOSEN, _ENTRY_BYTES, _KEY_BYTES, _INDEX_HEADS, _INDEX_WIDTH = 2048.0, 656.0, 132.0, 32.0, 128.0
_FEW_TOKENS = 64.0


def _sparse(row: dict[str, str]) -> KernelRow | None:
    """Few tokens at a time under sparse latent attention, and the scan that chooses for them."""
    batch, new = float(row["batch_size"]), float(row["isl"])
    context = float(row["step"]) + new
    if new > _FEW_TOKENS or context < 128:
        return None
    chip = CHIPS[row["system"]]
    if row["table"] == "glm5_dsa_attn_module":
        heads, seen = float(row["num_heads"]), min(context, _CHOSEN)
        moved = batch * new * (seen * _ENTRY_BYTES + heads * (576.0 + 512.0) * 2.0)
        flops = 2.0 * batch * new * seen * heads * (576.0 + 512.0)
        return KernelRow(chip, "mla_sparse_decode", "", "bf16", flops, moved, 0.0, f"{batch:g}x{new:g}")
    if row["table"] == "glm5_mqa_logits_module":
        flops = 2.0 * batch * new * context * _INDEX_HEADS * _INDEX_WIDTH
        moved = batch * context * _KEY_BYTES
        return KernelRow(chip, "indexer_decode", "", "fp8", flops, moved, 0.0, f"{batch:g}x{new:g}")
    return None


_SPARSE = "ops_sparse_attention_subset"  # of few models: where it is not there, what is assumed stays
_TABLES: dict[str, tuple[Callable[[dict[str, str]], KernelRow | None], str]] = {
    "ops_gemm_subset": (_gemm, "latency_ms"),
    "ops_decode_attention_subset": (_decode_attention, "latency_ms"),
    "ops_prefill_attention_subset": (_prefill_attention, "latency_ms"),
    "ops_moe_subset": (_experts, "latency"),
    "ops_mla_subset": (_latent, "latency"),
    _SPARSE: (_sparse, "latency"),
}


def read_kernels(folder: Path, progress: Callable[[str], None] | None = None) -> Iterator[KernelRow]:
    """Every usable timing of the kernel tables; of several kernels for one matmul the quickest, as engines choose."""
    for name, (read, column) in _TABLES.items():
        if name == _SPARSE and not any(_paths(folder, name)):
            continue
        quickest: dict[tuple[str, float, float, str], KernelRow] = {}
        kept = 0
        for raw in _rows(folder, name):
            if raw["system"] not in CHIPS:
                continue
            row = read(raw)
            seconds = float(raw[column] or 0.0) * 1e-3
            if row is None or seconds < _LEAST_S:
                continue
            row = replace(row, seconds=seconds, engine=raw.get("framework") or raw["engine"])
            kept += 1
            if row.kind not in ("gemm", "grouped_gemm"):
                yield row
                continue
            key = (row.chip, row.flops, row.bytes, row.site)
            if key not in quickest or seconds < quickest[key].seconds:
                quickest[key] = row
        yield from quickest.values()
        if progress is not None:
            progress(f"{name}: {kept:,} timings")


_COLLECTIVES = {
    "all_reduce": "all_reduce", "all_gather": "all_gather", "reduce_scatter": "reduce_scatter", "alltoall": "all_to_all"
}  # fmt: skip


def read_collectives(folder: Path) -> Iterator[CollectiveRow]:
    """Timings inside one scale-up domain, of graphs and of the library; launches from the host are not kernels."""
    for raw in _rows(folder, "ops_collectives"):
        kernel = raw["kernel"]
        if raw["system"] not in CHIPS or raw["op"] not in _COLLECTIVES or "eager" in kernel:
            continue
        size = float(raw["message_size_elements"]) * {"half": 2.0, "bfloat16": 2.0, "int8": 1.0}[raw["dtype"]]
        library = raw["lib"].removesuffix("-custom")
        seconds = float(raw["latency_ms"]) * 1e-3
        if seconds >= _LEAST_S:
            kind = _COLLECTIVES[raw["op"]]
            yield CollectiveRow(CHIPS[raw["system"]], kind, library, int(raw["num_gpus"]), size, seconds)
