"""The page of `trace`: the stream of requests, their lengths, and what prefix caches find."""

from tokenroof.present.numbers import E2E, UNKNOWN, count, percent, quantity
from tokenroof.present.page import Block, KeyValues, Page, Remark, Table, note, numbers, warning, words
from tokenroof.units import format_capacity, format_figures
from tokenroof.usecases.trace.answer import Prefixes, TraceResponse
from tokenroof.usecases.trace.sentence import duration_text
from tokenroof.usecases.trace.stats import Lengths

__all__ = ["page_of"]


def _rate(value: float | None) -> str:
    """Requests per second: traces of single users have a few in a minute."""
    return UNKNOWN if value is None else f"{format_figures(value)} requests/s"


def _arrivals(answer: TraceResponse) -> KeyValues:
    window = quantity(answer.dispersion_window_s, E2E, decimals=0)
    if answer.duration_s == 0.0:
        pairs = [("rate", UNKNOWN, "all arrive at once" if answer.requests > 1 else "one request has none")]
    else:
        span = f"{count(answer.requests)} requests in {duration_text(answer.duration_s)}"
        pairs = [
            ("rate", _rate(answer.request_rate), span),
            ("busiest", _rate(answer.busiest_rate), f"over {window}"),
            ("cv of gaps", quantity(answer.gap_cv), "1 for a Poisson stream"),
            ("index of dispersion", quantity(answer.dispersion), f"of counts in {window}; 1 for a Poisson stream"),
        ]
    if answer.sessions is not None:
        pairs.append(("sessions", count(answer.sessions), ""))
    return KeyValues(title="Arrivals", pairs=pairs, remarks=_remarks(answer))


def _remarks(answer: TraceResponse) -> list[Remark]:
    found = [note(text) for text in answer.notes]
    if answer.skipped:
        first = answer.faults[0]
        rows = f"{count(answer.skipped)} row{'s' if answer.skipped > 1 else ''} left out"
        found.insert(0, warning(f"{rows}; the first, {first.line}: {first.reason}"))
    return found


def _length_row(name: str, lengths: Lengths) -> tuple[str, ...]:
    shown = (lengths.mean, lengths.p50, lengths.p90, lengths.p95, lengths.p99)
    return (name, *(f"{value:,.0f}" for value in shown), count(lengths.max), f"{lengths.cv:.2f}")


def _lengths(answer: TraceResponse) -> Table:
    heads = {"mean": 0, "p50": 0, "p90": 2, "p95": 1, "p99": 0, "max": 0, "cv": 3}  # the largest leaves first
    return Table(
        title="Tokens of a request", columns=(words(), *(numbers(head, drop=drop) for head, drop in heads.items())),
        rows=[_length_row("input", answer.isl), _length_row("output", answer.osl)],
    )  # fmt: skip


def _caches(prefixes: Prefixes) -> Table:
    rows = [
        ("no limit" if one.capacity_bytes is None else format_capacity(one.capacity_bytes), count(one.blocks),
         percent(one.cache_hit_rate, decimals=1))
        for one in prefixes.caches
    ]  # fmt: skip
    title = f"Prefix cache, blocks of {count(prefixes.block_tokens)} tokens"
    if prefixes.kv_bytes_per_token is not None:
        title += f", {prefixes.model} in {prefixes.kv_dtype} ({prefixes.kv_bytes_per_token:,.6g} B a token)"
    return Table(
        title=title, columns=(words("capacity"), numbers("blocks"), numbers("cache hit rate")), rows=rows,
        lines=(
            "of prompt tokens; one LRU cache, prompts one after the other, last half of the requests",
            f"over all requests {percent(prefixes.reuse_share, decimals=1)} of prompt tokens repeat an earlier prefix",
        ),
    )  # fmt: skip


def _windows(answer: TraceResponse) -> Table:
    rows = [
        (quantity(one.start_s, E2E, decimals=0), count(one.requests), count(one.input_tokens), count(one.output_tokens))
        for one in answer.windows
    ]
    return Table(
        title=f"Windows of {quantity(answer.window_s, E2E, decimals=0)}",
        columns=(words("from"), numbers("requests"), numbers("input tokens"), numbers("output tokens")),
        rows=rows, full=True,
    )  # fmt: skip


def _part(answer: TraceResponse) -> list[str]:
    """Which part of the file, at which rate, where that is not the whole as it is."""
    found = []
    if answer.start_s or answer.end_s is not None:
        end = "on" if answer.end_s is None else f"to {duration_text(answer.end_s)}"
        found.append(f"from {duration_text(answer.start_s)} {end}")
    if answer.scale != 1.0:
        found.append(f"at {answer.scale:g}x the rate")
    return found


def page_of(answer: TraceResponse) -> Page:
    """The answer as a page."""
    blocks: list[Block] = [_arrivals(answer), _lengths(answer)]
    following = ["`output` trace.svg: rate over time, lengths"]
    left_out = []
    if answer.prefixes is not None:
        blocks.append(_caches(answer.prefixes))
        left_out = ["KV of outputs, which later prompts may begin with", "requests that run at once"]
        if answer.prefixes.model is None:
            following.insert(0, "`model` llama-3.3-70b: cache hit rate by capacity")
    return Page(
        title=f"trace {answer.file}", sentence=answer.sentence,
        scenario=(answer.file, f"format {answer.format}", *_part(answer)), scenario_label="Trace",
        blocks=(*blocks, _windows(answer)), left_out=left_out, next=following,
        kind="Trace", brief=(f"format {answer.format}",),
    )  # fmt: skip
