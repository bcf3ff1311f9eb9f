"""The page of `price`: cost by kind, then what faster, longer and cached tokens cost."""

from tokenroof.present.asked import ask
from tokenroof.present.numbers import (
    BYTES,
    JOULES_PER_TOKEN,
    MS,
    TOK_PER_S_PER_GPU,
    USD,
    USD_PER_MTOK,
    column,
    count,
    percent,
    quantity,
    ranged,
    times,
)
from tokenroof.present.page import REMARK, Block, KeyValues, Page, Remark, Table, note, numbers, ranges, warning, words
from tokenroof.present.pages.energy import energy_block
from tokenroof.present.pages.money import length, scenario_of
from tokenroof.present.pages.parts import defaults_of, defaults_table
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
    blend = " : ".join(count(part) for part in here.blend if part)
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
    columns = (words(), numbers("cost"), ranges(), words("how it is split", drop=REMARK))
    return Table(name="main", title="Cost of tokens", columns=columns, rows=rows)


def _speeds(answer: PriceResponse) -> Table:
    tiers = answer.fast
    cells = zip(
        column([tier.tokens_per_s_per_user for tier in tiers]),
        column([tier.output_usd_per_mtok for tier in tiers], USD_PER_MTOK), strict=True,
    )  # fmt: skip
    rows = [
        (
            "now" if tier.speed_ratio == 1.0 else f"{tier.speed_ratio:g}x", speed, count(tier.concurrency), cost,
            times(tier.price_ratio),
        )
        for tier, (speed, cost) in zip(tiers, cells, strict=True)
    ]  # fmt: skip
    heads = map(numbers, ("tok/s/user", "requests at once", "output", "price"))
    beyond = any(tier.price_ratio is None for tier in tiers)
    lines = ("- is out of reach by fewer requests at once; see tokenroof speculate",) if beyond else ()
    return Table(name="speeds", title="Faster costs more", columns=(words(), *heads), rows=rows, lines=lines)


def _lengths(answer: PriceResponse) -> Table:
    points = answer.context.points
    reads = column([point.input_usd_per_mtok for point in points], USD_PER_MTOK)
    writes = column([point.output_usd_per_mtok for point in points], USD_PER_MTOK)
    rows = [
        ("", length(point.isl), count(point.concurrency), read, write, point.layout)
        for point, read, write in zip(points, reads, writes, strict=True)
    ]
    heads = map(numbers, ("isl", "requests at once", "input", "output"))
    columns = (words(), *heads, words("layout", drop=REMARK))
    return Table(name="lengths", title="Longer prompts cost more", columns=columns, rows=rows)


def _cached(answer: PriceResponse, said: Remark) -> Table:
    cache = answer.cache
    rows = [
        (
            span_of(hold.hold_s), "recompute it" if hold.cheapest == "recompute" else hold.cheapest,
            quantity(hold.usd_per_mtok, USD_PER_MTOK), percent(hold.over_uncached),
        )
        for hold in cache.holds
    ]  # fmt: skip
    title = f"A cached token ({quantity(cache.bytes_per_token, BYTES)}), kept for"
    columns = (words(), words("cheapest place"), numbers("cost"), numbers("of uncached price"))
    return Table(name="cached", title=title, columns=columns, rows=rows, remarks=(said,))


def _tiers(answer: PriceResponse) -> Table:
    rows = [
        (
            tier.id, "-" if tier.drain_s is None else span_of(tier.drain_s), quantity(tier.hold_usd_per_mtok_h, USD),
            "not known" if tier.read_usd_per_mtok is None else quantity(tier.read_usd_per_mtok, USD),
            span_of(tier.recompute_from_s), times(tier.write_x_hour), span_of(tier.reload_s),
        )
        for tier in answer.cache.tiers
    ]  # fmt: skip
    rungs = ", ".join(f"{rung.tier} from {span_of(rung.from_s)}" for rung in answer.cache.ladder)
    again = f"{quantity(answer.cache.uncached_usd_per_mtok, USD_PER_MTOK)} and {span_of(answer.cache.recompute_s)}"
    return Table(
        name="tiers", title="Where cached tokens are kept",
        columns=(words("place"), numbers("read whole"), numbers("rent per M and hour"),
                 numbers("read per M"), numbers("keep up to"), numbers("write, 1 h"), numbers("reload")),
        rows=rows, lines=(f"making it again costs {again}", f"cheapest by time: {rungs}"), full=True,
    )  # fmt: skip


