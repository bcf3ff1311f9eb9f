"""Between benchmarks and the rows that predictions, fits and scores are made from.

runs_of(benchmark)       its metrics as runs: what `measure.setups.setup_of` and `Forecaster.forecast` take
gathered(runs)           rows of one run, one metric each, as the benchmark they are of
deployed_of(run)         what a row says of its deployment
lacking(benchmark)       what nobody said and must not be guessed, as the one error to show
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tokenroof.errors import InputError
from tokenroof.planner.drafts import implied_acceptance
from tokenroof.types.benchmark import Benchmark, Deployed, Spread
from tokenroof.types.run import Fault, Run

__all__ = ["deployed_of", "gathered", "lacking", "runs_of"]

# metric of a row -> (field of Benchmark, percentile or None for the mean, scale from SI to the row's unit, unit)
_SPREADS = {
    "ttft_ms": ("ttft", None, 1e3, "ms"),
    "ttft_p50_ms": ("ttft", 50.0, 1e3, "ms"),
    "tpot_ms": ("tpot", None, 1e3, "ms"),
    "tpot_p50_ms": ("tpot", 50.0, 1e3, "ms"),
    "itl_ms": ("itl", None, 1e3, "ms"),
    "itl_p50_ms": ("itl", 50.0, 1e3, "ms"),
    "e2e_latency_s": ("e2e", None, 1.0, "s"),
}
_RATES = {
    "output_tok_s": ("output_tok_s", "tok/s"),
    "input_tok_s": ("input_tok_s", "tok/s"),
    "total_tok_s": ("total_tok_s", "tok/s"),
    "joules_per_output_token": ("joules_per_output_token", "J/token"),
}
_PER_GPU = "output_tok_s_per_gpu"
# Fields of a row that differ between metrics of one run.
_OF_A_METRIC = dict(row_id="", line=0, metric="", value=0.0, unit="", quality="", split="", note="")
_LOADS = ("server", "server-interactive")


def lacking(one: Benchmark) -> InputError | None:
    """The first of model, hardware, GPUs and layout that nobody said; None where all are known."""
    where = one.deployed
    keys = ", ".join(one.looked_at)
    looked = f"looked at {keys} in {one.file}" if keys else f"no key of {one.file} says it"
    if not (where.tokenizer or where.model):
        return InputError("model", ..., "said for this file", f"give `model`; {looked}")
    if not where.hardware:
        return InputError("hardware", ..., "said for this file", f"give `system`; {looked}")
    if where.gpus is None and where.tp is None:
        return InputError("gpus", ..., "said for this file", f"give `system`, `tp` or `server_cmd`; {looked}")
    if where.tp is None and where.dp is None and where.pp is None and (where.gpus or 1) > 1:
        spread = f"said for {where.gpus} GPUs"
        return InputError("tp", ..., spread, f"give `tp`, `pp`, `dp`, `ep` or `server_cmd`; {looked}")
    if not where.engine:
        return InputError("engine", ..., "said for this file", f"give `engine` or `server_cmd`; {looked}")
    return None


def _gpus(where: Deployed) -> int | None:
    if where.gpus is not None:
        return where.gpus
    if where.tp is None:
        return None
    decode = where.tp * (where.pp or 1) * (where.dp or 1) * (where.decode_workers or 1)
    return decode + (where.prefill.each * where.prefill.workers if where.prefill else 0)


def _acceptance(where: Deployed) -> float | None:
    """Of each draft: from the tokens of a verify step where they are known, since later drafts are accepted less."""
    if where.accepted_length and where.drafts and where.accepted_length <= where.drafts + 1:
        return implied_acceptance(where.accepted_length, where.drafts)
    return where.acceptance


def _row(one: Benchmark) -> Run:
    where = one.deployed
    gpus, isl = _gpus(where), one.isl.middle
    name = where.tokenizer or where.model
    load = one.concurrency if one.mode not in _LOADS else None
    rate = one.request_rate if one.mode in _LOADS else None
    return Run(
        row_id="", line=one.position, file=one.file, source=one.source or one.tool, date=one.date[:7],
        model=name, model_key=where.model or name, hardware=where.hardware, hw_key=where.hardware,
        num_gpus=gpus, tp=1 if gpus == 1 else where.tp, pp=where.pp, ep=where.ep, dp=where.dp, dcp=where.dcp,
        moe_a2a_backend=where.moe_a2a_backend, two_batch_overlap=where.two_batch_overlap,
        weight_dtype=where.weight_dtype, kv_dtype=where.kv_dtype, engine=where.engine,
        engine_version=where.engine_version, mode=one.mode, isl=isl, osl=one.osl.middle, concurrency=load,
        request_rate=rate, load=_load(load, rate), metric="", value=0.0, unit="",
        spec_decode=where.speculation, quality="B", split="",
        prefix=None if where.prefix_hits is None or isl is None else where.prefix_hits * isl,
        requests=one.completed or one.requests, evenly=one.evenly, max_num_seqs=where.max_num_seqs,
        max_batched_tokens=where.max_batched_tokens, prefill=where.prefill, decode_workers=where.decode_workers,
        drafts=where.drafts, acceptance=_acceptance(where), memory_fraction=where.memory_fraction,
        mean_lengths=one.mean_lengths,
    )  # fmt: skip


def _load(concurrency: float | None, rate: float | None) -> str:
    if concurrency is not None:
        return f"{concurrency:g}"
    return f"qps={rate:g}" if rate is not None else "max-load"


def runs_of(one: Benchmark) -> tuple[Run, ...]:
    """A run for each metric that the benchmark has. ITL stands in for TPOT only where nothing gives TPOT."""
    base = _row(one)
    values: dict[str, tuple[float, str]] = {}
    for metric, (name, percentile, scale, unit) in _SPREADS.items():
        spread: Spread = getattr(one, name)
        value = spread.mean if percentile is None else spread.at(percentile)
        if value is not None and (name != "itl" or one.tpot.middle is None):
            values[metric] = (value * scale, unit)
    for metric, (name, unit) in _RATES.items():
        value = getattr(one, name)
        if value is not None:
            values[metric] = (value, unit)
    stem = one.row or f"{one.file}-{one.position}"
    return tuple(
        replace(base, row_id=f"{stem}-{metric}", metric=metric, value=value, unit=unit)
        for metric, (value, unit) in values.items()
        if math.isfinite(value) and value > 0.0
    )


def gathered(rows: Iterable[Benchmark | Run | Fault], tool: str) -> Iterator[Benchmark | Fault]:
    """Benchmarks as they are, and those of rows that stand one after the other and differ in their metric alone."""
    kept: list[Run] = []
    for row in rows:
        if kept and (not isinstance(row, Run) or not _continues(kept, row)):
            yield _benchmark(kept, tool)
            kept = []
        if isinstance(row, Run):
            kept.append(row)
        else:
            yield row
    if kept:
        yield _benchmark(kept, tool)


def _continues(kept: list[Run], row: Run) -> bool:
    same = replace(kept[0], **_OF_A_METRIC) == replace(row, **_OF_A_METRIC)  # type: ignore[arg-type]
    return same and all(row.metric != one.metric for one in kept)


def _spread(name: str, found: dict[str, float]) -> Spread:
    places = {percentile: metric for metric, (of, percentile, *_) in _SPREADS.items() if of == name}
    mean, median = (found.get(places[place]) if place in places else None for place in (None, 50.0))
    return Spread(mean=mean, percentiles=() if median is None else ((50.0, median),))


def deployed_of(run: Run) -> Deployed:
    """What a row says of its deployment."""
    return Deployed(
        model=run.model, hardware=run.hw_key or run.hardware, gpus=run.num_gpus, tp=run.tp, pp=run.pp, ep=run.ep,
        dp=run.dp, dcp=run.dcp, prefill=run.prefill, decode_workers=run.decode_workers,
        weight_dtype=run.weight_dtype, kv_dtype=run.kv_dtype, engine=run.engine, engine_version=run.engine_version,
        max_num_seqs=_whole(run.max_num_seqs), max_batched_tokens=_whole(run.max_batched_tokens),
        moe_a2a_backend=run.moe_a2a_backend, two_batch_overlap=run.two_batch_overlap,
        memory_fraction=run.memory_fraction, speculation=run.spec_decode, drafts=run.drafts,
        acceptance=run.acceptance, prefix_hits=run.prefix / run.isl if run.prefix and run.isl else None,
    )  # fmt: skip


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _benchmark(kept: list[Run], tool: str) -> Benchmark:
    first = kept[0]
    found = {run.metric: run.value / _SPREADS[run.metric][2] if run.metric in _SPREADS else run.value for run in kept}
    rates: dict[str, Any] = {name: found[metric] for metric, (name, _) in _RATES.items() if metric in found}
    if _PER_GPU in found and first.num_gpus is not None:
        rates.setdefault("output_tok_s", found[_PER_GPU] * first.num_gpus)
    return Benchmark(
        tool=tool, file=first.file, position=first.line, mode=first.mode, deployed=deployed_of(first), date=first.date,
        isl=Spread(mean=first.isl), osl=Spread(mean=first.osl), concurrency=first.concurrency,
        request_rate=first.request_rate, evenly=first.evenly, requests=first.requests,
        ttft=_spread("ttft", found), tpot=_spread("tpot", found), itl=_spread("itl", found), e2e=_spread("e2e", found),
        row=first.row_id, source=first.source, mean_lengths=first.mean_lengths, **rates,
    )  # fmt: skip
