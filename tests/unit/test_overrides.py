"""What-ifs: any fact of the catalogue, changed for one question."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.models.index import model_ids
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import DataMissing, InputError, TokenroofError, UnitError, UnknownName
from tokenroof.mixers.architecture import attention_kind, total_params
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, kv_bytes_per_token, kv_read_bytes_per_step
from tokenroof.operators.lower import lower
from tokenroof.operators.program import totals
from tokenroof.operators.timing import bind
from tokenroof.provenance import Grade
from tokenroof.scenario.overrides import Override, change_of, overridden, override_fields
from tokenroof.scenario.resolve import resolve
from tokenroof.types.efficiency import PEAK
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.types.scenario import Scenario

LLAMA, DEEPSEEK = "llama-3.1-70b", "deepseek-v3"
NAMES = [field.name for field in override_fields()]
# Models that between them have every kind of layer, on machines that have every figure.
MODELS = (LLAMA, DEEPSEEK, "deepseek-v3.2", "deepseek-v4-flash", "gpt-oss-120b", "qwen3-next-80b-a3b", "gemma-3-27b")
SYSTEMS = ("8xh100", "gb200-nvl72", "8xmi300x")


def changed(*changes, model=LLAMA, system="8xh100"):
    return overridden(load_model(model), load_system(system), tuple(change_of(text) for text in changes))


def step_s(model, system, layout=Layout(), *, batch=8.0, context=4096.0, profile=PEAK):  # noqa: B008  frozen
    return bind(lower(model, layout), system, profile).step(decode=Load(batch, batch, context)).step_s


def test_a_change_is_shown_from_what_to_what_and_its_fact_is_given():
    model, system, told = changed("chip.memory_bandwidth=1.5x", "model.kv_heads=4")
    assert told == (
        Override("chip.memory_bandwidth", 3.35e12, 1.5 * 3.35e12, "B/s"),
        Override("model.kv_heads", 8, 4, "1"),
    )
    assert [one.text for one in told] == ["chip.memory_bandwidth 3.35 TB/s -> 5.03 TB/s", "model.kv_heads 8 -> 4"]
    fact = system.chip.facts["bytes_per_s"]
    assert (fact.grade, fact.value) == (Grade.GIVEN, system.chip.bytes_per_s)
    assert model.facts["kv_heads"].grade is Grade.GIVEN
    assert load_system("8xh100").chip.facts["bytes_per_s"].grade is not Grade.GIVEN


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("8TB/s", 8e12), ("8 TB/s", 8e12), ("2x", 6.7e12), ("+10%", 1.1 * 3.35e12), ("-10 %", 0.9 * 3.35e12)],
)
def test_values_are_absolute_with_units_or_relative(text, wanted):
    _, system, _ = changed(f"chip.memory_bandwidth={text}")
    assert system.chip.bytes_per_s == pytest.approx(wanted)


def test_figures_that_hang_together_move_together():
    was = load_system("8xh100")
    _, now, _ = changed("chip.memory=160GB", "chip.flops=2x", "chip.scaleup_bandwidth=0.5x", "chip.memory_bandwidth=2x")
    assert now.chip.usable_memory_bytes / was.chip.usable_memory_bytes == pytest.approx(160e9 / was.chip.memory_bytes)
    assert now.chip.flops_per_s == {key: 2 * rate for key, rate in was.chip.flops_per_s.items()}
    assert now.chip.achievable_flops_per_s == {k: 2 * rate for k, rate in was.chip.achievable_flops_per_s.items()}
    assert now.scaleup_bytes_per_s == was.scaleup_bytes_per_s / 2
    assert now.facts["scaleup_bytes_per_s"].grade is Grade.GIVEN
    assert now.scaleout_bytes_per_s == was.scaleout_bytes_per_s


def test_a_chip_may_get_arithmetic_that_it_lacks():
    a100 = load_system("a100-80gb")
    assert "fp8" not in a100.chip.flops_per_s
    _, system, told = changed("chip.flops.fp8=1 PFLOP/s", system="a100-80gb")
    assert system.chip.flops_per_s["fp8"] == 1e15 and told[0].before is None and "none -> 1 PFLOP/s" in told[0].text
    with pytest.raises(DataMissing, match="give a value in TFLOP/s"):
        changed("chip.flops.fp8=2x", system="a100-80gb")


def test_gpus_and_domains():
    _, system, _ = changed("system.gpus=16")
    assert (system.id, system.n_chips, system.domain_size) == ("16xh100", 16, 8)
    _, system, _ = changed("system.gpus=16", "system.domain_size=16")
    assert system.domain_size == 16
    _, system, _ = changed("system.gpus=4")
    assert (system.n_chips, system.domain_size) == (4, 4)
    with pytest.raises(InputError, match="at most the 8 GPUs"):
        changed("system.domain_size=72")


def test_a_mesh_has_a_link_for_each_peer():
    whole = load_system("8xmi300x")
    _, half, _ = changed("system.domain_size=4", system="8xmi300x")
    assert half.scaleup_bytes_per_s == pytest.approx(3 * whole.chip.scaleup_peer_bytes_per_s)
    _, fast, _ = changed("system.scaleup_bandwidth=2x", system="8xmi300x")
    assert fast.chip.scaleup_peer_bytes_per_s == 2 * whole.chip.scaleup_peer_bytes_per_s


def test_parameters_and_cache_follow_from_the_change():
    was = load_model(LLAMA)
    now, _, _ = changed("model.kv_heads=4")
    assert kv_bytes_per_token(now) == kv_bytes_per_token(was) / 2
    assert total_params(was) - total_params(now) == 80 * 8192 * 4 * 2 * 128
    now, _, _ = changed("model.layers=0.5x")
    assert now.n_layers == 40 and kv_bytes_per_token(now) == kv_bytes_per_token(was) / 2
    now, _, _ = changed("model.head_dim=64")
    assert kv_bytes_per_token(now) == kv_bytes_per_token(was) / 2
    now, _, _ = changed("model.vocab=2x")
    assert total_params(now) - total_params(was) == 2 * was.vocab * was.hidden
    now, _, _ = changed("model.hidden=2x")
    assert total_params(now) == 2 * total_params(was), "every weight of this model has hidden as one of its sides"


def test_another_width_of_experts_models_moves_routers_and_drafts():
    was = load_model(DEEPSEEK)
    now, _, _ = changed("model.experts=2x", model=DEEPSEEK)
    (old, new) = (model.layers[-1].ffn for model in (was, now))
    assert (new.n_experts, new.top_k, new.router_params) == (512, 8, 2 * old.router_params)
    assert now.mtp_params > was.mtp_params
    now, _, _ = changed("model.hidden=2x", model=DEEPSEEK)
    assert now.layers[-1].ffn.router_params - old.router_params == 256 * was.hidden


def test_layers_keep_their_mix_and_order():
    was = load_model("gemma-3-27b")
    now, _, _ = changed("model.layers=2x", model="gemma-3-27b")
    assert [group.count for group in now.layers] == [2 * group.count for group in was.layers]
    assert len(now.order) == 2 * len(was.order)
    now, _, told = changed("model.layers=1", model="gemma-3-27b")
    assert now.n_layers == 1 and len(now.layers) == 1 and told[0].before == was.n_layers


def test_formats():
    was = load_model(LLAMA)
    now, _, told = changed("model.weights=fp8", "model.weights.embedding=fp8", "model.kv_dtype=fp8")
    assert (now.weights.dense, now.weights.embedding, now.weights.unembedding) == ("fp8", "fp8", "bf16")
    assert now.kv_dtype == "fp8" and told[-1] == Override("model.kv_dtype", was.kv_dtype, "fp8", "")
    with pytest.raises(UnknownName):
        changed("model.weights=fp9")


@pytest.mark.parametrize("name", [LLAMA, DEEPSEEK])
def test_the_square_root_of_the_context(name):
    was = load_model(name)
    now, _, told = changed("attention=sqrt", model=name)
    context = 10_000.0
    assert kv_read_bytes_per_step(now, context) == pytest.approx(kv_read_bytes_per_step(was, context) / 100)
    assert kv_bytes_per_sequence(now, context) == kv_bytes_per_sequence(was, context)
    assert told == (Override("attention", attention_kind(was.layers[0].mixer), told[0].after, ""),)
    assert "sqrt" in told[0].after


@pytest.mark.parametrize("name", [LLAMA, DEEPSEEK])
def test_windows_and_top_k(name):
    was, load = load_model(name), Load(1.0, 1.0, 40_960.0)
    full = totals(lower(was), decode=load).kv_read_bytes
    window, _, _ = changed("attention=window:4096", model=name)
    assert totals(lower(window), decode=load).kv_read_bytes == pytest.approx(full / 10)
    assert kv_bytes_per_sequence(window, 40_960.0) == pytest.approx(kv_bytes_per_sequence(was, 40_960.0) / 10)
    chosen, _, _ = changed("attention=topk:4096", model=name)
    scan = was.n_layers * 40_960 * 132
    assert totals(lower(chosen), decode=load).kv_read_bytes == pytest.approx(full / 10 + scan)
    assert total_params(chosen) > total_params(was)


def test_top_k_of_deepseek_v3_is_its_successor():
    """DeepSeek-V3.2 is V3 with an indexer of top-2048: the what-if finds the catalogue's weights and reads."""
    ours, _, _ = changed("attention=topk:2048", model=DEEPSEEK)
    theirs = load_model("deepseek-v3.2")
    assert [g.mixer.indexer for g in ours.layers] == [g.mixer.indexer for g in theirs.layers]
    assert total_params(ours) == total_params(theirs)


