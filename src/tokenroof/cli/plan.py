"""`tokenroof plan`: the best deployment under limits on latency, and why the others lose."""

import sys
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import DurationType
from tokenroof.cli.offers import TokensType
from tokenroof.cli.render import QuantityType, echo_json, finite_json, note, write_text
from tokenroof.errors import InputError

__all__ = ["command"]

_TABLES = (".csv", ".json", ".parquet")
_CHARTS = (".svg", ".png", ".html")
_PLAIN = (
    "model", "gpus", "slo", "rate", "concurrency", "users", "objective", "engine", "efficiency", "mode", "acceptance",
    "drafts", "runner_ups", "measured", "memory_fraction",
)  # fmt: skip
_DEGREES = ("tp", "pp", "ep", "dp", "cp")


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
@click.option("--system", "systems", required=True, help="One or more: 8xh100,8xh200,gb200-nvl72.")
@click.option("--gpus", type=int, help="GPUs at hand. [default: those of the system; with a load, as many as it takes]")
@click.option("--isl", type=TokensType(), default="4096", show_default=True, help="Input tokens of a request.")
@click.option("--osl", type=TokensType(), default="512", show_default=True, help="Output tokens of a request.")
@click.option("--prefix", type=TokensType(), default=0, help="Input tokens that are found in the cache.")
@click.option("--slo", help="Limits by name: chat, rag, code, content.")
@click.option("--ttft", type=QuantityType("ms"), help="Longest mean time to the first token; a bare number is ms.")
@click.option("--tpot", type=QuantityType("ms"), help="Longest mean time per output token; a bare number is ms.")
@click.option("--rate", type=float, help="Load: requests per second, at random.")
@click.option("--concurrency", type=float, help="Load: requests in flight.")
@click.option("--users", type=float, help="Load: people, each with --think between answer and next request.")
@click.option("--think", type=DurationType(), default="30s", show_default=True, help="Pause of a user.")
@click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]")
@click.option(
    "--objective", type=click.Choice(["cost", "throughput", "latency", "energy"]), default="cost", show_default=True,
    help="What the best is best at.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["vllm", "sglang", "trtllm", "none"]), default="vllm", show_default=True,
    help="Whose memory rule and profile hold; none is the bound.",
)  # fmt: skip
@click.option(
    "--efficiency", type=click.Choice(["auto", "peak"]), default="auto", show_default=True,
    help="auto: fitted to measured runs; peak: the speed of light.",
)  # fmt: skip
@click.option(
    "--mode",
    type=click.Choice(["both", "together", "apart"]),
    default="both",
    show_default=True,
    help="Prompts and answers on the same GPUs, or on GPUs of their own.",
)
@click.option(
    "--weight-dtype", help="Formats to choose from: own, fp8,nvfp4 ... [default: own and native narrower ones]"
)
@click.option("--kv-dtype", help="Formats to choose from: bf16,fp8. [default: the engine's own, and fp8]")
@click.option("--chunk", help="Tokens of prompts in a pass to choose from. [default: 2048,8192,16384]")
@click.option("--memory-fraction", type=float, help="Share of GPU memory that the engine takes.")
@click.option("--tp", type=int, help="Hold the tensor parallel degree. Also --pp, --ep, --dp, --cp.")
@click.option("--pp", type=int, hidden=True)
@click.option("--ep", type=int, hidden=True)
@click.option("--dp", type=int, hidden=True)
@click.option("--cp", type=int, hidden=True)
@click.option(
    "--acceptance", type=float, help="Chance that a draft is accepted; allows drafts by the model's own head."
)
@click.option("--drafts", type=int, default=4, show_default=True, help="Most drafts of a pass.")
@click.option("--runner-ups", type=int, default=5, show_default=True, help="How many of the next best to show.")
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
    """The best deployment of MODEL under limits on latency: layout, formats, batch, chunk, roles of GPUs.

    \b
    tokenroof plan deepseek-v3 --system gb200-nvl72 --ttft 1s --tpot 50ms
    tokenroof plan llama-3.1-70b --system 8xh100,8xh200,8xb200 --slo chat --rate 20
    tokenroof plan deepseek-r1 --system 8xh200 --ttft 2s --tpot 30ms --acceptance 0.8 -o plan.svg -o plan.csv

    Exit code 1 where nothing meets the limits, with the limit that binds and the nearest change.
    """  # fmt: skip
    from tokenroof.cli.plan_text import print_plan
    from tokenroof.usecases.plan.run import PlanRequest, plan

    for path in outputs:
        _check(path)
    answer = plan(PlanRequest(**_fields(options)))
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


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


def _numbers(field: str, text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError:
        raise InputError(field, text, "whole numbers with commas between them") from None


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """The options under the names of PlanRequest."""
    degrees = {name: options.pop(name) for name in _DEGREES}
    fields = {name: options.pop(name) for name in _PLAIN}
    return fields | {
        "systems": _words(options.pop("systems")),
        "isl": float(options.pop("isl")),
        "osl": float(options.pop("osl")),
        "prefix": float(options.pop("prefix")),
        "ttft_s": options.pop("ttft"),
        "tpot_s": options.pop("tpot"),
        "think_s": options.pop("think"),
        "usd_per_gpu_h": options.pop("price_per_gpu_hour"),
        "weight_dtypes": _words(options.pop("weight_dtype")),
        "kv_dtypes": _words(options.pop("kv_dtype")),
        "chunks": _numbers("chunk", options.pop("chunk")),
        "layout": {name: value for name, value in degrees.items() if value is not None},
    }
