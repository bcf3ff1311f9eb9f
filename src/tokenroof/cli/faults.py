"""Errors as a terminal shows them: in the user's own spelling, a line a fault, the remedies below."""

import re
import traceback
from pathlib import Path

import click

from tokenroof.errors import InputError, TokenroofError, UnknownName, faults_of
from tokenroof.provenance import __file__ as _inside

__all__ = ["error_text", "internal_error", "option_of", "spelled", "usage_text"]


def _spelt(command: click.Command | None) -> dict[str, str]:
    """Field -> the option or argument of this command that gives it: fields and options have one name."""
    found = {}
    for param in () if command is None else command.params:
        if isinstance(param, click.Option) and param.opts:
            option = max(param.opts, key=len)
            found[option.lstrip("-").replace("-", "_")] = found[str(param.name)] = option
        elif isinstance(param, click.Argument):
            found[str(param.name)] = str(param.name).upper()
    return found


def spelled(text: str, command: click.Command | None = None) -> str:
    """Words of the floors below with each `field` in backquotes as the option of the command that runs.

    A field and its option are equally long, so that tables and wrapped lines stay as they are.
    """
    context = click.get_current_context(silent=True)
    spelt = _spelt(command if command is not None or context is None else context.command)
    return re.sub(r"`(\w+)`", lambda found: spelt.get(found[1], found[0]), text)


def option_of(field: str) -> str:
    """The option that gives a field: of the command that runs, or of the one that a page advises."""
    context = click.get_current_context(silent=True)
    known = _spelt(None if context is None else context.command)
    return "-o" if field == "output" else known.get(field, f"--{field.replace('_', '-')}")


def _value(value: object) -> str:
    plain = f"{value:.10g}" if isinstance(value, float) else str(value) if isinstance(value, str) else repr(value)
    text = " ".join(plain.split())
    return (text if len(text) <= 60 else f"{text[:57]}...") or '""'


def _fault(fault: InputError, spelt: dict[str, str]) -> str:
    head = fault.field.partition("[")[0].partition(".")[0]
    option = spelt.get(head)
    if option is None or type(fault) is not InputError:  # a kind of its own has words of its own
        return f"error: {fault}"
    if fault.value is ... or fault.value is None:
        said = option
    else:
        said = f"{option} {_value(fault.value)}" if option.startswith("-") else f"{option} = {_value(fault.value)}"
    text = f"error: {said} must be {fault.limit}"
    return f"{text}; {fault.fix}" if fault.fix else text


def _as_machine(name: str, spelt: dict[str, str]) -> list[str]:
    """The line that helps where a machine stands in the place of something else."""
    from tokenroof.catalog.systems import load_system

    if "system" not in spelt:
        return []
    try:
        load_system(name)
    except TokenroofError:
        return []
    return [f"  {name} is a machine: {spelt['system']} {name}"]


def _unknown(error: UnknownName, spelt: dict[str, str]) -> str:
    lines = [f'error: there is no {error.kind} "{_value(error.name)}"']
    if error.kind == "model":
        lines += _as_machine(error.name, spelt)
    if error.suggestions:
        lines.append(f"  did you mean   {', '.join(error.suggestions)}")
    if error.fix:
        lines.append(f"  {error.fix}")
    return "\n".join(lines)


def error_text(error: TokenroofError, command: click.Command | None) -> str:
    """What the terminal shows of an error that tokenroof raised on purpose."""
    return spelled(_error_text(error, _spelt(command)), command)


def _error_text(error: TokenroofError, spelt: dict[str, str]) -> str:
    if isinstance(error, UnknownName):
        return _unknown(error, spelt)
    if isinstance(error, InputError):
        return "\n".join(_fault(fault, spelt) for fault in faults_of(error))
    return f"error: {error}"


def usage_text(error: click.ClickException, command: click.Command | None) -> str:
    """What the terminal shows of an error that click found."""
    lines = [f"error: {error.format_message()}"]
    extra = re.fullmatch(r"Got unexpected extra argument \((\S+)\)", error.format_message())
    return "\n".join(lines + (_as_machine(extra[1], _spelt(command)) if extra else []))


def internal_error(error: BaseException) -> str:
    """What the terminal shows of a fault of tokenroof itself: what and where, in one line, and how to see more."""
    home = Path(_inside).parent
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(home)]
    where = f" ({Path(frames[-1].filename).relative_to(home).as_posix()}:{frames[-1].lineno})" if frames else ""
    what = " ".join(str(error).split())[:200] or type(error).__name__
    return (
        f"internal error: {what}{where}\n"
        "  this is a fault of tokenroof, not of your input; --traceback shows it, please report it"
    )
