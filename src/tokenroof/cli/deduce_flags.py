"""What the flags of `tokenroof deduce` say together: an offer of one's own, or one error for flags that do not fit."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from tokenroof.cli.offers import TokensType
from tokenroof.cli.render import QuantityType
from tokenroof.errors import InputError

__all__ = ["MEASURED", "check_together", "offer_from_flags", "sheet_options"]

# parameters that describe a sheet: they make sense beside --input and --output only
_SHEET = (
    "price_in", "price_out", "cached", "writes", "step", "inclusive", "context", "storage", "fast", "batch_x",
    "off_peak", "ttft", "currency", "open_weights", "model",
)  # fmt: skip
MEASURED = ("as_of", "released", "speed_at", "ttft_at", "beside", "known", "also", "lab")
_SAMPLING = (
    "tokens_per_s",
    *MEASURED,
    "rates",
    "leave_out",
    "prior_only",
    "active_params",
    "draws",
    "seed",
    "chart",
    "key",
)


def sheet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a price sheet, in the order of the help."""
    options = (
        click.option("--input", "price_in", type=float, help="Own offer: price per million input tokens."),
        click.option(
            "--output",
            "price_out",
            type=float,
            help="Price per million output tokens: read alone, it moves no interval.",
        ),
        click.option("--cached", type=float, help="Price per million cached input tokens."),
        click.option("--write", "writes", multiple=True, metavar="TTL:PRICE", help="Cache write, e.g. 1h:6."),
        click.option("--step", multiple=True, metavar="TOKENS:IN_X:OUT_X", help="Long-context step, 200K:2:1.5."),
        click.option("--inclusive", is_flag=True, help="A request at a boundary pays the upper price."),
        click.option("--context", type=TokensType(), help="Longest input sold; without --step: flat up to there."),
        click.option("--storage", type=float, help="Price of holding a million tokens for an hour."),
        click.option("--fast", metavar="PRICE_X:SPEED_X", help="Fast mode, e.g. 6:2.5."),
        click.option("--batch-x", type=float, help="Batch price over standard price."),
        click.option("--off-peak", type=float, metavar="X", help="Price at quiet hours over standard price."),
        click.option(
            "--ttft",
            type=QuantityType("s", bare=False),
            metavar="TIME",
            help="Measured time to first token; kept, not used.",
        ),
        click.option("--currency", default="USD", show_default=True, help="Currency of the prices given."),
        click.option("--open/--closed", "open_weights", default=False, help="Are the weights open?  [default: closed]"),
        click.option("--model", metavar="ID", help="Open weights sold: brings in what other hosts ask for them."),
        click.option("--as-of", metavar="DATE", help="Day of the prices.  [default: the sheet's; today for --input]"),
        click.option(
            "--released", metavar="DATE", help="Day the model came out.  [default: the sheet's, or the prices']"
        ),
        click.option("--speed-at", multiple=True, metavar="CONTEXT:TOK_S", help="Measured speeds, at two contexts."),
        click.option(
            "--ttft-at",
            multiple=True,
            metavar="PROMPT:TIME",
            help="Measured TTFT with its unit, at two prompt lengths.",
        ),
        click.option("--beside", metavar="MODEL:TOK_S", help="An open model on the same host, and its speed."),
        click.option("--known", multiple=True, metavar="FACT", help="Disclosed: total:>1T, active:<50B, kv:=70KB."),
        click.option("--lab", metavar="NAME", help="Whose model it is; unknown: read no other model of its lab."),
        click.option("--also", multiple=True, metavar="OFFER", help="Another sheet of the same weights."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _given(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source not in (None, ParameterSource.DEFAULT)


def check_together(options: Mapping[str, Any], offer: str | None) -> None:
    """Refuse flags that would be ignored: silence would read as if they had been used."""
    own = options["price_in"] is not None or options["price_out"] is not None
    whole = options["validating"] or options["lecture"]
    wanted = [bool(offer), options["compare"] is not None, options["validating"], options["lecture"], own]
    if sum(wanted) != 1:
        raise InputError(
            "offer", offer, "one of OFFER, --input with --output, --compare, --validate, --lecture",
            "see tokenroof deduce --help",
        )  # fmt: skip
    if options["compare"] is not None and len(set(options["compare"])) == 1:
        raise InputError("compare", options["compare"][0], "two different offers")
    barred: list[tuple[str, str, str]] = []
    if not own:
        fix = "an offer of the snapshot is taken as it is; write a changed one as a TOML file"
        barred += [(name, "given with --input and --output", fix) for name in _SHEET]
    if whole:
        barred += [(name, "left out with --validate and --lecture", "") for name in _SAMPLING]
    if own or whole:
        barred += [("online", "given with OFFER or --compare", "it fetches the prices of a sheet by its id")]
    if options["compare"] is not None:
        one = ("tokens_per_s", "chart", "key", *MEASURED)
        barred += [(name, "left out with --compare", "it is about one offer") for name in one]
    for name, limit, fix in barred:
        if _given(name):
            raise InputError(name, options[name], limit, fix)


# parameter -> field of the prices, where the two differ
_FIELDS = {"price_in": "input", "price_out": "output", "writes": "write", "open_weights": "open"}


def offer_from_flags(options: Mapping[str, Any]) -> Any:
    """An offer from --input, --output and what else is given, through the same checks as a file."""
    from tokenroof.schema import parse
    from tokenroof.usecases.deduce.own_offer import PricesGiven, own_offer

    given = {_FIELDS.get(name, name): options[name] for name in (*_SHEET, "as_of")}
    return own_offer(parse(PricesGiven, {name: value for name, value in given.items() if value not in (None, ())}))
