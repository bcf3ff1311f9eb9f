"""The picture of several loads: latencies and throughput against the rate at which requests arrive."""

from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import COLOURS, check_ending, new_figure, note_beside, plain_logarithm, save_figure
from tokenroof.usecases.simulate.answer import Latency, SimulateResponse

__all__ = ["draw"]


def _latency(axis: Any, answer: SimulateResponse, name: str, colour: str, limit_s: float | None) -> None:
    rates = [one.request_rate for one in answer.loads]
    spreads: list[Latency | None] = [getattr(one, name.lower()) for one in answer.loads]
    for which, style in (("p50", "-"), ("p99", "--")):
        values = [None if one is None else getattr(one, which) for one in spreads]
        shown = [(rate, 1e3 * value) for rate, value in zip(rates, values, strict=True) if value is not None]
        if shown:
            axis.plot(*zip(*shown, strict=True), style, color=COLOURS[colour], marker="o", ms=3.5, label=which)
    if limit_s is not None:
        axis.axhline(1e3 * limit_s, color=COLOURS["limit"], lw=1.2, ls=":", label=f"at most {limit_s * 1e3:,.4g} ms")
    axis.set(title=name, xlabel="requests/s that arrive", ylabel="ms")
    axis.set_yscale("log")
    plain_logarithm(axis.yaxis, lambda value, _: f"{value:,.12g}")
    axis.set_ylim(top=3.0 * axis.get_ylim()[1])  # room for the legend
    _here(axis, answer)
    axis.legend(loc="upper left")


def _throughput(axis: Any, answer: SimulateResponse) -> None:
    rates = [one.request_rate for one in answer.loads]
    served = [one.requests_per_s for one in answer.loads]
    axis.plot(rates, rates, color=COLOURS["muted"], lw=1.0, ls=":", label="all that arrive")
    axis.plot(rates, served, color=COLOURS["total"], marker="o", ms=3.5, label="served")
    if answer.slo_share is not None:
        goodput = [one.goodput or 0.0 for one in answer.loads]
        axis.plot(rates, goodput, color=COLOURS["kv"], marker="o", ms=3.5, label="goodput")
    axis.set(title="Throughput", xlabel="requests/s that arrive", ylabel="requests/s")
    axis.set_ylim(0.0, 1.35 * max(served))
    _here(axis, answer)
    axis.legend(loc="upper left")


def _here(axis: Any, answer: SimulateResponse) -> None:
    """The capacity, or the knee."""
    place, word = (answer.capacity, "capacity") if answer.capacity is not None else (answer.knee, "knee")
    if place:
        axis.axvline(place, color=COLOURS["second"], lw=1.2, ls="--")
        note_beside(axis, place, word, "second", rotation=90)


def draw(answer: SimulateResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    figure, axes = new_figure(1, 3, width=15.0, height=4.6)
    _latency(axes[0][0], answer, "TTFT", "compute", answer.ttft_limit_s)
    _latency(axes[0][1], answer, "TPOT", "weights", answer.tpot_limit_s)
    _throughput(axes[0][2], answer)
    save_figure(figure, path, title=f"{answer.model} on {answer.system}, by load", words=answer.sentence)
