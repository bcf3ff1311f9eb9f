"""What a scenario is made of, by hand: price of a GPU-hour, formats, what-ifs, files, limits, reasons."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.errors import DataMissing, InputError
from tokenroof.reading import parse_toml, read_text
from tokenroof.scenario import infeasible, unmet
from tokenroof.scenario.files import read_data, to_toml
from tokenroof.scenario.formats import served_weights
from tokenroof.scenario.machine_cost import MachineCost, OwnershipInputs, machine_cost
from tokenroof.scenario.override_layers import _draft_params, _ffn, with_hidden, with_layers, with_routes
from tokenroof.scenario.override_machine import MACHINE_FIELDS
from tokenroof.scenario.override_model import MODEL_FIELDS, check_model
from tokenroof.scenario.override_model import _ffn as _with_number
from tokenroof.scenario.override_values import Rule, amount_of
from tokenroof.scenario.overrides import change_of, overridden
from tokenroof.scenario.resolve import load_of, resolve, workload_of
from tokenroof.scenario.said import length_warnings
from tokenroof.scenario.slo import slo_of
from tokenroof.types.default import Default
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn
from tokenroof.types.scenario import Scenario
from tokenroof.types.workload import Limits, Workload

H100, LLAMA = load_system("8xh100"), load_model("llama-3.1-8b")


def asked(**more: object) -> Scenario:
    return Scenario(**{"model": "llama-3.1-8b", "system": "8xh100", **more})  # type: ignore[arg-type]


def changed(*changes: str, model: str = "llama-3.1-8b", system: str = "8xh100") -> tuple[Model, System]:
    found = overridden(load_model(model), load_system(system), tuple(change_of(text) for text in changes))
    return found[0], found[1]


# ------------------------------------------------------------------ a GPU-hour


def owned(system: System = H100, duty: float = 0.5, **given: Any) -> MachineCost:
    own = OwnershipInputs(**({"capex_usd_per_gpu": 40_000.0, "watts_per_gpu": 1000.0} | given))
    return machine_cost(system, duty_cycle=duty, defaults=[], own=own)


def test_an_owned_hour_by_hand() -> None:
    """$40,000 at 8 % over four years is a payment of 0.08 / (1 - 1.08^-4) = 30.19 % a year, upkeep 5 %, and a load of
    0.3 + 0.7 / 2 on 1,000 W at PUE 1.3 and $0.10 a kWh.
    """
    found = owned(yearly_rate=0.08, upkeep=0.05, pue=1.3, usd_per_kwh=0.1)
    year_h = 365.25 * 24
    payment = 40_000 * 0.08 / (1 - 1.08**-4) / year_h
    parts = dict(found.parts)
    assert parts["depreciation"] == pytest.approx(10_000 / year_h)
    assert parts["interest"] == pytest.approx(payment - 10_000 / year_h)
    assert parts["upkeep"] == pytest.approx(2_000 / year_h)
    assert parts["electricity"] == pytest.approx(1.0 * 1.3 * 0.1 * 0.65)
    assert found.usd_per_gpu_h == pytest.approx(sum(parts.values())) == found.low_usd_per_gpu_h
    assert found.busy_extra_usd_per_h == pytest.approx(0.13 * 0.7)
    assert found.own_from_duty == pytest.approx((payment + 2_000 / year_h + 0.13 * 0.3) / (3.8883 - 0.13 * 0.7))
    assert found.rent_usd_per_h == pytest.approx(3.8883)
    assert found.usd_per_s(8) == pytest.approx(found.usd_per_gpu_h * 8 / 3600)


def test_what_an_owner_is_not_asked() -> None:
    """Four years without interest or upkeep, $0.08 a kWh, PUE 1.25, three tenths of the power when idle."""
    found = owned(duty=0.0)
    assert [name for name, _ in found.parts] == ["depreciation", "electricity"]
    assert dict(found.parts)["depreciation"] == pytest.approx(40_000 / 4 / 8766)
    assert dict(found.parts)["electricity"] == pytest.approx(1.25 * 0.08 * 0.3)


@pytest.mark.parametrize(
    ("given", "watts"), [({}, 1370.0), ({"power": "tdp"}, 700.0), ({"watts_per_gpu": 900.0}, 900.0)]
)
def test_which_power_is_paid_for(given: dict[str, Any], watts: float) -> None:
    found = owned(**({"watts_per_gpu": None} | given), duty=1.0, pue=1.0, usd_per_kwh=1.0)
    assert dict(found.parts)["electricity"] == pytest.approx(watts / 1e3)


def test_a_rack_s_power_is_shared_among_its_gpus() -> None:
    rack = load_system("gb200-nvl72")
    bare = replace(rack, chip=replace(rack.chip, all_in_w=None))
    said: list[Default] = []
    own = OwnershipInputs(capex_usd_per_gpu=1.0, pue=1.0, usd_per_kwh=1.0)
    found = machine_cost(bare, duty_cycle=1.0, defaults=said, own=own)
    assert dict(found.parts)["electricity"] == pytest.approx(132.0 / 72)
    assert said[0].value == "1,833 W a GPU"
    with pytest.raises(DataMissing, match="watts_per_gpu"):
        machine_cost(replace(bare, power_w=None), duty_cycle=1.0, defaults=[], own=own)


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("capex_usd_per_gpu", (1e8,), (0.0, 1.1e8)), ("years", (0.25, 30.0), (0.24, 30.1)),
        ("yearly_rate", (0.0, 1.0), (-0.01, 1.01)), ("upkeep", (0.0, 1.0), (-0.01, 1.01)),
        ("usd_per_kwh", (0.0, 10.0), (-0.01, 10.1)), ("pue", (1.0, 5.0), (0.99, 5.01)),
        ("idle_share", (0.0, 1.0), (-0.01, 1.01)), ("watts_per_gpu", (1e5,), (0.0, 1.01e5)),
    ],
)  # fmt: skip
def test_limits_of_what_an_owner_says(field: str, inside: tuple[float, ...], outside: tuple[float, ...]) -> None:
    for value in inside:
        assert owned(**{field: value}).usd_per_gpu_h > 0
    for value in outside:
        with pytest.raises(InputError):
            owned(**{field: value})


def test_published_and_rented_hours() -> None:
    """SemiAnalysis's estimate of a neocloud's cost against the median of what is asked for the same GPU."""
    rack = load_system("gb200-nvl72")
    found = machine_cost(rack, duty_cycle=1.0, defaults=[], owner="neocloud")
    assert found.usd_per_gpu_h == pytest.approx(2.26) == found.low_usd_per_gpu_h == found.high_usd_per_gpu_h
    assert found.own_from_duty == pytest.approx(2.26 / 7.52)
    assert found.busy_extra_usd_per_h == 0.0
    said: list[Default] = []
    rent = machine_cost(rack, duty_cycle=1.0, defaults=said)
    assert (rent.low_usd_per_gpu_h, rent.usd_per_gpu_h, rent.high_usd_per_gpu_h) == (4.54, 7.52, 10.5)
    assert (rent.busy_extra_usd_per_h, said[0].value) == (0.0, "$7.52 per GPU-hour")
    given = machine_cost(rack, duty_cycle=1.0, defaults=[], usd_per_gpu_h=1e6)
    assert (given.usd_per_gpu_h, given.busy_extra_usd_per_h) == (1e6, 0.0)
    for price in (1.1e6, -0.01):
        with pytest.raises(InputError):
            machine_cost(rack, duty_cycle=1.0, defaults=[], usd_per_gpu_h=price)


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("model", "word", "stored"),
    [
        ("llama-3.1-8b", "bf16", None),  # as it is
        ("llama-3.1-8b", "fp16", ("fp16", "fp16", "fp16")),
        ("llama-3.1-8b", "w4a16", ("int4_g128", "int4_g128", "bf16")),
        ("llama-3.1-8b", "int8", ("int8", "int8", "bf16")),
        ("deepseek-v3", "fp8", None),  # its own, whatever the blocks
        ("deepseek-v3", "int8", ("int8", "int8", "bf16")),
        ("deepseek-v3", "int4", ("bf16", "int4_g128", "bf16")),  # attention of MLA stays wide at 4 bits
        ("gpt-oss-120b", "nvfp4", None),  # mxfp4 of its own
        ("gpt-oss-120b", "int4", ("int4_g128", "int4_g128", "bf16")),
        ("gpt-oss-120b", "fp8", ("fp8", "fp8", "bf16")),
    ],
)
def test_what_a_word_for_a_format_stores(model: str, word: str, stored: tuple[str, str, str] | None) -> None:
    _, found = served_weights(load_model(model), word)
    if stored is None:
        assert found is None
    else:
        assert found is not None
        assert (found.attention, found.experts, found.unembedding) == stored
        assert found.dense == found.shared_experts == found.recurrent == stored[1]


def test_a_published_checkpoint_stands_in() -> None:
    found, stored = served_weights(load_model("kimi-k2.5"), "nvfp4")
    assert (found.id, stored) == ("kimi-k2.5-nvfp4", None)


# ------------------------------------------------------------------ what-ifs


def test_limits_of_what_a_machine_may_become() -> None:
    found = {name: (rule.low, rule.high) for name, rule in MACHINE_FIELDS.items()}
    rates = {name for name in found if name.startswith("chip.flops")}
    bytes_per_s = ("chip.memory_bandwidth", *(f"{of}.scale{way}_bandwidth" for of in ("chip", "system")
                                              for way in ("up", "out")))  # fmt: skip
    assert {found[name] for name in rates} == {(1e9, 1e20)}
    assert {found[name] for name in bytes_per_s} == {(1e6, 1e17)}
    assert found["chip.memory"] == (1e6, 1e16)
    assert {found[name] for name in ("chip.tdp", "chip.power_cap", "chip.all_in_power", "system.power")} == {(1.0, 1e9)}
    assert {found[name] for name in ("chip.domain", "system.gpus", "system.domain_size")} == {(1, 1e6)}
    assert {found[f"system.scale{way}_latency"] for way in ("up", "out")} == {(1e-8, 1.0)}
    assert found["system.pcie_generation"] == (3, 6) and found["system.peer_access"] == (0, 1)
    assert len(found) == len(rates) + 5 + 1 + 3 + 4 + 2 + 2 + len({"system.network"})


def test_limits_of_what_a_model_may_become() -> None:
    many = {
        "window": 1e9, "state": 1e12, "experts": 1e6, "top_k": 1e6, "layers": 1e5, "vocab": 1e9, "context": 1e9,
        "index_top_k": 1e9,
    }  # fmt: skip
    for name, rule in MODEL_FIELDS.items():
        assert (rule.low, rule.high) == (1, many.get(name.removeprefix("model."), 1e7)), name


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [("1.5x", 8.0, 12.0), ("-25%", 8.0, 6.0), ("+50 %", 8.0, 12.0), ("9", 8.0, 9.0), ("1.000000000001x", 8.0, 8.0)],
)
def test_counts_stay_whole(text: str, before: float, after: float) -> None:
    count = Rule(what="", low=2, high=12, whole=True)
    assert amount_of("f", text, count).of(before, "m") == after
    for wrong in ("1.3x", "13", "1", "1.6x", "1.00000001x"):
        with pytest.raises(InputError):
            amount_of("f", wrong, count).of(before, "m")
    assert amount_of("f", "12", count).of(None, "m") == 12.0


def test_figures_move_by_the_factor_of_what_they_hang_on() -> None:
    _, now = changed("chip.memory_bandwidth=6.7 TB/s", "chip.memory=40 GB", "chip.scaleout_bandwidth=100 GB/s")
    reached, was = now.chip.achievable_bytes_per_s, H100.chip.achievable_bytes_per_s
    assert reached == (None if was is None else pytest.approx(2 * was))
    usable = H100.chip.usable_memory_bytes
    assert usable is not None
    assert now.chip.usable_memory_bytes == pytest.approx(usable * 40e9 / H100.chip.memory_bytes)
    assert (now.chip.scaleout_bytes_per_s, now.scaleout_bytes_per_s) == (100e9, 100e9)
    fact = now.chip.facts["usable_memory_bytes"]
    assert fact.value == pytest.approx(usable * 40e9 / H100.chip.memory_bytes)


def test_domains_of_a_chip_and_of_a_system() -> None:
    _, wide = changed("chip.domain=72", system="64xh100")
    assert (wide.chip.scaleup_domain, wide.domain_size) == (72, 64)
    _, narrow = changed("chip.domain=4")
    assert (narrow.chip.scaleup_domain, narrow.domain_size) == (4, 4)
    _, rack = changed("system.gpus=36", system="gb200-nvl72")
    assert (rack.n_chips, rack.domain_size, rack.power_w) == (36, 36, pytest.approx(66_000.0))
    # 7 links of an MI300X, one for each peer: 1 of them between two
    _, pair = changed("system.domain_size=2", system="8xmi300x")
    assert pair.scaleup_bytes_per_s == pair.chip.scaleup_peer_bytes_per_s
    _, alone = changed("system.domain_size=1", system="8xmi300x")
    assert alone.scaleup_bytes_per_s == pair.scaleup_bytes_per_s
    with pytest.raises(InputError, match="at most the 8 GPUs"):
        changed("system.domain_size=9")
    assert changed("system.domain_size=8")[1].domain_size == 8


def test_links_of_boards_without_a_network_of_their_own() -> None:
    """An A40's two levels are the same PCIe: both halve. One with InfiniBand keeps that."""
    was = load_system("2xa40")
    _, now = changed("chip.scaleup_bandwidth=0.5x", system="2xa40")
    assert now.scaleup_bytes_per_s == pytest.approx((was.scaleup_bytes_per_s or 0.0) / 2)
    if was.chip.scaleout_bytes_per_s is None and was.scaleout_bytes_per_s == was.chip.scaleup_bytes_per_s:
        assert now.scaleout_bytes_per_s == pytest.approx((was.scaleout_bytes_per_s or 0.0) / 2)
    _, kept = changed("chip.scaleup_bandwidth=0.5x")
    assert (kept.scaleup_bytes_per_s, kept.scaleout_bytes_per_s) == (225e9, 50e9)


