"""Every verb's JSON is one object that ends with what made it, and has the keys of the classes named for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tokenroof
from tokenroof.catalog.machine_index import catalogue_date
from tokenroof.cli.main import VERBS, cli
from tokenroof.present.json import SCHEMA_VERSION
from tokenroof.schema.responses import keys_of, response_classes

SERVED = ("llama-3.1-8b", "--system", "h100", "--isl", "512", "--osl", "128")
# verb -> arguments; {tmp} is a folder with grid.toml, runs.csv and trace.csv. Not here: `fit`
ASKED: dict[str, tuple[str, ...]] = {
    "analyze": SERVED,
    "break-even": (*SERVED, "--offer", "groq/gpt-oss-120b"),
    "calibrate": ("{root}/examples/results/sweep.csv",),
    "chip": ("h100",),
    "chips": ("--vendor", "nvidia"),
    "deduce": ("--lecture",),
    "diff": ("llama-3.1-8b@h100", "llama-3.1-8b@b200", "--batch", "8"),
    "import": ("Qwen/Qwen3-8B",),
    "kv": ("llama-3.1-8b",),
    "lecture": ("--chapter", "batch"),
    "microbench": ("--device", "cpu", "--seconds", "0.1", "--largest", "300kB", "--ranks", "1", "--force"),
    "model": ("llama-3.1-8b",),
    "models": ("--filter", "llama"),
    "next": (*SERVED, "--tpot", "12ms", "--concurrency", "64"),
    "offers": ("--filter", "opus"),
    "plan": SERVED,
    "price": SERVED,
    "roofline": ("--params", "8e9", "--flops", "1e15", "--bandwidth", "3e12"),
    "runs": ("{tmp}/runs.csv",),
    "simulate": (*SERVED, "--rate", "5", "--requests", "50"),
    "speculate": (*SERVED, "--draft-cost", "0.1"),
    "sweep": ("{tmp}/grid.toml", "--estimate"),
    "systems": (),
    "tiers": (),
    "trace": ("{tmp}/trace.csv",),
    "train": (),
    "compare": ("{root}/examples/results/sweep.csv", "--no-changes"),
    "validate": ("{tmp}/runs.csv",),
}
ROOT = Path(__file__).resolve().parents[2]
LISTS = {"chips": "chips", "models": "models", "systems": "systems", "tiers": "tiers", "deduce": "claims"}
GRID = 'model = "llama-3.1-8b"\nsystem = "h100"\nbatch = [1, 2]\ncontext = 1024\n'
RUN = {
    "row_id": "a", "model": "Llama-3.1-8B", "hardware": "NVIDIA H100 SXM", "num_gpus": "1", "tp": "1", "pp": "1",
    "ep": "1", "dp": "1", "weight_dtype": "bf16", "kv_dtype": "bf16", "engine": "vLLM", "engine_version": "0.9.2",
    "mode": "server-closed-loop", "input_len": "1024", "output_len": "256", "batch_or_concurrency": "16",
    "metric": "tpot_ms", "value": "9.0", "unit": "ms", "spec_decode": "none", "quality": "A", "hw_key": "h100-sxm",
    "model_key": "Llama-3-8B", "split": "cal",
}  # fmt: skip


def answer(verb: str, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    (tmp_path / "runs.csv").write_text(f"{','.join(RUN)}\n{','.join(RUN.values())}\n", encoding="utf-8")
    (tmp_path / "trace.csv").write_text("arrival_s,isl,osl\n0,5,1\n1,7,2\n", encoding="utf-8")
    arguments = [verb, *(one.format(tmp=tmp_path, root=ROOT) for one in ASKED[verb]), "--json"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code in (0, 1), done.output
    found: dict[str, Any] = json.loads(done.stdout, parse_constant=pytest.fail)
    return found


def test_every_verb_is_asked() -> None:
    assert set(ASKED) == set(VERBS) - {"fit", "report", "web"}


@pytest.mark.parametrize("verb", sorted(ASKED))
def test_json_ends_with_its_versions_and_has_the_documented_keys(verb: str, tmp_path: Path) -> None:
    found = answer(verb, tmp_path)
    assert list(found)[-1] == "versions"
    assert found.pop("versions") == {
        "package": tokenroof.__version__, "catalogue": catalogue_date(), "schema": SCHEMA_VERSION,
    }  # fmt: skip
    wanted = [list(keys_of(cls)) for cls in response_classes(verb)]
    if verb in LISTS:
        assert list(found) == [LISTS[verb]] and found[LISTS[verb]]
        assert all(list(row) in wanted for row in found[LISTS[verb]])
    else:
        assert list(found) in wanted


def test_the_command_line_prints_json_by_one_function() -> None:
    folder = Path(tokenroof.__file__).parent / "cli"
    others = [path.name for path in folder.glob("*.py") if "json.dumps" in path.read_text(encoding="utf-8")]
    assert others == []
