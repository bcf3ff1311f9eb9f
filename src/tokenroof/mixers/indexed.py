"""The indexer of top-k sparse attention, which several kinds may have: weights, keys, scan, words."""

from tokenroof.mixers.lowering import FULL, PARTS
from tokenroof.mixers.rows import Rows
from tokenroof.types.model import Indexer

__all__ = [
    "formula_text", "index_key_bytes", "indexer_note", "indexer_params", "indexer_scan_flops", "lower_indexer",
]  # fmt: skip


def indexer_params(indexer: Indexer | None) -> int:
    """Weights of the indexer; a layer that shares another's has none."""
    return 0 if indexer is None or indexer.shared else indexer.extra_params


def index_key_bytes(indexer: Indexer | None) -> float:
    """Bytes of the key that the indexer stores, per entry that has one."""
    if indexer is None or indexer.shared:
        return 0.0
    return indexer.head_dim * indexer.key_bytes_per_element / indexer.pool


def indexer_scan_flops(indexer: Indexer | None) -> float:
    """FLOP of scoring one key with every head of the indexer."""
    if indexer is None or indexer.shared:
        return 0.0
    return 2.0 * indexer.n_heads * indexer.head_dim / indexer.pool


def formula_text(indexer: Indexer | None) -> tuple[str, str]:
    """The index key as a term of the cache's formula, in names and in numbers."""
    if indexer is None or indexer.shared:
        return "", ""
    size = f"{indexer.head_dim * indexer.key_bytes_per_element:g} B"
    if indexer.pool > 1:
        return " + index key / pool", f" + {size} / {indexer.pool}"
    return " + index key", f" + {size}"


def indexer_note(indexer: Indexer | None, unit: str) -> list[str]:
    """What a step reads where an indexer chooses."""
    if indexer is None:
        return []
    reuse = ", chosen by an earlier layer's indexer" if indexer.shared else ""
    return [f"a step reads {indexer.top_k * indexer.block:,} {unit}{reuse}"]


def lower_indexer(rows: Rows, indexer: Indexer | None, count: int, *, scan_flops: float, thinning: float = 1.0) -> None:
    """The scan that chooses tokens: every rank scores every cached key (one in `thinning` tokens has one)."""
    if indexer is None or indexer.shared:
        return
    hidden = rows.model.hidden
    rows.gemm("indexer projections", count, n=indexer.extra_params / hidden, k=hidden, weight_class="attention")
    key_bytes = index_key_bytes(indexer) / thinning
    for part, _, tokens, _ in PARTS:
        rows.add(
            f"indexer scan ({part})",
            f"indexer_{part}",
            count,
            part=part,
            flops=((rows.pairs(part, FULL), scan_flops / rows.cp),),
            kv_read=((rows.reads(part, FULL), key_bytes / rows.cp),),
            kv_write=((tokens, key_bytes),),
            activations=((tokens, indexer.n_heads * indexer.head_dim * rows.act),),
        )
    rows.keep(FULL, count * key_bytes / rows.cp)
