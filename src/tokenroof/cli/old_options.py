"""Options that had another name in 0.1: they work for one more version, and say the new name."""

from collections.abc import Sequence

import click

from tokenroof.cli.render import note

__all__ = ["OLD_OPTIONS", "renamed"]

# old -> new; only where a command knows the new one and not the old
OLD_OPTIONS: dict[str, str] = {
    "--apart": "--disaggregated",
    "--api": "--offer",
    "--chunk": "--max-batched-tokens",
    "--chunks": "--max-batched-tokens",
    "--operators": "--full",
    "--plot": "-o",
    "--mode": "--rule",
    "--rate": "--request-rate",
    "--requests-per-s": "--request-rate",
    "--together": "--aggregated",
}


def renamed(command: click.Command, args: Sequence[str]) -> list[str]:
    """The arguments with today's names of options, a note on stderr for each that has a new one."""
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    found: list[str] = []
    for index, arg in enumerate(args):
        if arg == "--":
            return [*found, *args[index:]]
        old, equals, value = arg.partition("=")
        new = OLD_OPTIONS.get(old)
        if new is None or new not in known or old in known:
            found.append(arg)
            continue
        note(f"note: {old} is now {new}")
        found += [new] if not equals else [f"{new}={value}"] if new.startswith("--") else [new, value]
    return found
