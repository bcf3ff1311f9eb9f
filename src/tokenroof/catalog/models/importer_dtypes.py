"""quantization_config -> the stored format of each weight class.

Formats are decided module by module, as a loader would: an explicit entry for the layer first, then a group
that targets the module, then the file-wide method unless the module is on its ignore list, else the checkpoint's
16-bit type. Classes that end up with several formats keep the share of each.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tokenroof.catalog.dialects.parts import Architecture, Layer
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.catalog.models.importer_methods import ALGORITHMS, Method, integer_format, read_method, two_of_four
from tokenroof.catalog.models.importer_patterns import PatternReader, Patterns
from tokenroof.errors import InputError
from tokenroof.mixers.architecture import ffn_params, mixer_params, mixer_weight_class
from tokenroof.types.model import WeightDtypes

__all__ = ["read_dtypes", "read_kv_dtype"]

_PLAIN = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32"}
# vLLM (config/cache.py: "some models, namely DeepSeekV3.2, default to fp8") and SGLang keep these in 8 bits.
_PACKED_CACHE = ("deepseek_v32", "deepseek_v4")

_PROMISED = re.compile(r"(?<![a-z0-9])(nvfp4|mxfp4|fp8|fp4|int4|int8|awq|gptq)(?![a-z0-9])", re.IGNORECASE)

# Module names inside a layer that stand for a weight class; families that name them otherwise come below.
_NAMES: dict[str, tuple[str, ...]] = {
    "attention": ("self_attn.o_proj", "attn.wo_b", "attn.o_proj"),
    "recurrent": ("linear_attn.out_proj", "mixer.out_proj", "mamba.out_proj"),
    "dense": ("mlp.down_proj",),
    "experts": ("mlp.experts.0.down_proj", "mlp.experts"),
    "shared_experts": ("mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj"),
}
_V4 = {
    "attention": ("attn.wo_b",),
    "experts": ("ffn.experts.0.down_proj", "ffn.experts"),
    "shared_experts": ("ffn.shared_experts.down_proj",),
}
_FAMILY_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "minimax_m2": {"experts": ("block_sparse_moe.experts.0.w2", "block_sparse_moe.experts")},
    "mixtral": {"experts": ("block_sparse_moe.experts.0.w2", "block_sparse_moe.experts")},
    "gemma4_text": {"experts": ("experts.0.down_proj", "moe.experts.0.down_proj")},
    "minimax_m3_vl_text": {
        "experts": ("block_sparse_moe.experts.0.w2", "block_sparse_moe.experts", "mlp.experts"),
        "shared_experts": ("block_sparse_moe.shared_experts.down_proj", "mlp.shared_experts.down_proj"),
    },
    "kimi_linear": {
        "recurrent": ("self_attn.o_proj", "linear_attn.out_proj"),
        "experts": (
            "block_sparse_moe.experts.0.w2",
            "block_sparse_moe.experts",
            "mlp.experts.0.down_proj",
            "mlp.experts",
        ),
    },
    "deepseek_v4": _V4,
    "deepseek_ref": _V4,
    "nemotron_h": {
        "attention": ("mixer.o_proj",),
        "dense": ("mixer.down_proj",),
        "experts": ("mixer.experts.0.down_proj", "mixer.experts"),
        "shared_experts": ("mixer.shared_experts.down_proj",),
    },
}


_IGNORED = ("ignore", "exclude_modules", "exclude")
_HOLDERS = ("quantization_config", "compression_config", "quantization")
_KEPT = ("modules_to_not_convert", "ignored_layers", "skip_modules", "llm_int8_skip_modules", "modules_to_not_quantize")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What one quantization_config says, in the order in which it is asked."""

    explicit: tuple[tuple[Patterns, str], ...]
    everywhere: str | None
    everywhere_ignore: Patterns
    base: str | None
    base_ignore: Patterns
    base_classes: tuple[str, ...] | None
    method: Method

    def format_of(self, weight_class: str, names: tuple[str, ...]) -> str | None:
        for patterns, name in self.explicit:
            if any(patterns.match(n) for n in names):
                return name or None
        if self.everywhere and not any(self.everywhere_ignore.match(n) for n in names):
            return self.everywhere
        if self.base and (self.base_classes is None or weight_class in self.base_classes):
            return None if any(self.base_ignore.match(n) for n in names) else self.base
        return None


def _plain_dtype(r: ConfigReader, root: ConfigReader) -> str:
    text = r.text("torch_dtype", "dtype") or root.text("torch_dtype", "dtype")
    if text is None:
        r.warn("torch_dtype is not in the file: bf16 taken")
        return "bf16"
    name = _PLAIN.get(text.removeprefix("torch."))
    if name is None:
        raise InputError("torch_dtype", text, f"one of {', '.join(_PLAIN)}")
    return name


