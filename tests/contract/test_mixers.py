"""What every kind of attention promises, and that a kind which leaves a part out is refused."""

import gc
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tokenroof import mixers
from tokenroof.catalog import load_model, model_ids
from tokenroof.catalog.models.checks import shape_facts
from tokenroof.mixers import KINDS, kind_of
from tokenroof.mixers.architecture import params_by_part, total_params
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    mixer_kv_read_bytes,
    mixer_kv_stored_bytes,
    state_bytes_per_sequence,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token
from tokenroof.mixers.kind import Cache, Cut, Kind, State, WhatIfs, Words
from tokenroof.mixers.what_ifs import no_faults, not_thinned, set_number
from tokenroof.operators import lower
from tokenroof.operators.layouts import legal_tp
from tokenroof.operators.program import cache_bytes_per_sequence
from tokenroof.scenario.override_model import MODEL_FIELDS, change_model
from tokenroof.types.layout import Layout
from tokenroof.types.model import DenseFfn, LayerGroup, Mixer, Model, NoFfn
from tokenroof.usecases.listing.kv import kv_terms
from tokenroof.usecases.listing.models import view_model

WIDTHS = (0.5, 1.0, 2.0)
CONTEXTS = (0, 1, 5, 100, 128, 129, 1_000, 2_048, 4_096, 30_000, 1_000_000)


def alone(model: Model, mixer: Mixer) -> Model:
    """The mixer in one layer of its own, in the model that it is from."""
    layer = LayerGroup(count=1, mixer=mixer, ffn=NoFfn())
    return replace(model, layers=(layer,), order=(), mtp_layers=0, mtp_params=0, other_params=0)


def _samples() -> dict[Mixer, Model]:
    """Every distinct mixer of the catalogue, with a model that has it."""
    return {group.mixer: model for model in map(load_model, model_ids()) for group in model.layers}


SAMPLES = _samples()
every_sample = pytest.mark.parametrize("mixer", SAMPLES, ids=lambda m: kind_of(m).words.title(m))


def _declared() -> Iterator[type[Mixer]]:
    gc.collect()  # a class with slots replaces one without, which lives until then
    waiting = [Mixer]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls is not Mixer and cls.__module__.startswith("tokenroof."):
            yield cls


def test_every_declared_kind_is_registered_and_has_a_model() -> None:
    assert {cls.__name__ for cls in _declared()} == {cls.__name__ for cls in KINDS}
    assert {type(mixer) for mixer in SAMPLES} == set(KINDS)


def test_every_file_of_a_kind_is_registered_under_a_name_of_its_own() -> None:
    folder = Path(mixers.__file__).parent
    modules = [import_module(f"tokenroof.mixers.{path.stem}") for path in folder.glob("*.py") if path.stem[0] != "_"]
    assert {module.KIND.name for module in modules if hasattr(module, "KIND")} == {k.name for k in KINDS.values()}
    assert len({kind.name for kind in KINDS.values()}) == len(KINDS)
    assert all(kind.mixer is cls for cls, kind in KINDS.items())


@every_sample
def test_a_layer_has_a_cache_or_a_state_or_says_why_not(mixer: Mixer) -> None:
    kind = kind_of(mixer)
    adds = kind.cache.token_bytes(mixer, 2.0) if kind.cache else 0.0
    holds = kind.state.bytes(mixer) if kind.state else 0.0
    assert adds >= 0
    assert holds >= 0
    assert adds > 0 or holds > 0 or kind.cache_free or kind.words.cache_note(mixer)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_with_a_cache_or_a_state_stores_something_in_some_model(kind: Kind[Any]) -> None:
    own = [mixer for mixer in SAMPLES if type(mixer) is kind.mixer]
    assert kind.cache is None or max(kind.cache.token_bytes(mixer, 2.0) for mixer in own) > 0
    assert kind.state is None or max(kind.state.bytes(mixer) for mixer in own) > 0


@every_sample
def test_more_context_never_stores_or_reads_or_computes_less(mixer: Mixer) -> None:
    model = alone(SAMPLES[mixer], mixer)
    for low, high in pairwise(CONTEXTS):
        assert mixer_kv_stored_bytes(mixer, low, 2.0) <= mixer_kv_stored_bytes(mixer, high, 2.0)
        assert mixer_kv_read_bytes(mixer, low, 2.0) <= mixer_kv_read_bytes(mixer, high, 2.0)
        for absorbed in (True, False):
            before = attention_flops_per_token(model, low, absorbed=absorbed)
            assert before <= attention_flops_per_token(model, high, absorbed=absorbed)


@every_sample
@pytest.mark.parametrize("width", WIDTHS)
def test_the_store_begins_with_what_a_token_adds_and_grows_no_slower_than_its_slope(mixer: Mixer, width: float) -> None:
    cache = kind_of(mixer).cache
    if cache is None:
        return
    token, growth = cache.token_bytes(mixer, width), cache.growth_bytes(mixer, width)
    assert 0 <= growth <= token
    assert cache.stored_bytes(mixer, 0, width) == 0
    assert cache.stored_bytes(mixer, 1, width) == pytest.approx(token, rel=1e-12)
    far = cache.stored_bytes(mixer, 2e9, width) - cache.stored_bytes(mixer, 1e9, width)
    assert far == pytest.approx(growth * 1e9, rel=1e-9)