def test_routers_have_a_row_for_every_route() -> None:
    """512 experts and 256 that do nothing: 768 rows of 100, and 1,280 for twice the experts."""
    layer = MoeFfn(n_experts=512, top_k=12, intermediate=8, zero_experts=256, router_params=76_800, active_routes=8.0)
    wide = _with_number(layer, "n_experts", 1024)
    assert isinstance(wide, MoeFfn) and wide.router_params == 128_000
    assert with_routes(layer, 6).active_routes == 4.0
    assert with_routes(replace(layer, active_routes=None), 6).active_routes is None
    # twice as wide a stream: every row grows, or those of real experts where there are no more
    assert _ffn(layer, 100, 200).router_params == 153_600  # type: ignore[union-attr]
    assert _ffn(replace(layer, router_params=51_200), 100, 200).router_params == 102_400  # type: ignore[union-attr]
    assert _ffn(replace(layer, router_params=5), 100, 200).router_params == 5  # type: ignore[union-attr]


def test_draft_layers_by_hand() -> None:
    """A layer of Llama-3.1-8B: 41.9 M of attention, 176.2 M of MLP, two norms; a projection of 2h to h, three norms."""
    block = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336 + 2 * 4096
    extra = 2 * 4096 * 4096 + 3 * 4096
    assert _draft_params(replace(LLAMA, mtp_layers=1)) == block + extra
    assert _draft_params(replace(LLAMA, mtp_layers=2)) == 2 * (block + extra)
    assert _draft_params(LLAMA) == 0
    # 256 experts more in DeepSeek-V3's one draft layer, with their rows of the router
    was, (now, _) = load_model("deepseek-v3"), changed("model.experts=2x", model="deepseek-v3")
    assert now.mtp_params - was.mtp_params == 256 * (3 * 2048 * 7168 + 7168)


