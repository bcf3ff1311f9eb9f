"""Options that price and break-even have beside the scenario's, and the end of a verb whose answer is no."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from tokenroof.cli.render import echo_json, echo_page
from tokenroof.errors import InputError, TokenroofError
from tokenroof.units import parse_quantity

if TYPE_CHECKING:
    from tokenroof.types.served import Infeasible

__all__ = ["DurationType", "NumbersType", "money_fields", "money_options", "refuse"]

F = TypeVar("F", bound=Callable[..., Any])


class DurationType(click.ParamType[float]):
    """A time with its unit: 50ms, 2s, 5min, 1h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_quantity(str(value), "s", bare=False)
        except TokenroofError as error:
            self.fail(f"{error}", param, ctx)


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
    click.option("--capex-per-gpu", type=float, help="Own: USD for a GPU with its share of server and network."),
    click.option("--years", type=float, default=4.0, show_default=True, help="Own: years until written off."),
    click.option("--cost-of-capital", type=float, default=0.0, show_default=True, help="Own: interest a year, 0.1."),
    click.option("--upkeep", type=float, default=0.0, show_default=True, help="Own: upkeep a year over the price."),
    click.option("--electricity", type=float, default=0.08, show_default=True, help="Own: USD a kWh."),
    click.option("--pue", type=float, default=1.25, show_default=True, help="Own: power at the meter over IT power."),
    click.option(
        "--power", type=click.Choice(["all-in", "tdp"]), default="all-in", show_default=True,
        help="Own: with the server's share, or the chip's rating alone.",
    ),
    click.option("--watts-per-gpu", type=float, help="Own: power of a busy GPU. [default: from the catalogue]"),
    click.option("--duty-cycle", type=float, help="Mean load over the load the machines are sized for, 0 to 1."),
    click.option("--traffic", help="flat, diurnal, diurnal:SHARE, or a CSV of hourly loads."),
    click.option(
        "--allocation", type=click.Choice(["time", "flops", "output"]), default="time", show_default=True,
        help="What input and output tokens pay for.",
    ),
    click.option(
        "--blend", type=NumbersType(":", (2, 3), "IN:OUT or IN:CACHED:OUT"),
        help="Ratio for the blended price, 3:1. [default: the request's]",
    ),
    click.option(
        "--sell", type=NumbersType(",", (2, 3), "IN,OUT or IN,CACHED,OUT"),
        help="Selling prices per M tokens, for the margin.",
    ),
)  # fmt: skip


def money_options(function: F) -> F:
    """What the machines cost beside their rent, how busy they are, and how a request's cost is shared out."""
    for option in reversed(_MONEY):
        function = option(function)
    return function


def _threefold(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    """(input, output) or (fresh, cached, output) as the latter."""
    if numbers is None:
        return None
    return (numbers[0], 0.0, numbers[1]) if len(numbers) == 2 else (numbers[0], numbers[1], numbers[2])


def _sold(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    """Without a price of their own cached tokens sell as fresh ones."""
    if numbers is None or len(numbers) == 3:
        return _threefold(numbers)
    return numbers[0], numbers[0], numbers[1]


_OWNED = ("years", "cost_of_capital", "upkeep", "electricity", "pue", "power", "watts_per_gpu")


def _refuse_unused() -> None:
    """Options of owned machines change nothing without a purchase price."""
    context = click.get_current_context()
    for name in _OWNED:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InputError(name, context.params[name], "left out without --capex-per-gpu: it is of owned machines")


def money_fields(options: dict[str, Any]) -> dict[str, Any]:
    """The options with those of `money_options` as fields of an EconomicsRequest."""
    capex, rent, owner = options["capex_per_gpu"], options["price_per_gpu_hour"], options["owner"]
    if sum(value is not None for value in (capex, rent, owner)) > 1:
        given = "price-per-gpu-hour, capex-per-gpu and owner"
        raise InputError("price_per_gpu_hour", "several", f"one of {given}", "leave the others out")
    own = None
    if capex is None:
        _refuse_unused()
    else:
        own = {
            "capex_usd_per_gpu": capex, "years": options["years"], "yearly_rate": options["cost_of_capital"],
            "upkeep": options["upkeep"], "usd_per_kwh": options["electricity"], "pue": options["pue"],
            "power": options["power"], "watts_per_gpu": options["watts_per_gpu"],
        }  # fmt: skip
    made = {"own": own, "blend": _threefold(options["blend"]), "sell": _sold(options["sell"])}
    return options | made


def refuse(answer: "Infeasible", as_json: bool) -> NoReturn:
    """Say what is not met and what would be, and end with code 1."""
    if as_json:
        echo_json(answer)
    else:
        from tokenroof.present.pages.money import refused_page

        echo_page(refused_page(answer))
    sys.exit(1)
