"""Mutated configs end in a Model or in one TokenroofError, never in anything else, and never in a NaN.

The seeds are the fixtures, and the published configs where the reference data is there. Mutations: dropped keys,
wrong types, huge, negative and non-finite numbers, deep nesting, long strings, swapped values, cut or spliced bytes.
"""

import copy
import json
import math
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenroof.catalog.models.checks import contradictions
from tokenroof.catalog.models.importer import model_from_config, parse_config
from tokenroof.errors import TokenroofError
from tokenroof.mixers.architecture import active_params, params_by_part, total_params, weight_bytes
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
    state_bytes_per_sequence,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token, linear_flops_per_token
from tokenroof.types.model import Model

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures" / "configs"
# the limit, in processor time so that a busy machine does not count; a mutated config takes milliseconds
HANG_S = 1.0
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _shared() -> Path:
    named = os.environ.get("TOKENROOF_SHARED")
    return (Path(named).expanduser() if named else ROOT.parent.parent / "shared") / "data" / "model_configs"


@lru_cache(maxsize=1)
def seeds() -> tuple[str, ...]:
    files = [p for p in sorted(FIXTURES.glob("*.json")) if p.stem != "expected"]
    if _shared().is_dir():
        files += sorted(_shared().glob("*.json"))
    return tuple(p.read_text(encoding="utf-8") for p in files)


def nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.integers(min_value=-3, max_value=300),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=30),
    st.sampled_from(["", "x" * 100_000, "full_attention", "fp8", "re:(a+)+$", "0,1,2", "float64", "NaN", "\ud800"]),
    st.lists(st.integers(min_value=-5, max_value=10**12), max_size=5),
    st.lists(st.text(max_size=5), max_size=5),
    st.builds(nested, st.integers(min_value=1, max_value=60)),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8) | st.none(), max_size=3),
    st.builds(lambda n: [1] * n, st.sampled_from([0, 3, 5_000, 200_000])),
    st.builds(lambda n: ["layers.1.mlp"] * n, st.sampled_from([0, 3, 5_000])),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of the values of a config, lists entered at their first entry only."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, child in value.items():
            found += places(child, (*path, key))
    elif isinstance(value, list) and value:
        found += places(value[0], (*path, 0))
    return found


def change(config: Any, path: tuple[Any, ...], value: Any, *, drop: bool) -> None:
    holder = config
    for step in path[:-1]:
        if not isinstance(holder, dict | list) or (isinstance(holder, list) and not holder):
            return
        if isinstance(holder, dict) and step not in holder:
            return
        holder = holder[step]
    if isinstance(holder, dict):
        if drop:
            holder.pop(path[-1], None)
        else:
            holder[path[-1]] = value
    elif isinstance(holder, list) and holder and not drop:
        holder[0] = value


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    config = json.loads(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(min_value=1, max_value=4))):
        known = places(config)
        if not known:
            break
        change(config, draw(st.sampled_from(known)), copy.deepcopy(draw(HOSTILE)), drop=draw(st.booleans()))
    if draw(st.booleans()):
        other = json.loads(draw(st.sampled_from(seeds())))
        config["model_type"] = other["model_type"]
    return config


def numbers(model: Model) -> list[float]:
    active = active_params(model)
    return [
        total_params(model), active.with_embeddings, active.without_input_embedding, active.without_embeddings,
        weight_bytes(model), kv_bytes_per_token(model), kv_growth_bytes_per_token(model),
        kv_bytes_per_sequence(model, 131_072), kv_read_bytes_per_step(model, 131_072), state_bytes_per_sequence(model),
        linear_flops_per_token(model), attention_flops_per_token(model, 131_072), model.mtp_params,
        model.vision_params, *(part.total for part in params_by_part(model)),
    ]  # fmt: skip


def outcome(config: dict[str, Any]) -> Model | TokenroofError:
    """A Model whose numbers are all finite and not negative, or the one error; anything else fails the test."""
    start = time.process_time()
    try:
        model = model_from_config(config, name="fuzzed/model-nvfp4")
        contradictions(model)
    except TokenroofError as error:
        text = str(error)
        assert text and "\n" not in text and len(text) < 1_500
        assert time.process_time() - start < HANG_S
        return error
    for number in numbers(model):
        assert math.isfinite(number) and number >= 0
    assert all("\n" not in warning and len(warning) <= 300 for warning in model.warnings)
    assert time.process_time() - start < HANG_S
    return model


@MANY
@given(config=mutated())
def test_mutated_configs(config: dict[str, Any]) -> None:
    outcome(config)


@MANY
@given(text=st.sampled_from(range(10_000)), cut=st.floats(min_value=0, max_value=1), junk=st.binary(max_size=8))
def test_cut_and_spliced_bytes(text: int, cut: float, junk: bytes) -> None:
    raw = seeds()[text % len(seeds())].encode()
    place = int(cut * len(raw))
    for mangled in (raw[:place], raw[:place] + junk + raw[place:], raw[:place] + junk):
        try:
            config = parse_config(mangled)
        except TokenroofError as error:
            assert "\n" not in str(error)
            continue
        outcome(config)


@MANY
@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    try:
        parse_config(raw)
    except TokenroofError as error:
        assert "\n" not in str(error)


@given(config=st.dictionaries(st.text(max_size=12), HOSTILE, max_size=6), kind=st.sampled_from(range(10_000)))
@MANY
def test_any_object_under_a_known_type(config: dict[str, Any], kind: int) -> None:
    seed = json.loads(seeds()[kind % len(seeds())])
    assert isinstance(outcome({**config, "model_type": seed["model_type"]}), Model | TokenroofError)


@pytest.mark.parametrize("key", ["model_type", "torch_dtype", "hidden_size", "layer_types", "quantization_config"])
def test_fifty_megabytes_of_text(key: str) -> None:
    config = json.loads((FIXTURES / "gpt_oss.json").read_text(encoding="utf-8"))
    config[key] = "x" * 50_000_000
    assert isinstance(outcome(config), Model | TokenroofError)
    if key != "model_type":
        assert isinstance(outcome(config), TokenroofError)


def test_a_list_per_layer_that_is_as_long_as_the_cap_allows() -> None:
    config = json.loads((FIXTURES / "llama.json").read_text(encoding="utf-8"))
    many = {**config, "num_hidden_layers": 1_000, "layer_types": ["full_attention", "sliding_attention"] * 500}
    patterns = [f"model.layers.{i}.mlp" for i in range(0, 1_000, 2)]
    many |= {"sliding_window": 128, "quantization_config": {"quant_method": "fp8", "modules_to_not_convert": patterns}}
    model = outcome(many)
    assert isinstance(model, Model) and model.n_layers == 1_000
    assert model.weights.mixed["dense"] == {"bf16": 0.5, "fp8": 0.5}


def test_published_seeds_are_all_readable() -> None:
    """The mutations start from configs that work, or they would test nothing but the first check."""
    models = [outcome(json.loads(text)) for text in seeds()]
    assert len(models) >= 60 and all(isinstance(model, Model) for model in models)
