"""The page of `analyze`: the answer in a sentence, what is served, where a decode step goes, what would fit."""

import math
from collections.abc import Iterable
from dataclasses import replace

from tokenroof.engines import engine as engine_of
from tokenroof.present.asked import Ask, ask
from tokenroof.present.numbers import (
    BYTES,
    GB,
    JOULES_PER_TOKEN,
    MS,
    TOK_PER_S_PER_GPU,
    TOK_PER_S_PER_USER,
    USD_PER_GPU_HOUR,
    USD_PER_MTOK,
    WATTS,
    change,
    column,
    count,
    percent,
    quantity,
)  # fmt: skip
from tokenroof.present.page import BarRow, Bars, Block, KeyValues, Page, Remark, Table, note, numbers, ranges, words
from tokenroof.present.page import warning as warned
from tokenroof.present.pages.analyze_full import full_blocks
from tokenroof.present.pages.parts import KINDS, LIMITS, changes, counted, defaults_of, log_pairs, ranged_row
from tokenroof.types.served import Ranged
from tokenroof.usecases.analyze.answer import TPOT_S, AnalyzeResponse

__all__ = ["page_of"]

_MORE = 0.10
_RATES = {
    "bytes_per_s": "memory bandwidth", "scaleup_bytes_per_s": "network bandwidth",
    "scaleout_bytes_per_s": "network bandwidth between domains", "flops_per_s": "FLOP/s",
}  # fmt: skip
_NOTHING_TRIED = "nothing that was tried: narrower formats, more of this chip, others near it"


def _main(answer: AnalyzeResponse) -> Table:
    """What is served; where what was asked is not met the head says what the numbers are of."""
    cost = answer.cost
    rows = [
        *ranged_row("TPOT, served", answer.tpot_s, MS),
        *ranged_row("TPOT, decode steps alone", _per_token(answer), MS),
        *ranged_row("TTFT", answer.ttft_s, MS),
        *ranged_row("interactivity", answer.interactivity, TOK_PER_S_PER_USER),
        *ranged_row("output throughput", answer.output_tokens_per_s_per_gpu, TOK_PER_S_PER_GPU),
    ]
    if cost is not None:
        rows += ranged_row("cost, output", cost.output_usd_per_mtok, USD_PER_MTOK)
        rows += ranged_row("cost, input", cost.input_usd_per_mtok, USD_PER_MTOK)
        rows += ranged_row("cost, cached input", cost.cached_usd_per_mtok, USD_PER_MTOK)
    heads = (words(_shown_instead(answer)), numbers("predicted"), ranges(), numbers("hardware bound", empty="-"))
    if answer.energy is not None:
        rows += ranged_row("energy, output", answer.energy.joules_per_output_token, JOULES_PER_TOKEN)
        rows += ranged_row("power of a GPU", answer.energy.watts_per_gpu, WATTS)
    return Table(name="main", columns=heads, rows=rows)


def _per_token(answer: AnalyzeResponse) -> Ranged | None:
    """A decode step over the tokens that it yields to a request: more than one with drafts."""
    step, tokens = answer.decode_step_s, answer.deployment.tokens_per_step
    if step is None:
        return None
    ends = [None if end is None else end / tokens for end in (step.low, step.high, step.bound)]
    return Ranged(value=step.value / tokens, low=ends[0], high=ends[1], bound=ends[2])


def _shown_instead(answer: AnalyzeResponse) -> str:
    if answer.infeasible is None:
        return ""
    if answer.infeasible.limit == "load":
        return "at its most"
    return "one request each" if answer.concurrency == answer.replicas else ""


def _work(answer: AnalyzeResponse) -> Bars:
    times = column([one.time_s for one in answer.work], MS)
    rows = [
        BarRow(
            one.kind, time, one.time_s, KINDS.get(one.bound_by, "other"), percent(one.share),
            "" if one.kind in ("host", "drafting") else LIMITS.get(one.bound_by, one.bound_by),
        )
        for one, time in zip(answer.work, times, strict=True)
    ]  # fmt: skip
    lines = (*_hidden(answer), *_movers(answer))
    return Bars(title=f"Where a decode step of {_step(answer)} goes", rows=rows, lines=lines)


def _hidden(answer: AnalyzeResponse) -> tuple[str, ...]:
    """What runs beside the work of the other half of the batch."""
    if not answer.layout.two_batch_overlap:
        return ()
    hidden, sent = (quantity(float(one), MS) for one in (answer.step.hidden_s, answer.step.communication_s))
    return (f"two-batch overlap: {hidden} hidden, of {sent} of communication",)


