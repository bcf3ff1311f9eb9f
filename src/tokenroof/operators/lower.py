"""A model and a layout become a Program: one row per distinct operator, all counts per GPU.

Layers that share a mixer or a feed-forward network share its rows; `count` says how many run. Lowering accepts
layouts whose degrees are arrays, so thousands of layouts of one model are lowered at once.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar, assert_never

from tokenroof.errors import InputError
from tokenroof.mixers import kind_of
from tokenroof.mixers.rows import LOGITS, STAGE_TOKENS, TOKENS, Rows
from tokenroof.operators.networks import places_met
from tokenroof.types.dtype import dtype
from tokenroof.types.layout import GATHERED, Layout
from tokenroof.types.model import DenseFfn, Ffn, Model, MoeFfn, NoFfn, NoMixer
from tokenroof.types.program import Num, Program, Shape, Variable

__all__ = ["lower", "lower_draft_head"]

K = TypeVar("K")

_LOGIT_BYTES = 4.0  # samplers work on fp32 logits


def lower(model: Model, layout: Layout | None = None) -> Program:
    """The operator table of one forward pass of `model` on one GPU of `layout` (default: one GPU in all).

    The layout is taken as legal; operators.layouts.check_layout says whether it is.
    """
    if model.encoder:
        raise InputError("model", model.id, "a model that writes tokens: an encoder has no cache and no decode")
    rows = Rows(model, layout or Layout())
    _embedding(rows)
    owners = [(group, 0 if group.borrowed else group.count) for group in model.layers]
    for mixer, count, own in _folded((group.mixer, group.count, own) for group, own in owners):
        rows.own_share = own / count
        kind_of(mixer).lower(rows, mixer, count)
    for ffn, count, own in _folded((group.ffn, group.count, own) for group, own in owners):
        rows.own_share = own / count
        _ffn(rows, ffn, count)
    rows.own_share = 1.0
    _norms(rows)
    _head(rows)
    if model.vision_params:  # held beside the language model, cut tp ways; text reads none of it
        rows.stored["vision"] = model.vision_params / rows.tp * rows.weight_bytes["other"]
    return _program(rows)


def _program(rows: Rows) -> Program:
    model = rows.model
    return Program(
        model=model.id,
        layout=rows.layout,
        layers=model.n_layers,
        hidden=model.hidden,
        activation_bytes=rows.act,
        variables=tuple(rows.variables),
        operators=tuple(rows.operators),
        stored_bytes=rows.stored,
        cache=tuple(rows.cache),
        state_bytes_per_sequence=rows.state,
        padding_bytes_per_token=rows.padding,
        vision_pass_bytes=(model.vision_pass_whole + model.vision_pass_cut / rows.tp) * rows.act,
        state_tokens=rows.xp.ratio(rows.largest_state, rows.largest_entry, 0.0),
        vectorised=rows.vectorised,
    )


def _folded(layers: Iterable[tuple[K, int, int]]) -> Iterable[tuple[K, int, int]]:
    """Each kind once, with how many layers have it and how many of them have weights of their own."""
    counts: dict[K, tuple[int, int]] = {}
    for key, count, own in layers:
        before = counts.get(key, (0, 0))
        counts[key] = before[0] + count, before[1] + own
    return [(key, count, own) for key, (count, own) in counts.items()]


def _embedding(rows: Rows) -> None:
    """A look-up reads one row per token, never the table; its vocabulary is cut tp ways."""
    model = rows.model
    rows.store("embedding", (model.vocab * model.hidden + model.lookup_params) / rows.tp)
    width = model.hidden * (rows.weight_bytes["embedding"] / rows.tp + rows.act)
    rows.add("embedding", "embedding", 1, activations=((TOKENS, width),))
    rows.all_reduce("embedding all-reduce", 1, width=model.hidden)


def _mlp(rows: Rows, name: str, count: int, *, width: int, gated: bool, weight_class: str, extra: Num) -> None:
    """A plain MLP, its inner width cut tp ways."""
    hidden, inner = rows.model.hidden, width / rows.tp
    up = inner * (2 if gated else 1)
    rows.gemm(f"{name} up", count, n=up, k=hidden, weight_class=weight_class, extra=extra / rows.tp)
    rows.elementwise(f"{name} activation", count, up + inner)
    rows.gemm(f"{name} down", count, n=hidden, k=inner, weight_class=weight_class)


def _ffn(rows: Rows, ffn: Ffn, count: int) -> None:
    if isinstance(ffn, DenseFfn):
        _mlp(
            rows, "MLP", count, width=ffn.intermediate, gated=ffn.gated, weight_class="dense", extra=ffn.extra_params
        )  # fmt: skip
        rows.all_reduce("MLP all-reduce", count, width=rows.model.hidden)
    elif isinstance(ffn, MoeFfn):
        _moe(rows, ffn, count)
    elif not isinstance(ffn, NoFfn):
        assert_never(ffn)


def _moe(rows: Rows, ffn: MoeFfn, count: int) -> None:
    """Router, experts, shared experts, and the traffic that brings tokens to experts and back."""
    model, layout, hidden = rows.model, rows.layout, rows.model.hidden
    width = ffn.latent or hidden
    rows.gemm("router", count, n=ffn.router_params / hidden, k=hidden, weight_class="other")
    if ffn.latent:
        rows.gemm("latent down", count, n=width, k=hidden, weight_class="dense")
    _experts(rows, ffn, count, width)
    if ffn.latent:
        rows.gemm("latent up", count, n=hidden, k=width, weight_class="dense")
    if ffn.shared_intermediate or ffn.extra_params:
        _mlp(
            rows, "shared experts", count, width=ffn.shared_intermediate, gated=ffn.shared_gated,
            weight_class="shared_experts", extra=ffn.extra_params,
        )  # fmt: skip
    if ffn.parallel_dense_intermediate:
        _mlp(
            rows, "parallel MLP", count, width=ffn.parallel_dense_intermediate, gated=ffn.gated, weight_class="dense",
            extra=0.0,
        )  # fmt: skip

    # One dp group: its tp ranks hold the same tokens, each computes what its experts say, and a sum closes the layer.
    # Several: each rank sends its share of tokens to the ranks of their experts and gets the answers back; or all are
    # gathered on every rank, in rooms as large as the fullest group needs, and the answers summed and scattered.
    xp, stage = rows.xp, layout.stage
    alone = layout.dp * layout.cp == 1
    rows.collective(
        "experts all-reduce", count, "all_reduce", xp.where(alone, rows.tp, 1), 1, ((TOKENS, model.hidden * rows.sent),)
    )
    group = xp.where(alone, 1, stage)
    sent = _dispatched_bytes(layout.dispatch_dtype)
    if layout.moe_a2a_backend == GATHERED:
        room = layout.dp * layout.cp * width
        rows.collective("experts gather", count, "all_gather", group, 1, ((TOKENS, room * sent),))
        rows.collective("experts scatter", count, "reduce_scatter", group, 1, ((TOKENS, room * rows.sent),))
    else:
        slots, routes = ffn.n_experts + layout.redundant_experts, max(1, round(ffn.routes))
        met = places_met(slots, routes, layout.ep, xp) * layout.moe_tp
        share, way = met * width / rows.tp, (slots, routes, met, layout.moe_tp)
        sent = xp.where(layout.moe_tp > 1, rows.sent, sent)  # libraries that quantise know whole experts alone
        for name, size in (("dispatch", sent), ("combine", rows.sent)):
            size_form = ((TOKENS, share * size),)
            rows.collective(f"experts {name}", count, "all_to_all", group, 1, size_form, routes=way)
    pooled = xp.where(alone, 1, rows.tp)
    rows.collective("experts all-gather", count, "all_gather", pooled, 1, ((TOKENS, hidden * rows.sent),))


def _dispatched_bytes(name: str) -> float:
    """Of an element on its way to experts: blocks of FP8 are 128 of a token there, with a scale of 4 bytes (DeepEP)."""
    return 1.0 + 4.0 / 128.0 if name == "fp8_block" else dtype(name).bytes_per_element


def _experts(rows: Rows, ffn: MoeFfn, count: int, width: int) -> None:
    """Routed experts: tokens of the whole stage meet `slots` expert copies, of which each GPU group holds 1 / ep."""
    layout = rows.layout
    slots = ffn.n_experts + layout.redundant_experts
    local = slots / layout.ep
    inner = ffn.intermediate / layout.moe_tp
    up = inner * (2 if ffn.gated else 1)
    touched = rows.variable(Variable("touched", size=local, chance=ffn.routes / slots))
    arriving = ffn.routes / layout.ep  # expert visits per token of the stage, on one GPU
    weight, rate = rows.weight_bytes["experts"], rows.weight_rate["experts"]
    for name, n, k, extra in (
        ("experts up", up, width, ffn.expert_bias_params / layout.moe_tp),
        ("experts down", width, inner, 0.0),
    ):
        params = n * k + extra
        rows.store("experts", params * local * count)
        rows.add(
            name,
            "grouped_gemm",
            count,
            rate=rate,
            format=rows.weight_format["experts"],
            flops=((STAGE_TOKENS, 2.0 * params * arriving),),
            weights=((touched, params * weight),),
            activations=((STAGE_TOKENS, (n + k) * arriving * rows.act),),
            shape=Shape(n, k, local, inner),
        )
        if name == "experts up":
            rows.elementwise("experts activation", count, (up + inner) * arriving, driver=STAGE_TOKENS)


def _norms(rows: Rows) -> None:
    """Norms with their residual sums, and whatever small weights every token uses; whole on each rank."""
    model = rows.model
    params = sum(group.norm_params * group.count for group in model.layers if not group.borrowed)
    blocks = sum(
        group.count * ((group.mixer != NoMixer()) + (not isinstance(group.ffn, NoFfn))) for group in model.layers
    )
    total = params + model.final_norm_params + model.other_params
    runs = blocks + 1
    rows.elementwise("norms and residuals", runs, 4 * model.hidden, params=total / runs)


def _head(rows: Rows) -> None:
    model = rows.model
    columns = model.vocab / rows.tp
    tied = model.tied_embeddings
    rows.gemm(
        "unembedding", 1, n=columns, k=model.hidden, weight_class="embedding" if tied else "unembedding",
        driver=LOGITS, stored=not tied,
    )  # fmt: skip
    rows.collective("logits all-gather", 1, "all_gather", rows.tp, 1, ((LOGITS, model.vocab * rows.act),))
    rows.add("sampling", "sampling", 1, activations=((LOGITS, columns * _LOGIT_BYTES),))
    layout = rows.layout
    width = model.hidden * rows.act / rows.tp
    rows.collective("pipeline hop", layout.pp - 1, "hop", layout.pp, layout.stage, ((TOKENS, width),))


def lower_draft_head(model: Model, layout: Layout | None = None) -> Program:
    """One multi-token-prediction module, which drafts one token: a layer like the model's last, and the head.

    It joins the hidden state and the embedding of the token before it with a 2 h to h projection, and shares
    embedding and head with the model (DeepSeek-V3 report, arXiv 2412.19437, section 2.2).
    """
    last = replace(model.layers[model.order[-1] if model.order else -1], count=1)
    layout = replace(layout or Layout(), two_batch_overlap=False)  # one layer: its batch is not cut
    rows = Rows(replace(model, layers=(last,), other_params=0), layout)
    _embedding(rows)
    rows.gemm("draft projection", 1, n=model.hidden, k=2 * model.hidden / rows.tp, weight_class="dense")
    kind_of(last.mixer).lower(rows, last.mixer, 1)
    _ffn(rows, last.ffn, 1)
    _norms(rows)
    _head(rows)
    return _program(rows)
