"""Speed of the model catalogue and the importer: `make bench` or pytest benchmarks --benchmark-only."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tokenroof.catalog import models
from tokenroof.catalog.models.importer import model_from_config
from tokenroof.mixers.architecture import active_params, total_params
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "configs"


def test_load_one_model(benchmark: Any) -> None:
    def load() -> object:
        models._index.cache_clear()
        models._load.cache_clear()
        return models.load_model("deepseek-ai/DeepSeek-V3")

    benchmark(load)


def test_load_the_whole_catalogue(benchmark: Any) -> None:
    def load() -> object:
        models._load.cache_clear()
        return models.load_models()

    assert len(benchmark(load)) >= 80


def test_import_a_config(benchmark: Any) -> None:
    config = json.loads((FIXTURES / "deepseek_v4.json").read_text(encoding="utf-8"))
    benchmark(model_from_config, config, name="deepseek_v4")


def test_count_a_model(benchmark: Any) -> None:
    model = models.load_model("deepseek-v4-pro")
    benchmark(lambda: (total_params(model), active_params(model), kv_bytes_per_sequence(model, 131_072)))


def test_model_verb_as_a_process(benchmark: Any) -> None:
    command = [sys.executable, "-m", "tokenroof", "kv", "deepseek-v3", "--json"]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=5)