def test_only_layers_of_full_attention_change():
    was = load_model("gemma-3-27b")
    now, _, _ = changed("attention=window:512", model="gemma-3-27b")
    pairs = [(a.mixer.window, b.mixer.window) for a, b in zip(was.layers, now.layers, strict=True)]
    assert (None, 512) in pairs and all(a == b for a, b in pairs if a is not None)
    with pytest.raises(DataMissing, match="full attention"):
        changed("attention=sqrt", model="deepseek-v3.2")


@pytest.mark.parametrize(
    ("change", "kind", "match"),
    [
        ("chip.memory_bandwith=2x", UnknownName, "nearest: chip.memory_bandwidth.*fields: .*chip.flops.FORMAT"),
        ("batch=2", UnknownName, "fields: .*chip.memory.*model.kv_heads.*attention"),
        ("chip.memory_bandwidth=0x", InputError, "from 1 MB/s"),
        ("chip.memory_bandwidth=-100%", InputError, "from 1 MB/s"),
        ("chip.memory_bandwidth=0 TB/s", InputError, "from 1 MB/s"),
        ("chip.memory_bandwidth=8", UnitError, "TB/s"),
        ("chip.memory_bandwidth=8 GB", UnitError, "expected"),
        ("chip.memory_bandwidth=50%", InputError, r"\+10%"),
        ("chip.memory_bandwidth=+4 TB/s", InputError, r"\+10%"),
        ("chip.memory_bandwidth=nan", UnitError, "finite"),
        ("chip.flops=2 PFLOP/s", InputError, "relative"),
        ("model.kv_heads=5", InputError, "divisor of the 64 attention heads; use 4 or 8"),
        ("model.kv_heads=1.3x", InputError, "whole number"),
        ("model.kv_heads=0", InputError, "from 1"),
        ("model.layers=0.5", InputError, "whole number"),
        ("model.experts=8", DataMissing, r"no layer of it has one\); it has heads, kv_heads"),
        ("model.window=4096", DataMissing, "no layer of it has one"),
        ("attention=linear", InputError, "sqrt, topk:N or window:N"),
        ("attention=topk", InputError, "sqrt, topk:N or window:N"),
        ("attention=window:0", InputError, "from 1"),
        ("attention=window:", InputError, "sqrt, topk:N or window:N"),
        ("attention=window:wide", UnitError, "number"),
        ("attention=sqrt:2", InputError, "sqrt, topk:N or window:N"),
    ],
)
def test_what_cannot_be_is_one_clear_line(change, kind, match):
    with pytest.raises(kind, match=match) as caught:
        changed(change)
    assert "\n" not in str(caught.value)


