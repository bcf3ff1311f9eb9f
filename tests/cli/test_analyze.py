"""`tokenroof analyze` as a process: the page, JSON, charts, exit codes, and one line for every kind of bad input."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from economics_process import run as process
from economics_process import run_inside as run


def test_the_page_answers_every_question() -> None:
    done = process("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--profile", "peak", "--full")
    assert done.returncode == 0, done.stderr
    for word in ("DeepSeek-V3 fits on", "TPOT, served", "TPOT, decode steps alone", "TTFT", "tok/s/user", "tok/s/GPU",
                 "cost, output", "KV memory", "critical batch", "weights", "Defaults", "Left out", "weight floor",
                 "drain time", "critical context", "MFU", "cost floor", "departures", "claim peak rates"):  # fmt: skip
        assert word in done.stdout, word
    assert done.stderr == ""
    assert "\x1b[" not in done.stdout


def test_the_first_screen_is_a_screen() -> None:
    done = run("analyze", "llama-3.3-70b", "--system", "8xh100", "--tp", "8", "--batch", "64", "--isl", "8192")
    lines = done.stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    first = done.stdout.partition("\n\n")[0].replace("\n", " ")
    assert first.startswith("Llama-3.3-70B fits on 8 x H100") and first.endswith(".")
    assert "+10 % memory bandwidth" in done.stdout


def test_json_is_strict_and_complete() -> None:
    done = run("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--json")
    answer = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert answer["fits"] is True and answer["infeasible"] is None
    assert answer["bound"]["roofline"]["critical_batch_at_context"] is None
    assert answer["claim"] == "calibrated"
    tpot = answer["tpot_s"]
    assert tpot["bound"] < tpot["low"] < tpot["value"] < tpot["high"]


@pytest.mark.parametrize("rule", ["lecture", "text", "book"])
def test_closed_forms_stand_beside_the_answer_as_bounds(rule: str) -> None:
    answer = json.loads(run("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--rule", rule, "--json").stdout)
    assert answer["bound"]["rule"] == rule
    assert answer["bound"]["roofline"]["rule"] == rule
    assert answer["claim"] == "calibrated"


def test_the_chart_has_its_words_and_the_same_question_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        done = process("analyze", "deepseek-v3", "--system", "gb200-nvl72", "-o", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    text = "".join(ElementTree.fromstring(content).itertext())
    for words in ("memory full", "weight reads", "floor of any slow mode", "Operators on the roofline"):
        assert words in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_the_operator_table_and_the_rack() -> None:
    done = run("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--full", "--tp", "1", "--dp", "64", "--ep", "64",
               "--redundant-experts", "0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("latent attention", "all-to-all", "8 idle", "4 expert slots", "FLOP/B"):
        assert words in done.stdout, words


def test_explain_shows_the_rows_behind_a_calibrated_number() -> None:
    done = run("analyze", "deepseek-v3", "--system", "8xh200", "--explain", "tpot_s")
    assert done.returncode == 0, done.stderr
    for words in ("latent attention", "4.8 TB/s", "fitted on", "80 % of held-out"):
        assert words in done.stdout, words


def test_explain_shows_formula_values_and_sources() -> None:
    done = run("analyze", "deepseek-v3", "--system", "8xh200", "--explain", "weight_floor_s")
    assert done.returncode == 0, done.stderr
    for words in ("4.8 TB/s", "[spec]", "worst grade"):
        assert words in done.stdout


def test_tpot_is_explained_by_the_decode_step_and_the_prefill_of_others() -> None:
    page = json.loads(run("analyze", "qwen3-8b", "--system", "h100", "--json").stdout)
    told = json.loads(run("analyze", "qwen3-8b", "--system", "h100", "--explain", "tpot_s", "--json").stdout)
    assert told["value"] == pytest.approx(page["tpot_s"]["value"], rel=1e-12)
    text = run("analyze", "qwen3-8b", "--system", "h100", "--explain", "cost_output_usd_per_mtok").stdout
    assert re.match(r"cost_output_usd_per_mtok = [\d.]+ USD/Mtoken ", text)


@pytest.mark.parametrize("chip", ["v100", "t4", "wse-3", "apple-m3-ultra", "groq-lpu"])
def test_chips_older_than_bf16_answer_in_fp16(chip: str) -> None:
    done = run("analyze", "qwen2.5-1.5b", "--system", chip, "--json")
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert {row["rate"] for row in answer["operators"] if row["flops"]} <= {"fp16", "fp32"}
    assert answer["claim"] == "default efficiencies"


def test_what_cannot_be_computed_names_the_format() -> None:
    done = run("analyze", "qwen2.5-1.5b", "--system", "corsair", "--weight-dtype", "int8")
    assert done.returncode == 2
    assert "activation_dtype = 'bf16'" in done.stderr


def test_the_layout_said_is_the_layout_shown() -> None:
    done = run("analyze", "qwen3-8b", "--system", "v100", "--full")
    assert "layout tp1 most requests/s that memory and limits allow" in " ".join(done.stdout.split())


@pytest.mark.parametrize("batch", ["0.5", "0", "-1", "nan", "inf"])
def test_a_batch_is_at_least_one_sequence(batch: str) -> None:
    done = run("analyze", "qwen3-8b", "--system", "h100", "--batch", batch)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --batch {batch} must be ")
    assert len(done.stderr.splitlines()) == 1


def test_not_fitting_exits_1_with_the_shortfall_and_a_fix() -> None:
    done = run("analyze", "deepseek-v3", "--system", "4xh100")
    assert done.returncode == 1
    assert "DeepSeek-V3 does not fit on 4 x H100" in done.stdout
    assert "GB  " in done.stdout and " short" in done.stdout
    assert "What fits" in done.stdout and "system 16xh100" in done.stdout
    assert "tok/s" not in done.stdout and "TPOT" not in done.stdout


def bad_files(folder: Path) -> dict[str, Path]:
    truncated = folder / "truncated.json"
    truncated.write_text('{"model_type": "llama", "hidden_size": 40')
    keyless = folder / "keyless.json"
    keyless.write_text('{"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 32000}')
    huge = folder / "huge.json"
    with huge.open("wb") as file:
        file.truncate(2 * 10**9)
    return {"directory": folder, "truncated": truncated, "keyless": keyless, "huge": huge}


@pytest.mark.parametrize(
    "kind,needle",
    [
        ("directory", "file"),
        ("truncated", "JSON"),
        ("keyless", "num_attention_heads"),
        ("huge", "at most 16,000,000 bytes"),
    ],
)
def test_bad_config_files_are_one_line_and_exit_2(tmp_path: Path, kind: str, needle: str) -> None:
    done = run("analyze", str(bad_files(tmp_path)[kind]), "--system", "h100")
    assert done.returncode == 2
    assert needle in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments,needle",
    [
        (("analyze", "deepseek-v3"), "--system"),
        (("analyze", "deepseek-v3", "--system", "9xnothing"), "NxCHIP"),
        (("analyze", "llama-3.3-7b", "--system", "h100"), "llama-3.3-70b"),
        (("analyze", "deepseek-v3", "--system", "h100", "--batch", "0"), "batch"),
        (("analyze", "deepseek-v3", "--system", "h100", "--context", "nan"), "context"),
        (("analyze", "deepseek-v3", "--system", "h100", "--weight-dtype", "fp3"), "fp3"),
        (("analyze", "deepseek-v3", "--system", "h100", "-o", "page.doc"), ".svg"),
        (("analyze", "deepseek-v3", "--system", "h100", "-o", "/no/such/folder/page.svg"), "directory"),
        (("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--explain", "nonsense"), "nonsense"),
    ],
)
def test_bad_input_exits_2_with_one_reason(arguments: tuple[str, ...], needle: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout
    assert needle in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_copy_is_called_one_on_the_page_too(tmp_path: Path) -> None:
    """Mixtral 8x7B with one KV head, as in microsoft/apex_plus: KV eight times too small. `import` alone said so."""
    config = {
        "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 1, "num_local_experts": 8, "num_experts_per_tok": 2,
        "vocab_size": 32000, "max_position_embeddings": 32768, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip
    file = tmp_path / "copy.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    done = run("analyze", str(file), "--system", "8xh100")
    assert done.returncode == 0, done.stderr
    assert "warning: key/value heads 1, but the catalogue's mixtral-8x7b has 8" in done.stdout
    answer = json.loads(run("analyze", str(file), "--system", "8xh100", "--json").stdout)
    assert "key/value heads" in answer["warnings"][0]


def test_the_fix_for_experts_that_do_not_divide_can_be_followed() -> None:
    """The lecture's 256 experts on 72 GPUs: refused as they are, 4 slots each with 32 copies."""
    rack = ("analyze", "deepseek-v3", "--system", "gb200-nvl72", "--tp", "1", "--dp", "72", "--ep", "72")
    done = run(*rack)
    assert done.returncode == 2 and "--redundant-experts 32" in done.stderr
    done = run(*rack, "--redundant-experts", "32", "--full")
    assert done.returncode == 0, done.stderr
    assert "4 expert slots of every layer on each of 72 expert groups" in done.stdout
