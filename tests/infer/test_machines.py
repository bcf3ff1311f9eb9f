"""Formats and rates of the machines that a seller may run on: by the engine's rule of arithmetic."""

import pytest

from tokenroof.catalog.chips import load_chip
from tokenroof.infer.machines import machine_weights, machines, rent_index


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


def test_machines_are_those_of_the_day() -> None:
    """No B200 was sold in 2023, and few A100 serve in 2026; rents fell until late 2025 and rose since."""
    names = machines().names
    early, late = (dict(zip(names, machine_weights(year), strict=True)) for year in (2023.0, 2026.9))
    assert early["b200"] == early["h200"] == 0.0 and early["a100"] > 0.5
    assert late["a100"] < 0.05 < late["b200"]
    assert sum(early.values()) == pytest.approx(1.0)
    assert rent_index(2025.5) < rent_index(2023.5) and rent_index(2026.9) == 1.0
