"""What prompts share, and what prefix caches of given sizes find of it."""

import math
from typing import Any

import numpy as np

from tokenroof.catalog.models.index import load_model
from tokenroof.catalog.tiers import load_tier
from tokenroof.errors import InputError
from tokenroof.mixers.architecture_cache import kv_bytes_per_token
from tokenroof.simulate.prefix_cache import MOST_BLOCKS, lru_replay
from tokenroof.simulate.requests import Requests
from tokenroof.types.dtype import dtype
from tokenroof.types.model import Model
from tokenroof.units import format_bytes, parse_quantity
from tokenroof.usecases.trace.answer import CacheHits, Prefixes, TraceRequest

__all__ = ["bytes_per_token", "named_sizes", "prefixes_of"]

_WARM_SHARE = 0.5
_GIB = parse_quantity("1 GiB", "B")
_RUNG, _RUNGS = 4.0, 6


def named_sizes(cache: Any) -> Any:
    """`host-dram:256GiB,2TB` as the sizes alone, where the names are tiers of the catalogue; all else as it is."""
    if not isinstance(cache, str):
        return cache
    sizes = list[str]()
    for part in cache.split(","):
        name, colon, size = part.strip().partition(":")
        if colon:
            load_tier(name)
        sizes.append(size if colon else name)
    return ",".join(sizes)


def _kept(request: TraceRequest, model: Model) -> str:
    return request.kv_dtype or model.kv_dtype


def bytes_per_token(request: TraceRequest) -> float | None:
    """Bytes that a token takes in the cache of the model; None where no model is named."""
    if request.model is None:
        if request.cache:
            raise InputError("model", None, "given with a cache", "what a token takes there depends on it")
        if request.kv_dtype is not None:
            raise InputError("kv_dtype", request.kv_dtype, "given with a model")
        return None
    model = load_model(request.model)
    found = kv_bytes_per_token(model, dtype(_kept(request, model)).bytes_per_element)
    if not found > 0.0:
        raise InputError("model", request.model, "one that keeps a KV cache by the token")
    return found


def _ladder(whole_bytes: float, block_bytes: float) -> list[float]:
    """Of 1 GiB, 4 GiB, 16 GiB ... the first that holds the whole trace and the five below it."""
    top = math.ceil(math.log(max(whole_bytes / _GIB, 1.0), _RUNG))
    rungs = [_GIB * _RUNG**k for k in range(max(top - _RUNGS + 1, 0), top + 1)]
    return [size for size in rungs if size >= block_bytes]


def _one_cache(requests: Requests, size: float, block_bytes: float) -> CacheHits:
    if size < block_bytes:
        block = f"one block of {requests.block_tokens} tokens, {format_bytes(block_bytes)}"
        raise InputError("cache", f"{size:g} B", f"at least {block}")
    blocks = min(math.floor(size / block_bytes), MOST_BLOCKS)
    return CacheHits(
        capacity_bytes=size, blocks=blocks, cache_hit_rate=lru_replay(requests, (blocks,), warm_share=_WARM_SHARE).share
    )


def prefixes_of(requests: Requests, request: TraceRequest, per_token: float | None) -> Prefixes | None:
    """What the prompts share; None where the file does not say. InputError where caches are asked for all the same."""
    if requests.block_ids is None:
        if request.model is not None:
            field, value = ("cache", [f"{one:g} B" for one in request.cache]) if request.cache else ("model", None)
            raise InputError(field, value or request.model, "left out: the file has no ids of prompt blocks")
        return None
    distinct = len(np.unique(requests.block_ids))
    caches = list[CacheHits]()
    if per_token is not None:
        block_bytes = per_token * requests.block_tokens
        sizes = sorted(set(request.cache)) or _ladder(distinct * block_bytes, block_bytes)
        caches += [_one_cache(requests, size, block_bytes) for size in sizes]
    endless = lru_replay(requests, (MOST_BLOCKS,), warm_share=_WARM_SHARE).share
    caches.append(CacheHits(capacity_bytes=None, blocks=distinct, cache_hit_rate=endless))
    return Prefixes(
        block_tokens=requests.block_tokens, blocks=len(requests.block_ids), distinct_blocks=distinct,
        reuse_share=lru_replay(requests, (MOST_BLOCKS,), warm_share=0.0).share,
        model=request.model, kv_dtype=None if request.model is None else _kept(request, load_model(request.model)),
        kv_bytes_per_token=per_token, caches=tuple(caches),
    )  # fmt: skip