def _step(answer: AnalyzeResponse) -> str:
    """Its time. Under random arrivals it is that of the mean number of requests, not the mean time: that is said."""
    time = quantity(float(answer.step.step_s), MS)
    mean = answer.decode_step_s
    same = mean is None or quantity(mean.value, MS) == time
    tokens = answer.deployment.tokens_per_step
    yields = f", {tokens:.2f} tokens a request" if tokens > 1.0 else ""
    return f"{time}{yields}" if same else f"{counted(answer.batch, 'request')} ({time}{yields})"


def _movers(answer: AnalyzeResponse) -> tuple[str, ...]:
    """What ten per cent more of each rate would change: only the time that waits for it shrinks."""
    whole = float(answer.step.step_s)
    shares: dict[str, float] = {}
    for name, seconds in answer.step_seconds_by_input.items():
        rate = _RATES.get(name.partition(".")[0])
        if rate:
            shares[rate] = shares.get(rate, 0.0) + seconds / whole
    saved = {rate: change(-share * (1.0 - 1.0 / (1.0 + _MORE)), decimals=1) for rate, share in shares.items()}
    shown = [rate for rate in sorted(shares, key=lambda rate: -shares[rate])[:3] if saved[rate].startswith("-")]
    return ("    ".join(f"{change(_MORE)} {rate}: {saved[rate]}" for rate in shown),) if shown else ()


def _rooms(answer: AnalyzeResponse) -> KeyValues:
    """The three numbers that a limit on requests at once could be set to."""
    rooms, memory = answer.rooms, answer.memory
    pool = max(float(memory.cache_pool_bytes), 0.0)
    each = quantity(float(memory.cache_bytes_per_sequence), BYTES)
    many = "" if answer.replicas == 1 else ", one replica"
    pairs = [
        (_within(answer), count(rooms.within_limits), "served, prefill included"),
        (_held_by(answer), count(rooms.by_memory), f"{quantity(pool, GB)} per GPU, {each} per request"),
        ("critical batch", count(rooms.critical), "where matmul arithmetic equals weight reads"),
    ]
    tokens = answer.deployment.held_tokens
    return KeyValues(
        title=f"How many requests at once ({count(tokens)} tokens each{many})", pairs=pairs,
        summary=", ".join(f"{value} ({label})" for label, value, _ in pairs),
    )  # fmt: skip


def _held_by(answer: AnalyzeResponse) -> str:
    """What ends the requests at once apart from the limits: the engine's option where memory holds more."""
    deployment = answer.deployment
    seats = deployment.scheduler.max_sequences * deployment.layout.dp
    return "max-num-seqs" if answer.rooms.by_memory >= seats else "KV memory"


def _within(answer: AnalyzeResponse) -> str:
    """The limit that ends it, with its value."""
    limit, limits = answer.rooms.limit, answer.deployment.limits
    if limit == "ttft" and limits.ttft_s is not None:
        return f"TTFT of {limits.ttft_s * 1e3:,.6g} ms"
    if limit == "tpot":
        return f"TPOT of {(limits.tpot_s or TPOT_S) * 1e3:,.6g} ms"
    return "fed by prefill" if limit == "prefill" else "within the limits"


def _role(answer: AnalyzeResponse) -> str:
    """Whose memory is told: where prompts have workers of their own that of decode, or of prefill that lacks it."""
    if answer.prefill_layout is None:
        return ""
    return "decode " if answer.deployment.prompts_fit else "prefill "


def _memory(answer: AnalyzeResponse) -> KeyValues:
    memory = answer.memory
    total = float(memory.total_bytes)
    pool = max(float(memory.cache_pool_bytes), 0.0)
    weights = float(memory.weights_bytes)
    parts = (("weights", weights), ("activations, reserve", total - weights - pool), ("KV", pool))
    pairs = [(name, f"{quantity(size, GB)} ({percent(size / total)})") for name, size in parts]
    return KeyValues(title=f"Memory of one {_role(answer)}GPU", inline=True, pairs=pairs)


def _log(answer: AnalyzeResponse) -> list[KeyValues]:
    """What the engine prints when it starts, to hold beside its log; the bound has none."""
    if answer.engine == "none" or answer.prefill_layout is not None:
        return []
    return [
        KeyValues(title=f"Log of {engine_of(answer.engine).display_name}", inline=True, pairs=log_pairs(answer.log))
    ]


