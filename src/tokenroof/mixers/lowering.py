"""What the lowering of several kinds shares: the core over the context, context parallelism, the closing sum.

Heads are cut tp ways, KV heads at most n_kv ways (beyond that they are copied), the context cp ways. The latent
of MLA, its down-projections and indexers are whole on every rank; dcp ranks that would hold the same entries may share
them. Cache reads count each cached token once per pass, however many new tokens its sequence has: kernels keep new
tokens on chip.
"""

from tokenroof.mixers.rows import (
    DECODE,
    DECODE_SEQUENCES,
    DECODE_TOKENS,
    PREFILL,
    PREFILL_SEQUENCES,
    PREFILL_TOKENS,
    Rows,
)
from tokenroof.types.program import ContextRule, Form, Num

__all__ = [
    "FULL", "NOTHING", "PARTS", "Entries", "close", "context_parallel", "core", "decode_context_parallel",
]  # fmt: skip

FULL, NOTHING = ContextRule("full"), ContextRule("none")
Entries = tuple[tuple[ContextRule, float], ...]  # rules whose entries add up, with their weight

_LOG_SUM_EXP_BYTES = 4.0
# part, whether the pass has it, its tokens, its sequences
PARTS = (
    ("decode", DECODE, DECODE_TOKENS, DECODE_SEQUENCES),
    ("prefill", PREFILL, PREFILL_TOKENS, PREFILL_SEQUENCES),
)


def core(
    rows: Rows,
    name: str,
    kind: str,
    count: int,
    entries: Entries,
    *,
    flops: Num,
    entry_bytes: Num,
    written_bytes: Num,
    width: Num,
    parts: tuple[str, ...] = ("decode", "prefill"),
    entry_activations: Num | None = None,
) -> None:
    """The attention core of one layer, a row for each part: `flops` per pair and `entry_bytes` per entry read.

    `width` is the elements of queries and outputs per new token; `written_bytes` what it appends to the cache.
    """
    for part, _, tokens, _ in PARTS:
        if part not in parts:
            continue
        pairs = tuple((rows.pairs(part, rule), share * flops / rows.cp) for rule, share in entries)
        # in decode each of dcp ranks reads its part of the context, for the heads of all; prompts have it gathered
        sharing = rows.dcp if part == "decode" else 1
        reads = tuple((rows.reads(part, rule), share * entry_bytes / rows.cp / sharing) for rule, share in entries)
        expanded: Form = ()
        if entry_activations is not None:
            expanded = tuple((at, entry_activations * rows.act / rows.cp) for at, _ in reads)
        rows.add(
            f"{name} ({part})",
            f"{kind}_{part}",
            count,
            part=part,
            format=rows.kv_format,
            flops=pairs,
            kv_read=reads,
            kv_write=((tokens, written_bytes / rows.dcp),),
            activations=((tokens, width * sharing * rows.act), *expanded),
        )


def close(rows: Rows, name: str, count: int) -> None:
    """The sum over the tp group that ends a layer."""
    rows.all_reduce(f"{name} all-reduce", count, width=rows.model.hidden)


def context_parallel(rows: Rows, count: int, entries: Entries, *, query: Num, out: Num, entry_bytes: Num) -> None:
    """Ranks of a cp group pool queries and outputs in decode, keys and values in prefill."""
    if not rows.vectorised and rows.cp == 1:
        return
    for name, kind, width in (("queries", "all_gather", query), ("outputs", "reduce_scatter", out)):
        size = ((DECODE_TOKENS, rows.cp * width * rows.sent),)
        rows.collective(f"attention {name} {kind.replace('_', '-')}", count, kind, rows.cp, rows.tp, size)
    size_kv = tuple((rows.reads("prefill", rule), share * entry_bytes) for rule, share in entries)
    rows.collective("attention KV all-gather", count, "all_gather", rows.cp, rows.tp, size_kv)


def decode_context_parallel(rows: Rows, count: int, *, heads: Num, query: Num, out: Num, entry_bytes: Num) -> None:
    """dcp of the tp ranks share a cache: what each layer sends for it.

    Decode gathers the queries of all heads of the group, computes over each rank's part of the context, and joins the
    parts: log-sum-exps (fp32, of every head from every rank) are gathered, corrected outputs summed and scattered.
    Prompts gather what was cached before them, not their own tokens, which every rank has.
    """
    dcp = rows.dcp
    if not rows.vectorised and dcp == 1:
        return
    for name, kind, size in (
        ("queries all-gather", "all_gather", dcp * query * rows.sent),
        ("log-sum-exp all-gather", "all_gather", dcp * dcp * heads * _LOG_SUM_EXP_BYTES),
        ("outputs reduce-scatter", "reduce_scatter", dcp * out * rows.sent),
    ):
        rows.collective(f"dcp {name}", count, kind, dcp, 1, ((DECODE_TOKENS, size),), part="decode")
    cached = ((rows.reads("prefill", FULL), entry_bytes), (PREFILL_TOKENS, -entry_bytes))
    rows.collective("dcp KV all-gather", count, "all_gather", dcp, 1, cached, part="prefill")
