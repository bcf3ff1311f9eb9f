"""What every verb shares: JSON and pages out, quantities as options."""

import sys
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.faults import option_of
from tokenroof.errors import TokenroofError
from tokenroof.present.json import dump
from tokenroof.units import parse_amount, parse_quantity

if TYPE_CHECKING:
    from tokenroof.present.page import Page

__all__ = ["WHOLE", "QuantityType", "echo_json", "echo_page", "note", "written"]

_LARGEST_WHOLE = 10**15


class WholeType(click.types.IntParamType):
    """A whole number that arithmetic can take: not one of hundreds of digits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found: int = super().convert(value, param, ctx)
        if abs(found) > _LARGEST_WHOLE:
            self.fail(f"must be at most {_LARGEST_WHOLE:,}", param, ctx)
        return found


WHOLE = WholeType()


class QuantityType(click.ParamType[float]):
    """An option that takes `3.35TB/s`, or with `bare` a number in `unit`; a count also as `15T` or `70B`."""

    def __init__(self, unit: str, *, bare: bool = True) -> None:
        self.unit, self.name, self.bare = unit, unit, bare

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_amount(value, self.unit) if self.bare else parse_quantity(value, self.unit, bare=False)
        except TokenroofError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"<{self.unit}>"


def echo_json(value: Any) -> None:
    """Print a response as JSON with its versions; a value without limit is null."""
    text = dump(value)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = dump(value, plain=True)
    click.echo(text)


def written(page: "Page") -> "Page":
    """A page as the command line has it: fields as options, questions as commands."""
    from tokenroof.present.asked import Ask, spelled

    def command(ask: Ask) -> str:
        given = (f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in ask.given)
        return " ".join(("tokenroof", ask.verb, *ask.of, *given)) + ask.why

    return spelled(page, option_of, command)


def echo_page(page: "Page", full: bool = False) -> None:
    """Print a page as wide and as colourful as the stream allows."""
    from tokenroof.present.text import terminal, text

    click.echo(text(written(page), **terminal(sys.stdout), full=full))


def note(text: str) -> None:
    """A remark for people: to stderr, so that tables and JSON stay clean."""
    click.echo(text, err=True)