def _lacking(answer: AnalyzeResponse) -> Bars:
    """Memory needed beside memory that there is."""
    memory = answer.memory
    weights, pool = float(memory.weights_bytes), float(memory.cache_pool_bytes)
    asked, what = max(answer.deployment.asked_at_once / answer.layout.dp, 1.0), "request"
    if answer.prefill_layout is not None and not answer.deployment.prompts_fit:
        asked, what = max(answer.deployment.prompts_at_once / answer.prefill_layout.dp, 1.0), "prompt"
    cache = asked * float(memory.cache_bytes_per_sequence)
    available = max(weights + pool, 0.0)
    need = weights + cache
    sizes = [weights, cache, need, available]
    labels = (f"weights, {answer.weight_dtype}", f"KV cache of {counted(asked, what)}", "needed", "available")
    short = ("", "", "", f"{quantity(need - available, GB)} short")
    rows = [
        BarRow(label, shown, size, remark=remark)
        for label, shown, size, remark in zip(labels, column(sizes, GB), sizes, short, strict=True)
    ]
    kept = float(memory.total_bytes) - available
    return Bars(
        title=f"Memory of one {_role(answer)}GPU, {answer.layout_label}", rows=rows, width=32,
        lines=[f"({quantity(float(memory.total_bytes), GB)} less {quantity(kept, GB)} of activations and reserve)"],
    )  # fmt: skip


def _scenario(answer: AnalyzeResponse) -> tuple[str, ...]:
    idle = f", {counted(answer.gpus_idle, 'GPU')} idle" if answer.gpus_idle else ""
    prefix = f" ({count(answer.prefix)} cached)" if answer.prefix else ""
    price = [] if answer.cost is None else [quantity(answer.cost.usd_per_gpu_h, USD_PER_GPU_HOUR)]
    cap = answer.deployment.system.chip.power_cap_w
    return (
        f"{answer.weight_dtype} weights, {answer.kv_dtype} KV",
        f"{answer.layout_label}, {counted(answer.replicas, 'replica')}{idle}",
        f"{count(answer.isl)} in{prefix}, {count(answer.osl)} out",
        engine_of(answer.engine).display_name,
        *(["two-batch overlap"] if answer.layout.two_batch_overlap else []),
        *([] if cap is None else [f"{cap:,.0f} W cap"]),
        *price,
    )


def _remarks(answer: AnalyzeResponse) -> Iterable[Remark]:
    if answer.announced:
        yield note("announced hardware, not shipping: its figures are the vendor's promise")
    yield from map(warned, answer.warnings)


def _blocks(answer: AnalyzeResponse) -> list[Block]:
    fixes = () if answer.infeasible is None else answer.infeasible.fixes or (_NOTHING_TRIED,)
    if not answer.fits:
        return [_lacking(answer), *_log(answer), changes("What fits", fixes)]
    more: tuple[Bars | KeyValues, ...] = (_work(answer), _rooms(answer), _memory(answer), *_log(answer))
    if answer.infeasible is None:
        return [_main(answer), *more, *full_blocks(answer)]
    folded = [replace(block, full=True) for block in more]
    return [changes("What would be met", fixes), _main(answer), *folded, *full_blocks(answer)]


def _next(answer: AnalyzeResponse) -> tuple[str | Ask, ...]:
    if answer.infeasible is not None:
        return ()
    return "`full` for every operator", "`explain` tpot_s", ask("plan", why=" for the best layout")


def _defaults(answer: AnalyzeResponse) -> tuple[str, ...]:
    """Those that the page's numbers rest on: without speeds there is no price and no limit on latency."""
    unused = () if answer.fits else ("price_per_gpu_hour", "tpot", "slo")
    return defaults_of(one for one in answer.defaults if one.field not in unused)


def page_of(answer: AnalyzeResponse) -> Page:
    """The answer as a page."""
    also = [("What if", " | ".join(override.text for override in answer.overrides))]
    if answer.claim != "calibrated":
        also.append(("Claim", " | ".join([answer.claim, *answer.profile_notes])))
    load = f"{count(answer.concurrency)} at once" if math.isfinite(answer.concurrency) and answer.fits else ""
    return Page(
        title=f"{answer.model} on {answer.system}",
        kind="Analysis",
        brief=[part for part in (answer.layout_label, load, engine_of(answer.engine).display_name) if part],
        sentence=answer.sentence,
        remarks=tuple(_remarks(answer)),
        scenario=_scenario(answer),
        blocks=_blocks(answer),
        also=[pair for pair in also if pair[1]],
        defaults=_defaults(answer),
        left_out=answer.left_out if answer.fits else (),
        next=_next(answer),
        refused=answer.infeasible is not None,
    )