def test_layers_are_taken_evenly() -> None:
    mixed = replace(LLAMA, layers=(LLAMA.layers[0], replace(LLAMA.layers[0], norm_params=7)), order=(0, 0, 1) * 4)
    half = with_layers(mixed, 6)
    assert half.order == (0, 1, 0, 0, 1, 0)  # every second of 0 0 1 0 0 1 0 0 1 0 0 1
    assert [group.count for group in half.layers] == [4, 2]
    assert with_layers(mixed, 24).order == tuple(place for place in (0, 0, 1) * 4 for _ in range(2))
    sorted_once = replace(mixed, order=(0, 0, 1, 1))
    assert with_layers(sorted_once, 2).order == ()


def test_a_wider_stream_scales_norms() -> None:
    wide = with_hidden(LLAMA, 6144)
    assert wide.layers[0].norm_params == 2 * 6144
    assert wide.final_norm_params == 6144


def test_numbers_of_a_model_that_contradict_each_other() -> None:
    with pytest.raises(InputError, match="at most the 256 experts"):
        changed("model.top_k=257", model="deepseek-v3")
    assert changed("model.top_k=256", model="deepseek-v3")[0].layers[-1].ffn.top_k == 256  # type: ignore[union-attr]
    zero = replace(LLAMA.layers[0], ffn=MoeFfn(n_experts=4, top_k=6, intermediate=8, zero_experts=2))
    check_model(replace(LLAMA, layers=(zero,)))


