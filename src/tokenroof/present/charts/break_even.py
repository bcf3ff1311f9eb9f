"""The pictures of `break-even`: cost against duty cycle, the crossing against the mix, the shape of demand."""

from pathlib import Path
from typing import Any

from tokenroof.present.charts.style import COLOURS, check_ending, dollars, new_figure, save_figure
from tokenroof.usecases.money.break_even import BreakEvenResponse

__all__ = ["draw"]

_MTOK = 1e6


def _percent(value: float, _position: int = 0) -> str:
    return f"{value:.3g} %"


def _costs(axis: Any, answer: BreakEvenResponse) -> None:
    here = answer.economics
    tokens = (here.workload.isl + here.workload.osl) / _MTOK
    duties = [0.01 * 100.0 ** (i / 199) for i in range(200)]
    busy, cost = answer.request_busy_usd.value / tokens, here.machine
    api = answer.request_api_usd / tokens
    percent = [100.0 * duty for duty in duties]
    extra = cost.busy_extra_usd_per_h / cost.usd_per_gpu_h if cost.usd_per_gpu_h else 0.0
    axis.plot(
        percent,
        [busy * (1.0 + extra * (d - here.duty_cycle)) / d for d in duties],
        color=COLOURS["total"],
        lw=2.2,
        label="self-hosting",
    )
    if cost.high_usd_per_gpu_h > cost.low_usd_per_gpu_h:
        low, high = (rent / cost.usd_per_gpu_h for rent in (cost.low_usd_per_gpu_h, cost.high_usd_per_gpu_h))
        axis.fill_between(
            percent, [busy * low / duty for duty in duties], [busy * high / duty for duty in duties],
            color=COLOURS["muted"], alpha=0.18, lw=0, label="lowest to highest rent",
        )  # fmt: skip
    axis.axhline(api, color=COLOURS["limit"], lw=1.8, label=answer.offer)
    if answer.duty_cycle <= 1.0:
        axis.plot([100.0 * answer.duty_cycle], [api], "o", color=COLOURS["limit"], ms=8)
        axis.annotate(
            f"crossing: busy {answer.duty_cycle:.0%}", (100.0 * answer.duty_cycle, api), xytext=(-8, -14),
            textcoords="offset points", fontsize=9, ha="right" if answer.duty_cycle > 0.1 else "left",
            color=COLOURS["limit"],
        )  # fmt: skip
    if here.duty_cycle < 1.0:
        axis.axvline(100.0 * here.duty_cycle, color=COLOURS["compute"], lw=1.2, ls="--", label="the given traffic")
    axis.set(title="Idle hours are paid for", xlabel="share of the time that the system is busy",
             ylabel="USD per M tokens, input and output")  # fmt: skip
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(1.0, 100.0)
    axis.set_xticks([1, 2, 5, 10, 20, 50, 100])
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(_percent)
    axis.yaxis.set_major_formatter(dollars)
    axis.legend(loc="upper right", frameon=True, facecolor="white", edgecolor="none", framealpha=1.0)


def _mix(axis: Any, answer: BreakEvenResponse) -> None:
    found = [(mix.input_per_output, mix.duty_cycle) for mix in answer.mixes if mix.duty_cycle is not None]
    axis.plot([x for x, _ in found], [100.0 * y for _, y in found], "-o", color=COLOURS["total"], lw=2.0, ms=4)
    load = answer.economics.workload
    axis.plot([load.isl / load.osl], [100.0 * answer.duty_cycle], "o", color=COLOURS["limit"], ms=9, label="this mix")
    axis.axhline(100.0, color=COLOURS["muted"], lw=1.2, ls="--")
    top = max(130.0, *(120.0 * y for _, y in found))
    axis.axhspan(100.0, top, color=COLOURS["limit"], alpha=0.07, lw=0)
    axis.annotate("above 100 %: the API is always cheaper", (0.98, 0.98), xycoords="axes fraction", ha="right",
                  va="top", fontsize=8.5, color=COLOURS["limit"])  # fmt: skip
    axis.set(title="The crossing moves with the mix", xlabel="input tokens for each output token",
             ylabel="busy share at the crossing")  # fmt: skip
    axis.set_xscale("log", base=2)
    axis.set_ylim(0.0, top)
    axis.xaxis.set_major_formatter(lambda value, _position=0: f"{value:g}")
    axis.yaxis.set_major_formatter(_percent)
    axis.legend(loc="lower right")


def _traffic(axis: Any, answer: BreakEvenResponse) -> None:
    traffic = answer.economics.traffic
    if traffic is None:
        raise TypeError("no traffic to draw")
    loads = traffic.loads
    axis.fill_between(
        range(len(loads) + 1), [100.0 * load for load in (*loads, loads[-1])], step="post", color=COLOURS["third"],
        alpha=0.6, lw=0,
    )  # fmt: skip
    axis.axhline(100.0 * traffic.duty_cycle, color=COLOURS["total"], lw=1.6, label=f"mean {traffic.duty_cycle:.0%}")
    axis.set(title=f"Traffic: {traffic.name}", xlabel="hour", ylabel="load over the peak")
    axis.set_xlim(0, len(loads))
    axis.set_ylim(0, 108)
    axis.yaxis.set_major_formatter(_percent)
    axis.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none")


def draw(answer: BreakEvenResponse, path: Path) -> None:
    """Write the chart to svg, png or html. InputError for another ending or an unwritable place."""
    check_ending(path)
    traffic = answer.economics.traffic
    panels = 3 if traffic is not None and traffic.duty_cycle < 1.0 else 2
    figure, axes = new_figure(1, panels, width=5.3 * panels, height=4.6)
    _costs(axes[0, 0], answer)
    _mix(axes[0, 1], answer)
    if panels == 3:
        _traffic(axes[0, 2], answer)
    here = answer.economics
    title = f"{here.model_name} on {here.system_name} against {answer.offer}"
    source = "measured throughput" if answer.measured else f"modelled, {here.claim}"
    figure.suptitle(f"{title}   ·   {source}", x=0.01, ha="left", fontsize=12)
    save_figure(figure, path, title=title, words=answer.sentence)
