"""Systems: by name, composed, sliced, multiplied, or from a file of one's own."""

import csv
import re
from pathlib import Path

import pytest

from tokenroof.catalog import load_chip, load_system, load_system_file, system_names
from tokenroof.catalog.machine_checks import open_findings
from tokenroof.catalog.machine_index import machine_index
from tokenroof.errors import InputError, TokenroofError, UnknownName
from tokenroof.operators.networks import collective_time_s
from tokenroof.provenance import Grade

OWN = """
id = "my-cluster"
name = "32 H100 in pairs of eight"
chip = "h100"

[defaults]
source = "our machine room"
as_of = "2026-11-01"
grade = "measured"

[size]
n_chips = 32
domain = 8
"""


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", system_names())
def test_every_listed_name_loads(name: str) -> None:
    system = load_system(name)
    assert 1 <= system.domain_size <= system.n_chips
    assert system.domain_size <= system.chip.reach
    assert system.id == name
    for attribute in ("scaleup_bytes_per_s", "scaleout_bytes_per_s", "power_w"):
        number, fact = getattr(system, attribute), system.facts.get(attribute)
        assert (number is None) == (fact is None)
        assert fact is None or fact.value == number


@pytest.mark.parametrize("alias", sorted(machine_index()["systems"]))
def test_every_alias_loads(alias: str) -> None:
    assert load_system(alias).n_chips > 1


@pytest.mark.parametrize(
    ("name", "n_chips", "domain"),
    [
        ("h100", 1, 1),
        ("8xh100", 8, 8),
        ("4xh100", 4, 4),
        ("64xh100", 64, 8),
        ("12xh100", 12, 8),
        ("2x8xh100", 16, 8),
        ("8xgb200", 8, 8),
        ("144xgb200", 144, 72),
        ("gb200-nvl72", 72, 72),
        ("2xgb200-nvl72", 144, 72),
        ("rubin-nvl144", 72, 72),  # NVL144 counted dies
        ("v5e-16", 16, 16),
        ("v6e-8", 8, 8),
        ("v7-64", 64, 64),
        ("tpu-v5e-16", 16, 16),
        ("2xv5e-256", 512, 256),
        ("64xv5p", 64, 64),
        ("DGX_H100", 8, 8),
        ("4xl4", 4, 4),  # a server's bus joins them
        ("16xl40s", 16, 8),
        ("8xrtx-pro-6000", 8, 8),
    ],
)
def test_names(name: str, n_chips: int, domain: int) -> None:
    system = load_system(name)
    assert (system.n_chips, system.domain_size) == (n_chips, domain)


def test_v4_and_v5p_slices_are_named_by_tensorcores() -> None:
    # Google's page on v5p: v5p-32 is a slice of 32 TensorCores, 16 chips
    system = load_system("v5p-32")
    assert system.n_chips == 16
    assert any("TensorCores" in note for note in system.notes)


def test_a_mesh_without_a_switch_has_links_to_present_peers_only() -> None:
    # MI300X: seven links of 64 GB/s, one to each peer
    assert load_system("8xmi300x").scaleup_bytes_per_s == 448e9
    four = load_system("4xmi300x")
    assert four.scaleup_bytes_per_s == 3 * 64e9
    assert four.facts["scaleup_bytes_per_s"].grade is Grade.DERIVED
    assert load_system("2xh100").scaleup_bytes_per_s == 450e9, "a switch gives one peer everything"


def test_cards_of_a_server_are_one_domain_on_its_bus() -> None:
    """They were single GPUs that talked over the network card, or over the bus as if it were a network."""
    four = load_system("4xrtx-4090")
    assert (four.domain_size, four.scaleup_bytes_per_s, four.scaleout_bytes_per_s) == (4, 32e9, None)
    assert (four.pcie_generation, four.peer_access, four.fabric) == (4, False, "host")
    server = load_system("8xrtx-pro-6000")
    assert (server.domain_size, server.scaleup_bytes_per_s, server.fabric) == (8, 64e9, "pcie")
    assert any("up to 8 cards" in note for note in server.notes)
    assert load_system("8xh100").fabric == "" and load_system("2xa100-pcie").fabric == ""  # a bridged pair