def test_numbers_of_a_model_are_checked_together():
    model, _, _ = changed("model.heads=40", "model.kv_heads=5")
    assert (model.layers[0].mixer.n_heads, model.layers[0].mixer.n_kv_heads) == (40, 5)
    with pytest.raises(InputError, match="at most the 256 experts"):
        changed("model.top_k=300", model=DEEPSEEK)
    with pytest.raises(InputError, match="relative where a model has dense MLPs and experts"):
        changed("model.intermediate=1024", model=DEEPSEEK)
    with pytest.raises(InputError, match="given once"):
        changed("model.kv_heads=4", "model.n_kv_heads=2")


def test_a_change_is_written_as_field_and_value():
    assert change_of(" chip.memory = 192GB ") == ("chip.memory", "192GB")
    for text in ("chip.memory", "=4", "chip.memory="):
        with pytest.raises(InputError, match="field=value"):
            change_of(text)


def everything(model, system):
    """What predictions are made of, as plain data."""
    return dataclasses.asdict(dataclasses.replace(model, facts={})), dataclasses.replace(system, facts={})


NUMBERS = [field.name for field in override_fields() if field.unit]


@given(st.sampled_from(MODELS), st.sampled_from(SYSTEMS), st.sampled_from(NUMBERS), st.sampled_from(["1x", "+0%"]))
@settings(max_examples=200, deadline=None)
def test_the_same_value_changes_no_prediction(name, machine, field, text):
    model, system = load_model(name), load_system(machine)
    try:
        same, alike, told = overridden(model, system, ((field, text),))
    except DataMissing:
        return
    assert all(one.before == one.after for one in told)
    assert everything(same, alike) == everything(model, system)
    absolute = [(one.field, f"{one.after!r} {one.unit if one.unit != '1' else ''}") for one in told
                if not isinstance(one.after, str) and one.field != "model.intermediate"]  # fmt: skip
    same, alike, _ = overridden(model, system, tuple(absolute))
    assert everything(same, alike) == everything(model, system)


