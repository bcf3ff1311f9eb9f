"""`tokenroof train`: training as part of a model's whole cost."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import NumbersType
from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.options import output_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import WHOLE, QuantityType, echo_json, echo_page
from tokenroof.cli.unused import refuse_unused

__all__ = ["command"]


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
@click.option("--stages", type=WHOLE, default=8, show_default=True, help="Pipeline stages.")
@click.option("--micro-batches", type=WHOLE, default=32, show_default=True, help="Micro-batches in a step.")
@click.option("--chunks", type=WHOLE, default=4, show_default=True, help="Shorter stages a chip holds in turn.")
@click.option(
    "--micro-batch-tokens", type=QuantityType("token"), default=4096.0, show_default=True, help="Tokens in one."
)
@click.option(
    "--tensors-per-layer", type=float, default=17.0, show_default=True, help="Kept for a layer's backward pass."
)
@click.option("--layers", type=WHOLE, help="[default: the model's]")
@click.option("--hidden", type=WHOLE, help="Width. [default: the model's]")
@click.option("--full", is_flag=True, help="Defaults and why; with --system also pipeline schedules.")
@explain_option("pretrain_tokens, optimum_params")
@output_options
def command(
    model: str | None, full: bool, key: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any
) -> None:
    """How many tokens and parameters a model should have, if it is to be served too.

    \b
    tokenroof train --active 100e9 --tokens-per-s 50e6
    tokenroof train deepseek-v3 --tokens 14.8e12 --system 2048xh800 --mfu 0.33 --price-per-gpu-hour 2
    tokenroof train llama-3.1-405b --stages 16 --micro-batches 64 -o train.svg
    """
    from tokenroof.present.pages.train import page_of
    from tokenroof.usecases.train.run import TrainRequest, train

    priced = options["system"] is not None
    refuse_unused(priced, "given with --system, which it is about", "mfu", "arithmetic", "price_per_gpu_hour")
    refuse_unused(
        options["inference_tokens"] is None, "left out with --inference-tokens: they are all that is served",
        "tokens_per_s", "days",
    )  # fmt: skip
    paths = check_outputs(None, outputs, pages=True)
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

    write_outputs(answer, paths, chart, answer.bills or answer.bubbles, page_of(answer))
    if key is not None:
        echo_explanation("train", answer, key, as_json)
    else:
        echo_json(answer) if as_json else echo_page(page_of(answer), full)