def test_servers_of_cards_without_a_network_card_get_one_that_is_said_to_be_assumed() -> None:
    two = load_system("16xrtx-4090")
    assert (two.domain_size, two.scaleout_bytes_per_s) == (8, 12.5e9)
    assert two.facts["scaleout_bytes_per_s"].grade is Grade.ASSUMED and two.facts["scaleout_bytes_per_s"].note
    assert load_system("16xl40s").scaleout_bytes_per_s == 50e9


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("pcie = 4", (32e9, "pcie", None, None, None)),
        ("pcie = 4\npeer_access = 0", (32e9, "host", None, None, None)),
        ('pcie = 5\nscaleup = "32 GB/s"', (32e9, "pcie", None, None, None)),
        ('scaleup_latency = "2 us"\nscaleout_latency = "4 us"', (64e9, "pcie", 2e-6, 4e-6, None)),
        ('network = "roce"', (64e9, "pcie", None, 7e-6, 0.85)),
        ('network = "infiniband"\nscaleout_latency = "3 us"', (64e9, "pcie", None, 3e-6, 0.9)),
    ],
)
def test_links_of_a_system_file(tmp_path: Path, links: str, expected: tuple[object, ...]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'id = "mine"\nname = "Mine"\nchip = "rtx-pro-6000"\n[defaults]\nsource = "our own order"\n'
        f'as_of = "2026-11-01"\ngrade = "spec"\n[size]\nn_chips = 16\n[links]\n{links}\n'
    )
    system = load_system(str(path))
    assert system.domain_size == 8
    assert expected == (system.scaleup_bytes_per_s, system.fabric, system.scaleup_latency_s,
                        system.scaleout_latency_s, system.scaleout_share)  # fmt: skip


@pytest.mark.parametrize(
    ("links", "limit"),
    [("pcie = 7", "3 to 6"), ("peer_access = 2", "0 to 1"), ('network = "token ring"', "infiniband, roce, ethernet"),
     ('scaleup_latency = "3 m"', "units of s")],
)  # fmt: skip
def test_wrong_links_are_refused_with_the_limit(tmp_path: Path, links: str, limit: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'id = "mine"\nname = "Mine"\nchip = "rtx-pro-6000"\n[defaults]\nsource = "our own order"\n'
        f'as_of = "2026-11-01"\ngrade = "spec"\n[size]\nn_chips = 16\n[links]\n{links}\n'
    )
    with pytest.raises(InputError, match=limit):
        load_system(str(path))


def test_what_nobody_recorded_is_said() -> None:
    assert load_system("8xtpu-8i").notes[0] == "No network between these chips is recorded."


def test_racks_carry_power_and_multiply_it() -> None:
    one, two = load_system("gb200-nvl72"), load_system("2xgb200-nvl72")
    assert one.power_w == 132e3 and two.power_w == 264e3
    assert two.facts["n_chips"].value == 144
    assert two.scaleup_bytes_per_s == one.scaleup_bytes_per_s


def test_racks_sum_to_the_published_racks(shared_data: Path) -> None:
    with (shared_data / "hardware/hardware.csv").open(encoding="utf-8", newline="") as file:
        racks = {row["name"]: row for row in csv.DictReader(file) if row["kind"] == "rack"}
    names = {"gb200-nvl72": "GB200 NVL72 (rack)", "gb300-nvl72": "GB300 NVL72 (rack)"}
    for name, row_name in (names | {"rubin-nvl72": "Vera Rubin NVL72 (rack)"}).items():
        system, row = load_system(name), racks[row_name]
        n, chip = system.n_chips, system.chip
        assert n * chip.bytes_per_s == pytest.approx(float(row["mem_bw_GBps"]) * 1e9)
        assert n * chip.memory_bytes == pytest.approx(float(row["mem_GB_label"]) * 1e9, rel=1e-3)
        for key in ("bf16", "fp8", "fp4"):
            assert n * chip.flops_per_s[key] == pytest.approx(float(row[key]) * 1e12)
        assert system.power_w == float(row["tdp_W"])


