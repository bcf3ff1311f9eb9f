"""From fitted curves to the tables of a profile file: which kinds share a curve, what is assumed where none exists."""

from collections.abc import Mapping
from typing import Any

from tokenroof.engines.memory_facts import MIB
from tokenroof.engines.vllm_reduce import BEYOND, SERVER_RANKS, SMALL
from tokenroof.measure.fit_ops import OWN_KINDS, FittedCurve
from tokenroof.types.machine import Chip

__all__ = ["ASSUMED", "chip_tables"]

# Kinds that the kernel tables do not time, on every GPU: small fixed costs, a usual share of bandwidth.
ASSUMED: dict[str, dict[str, float]] = {
    "": {"fixed_s": 3e-6, "flops_share": 0.5, "bytes_share": 0.6},
    "grouped_gemm": {"fixed_s": 14e-6, "flops_share": 0.5, "bytes_share": 0.88, "sharpness": 4.0},
    "mla_prefill": {"fixed_s": 15e-6, "flops_share": 0.5, "bytes_share": 0.6, "sharpness": 1.0},
    "mla_sparse_decode": {"fixed_s": 40e-6, "flops_share": 0.5, "bytes_share": 0.5},
    "mla_sparse_prefill": {"fixed_s": 40e-6, "flops_share": 0.5, "bytes_share": 0.6, "sharpness": 1.0},
    "indexer_decode": {"fixed_s": 19e-6, "flops_share": 0.4, "bytes_share": 0.7},
    "indexer_prefill": {"fixed_s": 19e-6, "flops_share": 0.4, "bytes_share": 0.7},
    "recurrence_decode": {"fixed_s": 8e-6, "flops_share": 0.4, "bytes_share": 0.6},
    "recurrence_prefill": {"fixed_s": 20e-6, "flops_share": 0.25, "bytes_share": 0.4, "sharpness": 1.0},
    "elementwise": {"fixed_s": 2e-6, "flops_share": 1.0, "bytes_share": 0.7},
    "embedding": {"fixed_s": 3e-6, "flops_share": 1.0, "bytes_share": 0.6},
    "sampling": {"fixed_s": 30e-6, "flops_share": 1.0, "bytes_share": 0.5},
}
# Choosing the best of what an indexer has scored: lower quartile of 477 timings at more than 2,048 tokens, 8 to 12 us.
_CHOOSING_S = 10e-6
# engine's key -> the fitted keys that may serve it, best first
_FROM: dict[str, tuple[str, ...]] = {
    "gemm": ("gemm.bf16",),
    "gemm.fp8": ("gemm.fp8",),
    "gemm.fp8_block": ("gemm.fp8_block",),
    "gemm.fp4": ("gemm.nvfp4",),
    "gemm.int8": ("gemm.int8", "gemm.fp8"),
    "gemm.int4_g128": ("gemm.int4_g128",),
    "bmm": ("gemm.bf16",),
    "grouped_gemm": ("grouped_gemm.bf16",),
    "grouped_gemm.fp8": ("grouped_gemm.fp8", "grouped_gemm.fp8_block"),
    "grouped_gemm.fp8_block": ("grouped_gemm.fp8_block",),
    "grouped_gemm.fp4": ("grouped_gemm.nvfp4",),
    "grouped_gemm.mxfp4": ("grouped_gemm.mxfp4", "grouped_gemm.mxfp4_w"),
    "grouped_gemm.int4_g128": ("grouped_gemm.int4_g128", "grouped_gemm.bf16"),
    "grouped_gemm.int4_g32": ("grouped_gemm.int4_g128", "grouped_gemm.bf16"),
    "attention_decode": ("attention_decode.bf16",),
    "attention_decode.fp8": ("attention_decode.fp8",),
    "attention_prefill": ("attention_prefill",),
    "mla_sparse_decode": ("mla_sparse_decode",),
    "indexer_decode": ("indexer_decode",),
    "mla_decode": ("mla_decode.bf16", "attention_decode.bf16"),
    "mla_decode.fp8": ("mla_decode.fp8", "attention_decode.fp8"),
}
_OUT = {"out_call_s": 20e-6, "out_step_s": 10e-6, "out_bytes_share": 0.8}  # networks between domains: assumed
# Largest buffer that an engine's kernel for all-reduce inside a server takes: None as vLLM's `SMALL`; SGLang's
# _MAX_CAR_SIZE (custom_all_reduce.py); TensorRT-LLM's ends where the library is quicker.
_REACH = {"vllm": None, "sglang": 8.0 * MIB, "trtllm": 64.0 * MIB}
_HOP = {"algorithm": "direct", "call_s": 8e-6, "bytes_share": 0.7, "out_call_s": 25e-6, "out_bytes_share": 0.8}