@every_sample
def test_what_is_read_takes_arithmetic_and_a_state_takes_some_per_token(mixer: Mixer) -> None:
    kind = kind_of(mixer)
    reads = kind.cache.entries_read(mixer, 1_000) if kind.cache else 0.0
    assert 0 <= reads <= 1_000 + 1_000
    if reads:
        assert min(kind.pair_flops(mixer, True), kind.pair_flops(mixer, False)) > 0
    scanned = kind.cache.scan_bytes(mixer, 1_000) if kind.cache else 0.0
    assert (scanned > 0) == (kind.scan_flops(mixer) > 0)
    if kind.state:
        assert kind.state.flops(mixer) > 0


@every_sample
def test_operator_rows_keep_what_the_closed_count_says(mixer: Mixer) -> None:
    """Per token, per sequence, weights and state: two ways to the same bytes."""
    model, kind = alone(SAMPLES[mixer], mixer), kind_of(mixer)
    program = lower(model, Layout(kv_dtype="bf16"))
    adds = kind.cache.token_bytes(mixer, 2.0) if kind.cache else 0.0
    grows = kind.cache.growth_bytes(mixer, 2.0) if kind.cache else 0.0
    assert sum(entry.bytes_per_token for entry in program.cache) == pytest.approx(adds, rel=1e-12)
    endless = sum(entry.bytes_per_token for entry in program.cache if entry.rule.kind == "full")
    assert endless == pytest.approx(grows, rel=1e-12)
    for context in (1, 100, 4_096, 1_000_000):
        kept = kv_bytes_per_sequence(model, context) + state_bytes_per_sequence(model)
        assert cache_bytes_per_sequence(program, context) == pytest.approx(kept, rel=1e-9)
    assert program.state_bytes_per_sequence == pytest.approx(state_bytes_per_sequence(model), rel=1e-12)


@every_sample
def test_operator_rows_hold_the_weights_that_are_counted(mixer: Mixer) -> None:
    model, kind = alone(SAMPLES[mixer], mixer), kind_of(mixer)
    counted = kind.params(mixer, model.hidden)
    assert isinstance(counted, int)
    held = lower(model, Layout(weights=replace(model.weights, **{kind.weight_class: "fp8"}, mixed={}))).stored_bytes
    assert held.get(kind.weight_class, 0.0) == pytest.approx(counted, rel=1e-9)
    assert counted == sum(p.total for p in params_by_part(model) if p.weight_class == kind.weight_class)


@every_sample
def test_tables_have_words_for_it(mixer: Mixer) -> None:
    kind, words = kind_of(mixer), kind_of(mixer).words
    assert words.title(mixer)
    assert bool(words.tags(mixer)) != kind.cache_free
    assert bool(words.geometry(mixer)) != kind.cache_free
    assert set(kind.shape) <= set(shape_facts(SAMPLES[mixer]))


@every_sample
@pytest.mark.parametrize("width", WIDTHS)
def test_the_formula_in_numbers_comes_to_what_is_counted(mixer: Mixer, width: float) -> None:
    kind = kind_of(mixer)
    names, numbers = kind.words.cache_formula(mixer, width)
    assert names
    plain = numbers.replace(" B", "").replace(" x ", " * ")
    assert re.fullmatch(r"[\d. ()*/+]+", plain)
    counted = kind.cache.token_bytes(mixer, width) if kind.cache else 0.0
    assert eval(plain) == pytest.approx(counted, rel=1e-5)


@every_sample
def test_what_tp_cuts_is_named_and_sized(mixer: Mixer) -> None:
    cuts = kind_of(mixer).cuts(mixer)
    assert all(cut.name and cut.size > 0 for cut in cuts)
    assert len({cut.name for cut in cuts}) == len(cuts)
    assert bool(cuts) != kind_of(mixer).cache_free


@every_sample
def test_what_ifs_name_fields_that_exist_and_move_one_number(mixer: Mixer) -> None:
    what_ifs = kind_of(mixer).what_ifs
    assert {f"model.{name}" for name in what_ifs.fields} <= set(MODEL_FIELDS)
    for attribute in what_ifs.fields.values():
        assert getattr(what_ifs.change(mixer, attribute, 12), attribute) == 12
    assert what_ifs.widened(mixer, 512, 512) == mixer
    assert what_ifs.faults(mixer) == ()
    for rule in ("sqrt", "topk", "window"):
        thinner = what_ifs.thinned(mixer, rule, 64, 512)
        if thinner is not None:
            assert mixer_kv_read_bytes(thinner, 1e6, 2.0) < mixer_kv_read_bytes(mixer, 1e6, 2.0)
            assert what_ifs.thinned(thinner, rule, 64, 512) in (None, thinner)


