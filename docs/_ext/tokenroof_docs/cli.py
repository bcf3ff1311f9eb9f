"""One page for each verb of the command line, from what click knows of it."""

import re
import textwrap
from importlib import import_module

import click
from sphinx.util import logging

from tokenroof.cli.main import VERBS
from tokenroof_docs.markdown import Pages, cell, code, page, table

_LOG = logging.getLogger(__name__)

__all__ = ["command_of", "options_of", "pages"]


def command_of(verb: str) -> click.Command:
    """The click command behind a verb."""
    command: click.Command = import_module(f"tokenroof.cli.{VERBS[verb][0]}").command
    return command


def options_of(verb: str) -> list[click.Option]:
    """Its options, --help and hidden ones aside."""
    params = command_of(verb).params
    return [p for p in params if isinstance(p, click.Option) and p.name != "help" and not p.hidden]


def _help(text: str) -> str:
    """Click's help text: a paragraph that starts with \\b keeps its lines."""
    out = []
    for block in re.split(r"\n\s*\n", text.strip()):
        kept = block.lstrip()
        if kept.startswith("\b"):
            lines = textwrap.dedent(kept.removeprefix("\b").strip("\n")).split("\n")
            words = [line for line in lines if not line.lstrip().startswith(("tokenroof", "--"))]
            if words == lines or any(line.startswith(" ") for line in lines):
                out.append("```text\n" + "\n".join(lines) + "\n```")
                continue
            out += [cell(" ".join(words))] if words else []
            out.append("```text\n" + "\n".join(line for line in lines if line not in words) + "\n```")
        else:
            out.append(cell(kept))
    return "\n\n".join(out)


def _takes(option: click.Option) -> str:
    if option.is_flag:
        return "flag"
    if isinstance(option.type, click.Choice):
        return ", ".join(code(choice) for choice in option.type.choices)
    shown = option.make_metavar(click.Context(click.Command("tokenroof"))).strip("[]")
    return code(shown) + (", repeatable" if option.multiple else "")


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return cell(option.show_default)
    value = option.default
    if value is None or option.is_flag or callable(value) or value == () or "UNSET" in repr(value):
        return ""
    return code(", ".join(map(str, value)) if isinstance(value, list | tuple) else value)


def _row(option: click.Option) -> list[str]:
    names = " ".join(code(name) for name in option.opts)
    if option.secondary_opts:
        names += " / " + " ".join(code(name) for name in option.secondary_opts)
    return [names, _takes(option), _default(option), cell(option.help or "")]


def _page(verb: str) -> str:
    command = command_of(verb)
    context = click.Context(command, info_name=f"tokenroof {verb}")
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join(["tokenroof", verb, "[OPTIONS]", *arguments])
    rows = [_row(option) for option in options_of(verb)]
    return page(
        f"tokenroof {verb}",
        f"```text\n{usage}\n```",
        _help(command.help or VERBS[verb][1]),
        table(["option", "takes", "default", "meaning"], rows) if rows else "It takes no options.",
    )


def pages() -> Pages:
    """cli/<verb>.md and a fragment with the table of verbs."""
    out, listing = Pages(), []
    for verb, (_, line) in sorted(VERBS.items()):
        try:
            out[f"cli/{verb}.md"] = _page(verb)
        except ModuleNotFoundError as error:
            _LOG.warning("verb %s cannot be loaded: %s", verb, error)
            continue
        listing.append([f"[{code(verb)}](cli/{verb}.md)", cell(line)])
    return out | {"tables/_verbs.md": table(["verb", "does"], listing)}
