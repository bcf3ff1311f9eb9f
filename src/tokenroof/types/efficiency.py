"""How far from the roof a chip and engine run: a few coefficients per kind of operator, and what they rest on.

    operator    t = fixed + norm_p(compute_floor + F / (flops_share * peak), memory_floor + B / (bytes_share * W))
    collective  t = call + steps * step + factor * bytes / (bytes_share * link), the least over the allowed algorithms
    pass        host + host_per_layer * layers + (host_per_sequence + stream) * S / dp + host_per_token * T, once;
                with prefill in it at least host + launch * kernels, since such passes are not captured in a graph;
                with drafts draft_pass + draft_sequence * S / dp more

norm_p(a, b) = (a^p + b^p)^(1/p) with p the curve's `sharpness`: infinite is the larger of the two (a perfect
overlap), 1 their sum (none). The floors are saturation: bytes / W * (1 + half / bytes) is linear in bytes, and its
constant is `memory_floor_s`. Every default is a peak rate.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tokenroof.provenance import Grade

__all__ = ["ALGORITHMS", "BOUND", "EVEN", "PEAK", "CollectiveCurve", "Efficiency", "OperatorCurve", "Routing"]

# What engine.networks can time. Each applies to some kinds of collective; in-switch and one-shot need one domain.
ALGORITHMS = ("ring", "tree", "one-shot", "two-shot", "in-switch", "direct")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCurve:
    """One kind of operator on one chip.

    `padding_rows`, `padding_bytes` and `tile_columns` count for grouped matmuls, whose kernels work in tiles: rows that
    each group is padded by, bytes by which a row of the slice of an expert that a rank holds is in effect longer, and
    the columns that slices are stored in multiples of.
    `launches` is the host's work for one run of it in a pass without a graph, in launches of a plain kernel: a block of
    experts also sorts, permutes and quantises its tokens.
    """

    fixed_s: float = 0.0
    flops_share: float = 1.0
    bytes_share: float = 1.0
    compute_floor_s: float = 0.0
    memory_floor_s: float = 0.0
    sharpness: float = math.inf
    padding_rows: float = 0.0
    padding_bytes: float = 0.0
    tile_columns: float = 1.0
    launches: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectiveCurve:
    """One algorithm of the communication library: cost of a call, of a step, and the share of link bandwidth.

    `out_` figures hold for the scale-out network. `max_bytes` is the largest buffer that the library uses the
    algorithm for (a custom kernel's workspace), `min_ranks` and `max_ranks` the smallest and the largest group,
    `engine` the generation of engines that has it, where not all do.
    """

    algorithm: str
    call_s: float = 0.0
    step_s: float = 0.0
    bytes_share: float = 1.0
    out_call_s: float = 0.0
    out_step_s: float = 0.0
    out_bytes_share: float = 1.0
    max_bytes: float = math.inf
    min_ranks: float = 1.0
    max_ranks: float = math.inf
    engine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How tokens spread over experts.

    `skew` is how far the busiest rank's count of experts with work lies above the mean one's, in units of what random
    routing gives: 0 spreads them evenly, 1 is chance. `shape` is that of the Gamma distribution of the experts'
    popularity (its relative variance is 1 / shape): infinite makes them equally popular. `alike`: all tokens of a pass
    choose the same experts, the fewest that it can touch, whatever the prompts.
    """

    skew: float = 0.0
    shape: float = math.inf
    alike: bool = False


EVEN = Routing()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Efficiency:
    """A profile of one chip under one engine.

    `operators` is looked up as "kind.format", "kind.rate", "kind", then ""; `collectives` as the kind of collective,
    then "". The first found wins; a profile without one raises DataMissing. Formats are names of types.dtype: of
    the weights in matmuls, of the cache in attention.

    `stream_s` is what the host takes for each sequence to handle and send its token, where neither is put off.
    `launch_s` is what the host takes to start one kernel, `request_s` what a request spends outside the passes (HTTP,
    scheduling) before its first token, `prompt_token_s` what comes to it with each token of its prompt, cached or not
    (tokeniser, hashes of blocks), `warmup_s` what the first wave of a run waits for compilation, `draft_sequence_s`
    what a pass with drafts takes for each sequence whose guesses are kept or thrown away. `draft_pass_s` is what the
    host does once in such a pass while the GPU waits: it starts the draft head and the check of its guesses, each of
    which needs what came before; `draft_plan_s` comes to it where the host plans the work of attention for each.
    `eager`: no pass is captured in a graph, so that `launch_s` holds for passes without prompts too.
    `spread` holds, by metric, the half-width of the 80 % range as a natural logarithm; `pair_spread`, as
    "layouts.metric" and "formats.metric", the width of 80 % of the differences between the log errors of two
    deployments of one machine that differ in layout alone, or in formats too: part of an error is shared.

    `skew_s_per_width` is what ranks wait for each other before a collective, per element of the residual stream: the
    wider the model, the longer the work between two collectives, and with it the spread of their ends.

    `overlap` is the share of communication time that other work hides, `expert_imbalance` the busiest GPU's share of
    routed tokens over the mean one's. In 80 % of held-out cases measured time lay between `low` and `high` times
    the predicted one; `n` cases were fitted, `median_error` is the median absolute error on those held out.
    """

    id: str
    operators: Mapping[str, OperatorCurve]
    collectives: Mapping[str, tuple[CollectiveCurve, ...]]
    overlap: float = 0.0
    expert_imbalance: float = 1.0
    routing: Routing = EVEN
    skew_s_per_width: float = 0.0
    host_s: float = 0.0
    host_per_layer_s: float = 0.0
    host_per_sequence_s: float = 0.0
    stream_s: float = 0.0
    host_per_token_s: float = 0.0
    launch_s: float = 0.0
    request_s: float = 0.0
    prompt_token_s: float = 0.0
    warmup_s: float = 0.0
    draft_sequence_s: float = 0.0
    draft_pass_s: float = 0.0
    draft_plan_s: float = 0.0
    eager: bool = False
    spread: Mapping[str, float] = field(default_factory=dict)
    pair_spread: Mapping[str, float] = field(default_factory=dict)
    chip: str = ""
    engine: str = ""
    low: float = 1.0
    high: float = 1.0
    n: int = 0
    median_error: float | None = None
    source: str = ""
    as_of: str = ""
    grade: Grade = Grade.FITTED
    notes: tuple[str, ...] = ()

    @property
    def per_sequence_s(self) -> float:
        """What a pass takes on the host for each sequence."""
        return self.host_per_sequence_s + self.stream_s

    def outside_s(self, isl: Any) -> Any:
        """What a request with a prompt of so many tokens spends outside the passes. Numbers or arrays."""
        return self.request_s + self.prompt_token_s * isl


PEAK = Efficiency(
    id="peak",
    operators={"": OperatorCurve()},
    collectives={"": tuple(CollectiveCurve(algorithm=name) for name in ALGORITHMS)},
    overlap=1.0,
    source="the datasheet: every operator at peak rates, one after another",
    as_of="2026-11-25",
    grade=Grade.DERIVED,
)

# What no run can beat, however its prompts are routed. PEAK takes routing as random, which identical prompts are not.
BOUND = replace(PEAK, id="bound", routing=Routing(alike=True))
