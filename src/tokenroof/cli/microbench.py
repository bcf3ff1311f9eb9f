"""`tokenroof microbench`: what this machine's memory and arithmetic reach, saved as a chip."""

from pathlib import Path
from typing import Any

import click

from tokenroof.cli.options import output_options, request_from
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.progress import progress
from tokenroof.cli.render import WHOLE, QuantityType, echo_json, echo_page, note

__all__ = ["command"]

_DEVICES = ("auto", "cpu", "cuda", "mps")


@click.command("microbench")
@click.option("--device", type=click.Choice(_DEVICES), default="auto", show_default=True, help="auto: what torch sees.")
@click.option("--seconds", type=QuantityType("s"), default=20.0, show_default=True, help="About how long it takes.")
@click.option("--largest", metavar="SIZE", help="Largest buffer, such as 256MB. [default: eight times the last cache]")
@click.option("--ranks", type=WHOLE, help="Processes or GPUs that sum together; 1: none. [default: every core or GPU]")
@click.option("--name", help="Id of the chip in its file. [default: from the device's name]")
@click.option("--as-of", metavar="DATE", help="Date of the measurement. [default: today]")
@click.option("--max-spread", default=0.2, show_default=True, help="Widest spread that is saved.")
@click.option("--force", is_flag=True, help="Save rates that spread further all the same.")
@click.option("--full", is_flag=True, help="Every probe at every size.")
@output_options
def command(full: bool, outputs: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Measure this machine: memory, matmuls, KV reads, launches, all-reduce; save it as a chip for --system.

    A processor is measured by numpy and its BLAS; a GPU (CUDA, ROCm, Apple's) by torch. Each number is the median of
    several repetitions on random data from memory, not from a cache; its spread is the middle half over the median.
    -o FILE.toml writes the chip, and is refused where rates spread too far.

    \b
    tokenroof microbench -o my-box.toml
    tokenroof analyze qwen3-0.6b --system my-box.toml --engine llama.cpp --weight-dtype q8_0
    tokenroof microbench --device cuda --seconds 60 -o my-gpu.toml -o my-gpu.svg
    """
    from datetime import date

    from tokenroof.usecases.microbench.answer import MicrobenchRequest
    from tokenroof.usecases.microbench.chip_file import save_chip
    from tokenroof.usecases.microbench.run import microbench

    chips = tuple(path for path in outputs if path.suffix.lower() == ".toml")
    rest = check_outputs(None, tuple(path for path in outputs if path not in chips), pages=True)
    options["as_of"] = options["as_of"] or date.today().isoformat()
    asked = request_from(options, MicrobenchRequest)
    with progress("measuring") as show:
        answer = microbench(asked, show)
    from tokenroof.present.pages.microbench import page_of

    def chart(path: Path) -> None:
        from tokenroof.present.charts.microbench import draw

        draw(answer, path)

    write_outputs(answer, rest, chart, answer.samples, page_of(answer))
    echo_json(answer) if as_json else echo_page(page_of(answer), full)
    for path in chips:
        save_chip(answer, path, force=asked.force)
        note(f"written to {path}")