# ------------------------------------------------------------------ limits, lengths, files


def test_named_and_written_limits() -> None:
    assert [slo_of(name, None, None).limits for name in ("chat", "rag", "code", "content")] == [
        Limits(ttft_s=0.2, tpot_s=0.05), Limits(ttft_s=0.3, tpot_s=0.1), Limits(ttft_s=0.5, tpot_s=0.15),
        Limits(ttft_s=0.6, tpot_s=0.2),
    ]  # fmt: skip
    assert slo_of("ttft:500,tpot:50.5", None, None).limits == Limits(ttft_s=0.5, tpot_s=0.0505)
    assert slo_of("ttft:1000000s", None, None).ttft_s == 1e6
    assert slo_of(None, 1e6, None).ttft_s == 1e6
    for text, seconds in (("ttft:1100000s", None), (None, 1.1e6)):
        with pytest.raises(InputError):
            slo_of(text, seconds, None)


def test_lengths_beyond_the_model_are_said() -> None:
    limit = LLAMA.context_config or 0
    assert length_warnings(LLAMA, Workload(isl=limit - 100.0, osl=100.0)) == ()
    (said,) = length_warnings(LLAMA, Workload(isl=limit - 99.0, osl=100.0))
    assert f"isl + osl = {limit + 1:,} tokens" in said