@pytest.mark.parametrize("field", NAMES)
def test_every_field_changes_something_somewhere(field):
    """In some model on some machine: what is stored, read, computed or drawn, or the limit that it is."""
    rows = {"attention": "window:64", "model.kv_dtype": "nvfp4", "system.network": "roce", "system.peer_access": "0",
            "system.scaleup_latency": "3us", "system.scaleout_latency": "3us",
            "system.pcie_generation": "5"}  # fmt: skip
    text = rows.get(field, "int4_g128" if field.startswith("model.weights") else "2x")
    moved = 0
    for name in MODELS:
        for machine in SYSTEMS:
            model, system = load_model(name), load_system(machine)
            tries = (text, "0.5x") if text == "2x" else (text,)
            for one in tries:
                try:
                    other, another, told = overridden(model, system, ((field, one),))
                except TokenroofError:
                    continue
                assert all(row.before != row.after for row in told)
                moved += everything(other, another) != everything(model, system)
    assert moved, f"{field} changes nothing"


def _moves(field, model, system):
    layout = Layout(tp=1)
    found = bind(lower(model, layout), system, PEAK).step(decode=Load(64.0, 64.0, 8192.0))
    return found.step_s, total_params(model), kv_bytes_per_token(model)


MODEL_NUMBERS = [name for name in NUMBERS if name.startswith("model.") and name != "model.context"]


@pytest.mark.parametrize("field", [*MODEL_NUMBERS, "chip.memory_bandwidth", "attention"])
def test_every_number_of_a_model_reaches_the_step_or_what_is_stored(field):
    reached = 0
    for name in MODELS:
        model, system = load_model(name), load_system("8xh100")
        for text in ("window:64",) if field == "attention" else ("2x", "0.5x"):
            try:
                other, another, _ = overridden(model, system, ((field, text),))
            except TokenroofError:
                continue
            reached += _moves(field, other, another) != _moves(field, model, system)
    assert reached


# One sequence at a time, and few query heads per KV head: no operator comes near the ridge of an H100.
BELOW_THE_RIDGE = (LLAMA, "gpt-oss-120b", "gemma-3-27b", "qwen3-next-80b-a3b")