def _curve(answer: PriceResponse) -> Table:
    points = answer.frontier[:: max(1, -(-len(answer.frontier) // _ROWS))]
    costs = column([point.output_usd_per_mtok for point in points], USD_PER_MTOK)
    speeds = column([point.tokens_per_s_per_user for point in points])
    rows = [
        (speed, count(point.concurrency), cost, times(point.price_ratio))
        for point, cost, speed in zip(points, costs, speeds, strict=True)
    ]
    floor = answer.floor
    lines = (
        f"a mode without a limit on TPOT saves {percent(floor.slow_mode_saves)}: "
        f"{count(floor.fullest_concurrency)} requests at once",
    )
    columns = tuple(map(numbers, ("tok/s/user", "requests at once", "output", "price")))
    return Table(name="curve", title="Price of every speed", columns=columns, rows=rows, lines=lines, full=True)


def _more(answer: PriceResponse) -> list[KeyValues]:
    here, found, tiers = answer.economics, answer.discounts, answer.context
    served = [
        ("TPOT", quantity(here.tpot_s.value, MS)),
        ("output throughput", quantity(here.output_tokens_per_s_per_gpu.value, TOK_PER_S_PER_GPU)),
        ("GPU-hour", quantity(here.machine.usd_per_gpu_h, USD),
         ", ".join([here.machine.kind, *(f"{name} {quantity(usd, USD)}" for name, usd in here.machine.parts)])),
        ("duty cycle", percent(here.duty_cycle), here.traffic.name if here.traffic else ""),
        ("claim", here.claim, f"profile {here.profile}"),
    ]  # fmt: skip
    if here.energy is not None:
        served.append(("energy, output", quantity(here.energy.joules_per_output_token.value, JOULES_PER_TOKEN)))
    machine = here.machine
    if machine.own_from_duty is not None and machine.rent_usd_per_h is not None:
        own = "rent" if machine.own_from_duty > 1.0 else f"own above {percent(machine.own_from_duty)}"
        served.append(
            ("own or rent", own, f"of hours in use, against {quantity(machine.rent_usd_per_h, USD)} an hour rented")
        )
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
        *energy_block(here.energy),
        KeyValues(title="Cost by allocation", pairs=rules, full=True),
        KeyValues(title="Discounts that idle hours pay for", pairs=idle, full=True),
        KeyValues(title="Long context", pairs=context, full=True),
    ]


def _pair(answer: PriceResponse) -> list[KeyValues]:
    pair = answer.pair
    if pair is None:
        return []
    pairs = [("verdict", pair.verdict), ("batch ratio", quantity(pair.batch_ratio), "slow batch over fast batch")]
    if pair.machine_fast_batch is not None and pair.machine_slow_batch is not None:
        batches = f"{count(pair.machine_fast_batch)} and {count(pair.machine_slow_batch)}"
        pairs.append(("batches here", batches, "are in that relation"))
    more = [
        ("fast step", times(pair.fast_over_floor), "its weight reads"),
        ("slow step", times(pair.slow_over_floor), "its weight reads"),
        ("most speed", times(pair.head_room), "what no price buys more of"),
    ]
    title = f"{pair.price_ratio:g}x the price for {pair.speed_ratio:g}x the speed, if both earn the same"
    return [KeyValues(title=title, pairs=pairs), KeyValues(title="The two modes", pairs=more, full=True)]


def page_of(answer: PriceResponse) -> Page:
    """The answer as a page."""
    here = answer.economics
    said = note(
        "costs, not prices: no margin" + (", no idle hours (`duty_cycle` 0.5)" if here.duty_cycle == 1.0 else "")
        + "; rents of tiers mostly assumed"
    )  # fmt: skip
    blocks: tuple[Block, ...] = (
        _costs(answer), _speeds(answer), _lengths(answer), _cached(answer, said), *_pair(answer), _curve(answer),
        _tiers(answer), *_more(answer), *defaults_table(here.defaults),
    )  # fmt: skip
    return Page(
        title=f"{here.model} on {here.system}",
        sentence=answer.sentence,
        remarks=tuple(map(warning, here.warnings)),
        scenario=scenario_of(here),
        blocks=blocks,
        defaults=defaults_of(here.defaults),
        left_out=here.left_out,
        next=("`full`: memory tiers, discounts, margins", "`pair` 6x,2.5x", ask("break-even")),
        kind="Prices",
        brief=(here.layout_label,),
    )
