"""`tokenroof break-even`: self-hosting against an API price."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import money_options, refuse
from tokenroof.cli.explaining import echo_explanation, explain_option
from tokenroof.cli.offers import parse_rates
from tokenroof.cli.options import model_argument, offer_option, output_options, scenario_from, scenario_options, warn
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, echo_page
from tokenroof.types.scenario import APART

__all__ = ["command"]


@click.command("break-even", short_help="Self-hosting against an API price: from which load on does it pay?")
@model_argument
@scenario_options("mode", "request_rate", "users", "think", *APART)
@money_options
@offer_option
@click.option("--offer-mode", metavar="MODE", help="The API's mode: batch, flex, priority ... [default: standard]")
@click.option("--offer-window", metavar="NAME", help="The API's hours with another price, by name.")
@click.option("--rate", "rate_texts", multiple=True, metavar="CUR=USD", help="USD for one unit of a currency.")
@click.option("--measured-tok-s", metavar="N", help="Measured output tok/s of the whole system on this workload.")
@click.option("--requests-per-s", metavar="N", help="A mean demand to decide for.")
@click.option("--full", is_flag=True, help="The served point, all mixes, the price list's source.")
@explain_option("duty_cycle, request_busy_usd")
@output_options
def command(
    rate_texts: tuple[str, ...], full: bool, key: str | None, outputs: tuple[Path, ...], as_json: bool, **options: Any
) -> None:
    """From which load on is serving MODEL on a system cheaper than an API?

    \b
    tokenroof break-even deepseek-v3 --system 8xh200 --offer deepseek/deepseek-v3
    tokenroof break-even llama-3.3-70b --system 8xh100 --offer market/llama-3.3-70b --traffic diurnal -o be.svg
    tokenroof break-even gpt-oss-120b --system h100 --offer groq/gpt-oss-120b --measured-tok-s 2500 --isl 1k --osl 1k
    """
    from tokenroof.present.pages.break_even import page_of
    from tokenroof.types.served import Infeasible
    from tokenroof.usecases.money.break_even import BreakEvenRequest, break_even

    paths = check_outputs(None, outputs, pages=True)
    answer = break_even(scenario_from(options | {"rates": parse_rates(rate_texts) or None}, BreakEvenRequest))
    if isinstance(answer, Infeasible):
        refuse(answer, as_json)
    if as_json or key is not None:  # the page says it itself
        warn(answer.economics)

    def chart(path: Path) -> None:
        from tokenroof.present.charts.break_even import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, answer.mixes, page_of(answer))
    if key is not None:
        echo_explanation("break-even", answer, key, as_json)
    elif as_json:
        echo_json(answer)
    else:
        echo_page(page_of(answer), full)
