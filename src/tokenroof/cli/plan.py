"""`tokenroof plan`: the best deployment under limits on latency, and why the others lose."""

import sys
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import DurationType
from tokenroof.cli.render import QuantityType, echo_json, finite_json, note, write_text
from tokenroof.engines import ENGINES
from tokenroof.errors import InputError
from tokenroof.types.engine import DEFAULT_ENGINE

__all__ = ["command"]

_TABLES = (".csv", ".json", ".parquet")
_CHARTS = (".svg", ".png", ".html")


def _write(answer: Any, path: Path) -> None:
    ending = path.suffix.lower()
    if ending in _CHARTS:
        from tokenroof.present.charts.plan import draw_plan

        draw_plan(answer, path)
    elif ending == ".csv":
        from tokenroof.usecases.plan.table import to_csv

        write_text(path, to_csv(answer))
    elif ending == ".json":
        import json

        text = json.dumps(finite_json(answer), indent=2, allow_nan=False, ensure_ascii=False)
        write_text(path, text + "\n")
    else:
        from tokenroof.usecases.plan.table import write_parquet

        write_parquet(answer, path)
    note(f"written to {path}")


def _check(path: Path) -> None:
    if path.suffix.lower() not in _TABLES + _CHARTS:
        raise InputError("output", str(path), f"a file ending in {', '.join(_TABLES + _CHARTS)}")
    if not path.resolve().parent.is_dir():
        raise InputError("output", str(path), "in a directory that exists", f"make {path.resolve().parent} first")


@click.command("plan", short_help="The best deployment under limits on latency, and why the others lose.")
@click.argument("model")
@click.option("--system", required=True, help="One or more: 8xh100,8xh200,gb200-nvl72.")
@click.option("--gpus", type=int, help="GPUs at hand. [default: those of the system; with a load, as many as it takes]")
@click.option("--isl", type=QuantityType("token"), help="Input tokens of a request. [default: 4096]")
@click.option("--osl", type=QuantityType("token"), help="Output tokens of a request. [default: 512]")
@click.option("--prefix", type=QuantityType("token"), default=0.0, help="Input tokens that are found in the cache.")
@click.option("--slo", help="Limits by name: chat, rag, code, content.")
@click.option("--ttft", type=QuantityType("s"), help="Limit on the mean time to first token, such as 1s.")
@click.option("--tpot", type=QuantityType("s"), help="Limit on the mean time per output token, such as 50ms.")
@click.option("--request-rate", "--rate", "request_rate", type=float, help="Load: requests per second, at random.")
@click.option("--concurrency", type=float, help="Load: requests at once.")
@click.option("--users", type=float, help="Load: people, each with --think between answer and next request.")
@click.option("--think", type=DurationType(), default="30s", show_default=True, help="Pause of a user.")
@click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]")
@click.option(
    "--objective", type=click.Choice(["cost", "throughput", "latency", "energy"]), default="cost", show_default=True,
    help="What the best is best at.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), default=DEFAULT_ENGINE, show_default=True,
    help="Serving engine to model; none gives hardware bounds.",
)  # fmt: skip
@click.option(
    "--profile", "--efficiency", "profile", type=click.Choice(["auto", "peak"]), default="auto", show_default=True,
    help="auto: fitted to measured runs; peak: the hardware bound.",
)  # fmt: skip
@click.option(
    "--mode",
    type=click.Choice(["auto", "agg", "disagg"]),
    default="auto",
    show_default=True,
    help="Prefill and decode on the same GPUs (agg), on GPUs of their own (disagg), or the better (auto).",
)
@click.option(
    "--weight-dtype", help="Formats to choose from: own, fp8,nvfp4 ... [default: own and native narrower ones]"
)
@click.option("--kv-dtype", help="Formats to choose from: bf16,fp8. [default: the engine's own, and fp8]")
@click.option(
    "--max-batched-tokens", "--chunk", "max_batched_tokens", type=int, help="Budget of a step. [default: the best]"
)
@click.option("--max-num-seqs", type=int, help="Most requests that the engine runs at once.")
@click.option("--memory-fraction", type=float, help="Share of GPU memory that the engine takes.")
@click.option("--tp", type=int, help="Hold the tensor parallel degree. Also --pp, --ep, --dp, --cp.")
@click.option("--pp", type=int, hidden=True)
@click.option("--ep", type=int, hidden=True)
@click.option("--dp", type=int, hidden=True)
@click.option("--cp", type=int, hidden=True)
@click.option(
    "--acceptance", type=float, help="Chance that a draft is accepted; allows drafts by the model's own head."
)
@click.option("--drafts", type=int, help="Most drafts of a step.")
@click.option("--alternatives", type=int, default=5, show_default=True, help="How many of the next best to show.")
@click.option("--measured", type=click.Path(dir_okay=False), help="CSV of measured runs, drawn beside the frontier.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE.csv, .json, .parquet, .svg, .png or .html. May be given several times.",
)
@click.option("--explain", "key", help="Where a number of the winner comes from: tpot_s, usd_per_mtok_all.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON; no limit is null.")
def command(outputs: tuple[Path, ...], key: str | None, as_json: bool, **options: Any) -> None:
    """The best deployment of MODEL under limits on latency: layout, formats, batch, aggregated or disaggregated.

    \b
    tokenroof plan deepseek-v3 --system gb200-nvl72 --ttft 1s --tpot 50ms
    tokenroof plan llama-3.1-70b --system 8xh100,8xh200,8xb200 --slo chat --request-rate 20
    tokenroof plan deepseek-r1 --system 8xh200 --ttft 2s --tpot 30ms --acceptance 0.8 -o plan.svg -o plan.csv

    Exit code 1 where nothing meets the limits, with the limit that binds and the nearest change.
    """  # fmt: skip
    from tokenroof.cli.plan_text import print_plan
    from tokenroof.usecases.plan.run import PlanRequest, plan

    for path in outputs:
        _check(path)
    answer = plan(PlanRequest(**options))
    for path in outputs:
        _write(answer, path)
    if key is not None and answer.winner is not None:
        from tokenroof.usecases.analyze.explain import text_of
        from tokenroof.usecases.money.explain import explain_plan

        found = explain_plan(answer, key)
        echo_json(found.to_dict()) if as_json else click.echo(text_of(found))
    else:
        echo_json(answer) if as_json else print_plan(answer)
    if answer.winner is None:
        unmet = answer.machines[0].unmet
        assert unmet is not None
        for machine in answer.machines:
            if machine.unmet is not None:
                note(f"not met on {machine.system}: {machine.unmet.reason}")
        if unmet.changes:
            note(f"nearest: {'; '.join(unmet.changes)}")
        sys.exit(1)
