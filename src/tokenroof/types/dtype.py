"""Number formats with the bytes that one stored element really takes, scales included."""

from dataclasses import dataclass

from tokenroof.errors import UnknownName
from tokenroof.registry import nearest

__all__ = ["DTYPES", "Dtype", "dtype"]


@dataclass(frozen=True, slots=True)
class Dtype:
    """A storage format. `rate_key` names the arithmetic rate it runs at on a chip that supports it."""

    name: str
    bytes_per_element: float
    rate_key: str
    note: str = ""


DTYPES: dict[str, Dtype] = {
    d.name: d
    for d in (
        Dtype("fp32", 4.0, "tf32"),
        Dtype("bf16", 2.0, "bf16"),
        Dtype("fp16", 2.0, "bf16"),
        Dtype("fp8", 1.0, "fp8", "per-tensor or per-channel scales, negligible"),
        Dtype("fp8_block", 1.0 + 4.0 / 128**2, "fp8", "one fp32 scale per 128 x 128 block"),
        Dtype("int8", 1.0, "int8"),
        Dtype("nvfp4", 0.5 + 1.0 / 16, "fp4", "one fp8 scale per 16 elements"),
        Dtype("mxfp4", 0.5 + 1.0 / 32, "fp4", "one e8m0 scale per 32 elements"),
        Dtype("fp4", 0.5, "fp4", "the bare half byte of back-of-envelope sums"),
        Dtype("nvfp4_w", 0.5 + 1.0 / 16, "bf16", "weights only, one fp8 scale per 16: dequantised to 16-bit maths"),
        Dtype("nf4", 0.5 + 4.0 / 64, "bf16", "one fp32 scale per 64: dequantised to 16-bit maths"),
        Dtype("int4_g32", 0.5 + 2.0 / 32, "bf16", "16-bit scale per 32, no zero: dequantised to 16-bit maths"),
        Dtype("int4_g64", 0.5 + 2.0 / 64, "bf16", "16-bit scale per 64, no zero: dequantised to 16-bit maths"),
        Dtype("int4_g128", 0.5 + 2.0 / 128, "bf16", "16-bit scale per 128, no zero: dequantised to 16-bit maths"),
        Dtype("int4", 0.5 + 2.5 / 128, "bf16", "16-bit scale and 4-bit zero per 128: dequantised to 16-bit maths"),
    )
}


def dtype(name: str) -> Dtype:
    """Look a format up by name; UnknownName has the nearest and lists what there is."""
    try:
        return DTYPES[name.lower()]
    except (KeyError, AttributeError):
        raise UnknownName("dtype", str(name), nearest(str(name), DTYPES), f"known: {', '.join(DTYPES)}") from None
