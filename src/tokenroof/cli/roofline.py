"""`tokenroof roofline`: the raw model from numbers alone."""

import click

from tokenroof.cli.render import QuantityType, echo_json, echo_page
from tokenroof.cli.unused import refuse_unused

__all__ = ["command"]


@click.command("roofline")
@click.option("--params", type=QuantityType("param"), required=True, help="Total parameters, N.")
@click.option("--active", type=QuantityType("param"), help="Active parameters per token, A. [default: all]")
@click.option("--weight-bytes", type=QuantityType("B/param"), default=1.0, show_default=True, help="Bytes per weight.")
@click.option(
    "--kv-bytes-per-token", type=QuantityType("B/token"), default=0.0, show_default=True, help="Cache of one token."
)
@click.option("--flops", type=QuantityType("FLOP/s"), required=True, help="Vendor FLOP/s of all chips, dense.")
@click.option("--bandwidth", type=QuantityType("B/s"), required=True, help="Memory bandwidth of all chips.")
@click.option(
    "--context", type=QuantityType("token"), default=0.0, show_default=True, help="Tokens already cached per sequence."
)
@click.option(
    "--batch", type=QuantityType("sequence"), default=1.0, show_default=True, help="Sequences decoded in one step."
)
@click.option(
    "--rule", type=click.Choice(["lecture", "text", "book"]), default="lecture", show_default=True,
    help="Rule that combines the three times.",
)  # fmt: skip
@click.option("--price-per-hour", type=QuantityType("1"), metavar="USD", help="USD per hour of all chips.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON; no limit is null.")
def command(
    params: float,
    active: float | None,
    weight_bytes: float,
    kv_bytes_per_token: float,
    flops: float,
    bandwidth: float,
    context: float,
    batch: float,
    rule: str,
    price_per_hour: float | None,
    as_json: bool,
) -> None:
    """The roofline of one decode step, from numbers alone: lower bounds on time and cost.

    \b
    Example, 671 B parameters in FP8 on 64 B200-class chips:
    tokenroof roofline --params 671e9 --active 37e9 --flops 2.88e17 --bandwidth 512TB/s \\
        --kv-bytes-per-token 70272 --context 4096 --batch 2400 --price-per-hour 128
    """
    refuse_unused(kv_bytes_per_token > 0, "left out without --kv-bytes-per-token: nothing is cached", "context")
    from tokenroof.usecases.analyze.closed_form import RooflineRequest, roofline

    request = RooflineRequest(
        params=params,
        active_params=active,
        bytes_per_param=weight_bytes,
        kv_bytes_per_token=kv_bytes_per_token,
        flops_per_s=flops,
        bytes_per_s=bandwidth,
        context=context,
        batch=batch,
        rule=rule,
        usd_per_h=price_per_hour,
    )
    response = roofline(request)
    if as_json:
        echo_json(response)
        return
    from tokenroof.present.pages.roofline import page_of

    echo_page(page_of(request, response))
