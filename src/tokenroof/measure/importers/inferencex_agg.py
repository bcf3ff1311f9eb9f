"""InferenceX's result files, agg_*.json: chip, GPUs, layout and formats are in them; all times are in seconds.

Its lengths are the longest of a spread: the real ones follow from E2E, TTFT, TPOT and the rates. Where prefill
has GPUs of its own, output is per decode GPU and input per prefill GPU.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tokenroof.measure.benchmarks import deployed_of
from tokenroof.measure.importers.documents import Fields, benchmarks, flat, keys_of
from tokenroof.measure.importers.inferencex import base_of, counted_gpus
from tokenroof.measure.importers.table import Importer
from tokenroof.types.benchmark import Benchmark, Note, Spread
from tokenroof.types.run import Fault

__all__ = ["INFERENCEX_AGG"]

_LOOKED_AT = ("hw", "tp", "pp", "ep", "dp_attention", "num_decode_gpu", "num_prefill_gpu", "framework", "precision")
# name of the result file -> column of the database
_COLUMNS = {"hw": "hardware", "tp": "decode_tp", "ep": "decode_ep", "dp_attention": "decode_dp_attention",
            "spec_decoding": "spec_method"}  # fmt: skip
_USUAL_MEAN = 0.9  # of the longest, with the range ratio 0.8 that its scripts have
_KEYS = frozenset({"infmax_model_prefix", "conc"})
_EXAMPLE = """{"hw": "h100", "conc": 8, "image": "vllm/vllm-openai:v0.19.0", "model": "meta-llama/llama-3.1-8b",
 "infmax_model_prefix": "llama8b", "framework": "vllm", "precision": "bf16", "spec_decoding": "none", "disagg": false,
 "isl": 1024, "osl": 128, "tp": 1, "pp": 1, "ep": 1, "dp_attention": "false", "tput_per_gpu": 4640.0,
 "output_tput_per_gpu": 640.0, "input_tput_per_gpu": 4000.0, "mean_ttft": 0.06, "median_ttft": 0.055, "p99_ttft": 0.09,
 "mean_tpot": 0.01, "median_tpot": 0.0099, "mean_itl": 0.01, "mean_e2el": 1.21}
"""


def _run(fields: Fields, position: int, file: str) -> Iterator[Benchmark]:
    row = {
        _COLUMNS.get(key, key): str(value)
        for key, value in fields.plain.items()
        if isinstance(value, str | int | float) and len(str(value)) < 500
    }
    row.setdefault("decode_tp", "")
    base = base_of(row, position, file)
    stages = 1 if base.prefill else fields.count("pp") or 1
    base = replace(base, pp=stages, num_gpus=(base.num_gpus or 1) * stages)
    rates = {
        share: None if (each := fields.above(f"{share}_tput_per_gpu")) is None else each * counted_gpus(base, share)
        for share in ("input", "output")
    }
    each = fields.above("tput_per_gpu")
    ttft, tpot, e2e = (flat(fields, name, 1.0) for name in ("ttft", "tpot", "e2el"))
    osl = (e2e.mean - ttft.mean) / tpot.mean + 1.0 if e2e.mean and ttft.mean and tpot.mean else None
    if osl is None or osl <= 1.0:
        osl = (base.osl or 1.0) * _USUAL_MEAN
    isl = osl * rates["input"] / rates["output"] if rates["input"] and rates["output"] else None
    where = replace(deployed_of(base), dcp=fields.count("dcp_size", "decode_dcp_size"))
    notes = []
    if base.prefill is not None:
        own = base.prefill.each * base.prefill.workers
        text = f"output_tput_per_gpu is per decode GPU and input_tput_per_gpu per prefill GPU, of which {own} are"
        notes.append(Note(kind="units", text=f"{text} {base.num_gpus}"))
    yield Benchmark(
        tool=INFERENCEX_AGG.name, file=file, position=position, mode=base.mode, deployed=where, date=base.date,
        isl=Spread(mean=isl or (base.isl or 1.0) * _USUAL_MEAN), osl=Spread(mean=osl), nominal_isl=base.isl,
        nominal_osl=base.osl, concurrency=base.concurrency,
        served_rate=None if rates["output"] is None else rates["output"] / osl, ttft=ttft, tpot=tpot,
        itl=flat(fields, "itl", 1.0), e2e=e2e, output_tok_s=rates["output"], input_tok_s=rates["input"],
        total_tok_s=None if each is None else each * counted_gpus(base, "total"), looked_at=_LOOKED_AT,
        source=base.source, notes=tuple(notes),
    )  # fmt: skip


def detect(head: str) -> bool:
    """Whether the file is one of InferenceX's results."""
    return keys_of(head) >= _KEYS


def read(path: Path) -> Iterator[Benchmark | Fault]:
    """A Benchmark for every object."""
    return benchmarks(path, _run)


INFERENCEX_AGG = Importer(name="InferenceX result", columns=(), detect=detect, read=read, example=_EXAMPLE, keys=_KEYS)