def _group_format(r: ConfigReader, weights: ConfigReader, weight_only: bool) -> str | None:
    bits, kind = weights.maybe("num_bits", high=64), weights.text("type") or "float"
    group = weights.maybe("group_size", low=-1)
    if bits == 4 and kind == "float":
        if group == 32:
            return "mxfp4"
        return "nvfp4_w" if weight_only else "nvfp4"
    if bits == 8 and kind == "float":
        if group == 32:
            return "mxfp8"
        return "fp8_block" if weights.has("block_structure") else "fp8"
    if bits == 8:
        return "int8"
    if bits is not None and kind == "int" and bits < 8:
        zero = 0 if weights.flag("symmetric", True) else bits
        return integer_format(bits, group, zero=zero)
    r.warn(f"quantization of {bits} bits and type {kind!r} is not understood: those weights taken as 16-bit")
    return None


def _groups(r: ConfigReader, q: ConfigReader, patterns: PatternReader) -> tuple[list[tuple[Patterns, str]], str | None]:
    """Explicit targets by format, and the format of groups that take every Linear."""
    by_format: dict[str, list[str]] = defaultdict(list)
    everywhere: str | None = None
    holder = q.child("config_groups")
    for key in holder.keys() if holder else ():
        group = holder.child(key) if holder else None
        weights = group.child("weights") if group else None
        if group is None or weights is None:
            continue
        name = _group_format(r, weights, not group.has("input_activations"))
        targets = group.texts("targets") or ["Linear"]
        if name is None:
            continue
        # 2:4 sparse: half the weights, and which two of four they are
        packed = group.text("format") or q.text("format") or ""
        if packed.startswith("marlin-24"):
            name = "bpw3.125"
        elif two_of_four(q) and name in ("fp8", "int8"):
            name = "bpw5"
        if "Linear" in targets:
            everywhere = name
        else:
            by_format[name] += targets
    where = "quantization_config.config_groups.targets"
    return [(patterns.read(targets, where), name) for name, targets in by_format.items()], everywhere


def _layer_entries(r: ConfigReader, q: ConfigReader, patterns: PatternReader) -> list[tuple[Patterns, str]]:
    holder = q.child("quantized_layers")
    by_format: dict[str, list[str]] = defaultdict(list)
    for key in holder.keys() if holder else ():
        entry = holder.child(key) if holder else None
        algorithm = (entry.text("quant_algo") if entry else None) or ""
        if algorithm not in ALGORITHMS:
            r.warn(f"quant_algo {algorithm!r} is not understood: those weights taken as 16-bit")
            continue
        by_format[ALGORITHMS[algorithm]].append(key)
    return [(patterns.read(keys, "quantization_config.quantized_layers"), name) for name, keys in by_format.items()]


def _scheme(r: ConfigReader, q: ConfigReader, expert_dtype: str | None, n_layers: int) -> _Scheme:
    patterns = PatternReader(r, n_layers)
    explicit, everywhere = _groups(r, q, patterns)
    layers = _layer_entries(r, q, patterns)
    method = read_method(r, q)
    by_format: dict[str, list[str]] = defaultdict(list)
    for key, name in method.own:
        by_format[name].append(key)
    layers += [(patterns.read(keys, "layers of their own"), name) for name, keys in by_format.items()]
    if layers and q.text("quant_algo") == "MIXED_PRECISION":
        everywhere = None  # the group repeats what the per-layer list says in full
    if expert_dtype == "fp4" and not explicit and not layers and not everywhere:
        # DeepSeek-V4: experts in fp4 with an e8m0 scale per 32, the rest by the file-wide method
        experts = patterns.read(["*.experts", "*.experts.*"], "expert_dtype")
        explicit = [(experts, "mxfp4")]
    ignore = next((q.texts(key) for key in _IGNORED if q.texts(key)), None) or []
    kept = next((q.texts(key) for key in _KEPT if q.texts(key)), None) or []
    return _Scheme(
        explicit=tuple(layers + explicit),
        everywhere=everywhere,
        everywhere_ignore=patterns.read(ignore, "quantization_config.ignore"),
        base=method.format,
        base_ignore=patterns.read(
            [*kept, *([] if q.has("weight_block_size") else ignore)], "quantization_config.modules_to_not_convert"
        ),
        base_classes=method.classes,
        method=method,
    )


def _class_params(layer: Layer, hidden: int) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    sums[mixer_weight_class(layer.mixer)] += mixer_params(layer.mixer, hidden)
    for part in ffn_params(layer.ffn, hidden):
        if part.weight_class != "other":
            sums[part.weight_class] += part.total
    return sums


