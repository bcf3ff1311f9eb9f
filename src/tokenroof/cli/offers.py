"""`tokenroof offers`: public API prices, dated and with their sources."""

from datetime import date
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.offer_reports import show_diff, show_stale, write_offers
from tokenroof.cli.outputs import check_folder
from tokenroof.cli.render import WHOLE, echo_json, echo_page
from tokenroof.cli.unused import refuse_unused
from tokenroof.errors import InputError

__all__ = ["TokensType", "command", "parse_rates"]


class TokensType(click.ParamType[int]):
    """A number of tokens: 250000, 250K, 1M."""

    name = "tokens"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from tokenroof.catalog.offers.files import parse_tokens

        if value in (0, "0"):
            return 0
        text = str(value)
        label = (param.opts[0] if param is not None else "tokens").lstrip("-")
        return parse_tokens(text, label)


def parse_rates(given: tuple[str, ...]) -> dict[str, float]:
    """`CNY=0.14` as a map from currency to USD per unit."""
    rates = {}
    for text in given:
        code, sign, value = text.partition("=")
        try:
            rate = float(value)
        except ValueError:
            rate = 0.0
        if not sign or len(code) != 3 or not 1e-9 < rate < 1e9:
            raise InputError("rate", text, "CURRENCY=USD_PER_UNIT, such as CNY=0.14")
        rates[code.upper()] = rate
    return rates


def _list(request: Any, full: bool, as_json: bool) -> None:
    from tokenroof.present.pages.offers import list_page
    from tokenroof.usecases.listing.offers import find_offers

    response = find_offers(request)
    echo_json(response) if as_json else echo_page(list_page(response, full), full)


@click.command("offers", short_help="List public API prices, dated and with their sources.")
@click.argument("offer", required=False)
@click.option("--filter", "words", multiple=True, help="Keep sheets that contain this word (repeatable).")
@click.option("--open", "open_only", is_flag=True, help="Open weights only.")
@click.option(
    "--from",
    "source",
    default="snapshot",
    metavar="SOURCE",
    help="snapshot (shipped), genai-prices (the installed package), a TOML file or a folder of them.",
)
@click.option("--diff", is_flag=True, help="What the source has changed, added or dropped against the snapshot.")
@click.option("--stale", type=WHOLE, default=None, metavar="DAYS", help="Sheets older than this many days on --today.")
@click.option(
    "--today",
    default=None,
    metavar="DATE",
    help="Prices and ages of this day; `now` reads the clock. Without it: the newest day of the sheets.",
)
@click.option("--as-of", default=None, metavar="DATE", help="When the installed genai-prices was released.")
@click.option("--history", is_flag=True, help="Of genai-prices also the sheets before and after that day.")
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    default=None,
    help="Write the sheets to FILE.toml, or into a folder with one file per seller.",
)
@click.option("--usd", is_flag=True, help="Convert to USD.")
@click.option("--rate", "rates", multiple=True, metavar="CUR=USD", help="USD for one unit of a currency.")
@click.option("--isl", type=TokensType(), default=None, help="Bill a request: input tokens, everything sent.")
@click.option("--osl", type=TokensType(), default=0, help="Output tokens.")
@click.option("--prefix", type=TokensType(), default=0, help="Input tokens that are read from the prompt cache.")
@click.option("--write", type=TokensType(), default=0, help="Input tokens that are written to the cache.")
@click.option("--ttl", default=None, help="How long written tokens stay: 5m, 1h.")
@click.option("--mode", default="standard", help="batch, flex, priority, fast ...")
@click.option("--window", default="", help="Hours with another price, by name.")
@click.option("--full", is_flag=True, help="All rows, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON.")
def command(offer: str | None, full: bool, as_json: bool, **options: Any) -> None:
    """List the price sheets of the snapshot, or show one with its sources.

    \b
    tokenroof offers --filter claude
    tokenroof offers google/gemini-3.1-pro-preview
    tokenroof offers anthropic/claude-opus-5 --isl 250K --prefix 200K --osl 2000 --mode batch
    tokenroof offers --from genai-prices --diff
    tokenroof offers --from genai-prices --filter anthropic/ -o prices/
    tokenroof offers --stale 90 --today 2027-03-01
    """
    from tokenroof.usecases.listing.offers import OffersRequest

    today = date.today().isoformat() if options["today"] == "now" else options["today"]
    request = OffersRequest(
        words=options["words"],
        open_only=options["open_only"],
        usd=options["usd"],
        rates=parse_rates(options["rates"]),
        source=options["source"],
        today=today,
        as_of=options["as_of"],
        history=options["history"],
    )
    _refuse_mixed(offer, options)
    if options["out"] is not None:
        check_folder(options["out"], "a .toml file, or a folder for one file per seller")
    if options["diff"]:
        show_diff(request, full, as_json)
    elif options["stale"] is not None:
        show_stale(request, options["stale"], full, as_json)
    elif offer is None:
        _list(request, full, as_json)
    else:
        _one(offer, request, options, as_json)
    if options["out"] is not None:
        write_offers(request, offer, options["out"])


def _refuse_mixed(offer: str | None, options: dict[str, Any]) -> None:
    """Options that would be ignored in silence are refused instead."""
    listing = [name for name in ("diff", "stale") if options[name] not in (None, False)]
    if len(listing) > 1:
        raise InputError("diff", "with --stale", "one of --diff and --stale")
    if offer is not None and listing:
        raise InputError("offer", offer, f"absent with --{listing[0]}", f"try --{listing[0]} --filter {offer}")
    if listing and (options["usd"] or options["history"]):
        name = "usd" if options["usd"] else "history"
        raise InputError(name, True, f"absent with --{listing[0]}")
    refuse_unused(options["isl"] is not None, "given with --isl: it is about a bill",
                  "osl", "prefix", "write", "ttl", "mode", "window")  # fmt: skip
    refuse_unused(options["write"] > 0, "given with --write, which it is about", "ttl")
    refuse_unused(offer is None, "left out with one offer: it is about the list", "words", "open_only")
    if offer is None and options["isl"] is not None:
        raise InputError("offer", None, "given", "a bill needs one sheet: tokenroof offers ID --isl ...")
    if options["out"] is not None and options["usd"]:
        raise InputError("usd", True, "absent with -o", "files keep the currency of the sheet")


def _one(offer: str, request: Any, options: dict[str, Any], as_json: bool) -> None:
    from tokenroof.catalog.offers.bills import Usage
    from tokenroof.catalog.offers.files import parse_ttl
    from tokenroof.usecases.listing.offers import show_offer

    usage = None
    if options["isl"] is not None:
        usage = Usage(
            input_tokens=options["isl"],
            output_tokens=options["osl"],
            cached_tokens=options["prefix"],
            written_tokens=options["write"],
            write_ttl_s=None if options["ttl"] is None else parse_ttl(options["ttl"]),
            mode=options["mode"],
            window=options["window"],
        )
    card = show_offer(
        offer,
        usage=usage,
        usd=request.usd,
        rates=request.rates,
        today=request.today,
        source=request.source,
        as_of=request.as_of,
        history=request.history,
    )
    if as_json:
        echo_json(card)
        return
    from tokenroof.present.pages.offers import card_page

    echo_page(card_page(card))
