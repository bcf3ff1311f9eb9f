"""The page of `deduce`: what the model can be, what was learnt of it, and what each piece of evidence did."""

import math
from collections.abc import Iterable

from tokenroof.infer.posterior import Choice, Estimate
from tokenroof.infer.report import LAB_KNOWN
from tokenroof.present.asked import ask
from tokenroof.present.numbers import percent, times
from tokenroof.present.page import (
    BAR,
    RANGE,
    REMARK,
    Bar,
    Block,
    Column,
    KeyValues,
    Page,
    Remark,
    Table,
    note,
    numbers,
    ranges,
    warning,
    words,
)
from tokenroof.present.page import bars as bar_column
from tokenroof.present.pages.deduce_full import full_blocks
from tokenroof.present.pages.deduce_parts import NAMES, factor, span, value
from tokenroof.present.pages.parts import counted
from tokenroof.usecases.deduce.held import sheets_of
from tokenroof.usecases.deduce.nearest import near
from tokenroof.usecases.deduce.run import Comparison, DeduceResponse, OddsOf, sheet_date
from tokenroof.usecases.deduce.sentence import EVIDENCE, OF_CACHE, odds_of

__all__ = ["comparison_page", "page_of"]

_MAIN = ("total_params", "active_params", "sparsity", "kv_bytes_per_token", "price_over_cost")
_MOVED = ("total_params", "active_params", "kv_bytes_per_token")
_NEAREST, _CHIPS = 6, 5
_AS_MUCH = 0.02  # of a logarithm of a price
_SHORT = {"total_params": "total", "active_params": "active", "kv_bytes_per_token": "KV per token"}


def _learnt(one: Estimate) -> float:
    """How much narrower than before the evidence, on logarithms."""
    return max(1.0 - one.width_left, 0.0)


def _main(answer: DeduceResponse) -> Table:
    rows: list[tuple[str | Bar, ...]] = []
    beside = {one.name: span(one.low80, one.high80, one.unit, one.name) for one in answer.regression}
    cache = any(one.channel in OF_CACHE for one in answer.moved)
    for name in _MAIN:
        one = answer.estimate(name)
        rows.append(
            (
                NAMES[name], value(one.median, one.unit, name), span(one.low80, one.high80, one.unit, name),
                beside.get(name, ""), span(one.prior_low80, one.prior_high80, one.unit, name), Bar(_learnt(one)),
                "prior" if name == "kv_bytes_per_token" and not cache else percent(_learnt(one)),
            )
        )  # fmt: skip
    before, after = odds_of(answer.choices, "experts", "mixture")
    rows.append(("mixture of experts", percent(after), "", "", percent(before), "", ""))
    columns = (
        words(), numbers("median"), ranges(), Column(head="regression", drop=REMARK, whole=True),
        Column(head="before evidence", drop=RANGE, whole=True),
        bar_column(8, most=1.0), numbers("learnt", drop=BAR),
    )  # fmt: skip
    return Table(name="main", columns=columns, rows=rows, remarks=tuple(_remarks(answer)))


def _remarks(answer: DeduceResponse) -> Iterable[Remark]:
    for one in answer.surprises:
        if one.unlikely:
            much = times(one.observed / one.predicted)
            yield warning(f"unlikely together: {one.shown} is {much} what the rest predicts, {one.z:+.1f} sd")
    for text in answer.notes:
        if text.startswith("closed weights"):
            yield warning(text)
        elif not text.startswith("intervals are wider"):
            yield note(text)


def _evidence(answer: DeduceResponse) -> list[Block]:
    if not answer.moved:
        return []
    fitted = {one.channel: one for one in answer.calibrations}
    rows = []
    for one in answer.moved:
        known = fitted[one.channel]
        on = "assumed" if known.n == 0 else counted(known.n, "offer")
        name = EVIDENCE.get(one.channel, one.channel).removeprefix("the ")
        rows.append((name, one.shown, *(factor(one.median_factor[key]) for key in _MOVED), on))
    columns = (
        words(), words(drop=REMARK), *(numbers(_SHORT[key]) for key in _MOVED), words("fitted on", drop=REMARK)
    )  # fmt: skip
    return [Table(name="evidence", title="What each does to the median", columns=columns, rows=rows)]


def _of_closed(answer: DeduceResponse) -> Iterable[str]:
    """What the record of closed models says of this one, and of the class of sheets that it is in."""
    if answer.evidence.kind != "closed":
        return
    closed, *groups = answer.held
    yield (
        f"closed models whose size is known: {percent(closed.total_params)} of {closed.sheets} held in total, in "
        f"ranges {times(closed.total_width)} wide"
    )
    alike = next(one for one in groups if one.name == sheets_of(answer.evidence.released))
    yield f"nearest class of open models: {alike.name}, {percent(alike.total_params)} held in total"


def _held(answer: DeduceResponse) -> Table:
    """How often such intervals held the truth."""
    rows = [
        (
            one.name, str(one.sheets), percent(one.total_params), percent(one.active_params),
            *("-" if share is None else percent(share) for share in (one.kv_bytes_per_token, one.region)),
        )
        for one in answer.held
        if one.name != LAB_KNOWN or answer.lab.models
    ]  # fmt: skip
    heads = (numbers("total"), numbers("active"), numbers("KV"), numbers("jointly"))
    columns = (Column(whole=True), numbers("sheets", drop=REMARK), *heads)
    lines = tuple(_of_closed(answer))
    return Table(name="held", title="80 % ranges held the truth", columns=columns, rows=rows, lines=lines)