def _curve(key: str, curve: FittedCurve) -> dict[str, float | int]:
    # Tables time the whole block of experts; the engine has a row for each of its two matmuls.
    share = 0.5 if key.startswith("grouped_gemm") else 1.0
    table: dict[str, float | int] = {
        "fixed_s": curve.fixed_s * share, "flops_share": min(1.0, curve.flops_share),
        "bytes_share": min(1.0, curve.bytes_share),
    }  # fmt: skip
    if curve.sharpness != float("inf"):
        table["sharpness"] = curve.sharpness
    table |= {"n": curve.n, "median_error": curve.median_error}
    if curve.held_out_error == curve.held_out_error:
        table["held_out_error"] = curve.held_out_error
    return table


def _operators(curves: Mapping[str, FittedCurve], chip: Chip) -> dict[str, dict[str, float | int]]:
    found: dict[str, dict[str, float | int]] = {key: dict(value) for key, value in ASSUMED.items()}
    for key, choices in _FROM.items():
        for choice in choices:
            if choice in curves:
                found[key] = _curve(key, curves[choice])
                break
    for name in sorted(curves):
        engine, slash, source = name.partition("/")
        for key, choices in _FROM.items():
            if slash and key.split(".")[0] in OWN_KINDS and source == choices[0]:
                found[f"{engine}/{key}"] = _curve(key, curves[name])
    if "indexer_decode" in curves:
        found["indexer_decode"]["fixed_s"] += _CHOOSING_S
    if "fp4" in chip.flops_per_s and "grouped_gemm.mxfp4" in found:
        found["grouped_gemm.mxfp4"]["flops_share"] *= chip.flops_per_s["fp8"] / chip.flops_per_s["fp4"]
    return found


def _line(fitted: Mapping[str, float], algorithm: str, **more: Any) -> dict[str, Any]:
    numbers = {key: fitted[key] for key in ("call_s", "step_s", "bytes_share")}
    return {"algorithm": algorithm, **numbers, **more, "n": int(fitted["n"]), "median_error": fitted["median_error"]}


def _small(fitted: Mapping[str, Mapping[str, float]], family: str, engine: str) -> list[dict[str, Any]]:
    """An engine's kernel for small buffers inside a server; blank: that of engines which nobody timed."""
    mark = f"@{engine}" if engine else ""
    few = fitted.get(f"all_reduce.custom{mark}")
    lines = []
    for ranks, size in SMALL.get(family, ()):
        one = fitted.get(f"all_reduce.custom8{mark}", few) if ranks == SERVER_RANKS else few
        if one is not None:
            line = _line(one, "two-shot", max_bytes=_REACH.get(engine) or size, max_ranks=float(ranks))
            lines.append(line | ({"engine": engine} if engine else {}))
    return lines


def _all_reduce(fitted: Mapping[str, Mapping[str, float]], family: str) -> list[dict[str, Any]]:
    """A ring; beyond eight ranks a tree of the same steps as well, as NCCL has it; what engines add inside a server."""
    ring = fitted["all_reduce.nccl"]
    lines = [_line(ring, "ring", **_OUT), _line(ring, "tree", min_ranks=9.0, **_OUT)]
    for engine in ("", *_REACH):
        lines += _small(fitted, family, engine)
    large = fitted.get("all_reduce.large")
    if large is not None:
        lines += [
            _line(large, **limits) | ({} if "max_ranks" not in limits else {"engine": "vllm"})
            for limits in BEYOND.get(family, ())
        ]
    return lines


def _collectives(fitted: Mapping[str, Mapping[str, float]], family: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "all_reduce": _all_reduce(fitted, family),
        "all_gather": [_line(fitted["all_gather.nccl"], "ring", **_OUT)],
        "reduce_scatter": [_line(fitted["reduce_scatter.nccl"], "ring", **_OUT)],
        "all_to_all": [_line(fitted["all_to_all.nccl"], "direct", out_call_s=25e-6, out_bytes_share=0.8)],
        "hop": [dict(_HOP)],
    }


def chip_tables(
    curves: Mapping[str, FittedCurve], collectives: Mapping[str, Mapping[str, float]], family: str, chip: Chip
) -> dict[str, Any]:
    """`operators` and `collectives` of a profile file; `chip` is the one measured, or a member of the family."""
    return {"operators": _operators(curves, chip), "collectives": _collectives(collectives, family)}
