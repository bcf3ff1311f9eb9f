"""The page of `plan`: how many GPUs and how set up, margins, alternatives and why not, the command to paste."""

from collections.abc import Iterable, Sequence

from tokenroof.engines import engine
from tokenroof.present.numbers import (
    JOULES_PER_TOKEN,
    MS,
    REQUESTS_PER_S,
    TOK_PER_S_PER_GPU,
    TOK_PER_S_PER_USER,
    USD_A_MONTH,
    USD_PER_GPU_HOUR,
    USD_PER_MTOK,
    Unit,
    change,
    column,
    count,
    percent,
    quantity,
    span,
)  # fmt: skip
from tokenroof.present.page import (
    BAR,
    RANGE,
    REMARK,
    Block,
    KeyValues,
    Lines,
    Page,
    Remark,
    Table,
    note,
    numbers,
    ranges,
    warning,
    words,
)  # fmt: skip
from tokenroof.present.pages.parts import counted, defaults_of, formats_and_drafts, log_pairs
from tokenroof.present.pages.plan_full import full_blocks
from tokenroof.present.pages.plan_unmet import refused, unmet_blocks
from tokenroof.scenario.layouts import layout_label
from tokenroof.scenario.ranges import ranged
from tokenroof.scenario.slo import statistic
from tokenroof.usecases.analyze.sentence import bare_name
from tokenroof.usecases.plan.answer import Candidate, Demand, MachinePlan, PlanResponse, Simulated

__all__ = ["page_of"]

_NEARLY_FULL = 0.95
_OBJECTIVES = {"cost": "cost", "throughput": "GPU time", "latency": "latency", "energy": "energy"}
_OF_A_BILL = {"cost": "bill", "throughput": "GPUs rented"}
_BINDS = {"memory": "KV memory", "load": "the load"}
_AS_GOOD = 5e-4
_ALMOST_SURE = 0.995
_ROWS = 7  # of remarks and alternatives together, for a page to stay on a screen


def _shape(one: Candidate) -> str:
    """`6 replicas of tp2`, or `2 x pp4 prefill, 2 x tp2 decode`."""
    if one.prefill_layout is None:
        return layout_label(one.layout, one.units)
    prefill, decode = layout_label(one.prefill_layout), layout_label(one.layout)
    return f"{one.prefill_workers} x {prefill} prefill, {one.decode_workers} x {decode} decode"


def _formats(one: Candidate) -> str:
    drafts = f", {counted(one.drafts, 'draft')} a step" if one.drafts else ""
    return f"{one.weights} weights, {one.kv} KV{drafts}"


def _load(demand: Demand) -> tuple[str, bool]:
    """The load in words, and whether it is one of its kind."""
    if demand.users is not None:
        return counted(demand.users, "user"), demand.users == 1
    if demand.rate is not None:
        return quantity(demand.rate, REQUESTS_PER_S).replace("1.00 requests", "1 request"), demand.rate == 1
    if demand.concurrency is not None:
        return f"{counted(demand.concurrency, 'request')} at once", demand.concurrency == 1
    return "", False


def _machine(one: Candidate, machine: MachinePlan) -> str:
    """`12 x H100 SXM`, or the name of the system that it runs on."""
    if one.deployment is None:
        return f"{counted(one.gpus_paid, 'GPU')} of {machine.system_name}"
    names = [machine.chip.name for machine in one.deployment.machines]
    return " and ".join(
        f"{count(number)} x {name}" if number > 1 else f"one {name}"
        for (_, number), name in zip(one.gpus_paid_of, names, strict=True)
    )


def _sentence(answer: PlanResponse) -> str:
    """The answer in GPUs and money, or what cannot be met."""
    first, one = answer.machines[0], answer.winner
    if one is None:
        why = first.unmet.reason if first.unmet is not None else "nothing was found"
        return f"Not met: {why}."
    money = ""
    if one.usd_per_month is not None and one.usd_per_mtok_output is not None:
        month, output = quantity(one.usd_per_month, USD_A_MONTH), quantity(one.usd_per_mtok_output, USD_PER_MTOK)
        money = f" {month}, {output} output tokens."
    load, single = _load(answer.demand)
    setup = f"{_shape(one)}, {_formats(one)}"
    if load:
        return f"{load} {'needs' if single else 'need'} {_machine(one, first)}: {setup}.{money}"
    each = quantity(one.tokens_per_s_per_user, TOK_PER_S_PER_USER).removesuffix("/user")
    held = counted(one.concurrency, "request")
    return f"Best on {first.system_name}: {setup}, {held} at once, each at {each}.{money}"


