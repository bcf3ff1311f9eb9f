"""The page of `break-even`: from which load on your own GPUs are cheaper, at which rent, for which mix."""

from collections.abc import Sequence

from tokenroof.present.numbers import MS, TOK_PER_S_PER_GPU, percent, quantity, span
from tokenroof.present.page import KeyValues, Page, Table, note, numbers, ranges, words
from tokenroof.present.pages.money import scenario_of
from tokenroof.present.pages.parts import defaults_of
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
    return Table(columns=(words("Per request"), numbers("cost"), ranges(), words("")), rows=rows)


def _over(value: float | None, duty: float) -> float | None:
    return None if value is None else value / duty


def _ends(cost: Ranged) -> str:
    return "" if cost.low is None or cost.high is None else f"{_usd(cost.low)[1:]} to {_usd(cost.high)[1:]}"


def _rents(answer: BreakEvenResponse) -> list[Table]:
    machine = answer.economics.machine
    if answer.high <= answer.low:
        return []
    heads = (machine.usd_per_gpu_h, machine.low_usd_per_gpu_h, machine.high_usd_per_gpu_h)
    names = ("at", "lowest", "highest")
    return [
        Table(
            columns=(words("Break-even at your rent"),
                     *(numbers(f"{name} ${usd:.2f}") for name, usd in zip(names, heads, strict=True))),
            rows=[("", _busy(answer.duty_cycle), _busy(answer.low), _busy(answer.high))],
        )
    ]  # fmt: skip


def _mix_rows(answer: BreakEvenResponse, mixes: Sequence[MixPoint]) -> list[tuple[str, ...]]:
    work = answer.economics.workload
    rows: list[tuple[str, ...]] = []
    for mix in mixes:
        ratio = mix.input_per_output
        shown = f"{ratio:.3g} : 1" if ratio >= 1.0 else f"1 : {1.0 / ratio:.3g}"
        near = min(_SHOWN, key=lambda known: abs(known - ratio))
        name = "you" if mix.isl == work.isl else _SHOWN[near] if abs(near / ratio - 1.0) < 0.02 else ""
        rows.append((name, shown, _usd(mix.own_usd), _usd(mix.api_usd), _busy(mix.duty_cycle)))
    return rows


def _mixes(answer: BreakEvenResponse) -> list[Table]:
    columns = (words("It depends on your mix"), numbers("in : out"), numbers("own"), numbers("API"),
               words("break-even"))  # fmt: skip
    work = answer.economics.workload
    few = [mix for index, mix in enumerate(answer.mixes) if index % 2 == 0 or mix.isl == work.isl]
    return [
        Table(columns=columns, rows=_mix_rows(answer, few), remarks=[note(text) for text in answer.notes]),
        Table(columns=columns, rows=_mix_rows(answer, answer.mixes), title="All mixes", full=True),
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


def page_of(answer: BreakEvenResponse) -> Page:
    """The answer as a page."""
    here = answer.economics
    served = KeyValues(
        title="Served",
        pairs=[
            ("TPOT", quantity(here.tpot_s.value, MS), span(here.tpot_s.low, here.tpot_s.high, here.tpot_s.value, MS)),
            ("output throughput", quantity(here.output_tokens_per_s_per_gpu.value, TOK_PER_S_PER_GPU)),
            ("at your traffic", _usd(answer.at_traffic_usd), f"{answer.cheaper_at_traffic} is cheaper"),
            ("price list", answer.offer_source),
            ("claim", here.claim, f"profile {here.profile}"),
        ],
        full=True,
    )
    if answer.measured_over_predicted is not None:
        served = KeyValues(
            title=served.title, full=True,
            pairs=[*served.pairs, ("measured", f"{answer.measured_over_predicted:.2f}x the predicted throughput")],
        )  # fmt: skip
    return Page(
        title=f"break-even {here.model} on {here.system} against {answer.offer}",
        sentence=answer.sentence,
        scenario=scenario_of(here),
        blocks=(_costs(answer), *_rents(answer), *_demand(answer), *_mixes(answer), served),
        defaults=defaults_of(here.defaults),
        left_out=("queueing from bursts of arrivals", "quality of answers"),
        next=("--full", "-o curve.png", "tokenroof offers"),
        kind="BreakEven",
    )
