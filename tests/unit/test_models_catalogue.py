"""The catalogue of models: complete, sourced, reproducible, and found by the names people type."""

import importlib.util
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tokenroof.catalog.models.files import dump_json, model_from_json, model_to_json
from tokenroof.catalog.models.index import DATA, find_id, known_names, load_model, load_models, model_ids
from tokenroof.errors import InputError, UnknownName
from tokenroof.mixers.architecture import total_params
from tokenroof.provenance import Grade


def test_there_are_at_least_eighty_checkpoints() -> None:
    assert len(model_ids()) >= 80
    assert {path.stem for path in DATA.glob("*.json")} - {"index"} == set(model_ids())


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("deepseek-v3", "deepseek-v3"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-v3"),
        ("DEEPSEEK-AI/deepseek-v3", "deepseek-v3"),
        ("DeepSeek-V3", "deepseek-v3"),
        ("meta-llama/Llama-3.1-405B-Instruct", "llama-3.1-405b"),
        ("meta-llama/Meta-Llama-3.1-8B", "llama-3.1-8b"),
        ("Qwen/Qwen3-235B-A22B", "qwen3-235b-a22b"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("moonshotai/Kimi-K2-Instruct", "kimi-k2"),
        ("MiniMaxAI/MiniMax-M1-80k", "minimax-m1"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
    ],
)
def test_names(name: str, model_id: str) -> None:
    assert load_model(name).id == model_id


def test_unknown_names_give_the_nearest_three() -> None:
    with pytest.raises(UnknownName) as caught:
        load_model("deepsek-v3")
    assert caught.value.suggestions[0] == "deepseek-v3" and len(caught.value.suggestions) == 3


def test_every_entry_has_source_date_and_grade() -> None:
    for model in load_models():
        assert model.source and model.aliases and model.context_config
        date.fromisoformat(model.as_of)
        assert model.grade in (Grade.SPEC, Grade.DERIVED, Grade.REPORTED, Grade.ASSUMED)
        if model.grade is Grade.SPEC:
            assert "@" in model.source or "file index" in model.source, (model.id, model.source)
        for fact in model.facts.values():
            assert fact.source and fact.value > 0 and fact.as_of == model.as_of


def test_published_sizes_agree_with_the_count_within_three_percent() -> None:
    """A published size rounds, and some count prediction layers or towers; none is further off than this."""
    far = {}
    for model in load_models():
        fact = model.facts.get("published_total_params")
        if fact is not None:
            whole = total_params(model) + model.vision_params
            miss = min(abs(total_params(model) / fact.value - 1), abs(whole / fact.value - 1))
            if miss > 0.03:
                far[model.id] = round(miss, 4)
    assert far == {}


def test_entries_survive_a_round_trip() -> None:
    for model in load_models():
        assert model_from_json(json.loads(dump_json(model_to_json(model)))) == model
        assert sum(group.count for group in model.layers) == model.n_layers
        assert not model.order or [model.order.count(i) for i in range(len(model.layers))] == [
            group.count for group in model.layers
        ]


def test_one_name_is_one_model() -> None:
    for model in load_models():
        for alias in (model.id, *model.aliases):
            assert find_id(alias) == model.id
    assert all(name == name.lower() for name in known_names())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema": 99}, "schema"), ({"schema": None}, "schema"), ({"hidden": ...}, "hidden"),
        ({"layers": [{"count": 1, "norm_params": 0, "mixer": {"type": "rwkv"}, "ffn": {"type": "no_ffn"}}]}, "mixer"),
        ({"layers": [{"count": 1, "norm_params": 0, "mixer": {"type": "gqa"}, "ffn": {"type": "no_ffn"}}]}, "mixer"),
        ({"weights": {"attntion": "fp8"}}, "weights.attntion"),
    ],
)  # fmt: skip
def test_saved_models_are_checked(change: dict[str, object], field: str) -> None:
    data = model_to_json(load_model("llama-3.1-8b"))
    for key, value in change.items():
        if value is ...:
            del data[key]
        else:
            data[key] = value
    with pytest.raises(InputError) as caught:
        model_from_json(data)
    assert caught.value.field == field


def test_a_saved_model_loads_from_its_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(dump_json(model_to_json(load_model("gpt-oss-20b"))), encoding="utf-8")
    assert load_model(file) == load_model("gpt-oss-20b")


def test_loading_needs_no_heavy_package() -> None:
    code = (
        "import sys; from tokenroof.catalog.models.index import load_model; load_model('deepseek-v3'); "
        "print([m for m in ('numpy', 'pydantic', 'rich', 'click', 'tokenroof.catalog.models.importer') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_catalogue_is_what_the_script_builds(shared_data: Path, repo_root: Path) -> None:
    script = repo_root / "scripts" / "build_model_catalogue.py"
    spec = importlib.util.spec_from_file_location("build_model_catalogue", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entries = module.build(shared_data / "model_configs")
    assert {key: dump_json(model_to_json(model)) for key, model in entries.items()} == {
        path.stem: path.read_text(encoding="utf-8") for path in DATA.glob("*.json") if path.stem != "index"
    }
    assert dump_json(module.index_of(entries)) == (DATA / "index.json").read_text(encoding="utf-8")
