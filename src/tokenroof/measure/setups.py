"""From a measured run to the deployment that it measured: model, machine, layout, formats, engine, load.

What cannot be known is taken by a stated rule, and what a rule would have to invent makes the run a Skip.
"""

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from tokenroof.catalog import load_chip, load_model
from tokenroof.catalog.acceptance import curves_of
from tokenroof.catalog.launch import Launch, launch_settings
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import engine_in
from tokenroof.engines.format_words import kv_word
from tokenroof.errors import TokenroofError
from tokenroof.mixers import kind_of
from tokenroof.operators.exchange import EXCHANGE, exchange_of
from tokenroof.operators.layout_space import spare_experts
from tokenroof.planner.drafts import implied_acceptance
from tokenroof.scenario.formats import served_weights
from tokenroof.scenario.layouts import layout_label
from tokenroof.types.engine import Engine, Scheduler
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.model import Model, MoeFfn, WeightDtypes
from tokenroof.types.run import Run
from tokenroof.types.workload import Load, Workload

__all__ = ["METRICS", "MODES", "Setup", "Skip", "setup_of"]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a run is not predicted."""

    reason: str


# metric -> (quantity, scale from SI to the metric's unit, per GPU); a median is compared with the mean
METRICS = {
    "tpot_ms": ("tpot", 1e3), "itl_ms": ("tpot", 1e3), "tpot_p50_ms": ("tpot", 1e3), "itl_p50_ms": ("tpot", 1e3),
    "ttft_ms": ("ttft", 1e3), "ttft_p50_ms": ("ttft_p50", 1e3), "e2e_latency_s": ("e2e", 1.0),
    "output_tok_s": ("output", 1.0), "output_tok_s_per_gpu": ("output_per_gpu", 1.0), "total_tok_s": ("total", 1.0),
    "input_tok_s": ("input", 1.0), "input_tok_s_per_gpu": ("input_per_gpu", 1.0),
}  # fmt: skip
MODES = {
    "server-closed-loop": "concurrency", "disaggregated": "concurrency",
    "server": "request_rate", "server-interactive": "request_rate",
    "offline": "saturated", "mixed": "static", "prefill": "static", "decode": "static",
}  # fmt: skip
_LACKING = {"prefill": ("output", "tpot"), "decode": ("input",)}  # what a part of a batch alone does not have
# Names of the published tables that the catalogue writes otherwise, or models of exactly the same shape.
_MODELS = {
    "mistral-7b": "mistral-7b-v0.1", "llama-4-scout": "llama-4-scout-17b-16e", "qwen2-72b": "qwen2.5-72b",
    "llama-4-maverick": "llama-4-maverick-17b-128e", "qwen3-235b": "qwen3-235b-a22b", "llama-2-13b": "llama-2-13b",
    "codellama-13b": "llama-2-13b", "deepseek-math-v2": "deepseek-v3.2", "hy3-preview": "hy3",
}  # fmt: skip
# Nearest checkpoint whose drafts were measured.
_DRAFTED_AS = {"deepseek-r1": "deepseek-v3", "deepseek-v3.1": "deepseek-v3", "glm-5": "glm-5.2"}
_REQUESTS = re.compile(r"over (\d+) req")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One deployment of one replica under one load. Lengths are means.

    With `prefill` workers `layout` is that of one of `decode_workers`. `drafts` are verified with each token.
    `counted` is how many tokens of an answer the client saw, None where it saw them all. `kv_stated`: the cache's
    format was said, by the table or its launch scripts, and not taken by rule. `eager`: no pass is
    captured in a graph. `warmed`: requests had been answered before those that were measured. `planned`: the host plans
    the work of attention before each pass. `scheduler_steps`: passes that it plans at once. `read_as`: how degrees that
    are not said were read, blank where all are.
    """

    model: Model
    system: System
    layout: Layout
    engine: str
    generation: str
    scheduler: Scheduler
    workload: Workload
    load: Load
    memory_fraction: float | None
    counted: float | None = None
    prefill: Layout | None = None
    prefill_workers: int = 1
    decode_workers: int = 1
    drafts: int = 0
    acceptance: float = 0.0
    kv_stated: bool = True
    eager: bool = False
    warmed: bool = False
    planned: bool = False
    scheduler_steps: float = 1.0
    read_as: str = ""


def _engine(run: Run) -> Engine | Skip:
    """The engine, at the newest generation that existed when the run was made where its version is blank."""
    found = engine_in(run.engine, run.engine_version, date=run.date, source=run.source)
    return found or Skip(f"engine {run.engine or 'blank'}: no host times are known")