def test_only_a_kinds_own_file_and_the_readers_of_configs_name_it() -> None:
    """So that another kind is its file, its line in KINDS and its reader."""
    top = Path(mixers.__file__).parents[1]
    classes = {cls.__name__ for cls in KINDS} - {"NoMixer"}
    rooms = (top / "mixers", top / "catalog/dialects")
    named = {
        path.relative_to(top).as_posix(): found
        for path in top.rglob("*.py")
        if not any(room in path.parents for room in rooms)
        if (found := classes & set(re.findall(r"\w+", path.read_text(encoding="utf-8"))))
    }
    assert named.keys() == {"types/model.py"}


# A kind that nobody has: a cache of one vector per token, half of the tokens read.


@dataclass(frozen=True, slots=True, kw_only=True)
class Halved(Mixer):
    width: int


def _lower_halved(rows: Any, mixer: Halved, count: int) -> None:
    rows.gemm("halved projection", count, n=mixer.width, k=rows.model.hidden, weight_class="attention")


def halved(**changes: Any) -> Kind[Halved]:
    parts: dict[str, Any] = {
        "name": "halved", "mixer": Halved, "weight_class": "attention",
        "params": lambda m, hidden: m.width * hidden,
        "cache": Cache(
            entry_elements=lambda m: m.width,
            entry_bytes=lambda m, size: m.width * size,
            token_bytes=lambda m, size: m.width * size,
            growth_bytes=lambda m, size: m.width * size,
            stored_bytes=lambda m, context, size: context * m.width * size,
            entries_read=lambda m, context: context / 2,
            scan_bytes=lambda m, context: 0.0,
            copies=lambda m, tp: 1,
        ),
        "state": None,
        "pair_flops": lambda m, absorbed: 4.0 * m.width,
        "scan_flops": lambda m: 0.0,
        "indexer": lambda m: None,
        "cuts": lambda m: (Cut("halves", m.width),),
        "shape": {},
        "lower": _lower_halved,
        "words": Words(
            title=lambda m: f"halved {m.width}", tags=lambda m: frozenset({"halved"}),
            geometry=lambda m: f"one vector of {m.width}",
            cache_formula=lambda m, size: ("width x bytes", f"{m.width} x {size:g} B"), cache_note=lambda m: "",
        ),
        "what_ifs": WhatIfs(
            fields={"head_dim": "width"}, change=set_number, widened=lambda m, before, after: m,
            thinned=not_thinned, faults=no_faults,
        ),
        "wide_at_4_bits": False,
    }  # fmt: skip
    return Kind(**{name: value for name, value in (parts | changes).items() if value is not MISSING})


def with_halved() -> Model:
    layers = (LayerGroup(count=3, mixer=Halved(width=96), ffn=DenseFfn(intermediate=480)),)
    return Model(id="halved", name="halved", model_type="test", hidden=128, vocab=960, layers=layers)


def test_a_registered_kind_is_all_that_the_rest_of_tokenroof_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, Halved, halved())  # type: ignore[arg-type]
    model = with_halved()
    assert total_params(model) == 2 * 960 * 128 + 3 * (96 * 128 + 3 * 128 * 480)
    assert kv_bytes_per_sequence(model, 1_000) == 3 * 1_000 * 96 * 2
    assert legal_tp(model) == tuple(n for n in range(1, 97) if 96 % n == 0 and 480 % n == 0)
    assert [row.name for row in lower(model).operators].count("halved projection") == 1
    (term,) = kv_terms(model, 2.0)
    assert (term.substituted, term.bytes_per_token) == ("3 x 96 x 2 B", 576.0)
    changed, _ = change_model(model, "model.head_dim", "2x")
    assert kv_bytes_per_sequence(changed, 1_000) == 2 * kv_bytes_per_sequence(model, 1_000)
    view = view_model(model)
    assert view.row.attention == "halved 96"
    assert "halved" in view.row.tags
    assert view.layer_rows[0].geometry == "one vector of 96"


def test_an_unregistered_kind_is_refused_and_never_free() -> None:
    model = with_halved()
    for ask in (total_params, lambda m: kv_bytes_per_sequence(m, 1_000), lower, legal_tp, view_model):
        with pytest.raises(TypeError, match=r"Halved is not registered in tokenroof\.mixers\.KINDS"):
            ask(model)


@pytest.mark.parametrize("name", [f.name for f in fields(Kind) if f.default is MISSING])
def test_a_kind_that_leaves_a_part_out_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        halved(**{name: MISSING})


@pytest.mark.parametrize("record", [Cache, State, WhatIfs, Words])
def test_parts_have_no_defaults(record: type) -> None:
    assert all(f.default is MISSING and f.default_factory is MISSING for f in fields(record))


def test_a_kind_without_cache_and_state_has_to_say_so() -> None:
    with pytest.raises(TypeError, match="needs a cache or a state"):
        halved(cache=None)
    with pytest.raises(TypeError, match="needs a cache or a state"):
        halved(cache_free=True)
    assert halved(cache=None, cache_free=True).cache_free
