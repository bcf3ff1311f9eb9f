"""What an engine's log says of the cache when it starts."""

import math
from dataclasses import dataclass

from tokenroof.scenario.deployment import Deployment

__all__ = ["PoolLog", "pool_log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLog:
    """The cache of one GPU (and of those that share its sequences): its bytes, and what they hold.

    `requests` of `length` tokens fit at once, a fraction too; `tokens` is their product, as vLLM counts it. Below
    0 bytes the engine does not start.
    """

    pool_bytes: float
    tokens: float
    requests: float
    length: float


def pool_log(deployment: Deployment, length: float | None = None) -> PoolLog:
    """The log of a deployment for requests of `length` tokens; by default the longest that it serves, isl + osl."""
    longest = math.ceil(deployment.workload.isl + deployment.workload.osl) if length is None else length
    use = deployment.memory(longest)
    pool, each = float(use.cache_pool_bytes), float(use.cache_bytes_per_sequence)
    requests = max(pool, 0.0) / each if each > 0.0 else math.inf
    return PoolLog(pool_bytes=pool, tokens=requests * longest, requests=requests, length=longest)