@lru_cache(maxsize=1024)
def _model(name: str) -> Model | None:
    try:
        return load_model(_MODELS.get(name.lower(), name))
    except TokenroofError:
        return None


@lru_cache(maxsize=1024)
def _chip(name: str) -> Chip | None:
    try:
        return load_chip(name) if name else None
    except TokenroofError:
        return None


def _find_model(run: Run) -> Model | Skip:
    found = _model(run.model) or _model(run.model_key)
    if found is not None:
        return found
    return Skip(f"model {run.model} is not in the catalogue")


def _served(model: Model, word: str) -> tuple[Model, WeightDtypes | None] | Skip:
    """The model and weight formats that a table's single word means."""
    try:
        return served_weights(model, word)
    except TokenroofError:
        return Skip(f"weight format {word} is not modelled")


def _kv_dtype(run: Run, engine: Engine, launch: Launch, weights: str) -> str:
    given = kv_word(run.kv_dtype)
    if given:
        return "bf16" if given == "fp16" else given
    if launch.kv_dtype:
        return launch.kv_dtype
    return "fp8" if weights in engine.fp8_cache_with else "bf16"


def _untold(run: Run, launch: Launch) -> Run:
    """The run with the degrees that its launch script set and its table has no word for, of that time alone."""
    if not run.date:
        return run
    if run.tp and not run.dp and launch.attention_apart:
        run = replace(run, tp=1, dp=run.tp)
    return replace(run, ep=(run.tp or 1) * (run.dp or 1)) if launch.experts_whole and (run.ep or 1) == 1 else run


def _layout(run: Run, model: Model, kv_dtype: str, weights: WeightDtypes | None) -> Layout | Skip:
    gpus = run.num_gpus or (run.tp or 1) * (run.pp or 1)
    pp, dp = run.pp or 1, run.dp or 1
    if gpus % (pp * dp):
        return Skip(f"{gpus} GPUs do not divide by pp {pp} x dp {dp}")
    stage = gpus // pp
    tp = stage // dp
    if run.tp and run.tp * dp != stage and run.tp != stage:
        tp, dp = run.tp, stage // run.tp
        if tp * dp != stage:
            return Skip(f"{gpus} GPUs do not divide by tp {run.tp}")
    if not run.tp and not run.dp and gpus > 1 and run.mode in ("server", "offline", "server-interactive"):
        return Skip("layout over several GPUs is not stated")
    ep = run.ep or 1
    experts = [group.ffn for group in model.layers if isinstance(group.ffn, MoeFfn)]
    if not experts or stage % ep:
        ep = 1
    elif dp > 1 and ep == 1 and tp == 1:
        ep = stage
    copies = spare_experts(model, ep)  # a run that was made had as many experts on every GPU
    for group in model.layers:
        heads = [cut.size for cut in kind_of(group.mixer).cuts(group.mixer) if cut.name == "attention heads"]
        if any(size % tp for size in heads):
            return Skip(f"tp {tp} does not divide {heads[0]} heads")
    return Layout(
        tp=tp, pp=pp, ep=ep, dp=dp, dcp=run.dcp or 1, redundant_experts=copies, weights=weights, kv_dtype=kv_dtype
    )


def _read_as(run: Run, layout: Layout) -> str:
    """What was made of GPUs that the degrees of a run do not account for, and of experts on ranks of attention."""
    said = {name: value for name in ("tp", "pp", "dp", "ep") if (value := getattr(run, name)) is not None}
    stated = (run.tp or 1) * (run.pp or 1) * (run.dp or 1)
    if layout.n_gpus == stated and layout.ep == (run.ep or 1):
        return ""
    degrees = " ".join(f"{name}{value}" for name, value in said.items() if value > 1 or name == "tp")
    return f"{degrees or 'a layout that is not said'} on {layout.n_gpus} GPUs is read as {layout_label(layout)}"


def _roles(run: Run, model: Model, kv_dtype: str, weights: WeightDtypes | None) -> tuple[Layout, Layout | None] | Skip:
    """Layout of the replica, or of a decode worker and of a prefill worker."""
    if run.mode != "disaggregated":
        found = _layout(run, model, kv_dtype, weights)
        return found if isinstance(found, Skip) else (found, None)
    if run.prefill is None:
        return Skip("layout of prefill workers is not stated")
    one = run.prefill
    each = (run.tp or 1) * (run.pp or 1) * (run.dp or 1)
    back = _layout(replace(run, num_gpus=each), model, kv_dtype, weights)
    front = _layout(
        replace(run, num_gpus=one.each, tp=one.tp, pp=one.pp, ep=one.ep, dp=one.dp), model, kv_dtype, weights
    )  # fmt: skip
    for part in (back, front):
        if isinstance(part, Skip):
            return part
    assert isinstance(back, Layout) and isinstance(front, Layout)
    return back, front