def test_a_prefix_leaves_one_token() -> None:
    assert workload_of(asked(isl=100.0, prefix=99.0), LLAMA, []).uncached == 1.0
    with pytest.raises(InputError, match="prefix"):
        workload_of(asked(isl=100.0, prefix=99.5), LLAMA, [])
    assert workload_of(asked(), replace(LLAMA, context_config=500, context_advertised=None), []).isl == 1.0
    assert workload_of(asked(isl=100.0, osl=100.0, context=150.5), LLAMA, []).isl == 100.0
    with pytest.raises(InputError, match="context"):
        workload_of(asked(isl=100.0, osl=100.0, context=150.6), LLAMA, [])


def test_users_read_for_half_a_minute_where_nothing_is_said() -> None:
    assert load_of(asked(users=3.0), []).think_s == 30.0
    assert load_of(asked(batch=3.0), []).think_s == 0.0
    with pytest.raises(InputError, match="one of batch"):
        load_of(asked(batch=3.0, users=3.0), [])


def test_settings_of_the_scheduler_are_those_given() -> None:
    found = resolve(asked(max_batched_tokens=1234, max_num_seqs=77, isl=100.0, osl=10.0))
    assert (found.scheduler.token_budget, found.scheduler.max_sequences) == (1234.0, 77.0)
    assert found.room() == 77.0
    assert resolve(asked(isl=100.0, osl=10.0)).limits.tpot_s == 0.05
    assert resolve(asked(isl=100.0, osl=10.0, batch=2.0)).limits.tpot_s is None


