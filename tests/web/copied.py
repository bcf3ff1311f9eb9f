"""What the page copies for other doors, read by those doors: every name that it says must be theirs."""

import ast
import inspect
import json
import re
import shlex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import tokenroof
from tokenroof.cli.main import cli
from tokenroof.web.verbs import VERBS


def accepted_by_the_command_line(text: str) -> str:
    """The verb; a word that it does not know raises. Nothing is run: parsing is asked for, and no more."""
    words = shlex.split(text)
    assert words[0] == "tokenroof"
    command = cli.get_command(None, words[1])  # type: ignore[arg-type]
    assert command is not None, text
    command.make_context(words[1], words[2:], resilient_parsing=False)
    return words[1]


def accepted_by_python(text: str) -> str:
    """The function; its arguments must be those that it has."""
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert isinstance(call.func, ast.Attribute)
    function = getattr(tokenroof, call.func.attr)
    given = [ast.literal_eval(one) for one in call.args]
    inspect.signature(function).bind(
        *given, **{one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}
    )
    return call.func.attr


def accepted_by_the_api(text: str) -> str:
    """The verb; its own reader must take the body."""
    words = shlex.split(text)
    address = urlsplit(next(word for word in words if word.startswith("http")))
    verb = re.sub(r"^/api/v1/", "", address.path)
    if "-d" in words:
        body: dict[str, Any] = json.loads(words[words.index("-d") + 1])
        VERBS[verb].read(body)
    else:
        assert parse_qs(address.query)
    return verb
