"""Labels of machines as benchmarks, drivers and price sheets write them."""

import pytest

from tokenroof.catalog.chips import load_chip
from tokenroof.catalog.systems import load_system
from tokenroof.errors import UnknownName


@pytest.mark.parametrize(
    ("label", "chip"),
    [
        ("NVIDIA H100 SXM 80GB", "h100"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100-SXM-80GB", "h100"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H100 NVL", "h100-nvl"),
        ("h200_sxm", "h200"),
        ("NVIDIA H200-SXM-141GB-CTS", "h200"),
        ("B200 180GB", "b200"),
        ("NVIDIA B200-SXM-180GB", "b200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100 PCIe", "a100-pcie"),
        ("Tesla V100-SXM2-32GB", "v100"),
        ("AMD Instinct MI300X-NPS1-SPX-192GB-750W", "mi300x"),
        ("Intel Gaudi 3", "gaudi3"),
        ("Google TPU v5e", "v5e"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("4090 24GB", "rtx-4090"),
        ("NVIDIA RTX PRO 6000 Blackwell Server", "rtx-pro-6000"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("NVIDIA RTX A6000", "rtx-a6000"),
        ("NVIDIA GeForce RTX 3090", "rtx-3090"),
        ("NVIDIA L20", "l20"),
        ("NVIDIA A30 24GB", "a30"),
        ("NVIDIA A100-PCIE-40GB", "a100-pcie-40"),
        ("GH200 96GB", "gh200-96"),
        ("Intel Arc B580", "arc-b580"),
    ],
)
def test_labels_that_data_use_name_the_chip(label: str, chip: str) -> None:
    assert load_chip(label).id == chip


@pytest.mark.parametrize(
    "label",
    ["NVIDIA H100 SXM 96GB", "Tesla V100-SXM2-16GB", "NVIDIA H20-3e 141GB", "NVIDIA", "80GB", "SXM", "any NVIDIA part",
     "AMD Instinct MI300X 192GB (x8) and AMD Instinct MI325X 256GB (x8)", "h100 " * 40],
)  # fmt: skip
def test_a_label_of_another_chip_or_of_none_is_not_taken(label: str) -> None:
    with pytest.raises(UnknownName):
        load_chip(label)


@pytest.mark.parametrize("label", ["8x NVIDIA H100 SXM 80GB", "8xh100_sxm", "8xh100"])
def test_counts_before_labels_make_systems(label: str) -> None:
    system = load_system(label)
    assert (system.chip.id, system.n_chips, system.domain_size) == ("h100", 8, 8)


def test_a_slice_is_not_a_label_with_memory() -> None:
    assert load_system("v5e-16").n_chips == 16
