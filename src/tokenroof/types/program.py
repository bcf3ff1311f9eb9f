"""A forward pass as a table of operators: coefficients, not code. What one GPU does, with every count linear.

Each count of an operator (FLOP, bytes of weights, cache, activations, traffic) is a linear form in a few
variables that the load of the pass decides. So one Program is evaluated over arrays of loads, over arrays of
layouts (coefficients may be arrays), or sent to another language as plain numbers.
"""

from dataclasses import dataclass
from typing import Any

from tokenroof.types.layout import Layout

__all__ = [
    "FIXED_VARIABLES", "CacheEntry", "Comm", "ContextRule", "Form", "Load", "Operator", "OperatorTime", "Program",
    "Routes", "Shape", "StepTimes", "Totals", "Variable",
]  # fmt: skip

Num = Any  # a float, or an array of them
# expert slots of a layer, experts that a token goes to, ranks that it meets, ranks over which an expert is cut
Routes = tuple[Num, int, Num, Num]
Form = tuple[tuple[int, Num], ...]  # sum of coefficient * variable, variables by position

# Always there, in this order, on the busiest GPU; `stage_tokens` are those of all dp groups, `logits` the positions
# whose next token is wanted, `decode` and `prefill` are 1 where the pass has such a part, else 0.
FIXED_VARIABLES = (
    "one", "tokens", "stage_tokens", "logits",
    "decode", "decode_tokens", "decode_sequences", "prefill", "prefill_tokens", "prefill_sequences",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContextRule:
    """Which earlier tokens a new token attends to: full, window (the last `size`), chunk (of `size`), sqrt, none."""

    kind: str
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Variable:
    """A number that the load decides, beyond the fixed ones.

    touched: of `size` expert slots on a GPU, those that at least one token of the stage meets, when a token
    meets each with probability `chance`. pairs: (new token, attended token) pairs of one dp group.
    reads: cached tokens that the group's attention reads. The last two belong to `part` decode or prefill. `half_of`:
    the position of the variable of which this one has half of the tokens.
    """

    kind: str
    part: str = ""
    rule: ContextRule = ContextRule("none")
    size: Num = 0.0
    chance: Num = 0.0
    half_of: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """The matrix multiplication on one GPU: n columns, k rows of weights, in how many groups (experts).

    `slice` is what tensor parallelism leaves of an expert's inner width, 0 outside of experts.
    """

    n: Num
    k: Num
    groups: Num = 1
    slice: Num = 0


@dataclass(frozen=True, slots=True)
class Comm:
    """A collective over `group` ranks that are `stride` apart; `bytes` is the buffer as its library counts it.

    all_reduce: the whole buffer on each rank. all_gather, reduce_scatter: the gathered buffer. all_to_all: what
    one rank sends, itself included. hop: what one rank passes to the next stage. `routes` for tokens on their way
    to experts: they may cross to another domain once and be handed on there.
    """

    kind: str
    group: Num
    stride: Num
    bytes: Form
    routes: Routes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One row: `count` runs per pass, each with these counts on the busiest GPU.

    `part` tells which tokens drive it: all, decode or prefill. `rate` is the key of the arithmetic it runs at,
    `format` the number format of what it reads: weights in a matmul, cache in attention.
    """

    name: str
    kind: str
    part: str
    count: Num
    rate: str
    format: str
    flops: Form = ()
    weights: Form = ()
    kv_read: Form = ()
    kv_write: Form = ()
    activations: Form = ()
    shape: Shape | None = None
    comm: Comm | None = None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What the cache holds: `bytes_per_token` on one GPU, all layers of a kind, for each token that `rule` keeps."""

    rule: ContextRule
    bytes_per_token: Num


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A model lowered to a layout: everything on one GPU of each pipeline stage, summed over the stages.

    `hidden` is the width of the residual stream, `activation_bytes` what one of its elements takes.
    `stored_bytes` is weights by class. `cache` and `state_bytes_per_sequence` are what a sequence of this GPU's
    dp group holds; an engine that gives all layers pages of one size adds `padding_bytes_per_token`. A layer's state
    takes as much as its entries for `state_tokens` tokens (0: no state, or no entries beside it).
    `vision_pass_bytes` is what a vision tower holds at most.
    `vectorised`: coefficients are arrays, one element per layout.
    """

    model: str
    layout: Layout
    layers: int
    hidden: int
    activation_bytes: float
    variables: tuple[Variable, ...]
    operators: tuple[Operator, ...]
    stored_bytes: dict[str, Num]
    cache: tuple[CacheEntry, ...]
    state_bytes_per_sequence: Num
    padding_bytes_per_token: Num = 0.0
    state_tokens: Num = 0.0
    vision_pass_bytes: Num = 0.0
    vectorised: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """Work of one pass over all dp groups: new tokens, of how many sequences, each `context` long afterwards.

    Decode has one new token a sequence, verification of d drafts 1 + d, prefill the uncached prompt (or a chunk).
    `context` counts every token that the last new one attends to, itself included. `groups` is how many dp groups
    share the work where not all of them do. Numbers or arrays.
    """

    tokens: Num
    sequences: Num
    context: Num
    groups: Num = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of one pass on the busiest GPU; `flops` by rate key."""

    flops: dict[str, Num]
    weight_bytes: Num
    kv_read_bytes: Num
    kv_write_bytes: Num
    activation_bytes: Num
    comm_bytes: Num

    @property
    def all_flops(self) -> Num:
        return sum(self.flops.values())

    @property
    def memory_bytes(self) -> Num:
        """Bytes to and from memory."""
        return self.weight_bytes + self.kv_read_bytes + self.kv_write_bytes + self.activation_bytes

    def plus(self, other: "Totals", times: float = 1.0) -> "Totals":
        """With another pass run so many times."""
        keys = dict.fromkeys((*self.flops, *other.flops))
        return Totals(
            flops={key: self.flops.get(key, 0.0) + times * other.flops.get(key, 0.0) for key in keys},
            weight_bytes=self.weight_bytes + times * other.weight_bytes,
            kv_read_bytes=self.kv_read_bytes + times * other.kv_read_bytes,
            kv_write_bytes=self.kv_write_bytes + times * other.kv_write_bytes,
            activation_bytes=self.activation_bytes + times * other.activation_bytes,
            comm_bytes=self.comm_bytes + times * other.comm_bytes,
        )


NETWORK = ("network", "network latency")  # what binds collectives


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """A row of the operator table, all `count` runs: counts, times, what binds it, share of the sum of rows.

    `bound` is compute, memory or overhead; of a collective network, or network latency where it takes longer to begin
    and to wait for other ranks (`fixed_s`) than to send.
    """

    name: str
    kind: str
    part: str
    count: float
    rate: str
    format: str
    flops: float
    weight_bytes: float
    kv_read_bytes: float
    kv_write_bytes: float
    activation_bytes: float
    comm_bytes: float
    compute_s: float
    memory_s: float
    fixed_s: float
    time_s: float
    bound: str
    share: float = 0.0
    detail: str = ""

    @property
    def collective(self) -> bool:
        """Whether it runs on a network."""
        return self.bound in NETWORK

    @property
    def memory_bytes(self) -> float:
        """Bytes to and from memory."""
        return self.weight_bytes + self.kv_read_bytes + self.kv_write_bytes + self.activation_bytes

    @property
    def flops_per_byte(self) -> float | None:
        """Arithmetic intensity; None for what moves no memory."""
        return self.flops / self.memory_bytes if self.memory_bytes > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Time of one pass under `rule`, and the sums that it was made of. Sums overlap: they need not add up to it.

    `hidden_s` is what runs beside something else: operators, communication and overhead in turn would take so much
    longer. With pp > 1 `step_s` is one micro-batch through all stages; a new one can follow every `step_s / pp`.
    """

    rule: str
    profile: str
    step_s: Num
    compute_s: Num
    weights_s: Num
    kv_s: Num
    activations_s: Num
    communication_s: Num
    overhead_s: Num
    hidden_s: Num = 0.0
