"""`tokenroof analyze`: one page on a model on a system."""

import sys
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.render import QuantityType, echo_json, note
from tokenroof.engines import ENGINES
from tokenroof.types.engine import DEFAULT_ENGINE

__all__ = ["command"]


@click.command("analyze")
@click.argument("model")
@click.option("--system", required=True, help="A system such as gb200-nvl72, 8xh100, or NxCHIP.")
@click.option("--batch", type=float, help="Requests decoded together in one replica.")
@click.option("--concurrency", type=float, help="Requests at once on the whole system.")
@click.option("--request-rate", type=float, help="Requests per second that arrive at random.")
@click.option("--users", type=float, help="People who read between requests.")
@click.option("--isl", type=QuantityType("token"), help="Input tokens of a request. [default: 4096]")
@click.option("--osl", type=QuantityType("token"), help="Output tokens of a request. [default: 512]")
@click.option("--prefix", type=QuantityType("token"), default=0.0, help="Input tokens that are already cached.")
@click.option("--context", type=QuantityType("token"), help="Mean length in decode, in place of --isl.")
@click.option("--ttft", type=QuantityType("s"), help="Limit on the mean time to first token.")
@click.option("--tpot", type=QuantityType("s"), help="Limit on the mean time per output token.")
@click.option("--weight-dtype", help="bf16, fp8, nvfp4 ... [default: the checkpoint's own]")
@click.option("--kv-dtype", help="bf16, fp8 ... [default: the engine's for the checkpoint]")
@click.option("--tp", type=int, help="Tensor parallel degree. [default: the best layout]")
@click.option("--pp", type=int, help="Pipeline stages.")
@click.option("--ep", type=int, help="Expert parallel degree.")
@click.option("--dp", type=int, help="Attention data parallel degree.")
@click.option("--cp", type=int, help="Context parallel degree.")
@click.option("--replicas", type=int, help="Copies of the model. [default: as many as fit on the system]")
@click.option(
    "--redundant-experts", type=int, help="Copies of busy experts, per layer, so that --ep divides: 32 on 72 for 256."
)
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), default=DEFAULT_ENGINE, show_default=True,
    help="Serving engine to model; none gives hardware bounds.",
)  # fmt: skip
@click.option(
    "--profile", "--efficiency", "profile", type=click.Choice(["auto", "peak"]), default="auto", show_default=True,
    help="auto: fitted to measured runs; peak: the hardware bound.",
)  # fmt: skip
@click.option(
    "--rule", type=click.Choice(["lecture", "text", "book"]), default="lecture", show_default=True,
    help="Closed form that stands beside the answer as a bound.",
)  # fmt: skip
@click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]")
@click.option("--fast-speedup", type=float, default=2.5, show_default=True, help="Speed of the fast mode to price.")
@click.option("--full", is_flag=True, help="Every operator, the rack, speed and price, the closed form.")
@click.option(
    "-o", "--plot", "plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw to FILE.svg, .png or .html."
)
@click.option("--bounds", is_flag=True, help="Draw the closed form in place of the operators.")
@click.option("--explain", "key", help="Show where a number comes from, for example tpot_s.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON; infinite values are null.")
def command(
    model: str, system: str, full: bool, plot: Path | None, bounds: bool, key: str | None, as_json: bool, **given: Any
) -> None:
    """Does MODEL fit on a system, how fast is it, what limits it, and what does a token cost?

    MODEL is a catalogue id, a Hugging Face id in the catalogue, or a path to a config.json.

    \b
    Examples:
    tokenroof analyze deepseek-v3 --system gb200-nvl72
    tokenroof analyze llama-3.3-70b --system 8xh100 --tp 8 --batch 64 --isl 8192 -o page.svg
    tokenroof analyze gpt-oss-120b --system h100 --explain tpot_s
    """
    from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze

    answer = analyze(AnalyzeRequest(model=model, system=system, **given))
    if plot is not None:
        if bounds:
            from tokenroof.present.charts.closed_form import draw
        else:
            from tokenroof.present.charts.analyze import draw_operators as draw
        draw(answer, plot)
        note(f"chart written to {plot}")
    if key is not None:
        from tokenroof.usecases.analyze.explain import explain_number, text_of

        explanation = explain_number(answer, key)
        echo_json(explanation.to_dict()) if as_json else click.echo(text_of(explanation))
    elif as_json:
        echo_json(answer)
    else:
        from tokenroof.present.pages.analyze import full_lines, page_lines

        lines = page_lines(answer) + (full_lines(answer) if full else [])
        click.echo("\n".join(lines))
    if not answer.fits:
        sys.exit(1)
