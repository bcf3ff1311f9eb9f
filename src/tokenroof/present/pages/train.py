"""The page of `train`: the equal split beside the least cost, the run as it was, pipelines and activations."""

from collections.abc import Iterable

from tokenroof.present.numbers import BYTES, PARAMS, Unit, column, count, percent, quantity, times
from tokenroof.present.page import REMARK, Block, KeyValues, Page, Remark, Table, note, numbers, words
from tokenroof.present.pages.parts import defaults_of, defaults_table
from tokenroof.usecases.train.run import TrainResponse

__all__ = ["page_of"]

_USD = Unit(before="$", money=True)


def _flops(value: float) -> str:
    return f"{value:.3g}"


def _sentence(answer: TrainResponse) -> str:
    equal, best = answer.equal, answer.optimum
    served = quantity(equal.inference_tokens, PARAMS)
    head = (
        f"At loss {best.loss:.4f} and {served} served tokens the least cost is {quantity(best.params, PARAMS)} active "
        f"parameters on {quantity(best.tokens, PARAMS)} tokens"
    )
    if best.split_over_optimum is None:
        return f"{head}."
    shares = ":".join(f"{part:g}" for part in answer.split)
    return f"{head}; the split {shares} costs {times(best.split_over_optimum)} that."


def _split(answer: TrainResponse) -> Table:
    equal, best = answer.equal, answer.optimum
    both = equal.pretrain_flops + equal.inference_flops
    total = both + equal.rl_flops
    shares = ":".join(f"{part:g}" for part in answer.split)
    alone = best.alone_tokens / best.alone_params
    rows = [
        ("active parameters", *(quantity(one, PARAMS) for one in (equal.params, best.params, best.alone_params))),
        ("pre-training tokens", *(quantity(one, PARAMS) for one in (equal.pretrain_tokens, best.tokens,
                                                                      best.alone_tokens))),
        ("RL tokens", quantity(equal.rl_tokens, PARAMS), "", ""),
        ("served tokens", *(quantity(one, PARAMS) for one in (equal.inference_tokens, equal.inference_tokens, 0.0))),
        ("tokens a parameter", quantity(equal.pretrain_tokens / equal.params), quantity(best.tokens_per_param),
         quantity(alone)),
        ("overtraining", times(equal.overtraining), times(best.overtraining), times(alone / answer.tokens_per_param)),
        ("loss", f"{equal.loss:.4f}", f"{best.loss:.4f}", f"{best.loss:.4f}"),
        ("pre-training's share, without RL", percent(equal.pretrain_flops / both), percent(best.training_share),
         "100 %"),
        ("pre-training's share of all", percent(equal.pretrain_flops / total), "", ""),
        ("FLOP, without RL", *map(_flops, (both, best.flops, best.alone_flops))),
    ]  # fmt: skip
    if best.split_over_optimum is not None:
        rows.append(("cost over the least", times(best.split_over_optimum), "1x", ""))
    heads = map(numbers, (f"split {shares}", "least cost", "without serving"))
    return Table(
        name="main", title="The same loss", columns=(words(), *heads), rows=rows, remarks=tuple(_remarks(answer))
    )


def _remarks(answer: TrainResponse) -> Iterable[Remark]:
    if answer.model is not None:
        yield note("the law is of dense models; active parameters stand for its parameters")


def _machines(answer: TrainResponse) -> list[Block]:
    blocks: list[Block] = []
    if answer.run is not None:
        run = answer.run
        pairs = [
            ("FLOP", f"{run.flops:.4g}", "6 a parameter and token; attention left out"),
            ("overtraining", times(run.overtraining), f"loss {run.loss:.4f} by this law"),
        ]
        blocks.append(KeyValues(title=f"A run of {quantity(run.tokens, PARAMS)} tokens", pairs=pairs, name="run"))
    if answer.bills:
        rows = [
            (one.name, _flops(one.flops), quantity(one.gpu_hours, PARAMS), quantity(one.days), quantity(one.usd, _USD))
            for one in answer.bills
        ]
        heads = map(numbers, ("FLOP", "GPU-hours", "days", "cost"))
        blocks.append(Table(name="bills", title="On the machine", columns=(words(), *heads), rows=rows))
    return blocks


def _pipeline(answer: TrainResponse) -> Table:
    rows = [
        (one.schedule, percent(one.idle, decimals=1), quantity(one.in_flight) if one.in_flight else "", one.source)
        for one in answer.bubbles
    ]
    columns = (words(), numbers("idle"), numbers("micro-batches held"), words(drop=REMARK))
    folded = bool(answer.bills)
    return Table(name="pipelines", title="Pipeline schedule", columns=columns, rows=rows, full=folded)


def _activations(answer: TrainResponse) -> list[Table]:
    found = answer.activations
    if found is None:
        return []
    ones = column([row.one_bytes for row in found.rows], BYTES)
    stages = column([row.stage_bytes for row in found.rows], BYTES)
    rows = [
        (row.policy, one, stage, f"{row.flops_per_param_token:g}")
        for row, one, stage in zip(found.rows, ones, stages, strict=True)
    ]
    heads = map(numbers, ("one micro-batch", f"first of {found.stages} stages", "FLOP a parameter and token"))
    said = (
        f"{found.layers} layers of width {count(found.hidden)}, {count(found.micro_batch_tokens)} tokens in one, "
        f"{count(found.in_flight)} in flight, {found.tensors_per_layer:g} tensors a layer (Korthikanti et al. 2022)"
    )
    return [Table(name="activations", title="Activations, bf16", columns=(words(), *heads), rows=rows, lines=(said,))]


def page_of(answer: TrainResponse) -> Page:
    """The answer as a page."""
    blocks = [_split(answer), *_machines(answer), _pipeline(answer), *_activations(answer)]
    missing = (
        () if answer.activations is not None else ("memory of activations: give a model, or `layers` and `hidden`",)
    )
    return Page(
        title=answer.model or "training", kind="Training", sentence=_sentence(answer),
        blocks=[*blocks, *defaults_table(answer.defaults)], also=[("Law", f"{answer.fit.name}: {answer.fit.source}")],
        defaults=defaults_of(answer.defaults), left_out=missing,
        next=("`output` train.svg", "`system` 2048xh800 for a bill"),
    )  # fmt: skip
