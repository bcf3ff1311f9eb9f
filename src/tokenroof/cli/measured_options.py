"""What `runs`, `compare`, `calibrate` and `next` take beside result files: one set of options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenroof.cli.complete import complete_models
from tokenroof.cli.options import some_options

__all__ = ["file_options", "results_argument", "told_options", "url_option"]

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS = (
    "system", "tp", "pp", "ep", "dp", "weight_dtype", "kv_dtype", "engine", "engine_version", "memory_fraction",
    "max_num_seqs", "max_batched_tokens", "drafts", "acceptance",
)  # fmt: skip
_FILE = (
    ("--format", "format", "NAME", "Format of the files. [default: found from each]"),
    ("--server-cmd", "server_cmd", "COMMAND",
     "Launch command of the server, 'vllm serve ...', or its manifest; read, never run."),
    ("--interval", "interval_s", "TIME", "Time between two scrapes of a server's metrics."),
)  # fmt: skip
_LOAD = (
    ("--isl", "isl", "TOKENS", "Mean input tokens of a request, where no file says."),
    ("--osl", "osl", "TOKENS", "Mean output tokens of a request, where no file says."),
    ("--prefix", "prefix", "TOKENS", "Input tokens that are found in the prefix cache, where no file says."),
    ("--concurrency", "concurrency", "N", "Requests that the client kept in flight, where no file says."),
    ("--request-rate", "request_rate", "PER_S", "Requests a second that were asked for, where no file says."),
)


def results_argument(function: F) -> F:
    """`RESULT...`: files of benchmark tools, logs of a start, or tables of runs."""
    return click.argument("results", metavar="RESULT...", nargs=-1, type=click.Path(path_type=Path))(function)


def _with(options: tuple[tuple[str, str, str, str], ...], function: F) -> F:
    for flag, name, metavar, words in reversed(options):
        function = click.option(flag, name, metavar=metavar, help=words)(function)
    return function


def file_options(function: F) -> F:
    """How files are read, and the command that their server was started with."""
    return _with(_FILE, function)


def told_options(function: F) -> F:
    """What files do not say: machine, layout, formats, engine, load, or the launch command that says the most."""
    model = click.option("--model", metavar="MODEL", shell_complete=complete_models, help="The model that was served.")
    return file_options(model(some_options(*_FIELDS)(_with(_LOAD, function))))


def url_option(function: F) -> F:
    """`--url`: the metrics of a server that runs."""
    words = "A server whose metrics are read twice, with 60s or --interval between: http://127.0.0.1:8000/metrics"
    return click.option("--url", metavar="URL", help=words)(function)
