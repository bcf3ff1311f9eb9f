"""Latency of tensor parallelism after Erdil 2025 (Epoch, arXiv 2506.04645): reads shrink, hops grow.

Collectives over G chips in a square cost 2 * (sqrt(G) - 1) hops. Arithmetic is left out: these are the
bounds at small batch.
"""

from tokenroof.registry import formula
from tokenroof.types.quantities import AtLeastOne, BytesPerParam, BytesPerS, Count, Number, Params, Seconds
from tokenroof.xp import SCALAR, Namespace, Num

_LN2 = 0.6931471805599453


def _ratio(weight_s: Num, layer_hops_s: Num, xp: Namespace) -> Num:
    """Chips^(3/2) at the optimum: the read on one chip over the hops of all layers."""
    return xp.maximum(weight_s / layer_hops_s, 1.0)


@formula(increasing=("n_layers", "reduces_per_layer", "hop_s"))
def layer_hops_s(*, n_layers: Count, reduces_per_layer: AtLeastOne, hop_s: Seconds, xp: Namespace = SCALAR) -> Seconds:
    """One hop for each reduction of each layer: the unit of tensor-parallel latency.

    Formula: h = layers * n_reduce * t_hop
    Source: Epoch (arXiv 2506.04645), section 2.2.
    """
    return n_layers * reduces_per_layer * hop_s


@formula(increasing=("params", "bytes_per_param", "hops_s"), decreasing=("bytes_per_s",))
def tensor_parallel_token_time_s(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    bytes_per_s: BytesPerS,
    hops_s: Seconds,
    chips: AtLeastOne,
    xp: Namespace = SCALAR,
) -> Seconds:
    """One token on `chips` in a square: weights read in parallel, hops in series.

    Formula: T = N * w / (G * W) + 2 * h * (sqrt(G) - 1); W of one chip
    Source: Epoch (arXiv 2506.04645), section 2.2.
    """
    return params * bytes_per_param / (chips * bytes_per_s) + 2.0 * hops_s * (xp.sqrt(chips) - 1.0)


@formula(increasing=("params", "bytes_per_param"), decreasing=("bytes_per_s", "hops_s"))
def fastest_tensor_parallel(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    bytes_per_s: BytesPerS,
    hops_s: Seconds,
    xp: Namespace = SCALAR,
) -> AtLeastOne:
    """Chips at which a token takes the least time; more of them only add hops.

    Formula: G* = (N * w / (W * h))^(2/3), at least 1
    Source: Epoch (arXiv 2506.04645), equation 14.
    """
    return xp.power(_ratio(params * bytes_per_param / bytes_per_s, hops_s, xp), 2.0 / 3.0)


@formula(increasing=("params", "bytes_per_param", "hops_s"), decreasing=("bytes_per_s",))
def fastest_token_time_s(
    *,
    params: Params,
    bytes_per_param: BytesPerParam,
    bytes_per_s: BytesPerS,
    hops_s: Seconds,
    xp: Namespace = SCALAR,
) -> Seconds:
    """Least time of one token at the best number of chips.

    Formula: T_min = 3 * h^(2/3) * (N * w / W)^(1/3) - 2 * h, or N * w / W where one chip is best
    Source: Epoch (arXiv 2506.04645), equation 14; grows as sqrt(N) when layers grow as N^(1/4).
    """
    read_s = params * bytes_per_param / bytes_per_s
    side = xp.power(_ratio(read_s, hops_s, xp), 1.0 / 3.0)
    return read_s / (side * side) + 2.0 * hops_s * (side - 1.0)


@formula(increasing=("ranks_per_node", "nodes"))
def nccl_tree_latency_s(*, ranks_per_node: AtLeastOne, nodes: AtLeastOne, xp: Namespace = SCALAR) -> Seconds:
    """Latency of a small all-reduce as the NCCL tests model it.

    Formula: 6.8 us + 1.2 us * (ranks / nodes - 1) + 10 us * log2(nodes)
    Source: Epoch (arXiv 2506.04645), NCCL's LL protocol.
    """
    within = xp.tag(1.2e-6, "s") * (ranks_per_node - 1.0)
    return xp.tag(6.8e-6, "s") + within + xp.tag(1e-5, "s") * xp.log(nodes) / _LN2


@formula(increasing=("params",), decreasing=("reference_params",))
def latency_scale_with_size(*, params: Params, reference_params: Params, xp: Namespace = SCALAR) -> Number:
    """How much slower the fastest token of a larger model is.

    Formula: T / T_ref = sqrt(N / N_ref)
    Source: Epoch (arXiv 2506.04645): model depth grows slowly enough for the square root.
    """
    return xp.sqrt(params / reference_params)
