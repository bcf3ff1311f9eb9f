"""Memory tiers: drain times of real parts, honest grades, rent of the accelerator's own memory."""

import pytest

from tokenroof.catalog import hbm_tier, load_chip, load_rental, load_tier, load_tiers
from tokenroof.errors import DataMissing, UnknownName
from tokenroof.provenance import Grade


@pytest.mark.parametrize(
    ("tier", "seconds"),
    [  # capacity over read bandwidth of the parts named in the tiers' sources
        ("grace-lpddr", 1.2),
        ("host-dram", 31),
        ("nvme-small", 4.6 * 60),
        ("nvme-medium", 9.1 * 60),
        ("nvme-large", 2.4 * 3600),
        ("nvme-huge", 4.6 * 3600),
        ("disk", 23.4 * 3600),
    ],
)
def test_drain_times(tier: str, seconds: float) -> None:
    found = load_tier(tier)
    assert found.capacity_bytes is not None
    assert found.capacity_bytes / found.bytes_per_s == pytest.approx(seconds, rel=0.015)


def test_kinds_of_tier_are_all_there() -> None:
    assert {t.id for t in load_tiers()} >= {"host-dram", "nvme-small", "nvme-large", "disk", "object"}


def test_object_storage_has_no_size_to_drain() -> None:
    assert load_tier("s3").capacity_bytes is None


def test_prices_are_rents_and_say_that_they_are_assumed() -> None:
    # 0.004 and 0.00014 USD per GB-hour for DRAM and NVMe, assumptions of the price study
    assert load_tier("dram").usd_per_byte_s == pytest.approx(0.004 / 1e9 / 3600)
    assert load_tier("nvme").usd_per_byte_s == pytest.approx(0.00014 / 1e9 / 3600)
    grades = {tier.id: tier.facts["usd_per_byte_s"].grade for tier in load_tiers()}
    assert grades.pop("object") is Grade.REPORTED
    assert set(grades.values()) == {Grade.ASSUMED}


def test_slower_tiers_are_cheaper_but_for_bare_disk_rents() -> None:
    order = [load_tier(t).usd_per_byte_s for t in ("host-dram", "nvme-small", "disk", "object")]
    prices = [price for price in order if price is not None]
    assert prices == sorted(prices, reverse=True) and len(prices) == 4


def test_hbm_costs_its_chip() -> None:
    tier = hbm_tier(load_chip("h200"), load_rental("h200"))
    # 4.59 USD/h over the 150.1 GB that a process sees; 0.0326 over the label
    assert tier.usd_per_byte_s == pytest.approx(4.59 / 3600 / (143_156 * 2**20))
    assert tier.facts["usd_per_byte_s"].grade is Grade.REPORTED
    assert "0.023 to 0.042" in tier.facts["usd_per_byte_s"].note


def test_hbm_without_a_rent_is_missing_data() -> None:
    with pytest.raises(DataMissing, match="rental price"):
        hbm_tier(load_chip("mi355x"), None)


def test_unknown_tier() -> None:
    with pytest.raises(UnknownName) as caught:
        load_tier("nvm")
    assert "nvme" in caught.value.suggestions
