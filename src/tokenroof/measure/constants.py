"""The constants that a running engine adds to its kernels: what each usually is, how far runs may move it, and what a
profile makes of them. `tokenroof fit` moves them; docs/theory/serving.md says what each stands for.
"""

from collections.abc import Mapping
from typing import Any

from tokenroof.engines import ENGINES
from tokenroof.types.engine import Prior

__all__ = ["PRIORS", "profile_tables"]

# Newest first, as the constants are told.
_HOSTS = {
    one.name: one.host for known in ENGINES.values() for one in reversed(known.generations) if one.host is not None
}
# Generations whose passes with prompts are not captured in graphs, and expert formats whose kernels come with others.
_EAGER = ("vllm", "sglang", "trtllm")
_EXPERT_FORMATS = ("fp8_block", "fp4", "mxfp4", "int4_g32")
# Formats whose experts have wholly other kernels on other families, as the scripts of their runs say: TensorRT-LLM's
# mxfp4 Triton's on Hopper (moe_config backend TRITON) and its own on Blackwell (TRTLLM).
_APART = ("mxfp4.trtllm.hopper", "mxfp4.trtllm.blackwell")
# Slices of experts in mxfp4 are stored in multiples of so many columns: by FlashInfer of 256 (vLLM and SGLang, SM100),
# by Marlin of 128 (mxfp4.py of each engine, releases of 2025 and 2026).
_TILES = {"blackwell": 256.0, "hopper": 128.0}


PRIORS: dict[str, Prior] = {
    **{f"host.{name}": host.pass_s for name, host in _HOSTS.items()},
    **{f"host.{name}.amd": host.amd for name, host in _HOSTS.items() if host.amd},  # times the engine's
    "sequence": Prior(5e-6, 0.6),
    **{f"sequence.{name}": host.sequence_s for name, host in _HOSTS.items() if host.sequence_s},
    "stream": Prior(15e-6, 0.2),
    "launch": Prior(13e-6, 0.25),
    "request": Prior(30e-3, 0.4),
    "draft_sequence": Prior(50e-6, 1.0),
    **{f"draft_pass.{name}": host.draft_pass_s for name, host in _HOSTS.items() if host.draft_pass_s},
    "draft_plan": Prior(3e-3, 1.0),
    # TensorRT-LLM tunes its kernels before it serves: its first requests waited no longer than later ones.
    **{f"experts_warmup.{name}": Prior(0.5, 1.0) for name in ("vllm", "sglang")},
    **{f"int4.{family}": Prior(0.5, 0.7) for family in ("blackwell", "cdna")},
    **{f"warmup.{name}": host.warmup_s for name, host in _HOSTS.items() if host.warmup_s},
    "fixed": Prior(0.5, 0.15),
    "grouped_gemm.fixed": Prior(0.5, 0.2),
    "fixed.amd": Prior(1.0, 0.4),
    **{f"fixed.{name}": Prior(1.0, 0.15) for name in _HOSTS},
    **{f"experts.{key}.{name}": Prior(1.0, 0.5) for name in _EAGER for key in _EXPERT_FORMATS},
    **{f"experts_flops.{key}.{name}": Prior(1.0, 0.3) for name in _EAGER for key in _EXPERT_FORMATS},
    **{f"experts.{pair}": Prior(1.0, 0.3) for pair in _APART},  # times the engine's
    **{f"launches.{name}": Prior(6.0, 0.8) for name in _EAGER},
    **{f"launches.{key}": Prior(1.0, 0.8) for key in _EXPERT_FORMATS},  # times the engine's
    **{f"gemm.{key}.fixed": Prior(1.0, 0.3) for key in ("fp4", "fp8_block")},
    "expert_shape": Prior(2.0, 0.3),
    "skew_s_per_width": Prior(5.5e-10, 0.25),
    **{f"skew.{name}": Prior(1.0, 0.3) for name in _HOSTS},
    "padding_rows": Prior(24.0, 0.2),
    "padding_bytes": Prior(28.0, 0.2),
    "attention_decode.bytes": Prior(0.97, 0.05),
    "grouped_gemm.bytes": Prior(1.0, 0.06),
    "grouped_gemm.flops": Prior(1.0, 0.12),
    **{f"gemm.bytes.{family}": Prior(1.0, 0.05) for family in ("ampere", "hopper", "blackwell")},
    **{f"gemm.flops.{family}": Prior(1.0, 0.08) for family in ("ampere", "hopper", "blackwell")},
    **{f"attention_prefill.flops.{family}": Prior(1.0, 0.12) for family in ("ampere", "hopper", "blackwell")},
    **{f"rate.{family}": Prior(1.0, 0.3) for family in ("cdna3", "cdna4")},
    **{f"experts_rate.{family}": Prior(1.0, 0.3) for family in ("cdna3", "cdna4")},  # times the family's
}


