"""Completion of names at the shell, and the script that makes a shell ask for it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from tokenroof.errors import InputError

__all__ = ["SHELLS", "complete_models", "complete_offers", "complete_systems", "install_completion"]

# shell -> (where its script goes below the home directory, what is left to do by hand)
SHELLS: dict[str, tuple[str, str]] = {
    "bash": (
        ".local/share/bash-completion/completions/tokenroof",
        "open a new shell; without the package bash-completion, source that file in ~/.bashrc",
    ),
    "fish": (".config/fish/completions/tokenroof.fish", "open a new shell"),
    "zsh": (
        ".zfunc/_tokenroof",
        "put 'fpath+=~/.zfunc; autoload -Uz compinit; compinit' into ~/.zshrc and open a new shell",
    ),
}


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    start = incomplete.lower()
    return [CompletionItem(name) for name in sorted(names) if name.lower().startswith(start)]


def complete_models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models of the catalogue; what looks like a path is left to the shell."""
    from tokenroof.catalog.models.index import model_ids

    if incomplete.startswith((".", "/", "~")):
        return [CompletionItem(incomplete, type="file")]
    return _starting(model_ids(), incomplete)


def complete_systems(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Systems of the catalogue; after `16x` every chip."""
    from tokenroof.catalog.chips import chip_ids
    from tokenroof.catalog.systems import system_names

    if incomplete.startswith((".", "/", "~")):
        return [CompletionItem(incomplete, type="file")]
    count = re.match(r"[1-9]\d{0,5}x", incomplete)
    counted = [f"{count[0]}{chip}" for chip in chip_ids()] if count else []
    return _starting({*system_names(), *counted}, incomplete)


def complete_offers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offers of the snapshot and the markets of open weights."""
    from tokenroof.catalog.offers.index import market_models, offer_ids

    return _starting({*offer_ids(), *(f"market/{model}" for model in market_models())}, incomplete)


def _shell(asked: str) -> str:
    shell = asked or Path(os.environ.get("SHELL", "")).name
    if shell not in SHELLS:
        raise InputError("install_completion", shell, f"one of {', '.join(SHELLS)}")
    return shell


def install_completion(command: click.Command, asked: str) -> str:
    """Write the script of a shell (empty: the one of $SHELL) below the home directory; what to say about it."""
    from tokenroof.files import put

    shell = _shell(asked)
    below, left = SHELLS[shell]
    path = Path.home() / below
    source = get_completion_class(shell)
    if source is None:
        raise InputError("install_completion", shell, f"one of {', '.join(SHELLS)}")
    made = source(command, {}, "tokenroof", "_TOKENROOF_COMPLETE")
    script = made.source_template % made.source_vars()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "install_completion", str(path.parent), "a folder that can be made", error.strerror or ""
        ) from None
    put(path, script)
    return f"written: {path}\n{left}"