def _drafted(run: Run) -> bool:
    return run.spec_decode not in ("", "none") or bool(run.drafts)


def _drafts(run: Run, model: Model, launch: Launch) -> tuple[int, float] | Skip:
    """How many tokens are drafted for each, and the share accepted: stated, or as the catalogue has it measured."""
    if not _drafted(run):
        return 0, 0.0
    drafts = run.drafts or launch.drafts
    if drafts is None:
        return Skip("speculative decoding: how many drafts is not stated")
    if not model.mtp_layers:
        return Skip("speculative decoding without a draft head of the model's own")
    acceptance = run.acceptance
    if acceptance is None:
        curves = curves_of(_DRAFTED_AS.get(model.id, model.id))
        if not curves:
            return Skip("speculative decoding: nobody measured the acceptance of this model")
        depth = min(drafts, len(curves[0].lengths))
        acceptance = launch.accepted * implied_acceptance(curves[0].lengths[depth - 1], depth)
    return drafts, acceptance


def _exchanged(run: Run, launch: Launch) -> dict[str, Any]:
    """How tokens reached their experts: as the table says, else the launch script."""
    said = {name: getattr(run, name) for name in EXCHANGE}
    return {name: getattr(launch, name) if value in (None, "") else value for name, value in said.items()}


def _value(run: Run, kind: str) -> float | Skip:
    if kind in ("concurrency", "static"):
        return Skip("concurrency or batch is not stated") if run.concurrency is None else run.concurrency
    if kind == "request_rate":
        if run.request_rate is None or run.request_rate == float("inf"):
            closed = "" if run.concurrency is None else "; with so many at once the mode is server-closed-loop"
            return Skip(f"request rate is not stated, or infinite{closed}")
        return run.request_rate
    return 0.0


def _budget(run: Run, launch: Launch) -> float | None:
    """Tokens of a pass as its launch script says, which may count the longest prompt and the requests at once."""
    if launch.spare_tokens is None or run.isl is None or run.concurrency is None:
        return launch.token_budget
    return 64.0 * math.ceil((run.isl + run.concurrency + launch.spare_tokens) / 64.0)


def _ahead(run: Run, engine: Engine) -> bool | None:
    """Whether passes were planned ahead, where the date of a run has to say it; None: its version does."""
    since = engine.generation.ahead_since
    return None if run.engine_version or not since else not run.date or run.date >= since


def _scheduler(run: Run, engine: Engine, launch: Launch) -> Scheduler:
    changes: dict[str, Any] = {
        "token_budget": run.max_batched_tokens or _budget(run, launch),
        "max_sequences": run.max_num_seqs or launch.max_sequences,
    }
    gather = launch.gather_passes if run.gather_passes is None else run.gather_passes
    changes |= {
        "wait_passes": launch.wait_passes,
        "gather_passes": gather,
        "ahead": _ahead(run, engine) if launch.ahead is None else launch.ahead,
        "stream_interval": launch.stream_interval,
    }
    return replace(engine.scheduler, **{k: v for k, v in changes.items() if v is not None})


def _generated(run: Run, launch: Launch) -> float | None:
    """Tokens of every answer, where the client did not count them all (a mean of one or less is no count)."""
    generated = run.generated or launch.generated
    return generated if run.mode != "prefill" and generated and (run.osl or 0.0) > 1.0 else None


def _lengths(run: Run, kind: str, launch: Launch) -> tuple[float, float] | Skip:
    if run.isl is None and run.mode != "decode":
        return Skip("input length is not stated")
    isl = run.isl or 1.0
    if run.prefix and run.prefix > isl - 1.0:
        return Skip("all of the input is cached")
    osl = 1.0 if run.mode == "prefill" else _generated(run, launch) or run.osl
    if osl is None:
        return Skip("output length is not stated")
    if kind == "concurrency" and launch.nominal == "longest" and not run.mean_lengths:
        mean = (1.0 + (launch.range_ratio if launch.range_ratio is not None else 1.0)) / 2.0
        return isl * mean, osl * mean
    return isl, osl


def _requests(run: Run, load: float, kind: str, launch: Launch) -> float | None:
    if run.requests is not None:
        return run.requests
    found = _REQUESTS.search(run.note)
    if found:
        return max(float(found[1]), load)
    if launch.requests is not None:
        return launch.requests
    if kind == "concurrency":
        return 10.0 * load if launch.requests_per_concurrency is None else launch.requests_per_concurrency * load
    return None


