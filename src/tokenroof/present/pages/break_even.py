"""The page of `break-even`: from which load on your own GPUs are cheaper, at which rent, for which mix."""

from collections.abc import Sequence

from tokenroof.present.asked import ask
from tokenroof.present.numbers import MS, PARAMS, TOK_PER_S_PER_GPU, percent, quantity, span, times
from tokenroof.present.page import REMARK, KeyValues, Page, Table, note, numbers, ranges, warning, words
from tokenroof.present.pages.money import scenario_of
from tokenroof.present.pages.parts import defaults_of, defaults_table
from tokenroof.types.served import Ranged
from tokenroof.usecases.money.break_even import BreakEvenResponse, MixPoint

__all__ = ["page_of"]

_SHOWN = {0.25: "long answers", 1.0: "chat", 4.0: "", 64.0: "long documents"}


def _usd(value: float | None) -> str:
    return "-" if value is None else f"${value:.3g}" if value >= 0.01 else f"${value:.5f}"


def _busy(duty: float | None) -> str:
    if duty is None:
        return "not sold or not served"
    return f"{percent(duty)} busy" if duty <= 1.0 else f"never: {duty:.3g}x the API"


def _costs(answer: BreakEvenResponse) -> Table:
    cost, here = answer.request_busy_usd, answer.economics
    kind = "measured" if answer.measured else "predicted"
    rows = [
        (f"API, {answer.offer}", _usd(answer.request_api_usd), "", f"list price of {answer.offer_as_of}"),
        ("own, always busy", _usd(cost.value), _ends(cost), f"{answer.requests_per_s:,.3g} requests/s, {kind}"),
    ]
    duty = here.duty_cycle if here.duty_cycle < 1.0 else 0.5
    name = "own, at your traffic" if here.duty_cycle < 1.0 else "own, half busy"
    scaled = Ranged(value=cost.value / duty, low=_over(cost.low, duty), high=_over(cost.high, duty))
    rows.append((name, _usd(scaled.value), _ends(scaled), f"busy {percent(duty)} of the time"))
    columns = (words(), numbers("cost"), ranges(), words(drop=REMARK))
    return Table(name="main", title="Per request", columns=columns, rows=rows)


def _over(value: float | None, duty: float) -> float | None:
    return None if value is None else value / duty


def _ends(cost: Ranged) -> str:
    return "" if cost.low is None or cost.high is None else f"{_usd(cost.low)[1:]} to {_usd(cost.high)[1:]}"


def _rents(answer: BreakEvenResponse) -> list[Table]:
    machine = answer.economics.machine
    if answer.high <= answer.low:
        return []
    rents = (machine.usd_per_gpu_h, machine.low_usd_per_gpu_h, machine.high_usd_per_gpu_h)
    heads = [numbers(f"{name} ${usd:.2f}") for name, usd in zip(("at", "lowest", "highest"), rents, strict=True)]
    duties = (answer.duty_cycle, answer.low, answer.high)
    reached = [duty if duty <= 1.0 else None for duty in duties]
    loads = [None if duty is None else duty * answer.requests_per_s for duty in reached]
    work = answer.economics.workload
    days = [None if load is None else load * (work.isl + work.osl) * 86400.0 for load in loads]
    rows = [
        ("busy", *(_busy(duty).removesuffix(" busy") for duty in duties)),
        ("requests/s", *(quantity(load) for load in loads)),
        ("tokens a day", *(quantity(tokens, PARAMS) for tokens in days)),
    ]
    return [Table(name="rents", title="Break-even at your rent", columns=(words(), *heads), rows=rows)]


def _part(ratio: float) -> str:
    """One side of a mix: whole where it nearly is, since lengths of whole tokens are a little off it."""
    return f"{ratio:,.0f}" if ratio >= 10.0 or abs(ratio - round(ratio)) < 0.02 else f"{ratio:.3g}"


def _mix_rows(answer: BreakEvenResponse, mixes: Sequence[MixPoint]) -> list[tuple[str, ...]]:
    work = answer.economics.workload
    rows: list[tuple[str, ...]] = []
    for mix in mixes:
        ratio = mix.input_per_output
        shown = f"{_part(ratio)} : 1" if ratio >= 1.0 else f"1 : {_part(1.0 / ratio)}"
        near = min(_SHOWN, key=lambda known: abs(known - ratio))
        name = "you" if mix.isl == work.isl else _SHOWN[near] if abs(near / ratio - 1.0) < 0.02 else ""
        rows.append((name, shown, _usd(mix.own_usd), _usd(mix.api_usd), _busy(mix.duty_cycle)))
    return rows


def _mixes(answer: BreakEvenResponse) -> list[Table]:
    columns = (words(), numbers("in : out"), numbers("own"), numbers("API"), words("break-even"))
    title = "It depends on your mix"
    work = answer.economics.workload
    few = [mix for index, mix in enumerate(answer.mixes) if index % 2 == 0 or mix.isl == work.isl]
    return [
        Table(title=title, columns=columns, rows=_mix_rows(answer, few), remarks=list(map(note, answer.notes))),
        Table(name="mixes", title="All mixes", columns=columns, rows=_mix_rows(answer, answer.mixes), full=True),
    ]


def _demand(answer: BreakEvenResponse) -> list[KeyValues]:
    demand = answer.demand
    if demand is None:
        return []
    many = f"{demand.systems} system{'s' if demand.systems > 1 else ''}"
    bills = f"${demand.own_usd_per_month:,.0f} a month against ${demand.api_usd_per_month:,.0f}"
    return [
        KeyValues(
            title="Your demand",
            pairs=[(f"{demand.requests_per_s:,.3g} requests/s", many, f"{bills}: {demand.cheaper} is cheaper")],
        )
    ]


def _served(answer: BreakEvenResponse) -> list[KeyValues]:
    here = answer.economics
    tpot = here.tpot_s
    pairs = [
        ("TPOT", quantity(tpot.value, MS), span(tpot.low, tpot.high, tpot.value, MS)),
        ("output throughput", quantity(here.output_tokens_per_s_per_gpu.value, TOK_PER_S_PER_GPU)),
        ("at your traffic", _usd(answer.at_traffic_usd), f"{answer.cheaper_at_traffic} is cheaper"),
    ]
    if answer.measured_over_predicted is not None:
        pairs.append(("measured", times(answer.measured_over_predicted), "the predicted throughput"))
    sources = [("prices", answer.offer_source), ("claim", here.claim), ("profile", here.profile)]
    return [
        KeyValues(title="Served", pairs=pairs, full=True),
        KeyValues(title="Sources", pairs=sources, inline=True, full=True),
    ]


def page_of(answer: BreakEvenResponse) -> Page:
    """The answer as a page."""
    here = answer.economics
    return Page(
        title=f"{here.model} on {here.system} against {answer.offer}",
        sentence=answer.sentence,
        remarks=tuple(map(warning, here.warnings)),
        scenario=scenario_of(here),
        blocks=(
            _costs(answer), *_rents(answer), *_demand(answer), *_mixes(answer), *_served(answer),
            *defaults_table(here.defaults),
        ),
        defaults=defaults_of(here.defaults),
        left_out=("queueing from bursts of arrivals", "quality of answers"),
        next=("`full`", "`output` curve.png", ask("offers")),
        kind="BreakEven",
        brief=(here.layout_label,),
    )  # fmt: skip
