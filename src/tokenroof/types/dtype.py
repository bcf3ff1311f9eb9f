"""Number formats with the bytes that one stored element really takes, scales included.

Besides those with names there are two kinds with numbers in them: `int3_g128z3` (3 bits, one 16-bit scale and one 3-bit
zero point per 128) and `bpw4.25` (4.25 bits a weight, all in).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from tokenroof.errors import UnknownName
from tokenroof.registry import nearest

__all__ = ["DTYPES", "Dtype", "dtype"]


@dataclass(frozen=True, slots=True)
class Dtype:
    """A storage format. `rate_key` names the arithmetic rate it runs at on a chip that supports it.

    With `everywhere` the bytes are the mean over all weights, the tables of tokens included.
    """

    name: str
    bytes_per_element: float
    rate_key: str
    note: str = ""
    everywhere: bool = False


# Bits a weight of llama.cpp's mixes over the whole file, tables included, as its quantize tool lists them for
# Llama-3.1-8B (ggml-org/llama.cpp@311c2c9 tools/quantize/README.md). Other models differ by a few per cent: their
# tables are a smaller or a larger part.
_GGUF_BITS = {
    "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xxs": 2.3824, "iq2_xs": 2.5882, "iq2_s": 2.7403, "iq2_m": 2.9294,
    "iq3_xxs": 3.2548, "iq3_xs": 3.4977, "iq3_s": 3.6606, "iq3_m": 3.7628, "iq4_xs": 4.4597, "iq4_nl": 4.6818,
    "q2_k_s": 2.9697, "q2_k": 3.1593, "q3_k_s": 3.6429, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944,
    "q5_k_s": 5.5704, "q5_k_m": 5.7036, "q6_k": 6.5633, "q8_0": 8.5008,
}  # fmt: skip

DTYPES: dict[str, Dtype] = {
    d.name: d
    for d in (
        Dtype("fp32", 4.0, "tf32"),
        Dtype("bf16", 2.0, "bf16"),
        Dtype("fp16", 2.0, "bf16"),
        Dtype("fp8", 1.0, "fp8", "per-tensor or per-channel scales, negligible"),
        Dtype("fp8_block", 1.0 + 4.0 / 128**2, "fp8", "one fp32 scale per 128 x 128 block"),
        Dtype("mxfp8", 1.0 + 1.0 / 32, "fp8", "one e8m0 scale per 32 elements"),
        Dtype("int8", 1.0, "int8"),
        Dtype("nvfp4", 0.5 + 1.0 / 16, "fp4", "one fp8 scale per 16 elements"),
        Dtype("mxfp4", 0.5 + 1.0 / 32, "fp4", "one e8m0 scale per 32 elements"),
        Dtype("fp4", 0.5, "fp4", "the bare half byte of back-of-envelope sums"),
        Dtype("nvfp4_w", 0.5 + 1.0 / 16, "bf16", "weights only, one fp8 scale per 16: dequantised to 16-bit maths"),
        Dtype("nf4", 0.5 + 4.0 / 64, "bf16", "one fp32 scale per 64: dequantised to 16-bit maths"),
        Dtype("nf4_dq", 0.5 + 1.0 / 64 + 4.0 / (64 * 256), "bf16", "one 8-bit scale per 64, scaled once more per 256"),
        Dtype("int4_g32", 0.5 + 2.0 / 32, "bf16", "16-bit scale per 32, no zero: dequantised to 16-bit maths"),
        Dtype("int4_g64", 0.5 + 2.0 / 64, "bf16", "16-bit scale per 64, no zero: dequantised to 16-bit maths"),
        Dtype("int4_g128", 0.5 + 2.0 / 128, "bf16", "16-bit scale per 128, no zero: dequantised to 16-bit maths"),
        Dtype("int4", 0.5 + 2.5 / 128, "bf16", "16-bit scale and 4-bit zero per 128: dequantised to 16-bit maths"),
        *(
            Dtype(name, bits / 8, "bf16", "a GGUF mix, mean over all weights: 16-bit maths", everywhere=True)
            for name, bits in _GGUF_BITS.items()
        ),
    )
}


_INTEGERS = re.compile(r"int([2-8])_g(\d{1,5})z(\d{1,2})")
_MEAN = re.compile(r"bpw(\d{1,2}(?:\.\d{1,4})?)")


@lru_cache(maxsize=256)
def _with_numbers(name: str) -> Dtype | None:
    packed = _INTEGERS.fullmatch(name)
    if packed:
        bits, group, zero = (int(part) for part in packed.groups())
        scales = (2.0 + zero / 8) / group if group else 0.0
        note = f"16-bit scale and {zero}-bit zero per {group}"
        return Dtype(name, bits / 8 + scales, "bf16", f"{note}: dequantised to 16-bit maths")
    mean = _MEAN.fullmatch(name)
    if mean and 0 < float(mean[1]) <= 32:
        return Dtype(name, float(mean[1]) / 8, "bf16", "bits a weight, all in: dequantised to 16-bit maths")
    return None


def dtype(name: str) -> Dtype:
    """Look a format up by name; UnknownName has the nearest and lists what there is."""
    lower = str(name).lower()
    found = DTYPES.get(lower) or _with_numbers(lower)
    if found is None:
        plain = [one for one in DTYPES if "_" not in one or one == "fp8_block"]
        raise UnknownName(
            "dtype", str(name), nearest(str(name), DTYPES), f"known: {', '.join(plain)}, int4_g128, q4_k_m ..."
        )
    return found
