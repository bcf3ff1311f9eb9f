"""The pictures of `train`: cost against model size at one loss, idle share of pipelines, memory of activations."""

from pathlib import Path
from typing import Any

from tokenroof.formulas import pipeline, training
from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, plain_logarithm, save_figure, thousands
from tokenroof.usecases.train.run import TrainResponse, tokens_at_loss

__all__ = ["draw"]

_LINES = ("compute", "kv", "weights")


def _cost(axis: Any, answer: TrainResponse) -> None:
    optimum, equal = answer.optimum, answer.equal
    same = optimum.split_over_optimum is not None
    reach = [optimum.params, optimum.alone_params] + ([equal.params] if same else [])
    low, high = min(reach) / 2.0, max(reach) * 1.6
    sizes, train, serve = [], [], []
    for i in range(300):
        params = low * (high / low) ** (i / 299)
        tokens = tokens_at_loss(answer.fit, optimum.loss, params)
        if tokens is None:
            continue
        sizes.append(params)
        train.append(float(training.pretrain_flops(active_params=params, tokens=tokens)))
        serve.append(
            float(
                training.inference_flops(
                    active_params=params, tokens=answer.inference_tokens, inefficiency=answer.inefficiency
                )
            )
        )
    total = [a + b for a, b in zip(train, serve, strict=True)]
    axis.plot(sizes, train, color=COLOURS["compute"], lw=1.5, label="training")
    axis.plot(sizes, serve, color=COLOURS["kv"], lw=1.5, label="serving")
    axis.plot(sizes, total, color=COLOURS["total"], lw=2.4, label="both")
    axis.plot([optimum.params], [optimum.flops], "o", color=COLOURS["limit"], ms=8,
              label=f"optimum: {optimum.overtraining:,.0f}x overtrained")  # fmt: skip
    axis.plot([optimum.alone_params], [optimum.alone_flops], "s", mfc="white", color=COLOURS["compute"], ms=7,
              label="optimum without serving")  # fmt: skip
    if same:
        cost = equal.pretrain_flops + equal.inference_flops
        axis.plot([equal.params], [cost], "D", color=COLOURS["second"], ms=8,
                  label=f"equal split: {equal.overtraining:,.0f}x overtrained")  # fmt: skip
    axis.set(title=f"Every model of loss {optimum.loss:.4g}", xlabel="parameters", ylabel="cost (FLOP of pre-training)")
    axis.set_xscale("log")
    axis.set_yscale("log")
    bottom = min(*serve, optimum.alone_flops) / 1.5
    axis.set_ylim(bottom, max(optimum.flops, total[-1]) * 60.0)
    plain_logarithm(axis.xaxis, thousands)
    axis.legend(loc="upper right")


def _bubbles(axis: Any, answer: TrainResponse, stages: float, chunks: float) -> None:
    parts = [float(n) for n in range(1, 257)]
    for label, colour, values in (
        ("GPipe and 1F1B", "compute", [
            pipeline.training_bubble_gpipe(micro_batches=m, stages=stages) for m in parts]),
        (f"interleaved, {chunks:g} chunks", "weights", [
            pipeline.training_bubble_interleaved(micro_batches=m, stages=stages, chunks=chunks) for m in parts]),
        ("ZB-H1", "kv", [
            pipeline.training_bubble_zero_bubble(
                micro_batches=m, stages=stages, forward_s=1.0, input_gradient_s=1.0, weight_gradient_s=1.0)
            for m in parts]),
    ):  # fmt: skip
        axis.plot(parts, [100.0 * value for value in values], color=COLOURS[colour], lw=2.0, label=label)
    here = answer.bubbles
    flying = here[0].in_flight
    axis.plot([flying] * 3, [100.0 * here[i].idle for i in (0, 2, 3)], "o", color=COLOURS["total"], ms=6,
              label=f"{flying:.0f} micro-batches")  # fmt: skip
    axis.set(title=f"Idle time of {stages:.0f} pipeline stages", xlabel="micro-batches in a step",
             ylabel="idle share of a training step")  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.set_ylim(0, 100)
    axis.xaxis.set_major_formatter(lambda value, _position=0: f"{value:g}")
    axis.yaxis.set_major_formatter(lambda value, _position=0: f"{value:g} %")
    axis.legend(loc="upper right")


def _activations(axis: Any, answer: TrainResponse) -> None:
    found = answer.activations
    if found is None:
        raise TypeError("no activations to draw")
    for i, (row, colour) in enumerate(zip(found.rows, _LINES, strict=True)):
        gigabytes = row.stage_bytes / 1e9
        axis.barh(i, gigabytes, color=COLOURS[colour], height=0.6)
        axis.annotate(f"{gigabytes:,.3g} GB, {row.flops_per_param_token:g} FLOP", (gigabytes, i), xytext=(5, 0),
                      textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    axis.set_yticks(range(len(found.rows)), [row.policy for row in found.rows])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _position=0: f"{value:,.6g}")
    largest, least = (pick(row.stage_bytes for row in found.rows) / 1e9 for pick in (max, min))
    axis.set_xlim(least / 3.0, largest * 30.0)
    axis.grid(axis="y", visible=False)
    axis.set(title="Activations on the first stage", xlabel=f"GB, {found.in_flight:.0f} micro-batches of "
             f"{found.micro_batch_tokens:,.0f} tokens in flight")  # fmt: skip


def draw(answer: TrainResponse, path: Path, *, stages: int, chunks: int) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    panels = 2 if answer.activations is None else 3
    figure, axes = new_figure(1, panels, width=5.4 * panels, height=4.8)
    _cost(axes[0, 0], answer)
    _bubbles(axes[0, 1], answer, float(stages), float(chunks))
    if panels == 3:
        _activations(axes[0, 2], answer)
    name = answer.model or f"{answer.params / 1e9:,.4g} B active parameters"
    title = f"What training should cost: {name}"
    figure.suptitle(
        f"{title}   ·   {answer.inference_tokens / 1e12:,.4g} T tokens served at {answer.inefficiency:g} times the "
        f"cost, law of {answer.fit.name}",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    save_figure(figure, path, title=title)
