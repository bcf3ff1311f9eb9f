"""What a command line says in vain: an option given twice, and options that change nothing beside what else is given.

Silence would read as if they had been used.
"""

from collections import Counter
from collections.abc import Sequence

import click

from tokenroof.errors import InputError

__all__ = ["given", "refuse_twice", "refuse_unused"]


def given(name: str) -> bool:
    """Whether the command line itself gave this parameter."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in (None, click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP)


def refuse_unused(used: bool, why: str, *names: str) -> None:
    """InputError for the first of these parameters that was given although it is not `used`; `why` is the limit."""
    for name in () if used else names:
        if given(name):
            value = click.get_current_context().params.get(name, True)
            raise InputError(name, ... if value is True else value, why)


def refuse_twice(command: click.Command, args: Sequence[str]) -> None:
    """InputError for an option of one value that stands in the arguments more than once: click would take the last."""
    single = {
        name: str(param.name)
        for param in command.params
        if isinstance(param, click.Option) and not param.multiple and not param.count and not param.is_flag
        for name in param.opts
    }
    before_arguments = args[: args.index("--")] if "--" in args else args
    told = Counter(single.get(arg.partition("=")[0]) for arg in before_arguments)
    for name, times in told.items():
        if name is not None and times > 1:
            raise InputError(name, "twice" if times == 2 else f"{times} times", "given once")
