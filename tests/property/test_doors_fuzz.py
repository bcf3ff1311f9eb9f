"""Every door against made-up input: an answer or an error of its own, finite, quick and small.

`make test` runs a sample; `make fuzz` runs 30,000 cases a door (TOKENROOF_FUZZ says how many, TOKENROOF_FUZZ_SEED from
where). A case is a good input that was cut, doubled or filled with odd words, so that it gets beyond the reader.
"""

import json
import math
import os
import random
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from tokenroof.catalog import efficiency, load_chip
from tokenroof.catalog.efficiency import FOLDER, kernel_curves
from tokenroof.catalog.models.importer import model_from_path
from tokenroof.catalog.offers.files import read_offer_file
from tokenroof.catalog.systems import load_system_file
from tokenroof.cli.main import VERBS, cli
from tokenroof.engines.launch_command import launched
from tokenroof.errors import TokenroofError
from tokenroof.measure.engine_logs import read_engine_log
from tokenroof.measure.importers import IMPORTERS, read_benchmarks, read_results
from tokenroof.schema import parse, read_scenario, read_sweep_spec
from tokenroof.simulate.traces import FORMATS, read_trace
from tokenroof.usecases.analyze.request import AnalyzeRequest

CASES = int(os.environ.get("TOKENROOF_FUZZ", "150"))
SEED = int(os.environ.get("TOKENROOF_FUZZ_SEED", "0"))
_SLOWEST_S, _MOST_BYTES = 5.0, 1_000_000_000

_ODD = (
    "0", "-1", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "9" * 400, "9" * 5000, "true", "null", "None", '""',
    "[]", "{}", "[[[[]]]]", "'x'", '"128K"', '"50ms"', '"p99:x"', "1e400", "0x10", "1_000", "\u2260\u25a0", "\0",
    "\ud7ff", "~nobody/x", "1.5", "2147483648", "4096", "-0.0", '"nan"', '"inf"', ",", "\n", "=", ".", ":", '"', "[",
    "}", "a." * 40, "\t", "99999999999",
)  # fmt: skip


