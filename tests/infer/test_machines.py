"""Formats and rates of the machines that a seller may run on: by the engine's rule of arithmetic."""

import pytest

from tokenroof.catalog.chips import load_chip
from tokenroof.infer.machines import machines


@pytest.mark.parametrize(
    ("chip", "widths", "rates"),
    [
        # NVFP4 weights would be multiplied in 16 bits there: such a seller serves FP8
        ("h100", (2.0, 1.0, 1.0), ("bf16", "fp8", "fp8")),
        ("b200", (2.0, 1.0, 0.5625), ("bf16", "fp8", "fp4")),
        ("a100", (2.0, 1.0, 1.0), ("bf16", "int8", "int8")),
    ],
)
def test_sellers_serve_formats_that_their_chips_compute_in(
    chip: str, widths: tuple[float, ...], rates: tuple[str, ...]
) -> None:
    table = machines()
    at, known = table.names.index(chip), load_chip(chip).flops_per_s
    assert tuple(table.weight_bytes[:, at]) == widths
    assert tuple(table.flops_per_s[:, at]) == tuple(known[rate] for rate in rates)


def test_memory_is_what_the_engine_finds() -> None:
    """A process sees 79.19 GiB of an H100 and 95.0 of an H20, of labels of 80 and 96 GB."""
    table = machines()
    found = dict(zip(table.names, table.visible_bytes, strict=True))
    assert found["h100"] == pytest.approx(79.19 * 2**30)
    assert found["h20"] == 97_285 * 2**20
