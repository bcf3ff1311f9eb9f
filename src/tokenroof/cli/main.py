"""The command `tokenroof`: verbs load when they are called, errors are short, exit codes mean something.

Exit 0: answered. 1: infeasible, with the nearest change that would fit. 2: bad input. 70: a fault of tokenroof itself.
130: interrupted.
"""

import os
import sys
import traceback
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from tokenroof import __version__
from tokenroof.errors import TokenroofError

__all__ = ["VERBS", "main"]

# verb -> (module under tokenroof.cli, one line for --help)
VERBS: dict[str, tuple[str, str]] = {
    "analyze": ("analyze", "One page on a model on a machine: does it fit, how fast, what does it cost."),
    "break-even": ("break_even", "Self-hosting against an API price: from which load on does it pay?"),
    "calibrate": ("calibrate", "The tool calibrated to one's own results: a profile for --efficiency."),
    "chip": ("chip", "One accelerator: every figure with source, date and grade."),
    "chips": ("chips", "List accelerators, or draw ridge and drain time across generations."),
    "compare": ("compare", "Is my server as fast as it should be? One's own runs, and where the gap goes."),
    "deduce": ("deduce", "From public prices and speeds back to what a model can be."),
    "diff": ("diff", "Two scenarios side by side: which operators, bytes and rates make the difference."),
    "fit": ("fit", "Refit the efficiency profiles on kernel timings and measured runs."),
    "import": ("import_model", "Read a config.json into a model."),
    "kv": ("kv", "KV-cache bytes of models at given contexts, with the formula."),
    "lecture": ("lecture", "Every claim of the blackboard lecture, recomputed."),
    "microbench": ("microbench", "This machine measured: memory, matmuls, launches, all-reduce; saved as a chip."),
    "model": ("model", "One model: layers, parameters by part, KV formula."),
    "models": ("models", "List the models in the catalogue."),
    "next": ("next", "What to measure next: the few runs that settle a question for the fewest GPU-minutes."),
    "offers": ("offers", "List public API prices, dated and with their sources."),
    "plan": ("plan", "The best deployment under limits on latency, and why the others lose."),
    "price": ("price", "What tokens cost by kind, speed tier, length and time in the cache."),
    "report": ("report", "A view of the web app as one file that can be mailed and still dragged."),
    "roofline": ("roofline", "The raw model from numbers alone."),
    "runs": ("runs", "Result files of any benchmark tool as one table, recomputed, with what is doubtful."),
    "simulate": ("simulate", "Requests one by one: latencies in percentiles, goodput, overload."),
    "speculate": ("speculate", "Speculative decoding: speed-up by batch and depth, and where it stops paying."),
    "sweep": ("sweep", "A grid of scenarios into a Parquet dataset, on this machine or a Dask cluster."),
    "systems": ("systems", "List the machines in the catalogue, or show one."),
    "tiers": ("tiers", "Memory tiers: capacity, bandwidth, drain time, rent."),
    "trace": ("trace", "A trace of requests: rate, bursts, lengths, and what a prefix cache would find."),
    "train": ("train", "Tokens, parameters and cost under pre-training, RL and serving."),
    "validate": ("validate", "Predict measured runs and score the predictions."),
    "web": ("web", "See it, drag it, share it: the page and the API, on this machine."),
}


class _ReaderLeft(Exception):
    """The reader of a pipe went away (`| head`): nothing is wrong. Click alone would exit with 1, as if unfit."""


class LazyGroup(click.Group):
    """Knows its verbs by name and imports only the one that runs."""

    running: click.Command | None = None  # the verb's command, whose options errors are spelt in

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

            raise UnknownName("verb", args[0], nearest(args[0], VERBS), "all verbs: tokenroof --help")
        name, self.running, rest = super().resolve_command(ctx, args)
        if self.running is not None and not ctx.resilient_parsing:
            from tokenroof.cli.old_options import renamed
            from tokenroof.cli.unused import refuse_twice

            rest = renamed(self.running, rest)
            refuse_twice(self.running, rest)
        return name, self.running, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs without loading them; options as click knows them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        verbs = sorted(VERBS.items())
        return [CompletionItem(verb, help=line) for verb, (_, line) in verbs if verb.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, help_line) for verb, (_, help_line) in sorted(VERBS.items())])


def _install(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    from tokenroof.cli.complete import install_completion

    click.echo(install_completion(ctx.command, "" if value == "auto" else value))
    ctx.exit(0)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="tokenroof")
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="Show where a fault of tokenroof itself is. Goes anywhere."
)
@click.option(
    "--install-completion",
    is_flag=False,
    flag_value="auto",
    metavar="[SHELL]",
    is_eager=True,
    expose_value=False,
    callback=_install,
    help="Complete verbs, options and names in bash, zsh or fish. [default: $SHELL]",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """What serving a language model can cost and how fast it can go, on real models and machines.

    \b
    tokenroof analyze deepseek-v3 --system gb200-nvl72
    tokenroof roofline --params 671e9 --active 37e9 --flops 2.88e17 --bandwidth 512TB/s --batch 2400
    """
    if ctx.invoked_subcommand is None:
        from tokenroof.cli.welcome import welcome

        click.echo(welcome())


def _answer() -> int:
    """The exit code of the command, with what went wrong said on stderr."""
    from tokenroof.cli.faults import error_text, internal_error, usage_text

    shown = "--traceback" in sys.argv[1:]
    args = [one for one in sys.argv[1:] if one != "--traceback"]
    try:
        code = cli(args=args, prog_name="tokenroof", standalone_mode=False)
    except TokenroofError as error:
        click.echo(error_text(error, cli.running or cli), err=True)
        return 2
    except click.ClickException as error:
        click.echo(usage_text(error, cli.running), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except _ReaderLeft:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must not complain at exit
        return 0
    except OSError as error:
        click.echo(f"error: the answer cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 2
    except Exception as error:
        if shown:
            traceback.print_exception(error)
        click.echo(internal_error(error), err=True)
        return 70
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line and turn what went wrong into a few words and an exit code."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller (`>&-`): there is nobody to tell
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    from tokenroof.cli.streams import encodable

    encodable(sys.stdout, sys.stderr)
    sys.exit(_answer())
