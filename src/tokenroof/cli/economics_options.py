"""Options that price, break-even and the other money verbs share, and how each prints its common lines."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from tokenroof.cli.offers import TokensType
from tokenroof.cli.render import QuantityType, echo_json, heading, note
from tokenroof.engines import ENGINES
from tokenroof.errors import InputError, TokenroofError
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.units import parse_quantity

if TYPE_CHECKING:
    from tokenroof.usecases.money.costs import Economics
    from tokenroof.usecases.money.operating import Infeasible

__all__ = [
    "DurationType", "NumbersType", "economics_fields", "economics_options", "line", "plot_option", "print_defaults",
    "print_economics", "refuse", "serving_fields", "serving_options",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
_DEGREES = ("tp", "pp", "ep", "dp", "cp")


class DurationType(click.ParamType[float]):
    """A time with its unit: 50ms, 2s, 5min, 1h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_quantity(str(value), "s", bare=False)
        except TokenroofError as error:
            self.fail(f"{error}", param, ctx)


class NumbersType(click.ParamType[tuple[float, ...]]):
    """Numbers with a separator between them: 3:1, 0.55,0.14,2.19."""

    name = "numbers"

    def __init__(self, separator: str, counts: tuple[int, ...], example: str) -> None:
        self.separator, self.counts, self.example = separator, counts, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(self.separator))
        except ValueError:
            numbers = ()
        if len(numbers) not in self.counts:
            self.fail(f"{value!r} is not of the form {self.example}", param, ctx)
        return numbers


_SERVING = (
    click.option("--system", help="A system such as gb200-nvl72, 8xh100, or NxCHIP."),
    click.option("--isl", type=TokensType(), default="4096", show_default=True, help="Input tokens of a request."),
    click.option("--osl", type=TokensType(), default="512", show_default=True, help="Output tokens of a request."),
    click.option("--prefix", type=TokensType(), default=0, help="Input tokens that are found in the cache."),
    click.option(
        "--tpot", type=QuantityType("ms"), help="Longest time per output token; a bare number is ms. [default: 50]"
    ),
    click.option("--concurrency", type=float, help="Sequences in flight on the system. [default: as many as fit]"),
    click.option("--tp", type=int, help="Tensor parallel degree. [default: the cheapest layout is looked for]"),
    click.option("--pp", type=int, help="Pipeline stages."),
    click.option("--ep", type=int, help="Expert parallel degree."),
    click.option("--dp", type=int, help="Attention data parallel degree."),
    click.option("--cp", type=int, help="Context parallel degree."),
    click.option("--weight-dtype", help="bf16, fp8, nvfp4 ... [default: the checkpoint's own]"),
    click.option("--kv-dtype", help="bf16, fp8 ... [default: bf16]"),
    click.option(
        "--engine", type=click.Choice(list(ENGINES)), default=DEFAULT_ENGINE, show_default=True,
        help="Whose memory rule and profile hold; none is the bound.",
    ),
    click.option(
        "--efficiency", type=click.Choice(["auto", "peak"]), default="auto", show_default=True,
        help="auto: fitted to measured runs; peak: the speed of light.",
    ),
)  # fmt: skip
_MONEY = (
    click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]"),
    click.option("--owner", type=click.Choice(["hyperscaler", "neocloud", "retail"]), help="Own at published cost."),
    click.option("--capex-per-gpu", type=float, help="Own: USD for a GPU with its share of server and network."),
    click.option("--years", type=float, default=4.0, show_default=True, help="Own: years until written off."),
    click.option("--cost-of-capital", type=float, default=0.0, show_default=True, help="Own: interest a year, 0.1."),
    click.option("--upkeep", type=float, default=0.0, show_default=True, help="Own: upkeep a year over the price."),
    click.option("--electricity", type=float, default=0.08, show_default=True, help="Own: USD a kWh."),
    click.option("--pue", type=float, default=1.25, show_default=True, help="Own: power at the meter over IT power."),
    click.option(
        "--power", type=click.Choice(["all-in", "tdp"]), default="all-in", show_default=True,
        help="Own: with the server's share, or the chip's rating alone.",
    ),
    click.option("--watts-per-gpu", type=float, help="Own: power of a busy GPU. [default: from the catalogue]"),
    click.option("--duty-cycle", type=float, help="Mean load over the load the machines are sized for, 0 to 1."),
    click.option("--traffic", help="flat, diurnal, diurnal:SHARE, or a CSV of hourly loads."),
    click.option(
        "--allocation", type=click.Choice(["time", "flops", "output"]), default="time", show_default=True,
        help="What input and output tokens pay for.",
    ),
    click.option(
        "--blend", type=NumbersType(":", (2, 3), "IN:OUT or FRESH:CACHED:OUT"),
        help="Ratio for the blended price, 3:1. [default: the request's]",
    ),
    click.option(
        "--sell", type=NumbersType(",", (2, 3), "IN,OUT or IN,CACHED,OUT"),
        help="Selling prices per M tokens, for the margin.",
    ),
)  # fmt: skip


