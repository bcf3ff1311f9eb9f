"""`tokenroof simulate`: requests one by one through a deployment."""

import sys
from pathlib import Path
from typing import Any

import click

from tokenroof.cli.economics_options import refuse
from tokenroof.cli.options import model_argument, output_options, scenario_from, scenario_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.progress import progress
from tokenroof.cli.render import echo_json, echo_page
from tokenroof.cli.unused import refuse_unused

__all__ = ["command"]

_INTERRUPTED = 130
_LEFT_OUT = (
    "mode", "prefix", "context", "batch", "isl", "osl", "request_rate", "concurrency", "ttft",
    "tpot", "slo",
)  # fmt: skip


@click.command("simulate")
@model_argument
@click.option("--trace", metavar="FILE", help="Requests of a trace, in any format that `tokenroof trace` reads.")
@click.option("--request-rate", "--rate", "request_rate", metavar="PER_S", help="Requests that arrive per second.")
@click.option("--arrivals", metavar="DIST", help="poisson, constant, or gamma:CV of the gaps. [default: poisson]")
@click.option("--concurrency", metavar="N", help="Closed loop: requests at once; who ends is followed by the next.")
@click.option("--isl", metavar="DIST", help="Input tokens: 4096, uniform:500:1500, lognormal:MEAN:CV, exp:MEAN, ...")
@click.option("--osl", metavar="DIST", help="Output tokens, likewise.")
@click.option(
    "--requests",
    metavar="N",
    help="How many; of a trace the first. [default: 1000, ten times those at once, or the trace]",
)
@click.option(
    "--slo",
    metavar="SLO",
    help="Limits for goodput: ttft:500,tpot:50 (ms), ttft:p99:1s, chat, rag, code, content, p99:chat.",
)  # fmt: skip
@click.option("--ttft", metavar="TIME", help="Limit on a request's TTFT, over that of --slo: 1s, p99:1s.")
@click.option("--tpot", metavar="TIME", help="Limit on a request's TPOT, over that of --slo: 50ms, p90:50ms.")
@click.option(
    "--warmup",
    metavar="SHARE",
    help="First share of the requests, left out. [default: 0.1; of a closed loop all that begin at once]",
)
@click.option("--router", metavar="ROUTER", help="round-robin, least-loaded, prefix-aware. [default: round-robin]")
@click.option("--disaggregate", metavar="P:D", help="P prefill workers for D decode workers, in layouts of their own.")
@click.option("--prefix-cache", metavar="KIND", help="block: keep those of a trace's prompts. [default: off]")
@click.option("--cache-tiers", metavar="SIZES", help="Behind each GPU's memory: host-dram:256GB,nvme:2TB.")
@click.option("--scheduler", metavar="RULE", help="vllm, sglang, trtllm, static, train. [default: that of the engine]")
@click.option("--period", metavar="TIME", help="Between departures of the train. [default: 20ms]")
@click.option("--capacity", is_flag=True, help="Look for the highest rate that meets the SLO, in place of a rate.")
@click.option("--percentile", metavar="P", help="With --capacity: so many per cent of requests. [default: 99]")
@click.option("--rates", metavar="A:B:N", help="Run at N rates from A to B, and find the knee.")
@click.option("--seed", metavar="N", help="Of arrivals and lengths. [default: 0]")
@click.option("--seeds", metavar="N", help="Run N draws of the same question, and say how far they spread.")
@click.option("--cluster", metavar="tcp://HOST:PORT", help="Several runs on this Dask cluster.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Several runs on so many threads. [default: one by one]")
@click.option("--columns", metavar="NAMES", help="Columns of the trace: arrival=ts,isl=in,osl=out.")
@click.option("--skip-bad", is_flag=True, help="Leave out rows of the trace that cannot be used.")
@click.option("--start", metavar="TIME", help="Only requests of the trace from then on: 10min.")
@click.option("--end", metavar="TIME", help="Only requests of the trace before then: 20min.")
@click.option("--scale", metavar="FACTOR", help="The trace at so many times its rate.")
@scenario_options(*_LEFT_OUT)
@click.option("--full", is_flag=True, help="The run over time, and why each default.")
@output_options
def command(
    full: bool, outputs: tuple[Path, ...], as_json: bool, cluster: str | None, threads: int | None, **options: Any
) -> None:
    """What do requests see on MODEL on a system when they come one by one: TTFT, TPOT, ITL and E2E in percentiles.

    Requests come from a trace, at random at a rate, or from a closed loop (--concurrency, or --users who --think). Each
    goes through the engine's scheduler and KV memory, step by step.

    \b
    tokenroof simulate llama-3.1-8b --system h100 --rate 5 --isl lognormal:1155:1.1 --osl exp:211 --slo ttft:500,tpot:50
    tokenroof simulate llama-3.3-70b --system 8xh100 --trace requests.jsonl --scale 2 -o requests.csv
    tokenroof simulate llama-3.1-8b --system h100 --capacity --slo ttft:500,tpot:50 --percentile 95
    tokenroof simulate llama-3.1-8b --system h100 --rate 5 --slo ttft:p99:1s,tpot:p90:20ms
    tokenroof simulate llama-3.1-8b --system h100 --rates 1:64:10 -o loads.svg
    tokenroof simulate llama-3.1-8b --system h100 --rate 20 --seeds 8 --cluster tcp://10.0.0.5:8786
    tokenroof simulate llama-3.3-70b --system 8xh100 --trace chat.jsonl --prefix-cache block
    tokenroof simulate deepseek-v3 --system 8xh200 --tp 8 --ep 8 --rate 2 --drafts 1 --acceptance 0.85
    tokenroof simulate llama-3.3-70b --system 8xh100 --disaggregate 1:3 --tp 2 --rate 2
    tokenroof simulate llama-3.1-8b --system 4xh100 --trace chat.jsonl --prefix-cache block --router prefix-aware
    tokenroof simulate llama-3.1-8b --system h100 --concurrency 64 --isl 1k --osl 200 --scheduler static
    """
    from tokenroof.present.pages.simulate import page_of
    from tokenroof.types.served import Infeasible
    from tokenroof.usecases.simulate.request import SimulateRequest
    from tokenroof.usecases.simulate.run import simulate
    from tokenroof.usecases.simulate.table import main_rows

    paths = check_outputs(None, outputs, pages=True)
    refuse_unused(bool(options["capacity"]), "given with --capacity", "percentile")
    refuse_unused(cluster is None, "left out with --cluster: it has its own", "threads")
    asked = scenario_from(options, SimulateRequest)
    with progress("simulate") as show:
        answer = simulate(asked, show, cluster=cluster, threads=threads)
    if isinstance(answer, Infeasible):
        refuse(answer, as_json)
    page = page_of(answer)

    def chart(path: Path) -> None:
        if answer.loads:
            from tokenroof.present.charts.loads import draw
        else:
            from tokenroof.present.charts.simulate import draw
        draw(answer, path)

    write_outputs(answer, paths, chart, main_rows(answer) if paths else (), page)
    if as_json:
        echo_json(answer)
    else:
        echo_page(page, full)
    if answer.interrupted:
        sys.exit(_INTERRUPTED)