def test_files_are_of_a_megabyte_at_most(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_bytes(b"#" * 1_000_000)
    assert len(read_text(file, "f")) == 1_000_000
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="at most 1,000,000 bytes"):
        read_text(file, "f")
    for name, text in (("a.json", "[1]"), ("b.json", "{"), ("c.toml", "= 1")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            read_data(tmp_path / name)
    (tmp_path / "d.JSON").write_text('{"model": "x"}', encoding="utf-8")
    assert read_data(tmp_path / "d.JSON") == {"model": "x"}


def test_keys_of_32_parts_are_read_and_of_33_are_not() -> None:
    assert parse_toml(".".join("a" * 32) + " = 1", "f")
    with pytest.raises(InputError, match="more than 32 parts"):
        parse_toml(".".join("a" * 33) + " = 1", "f")


def test_a_scenario_is_written_as_it_was_asked() -> None:
    text = to_toml(asked(isl=2048.0, tpot=0.05, weight_dtype="fp8", set=(("chip.memory", "2x"),)))
    assert text.splitlines() == [
        'model = "llama-3.1-8b"', 'system = "8xh100"', 'weight_dtype = "fp8"', "isl = 2048", "tpot = 0.05",
        'set = ["chip.memory=2x"]',
    ]  # fmt: skip
    assert "users = 1000000000000000.0" in to_toml(asked(users=1e15))
    assert "users = 999999999999999\n" in to_toml(asked(users=999_999_999_999_999.0))
    assert json.loads(to_toml(asked(weight_dtype="é")).splitlines()[2].partition(" = ")[2]) == "é"


# ------------------------------------------------------------------ reasons


def test_a_request_alone_with_drafts() -> None:
    """Four of five drafts are accepted: 1.8 tokens a step."""
    drafts = resolve(
        Scenario(model="deepseek-v3", system="8xh200", tp=8, ep=8, drafts=1, acceptance=0.8, concurrency=1.0)
    )
    tpot_s, _ = unmet._alone(drafts, "tpot")
    assert tpot_s == pytest.approx(float(drafts.closed(1.0).tpot_s) / 1.8, rel=1e-2)


def test_larger_systems_by_hand() -> None:
    names = [system.id for system in infeasible.larger_systems(H100)]
    assert names[:3] == ["16xh100", "32xh100", "64xh100"]
    others = [load_system(name) for name in names[3:]]
    rooms = [(one.chip.vendor != "NVIDIA", one.chip.memory_bytes * one.n_chips) for one in others]
    assert rooms == sorted(rooms)
    assert min(room for _, room in rooms) > 8 * H100.chip.memory_bytes
    assert not any(one.chip.announced for one in others) and {one.chip.kind for one in others} == {H100.chip.kind}
    assert next(system.id for system in infeasible.larger_systems(load_system("32xh100"))) == "64xh100"


def test_what_a_batch_lacks_by_hand() -> None:
    """16.06 GB of weights and 131,072 bytes for each of 4,352 tokens of 1,000 requests on one H100."""
    told = infeasible.infeasible_of(resolve(asked(system="h100", tp=1, batch=1000.0)))
    need = (16.06e9 + 1000 * 4352 * 131_072) / 1e9
    words = told.reason.split()
    assert told.reason.startswith("weights and the KV cache of 1,000 requests need")
    assert float(words[words.index("need") + 1].replace(",", "")) == pytest.approx(need, rel=0.01)
    field, most = told.fixes[0].split()
    room = resolve(asked(system="h100", tp=1)).room()
    assert (field, float(most.replace(",", ""))) == ("batch", room)
    halves = infeasible.infeasible_of(resolve(asked(system="8xh100", dp=2, batch=4000.0))).reason.split()
    need = (16.06e9 + 2000 * 4352 * 131_072) / 1e9
    assert float(halves[halves.index("need") + 1].replace(",", "")) == pytest.approx(need, rel=0.01)
    stages = infeasible.infeasible_of(resolve(asked(system="8xh100", pp=2, batch=4000.0))).fixes[0].split()
    assert float(stages[1].replace(",", "")) == resolve(asked(system="8xh100", pp=2)).room() // 2


def test_why_prompts_do_not_fit_by_hand() -> None:
    """70.6 G weights in 16 bits on one GPU are 141 GB; with the cache of the prompts of a pass of 8,192 tokens more."""
    apart: dict[str, Any] = {
        "model": "llama-3.3-70b", "system": "8xh100", "prefill_layout": "tp2", "decode_layout": "tp4",
        "isl": 60_000.0, "osl": 100.0,
    }  # fmt: skip
    deployment = resolve(Scenario(**apart))
    said = infeasible._no_room_for_prompts(deployment).split()
    prompts = max(deployment.prompts_at_once, 1.0)
    need = (70.55e9 + prompts * 60_000 * 327_680 / 2) / 1e9
    assert float(said[said.index("need") + 1].replace(",", "")) == pytest.approx(need, rel=0.01)


def test_limits_in_words() -> None:
    assert unmet._milli(0.0123456) == "12.36ms"  # a thousandth above, so that it is kept
    late = resolve(asked(tp=8, concurrency=64.0, tpot=0.02, ttft=0.5))
    wider = unmet._limited(late, "tpot", 0.03)
    assert (wider.tpot, wider.ttft, wider.slo) == (pytest.approx(0.03003), 0.5, None)
    wider = unmet._limited(late, "ttft", 0.6)
    assert (wider.tpot, wider.ttft) == (0.02, pytest.approx(0.6006))


def test_too_many_by_hand() -> None:
    deployment = resolve(asked(tp=8, request_rate=1e3))
    told = unmet.unmet(deployment, served := deployment.serve())
    assert told is not None and f"1,000 requests/s arrive and at most {served.requests_per_s:.3g}" in told.reason
    assert told.fixes[0] == f"request_rate {float(f'{0.95 * served.requests_per_s:.3g}'):,.6g}"
    crowd = resolve(asked(tp=8, users=1e6, think=20.0))
    told = unmet.unmet(crowd, served := crowd.serve())
    fewer = math.floor(0.95 * served.requests_per_s * (20.0 + crowd.one_each().e2e_s))
    assert told is not None and told.fixes[0] == f"users {fewer:,.6g}"


def test_too_slow_by_hand() -> None:
    late = resolve(asked(tp=1, concurrency=800.0, tpot=0.015))
    told = unmet.unmet(late, served := late.serve())
    assert told is not None
    assert told.reason == f"TPOT is {served.tpot_s * 1e3:.4g} ms under this load; the limit is 15 ms"
    most = resolve(asked(tp=1, tpot=0.015)).serve().concurrency
    assert told.fixes[:2] == (f"concurrency {most:.0f}", f"tpot {unmet._milli(served.tpot_s)}")
    never = resolve(asked(tp=1, concurrency=1.0, tpot=1e-4))
    alone = unmet.unmet(never, never.serve())
    one_s = float(resolve(asked(tp=1, concurrency=1.0)).closed(1.0).tpot_s)
    assert alone is not None and f"TPOT is {one_s * 1e3:.3g} ms even with one request at once" in alone.reason
