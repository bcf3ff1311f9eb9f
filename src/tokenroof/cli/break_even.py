"""`tokenroof break-even`: self-hosting against an API price."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.economics_options import (
    economics_fields,
    economics_options,
    line,
    plot_option,
    print_defaults,
    print_economics,
    refuse,
)
from tokenroof.cli.offers import parse_rates
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, heading, note, print_table

if TYPE_CHECKING:
    from tokenroof.usecases.money.break_even import BreakEvenResponse

__all__ = ["command"]


def _duty(value: float | None) -> str:
    if value is None:
        return "not sold or not served"
    return f"{value:.1%}" if value <= 1.0 else f"never ({value:.2f}x fully busy)"


def _print(answer: "BreakEvenResponse") -> None:
    print_economics(answer.economics)
    click.echo()
    heading(f"Against {answer.api}, {answer.api_as_of}")
    line("the API's bill", f"${answer.request_api_usd:.6f} a request", answer.api_source)
    kind = f"measured, {answer.measured_over_modelled:.2f}x the model's" if answer.measured else "modelled"
    line("fully busy", f"${answer.request_busy_usd:.6f} a request", f"{answer.requests_per_s:,.3g} requests/s, {kind}")
    line("at this traffic", f"${answer.at_traffic_usd:.6f} a request", f"{answer.cheaper_at_traffic} is cheaper")
    line("crossing", _duty(answer.duty_cycle), "of the time busy")
    if answer.high > answer.low:
        line("range of rents", f"{_duty(answer.low)}", f"to {_duty(answer.high)}")
    if answer.demand is not None:
        demand = answer.demand
        line(f"{demand.requests_per_s:,.3g} requests/s", f"{demand.systems} system{'s' if demand.systems > 1 else ''}",
             f"${demand.own_usd_per_month:,.0f} a month against ${demand.api_usd_per_month:,.0f}: "
             f"{demand.cheaper} is cheaper")  # fmt: skip
    click.echo()
    print_table(
        ("in:out", "in", "out", "own, busy", "API", "crossing"),
        [
            (
                f"{mix.input_per_output:.3g}:1",
                f"{mix.isl:,.0f}",
                f"{mix.osl:,.0f}",
                "-" if mix.own_usd is None else f"${mix.own_usd:.5f}",
                "-" if mix.api_usd is None else f"${mix.api_usd:.5f}",
                _duty(mix.duty_cycle),
            )
            for mix in answer.mixes
        ],
        right=(0, 1, 2, 3, 4),
    )
    click.echo()
    heading(answer.sentence)
    click.echo(f"  claim level: {answer.economics.claim_level} (times by profile {answer.economics.profile})")
    for text in answer.notes:
        note(f"note: {text}")
    print_defaults(answer.economics.defaults)


@click.command("break-even", short_help="Self-hosting against an API price: from which load on does it pay?")
@click.argument("model")
@economics_options
@click.option("--api", required=True, help="An offer of `tokenroof offers`, market/MODEL, or FILE.toml#ID.")
@click.option("--mode", default="standard", help="The API's mode: batch, flex, priority ...")
@click.option("--window", default="", help="The API's hours with another price, by name.")
@click.option("--rate", "rates", multiple=True, metavar="CUR=USD", help="USD for one unit of a currency.")
@click.option("--measured-tok-s", type=float, help="Measured output tok/s of the whole system on this workload.")
@click.option("--requests-per-s", type=float, help="A mean demand to decide for.")
@click.option("--apart", is_flag=True, help="Prompts and answers on machines of their own.")
@plot_option
def command(model: str, **options: Any) -> None:
    """From which load on is serving MODEL on a system cheaper than an API?

    \b
    tokenroof break-even deepseek-v3 --system 8xh200 --api deepseek/deepseek-v3
    tokenroof break-even llama-3.3-70b --system 8xh100 --api market/llama-3.3-70b --traffic diurnal --plot be.svg
    tokenroof break-even gpt-oss-120b --system h100 --api groq/gpt-oss-120b --measured-tok-s 2500 --isl 1K --osl 1K
    """
    from tokenroof.usecases.money.break_even import BreakEvenRequest, break_even
    from tokenroof.usecases.money.operating import Infeasible

    paths = check_outputs(options["plot"], options["outputs"])
    rates = parse_rates(options["rates"])
    fields = economics_fields(options)
    answer = break_even(
        BreakEvenRequest(
            model=model,
            **fields,
            api=options["api"],
            mode=options["mode"],
            window=options["window"],
            rates=rates,
            measured_tok_s=options["measured_tok_s"],
            requests_per_s=options["requests_per_s"],
            apart=options["apart"],
        )
    )
    if isinstance(answer, Infeasible):
        refuse(answer, options["as_json"])

    def chart(path: Path) -> None:
        from tokenroof.present.charts.break_even import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, answer.mixes)
    if options["as_json"]:
        echo_json(answer)
    else:
        _print(answer)
