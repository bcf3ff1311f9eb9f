"""A model of which only totals are known, as a Program: four rows whose coefficients are arrays over draws.

What every token uses, the routed experts, and attention over the context in prefill and in decode. Four figures that
the totals leave open are those usual in the catalogue, typed in here with their spread.
"""

from typing import Any

from tokenroof.mixers.rows import DECODE_TOKENS, ONE, PREFILL_TOKENS, STAGE_TOKENS, TOKENS
from tokenroof.types.layout import Layout
from tokenroof.types.program import FIXED_VARIABLES, CacheEntry, ContextRule, Operator, Program, Variable
from tokenroof.xp import NUMPY

__all__ = ["WEIGHTS", "sketch"]

WEIGHTS = "weights"  # arithmetic of matmuls with the model's weights: each draw has a format of its own

# Of the active parameters of a mixture, those outside its routed experts: median of the catalogue's 62 mixtures,
# whose middle four fifths lie between 0.25 and 0.60.
_ALWAYS_SHARE = 0.43
# Width of the residual stream and number of layers by active parameters: least squares on logarithms over the
# catalogue's 132 architectures, x/÷1.17 for the width.
_WIDTH, _WIDTH_POWER = 0.404, 0.398
_LAYERS, _LAYERS_POWER = 0.0892, 0.270
_PAIR_FLOPS = 4.0  # per layer and element of width: scores and weighted sum with heads as wide as the stream

_FULL = ContextRule("full")
_ACTIVATION_BYTES = 2.0


def sketch(
    layout: Layout, *, total: Any, active: Any, weight_bytes: Any, kv_bytes_per_token: Any, scan_fraction: Any
) -> Program:
    """The program of one GPU of `layout`, whose tp cuts everything. Parameters, bytes a parameter, bytes a token."""
    xp, gpus = NUMPY, layout.tp
    # a dense model is a mixture that every token uses whole
    always = xp.where(total > active, _ALWAYS_SHARE * active, active)
    routed, used = total - always, active - always
    width = _WIDTH * active**_WIDTH_POWER
    layers = _LAYERS * active**_LAYERS_POWER
    variables = [Variable(name) for name in FIXED_VARIABLES]
    touched = len(variables)
    # the share of the experts that some token of the pass meets
    variables.append(Variable("touched", size=1.0, chance=xp.ratio(used, routed, 1.0)))
    rows = [
        Operator(
            name="what every token uses", kind="gemm", part="all", count=1.0, rate=WEIGHTS, format=WEIGHTS,
            flops=((TOKENS, 2.0 * always / gpus),), weights=((ONE, always * weight_bytes / gpus),),
        ),
        Operator(
            name="routed experts", kind="grouped_gemm", part="all", count=1.0, rate=WEIGHTS, format=WEIGHTS,
            flops=((STAGE_TOKENS, 2.0 * used / gpus),), weights=((touched, routed * weight_bytes / gpus),),
        ),
    ]  # fmt: skip
    each = kv_bytes_per_token / gpus
    pair = _PAIR_FLOPS * width * layers * scan_fraction / gpus
    for part, tokens in (("decode", DECODE_TOKENS), ("prefill", PREFILL_TOKENS)):
        at = len(variables)
        variables += [Variable("pairs", part, _FULL), Variable("reads", part, _FULL)]
        rows.append(
            Operator(
                name=f"attention ({part})", kind=f"attention_{part}", part=part, count=1.0, rate="bf16", format="bf16",
                flops=((at, pair),), kv_read=((at + 1, each * scan_fraction),), kv_write=((tokens, each),),
            )
        )  # fmt: skip
    return Program(
        model="sketch", layout=layout, layers=1, hidden=width, activation_bytes=_ACTIVATION_BYTES,
        variables=tuple(variables), operators=tuple(rows), stored_bytes={"dense": total * weight_bytes / gpus},
        cache=(CacheEntry(_FULL, each),), state_bytes_per_sequence=0.0, vectorised=True,
    )  # fmt: skip