def _machine(system: System | None, chip: Chip, gpus: int) -> System | Skip:
    """The machine that the run was given, or as many of its GPUs as the layout takes."""
    if system is None or gpus < system.n_chips:
        return compose_system(chip, gpus)
    return system if gpus == system.n_chips else Skip(f"layout takes {gpus} GPUs, and {system.id} has {system.n_chips}")


def setup_of(run: Run, system: System | None = None) -> Setup | Skip:
    """The deployment of a run, or why it cannot be said. `system` stands in for the hardware that the run names."""
    kind = MODES.get(run.mode)
    if kind is None or (run.load == "max-load" and kind != "saturated"):
        return Skip(f"mode {run.mode} {run.load if kind else ''} is not predicted".replace("  ", " "))
    if run.metric not in METRICS:
        return Skip(f"metric {run.metric} is not predicted")
    if kind == "saturated" and METRICS[run.metric][0] in ("e2e", "ttft", "ttft_p50"):
        return Skip("latency of a saturated run has no meaning")
    if METRICS[run.metric][0].startswith(_LACKING.get(run.mode, ())):
        return Skip(f"{run.metric} of {run.mode} alone has no meaning")
    engine = _engine(run)
    model = _find_model(run)
    for found in (engine, model):
        if isinstance(found, Skip):
            return found
    assert isinstance(engine, Engine) and isinstance(model, Model)
    chip = _chip(run.hw_key or run.hardware) if system is None else system.chip
    if chip is None:
        return Skip(f"hardware {run.hw_key or run.hardware} is not in the catalogue")
    if engine.name == "llama.cpp" and chip.kind != "cpu":
        return Skip("engine llama.cpp on a GPU: its kernels there are not modelled")
    launch = launch_settings(
        run.source, engine=engine.name, chip=chip.id, model=model.id, weights=run.weight_dtype, isl=run.isl,
        osl=run.osl, tp=run.tp, concurrency=run.concurrency, row=run.row_id, date=run.date,
        groups=run.dp or 1, ep=run.ep or 1, drafted=_drafted(run), prefillers=run.prefill.workers if run.prefill else 0,
        decoders=run.decode_workers or 1, load="max" if kind == "saturated" else "",
    )  # fmt: skip
    if launch.chip:
        chip = load_chip(launch.chip)
    if launch.generation:
        engine = engine.of_generation(launch.generation)
    served = _served(model, run.weight_dtype)
    if isinstance(served, Skip):
        return served
    lengths = _lengths(run, kind, launch)
    untold = _untold(run, launch)
    roles = _roles(untold, served[0], _kv_dtype(run, engine, launch, run.weight_dtype), served[1])
    value, drafted = _value(run, kind), _drafts(run, served[0], launch)
    for part in (lengths, roles, value, drafted):
        if isinstance(part, Skip):
            return part
    assert isinstance(roles, tuple) and isinstance(value, float) and isinstance(lengths, tuple)
    assert isinstance(drafted, tuple)
    exchange = exchange_of(engine, chip, *served, _exchanged(run, launch))
    layout, front = exchange.on(roles[0]), None if roles[1] is None else exchange.on(roles[1])
    gpus = layout.n_gpus * (run.decode_workers or 1)
    if front is not None and run.prefill is not None:
        gpus += front.n_gpus * run.prefill.workers
    machine = _machine(system, chip, gpus)
    if isinstance(machine, Skip):
        return machine
    return Setup(
        model=served[0], system=machine, layout=layout, engine=engine.name,
        generation=engine.generation.name, scheduler=_scheduler(run, engine, launch),
        workload=Workload(isl=lengths[0], osl=lengths[1], prefix=run.prefix or 0.0), load=Load(
            kind=kind, value=value, requests=_requests(run, value, kind, launch),
            range_ratio=1.0 if launch.range_ratio is None else launch.range_ratio, evenly=run.evenly,
            part=run.mode if run.mode in _LACKING else "",
        ),
        memory_fraction=launch.memory_fraction if run.memory_fraction is None else run.memory_fraction,
        prefill=front, prefill_workers=run.prefill.workers if run.prefill else 1,
        decode_workers=run.decode_workers or 1, drafts=drafted[0], acceptance=drafted[1],
        counted=None if _generated(run, launch) is None else run.osl,
        kv_stated=bool(run.kv_dtype or launch.kv_dtype), eager=run.eager, warmed=launch.warmed, planned=launch.planned,
        scheduler_steps=launch.scheduler_steps, read_as="" if front is not None else _read_as(untold, layout),
    )  # fmt: skip
