"""What linear attention and state-space layers share: a constant state per sequence, whatever the context."""

from tokenroof.errors import InputError
from tokenroof.mixers.lowering import PARTS, close
from tokenroof.mixers.rows import TOKENS, Rows
from tokenroof.types.model import LinearAttention, Ssm

__all__ = ["lower_recurrent", "no_cache_formula", "projection_params", "state_bytes", "state_flops"]

Recurrent = LinearAttention | Ssm

# Multiply-adds per state element and token: decay-and-add of the outer product, then the read with the query.
# The delta rule reads the state once more before it writes.
_STATE_MACS = {"lightning": 2.0, "gated delta": 3.0, "KDA": 3.0, "mamba": 2.0, "mamba-2": 2.0, "RG-LRU": 2.0,
               "short convolution": 0.0}  # fmt: skip


def projection_params(mixer: Recurrent, hidden: int) -> int:
    """Weights of one layer, which the model gives whole."""
    return mixer.in_params + mixer.out_params + mixer.extra_params


def state_bytes(mixer: Recurrent) -> float:
    """Bytes per sequence of one layer: recurrent state and convolution state."""
    return mixer.state_elements * mixer.state_bytes_per_element + mixer.conv_elements * mixer.conv_bytes_per_element


def state_flops(mixer: Recurrent) -> float:
    """FLOP per token that updating and reading the state takes."""
    if mixer.kind not in _STATE_MACS:
        raise InputError("mixer.kind", mixer.kind, f"one of {', '.join(_STATE_MACS)}")
    return 2.0 * _STATE_MACS[mixer.kind] * mixer.state_elements


def no_cache_formula(mixer: Recurrent, kv_bytes: float) -> tuple[str, str]:
    """A token adds nothing to what is stored."""
    return "0", "0"


def lower_recurrent(rows: Rows, mixer: Recurrent, count: int) -> None:
    """Projections in and out, and between them a state that is read and written once per pass."""
    hidden, tp = rows.model.hidden, rows.tp
    state = state_bytes(mixer) / tp
    rows.gemm(
        "recurrent input projection", count, n=mixer.in_params / hidden / tp, k=hidden, weight_class="recurrent",
        extra=mixer.extra_params / tp,
    )  # fmt: skip
    inner = mixer.out_params / hidden / tp
    for part, _, tokens, sequences in PARTS:
        rows.add(
            f"{mixer.kind} ({part})",
            f"recurrence_{part}",
            count,
            part=part,
            flops=((tokens, state_flops(mixer) / tp),),
            kv_read=((sequences, state),),
            kv_write=((sequences, state),),
            activations=((tokens, (mixer.in_params / hidden / tp + inner) * rows.act),),
        )
    rows.state = rows.state + count * state
    rows.largest_state = rows.xp.maximum(rows.largest_state, state)
    rows.gemm("recurrent output projection", count, n=hidden, k=inner, weight_class="recurrent", driver=TOKENS)
    close(rows, "recurrent", count)
