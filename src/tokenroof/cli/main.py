"""The command `tokenroof`: verbs load when they are called, errors are one line, exit codes mean something.

Exit 0: answered. 1: infeasible, with the nearest change that would fit. 2: bad input. 130: interrupted.
"""

import os
import sys
from importlib import import_module

import click

from tokenroof import __version__
from tokenroof.errors import TokenroofError

__all__ = ["VERBS", "main"]

# verb -> (module under tokenroof.cli, one line for --help)
VERBS: dict[str, tuple[str, str]] = {
    "analyze": ("analyze", "One page on a model on a machine: does it fit, how fast, what does it cost."),
    "break-even": ("break_even", "Self-hosting against an API price: from which load on does it pay?"),
    "chip": ("chip", "One accelerator: every figure with source, date and grade."),
    "chips": ("chips", "List accelerators, or draw rho and drain time across generations."),
    "deduce": ("deduce", "From public prices and speeds back to what a model can be."),
    "fit": ("fit", "Refit the efficiency profiles on kernel timings and measured runs."),
    "import": ("import_model", "Read a config.json into a model."),
    "kv": ("kv", "KV-cache bytes of models at given contexts, with the formula."),
    "lecture": ("lecture", "Every claim of the blackboard lecture, recomputed."),
    "model": ("model", "One model: layers, parameters by part, KV formula."),
    "models": ("models", "List the models in the catalogue."),
    "offers": ("offers", "List public API prices, dated and with their sources."),
    "plan": ("plan", "The best deployment under limits on latency, and why the others lose."),
    "price": ("price", "What tokens cost by kind, speed tier, length and time in the cache."),
    "roofline": ("roofline", "The raw model from numbers alone."),
    "speculate": ("speculate", "Speculative decoding: speed-up by batch and depth, and where it stops paying."),
    "sweep": ("sweep", "A grid of scenarios into a Parquet dataset, on this machine or a Dask cluster."),
    "systems": ("systems", "List the machines in the catalogue, or show one."),
    "tiers": ("tiers", "Memory tiers: capacity, bandwidth, drain time, rent."),
    "train": ("train", "Tokens, parameters and cost under pre-training, RL and serving."),
    "validate": ("validate", "Predict measured runs and score the predictions."),
}


class _ReaderLeft(Exception):
    """The reader of a pipe went away (`| head`): nothing is wrong. Click alone would exit with 1, as if unfit."""


class LazyGroup(click.Group):
    """Knows its verbs by name and imports only the one that runs."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderLeft from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"tokenroof.cli.{VERBS[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from tokenroof.errors import UnknownName
            from tokenroof.registry import nearest

            raise UnknownName("verb", args[0], nearest(args[0], VERBS), "see tokenroof --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, help_line) for verb, (_, help_line) in sorted(VERBS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tokenroof")
def cli() -> None:
    """What serving a language model can cost and how fast it can go, on real models and machines.

    \b
    tokenroof analyze deepseek-v3 --system gb200-nvl72
    tokenroof roofline --params 671e9 --active 37e9 --flops 2.88e17 --bandwidth 512TB/s --batch 2400
    """


def main() -> None:
    """Run the command line and turn what went wrong into one line and an exit code."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller (`>&-`): there is nobody to tell
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    try:
        exit_code = cli(standalone_mode=False)
    except TokenroofError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        hint = getattr(error, "ctx", None)
        click.echo(f"error: {error.format_message()}", err=True)
        if hint is not None:
            click.echo(f"try: {hint.command_path} --help", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except _ReaderLeft:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not complain at exit
        sys.exit(0)
    except OSError as error:
        click.echo(f"error: the answer cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(2)
    sys.exit(exit_code if isinstance(exit_code, int) else 0)