def _surely(chance: float) -> str:
    return "> 99 %" if chance > _ALMOST_SURE else percent(chance)


def _all_surely(one: Candidate) -> str:
    """The chance of the limit that is least likely to hold."""
    return _surely(min(one.chances.values())) if one.chances else ""


def _limit(one: Candidate, name: str, limit_s: float | None) -> tuple[str, str]:
    """A limit, and how probable it is that it holds."""
    return ("", "") if limit_s is None else (f"{limit_s * 1e3:,.6g} ms", _surely(one.chances[name]))


def _range(one: Candidate, metric: str, value: float | None, unit: Unit) -> str:
    """The 80 % range of a number of the winner."""
    if one.deployment is None or value is None:
        return ""
    found = ranged(metric, value, one.deployment.profile)
    return span(found.low, found.high, value, unit)


def _latency(
    one: Candidate, name: str, mean_s: float, spread: str, limit_s: float | None, percentile: float | None
) -> list[tuple[str, ...]]:
    """The mean by the closed form; where limits are percentiles what was simulated below it, which is held to them."""
    limit = _limit(one, name, limit_s)
    mean = (f"{name}, mean", quantity(mean_s, MS), spread)
    if one.simulated is None:
        return [(*mean, *limit)]
    seen_s = one.simulated.ttft_s if name == "TTFT" else one.simulated.tpot_s
    return [(*mean, "", ""), (f"{name}, {statistic(percentile)}, simulated", quantity(seen_s, MS), "", *limit)]


def _run(run: Simulated) -> str:
    """What was simulated."""
    how = "in a closed loop" if run.request_rate is None else f"at random, {run.request_rate:.4g} a second"
    where = "" if run.units is None else f" on {counted(run.units, 'unit')}"
    return f"simulated: {count(run.requests)} requests {how}{where}, seed {run.seed}"


def _winner(answer: PlanResponse, one: Candidate) -> Table:
    slo = answer.slo
    tpot = _range(one, "tpot", one.tpot_s, MS)
    output, read, cached = one.output_tokens_per_s_per_gpu, one.usd_per_mtok_input, one.usd_per_mtok_cached

    def free(metric: str, value: float | None, unit: Unit) -> str:
        """The range of what follows from the load that is asked for where one is: then it is no prediction."""
        return "" if answer.demand.given else _range(one, metric, value, unit)

    rows = [
        *_latency(
            one, "TTFT", one.ttft_s, _range(one, "ttft", one.ttft_s, MS), slo.ttft_s, slo.ttft_percentile
        ),
        *_latency(one, "TPOT", one.tpot_s, tpot, slo.tpot_s, slo.tpot_percentile),
        ("requests at once", count(one.concurrency), "", "", ""),
        ("requests served", quantity(one.requests_per_s, REQUESTS_PER_S),
         free("throughput", one.requests_per_s, REQUESTS_PER_S), "", ""),
        ("capacity used", percent(one.capacity_used), "", "", ""),
        ("output throughput", quantity(output, TOK_PER_S_PER_GPU), free("throughput", output, TOK_PER_S_PER_GPU),
         "", ""),
    ]  # fmt: skip
    if not answer.demand.given:
        speed, unit = one.tokens_per_s_per_user, TOK_PER_S_PER_USER
        shown = ("interactivity", quantity(speed, unit), _range(one, "tpot", speed, unit), "", "")
        rows.insert(2 if one.simulated is None else 4, shown)
    if one.usd_per_mtok_output is not None:
        usd = one.usd_per_mtok_output
        rows.append(("cost, output", quantity(usd, USD_PER_MTOK), free("cost", usd, USD_PER_MTOK), "", ""))
        rows.append(("cost, input", quantity(read, USD_PER_MTOK), free("cost", read, USD_PER_MTOK), "", ""))
        if answer.workload.prefix:
            rows.append(
                ("cost, cached input", quantity(cached, USD_PER_MTOK), free("cost", cached, USD_PER_MTOK), "", "")
            )
    rows += _energy(one)
    if one.usd_per_month is not None:
        idle = f", {count(one.gpus_paid - one.gpus)} idle" if one.gpus_paid > one.gpus else ""
        label = f"rent, {counted(one.gpus_paid, 'GPU')}{idle}"
        rows.append((label, quantity(one.usd_per_month, USD_A_MONTH), "", "", ""))
    columns = (words(), numbers("predicted"), ranges(), numbers("limit", empty="-"), numbers("holds"))
    return Table(name="main", columns=columns, rows=rows, remarks=tuple(_remarks(answer, one)))