def _fit(shares: Mapping[str, int], plain: str) -> tuple[str, dict[str, float] | None]:
    total = sum(shares.values())
    if not total:
        return plain, None
    commonest = max(shares, key=lambda name: shares[name])
    if len(shares) == 1:
        return commonest, None
    return commonest, {name: count / total for name, count in shares.items()}


def _from_name(r: ConfigReader, name: str, plain: str) -> WeightDtypes | None:
    """Formats that the checkpoint's name promises where the file says nothing.

    4-bit formats are taken for experts and dense networks alone, 8-bit ones for attention too: so do most files
    of the same publishers that carry a quantization_config.
    """
    promised = _PROMISED.search(name)
    if promised is None:
        return None
    text = promised[1].upper()
    fmt = {"FP4": "mxfp4", "AWQ": "int4", "GPTQ": "int4"}.get(text, text.lower())
    wide = fmt if text in ("FP8", "INT8") else plain
    r.warn(
        f"the file has no quantization_config (it may sit in hf_quant_config.json): {text} taken from the name, for "
        + ("all linear layers" if wide == fmt else "experts and dense networks; attention counted as " + plain)
    )
    return WeightDtypes(
        attention=wide, dense=fmt, experts=fmt, shared_experts=fmt, embedding=plain, unembedding=plain, other=plain,
        recurrent=wide,
    )  # fmt: skip


def _quantization(root: ConfigReader, r: ConfigReader) -> ConfigReader | None:
    """What the file says of its formats, wherever it stands; ModelOpt's sits one object deeper in some files."""
    found = next((part.child(key) for part in (root, r) for key in _HOLDERS if part.child(key) is not None), None)
    inner = None if found is None else found.child("quantization")
    return found if found is None or inner is None else found.overlaid(inner)


def read_dtypes(root: ConfigReader, r: ConfigReader, architecture: Architecture, *, name: str) -> WeightDtypes:
    """The stored format of each weight class; `root` is the whole file, `r` its text part."""
    plain = _plain_dtype(r, root)
    q = _quantization(root, r)
    if q is None:
        return _from_name(r, name, plain) or WeightDtypes(
            attention=plain, dense=plain, experts=plain, shared_experts=plain, embedding=plain, unembedding=plain,
            other=plain, recurrent=plain,
        )  # fmt: skip
    scheme = _scheme(
        r,
        q,
        r.text("expert_dtype") or root.text("expert_dtype") or q.text("expert_dtype"),
        len(architecture.layers),
    )
    names = {**_NAMES, **_FAMILY_NAMES.get(r.model_type, {})}
    counted: dict[str, dict[str, int]] = {name: defaultdict(int) for name in names}
    for index, layer in enumerate(architecture.layers):
        for weight_class, count in _class_params(layer, architecture.hidden).items():
            modules = tuple(f"layers.{index}.{module}" for module in names[weight_class])
            counted[weight_class][scheme.format_of(weight_class, modules) or plain] += count
    fitted = {name: _fit(shares, plain) for name, shares in counted.items()}
    head = ("lm_head", "head")
    named = next((fmt for patterns, fmt in scheme.explicit if any(patterns.exact(n) for n in head)), None)
    wide = scheme.everywhere or (scheme.base if scheme.method.head_too else None)
    if named is None and scheme.method.head_too and wide:
        ignored = (scheme.everywhere_ignore, scheme.base_ignore)
        named = None if any(patterns.match(n) for patterns in ignored for n in head) else wide
    tables = scheme.method.tables
    return WeightDtypes(
        **{name: fmt for name, (fmt, _) in fitted.items()},
        embedding=tables or plain,
        unembedding=named or scheme.method.head or tables or plain,
        other=plain,
        mixed={name: shares for name, (_, shares) in fitted.items() if shares},
    )


def read_kv_dtype(root: ConfigReader, r: ConfigReader, plain: str) -> str:
    """The KV cache format that engines take for a checkpoint if they are not told.

    That which it was calibrated for; packed 8-bit entries for the families whose kernels are made for them; else its
    own 16-bit type.
    """
    plain = "fp8" if root.model_type in _PACKED_CACHE else plain
    q = _quantization(root, r)
    if q is None:
        return plain
    algorithm = q.text("kv_cache_quant_algo")
    if q.is_text("kv_cache_scheme"):
        algorithm = q.text("kv_cache_scheme")
    scheme = None if algorithm else q.child("kv_cache_scheme")
    if scheme is not None:
        algorithm = {8: "FP8", 4: "NVFP4"}.get(scheme.maybe("num_bits", high=64) or 0)
    if algorithm is None:
        return plain
    if algorithm not in ALGORITHMS:
        r.warn(f"kv_cache_quant_algo {algorithm!r} is not understood: {plain} taken")
        return plain
    return ALGORITHMS[algorithm]