def test_rent_comes_along() -> None:
    rental = load_system("8xh100").rental
    assert rental is not None and rental.low_usd_per_h < rental.median_usd_per_h < rental.high_usd_per_h
    assert load_system("gb300-nvl72").rental is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("gb200-nvl27", "gb200-nvl72"),
        ("8xh10", "8xh100"),
        ("8xmi30x", "8xmi300x"),
        ("v5-16", "v5e-16"),
        ("dgx-h10", "dgx-h100"),
        ("12xmi30x", "12xmi300x"),
    ],
)
def test_unknown_names_suggest_three(name: str, near: str) -> None:
    with pytest.raises(UnknownName) as caught:
        load_system(name)
    assert near in caught.value.suggestions and len(caught.value.suggestions) <= 3
    machines = {load_system(one).name for one in caught.value.suggestions}
    assert len(machines) == len(caught.value.suggestions)


def test_a_count_of_something_unknown_explains_the_form() -> None:
    with pytest.raises(UnknownName, match="NxCHIP makes a system of N chips") as caught:
        load_system("9xnothing")
    assert caught.value.suggestions == ()


def test_what_is_like_no_system_gets_no_suggestion() -> None:
    with pytest.raises(UnknownName) as caught:
        load_system("nosuch")
    assert caught.value.suggestions == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("0xh100", "n_chips"),
        ("1000001xh100", "n_chips"),
        ("0xgb200-nvl72", "n_chips"),
        ("999999xgb200-nvl72", "n_chips"),
        ("v5p-7", "slice"),
        ("v5e-512", "slice"),
        ("v6e-0", "slice"),
        ("no/such/file.toml", "file"),
    ],
)
def test_counts_out_of_range_name_the_limit(name: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        load_system(name)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "name", ["", " ", "x", "8x", "xh100", "2x" * 500 + "h100", "-", "v5e-", "h100\0", "é", "8x" * 40]
)
def test_odd_names_are_unknown_not_a_crash(name: str) -> None:
    with pytest.raises(TokenroofError):
        load_system(name)


# ---------------------------------------------------------------------------------------------- own files


def test_own_file(tmp_path: Path) -> None:
    text = OWN + '[links]\nscaleout = "100 Gbit/s"\n[rental]\n' + 'low = "2 USD/GPU/h"\n'
    text += 'median = "2.5 USD/GPU/h"\nhigh = "3 USD/GPU/h"\n'
    path = own(tmp_path, text)
    system = load_system(str(path))
    assert system == load_system_file(path)
    assert (system.id, system.n_chips, system.domain_size) == ("my-cluster", 32, 8)
    assert system.chip is load_chip("h100")
    assert system.scaleup_bytes_per_s == 450e9, "not given, so the chip's"
    assert system.scaleout_bytes_per_s == 12.5e9
    fact = system.facts["scaleout_bytes_per_s"]
    assert (fact.source, fact.as_of, fact.grade) == ("our machine room", "2026-11-01", Grade.MEASURED)
    assert system.rental is not None and system.rental.median_usd_per_h == pytest.approx(2.5)


def test_own_chip(tmp_path: Path) -> None:
    text = OWN.replace('chip = "h100"\n', "").replace("domain = 8", "domain = 32") + (
        '[chip]\nid = "mine"\nname = "Mine"\nvendor = "Us"\nkind = "asic"\nyear = 2026\n'
        '[chip.memory]\nlabel = "100 GB"\nbandwidth = "5 TB/s"\n[chip.flops]\nbf16 = "1 PFLOP/s"\n'
        '[chip.links]\ndomain = 32\nscaleup = "300 GB/s"\n'
    )
    system = load_system_file(own(tmp_path, text))
    assert system.chip.bytes_per_s == 5e12 and system.domain_size == 32
    assert system.chip.facts["bytes_per_s"].source == "our machine room"
    assert system.rental is None


