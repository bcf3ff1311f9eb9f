"""The page of `price`: cost by kind, then what faster, longer and cached tokens cost."""

from tokenroof.present.numbers import (
    TOK_PER_S_PER_GPU,
    USD_PER_MTOK,
    column,
    count,
    percent,
    quantity,
    ranged,
    times,
)
from tokenroof.present.page import REMARK, Block, KeyValues, Page, Table, note, numbers, ranges, words
from tokenroof.present.pages.money import length, scenario_of
from tokenroof.present.pages.parts import defaults_of
from tokenroof.usecases.money.price import PriceResponse

__all__ = ["page_of", "span_of"]

_ROWS = 9


def span_of(seconds: float) -> str:
    """A time in the words that people use for it."""
    if seconds == float("inf"):
        return "ever"
    for size, unit in ((172800.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            scale = 86400.0 if unit == "days" else size
            return f"{seconds / scale:.3g} {unit}"
    return "0 s" if seconds == 0 else f"{seconds * 1e3:.2g} ms"


def _costs(answer: PriceResponse) -> Table:
    here = answer.economics
    shares = here.shares
    prompts = shares.uncached + shares.cached
    how = f"by machine time: prefill {percent(prompts)}, decode {percent(shares.output)}"
    if here.allocation != "time":
        how = {"flops": "by arithmetic", "output": "all of it on output"}[here.allocation]
    blend = " : ".join(f"{part:,.4g}" for part in here.blend if part)
    rows = [("input, uncached", *ranged(here.input_usd_per_mtok, USD_PER_MTOK), how)]
    if here.cached_usd_per_mtok is not None:
        rows.append(
            ("input, cached", *ranged(here.cached_usd_per_mtok, USD_PER_MTOK), "attention to it; holding below")
        )
    rows += [
        ("output", *ranged(here.output_usd_per_mtok, USD_PER_MTOK), ""),
        ("blended", *ranged(here.blended_usd_per_mtok, USD_PER_MTOK), f"at {blend}"),
        ("all on output", *ranged(here.all_on_output_usd_per_mtok, USD_PER_MTOK), "as most tools quote it"),
    ]
    return Table(columns=(words("Cost of tokens"), numbers("cost"), ranges(), words("how it is split")), rows=rows)


def _speeds(answer: PriceResponse) -> Table:
    costs = column([tier.output_usd_per_mtok for tier in answer.fast], USD_PER_MTOK)
    rows = []
    for tier, cost in zip(answer.fast, costs, strict=True):
        name = "now" if tier.speed_ratio == 1.0 else f"{tier.speed_ratio:g}x"
        if tier.price_ratio is None:
            rows.append((name, "-", "-", "out of reach by fewer requests", "-"))
            continue
        rows.append(
            (name, f"{tier.tokens_per_s_per_user:,.3g}", count(tier.concurrency), cost, times(tier.price_ratio))
        )
    return Table(
        columns=(words("Faster costs more"), numbers("tok/s/user"), numbers("requests at once"),
                 numbers("output"), numbers("price")),
        rows=rows,
    )  # fmt: skip


def _lengths(answer: PriceResponse) -> Table:
    points = answer.context.points
    reads = column([point.input_usd_per_mtok for point in points], USD_PER_MTOK)
    writes = column([point.output_usd_per_mtok for point in points], USD_PER_MTOK)
    rows = [
        (length(point.isl), count(point.concurrency), read, write, point.layout)
        for point, read, write in zip(points, reads, writes, strict=True)
    ]
    return Table(
        columns=(words("isl"), numbers("requests at once"), numbers("input"), numbers("output"),
                 words("layout", drop=REMARK)),
        rows=rows,
        title="Longer prompts cost more",
    )  # fmt: skip


def _cached(answer: PriceResponse) -> Table:
    cache = answer.cache
    rows = [
        (span_of(hold.hold_s), hold.cheapest, quantity(hold.usd_per_mtok, USD_PER_MTOK), percent(hold.over_uncached))
        for hold in cache.holds
    ]
    return Table(
        columns=(words(f"A cached token ({cache.bytes_per_token / 1e3:,.4g} KB), kept for"), words("cheapest place"),
                 numbers("cost"), numbers("of uncached price")),
        rows=rows,
    )  # fmt: skip


def _tiers(answer: PriceResponse) -> Table:
    rows = [
        (
            tier.id, "-" if tier.drain_s is None else span_of(tier.drain_s), f"${tier.hold_usd_per_mtok_h:.3g}",
            "not known" if tier.read_usd_per_mtok is None else f"${tier.read_usd_per_mtok:.3g}",
            span_of(tier.recompute_from_s), times(tier.write_x_hour), span_of(tier.reload_s),
        )
        for tier in answer.cache.tiers
    ]  # fmt: skip
    rungs = ", ".join(f"{rung.tier} from {span_of(rung.from_s)}" for rung in answer.cache.ladder)
    again = f"${answer.cache.uncached_usd_per_mtok:,.4f} per M and {span_of(answer.cache.recompute_s)}"
    return Table(
        columns=(words("place"), numbers("read whole"), numbers("rent per M and hour"),
                 numbers("read per M"), numbers("keep up to"), numbers("write, 1 h"), numbers("reload")),
        rows=rows, lines=(f"making it again costs {again}", f"cheapest by time: {rungs}"), full=True,
    )  # fmt: skip


def _curve(answer: PriceResponse) -> Table:
    points = answer.frontier[:: max(1, -(-len(answer.frontier) // _ROWS))]
    costs = column([point.output_usd_per_mtok for point in points], USD_PER_MTOK)
    rows = [
        (f"{point.tokens_per_s_per_user or 0.0:,.3g}", count(point.concurrency), cost, times(point.price_ratio or 0.0))
        for point, cost in zip(points, costs, strict=True)
    ]
    floor = answer.floor
    lines = (
        f"a mode without a limit on TPOT saves {percent(floor.slow_mode_saves)}: "
        f"{count(floor.fullest_concurrency)} requests at once",
    )
    return Table(
        columns=(words("tok/s/user"), numbers("requests at once"), numbers("output"), numbers("price")),
        rows=rows, lines=lines, full=True,
    )  # fmt: skip


def _more(answer: PriceResponse) -> list[KeyValues]:
    here, found, tiers = answer.economics, answer.discounts, answer.context
    served = [
        ("TPOT", quantity(here.tpot_s.value * 1e3) + " ms"),
        ("output throughput", quantity(here.output_tokens_per_s_per_gpu.value, TOK_PER_S_PER_GPU)),
        ("GPU-hour", f"${here.machine.usd_per_gpu_h:.2f} {here.machine.kind}",
         ", ".join(f"{name} ${usd:.2f}" for name, usd in here.machine.parts)),
        ("duty cycle", percent(here.duty_cycle), here.traffic.name if here.traffic else ""),
        ("claim", here.claim, f"profile {here.profile}"),
    ]  # fmt: skip
    machine = here.machine
    if machine.own_from_duty is not None and machine.rent_usd_per_h is not None:
        own = "rent" if machine.own_from_duty > 1.0 else f"own above {percent(machine.own_from_duty)}"
        served.append(("own or rent", own, f"of hours in use, against ${machine.rent_usd_per_h:.2f} an hour rented"))
    if here.margin is not None:
        served.append(("margin", f"{percent(here.margin.gross_margin, decimals=1)} of revenue",
                       f"{percent(here.margin.markup)} over cost"))  # fmt: skip
    idle = [
        ("batch", percent(found.full_share), "less, where idle hours pay for their own machine time"),
        ("batch, no limit on TPOT", percent(found.batch), "less"),
        ("marginal cost", percent(found.marginal_price_ratio, decimals=1), "of the price: electricity of a busy hour"),
    ]
    if found.peak_over_off_peak is not None:
        idle.append(("peak to off-peak", f"{found.peak_over_off_peak:.3g} : 1", "if off-peak pays for its own time"))
    step = "one price stays close to cost"
    if tiers.step_at is not None and tiers.step_input_x is not None and tiers.step_output_x is not None:
        step = f"step at {length(tiers.step_at)}: {tiers.step_input_x:.2g}x input, {tiers.step_output_x:.2g}x output"
    context = [("bend", tiers.verdict), ("price list", step)]
    context += [
        (one.offer, f"steps at {length(one.at_tokens)}: {one.input_x:.2g}x input, {one.output_x:.2g}x output")
        for one in tiers.sheet
    ]
    rules = [
        (one.allocation, f"{quantity(one.input_usd_per_mtok, USD_PER_MTOK)} input",
         f"{quantity(one.output_usd_per_mtok, USD_PER_MTOK)} output")
        for one in here.by_rule
    ]  # fmt: skip
    return [
        KeyValues(title="Served", pairs=served, full=True),
        KeyValues(title="Cost by allocation", pairs=rules, full=True),
        KeyValues(title="Discounts that idle hours pay for", pairs=idle, full=True),
        KeyValues(title="Long context", pairs=context, full=True),
    ]


def _pair(answer: PriceResponse) -> list[KeyValues]:
    pair = answer.pair
    if pair is None:
        return []
    pairs = [
        ("verdict", pair.verdict),
        ("batch ratio", f"{pair.batch_ratio:g}", "slow batch over fast batch"),
        ("fast step", f"{pair.fast_over_floor:.3g}x its weight reads", f"slow step {pair.slow_over_floor:.3g}x"),
        ("most speed", f"{pair.head_room:.3g}x", "what no price buys more of"),
    ]
    if pair.machine_fast_batch is not None and pair.machine_slow_batch is not None:
        batches = f"{count(pair.machine_fast_batch)} and {count(pair.machine_slow_batch)}"
        pairs.append(("batches here", batches, "are in that relation"))
    title = f"{pair.price_ratio:g}x the price for {pair.speed_ratio:g}x the speed, if both earn the same"
    return [KeyValues(title=title, pairs=pairs)]


def page_of(answer: PriceResponse) -> Page:
    """The answer as a page."""
    here = answer.economics
    said = note(
        "costs, not prices: no margin" + (", no idle hours (--duty-cycle 0.5)" if here.duty_cycle == 1.0 else "")
        + "; rents of memory tiers are mostly assumed"
    )  # fmt: skip
    cached = _cached(answer)
    blocks: tuple[Block, ...] = (
        _costs(answer), _speeds(answer), _lengths(answer),
        Table(columns=cached.columns, rows=cached.rows, remarks=(said,)), *_pair(answer), _curve(answer),
        _tiers(answer), *_more(answer),
    )  # fmt: skip
    return Page(
        title=f"price {here.model} on {here.system}",
        sentence=answer.sentence,
        scenario=scenario_of(here),
        blocks=blocks,
        defaults=defaults_of(here.defaults),
        left_out=here.left_out,
        next=("--full: memory tiers, discounts, margins", "--pair 6x,2.5x", "tokenroof break-even"),
        kind="Price",
    )
