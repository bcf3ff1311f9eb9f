"""What a GPU holds beside weights and cache: live tensors of a pass, buffers that stay, graphs, copies made at load."""

import math

from tokenroof.mixers.rows import LOGITS, ONE, STAGE_TOKENS, TOKENS
from tokenroof.operators.program import form_value
from tokenroof.types.dtype import dtype
from tokenroof.types.memory_rule import Padding
from tokenroof.types.program import Num, Operator, Program
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["activation_peak_bytes", "graphs_bytes", "kept_buffers_bytes", "loaded_more_bytes"]

_LIVE = ("gemm", "bmm", "grouped_gemm", "elementwise")
_COPY_BYTES = 2.0  # engines compute in 16 bits


def _xp(program: Program, tokens: Num) -> Namespace:
    return NUMPY if program.vectorised or hasattr(tokens, "shape") else SCALAR


def _values(program: Program, tokens: Num) -> list[Num]:
    """The variables of a prompt's pass of `tokens` tokens on each dp group."""
    values: list[Num] = [0.0] * len(program.variables)
    values[ONE], values[TOKENS], values[STAGE_TOKENS], values[LOGITS] = 1.0, tokens, tokens * program.layout.dp, 0.0
    return values


def _logits_bytes(program: Program, sequences: Num) -> Num:
    """The fp32 logits of so many sequences: every rank gathers the whole vocabulary."""
    rows = (row for row in program.operators if row.kind == "sampling")
    return sum(sequences * row.activations[0][1] * program.layout.tp for row in rows)


def _first_of_experts(program: Program) -> Operator | None:
    """The first matmul of experts that run in a workspace of two buffers; kernels for 4 bits bring their own."""
    rows = (row for row in program.operators if row.name == "experts up" and "fp4" not in row.format)
    return next(rows, None)


def activation_peak_bytes(
    program: Program,
    *,
    tokens: Num,
    sequences: Num,
    sampler_copies: float = 8.0,
    sampler_rows: int = 0,
    residual_copies: float = 2.0,
    workspace: bool = False,
) -> Num:
    """Most that live tensors take in a pass of `tokens` tokens on one dp group with `sequences` sampled positions.

    Whichever is more: the residual stream in `residual_copies` copies and beside it the widest operator's inputs and
    outputs; or the stream as it ends, twice the rows that are sampled, and the sampler's copies of the logits. With
    `workspace` experts work in buffers that are counted elsewhere.
    """
    xp = _xp(program, tokens)
    values = _values(program, tokens)
    apart = workspace and _first_of_experts(program) is not None
    widest: Num = 0.0
    for row in program.operators:
        if row.part == "all" and row.kind in _LIVE and not (apart and row.name.startswith("experts")):
            widest = xp.maximum(widest, form_value(row.activations, values))
    row_bytes = program.hidden * program.activation_bytes
    logits = _logits_bytes(program, sampler_copies * sequences + sampler_rows)
    sampling = (tokens + 2.0 * sequences) * row_bytes + logits
    return xp.maximum(residual_copies * tokens * row_bytes + widest, sampling)


def kept_buffers_bytes(program: Program, *, tokens: Num, sequences: Num, penalty_copies: float, workspace: bool) -> Num:
    """Buffers that stay: the sampler's counts of tokens, and the two of fused experts.

    A fused kernel writes what its two matmuls give for every token and expert picked; each buffer is as wide as the
    wider of what it holds. One dp group's ranks see all its tokens, several see what is sent to them.
    """
    kept = _logits_bytes(program, penalty_copies * sequences)
    row = _first_of_experts(program) if workspace else None
    if row is None or row.shape is None:
        return kept
    layout, xp = program.layout, _xp(program, tokens)
    wide, narrow = row.shape.n, row.shape.k
    visits = row.activations[0][1] / ((wide + narrow) * program.activation_bytes)  # of a token of the stage, on one GPU
    picked = tokens * layout.dp * visits * xp.where(layout.dp > 1, 1.0, layout.ep)
    widths = xp.maximum(wide / 2.0, narrow) + xp.maximum(wide, narrow)
    return kept + picked * widths * program.activation_bytes


def _graph_sizes(most: float) -> int:
    """Batch sizes that are captured up to one: 1, 2, 4, every 8 up to 256, every 16 beyond."""
    small = sum(size <= most for size in (1, 2, 4))
    eights = math.floor(min(most, 256.0) / 8.0)
    return int(small + eights + math.floor(max(most - 256.0, 0.0) / 16.0))


def graphs_bytes(sequences: float, *, first: float, each: float) -> float:
    """CUDA graphs of whole decode steps for at most `sequences`, and of pieces for at most twice as many tokens.

    The two kinds share the memory of the largest of them, `first`; every other graph has `each` of its own.
    """
    if not first:
        return 0.0
    whole, pieces = _graph_sizes(min(sequences, 512.0)), _graph_sizes(min(2.0 * sequences, 512.0))
    return first + max(whole + pieces - 2, 0) * each


def _rounded(number: Num, multiple: int, xp: Namespace) -> Num:
    return xp.ceil(number / multiple) * multiple


def loaded_more_bytes(program: Program, padding: Padding, *, up_projections: bool) -> Num:
    """Bytes of weights on one GPU, all layers, that are not in the checkpoint.

    MXFP4 experts are padded to what their kernel takes, and their biases are in 16 bits. Up-projections of latent
    attention that a checkpoint keeps in fewer bits are copied in 16, to be absorbed into queries and answers.
    """
    xp = _xp(program, 0.0)
    more: Num = 0.0
    for row in program.operators:
        if row.shape is None:
            continue
        n, k = row.shape.n, row.shape.k
        if row.name in ("experts up", "experts down") and row.format == "mxfp4":
            up = row.name == "experts up"
            inner, hidden = (n / 2.0, k) if up else (k, n)
            padded = _rounded(inner, padding.inner, xp) * _rounded(hidden, padding.hidden, xp)
            whole = padded / (inner * hidden) * dtype("mxfp4").bytes_per_element
            values = dtype("fp4").bytes_per_element * (_rounded(k, padding.summed, xp) / k - 1.0)
            grown = whole + values - dtype("mxfp4").bytes_per_element
            stored = dtype("mxfp4").bytes_per_element
            biases = row.weights[0][1] / stored - n * k
            more = more + row.count * row.shape.groups * (n * k * grown + biases * (_COPY_BYTES - stored))
        if up_projections and row.name == "latent absorb (decode)" and dtype(row.format).bytes_per_element < 2.0:
            more = more + row.count * n * k * _COPY_BYTES
    return more
