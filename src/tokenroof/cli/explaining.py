"""`--explain NUMBER`: a number of an answer taken apart, in words or as JSON."""

from collections.abc import Callable
from typing import Any

import click

from tokenroof.cli.render import echo_json

__all__ = ["echo_explanation", "explain_option"]


def explain_option(example: str) -> Callable[..., Any]:
    """The option; its value comes as `key`."""
    return click.option("--explain", "key", metavar="NUMBER", help=f"Where a number comes from: {example}.")


def echo_explanation(verb: str, answer: Any, key: str, as_json: bool) -> None:
    """Print where a number comes from."""
    from tokenroof.usecases.analyze.explain import text_of
    from tokenroof.usecases.explained import explain_answer

    found = explain_answer(verb, answer, key)
    echo_json(found.to_dict()) if as_json else click.echo(text_of(found))