def _energy(one: Candidate) -> list[tuple[str, str, str, str, str]]:
    """Energy with its range; power is what `analyze` says of it."""
    if one.energy is None:
        return []
    found, unit = one.energy.joules_per_output_token, JOULES_PER_TOKEN
    return [("energy, output", quantity(found.value, unit), span(found.low, found.high, found.value, unit), "", "")]


def _log(answer: PlanResponse, one: Candidate) -> list[KeyValues]:
    """What the engine prints when the winner starts."""
    if one.log is None or answer.engine == "none":
        return []
    title = f"Log of {engine(answer.engine).display_name}"
    return [KeyValues(title=title, inline=True, pairs=log_pairs(one.log))]


def _remarks(answer: PlanResponse, one: Candidate) -> Iterable[Remark]:
    if answer.machines[0].scored_by != answer.objective:
        yield note(f"no rent of {one.system} is known: ranked by GPU time, not by cost (`price_per_gpu_hour`)")
    if one.simulated is not None:
        yield note(_run(one.simulated))
    if one.gpus_paid > 2 * one.gpus and one.usd_per_month is not None and answer.demand.given:
        month = quantity(one.usd_per_month * one.gpus / one.gpus_paid, USD_A_MONTH)
        yield note(f"rented by the GPU (`rent_by` 1) it is {month}")
    if any(other.equal for other in answer.machines[0].runner_ups):
        yield note("alternatives with ≈ are equal within the error of a comparison: the simplest is taken")
    if answer.demand.given and one.capacity_used > _NEARLY_FULL:
        yield warning(f"at {percent(one.capacity_used)} of capacity one lost replica breaks the limits")
    if _in_phases(answer, one):
        yield note("TTFT is of clients in random phases; where all begin together it is longer (simulate)")
    if one.gather_passes:
        yield note(f"prompts wait until every rank has one, {count(one.gather_passes)} passes at most")
    if answer.machines[0].why_no_drafts:
        yield note(answer.machines[0].why_no_drafts)
    if not one.own_weights:
        yield warning(f"needs a checkpoint in {one.weights}: check its quality")


def _in_phases(answer: PlanResponse, one: Candidate) -> bool:
    """Whether a limit on TTFT is held to the closed form of a closed loop, which knows no bunches of prompts."""
    return answer.slo.ttft_s is not None and one.simulated is None and answer.demand.concurrency is not None


def _beside(one: Candidate) -> str:
    """How an alternative's score differs from the winner's."""
    size = "as good" if abs(one.worse_by) < _AS_GOOD else change(one.worse_by, decimals=1)
    return f"≈ {size}" if one.equal else size


def _held_by(one: Candidate) -> tuple[float, float]:
    """What limits are compared with."""
    run = one.simulated
    return (one.ttft_s, one.tpot_s) if run is None else (run.ttft_s, run.tpot_s)


def _alternatives(answer: PlanResponse, machine: MachinePlan) -> Table:
    remarks = 0 if machine.winner is None else len(list(_remarks(answer, machine.winner)))
    rows = [
        (
            _shape(one), formats_and_drafts(one), count(one.gpus_paid),
            *(quantity(seconds, MS) for seconds in _held_by(one)), _beside(one), _all_surely(one),
            _BINDS.get(one.limit, one.limit),
        )
        for one in machine.runner_ups[: max(1, _ROWS - remarks)]
    ]  # fmt: skip
    slo = answer.slo
    ttft, tpot = (
        f"{statistic(percentile)} {name}" if slo.by_percentiles else name
        for name, percentile in (("TTFT", slo.ttft_percentile), ("TPOT", slo.tpot_percentile))
    )
    compared = (_OBJECTIVES | _OF_A_BILL if answer.demand.by_bill else _OBJECTIVES)[answer.machines[0].scored_by]
    columns = (
        words(), words("weights/KV"), numbers("GPUs"), numbers(ttft), numbers(tpot),
        numbers(compared), numbers("holds", drop=RANGE), words("held by", drop=REMARK),
    )  # fmt: skip
    return Table(name="alternatives", title="Alternatives", columns=columns, rows=rows)