def changed(rng: random.Random, text: str) -> str:
    """A text with one to six changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at, kind = rng.randrange(len(text) + 1), rng.random()
        if kind < 0.45:  # a value or a key in the place of another
            ends = [k for k, letter in enumerate(text) if letter in ' =:,\n"[]{}'] or [0]
            start = rng.choice(ends)
            stop = next((k for k in ends if k > start), len(text))
            text = text[: start + 1] + rng.choice(_ODD) + text[stop:]
        elif kind < 0.6:
            text = text[:at] + rng.choice(_ODD) + text[at:]
        elif kind < 0.75:
            text = text[:at] + text[at + rng.randrange(1, 30) :]
        elif kind < 0.85:
            rows = text.split("\n")
            rows.insert(rng.randrange(len(rows)), rng.choice(rows))
            text = "\n".join(rows)
        elif kind < 0.95:
            text = text[:at]
        else:
            text = text[:at] + chr(rng.randrange(1, 0xD7FF)) + text[at:]
    return text


def finite(value: Any, depth: int = 0) -> bool:
    """Whether all numbers of what was read are numbers; infinity may stand for no limit."""
    if isinstance(value, float):
        return not math.isnan(value)
    if is_dataclass(value) and not isinstance(value, type):
        return depth > 20 or all(finite(getattr(value, one.name), depth + 1) for one in fields(value))
    if isinstance(value, dict):
        return all(finite(one, depth + 1) for one in value.values())
    if isinstance(value, list | tuple):
        return all(finite(one, depth + 1) for one in value)
    if type(value).__name__ == "ndarray" and value.dtype.kind == "f":
        return bool((value == value).all())
    return True


CONFIG = json.dumps(
    {"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
     "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "torch_dtype": "bfloat16",
     "max_position_embeddings": 131072, "tie_word_embeddings": False, "num_local_experts": 8, "num_experts_per_tok": 2,
     "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
     "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}, indent=1,
)  # fmt: skip
SCENARIO = (
    'model = "qwen3-8b"\nsystem = "8xh100"\nisl = "4k"\nosl = 512\ntpot = "50ms"\nttft = 2.0\nconcurrency = 64\n'
    'tp = 2\nweight_dtype = "fp8"\nengine = "vllm"\nset = ["chip.memory_bandwidth=1.5x"]\n'
)
SWEEP = (
    'model = ["qwen3-8b"]\nsystem = ["h100"]\nbatch = {from = 1, to = 512, points = 8, scale = "log"}\n'
    'context = [1024, "128K"]\nkv_dtype = "fp8"\nlayout = [{tp = 1}, "tp=2"]\nprice_per_gpu_hour = 2.5\n'
)
SYSTEM = (
    'id = "mine"\nname = "Mine"\nchip = "h100"\naliases = ["my-box"]\n[defaults]\nsource = "me"\nas_of = "2026-01-01"\n'
    'grade = "assumed"\n[size]\nn_chips = 16\ndomain = 8\n[links]\nscaleout = "50 GB/s"\n'
)
CHIP = (
    'id = "mine"\nname = "Mine"\n[defaults]\nsource = "me"\nas_of = "2026-01-01"\ngrade = "assumed"\n'
    '[size]\nn_chips = 16\n[chip]\nid = "x"\nname = "X"\nvendor = "Me"\nkind = "gpu"\nyear = 2026\n'
    'status = "shipping"\n[chip.defaults]\nsource = "me"\nas_of = "2026-01-01"\ngrade = "assumed"\n'
    '[chip.memory]\nlabel = "80 GB"\nusable = "79 GiB"\nbandwidth = "3.35 TB/s"\n'
    '[chip.flops]\nbf16 = "989 TFLOP/s"\nfp8 = {value = "1979 TFLOP/s", note = "dense"}\n'
    '[chip.links]\ndomain = 2\nscaleup = "450 GB/s"\nscaleout = "400 Gbit/s"\ntorus = 2\nwraps_from = 16\npcie = 5\n'
    '[chip.power]\ntdp = "700 W"\n'
)
OFFERS = (
    '[defaults]\ncurrency = "USD"\nas_of = "2026-01-01"\nsource = "me"\ngrade = "reported"\n\n[[offer]]\nid = "me/x"\n'
    'name = "X"\nlab = "Me"\nopen_weights = false\ninput = 3.0\noutput = 15.0\ncached = 0.3\n'
    'writes = {"5m" = 3.75, "1h" = 6.0}\nsteps = [{above = "200K", input_x = 2.0, output_x = 1.5}]\ncontext = "1M"\n'
    'modes = [{name = "batch", x = 0.5}]\nwindows = [{name = "night", x = 0.5, hours_utc = [[16.5, 0.5]]}]\n'
)
COMMANDS = (
    "vllm serve a/b -tp 2 --max-num-seqs 64 --speculative-config '{\"num_speculative_tokens\": 2}'",
    "python -m sglang.launch_server --model a/b --tp 8 --dp 4 --enable-dp-attention --mem-fraction-static 0.8",
    "cat > x.yaml <<'END'\nkv_cache_config: {dtype: fp8}\nEND\ntrtllm-serve a/b --tp_size 8 --config x.yaml",
    "spec:\n  replicas: 2\n  containers:\n  - image: vllm/vllm-openai:v0.21.0\n    args: [a, -tp, '4']\n",
)
LOGS = (
    "LLM engine (v0.19.0) with config: model='a/b', tensor_parallel_size=2\nModel loading took 14.99 GiB\n"
    "Available KV cache memory: 58.11 GiB\nGPU KV cache size: 476,000 tokens\n",
    "server_args=ServerArgs(model_path='a', tp_size=8)\nKV Cache is allocated. #tokens: 443878, K size: 2 GB",
)
EFFICIENCY = (FOLDER / "h100.toml").read_text(encoding="utf-8")


def _efficiency(path: Path) -> Any:
    folder = path.parent / "profiles"
    folder.mkdir(exist_ok=True)
    path.replace(folder / "h100.toml")
    efficiency._kernels.cache_clear()  # it is read once in a process otherwise
    return kernel_curves(load_chip("h100"), folder)


def _python(path: Path) -> Any:
    """The Python door reads the same data as objects."""
    rng = random.Random(path.read_text(encoding="utf-8", errors="replace"))
    objects = (
        math.nan,
        math.inf,
        -1,
        0,
        None,
        "x",
        [],
        {},
        b"x",
        10**400,
        1e308,
        True,
        object(),
        "128K",
        "50ms",
        1.5,
        ("a",),
        1,
    )
    names = [one.name for one in fields(AnalyzeRequest)]
    data = {
        "model": "qwen3-8b",
        "system": "h100",
        **{rng.choice(names): rng.choice(objects) for _ in range(rng.randrange(1, 4))},
    }
    return parse(AnalyzeRequest, data)


DOORS: dict[str, tuple[tuple[str, ...], str, Callable[[Path], Any]]] = {
    "config": ((CONFIG,), "config.json", model_from_path),
    "system": ((SYSTEM,), "s.toml", load_system_file),
    "chip": ((CHIP,), "c.toml", load_system_file),
    "scenario": ((SCENARIO,), "s.toml", read_scenario),
    "sweep": ((SWEEP,), "w.toml", read_sweep_spec),
    "measured": (tuple(one.example for one in IMPORTERS), "r.csv", lambda path: list(read_results(path))),
    "benchmarks": (tuple(one.example for one in IMPORTERS), "r", lambda path: list(read_benchmarks(path))),
    "launch command": (COMMANDS, "c.sh", lambda path: launched(path.read_text("utf-8", "replace"))),
    "engine log": (LOGS, "e.log", read_engine_log),
    "traces": (tuple(one.example for one in FORMATS), "t.csv", read_trace),
    "traces, skipping": (tuple(one.example for one in FORMATS), "t", lambda path: read_trace(path, skip_bad=True)),
    "offers": ((OFFERS,), "o.toml", read_offer_file),
    "efficiency": ((EFFICIENCY,), "e.toml", _efficiency),
    "python": ((SCENARIO,), "p.txt", _python),
}  # fmt: skip


class _Faults(dict[tuple[str, str, int], str]):
    """What went wrong, once for each place in our files where it did."""

    def add(self, error: Exception, case: object) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        at = next((one for one in reversed(frames) if "tokenroof" in one.filename), frames[-1])
        where = (type(error).__name__, at.filename, at.lineno or 0)
        self.setdefault(where, f"{where[0]} in {at.filename}:{at.lineno}: {error}; {case!r}"[:2500])

    def check(self) -> None:
        assert not self, "\n".join(self.values())


def _texts(door: str, seeds: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for k in range(SEED, SEED + CASES):
        rng = random.Random(f"{door} {k}")
        yield k, changed(rng, rng.choice(seeds))


@pytest.mark.parametrize("door", DOORS)
def test_a_door_answers_or_says_why_not(tmp_path: Path, door: str) -> None:
    seeds, name, read = DOORS[door]
    answered, faults = 0, _Faults()
    for k, text in _texts(door, seeds):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "replace"))
        begun = time.process_time()
        try:
            found = read(path)
        except TokenroofError as error:
            assert (str(error) and "\n" not in str(error).rstrip()) or hasattr(error, "faults"), (k, error)
        except Exception as error:
            faults.add(error, (k, text))
        else:
            answered += 1
            assert finite(found), (k, text, found)
        assert time.process_time() - begun < _SLOWEST_S, (k, text)
    assert answered > 0
    faults.check()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1000 < _MOST_BYTES


# verb -> what it is asked, which is quick to answer
_ASKED = {
    "analyze": "qwen3-8b --system h100", "kv": "qwen3-8b", "model": "qwen3-8b", "chip": "h100", "systems": "h100",
    "roofline": "--params 8e9 --flops 989e12 --bandwidth 3.35TB/s", "price": "qwen3-8b --system h100", "train": "",
    "offers": "anthropic/claude-opus-5", "tiers": "", "speculate": "glm-5.2-fp8 --system 8xb200",
    "simulate": "qwen3-8b --system h100 --request-rate 1 --requests 20",
    "deduce": "--input 3 --output 15 --draws 10000",
    "break-even": "qwen3-8b --system h100 --offer anthropic/claude-opus-5", "plan": "qwen3-8b --system h100",
    "diff": "qwen3-8b@h100 qwen3-8b@h200", "models": "", "chips": "", "lecture": "", "validate": "r.csv",
    "runs": "r.json", "compare": "r.json --system h100 --model qwen3-8b", "trace": "t.csv",
    "sweep": "w.toml --estimate",
}  # fmt: skip
_VALUES = (
    *(one.strip('"') for one in _ODD if "\0" not in one),
    "8k",
    "2",
    "16",
    "1h",
    "p99:2s",
    "lognormal:100:1",
    "3:1",
    "fp8",
    "tp2",
)


def test_values_of_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from importlib import import_module

    monkeypatch.chdir(tmp_path)
    examples = {one.name: one.example for one in IMPORTERS}
    files = {
        "r.csv": examples["tidy table"],
        "r.json": examples["vLLM bench serve"],
        "t.csv": FORMATS[0].example,
        "w.toml": SWEEP,
    }
    faults = _Faults()
    for k in range(SEED, SEED + CASES // 5):
        rng = random.Random(f"verbs {k}")
        verb = rng.choice(tuple(_ASKED))
        command: click.Command = import_module(f"tokenroof.cli.{VERBS[verb][0]}").command
        options = [
            max(one.opts, key=len)
            for one in command.params
            if isinstance(one, click.Option)
            and not one.is_flag
            and one.name not in ("cluster", "threads", "save_scenario", "today")
        ]
        args = [verb, *_ASKED[verb].split()]
        for option in rng.sample(options, min(len(options), rng.randrange(1, 3))):
            args += [option, rng.choice(_VALUES)]
        for name, text in files.items():  # a verb may have written over them
            Path(name).write_text(text, encoding="utf-8")
        begun = time.process_time()
        try:
            cli(args=[*args, "--json"] if rng.random() < 0.5 else args, prog_name="tokenroof", standalone_mode=False)
        except (TokenroofError, click.ClickException, SystemExit):
            pass
        except Exception as error:
            faults.add(error, (k, args))
        said = capsys.readouterr().out
        assert not {"nan", "inf", "NaN", "Infinity"} & set(said.replace(",", " ").split()), (k, args, said)
        assert time.process_time() - begun < _SLOWEST_S, (k, args)
    faults.check()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1000 < _MOST_BYTES
