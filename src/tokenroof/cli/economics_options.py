"""Options that price and break-even have beside the scenario's, and the end of a verb whose answer is no."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from tokenroof.cli.render import echo_json, echo_page

if TYPE_CHECKING:
    from tokenroof.types.served import Infeasible

__all__ = ["NumbersType", "money_options", "refuse"]

F = TypeVar("F", bound=Callable[..., Any])


class NumbersType(click.ParamType[tuple[float, ...]]):
    """Numbers with a separator between them: 3:1, 0.55,0.14,2.19."""

    name = "numbers"

    def __init__(self, separator: str, counts: tuple[int, ...], example: str) -> None:
        self.separator, self.counts, self.example = separator, counts, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(self.separator))
        except ValueError:
            numbers = ()
        if len(numbers) not in self.counts:
            self.fail(f"{value!r} is not of the form {self.example}", param, ctx)
        return numbers


_MONEY = (
    click.option("--owner", type=click.Choice(["hyperscaler", "neocloud", "retail"]), help="Own at published cost."),
    click.option("--capex-per-gpu", metavar="USD", help="Own: price of a GPU with its share of server and network."),
    click.option("--years", metavar="N", help="Own: years until written off. [default: 4]"),
    click.option("--cost-of-capital", metavar="SHARE", help="Own: interest a year, 0.1. [default: 0]"),
    click.option("--upkeep", metavar="SHARE", help="Own: upkeep a year over the price. [default: 0]"),
    click.option("--electricity", metavar="USD", help="Own: price of a kWh. [default: 0.08]"),
    click.option("--pue", metavar="N", help="Own: power at the meter over IT power. [default: 1.25]"),
    click.option(
        "--power", type=click.Choice(["all-in", "tdp"]),
        help="Own: with the server's share, or the chip's rating alone. [default: all-in]",
    ),
    click.option("--watts-per-gpu", metavar="W", help="Own: power of a busy GPU. [default: from the catalogue]"),
    click.option("--duty-cycle", metavar="SHARE", help="Mean load over the load the machines are sized for, 0 to 1."),
    click.option("--traffic", help="flat, diurnal, diurnal:SHARE, or a CSV of hourly loads."),
    click.option(
        "--allocation", type=click.Choice(["time", "flops", "output"]), default="time", show_default=True,
        help="What input and output tokens pay for.",
    ),
    click.option(
        "--blend", metavar="IN:OUT", help="Ratio for the blended price, 3:1 or 3:2:1 with cached input second. "
        "[default: the request's]",
    ),
    click.option(
        "--sell", metavar="IN,OUT", help="Selling prices per M tokens, for the margin: IN,OUT or IN,CACHED,OUT.",
    ),
)  # fmt: skip


def money_options(function: F) -> F:
    """What the machines cost beside their rent, how busy they are, and how a request's cost is shared out."""
    for option in reversed(_MONEY):
        function = option(function)
    return function


def refuse(answer: "Infeasible", as_json: bool) -> NoReturn:
    """Say what is not met and what would be, and end with code 1."""
    if as_json:
        echo_json(answer)
    else:
        from tokenroof.present.pages.money import refused_page

        echo_page(refused_page(answer))
    sys.exit(1)