@given(st.sampled_from(BELOW_THE_RIDGE), st.floats(0.5, 1.5), st.floats(16.0, 30_000.0))
@settings(max_examples=60, deadline=None)
def test_memory_bound_steps_scale_with_bandwidth_exactly(name, factor, context):
    model, system = load_model(name), load_system("h100")
    _, other, _ = overridden(model, system, (("chip.memory_bandwidth", f"{factor!r}x"),))
    usual = step_s(model, system, batch=1.0, context=context)
    assert usual == pytest.approx(factor * step_s(model, other, batch=1.0, context=context), rel=1e-9)


def test_compute_bound_steps_scale_with_arithmetic_instead():
    model, system = load_model(LLAMA), load_system("h100")
    load = {"batch": 4096.0, "context": 64.0}
    usual = step_s(model, system, **load)
    _, memory, _ = overridden(model, system, (("chip.memory_bandwidth", "1.5x"),))
    _, arithmetic, _ = overridden(model, system, (("chip.flops", "1.5x"),))
    assert 1.4 * step_s(model, arithmetic, **load) < usual < 1.1 * step_s(model, memory, **load)


@pytest.mark.parametrize(
    ("change", "system", "tp"),
    [
        ("chip.scaleup_bandwidth=0.5x", "8xh100", 8),
        ("system.scaleup_bandwidth=0.5x", "8xmi300x", 8),
        ("chip.scaleout_bandwidth=0.5x", "16xh100", 16),
        ("system.scaleout_bandwidth=0.5x", "16xh100", 16),
        ("chip.domain=4", "8xh100", 8),
        ("system.domain_size=4", "8xh100", 8),
        ("system.scaleup_latency=20us", "8xh100", 8),
        ("system.scaleout_latency=100us", "16xh100", 16),
        ("system.network=ethernet", "16xh100", 16),
        ("system.pcie_generation=5", "8xh100", 8),
        ("system.pcie_generation=4", "8xrtx-pro-6000", 8),
        ("system.peer_access=0", "8xrtx-pro-6000", 8),
    ],
)
def test_slower_links_and_smaller_domains_slow_a_step_that_talks(change, system, tp):
    model, was = load_model(LLAMA), load_system(system)
    _, now, _ = overridden(model, was, (change_of(change),))
    layout, profile = Layout(tp=tp), profile_for(was, "vllm", model=model)  # at peak networks are free
    slow, usual = (step_s(model, one, layout, batch=512.0, profile=profile) for one in (now, was))
    assert slow > usual


def test_all_of_the_catalogue_takes_a_change_of_its_layers():
    """Whatever the model, doubling its layers doubles what its layers store and leaves it consistent."""
    system = load_system("h100")
    for name in model_ids():
        model = load_model(name)
        twice, _, _ = overridden(model, system, (("model.layers", "2x"),))
        assert twice.n_layers == 2 * model.n_layers
        assert kv_bytes_per_token(twice) == pytest.approx(2 * kv_bytes_per_token(model))


def test_a_scenario_carries_its_what_ifs_to_the_deployment():
    scenario = Scenario(model=DEEPSEEK, system="8xb200", isl=8192.0, osl=512.0, concurrency=64.0)
    usual = resolve(scenario)
    faster = resolve(dataclasses.replace(scenario, set=(("chip.memory_bandwidth", "2x"), ("attention", "sqrt"))))
    assert [one.field for one in faster.overrides] == ["chip.memory_bandwidth", "attention"] and not usual.overrides
    assert faster.system.chip.bytes_per_s == 2 * usual.system.chip.bytes_per_s
    assert faster.serve().tpot_s < usual.serve().tpot_s


def test_a_what_if_outlives_the_choice_of_a_format():
    """A published checkpoint in the wanted format stands in for the model; what was set is set on it."""
    scenario = Scenario(model=LLAMA, system="8xh100", weight_dtype="fp8", set=(("model.layers", "40"),))
    assert resolve(scenario).model.n_layers == 40
    formats = (("model.weights", "fp8"), ("model.kv_dtype", "fp8"))
    found = resolve(dataclasses.replace(scenario, weight_dtype=None, set=formats))
    assert (found.weight_dtype, found.kv_dtype) == ("fp8", "fp8")
    assert not {"weight_dtype", "kv_dtype"} & {one.field for one in found.defaults}
