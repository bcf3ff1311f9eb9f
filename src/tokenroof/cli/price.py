"""`tokenroof price`: what tokens cost by kind, tier, length and time in the cache."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.economics_options import (
    DurationType,
    economics_fields,
    economics_options,
    line,
    plot_option,
    print_defaults,
    print_economics,
    refuse,
)
from tokenroof.cli.offers import TokensType
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, heading, note, print_table

if TYPE_CHECKING:
    from tokenroof.usecases.money.price import PriceResponse

__all__ = ["command"]

_ROWS = 9


def _span(seconds: float) -> str:
    """A time in the words that people use for it."""
    if seconds == float("inf"):
        return "ever"
    for size, unit in ((172800.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            scale = 86400.0 if unit == "days" else size
            return f"{seconds / scale:.3g} {unit}"
    return "0 s" if seconds == 0 else f"{seconds * 1e3:.2g} ms"


def _tiers(answer: "PriceResponse") -> None:
    heading("Speed tiers   output tokens, decode only")
    step = max(1, -(-len(answer.frontier) // _ROWS))
    shown = sorted({*range(0, len(answer.frontier), step), len(answer.frontier) - 1})
    print_table(
        ("tok/s/user", "USD per M", "price", "in flight", "layout"),
        [
            (
                f"{point.tokens_per_s_per_user:,.1f}",
                f"{point.output_usd_per_mtok:,.3f}",
                f"{point.price_over_slow:.3g}x",
                f"{point.concurrency:,.0f}",
                f"{point.layout}{f' x{point.copies}' if point.copies > 1 else ''}",
            )
            for point in (answer.frontier[i] for i in shown)
        ],
        right=(0, 1, 2, 3),
    )
    click.echo()
    print_table(
        ("speed", "price", "same layout", "batch", "layout"),
        [
            (
                f"{tier.speed_ratio:g}x",
                "not by batch" if tier.price_ratio is None else f"{tier.price_ratio:.3g}x",
                "-" if tier.same_price_ratio is None else f"{tier.same_price_ratio:.3g}x",
                "-" if tier.batch is None else f"{tier.batch:,.0f}",
                tier.layout,
            )
            for tier in answer.fast
        ],
        right=(0, 1, 2, 3),
    )
    floor = answer.floor
    line("floor", f"${floor.floor_usd_per_mtok:,.4f}", f"no slow mode is cheaper; this is {floor.slow_over_floor:.3g}x")
    line("largest batch", f"${floor.in_memory_usd_per_mtok:,.4f}", f"a slower mode saves {floor.slow_mode_saves:.0%}")
    line("lecture's floor", f"${floor.lecture_usd_per_mtok:,.4f}", "arithmetic or cache reads at peak rates")


def _pair(answer: "PriceResponse") -> None:
    pair = answer.pair
    if pair is None:
        return
    click.echo()
    heading(f"A pair of {pair.price_ratio:g}x the price for {pair.speed_ratio:g}x the speed, if both earn the same")
    line("batch ratio", f"{pair.batch_ratio:g}", "slow batch over fast batch")
    line("fast pass", f"{pair.fast_over_floor:.3g}x its weight floor", f"slow pass {pair.slow_over_floor:.3g}x")
    line("head-room", f"{pair.head_room:.3g}x", "no price buys more speed than this")
    if pair.machine_fast_batch is not None and pair.machine_slow_batch is not None:
        line("here", f"batches {pair.machine_fast_batch:,.0f} and {pair.machine_slow_batch:,.0f}",
             "are in that relation on this layout")  # fmt: skip
    line("verdict", pair.verdict)


def _discounts(answer: "PriceResponse") -> None:
    found = answer.discounts
    heading("Discounts that idle hours pay for")
    line("batch", f"{-round(found.full_share, 2) or 0.0:.0%}", "work in idle hours that pays for its own machine time")
    line("batch, largest batch", f"{-round(found.batch, 2) or 0.0:.0%}", "the same without a limit on TPOT")
    line(
        "marginal cost", f"{found.marginal_price_ratio:.1%} of price", "electricity of an hour that is paid for anyway"
    )
    if found.peak_over_off_peak is not None:
        line("peak : off-peak", f"{found.peak_over_off_peak:.3g} : 1", "if off-peak pays for its machine time only")


def _context(answer: "PriceResponse") -> None:
    tiers = answer.context
    heading("Long context")
    print_table(
        ("input tokens", "batch", "input", "", "output", ""),
        [
            (
                f"{point.context:,.0f}",
                f"{point.batch:,.0f}",
                f"{point.input_usd_per_mtok:,.3f}",
                f"{point.input_x:.3g}x",
                f"{point.output_usd_per_mtok:,.3f}",
                f"{point.output_x:.3g}x",
            )
            for point in tiers.points[::3]
        ],
        right=(0, 1, 2, 3, 4, 5),
    )
    line("bend", tiers.verdict)
    if tiers.step_at is None or tiers.step_input_x is None or tiers.step_output_x is None:
        line("sheet", "no step", "one price stays close to cost")
    else:
        line("sheet", f"step at {tiers.step_at / 1e3:g}K", f"{tiers.step_input_x:.2g}x input, "
             f"{tiers.step_output_x:.2g}x output: two prices nearest to cost")  # fmt: skip
        line("", "longest prompt", f"costs {tiers.covers_input_x:.2g}x input, {tiers.covers_output_x:.2g}x output")
    for step in tiers.sheet:
        line(
            step.offer, f"steps at {step.at_tokens / 1e3:g}K", f"{step.input_x:.2g}x input, {step.output_x:.2g}x output"
        )


def _cache(answer: "PriceResponse") -> None:
    cache = answer.cache
    heading(
        f"Cached input   {cache.bytes_per_token / 1e3:,.1f} KB a token; making it again costs "
        f"${cache.fresh_usd_per_mtok:,.4f} per M and takes {_span(cache.recompute_s)}"
    )
    print_table(
        ("tier", "drain", "hold $/M-h", "read $/M", "read/fresh", "recompute after", "write, 1 h", "reload"),
        [
            (
                tier.id,
                "-" if tier.drain_s is None else _span(tier.drain_s),
                f"{tier.hold_usd_per_mtok_h:.3g}",
                "not known" if tier.read_usd_per_mtok is None else f"{tier.read_usd_per_mtok:.3g}",
                "-" if tier.read_over_fresh is None else f"{tier.read_over_fresh:.2g}",
                _span(tier.recompute_from_s),
                f"{tier.write_x_hour:.3g}x",
                _span(tier.reload_s),
            )
            for tier in cache.tiers
        ],
        right=range(1, 8),
    )
    rungs = [f"{rung.tier} from {_span(rung.from_s)}" for rung in cache.ladder]
    click.echo(f"  cheapest by holding time: {', '.join(rungs)}")
    click.echo()
    print_table(
        ("kept for", "cheapest", "USD per M", "over fresh", "nearest drain time", "drain"),
        [
            (
                _span(hold.hold_s),
                hold.cheapest,
                f"{hold.usd_per_mtok:.3g}",
                f"{hold.over_fresh:.2g}",
                hold.by_drain,
                f"{_span(hold.drain_s)}, {hold.drain_over_hold:.2g}x",
            )
            for hold in cache.holds
        ],
        right=(2, 3),
    )


def _print(answer: "PriceResponse") -> None:
    print_economics(answer.economics)
    for section in (_tiers, _pair, _discounts, _context, _cache):
        if section is not _pair:
            click.echo()
        section(answer)
    click.echo()
    heading(f"Claim level: {answer.economics.claim_level} (times by profile {answer.economics.profile})")
    note(
        "costs, not prices: margin is the seller's. Rents of memory tiers are mostly assumed: tokenroof tiers --sources"
    )
    print_defaults(answer.economics.defaults)


@click.command("price", short_help="What tokens cost by kind, speed, length and time in the cache.")
@click.argument("model")
@economics_options
@click.option("--together", is_flag=True, help="One layout for prompts and answers. [default: each its own]")
@click.option("--pair", help="Price and speed of a fast mode over the slow one: 6x,2.5x.")
@click.option("--speed", "speeds", type=float, multiple=True, help="Speed-up to price (repeatable).")
@click.option("--longest", type=TokensType(), help="Longest prompt on offer. [default: the model's]")
@click.option("--step-at", type=TokensType(), help="Where to put a long-context step. [default: where it fits best]")
@click.option("--offer", help="A price sheet to compare the step with: tokenroof offers.")
@click.option("--hold", "holds", type=DurationType(), multiple=True, help="Time in the cache, 5min (repeatable).")
@click.option("--explain", "key", help="Where a number comes from: tpot_s, usd_per_mtok_output, usd_per_mtok_input.")
@plot_option
def command(model: str, **options: Any) -> None:
    """What a token of MODEL costs on a system, and what a price sheet may make of it.

    \b
    tokenroof price deepseek-v3 --system gb200-nvl72
    tokenroof price deepseek-v3 --system gb200-nvl72 --pair 6x,2.5x --traffic diurnal --plot price.svg
    tokenroof price llama-3.1-70b --system 8xh100 --capex-per-gpu 35000 --cost-of-capital 0.1 --sell 0.4,0.9
    """
    from tokenroof.usecases.money.operating import Infeasible
    from tokenroof.usecases.money.price import PriceRequest, parse_pair, price

    paths = check_outputs(options["plot"], options["outputs"])
    fields = economics_fields(options)
    extra: dict[str, Any] = {}
    if options["speeds"]:
        extra["speeds"] = options["speeds"]
    if options["holds"]:
        extra["holds_s"] = options["holds"]
    answer = price(
        PriceRequest(
            model=model,
            **fields,
            pair=None if options["pair"] is None else parse_pair(options["pair"]),
            longest=options["longest"],
            step_at=options["step_at"],
            offer=options["offer"],
            apart=not options["together"],
            **extra,
        )
    )
    if isinstance(answer, Infeasible):
        refuse(answer, options["as_json"])

    def chart(path: Path) -> None:
        from tokenroof.present.charts.price import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, answer.frontier)
    if options["key"] is not None:
        from tokenroof.usecases.analyze.explain import text_of
        from tokenroof.usecases.money.explain import explain_price

        found = explain_price(answer, options["key"])
        echo_json(found.to_dict()) if options["as_json"] else click.echo(text_of(found))
    elif options["as_json"]:
        echo_json(answer)
    else:
        _print(answer)
