"""Collects operators while a model is lowered: variables get numbers, weights get bytes, rows get forms."""

from collections.abc import Mapping

from tokenroof.types.dtype import dtype
from tokenroof.types.layout import Layout
from tokenroof.types.model import Model, WeightDtypes
from tokenroof.types.program import (
    FIXED_VARIABLES,
    CacheEntry,
    Comm,
    ContextRule,
    Form,
    Num,
    Operator,
    Routes,
    Shape,
    Variable,
)
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = [
    "DECODE", "DECODE_SEQUENCES", "DECODE_TOKENS", "LOGITS", "ONE", "PREFILL", "PREFILL_SEQUENCES", "PREFILL_TOKENS",
    "STAGE_TOKENS", "TOKENS", "Rows", "is_array",
]  # fmt: skip

(
    ONE,
    TOKENS,
    STAGE_TOKENS,
    LOGITS,
    DECODE,
    DECODE_TOKENS,
    DECODE_SEQUENCES,
    PREFILL,
    PREFILL_TOKENS,
    PREFILL_SEQUENCES,
) = range(len(FIXED_VARIABLES))


def is_array(number: Num) -> bool:
    """Whether a degree or coefficient stands for many."""
    return hasattr(number, "shape")


def _class_bytes(dtypes: WeightDtypes, name: str) -> float:
    shares: Mapping[str, float] = dtypes.mixed.get(name) or {getattr(dtypes, name): 1.0}
    return sum(share * dtype(part).bytes_per_element for part, share in shares.items())


class Rows:
    """The growing operator table of one model in one layout."""

    def __init__(self, model: Model, layout: Layout) -> None:
        self.model, self.layout = model, layout
        self.vectorised = any(is_array(d) for d in (layout.tp, layout.pp, layout.ep, layout.dp, layout.cp, layout.dcp))
        self.xp: Namespace = NUMPY if self.vectorised else SCALAR
        self.tp, self.cp, self.dcp = layout.tp, layout.cp, layout.dcp
        weights = layout.weights or model.weights
        self.weight_bytes = {
            name: _class_bytes(weights, name) for name in WeightDtypes.__dataclass_fields__ if name != "mixed"
        }
        self.weight_rate = {
            name: layout.arithmetic or dtype(getattr(weights, name)).rate_key for name in self.weight_bytes
        }
        self.weight_format = {name: str(getattr(weights, name)) for name in self.weight_bytes}
        self.kv_format = layout.kv_dtype or model.kv_dtype
        self.kv = dtype(self.kv_format).bytes_per_element
        self.act = dtype(layout.activation_dtype).bytes_per_element
        self.act_rate = dtype(layout.activation_dtype).rate_key
        self.sent = dtype(layout.collective_dtype).bytes_per_element
        self.variables: list[Variable] = [Variable(name) for name in FIXED_VARIABLES]
        self.operators: list[Operator] = []
        self.stored: dict[str, Num] = {}
        self.own_share = 1.0  # of the layers that are lowered: those whose weights are not another's
        self.cache: list[CacheEntry] = []
        self.state: Num = 0.0
        self.padding: Num = 0.0
        self.largest_state: Num = 0.0  # of one layer
        self.largest_entry: Num = 0.0  # of one token in one layer

    def variable(self, wanted: Variable) -> int:
        """Position of a variable; equal ones are shared."""
        for position, known in enumerate(self.variables):
            if known.kind in ("pairs", "reads") and known == wanted:
                return position
        self.variables.append(wanted)
        return len(self.variables) - 1

    def pairs(self, part: str, rule: ContextRule) -> int:
        return self.variable(Variable("pairs", part, rule))

    def reads(self, part: str, rule: ContextRule) -> int:
        return self.variable(Variable("reads", part, rule))

    def add(
        self,
        name: str,
        kind: str,
        count: Num,
        *,
        part: str = "all",
        rate: str = "",
        format: str = "",
        flops: Form = (),
        weights: Form = (),
        kv_read: Form = (),
        kv_write: Form = (),
        activations: Form = (),
        shape: Shape | None = None,
        comm: Comm | None = None,
    ) -> None:
        """Append one row."""
        self.operators.append(
            Operator(
                name=name, kind=kind, part=part, count=count, rate=rate or self.act_rate,
                format=format or self.layout.activation_dtype, flops=flops, weights=weights, kv_read=kv_read,
                kv_write=kv_write, activations=activations, shape=shape, comm=comm,
            )
        )  # fmt: skip

    def gemm(
        self,
        name: str,
        count: Num,
        *,
        n: Num,
        k: Num,
        weight_class: str,
        extra: Num = 0.0,
        driver: int = TOKENS,
        present: int = ONE,
        part: str = "all",
        kind: str = "gemm",
        stored: bool = True,
    ) -> None:
        """A weight matmul of k x n (and `extra` small weights) on one GPU, driven by a token variable."""
        params = n * k + extra
        per_weight = self.weight_bytes[weight_class]
        if stored:
            self.store(weight_class, params * count)
        self.add(
            name,
            kind,
            count,
            part=part,
            rate=self.weight_rate[weight_class],
            format=self.weight_format[weight_class],
            flops=((driver, 2.0 * params),),
            weights=((present, params * per_weight),),
            activations=((driver, (n + k) * self.act),),
            shape=Shape(n, k),
        )

    def store(self, weight_class: str, params: Num) -> None:
        """Weights that the GPU holds, in its class's format."""
        held = self.stored.get(weight_class, 0.0)
        self.stored[weight_class] = held + params * self.own_share * self.weight_bytes[weight_class]

    def keep(self, rule: ContextRule, bytes_per_token: Num) -> None:
        """Cache bytes on the GPU for each token that `rule` keeps."""
        self.cache.append(CacheEntry(rule, bytes_per_token))

    def elementwise(self, name: str, count: Num, elements: Num, *, driver: int = TOKENS, params: Num = 0.0) -> None:
        """Work that only moves activations: `elements` read or written per token."""
        if params:
            self.store("other", params * count)
        self.add(
            name,
            "elementwise",
            count,
            flops=((driver, 2.0 * params),) if params else (),
            weights=((ONE, params * self.weight_bytes["other"]),) if params else (),
            activations=((driver, elements * self.act),),
        )

    def collective(
        self,
        name: str,
        count: Num,
        kind: str,
        group: Num,
        stride: Num,
        size: Form,
        routes: Routes | None = None,
        part: str = "all",
    ) -> None:
        """A collective; left out where it has one rank or nothing to move."""
        if not self.vectorised and (group <= 1 or count <= 0 or not any(c for _, c in size)):
            return
        self.add(name, "collective", count, part=part, comm=Comm(kind, group, stride, size, routes))

    def all_reduce(self, name: str, count: Num, *, width: Num, driver: int = TOKENS) -> None:
        """Sum over the tp group of `width` elements per token."""
        self.collective(name, count, "all_reduce", self.tp, 1, ((driver, width * self.sent),))
