"""The answer of `speculate` in a sentence: how much faster at best, and where drafts stop paying."""

__all__ = ["sentence_of"]


def sentence_of(model: str, speedup: float, batch: float, depth: int, *, stops: float | None, most: float) -> str:
    """`speedup` is the most there is, at `batch` with `depth` drafts; `stops` the batch from which on none pays (None:
    not up to a million); `most` the batch that memory holds.
    """
    if stops == 0.0:
        return f"Drafts never pay for {model} here: at every batch a verify step costs more than it yields."
    drafts = f"{depth} draft{'s' if depth > 1 else ''}"
    head = f"Drafts make {model} decode up to {speedup:.2f} times as fast: at a batch of {batch:,.0f}, {drafts} a step."
    if stops is None:
        return f"{head} They pay at every batch: the drafts of a sequence share the reads of its cache."
    if stops > most:
        return f"{head} They pay at every batch that memory holds ({most:,.0f}), and would up to {stops:,.0f}."
    return f"{head} They stop paying at a batch of {stops:,.0f}."
