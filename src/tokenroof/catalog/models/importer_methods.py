"""File-wide methods of quantisation: what each says of bits, groups, the output table and layers of their own.

Bytes follow from the formats' own arithmetic: b bits a weight, one 16-bit scale per group, and a zero point of b bits
(GPTQ, AWQ) or of 16 (HQQ, MLX). A file that gives its bits is never read as 16-bit.
"""

from dataclasses import dataclass, replace

from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError

__all__ = ["ALGORITHMS", "Method", "integer_format", "read_method", "two_of_four"]

ALGORITHMS = {"FP8": "fp8", "NVFP4": "nvfp4", "W4A16_NVFP4": "nvfp4_w", "W4A8_NVFP4_FP8": "nvfp4", "MXFP4": "mxfp4",
              "MXFP8": "mxfp8", "W4A8_MXFP4_FP8": "mxfp4", "W4A16_AWQ": "int4", "W4A8_AWQ": "int4", "INT4_AWQ": "int4",
              "W8A16": "int8", "W4A16": "int4", "INT8": "int8", "W8A8_SQ_PER_CHANNEL": "int8",
              "FP8_PB_WO": "fp8_block", "FP8_PER_CHANNEL_PER_TOKEN": "fp8"}  # fmt: skip
_BITS = ("bits", "w_bit", "nbits", "weight_bits", "num_bits", "wbits")
_GROUP = ("group_size", "q_group_size", "weight_group_size")
_AUTOROUND = ("auto-round", "auto_round", "intel/auto-round")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One format for all linear layers, or for some classes of weights.

    `head` is the format of the output table, `tables` that of both; `own` holds layers with a format of their own,
    "" for 16 bits; `head_too` says that the head is a linear layer like the others unless it is ignored.
    """

    format: str | None = None
    classes: tuple[str, ...] | None = None
    head: str | None = None
    tables: str | None = None
    own: tuple[tuple[str, str], ...] = ()
    head_too: bool = False


def integer_format(bits: int, group: int | None, *, zero: int) -> str:
    """The name of a format of integers in groups; `zero` is the bits of a zero point, 0 for symmetric."""
    if not 2 <= bits <= 8:
        raise InputError("quantization bits", bits, "2 to 8")
    if group is None or group <= 0:
        return "int8" if bits == 8 else f"int{bits}_g0z0"
    if bits == 4 and zero == 0 and group in (32, 64, 128):
        return f"int4_g{group}"
    if bits == 4 and zero == 4 and group == 128:
        return "int4"
    return f"int{bits}_g{group}z{zero}"


def _group(q: ConfigReader, otherwise: int | None = None) -> int | None:
    given = q.maybe(*_GROUP, low=-1)
    return otherwise if given is None else given


def _weights(q: ConfigReader, *, zero16: bool = False) -> str | None:
    """Integers by the keys for bits and groups; None where the object gives no bits."""
    bits = q.maybe(*_BITS, high=64)
    if bits is None:
        return None
    if bits >= 16:
        return ""
    return integer_format(bits, _group(q, 128), zero=16 if zero16 else bits)


def _overrides(q: ConfigReader, *, zero16: bool) -> tuple[tuple[str, str], ...]:
    """Layers that the object names one by one, with bits of their own, or false for 16 bits."""
    found = []
    for key in q.keys():  # noqa: SIM118  a reader, not a dict
        if q.is_object(key):
            own = q.child(key)
            name = None if own is None else _weights(own, zero16=zero16)
            if name is not None:
                found.append((key, name))
        elif "." in key and not q.flag(key, True):
            found.append((key, ""))
    return tuple(found)


def _mlx(q: ConfigReader) -> Method:
    mode = q.text("mode") or "affine"
    everywhere = {"mxfp4": "mxfp4", "nvfp4": "nvfp4", "mxfp8": "mxfp8"}.get(mode) or _weights(q, zero16=True)
    return Method(format=everywhere, tables=everywhere, own=_overrides(q, zero16=True))


def _gptq(q: ConfigReader) -> Method:
    name = _weights(q)
    own: tuple[tuple[str, str], ...] = ()
    extra = q.child("extra_config")
    if extra is not None:
        own = _overrides(extra, zero16=False)
    head = name if q.flag("lm_head", False) else None
    return Method(format=name, head=head, own=own)


def _hqq(q: ConfigReader) -> Method:
    inner = q.child("quant_config")
    params = (inner.child("weight_quant_params") if inner else None) or q
    return Method(format=_weights(params, zero16=True))


def _bitsandbytes(q: ConfigReader) -> Method:
    if not q.flag("load_in_4bit", q.flag("_load_in_4bit", False)):
        return Method(format="int8")
    return Method(format="nf4_dq" if q.flag("bnb_4bit_use_double_quant", False) else "nf4")


def _quark_format(weight: ConfigReader) -> str | None:
    kind = weight.text("dtype") or ""
    if kind.startswith("fp8"):
        return "fp8"
    if kind in ("fp4", "mxfp4"):
        return "mxfp4"
    if kind.startswith("mxfp8"):
        return "mxfp8"
    bits = kind.lstrip("u").removeprefix("int")
    return integer_format(int(bits), _group(weight), zero=int(bits)) if bits in ("2", "3", "4", "8") else None


def _quark(q: ConfigReader) -> Method:
    default = q.child("global_quant_config")
    weight = default.child("weight") if default else None
    layers = q.child("layer_quant_config")
    own = []
    for key in layers.keys() if layers else ():
        entry = layers.child(key) if layers else None
        inner = entry.child("weight") if entry else None
        own.append((key, (_quark_format(inner) if inner else None) or ""))
    return Method(format=_quark_format(weight) if weight else None, own=tuple(own), head_too=True)


def _torchao(q: ConfigReader) -> Method:
    group: int | None = None
    if q.is_text("quant_type"):
        kind = (q.text("quant_type") or "").replace("_", "").lower()
        kwargs = q.child("quant_type_kwargs")
        group = _group(kwargs) if kwargs else None
    else:
        holder = q.child("quant_type")
        default = (holder.child("default") if holder else None) or holder
        kind = ((default.text("_type") if default else None) or "").lower()
        data = default.child("_data") if default else None
        group = _group(data) if data else None
    if "nvfp4" in kind:
        return Method(format="nvfp4")
    if "int4weight" in kind and "float8" not in kind:
        wide = "int8dynamic" in kind  # symmetric groups of 32 under 8-bit activations
        return Method(format=integer_format(4, group or (32 if wide else 128), zero=0 if wide else 16))
    if "int8" in kind:
        return Method(format="int8")
    if "float8" in kind:
        return Method(format="fp8")
    return Method()


def _exl(q: ConfigReader) -> Method:
    bits = q.number("bits", low=1.0, high=16.0)
    head = q.number("head_bits", low=1.0, high=16.0) if q.has("head_bits") else 6.0
    return Method(format=f"bpw{bits:g}", head=f"bpw{head:g}")


def _autoround(q: ConfigReader) -> Method:
    """Integers as GPTQ has them, or the micro-scaled floats that `data_type` names."""
    found, kind = _gptq(q), (q.text("data_type") or "").replace("_", "").lower()
    if kind.startswith("nvfp"):
        return replace(found, format="nvfp4")
    if kind.startswith("mxfp"):
        return replace(found, format="mxfp8" if q.maybe(*_BITS, high=64) == 8 else "mxfp4")
    return found


def _aqlm(q: ConfigReader) -> Method:
    """Codes of several codebooks for a group of weights; scales are one per output row."""
    if not all(q.has(key) for key in ("num_codebooks", "nbits_per_codebook", "in_group_size", "out_group_size")):
        return Method()
    codes = q.count("num_codebooks", high=64) * q.count("nbits_per_codebook", high=64)
    bits = codes / (q.count("in_group_size", high=4096) * q.count("out_group_size", high=4096))
    if not 1.0 <= bits <= 16.0:
        raise InputError("quantization bits", bits, "1 to 16")
    return Method(format=f"bpw{bits:.4g}")


def _quanto(q: ConfigReader) -> Method:
    kind = q.text("weights") or ""
    if kind.startswith("float8"):
        return Method(format="fp8")
    bits = {"int2": 2, "int4": 4, "int8": 8}.get(kind)
    return Method() if bits is None else Method(format=integer_format(bits, None if bits == 8 else 128, zero=16))


def _fp_quant(q: ConfigReader) -> Method:
    kind = q.text("forward_dtype") or ""
    return Method(format=kind if kind in ("mxfp4", "nvfp4") else None)


def _bitnet(q: ConfigReader) -> Method:
    """Ternary weights, four in a byte, unless they are kept in 16 bits and rounded as they are read."""
    return Method(format=None if q.text("quantization_mode") == "online" else "bpw2")


def two_of_four(q: ConfigReader) -> bool:
    """Whether two of four weights are left out, and which they are is kept as a bit for each."""
    sparse = q.child("sparsity_config")
    return sparse is not None and (sparse.text("format") or "").startswith("sparse-24")


_READERS = {
    **dict.fromkeys(("gptq", "awq", "gptq_marlin", "awq_marlin"), _gptq),
    **dict.fromkeys(_AUTOROUND, _autoround),
    "aqlm": _aqlm,
    "quanto": _quanto,
    "fp_quant": _fp_quant,
    "bitnet": _bitnet,
    "hqq": _hqq,
    "bitsandbytes": _bitsandbytes,
    "quark": _quark,
    "torchao": _torchao,
    "exl2": _exl,
    "exl3": _exl,
}


def read_method(r: ConfigReader, q: ConfigReader) -> Method:
    """What the file says of all its linear layers."""
    method, algorithm = q.text("quant_method"), q.text("quant_algo")
    if method in ("fp8", "fbgemm_fp8"):
        return Method(format="fp8_block" if q.has("weight_block_size") else "fp8")
    if method == "mxfp4":
        return Method(format="mxfp4", classes=("experts",))
    if method in ("mxfp8", "eetq", "experts_int8", "nvfp4"):
        return Method(
            format="int8" if method in ("eetq", "experts_int8") else method,
            classes=("experts",) if method == "experts_int8" else None,
        )
    found = _READERS[method](q) if method in _READERS else Method()
    if method is None and q.has("bits"):
        found = _mlx(q)
    if found.format is not None:
        return found
    groups = q.child("config_groups")
    if two_of_four(q) and (groups is None or not groups.keys()):
        return Method(format="bpw9")
    if q.has("config_groups", "quantized_layers"):
        return Method(head_too=method == "compressed-tensors")
    if algorithm is not None and algorithm in ALGORITHMS:
        return Method(format=ALGORITHMS[algorithm])
    by_bits = _weights(q)
    if by_bits:
        r.warn(f"quantization_config of method {method!r} is not known: read by its bits")
        return Method(format=by_bits)
    r.warn(f"quantization_config of method {method!r} is not understood: weights taken as 16-bit")
    return Method()