def test_own_fabric_may_be_larger_than_the_chips(tmp_path: Path) -> None:
    wide = OWN.replace("domain = 8", "domain = 32")
    with pytest.raises(InputError) as caught:
        load_system_file(own(tmp_path, wide))
    assert caught.value.field == "own.toml: size.domain" and "at most" in caught.value.limit
    system = load_system_file(own(tmp_path, wide + '[links]\nscaleup = "400 GB/s"\n'))
    assert (system.domain_size, system.scaleup_bytes_per_s) == (32, 400e9)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("n_chips = 32", "n_chips = 0", "own.toml: size.n_chips"),
        ("n_chips = 32", "n_chips = 2.5", "own.toml: size.n_chips"),
        ("n_chips = 32", "n_chips = nan", "own.toml: size.n_chips"),
        ("n_chips = 32", "n_chips = 1e9", "own.toml: size.n_chips"),
        ("n_chips = 32\n", "", "own.toml: size.n_chips"),
        ("domain = 8", "domain = 64", "own.toml: size.domain"),
        ("domain = 8", "domaine = 8", "own.toml: size.domaine"),
        ('as_of = "2026-11-01"\n', "", "own.toml: size.n_chips.as_of"),
        ('source = "our machine room"\n', "", "own.toml: size.n_chips.source"),
        ('id = "my-cluster"\n', "", "own.toml: id"),
        ('chip = "h100"\n', "", "own.toml: chip"),
        ('chip = "h100"', "chip = 7", "own.toml: chip"),
        ("[size]", "[siez]", "own.toml: siez"),
        ("domain = 8", 'domain = 8\n[links]\nscaleout = "fast"', "own.toml: links.scaleout"),
        ("domain = 8", 'domain = 8\n[links]\nscaleout = "-1 GB/s"', "own.toml: links.scaleout"),
        ("domain = 8", 'domain = 8\n[links]\nscaleout = "400 GB"', "own.toml: links.scaleout"),
        ("[size]", "links = 3\n[size]", "own.toml: defaults.links"),
        ('chip = "h100"', 'chip = "h100"\nlinks = 3', "own.toml: links"),
        ("domain = 8", 'domain = 8\n[rental]\nmedian = "2 USD/GPU/h"', "own.toml: rental.low"),
        ("domain = 8", 'domain = 8\n[rental]\nlow = "3 USD/GPU/h"\nmedian = "2 USD/GPU/h"\nhigh = "4 USD/GPU/h"',
         "own.toml: rental.median"),
    ],
)  # fmt: skip
def test_own_file_faults_name_field_value_and_limit(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in OWN
    with pytest.raises(InputError) as caught:
        load_system_file(own(tmp_path, OWN.replace(old, new)))
    assert caught.value.field == field
    assert caught.value.limit and "\n" not in str(caught.value)


def test_files_of_the_guide_load(repo_root: Path, tmp_path: Path) -> None:
    guide = (repo_root / "docs/guide/machines.md").read_text(encoding="utf-8")
    lab, mine = (load_system_file(own(tmp_path, text)) for text in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL))
    assert (lab.n_chips, lab.domain_size, lab.scaleout_bytes_per_s, lab.power_w) == (32, 8, 21e9, 48e3)
    assert lab.facts["scaleout_bytes_per_s"].source == "our all-reduce test"
    assert (mine.n_chips, mine.domain_size, mine.chip.announced) == (8, 8, True)
    assert open_findings(mine.chip) == ()


def test_own_file_with_an_unknown_chip(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nearest: h100"):
        load_system_file(own(tmp_path, OWN.replace('"h100"', '"h1000"')))


@pytest.mark.parametrize(
    ("name", "share"),
    # 2 x 2 and 2 x 4 meshes have a link on either axis at their corners; 16 x 16 wraps around on both
    [("v6e-4", 2 / 4), ("v6e-8", 2 / 4), ("v5e-256", 1.0), ("v5p-8", 2 / 6), ("v5p-16", 3 / 6), ("v5p-128", 1.0)],
)
def test_a_block_of_a_torus_uses_the_links_of_its_axes(name: str, share: float) -> None:
    system = load_system(name)
    assert system.scaleup_bytes_per_s == pytest.approx(system.chip.scaleup_bytes_per_s * share)
    assert (system.facts["scaleup_bytes_per_s"].grade is Grade.DERIVED) is (share < 1.0)


def test_ranks_that_are_a_part_of_a_slice_have_the_links_of_their_own_block() -> None:
    whole = load_system("v6e-256")
    times = [collective_time_s("all_reduce", 1e9, ranks, whole)[0] for ranks in (2, 4, 256)]
    assert times == pytest.approx([1e9 / (links * 100e9) for links in (1, 2, 4)])