def _chips(choice: Choice) -> list[tuple[str, str]]:
    pairs = sorted(zip(choice.values, choice.posterior, strict=True), key=lambda pair: -pair[1])
    shown = [(name, percent(share)) for name, share in pairs[:_CHIPS]]
    rest = sum(share for _, share in pairs[_CHIPS:])
    return [*shown, ("other", percent(rest))] if rest > 0 else shown


def _near(answer: DeduceResponse) -> list[KeyValues]:
    chips = next(choice for choice in answer.choices if choice.name == "system")
    found = near(answer.neighbours, _NEAREST)
    first = answer.neighbours[0]
    alike = [(one.model,) for one in found] or [("none in the 80 % region",), (f"nearest: {first.model}",)]
    return [
        KeyValues(title="Open models most like it", pairs=alike, inline=True),
        KeyValues(title="Chip it runs on", pairs=_chips(chips), inline=True),
    ]


def _lab(answer: DeduceResponse) -> str:
    """Whose model it is, and what was read of the lab."""
    lab = answer.lab
    if not lab.models and (lab.lives_on_models is None or answer.evidence.kind == "closed"):
        return ""
    kind = {True: ", which lives on its models", False: ", part of a company with another business", None: ""}
    much = times(lab.asks) if abs(math.log(lab.asks)) > _AS_MUCH else "about"
    told = f"before the price, its other models, which ask {much} what others do: {', '.join(lab.models)}"
    return f"{lab.name}{kind[lab.lives_on_models]}" + (f"; {told}" if lab.models else "")


def _days(answer: DeduceResponse) -> Iterable[str]:
    """The day of the sheet, the days that price and model are read at where they are others."""
    sheet = sheet_date(answer.offer)
    yield f"sheet: {sheet}"
    if answer.priced_on not in ("", sheet):
        yield f"price of {answer.priced_on}"
    if answer.released_on:
        yield f"model of {answer.released_on}"


def page_of(answer: DeduceResponse) -> Page:
    """The answer as a page."""
    offer = answer.offer
    missing = ", ".join(EVIDENCE.get(one.channel, one.channel).removeprefix("the ") for one in answer.skipped)
    health = answer.health
    tail = f", Pareto k {health.pareto_k:.2f}" if answer.moved else ""
    also = [
        ("Lab", _lab(answer)),
        ("Would tell", missing),
        ("Draws", f"{health.draws:,}, effective {health.ess:,.0f}, R-hat {health.r_hat:.3f}{tail}"),
    ]
    return Page(
        title=offer.id,
        kind="Deduction",
        brief=(f"sheet {sheet_date(offer)}",),
        sentence=answer.sentence,
        scenario_label="Offer",
        scenario=(f"{offer.name}, {offer.lab}", *_days(answer), *(one.shown for one in answer.moved)),
        blocks=[_main(answer), *_evidence(answer), _held(answer), *_near(answer), *full_blocks(answer)],
        also=[pair for pair in also if pair[1]],
        next=("`full`: each channel alone, formulas and caveats", "`output` corner.png", "`compare` A B"),
    )


def _odds(found: OddsOf, second: bool) -> tuple[float, float, float, float]:
    """Low, median and high of the ratio, and the chance that it is above one: of second over first, or the reverse."""
    ratios = (found.ratio_low80, found.ratio_median, found.ratio_high80)
    if second:
        return (*ratios, found.chance_second_larger)
    low, median, high = (1.0 / one for one in reversed(ratios))
    return low, median, high, 1.0 - found.chance_second_larger


def comparison_page(both: Comparison) -> Page:
    """Two offers beside each other."""
    one, other = both.first.offer.id, both.second.offer.id
    total = next(found for found in both.odds if found.name == "total_params")
    second = total.chance_second_larger >= 0.5
    larger, smaller = (other, one) if second else (one, other)
    heads = ("second / first", "chance second larger") if second else ("first / second", "chance first larger")
    rows = []
    for found in both.odds:
        a, b = both.first.estimate(found.name), both.second.estimate(found.name)
        low, median, high, chance = _odds(found, second)
        rows.append(
            (
                NAMES[found.name], span(a.low80, a.high80, a.unit, found.name),
                span(b.low80, b.high80, b.unit, found.name), times(median), f"{times(low)} to {times(high)}",
                percent(chance),
            )
        )  # fmt: skip
    columns = (
        words(), words("first, 80 %"), words("second, 80 %"), numbers(heads[0]),
        Column(head="80 % range", drop=RANGE, whole=True), numbers(heads[1]),
    )  # fmt: skip
    _, ratio, _, chance = _odds(total, second)
    said = "the two are taken as independent: what sellers share (machines, mark-up) would narrow the ratios"
    return Page(
        title=f"{one} against {other}",
        kind="Comparison",
        sentence=f"With a chance of {percent(chance)} {larger} has more parameters than {smaller}: "
        f"{times(ratio)} at the median.",
        scenario_label="Offers",
        scenario=(f"first: {one}", f"second: {other}"),
        blocks=[Table(name="main", columns=columns, rows=rows, remarks=(note(said),))],
        next=(ask("deduce", one), ask("deduce", other)),
    )