def profile_tables(
    values: Mapping[str, Any], family: str, generation: str, *, in_place: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(factors inside the engine, host times) of a family and generation, from the fitted constants.

    `in_place` puts the family's factor on host time in; otherwise it is left to whoever reads the factors.
    """

    def by_family(name: str) -> Any:
        return values.get(f"{name}.{family}", 1.0)

    whole = values.get(f"rate.{family}", 1.0)
    gemm_bytes, gemm_flops = by_family("gemm.bytes") * whole, by_family("gemm.flops") * whole
    on_amd = [name for name, one in _HOSTS.items() if one.amd] if family.startswith("cdna") else []
    slower = {name: values[f"host.{name}.amd"] for name in on_amd}
    known = _HOSTS[generation]
    slow = values["fixed.amd"] if family.startswith("cdna") else 1.0
    factors = {
        "fixed": values["fixed"] * slow / whole,
        "grouped_gemm.fixed": values["grouped_gemm.fixed"] * slow / whole,
        "expert_shape": values["expert_shape"],
        **_unfused(values, family),
        **_apart(values, family),
        **({"grouped_gemm.mxfp4.tile": _TILES[family]} if family in _TILES else {}),
        **{name: value for name, value in values.items() if name.startswith("gemm.") and name.endswith(".fixed")},
        "skew_s_per_width": values["skew_s_per_width"],
        "padding_rows": values["padding_rows"],
        "padding_bytes": values["padding_bytes"],
        **{f"host.{engine}": factor for engine, factor in slower.items()},
        "gemm.bytes": gemm_bytes,
        "gemm.flops": gemm_flops,
        "bmm.bytes": gemm_bytes,
        "bmm.flops": gemm_flops,
        "grouped_gemm.bytes": values["grouped_gemm.bytes"] * whole * by_family("experts_rate"),
        "grouped_gemm.flops": values["grouped_gemm.flops"] * whole * by_family("experts_rate"),
        "attention_decode.bytes": values["attention_decode.bytes"] * whole,
        "mla_decode.bytes": values["attention_decode.bytes"] * whole,
        "attention_prefill.flops": by_family("attention_prefill.flops") * whole,
        "mla_prefill.flops": by_family("attention_prefill.flops") * whole,
    }
    host = {
        "host_s": values[f"host.{generation}"] * (slower.get(generation, 1.0) if in_place else 1.0),
        "host_per_sequence_s": values.get(f"sequence.{generation}", values["sequence"]),
        "stream_s": values["stream"] if known.streams else 0.0,
        "launch_s": values["launch"],
        "request_s": values["request"] if known.request_s is None else known.request_s,
        "prompt_token_s": known.prompt_token_s,
        "warmup_s": values.get(f"warmup.{generation}", 0.0),
        "experts_warmup_s": values.get(f"experts_warmup.{generation}", 0.0),
        "draft_sequence_s": values["draft_sequence"],
        "draft_pass_s": values.get(f"draft_pass.{generation}", 0.0),
        "draft_plan_s": values["draft_plan"],
        "factors": _of_engine(values, generation),
    }
    return factors, host


def _unfused(values: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Where 4-bit integers are widened by a kernel of its own, experts run at a share of their rates."""
    rates = [values[f"int4.{one}"] for one in ("blackwell", "cdna") if family.startswith(one)]
    return {f"grouped_gemm.{key}.rate": rates[0] for key in ("int4_g32", "int4_g128") if rates}


def _apart(values: Mapping[str, Any], family: str) -> dict[str, Any]:
    """Fixed times of experts of a format in an engine, beside what they are on other families."""
    found = {}
    for pair in _APART:
        key, engine, kind = pair.split(".")
        if family.startswith(kind):
            found[f"grouped_gemm.{key}.fixed.{engine}"] = values[f"experts.{pair}"]
    return found


def _of_engine(values: Mapping[str, Any], generation: str) -> dict[str, Any]:
    """What an engine adds on every family: fixed times of its kernels; of its experts by format, which have kernels
    of their own in each engine, the arithmetic that they reach and the launches that come with them.
    """
    own = {"fixed": values[f"fixed.{generation}"], "skew": values[f"skew.{generation}"]}
    if generation not in _EAGER:
        return own
    launches = values[f"launches.{generation}"]
    own["grouped_gemm.launches"] = launches
    for key in _EXPERT_FORMATS:
        own[f"grouped_gemm.{key}.fixed"] = values[f"experts.{key}.{generation}"]
        own[f"grouped_gemm.{key}.flops"] = values[f"experts_flops.{key}.{generation}"]
        own[f"grouped_gemm.{key}.launches"] = launches * values[f"launches.{key}"]
    return own
