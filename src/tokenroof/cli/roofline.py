"""`tokenroof roofline`: the raw model from numbers alone."""

import click

from tokenroof.cli.render import QuantityType, echo_json, note
from tokenroof.cli.unused import refuse_unused
from tokenroof.present.numbers import count as format_count
from tokenroof.units import format_si

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
@click.option("--context", type=float, default=0.0, show_default=True, help="Tokens already cached per sequence.")
@click.option("--batch", type=float, default=1.0, show_default=True, help="Sequences decoded in one step.")
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

    response = roofline(
        RooflineRequest(
            params=params,
            active_params=params if active is None else active,
            bytes_per_param=weight_bytes,
            kv_bytes_per_token=kv_bytes_per_token,
            flops_per_s=flops,
            bytes_per_s=bandwidth,
            context=context,
            batch=batch,
            rule=rule,
            usd_per_h=price_per_hour,
        )
    )
    if as_json:
        echo_json(response)
        return
    rows = [
        ("compute", format_si(response.compute_s, "s", 4)),
        ("weights", format_si(response.weights_s, "s", 4)),
        ("KV cache", format_si(response.kv_s, "s", 4)),
        ("step", f"{format_si(response.step_s, 's', 4)}   ({response.bound} binds, rule {response.rule})"),
        ("decode throughput", format_si(response.decode_tokens_per_s, "token/s", 4)),
        ("MFU", f"{response.mfu:.1%}"),
        ("ridge", f"{response.ridge:.4g} tokens"),
        ("critical batch", f"{format_count(response.critical_batch)} with no context"),
        ("", f"{format_count(response.critical_batch_at_context)} at this context"),
        ("critical context", f"{format_count(response.critical_context)} tokens"),
    ]
    if response.cost_usd_per_mtok is not None and response.cost_floor_usd_per_mtok is not None:
        rows.append(("cost", f"${response.cost_usd_per_mtok:,.4g} per M tokens"))
        rows.append(("cost floor", f"${response.cost_floor_usd_per_mtok:,.4g} per M tokens"))
    for label, value in rows:
        click.echo(f"{label:>17}  {value}")
    note("bound: nothing real is faster; terms may be missing, none is too large")
