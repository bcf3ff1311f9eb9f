"""The verbs models, model, kv and import."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tokenroof.cli import import_model, kv, model, models
from tokenroof.errors import DataMissing, InputError, TokenroofError, UnknownName

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "configs"


def run(module: Any, *arguments: str) -> Result:
    return CliRunner().invoke(module.command, list(arguments))


def data(module: Any, *arguments: str) -> Any:
    result = run(module, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(kind: type[TokenroofError], module: Any, *arguments: str) -> str:
    result = run(module, *arguments)
    assert isinstance(result.exception, kind), result.output
    text = str(result.exception)
    assert "\n" not in text
    return text


def test_models_lists_the_catalogue() -> None:
    rows = data(models)["models"]
    assert len(rows) >= 80
    by_id = {row["id"]: row for row in rows}
    v3 = by_id["deepseek-v3"]
    assert v3["total_params"] == 671_026_404_352 and v3["kv_bytes_per_token"] == 70_272
    assert v3["licence"] == "MIT" and v3["tags"] == ["fp8", "mla", "moe", "mtp", "shared-expert"]


def test_filters_all_have_to_hold_and_can_exclude() -> None:
    rows = data(models, "--filter", "moe,mla,!fp8", "--sort", "active")["models"]
    assert rows and all({"moe", "mla"} <= set(row["tags"]) and "fp8" not in row["tags"] for row in rows)
    active = [row["active_params"] for row in rows]
    assert active == sorted(active, reverse=True)
    named = data(models, "--filter", "qwen3-next")["models"]
    assert [row["id"] for row in named] == ["qwen3-next-80b-a3b"]
    hybrids = {row["id"] for row in data(models, "--filter", "hybrid")["models"]}
    assert {"qwen3-next-80b-a3b", "minimax-m1", "kimi-linear-48b-a3b", "nemotron-h-56b"} <= hybrids


def test_a_filter_that_means_nothing() -> None:
    assert "mla" in refused(UnknownName, models, "--filter", "mlaa")


def test_tags_are_counted() -> None:
    counts = data(models, "--tags")["tags"]
    assert counts["moe"] + counts["dense"] == len(data(models)["models"])


def test_the_table_has_a_line_per_model() -> None:
    result = run(models, "--filter", "gpt-oss")
    assert result.exit_code == 0
    assert "gpt-oss-120b" in result.stdout and "128/4" in result.stdout and "73.7 KB" in result.stdout
    assert result.stdout.startswith("2 models of 20.9 B to 117 B parameters")


def test_model_shows_parts_formats_and_formula() -> None:
    result = run(model, "deepseek-v3", "--full")
    assert result.exit_code == 0, result.output
    for text in ("routed experts", "fp8_block", "61 x (512 + 64) x 2 B = 70,272 B/token", "37.6 B active",
                 "active without the input table   36.6 B", "active without embeddings        35.7 B",
                 "11.6 B"):  # fmt: skip
        assert text in result.stdout, text
    assert "grade spec" in result.stdout and "of the weights: MIT" in result.stdout
    assert result.stdout.startswith("DeepSeek-V3 has 671 B parameters, 37.6 B active in 61 layers: 673 GB of weights")


def test_model_says_what_had_to_be_assumed() -> None:
    assert "warning: sliding_window_pattern" in run(model, "gemma-3-27b").stdout


def test_model_takes_a_path_and_checks_it(tmp_path: Path) -> None:
    view = data(model, str(FIXTURES / "deepseek_v3.json"))
    assert view["row"]["total_params"] == 348_032
    config = {"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
              "num_attention_heads": 32, "num_key_value_heads": 1, "num_local_experts": 8, "num_experts_per_tok": 2,
              "vocab_size": 32000, "max_position_embeddings": 32768, "tie_word_embeddings": False,
              "torch_dtype": "bfloat16"}  # fmt: skip
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    assert "mixtral-8x7b has 8" in run(model, str(file)).stdout


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("deepseek-v3.2", "61 x (512 x 1 B + 4 x 4 B + 64 x 2 B + 132 B) = 48,068 B/token"),
        ("llama-3.1-405b", "126 x 8 x (128 + 128) x 2 B = 516,096 B/token"),
        ("deepseek-v4-flash", "21 x (584 B + (584 B + 132 B) / 4) = 16,023 B/token"),
        ("minimax-m1", "70 layers keep 294 MB per sequence"),
        ("glm-5.2", "57 x (512 + 64) x 2 B"),
        ("llama-3.2-11b-vision", "8 layers keep nothing"),
    ],
)
def test_formulas_with_values_in_them(name: str, formula: str) -> None:
    assert formula in run(kv, name).stdout


def test_terms_sum_to_the_figure() -> None:
    for one in data(kv, "glm-5.2", "gpt-oss-120b", "gemma-4-31b", "deepseek-v4-pro", "jamba-1.5-large")["models"]:
        assert sum(term["bytes_per_token"] for term in one["terms"]) == pytest.approx(one["bytes_per_token"], rel=1e-12)
        assert sum(term["state_bytes"] for term in one["terms"]) == one["state_bytes_per_sequence"]


def test_kv_compares_at_contexts() -> None:
    answer = data(kv, "deepseek-v3", "llama-3.1-405b", "--context", "8192,131072", "--kv-dtype", "fp8")
    assert answer["contexts"] == [8192, 131072]
    kept = [[at["stored_bytes"] for at in one["contexts"]] for one in answer["models"]]
    assert kept == [[35_136 * 8192, 35_136 * 131_072], [258_048 * 8192, 258_048 * 131_072]]


def test_kv_marks_contexts_beyond_the_config() -> None:
    result = run(kv, "gemma-2-9b", "--context", "8192,16384")
    assert "longer than the config allows" in result.stdout


@pytest.mark.parametrize(("context", "tokens"), [("8k", 8000), ("8Ki,1e3", 8192)])
def test_contexts_with_a_prefix_are_read(context: str, tokens: int) -> None:
    assert data(kv, "deepseek-v3", "--context", context)["contexts"][0] == tokens


@pytest.mark.parametrize("context", ["", "-1", "8192,", "0", "999999999999"])
def test_contexts_that_cannot_be_read(context: str) -> None:
    refused(InputError, kv, "deepseek-v3", "--context", context)


@pytest.mark.parametrize("ending", [".svg", ".png", ".html"])
def test_kv_draws(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"kv{ending}"
    result = run(kv, "deepseek-v3", "qwen3-next-80b-a3b", "minimax-m1", "-o", str(file))
    assert result.exit_code == 0, result.output
    content = file.read_bytes()
    assert content.startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".html": b"<!doctype html>"}[ending])
    if ending == ".svg":
        assert b"minimax-m1" in content


def test_models_draws_bytes_per_token(tmp_path: Path) -> None:
    file = tmp_path / "bars.svg"
    result = run(models, "--filter", "!nvfp4,!fp8,gemma", "--plot", str(file))
    assert result.exit_code == 0, result.output
    content = file.read_text(encoding="utf-8")
    assert "gemma-3-27b" in content and "once every window is full" in content
    refused(InputError, models, "--filter", "moe,dense", "--plot", str(file))


def test_kv_will_not_draw_into_another_format(tmp_path: Path) -> None:
    refused(InputError, kv, "deepseek-v3", "-o", str(tmp_path / "kv.gif"))


def test_import_saves_what_every_verb_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    result = run(import_model, str(FIXTURES / "gemma4.json"), "--save", str(file))
    assert result.exit_code == 0, result.output
    assert str(file) in result.stderr
    assert data(model, str(file))["row"] == data(model, str(FIXTURES / "gemma4.json"))["row"]


def test_import_knows_the_catalogue_and_stays_offline() -> None:
    assert data(import_model, "Qwen/Qwen3-8B")["row"]["id"] == "qwen3-8b"
    assert "`online`" in refused(UnknownName, import_model, "nobody/has-this")


def test_import_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "llama", "hidden_size": 64}', encoding="utf-8")
    assert "num_hidden_layers" in refused(DataMissing, import_model, str(file))


def test_import_refuses_a_directory_and_half_a_file(tmp_path: Path) -> None:
    assert "not a directory" in refused(InputError, import_model, str(tmp_path))
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "lla', encoding="utf-8")
    assert "cut off" in refused(InputError, import_model, str(file))


def test_save_into_nowhere_is_one_line(tmp_path: Path) -> None:
    refused(InputError, import_model, "qwen3-8b", "--save", str(tmp_path / "no" / "such" / "mine.json"))


@pytest.mark.parametrize("module", [models, model, kv, import_model])
def test_help_has_an_example(module: Any) -> None:
    assert "tokenroof " in run(module, "--help").output.partition("Options:")[0].partition("\n\n")[2]
