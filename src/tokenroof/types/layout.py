"""How one copy of a model is spread over GPUs, and in which number formats it runs. Counts only, no behaviour.

    n_gpus = tp * dp * cp * pp          ranks are numbered with tp innermost, then cp, dp, and pp outermost
    stage  = tp * dp * cp               the GPUs that hold one pipeline stage
    moe_tp = stage / ep                 ways in which one routed expert is cut
    dcp                                 of the tp ranks, so many share one copy of the cache: no GPUs of its own

Attention runs on dp groups, each with its own sequences; inside a group heads are cut tp ways and the context
cp ways. Routed experts are spread over the whole stage: ep groups of whole experts, each expert cut moe_tp ways.
So ep = 1 is plain tensor parallelism of experts, ep = stage puts whole experts on every GPU. Ranks that would hold the
same KV heads, or MLA's latent, may share them instead, each with 1 / dcp of the context (decode context parallel).
"""

from dataclasses import dataclass

from tokenroof.types.model import WeightDtypes

__all__ = ["A2A_BACKENDS", "GATHERED", "SENT", "Layout"]

SENT, GATHERED = A2A_BACKENDS = ("deepep", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Degrees of parallelism and number formats of one deployment of one model.

    `weights` and `kv_dtype` None mean: as the checkpoint stores them. `arithmetic` None runs every matmul at
    the rate of its weight format; a rate key such as "bf16" means that weights are expanded to it before
    the multiplication (weight-only quantisation). `redundant_experts` are extra copies of busy experts, per layer.
    Between several dp groups tokens reach their experts by `moe_a2a_backend`: "deepep", or another library that sends
    each to the ranks of its experts, as `dispatch_dtype`; with "none" they are gathered on every rank, and the answers
    summed and scattered. `two_batch_overlap`: a pass is cut in two, and the work of one half hides the traffic of the
    other's experts.
    The degrees may also be numpy arrays of one shape: such a Layout stands for many (see engine.layouts.stack).
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    cp: int = 1
    dcp: int = 1
    redundant_experts: int = 0
    weights: WeightDtypes | None = None
    arithmetic: str | None = None
    kv_dtype: str | None = None
    activation_dtype: str = "bf16"
    collective_dtype: str = "bf16"
    dispatch_dtype: str = "bf16"
    moe_a2a_backend: str = SENT
    two_batch_overlap: bool = False

    @property
    def stage(self) -> int:
        """GPUs that hold one pipeline stage."""
        return self.tp * self.dp * self.cp

    @property
    def n_gpus(self) -> int:
        """GPUs of the whole copy."""
        return self.stage * self.pp

    @property
    def moe_tp(self) -> int:
        """Ways in which one routed expert is cut."""
        return self.stage // self.ep
