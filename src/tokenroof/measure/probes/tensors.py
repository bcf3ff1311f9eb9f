"""A GPU by torch (CUDA, ROCm as CUDA, Apple's as MPS), or the processor: the probes of `arrays`."""

from collections.abc import Callable
from typing import Any

from tokenroof.errors import DataMissing

__all__ = ["Tensors", "accelerator", "torch_or_none"]

Run = Callable[[int], None]

_PAST_CACHE = 4.0
_ASSUMED_CACHE_BYTES = 64e6


def torch_or_none() -> Any:
    """torch where it is installed and loads."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


def accelerator(torch: Any) -> str | None:
    """The accelerator that torch sees: cuda (ROCm calls itself so too), mps, or none."""
    if torch is None:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


class Tensors:
    """One device of torch's. On MPS fp8 and int8 have no kernels."""

    def __init__(self, device: str, seed: int = 0) -> None:
        torch = torch_or_none()
        if torch is None:
            raise DataMissing("device", device, "torch", "pip install 'tokenroof[torch]'")
        self.torch, self.device, self.name = torch, torch.device(device), device
        self._random = torch.Generator(device="cpu").manual_seed(seed)
        self._kinds = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        if hasattr(torch, "float8_e4m3fn"):
            self._kinds["fp8"] = torch.float8_e4m3fn
        self._kinds["int8"] = torch.int8
        self.cache_bytes = _ASSUMED_CACHE_BYTES
        if device == "cuda":
            self.cache_bytes = float(getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0) or 64e6)
        self.formats = tuple(one for one in self._kinds if self._runs(one))

    def close(self) -> None:
        """Gives cached memory back."""
        if self.name == "cuda":
            self.torch.cuda.empty_cache()

    def wait(self) -> None:
        """Until everything that was launched is done."""
        if self.name == "cuda":
            self.torch.cuda.synchronize()
        elif self.name == "mps":
            self.torch.mps.synchronize()

    def _filled(self, *shape: int, format: str = "fp32") -> Any:
        torch = self.torch
        kind = self._kinds[format]
        if format == "int8":
            return torch.randint(-127, 127, shape, generator=self._random, dtype=kind).to(self.device)
        plain = torch.randn(shape, generator=self._random, dtype=torch.float32)
        return plain.to(self.device).to(kind)

    def _product(self, format: str) -> Any:
        """The matmul of a format; 8-bit ones scale or sum in wider numbers."""
        torch = self.torch
        if format == "int8":
            return torch._int_mm
        if format == "fp8":
            one = torch.ones((), device=self.device)
            return lambda a, b: torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        return torch.matmul

    def _weight(self, n: int, k: int, format: str) -> Any:
        """A k x n weight, column after column, as the 8-bit kernels want it."""
        return self._filled(n, k, format=format).t()

    def _runs(self, format: str) -> bool:
        """Whether the device has a kernel for a format: tried once, on small numbers."""
        try:
            self._product(format)(self._filled(32, 64, format=format), self._weight(64, 64, format))
            self.wait()
        except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError):
            return False
        return True

    def _copies(self, size: float, most: int = 64) -> int:
        return min(most, max(2, int(_PAST_CACHE * self.cache_bytes // size) + 1))

    def read(self, size: int, *, cached: bool = False, threads: int | None = None) -> Run:
        """Reads `size` bytes: the largest of all numbers."""
        pool = [self._filled(size // 4) for _ in range(1 if cached else self._copies(size))]
        return lambda number: pool[number % len(pool)].amax()

    def copy(self, size: int) -> Run:
        """Copies `size` bytes: as many are read and as many written."""
        pool = [self._filled(size // 4) for _ in range(self._copies(size))]
        target = self.torch.empty_like(pool[0])
        return lambda number: target.copy_(pool[number % len(pool)])

    def matmul(self, m: int, n: int, k: int, format: str) -> Run:
        """m tokens through a k x n weight: another weight each time. 8-bit kernels want at least 32 rows."""
        rows = max(m, 32) if format in ("int8", "fp8") else m
        weights = [self._weight(n, k, format) for _ in range(self._copies(k * n * self.bytes_of(format), 16))]
        inputs, product = self._filled(rows, k, format=format), self._product(format)
        return lambda number: product(inputs, weights[number % len(weights)])

    def keys_and_values(self, heads: int, width: int, context: int) -> Run:
        """One decoded token's attention over a cache of `context` entries for each of `heads`, in 16 bits."""
        torch, format = self.torch, "bf16" if "bf16" in self.formats else "fp32"
        many = self._copies(2 * heads * context * width * self.bytes_of(format), 8)
        keys = [self._filled(1, heads, context, width, format=format) for _ in range(many)]
        values = [self._filled(1, heads, context, width, format=format) for _ in range(many)]
        query = self._filled(1, heads, 1, width, format=format)
        attend = torch.nn.functional.scaled_dot_product_attention
        return lambda number: attend(query, keys[number % many], values[number % many])

    def nothing(self) -> Run:
        """The least that a launch costs: one number to one number."""
        one, other = self._filled(1), self._filled(1)
        return lambda number: one.copy_(other)

    def bytes_of(self, format: str) -> float:
        """Bytes of an element."""
        return float(self.torch.empty((), dtype=self._kinds[format]).element_size())
