"""What vLLM, SGLang and TensorRT-LLM print when they start: the pool for the cache, the weights, the graphs.

read_engine_log(path)     EngineLog; lines that say nothing of it are passed over
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tokenroof import reading
from tokenroof.engines import sglang_flags, vllm_flags
from tokenroof.engines.argv import Options
from tokenroof.errors import FileError, InputError, UnitError
from tokenroof.types.benchmark import Deployed
from tokenroof.units import parse_quantity

__all__ = ["EngineLog", "read_engine_log"]

_LONGEST_LINE = 100_000
_MOST_LINES = 2_000_000
_SIZE = r"(\d{1,6}(?:\.\d{1,6})?) ?([KMGT]i?B)"
_COUNT = r"([\d,]{1,15})"
# what is said -> patterns of the lines that say it, of all releases; sizes are of one GPU
_LINES = {
    "kv_tokens": (rf"GPU KV cache size: {_COUNT} tokens",
                  rf"KV Cache is allocated\. (?:dtype: \S+, )?#tokens: {_COUNT}",
                  rf"max_total_num_tokens={_COUNT}", rf"max tokens in paged KV cache \({_COUNT}\)"),
    "kv_bytes": (rf"Available KV cache memory: {_SIZE}", rf"reserved for KV cache is {_SIZE}",
                 rf"Allocated {_SIZE} for max tokens in paged KV cache"),
    "weights_bytes": (rf"[Mm]odel loading took {_SIZE}", rf"Loading model weights took {_SIZE}",
                      rf"Load weight end\..*?mem usage={_SIZE}", rf"model weights take {_SIZE}"),
    "graphs_bytes": (rf"Graph capturing finished in .*? took {_SIZE}",
                     rf"Capture cuda graph end\..*?mem usage={_SIZE}"),
    "blocks": (rf"# (?:GPU|cuda) blocks: {_COUNT}",),
}  # fmt: skip
_BINARY = ("kv_bytes", "weights_bytes", "graphs_bytes")
_ENGINES = (("vllm", re.compile(r"vllm|GPU KV cache size|LLM engine \(v", re.IGNORECASE)),
            ("sglang", re.compile(r"sglang|ServerArgs\(|#tokens:", re.IGNORECASE)),
            ("trtllm", re.compile(r"tensorrt|trtllm|paged KV cache", re.IGNORECASE)))  # fmt: skip
_VERSION = re.compile(r"(?:LLM engine \(v|vLLM (?:API server )?version v?|TensorRT-LLM version: )(\d+\.\d+(?:\.\d+)?)")
_PAIR = re.compile(r"(\w+)=('[^']{0,300}'|\"[^\"]{0,300}\"|[\w.+/-]{1,100})")
_SETTINGS = re.compile(r"server_args=ServerArgs\(|with config: |Initializing .{0,40}engine|non-default args")
_BLOCK_TOKENS = 16.0  # of vLLM, before it said tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLog:
    """Of one GPU in bytes; `kv_tokens` are those of one dp group. None: no line said it."""

    file: str
    deployed: Deployed
    kv_tokens: float | None = None
    kv_bytes: float | None = None
    weights_bytes: float | None = None
    graphs_bytes: float | None = None

    @property
    def kv_bytes_per_token(self) -> float | None:
        """The pool over the tokens that it holds, on one GPU."""
        return self.kv_bytes / self.kv_tokens if self.kv_bytes and self.kv_tokens else None


def _value(name: str, line: str) -> float | None:
    for pattern in _LINES[name]:
        found = re.search(pattern, line)
        if found is None:
            continue
        try:
            if name not in _BINARY:
                return float(found[1].replace(",", ""))
            unit = found[2]
            # engines divide by powers of 1024 and write GB
            return parse_quantity(f"{found[1]} {unit if 'i' in unit else unit[0] + 'iB'}", "B")
        except (UnitError, ValueError):
            continue
    return None


def _settings(line: str, engine: str) -> Deployed:
    """Settings that a line repeats, under the names of the engine's flags."""
    known = sglang_flags if engine == "sglang" else vllm_flags
    values = {
        kept: value.strip("'\"")
        for name, value in _PAIR.findall(line)
        if (kept := known.FLAGS.get(name.replace("_", "-"))) and value not in ("None", "''", '""')
    }
    found = Options(dict(values))
    return known.deployed(found, found.text("model")) if values else Deployed()


def read_engine_log(path: str | Path) -> EngineLog:
    """What the log of a start says. InputError where it says nothing of memory."""
    path = Path(path)
    said: dict[str, float] = {}
    engine = version = ""
    where = Deployed()
    try:
        with reading.opened(path, errors="replace") as file:
            for count, line in enumerate(reading.lines(file, str(path), _LONGEST_LINE)):
                if count >= _MOST_LINES:
                    break
                engine = engine or next((name for name, pattern in _ENGINES if pattern.search(line)), "")
                version = version or (found[1] if (found := _VERSION.search(line)) else "")
                if engine and _SETTINGS.search(line):
                    where = _settings(line, engine).over(where)
                for name in _LINES:
                    value = _value(name, line)
                    if value is not None:
                        said.setdefault(name, value)
    except FileError as error:
        raise InputError("engine log", str(path), "a text", error.reason) from None
    blocks = said.pop("blocks", None)
    if blocks is not None:
        said.setdefault("kv_tokens", blocks * _BLOCK_TOKENS)
    if not said:
        raise InputError("engine log", path.name, "the log of a start of vLLM, SGLang or TensorRT-LLM",
                         "no line says how large the KV cache, the weights or the graphs are")  # fmt: skip
    where = Deployed(engine=engine, engine_version=version).over(where)
    return EngineLog(file=path.name, deployed=where, **said)
