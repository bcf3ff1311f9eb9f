"""`tokenroof train`: training as part of a model's whole cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.economics_options import NumbersType
from tokenroof.cli.options import output_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import QuantityType, echo_json, heading, note, print_table
from tokenroof.cli.unused import refuse_unused

if TYPE_CHECKING:
    from tokenroof.usecases.train.run import TrainResponse

__all__ = ["command"]


def _line(label: str, value: str, remark: str = "") -> None:
    """One line of a page: label, value, remark."""
    click.echo(f"  {label:<22}{value:<25} {remark}".rstrip())


def _print_defaults(defaults: Any) -> None:
    """What the user did not give, to stderr."""
    for choice in defaults:
        note(f"took {choice.field} = {choice.value}: {choice.reason}")


def _tokens(count: float) -> str:
    """A large count in millions, billions or trillions."""
    for scale, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if count >= scale:
            return f"{count / scale:,.4g} {letter}"
    return f"{count:,.4g}"


def _split(answer: "TrainResponse") -> None:
    equal, best = answer.equal, answer.optimum
    total = equal.pretrain_flops + equal.rl_flops + equal.inference_flops
    heading("Equal cost beside least cost   the same loss, the same tokens served")
    shares = ":".join(f"{part:g}" for part in answer.split)
    same = best.split_over_optimum is not None
    both = equal.pretrain_flops + equal.inference_flops
    print_table(
        ("", f"split {shares}", f"least cost at loss {best.loss:.4g}", "without serving"),
        [
            ("active parameters", _tokens(equal.params), _tokens(best.params), _tokens(best.alone_params)),
            ("pre-training tokens", _tokens(equal.pretrain_tokens), _tokens(best.tokens), _tokens(best.alone_tokens)),
            ("RL tokens", _tokens(equal.rl_tokens), "-", "-"),
            ("served tokens", _tokens(equal.inference_tokens), _tokens(equal.inference_tokens), "0"),
            (
                "tokens a parameter",
                f"{equal.pretrain_tokens / equal.params:,.4g}",
                f"{best.tokens_per_param:,.4g}",
                f"{best.alone_tokens / best.alone_params:,.4g}",
            ),
            ("overtraining", f"{equal.overtraining:,.3g}x", f"{best.overtraining:,.3g}x",
             f"{best.alone_tokens / best.alone_params / answer.tokens_per_param:,.3g}x"),
            ("loss", f"{equal.loss:.4f}", f"{best.loss:.4f}", f"{best.loss:.4f}"),
            (
                "pre-training's share",
                f"{equal.pretrain_flops / total:.0%} of all, {equal.pretrain_flops / both:.0%} without RL",
                f"{best.training_share:.0%}",
                "100%",
            ),
            ("FLOP, RL left out", f"{both:.3g}", f"{best.flops:.3g}", f"{best.alone_flops:.3g}"),
        ],
        right=(1, 2, 3),
    )  # fmt: skip
    if same and best.split_over_optimum is not None:
        _line("equal split costs", f"{best.split_over_optimum:.3g}x the least", "a rule of thumb, not the optimum")
    _line("law", answer.fit.name, answer.fit.source)
    if answer.model is not None:
        note("note: the law is of dense models; active parameters stand for its parameters")


def _machines(answer: "TrainResponse") -> None:
    if answer.run is not None:
        run = answer.run
        click.echo()
        heading(f"A run of {_tokens(run.tokens)} tokens")
        _line("FLOP", f"{run.flops:.4g}", "6 a parameter and token; attention left out")
        _line("overtraining", f"{run.overtraining:,.3g}x", f"loss {run.loss:.4f} by this law")
    if answer.bills:
        click.echo()
        print_table(
            ("on the machine", "FLOP", "GPU-hours", "days", "USD"),
            [
                (bill.name, f"{bill.flops:.3g}", _tokens(bill.gpu_hours), f"{bill.days:,.4g}", f"${bill.usd:,.0f}")
                for bill in answer.bills
            ],
            right=(1, 2, 3, 4),
        )


def _pipeline(answer: "TrainResponse") -> None:
    click.echo()
    print_table(
        ("pipeline schedule", "idle", "micro-batches held", ""),
        [
            (
                bubble.schedule,
                f"{bubble.idle:.1%}",
                f"{bubble.in_flight:.3g}" if bubble.in_flight else "-",
                bubble.source,
            )
            for bubble in answer.bubbles
        ],
        right=(1, 2),
    )
    found = answer.activations
    if found is None:
        note("activation memory: give a model, or --layers and --hidden")
        return
    click.echo()
    print_table(
        ("activations, bf16", "one micro-batch", f"first of {found.stages} stages", "FLOP a parameter and token"),
        [
            (
                row.policy,
                f"{row.one_bytes / 1e9:,.3g} GB",
                f"{row.stage_bytes / 1e9:,.3g} GB",
                f"{row.flops_per_param_token:g}",
            )
            for row in found.rows
        ],
        right=(1, 2, 3),
    )
    click.echo(
        f"  {found.layers} layers of width {found.hidden:,}, {found.micro_batch_tokens:,.0f} tokens a micro-batch, "
        f"{found.in_flight:.0f} in flight, {found.tensors_per_layer:g} tensors a layer (Korthikanti et al. 2022)"
    )


@click.command("train", short_help="Tokens, parameters and cost under pre-training, RL and serving.")
@click.argument("model", required=False)
@click.option("--active", type=QuantityType("param"), help="Active parameters. [default: the model's, or 100e9]")
@click.option("--tokens", type=QuantityType("token"), help="A run as it was: tokens it was trained on.")
@click.option("--tokens-per-s", type=QuantityType("token/s"), help="Served on average. [default: 50e6]")
@click.option("--days", type=float, default=60.0, show_default=True, help="How long it is served.")
@click.option("--inference-tokens", type=QuantityType("token"), help="Tokens served in all, instead.")
@click.option("--inefficiency", type=float, default=3.0, show_default=True, help="How much dearer a FLOP is in decode.")
@click.option(
    "--rl-flops", type=float, default=3.0, show_default=True, help="FLOP of RL a parameter and token, 2 to 6."
)
@click.option(
    "--split", type=NumbersType(":", (3,), "PRE:RL:SERVING"), default="1:1:1", show_default=True, help="Shares of cost."
)
@click.option("--tokens-per-param", type=float, default=20.0, show_default=True, help="What counts as not overtrained.")
@click.option(
    "--fit", type=click.Choice(["besiroglu", "hoffmann"]), default="besiroglu", show_default=True, help="Scaling law."
)
@click.option("--loss", type=float, help="Loss to reach at least cost. [default: the equal split's]")
@click.option("--system", help="A system to price it on: 2048xh800.")
@click.option("--mfu", type=float, default=0.4, show_default=True, help="Share of peak arithmetic that training gets.")
@click.option("--arithmetic", default="bf16", show_default=True, help="Rate that the MFU is of: bf16, fp8 ...")
@click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]")
@click.option("--stages", type=int, default=8, show_default=True, help="Pipeline stages.")
@click.option("--micro-batches", type=int, default=32, show_default=True, help="Micro-batches in a step.")
@click.option("--chunks", type=int, default=4, show_default=True, help="Shorter stages a chip holds in turn.")
@click.option(
    "--micro-batch-tokens", type=QuantityType("token"), default=4096.0, show_default=True, help="Tokens in one."
)
@click.option(
    "--tensors-per-layer", type=float, default=17.0, show_default=True, help="Kept for a layer's backward pass."
)
@click.option("--layers", type=int, help="[default: the model's]")
@click.option("--hidden", type=int, help="Width. [default: the model's]")
@output_options
def command(model: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """How many tokens and parameters a model should have, if it is to be served too.

    \b
    tokenroof train --active 100e9 --tokens-per-s 50e6
    tokenroof train deepseek-v3 --tokens 14.8e12 --system 2048xh800 --mfu 0.33 --price-per-gpu-hour 2
    tokenroof train llama-3.1-405b --stages 16 --micro-batches 64 -o train.svg
    """
    from tokenroof.usecases.train.run import TrainRequest, train

    priced = options["system"] is not None
    refuse_unused(priced, "given with --system, which it is about", "mfu", "arithmetic", "price_per_gpu_hour")
    refuse_unused(
        options["inference_tokens"] is None, "left out with --inference-tokens: they are all that is served",
        "tokens_per_s", "days",
    )  # fmt: skip
    paths = check_outputs(None, outputs)
    answer = train(
        TrainRequest(
            model=model,
            active_params=options["active"],
            tokens=options["tokens"],
            tokens_per_s=options["tokens_per_s"],
            days=options["days"],
            inference_tokens=options["inference_tokens"],
            inefficiency=options["inefficiency"],
            rl_flops_per_param_token=options["rl_flops"],
            split=options["split"],
            tokens_per_param=options["tokens_per_param"],
            fit=options["fit"],
            loss=options["loss"],
            system=options["system"],
            mfu=options["mfu"],
            arithmetic=options["arithmetic"],
            usd_per_gpu_h=options["price_per_gpu_hour"],
            stages=options["stages"],
            micro_batches=options["micro_batches"],
            chunks=options["chunks"],
            micro_batch_tokens=options["micro_batch_tokens"],
            tensors_per_layer=options["tensors_per_layer"],
            layers=options["layers"],
            hidden=options["hidden"],
        )
    )

    def chart(path: Path) -> None:
        from tokenroof.present.charts.train import draw

        draw(answer, path, stages=options["stages"], chunks=options["chunks"])

    write_outputs(answer, paths, chart, answer.bills or answer.bubbles)
    if as_json:
        echo_json(answer)
        return
    _split(answer)
    _machines(answer)
    _pipeline(answer)
    _print_defaults(answer.defaults)