def _systems(machines: Sequence[MachinePlan], priced: bool) -> list[Table]:
    """Machines beside each other; those without a price apart, since GPU time and dollars do not compare."""
    shown = [one for one in machines if one.winner is not None and (one.usd_per_gpu_h is not None) == priced]
    if not shown:
        return []
    winners = [one.winner for one in shown if one.winner is not None]
    costs = column([one.usd_per_mtok_all for one in winners], USD_PER_MTOK)
    rows = [
        (
            machine.system, *((cost,) if priced else ()), quantity(one.output_tokens_per_s_per_gpu, TOK_PER_S_PER_GPU),
            quantity(one.tpot_s, MS), count(one.gpus_paid), f"{_shape(one)}, {formats_and_drafts(one)}",
        )
        for machine, one, cost in zip(shown, winners, costs, strict=True)
    ]  # fmt: skip
    heads = [numbers("all on output")] if priced else []
    title = "Systems" if priced else "No rent known: `price_per_gpu_hour`"
    columns = (words(), *heads, numbers("throughput", drop=BAR), numbers("TPOT"), numbers("GPUs"), words("deployment"))
    return [Table(title=title, columns=columns, rows=rows)]


def _compared(answer: PlanResponse) -> list[Block]:
    if len(answer.machines) < 2:
        return []
    return [*_systems(answer.machines, True), *_systems(answer.machines, False), *refused(answer.machines)]


def _launches(answer: PlanResponse, names: Iterable[str], *, full: bool) -> list[Lines]:
    """Commands to paste, by engine."""
    wanted = tuple(names)
    return [
        Lines(title=f"Launch each replica with {engine(name).display_name}", lines=text.splitlines(), full=full)
        for name, text in answer.flags
        if name in wanted
    ]


def _scenario(answer: PlanResponse) -> tuple[str, ...]:
    work, first = answer.workload, answer.machines[0]
    cached = f" ({count(work.prefix)} cached)" if work.prefix else ""
    load, _ = _load(answer.demand)
    think = f", {answer.demand.think_s:g} s between turns" if answer.demand.users is not None else ""
    price = "" if first.usd_per_gpu_h is None else quantity(first.usd_per_gpu_h, USD_PER_GPU_HOUR)
    lengths = f"{count(work.isl)} in{cached}, {count(work.osl)} out"
    one = answer.winner
    formats = "" if one is None else _formats(one)
    parts = (
        bare_name(answer.model_name),
        formats,
        lengths,
        f"{load}{think}",
        engine(answer.engine).display_name,
        price,
    )
    return tuple(part for part in parts if part)


def page_of(answer: PlanResponse) -> Page:
    """The answer as a page."""
    first, one = answer.machines[0], answer.winner
    blocks: list[Block] = unmet_blocks(answer)
    if one is not None:
        shown = answer.engine if answer.engine != "none" else "vllm"
        others = [name for name, _ in answer.flags if name != shown]
        blocks = [*_compared(answer), _winner(answer, one), *_log(answer, one)]
        blocks += [_alternatives(answer, first)] if first.runner_ups else []
        blocks += [*_launches(answer, [shown], full=False), *full_blocks(answer), *_launches(answer, others, full=True)]
    notes = [f"{machine.system}: {text}" for machine in answer.machines for text in machine.notes]
    return Page(
        title=f"{answer.model} on {', '.join(machine.system for machine in answer.machines)}",
        kind="Plan",
        brief=() if one is None else (_shape(one),),
        sentence=_sentence(answer),
        remarks=tuple(map(warning, answer.warnings)),
        scenario=_scenario(answer),
        blocks=blocks,
        also=[("Notes", " | ".join(notes))] if notes else (),
        defaults=defaults_of(d for d in answer.defaults if one is not None or not d.field.startswith("price")),
        left_out=answer.left_out if one is not None else (),
        next=("`full` for the frontier, the search and other engines", "`explain` tpot_s", "`output` plan.svg")
        if one is not None
        else (),
        refused=one is None,
    )
