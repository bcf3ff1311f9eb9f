"""What `compare`, `calibrate` and `next` take beside result files: the deployment that was measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import some_options

__all__ = ["results_argument", "told_options"]

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS = (
    "system", "tp", "pp", "ep", "dp", "weight_dtype", "kv_dtype", "engine", "engine_version", "memory_fraction",
    "max_num_seqs", "max_batched_tokens", "prefix", "acceptance", "drafts", "profile",
)  # fmt: skip


def results_argument(function: F) -> F:
    """`RESULT...`: files of benchmark tools, or tables of runs."""
    return click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path(path_type=Path))(
        function
    )


def told_options(function: F) -> F:
    """What files do not say: machine, layout, formats, engine, or the launch command that says them."""
    command = click.option(
        "--server-cmd",
        metavar="COMMAND",
        help="Launch command of the server: 'vllm serve ... --tensor-parallel-size 4', or its manifest.",
    )
    isl = click.option("--isl", metavar="TOKENS", help="Mean input tokens of a request, where no file says.")
    osl = click.option("--osl", metavar="TOKENS", help="Mean output tokens of a request, where no file says.")
    model = click.option("--model", metavar="MODEL", shell_complete=complete_models, help="The model that was served.")
    return model(some_options(*_FIELDS)(command(isl(osl(function)))))
