"""`tokenroof price`: what tokens cost by kind, speed, length and time in the cache."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import money_options, refuse
from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.options import model_argument, offer_option, output_options, scenario_from, scenario_options, warn
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("price", short_help="What tokens cost by kind, speed, length and time in the cache.")
@model_argument
@scenario_options("mode")
@money_options
@click.option("--pair", help="Price and speed of a fast mode over the slow one: 6x,2.5x.")
@click.option("--speed", "speeds", type=float, multiple=True, help="Speed-up to price (repeatable).")
@click.option("--longest", metavar="TOKENS", help="Longest prompt on offer. [default: the model's]")
@click.option("--step-at", metavar="TOKENS", help="Where to put a long-context step. [default: where it fits best]")
@offer_option
@click.option("--hold", "holds_s", metavar="TIME", multiple=True, help="Time in the cache, 5min (repeatable).")
@click.option("--full", is_flag=True, help="Memory tiers, discounts, bend and step of long context, margin.")
@explain_option("tpot_s, usd_per_mtok_output, usd_per_mtok_input")
@output_options
def command(full: bool, key: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """What a token of MODEL costs on a system, and what a price sheet may make of it.

    \b
    tokenroof price deepseek-v3 --system gb200-nvl72
    tokenroof price deepseek-v3 --system gb200-nvl72 --pair 6x,2.5x --traffic diurnal -o price.svg
    tokenroof price llama-3.1-70b --system 8xh100 --capex-per-gpu 35000 --cost-of-capital 0.1 --sell 0.4,0.9

    --offer names a price sheet whose long-context step is shown beside the computed one.
    """
    from tokenroof.present.pages.price import page_of
    from tokenroof.types.served import Infeasible
    from tokenroof.usecases.money.price import PriceRequest, price

    paths = check_outputs(None, outputs, pages=True)
    answer = price(scenario_from(options, PriceRequest))
    if isinstance(answer, Infeasible):
        refuse(answer, as_json)
    if as_json or key is not None:  # the page says it itself
        warn(answer.economics)

    def chart(path: Path) -> None:
        from tokenroof.present.charts.price import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, answer.frontier, page_of(answer))
    if key is not None:
        echo_explanation("price", answer, key, as_json)
    elif as_json:
        echo_json(answer)
    else:
        echo_page(page_of(answer), full)