def _with(function: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def serving_options(function: F) -> F:
    """What is served, on what and how."""
    return _with(function, _SERVING)


def economics_options(function: F) -> F:
    """The same, and what it costs."""
    return _with(function, (*_SERVING, *_MONEY))


def plot_option(function: F) -> F:
    """`--plot FILE`, `-o FILE` and `--json`."""
    function = click.option("--json", "as_json", is_flag=True, help="Print the response as JSON; no limit is null.")(
        function
    )
    function = click.option(
        "-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
        help="Write to FILE.csv, .json, .svg, .png or .html. May be given several times.",
    )(function)  # fmt: skip
    return click.option(
        "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw to FILE.svg, .png or .html."
    )(function)


def _threefold(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    """(input, output) or (fresh, cached, output) as the latter."""
    if numbers is None:
        return None
    return (numbers[0], 0.0, numbers[1]) if len(numbers) == 2 else (numbers[0], numbers[1], numbers[2])


def _sold(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    """Without a price of their own cached tokens sell as fresh ones."""
    if numbers is None or len(numbers) == 3:
        return _threefold(numbers)
    return numbers[0], numbers[0], numbers[1]


def serving_fields(options: dict[str, Any]) -> dict[str, Any]:
    """The options of `serving_options` as fields of ServingRequest."""
    if options["system"] is None:
        raise click.UsageError("Missing option '--system'.")
    layout = {name: options[name] for name in _DEGREES}
    same = ("system", "concurrency", "weight_dtype", "kv_dtype", "engine", "efficiency")
    return {
        **{name: options[name] for name in same},
        **{name: float(options[name]) for name in ("isl", "osl", "prefix")},
        "tpot_s": options["tpot"],
        "layout": {name: value for name, value in layout.items() if value is not None},
    }


_OWNED = ("years", "cost_of_capital", "upkeep", "electricity", "pue", "power", "watts_per_gpu")


def _refuse_unused() -> None:
    """Options of owned machines change nothing without a purchase price."""
    context = click.get_current_context()
    for name in _OWNED:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InputError(name, context.params[name], "left out without --capex-per-gpu: it is of owned machines")


def economics_fields(options: dict[str, Any]) -> dict[str, Any]:
    """The options of `economics_options` as fields of EconomicsRequest."""
    from tokenroof.scenario.machine_cost import OwnershipInputs

    capex, rent, owner = options["capex_per_gpu"], options["price_per_gpu_hour"], options["owner"]
    if sum(value is not None for value in (capex, rent, owner)) > 1:
        limit = "given once: --price-per-gpu-hour, --capex-per-gpu or --owner"
        raise InputError("price", "several", limit, "leave the others out")
    own = None
    if capex is None:
        _refuse_unused()
    else:
        own = OwnershipInputs(
            capex_usd_per_gpu=capex,
            years=options["years"],
            yearly_rate=options["cost_of_capital"],
            upkeep=options["upkeep"],
            usd_per_kwh=options["electricity"],
            pue=options["pue"],
            power=options["power"],
            watts_per_gpu=options["watts_per_gpu"],
        )
    return serving_fields(options) | {
        "usd_per_gpu_h": rent,
        "own": own,
        "owner": owner,
        "duty_cycle": options["duty_cycle"],
        "traffic": options["traffic"],
        "allocation": options["allocation"],
        "blend": _threefold(options["blend"]),
        "sell_usd_per_mtok": _sold(options["sell"]),
    }


def refuse(answer: "Infeasible", as_json: bool) -> NoReturn:
    """Say why nothing fits and what would, and end with code 1."""
    if as_json:
        echo_json(answer)
    nearest = f". Nearest: {'; '.join(answer.fixes)}" if answer.fixes else ""
    note(f"does not fit: {answer.reason}{nearest}")
    sys.exit(1)


def line(label: str, value: str, remark: str = "") -> None:
    """One line of a page: label, value, remark."""
    click.echo(f"  {label:<22}{value:<25} {remark}".rstrip())


def print_defaults(defaults: Any) -> None:
    """What the user did not give, to stderr."""
    for choice in defaults:
        note(f"took {choice.field} = {choice.value}: {choice.reason}")


def _range(answer: "Economics", usd: float) -> str:
    if answer.low == answer.high == 1.0:
        return ""
    return f"{usd * answer.low:,.3f} to {usd * answer.high:,.3f} in 80 % of measured cases"


def print_economics(answer: "Economics") -> None:
    """The operating point and what its tokens cost."""
    from tokenroof.usecases.money.tiers import layout_label

    point, machine, prices = answer.point, answer.machine, answer.prices
    heading(f"{answer.model_name} on {answer.system_name}{'   (announced)' if answer.announced else ''}")
    load = answer.workload
    cached = f", {load.prefix:,.0f} of them cached" if load.prefix else ""
    click.echo(f"  {load.isl:,.0f} tokens in{cached}, {load.osl:,.0f} out; {answer.gpus} GPUs")
    click.echo()
    heading("Operating point")
    apart = (
        ""
        if point.prefill_layout == point.layout
        else f"prompts on {layout_label(point.prefill_layout, point.prefill.copies)}"
    )
    line("layout", layout_label(point.layout, point.copies), apart)
    where = "where all GPUs decode; " if point.prefill is not point.serving else ""
    line("concurrency", f"{point.concurrency:,.0f} sequences", f"{where}limit: {point.limit}")
    pauses = "" if point.tpot_s == point.step_s else f"; a decode pass takes {point.step_s * 1e3:.4g} ms"
    line("TPOT", f"{point.tpot_s * 1e3:.4g} ms", f"{answer.tokens_per_s_per_user:,.1f} tok/s/user{pauses}")
    read = answer.input_tokens_per_s / answer.gpus
    line(
        "throughput",
        f"{answer.output_tokens_per_s_per_gpu:,.0f} tok/s/GPU out",
        f"{read:,.0f} in; {answer.requests_per_s:,.3g} requests/s in all",
    )
    total = answer.shares.busy_s
    answers = answer.shares.decode_s / total
    line("machine time", f"{total * 1e3:.4g} ms a request", f"prompt {1.0 - answers:.0%}, answer {answers:.0%}")
    parts = ", ".join(f"{name} ${usd:.2f}" for name, usd in machine.parts)
    line("GPU-hour", f"${machine.usd_per_gpu_h:.2f} {machine.kind}", parts if len(machine.parts) > 1 else "")
    line("duty cycle", f"{answer.duty_cycle:.0%}", answer.traffic.name if answer.traffic else "")
    if machine.own_from_duty is not None and machine.rent_usd_per_h is not None:
        never = machine.own_from_duty > 1.0
        line("own or rent", "rent" if never else f"own above {machine.own_from_duty:.0%}",
             f"of hours in use, against ${machine.rent_usd_per_h:.2f} for each hour rented")  # fmt: skip
    click.echo()
    heading(f"Cost per million tokens   allocation by {prices.allocation}")
    line("input", f"${prices.input_usd_per_mtok:,.4f}")
    if prices.cached_usd_per_mtok is not None:
        line("cached input", f"${prices.cached_usd_per_mtok:,.4f}", "attention of new tokens to it; holding is below")
    line("output", f"${prices.output_usd_per_mtok:,.4f}", _range(answer, prices.output_usd_per_mtok))
    blend = ":".join(f"{part:g}" for part in answer.blend)
    line("blended", f"${prices.blended_usd_per_mtok:,.4f}", f"at {blend} (input : cached : output)")
    others = [one for one in answer.by_rule if one.allocation != prices.allocation]
    for other in others:
        line(f"by {other.allocation}", f"${other.input_usd_per_mtok:,.4f} in",
             f"${other.output_usd_per_mtok:,.4f} out")  # fmt: skip
    if answer.margin is not None:
        margin = answer.margin
        line("margin", f"{margin.gross_margin:.1%} of revenue", f"{margin.markup:.0%} over cost")
