"""The answer of a run in one or two sentences."""

import math

from tokenroof.scenario.slo import statistic
from tokenroof.units import format_figures
from tokenroof.usecases.analyze.sentence import hardware, short_name
from tokenroof.usecases.simulate.answer import Latency, SimulateResponse

__all__ = ["sentence_of", "time_text"]


def time_text(seconds: float) -> str:
    """Milliseconds below ten seconds, else seconds."""
    return f"{format_figures(seconds * 1e3)} ms" if seconds < 10.0 else f"{format_figures(seconds)} s"


def _percentile(spread: Latency | None) -> str:
    if spread is None or spread.p50 is None or spread.p99 is None:
        return "unknown"
    return f"p50 {time_text(spread.p50)}, p99 {time_text(spread.p99)}"


def _share(share: float) -> str:
    """A share of requests: what is not all of them is never rounded to it."""
    return "all" if share == 1.0 else "no" if share == 0.0 else f"{min(100.0 * share, 99.99):.3g} % of"


def _capacity(answer: SimulateResponse, what: str, latency: str) -> str:
    if answer.capacity_share is None:
        if not answer.capacity:
            at = format_figures(answer.loads[0].request_rate or 0.0)
            return f"{what} has no rate at which its limits hold: at {at} requests/s {_verdicts(answer)} ({latency})."
        return f"{what} holds {format_figures(answer.capacity)} requests/s: {_verdicts(answer)} ({latency})."
    share = f"{100.0 * (answer.capacity_share or 0.0):g} % of requests"
    if not answer.capacity:
        at = format_figures(answer.loads[0].request_rate or 0.0)
        inside = _share(answer.slo_share or 0.0)
        return f"{what} has no rate at which {share} meet the SLO: at {at} requests/s {inside} requests do ({latency})."
    return f"{what} holds {format_figures(answer.capacity)} requests/s with {share} inside the SLO ({latency})."


def _verdicts(answer: SimulateResponse) -> str:
    """`p99 TTFT of 1,436 ms misses 500 ms`, or what is held."""
    shown = answer.percentiles if answer.slo_held else [one for one in answer.percentiles if not one.held]
    if not shown:
        return "the SLO is missed, since the queue grows"
    return " and ".join(
        f"{statistic(one.percentile)} {one.metric} of {_seen(one.seen_s)} {'keeps' if one.held else 'misses'} "
        f"{time_text(one.limit_s)}"
        for one in shown
    )


def _seen(seconds: float) -> str:
    return time_text(seconds) if math.isfinite(seconds) else "requests that never ended"


def _knee(answer: SimulateResponse, what: str, latency: str) -> str:
    low, high = (format_figures(answer.loads[at].request_rate or 0.0) for at in (0, -1))
    if answer.knee is None:
        return f"{what} has no knee from {low} to {high} requests/s; at {high} it has {latency}."
    knee = f"{what} has its knee at {format_figures(answer.knee)} requests/s ({latency})"
    return f"{knee}: beyond, latency grows faster than throughput."


def _short(answer: SimulateResponse) -> str:
    """`Too short a run (18 requests count, over 10.7 s, of which each stays 5.3 s; `requests` 110 would do): `"""
    span_s, fix = answer.to_s - answer.from_s, answer.requests_enough
    stay = "" if answer.e2e is None else f", and each stays {format_figures(answer.e2e.mean)} s"
    more = "" if fix is None else f"; `requests` {fix} would do"
    count = "1 request counts" if answer.counted == 1 else f"{answer.counted:,} requests count"
    return f"Too short a run to tell ({count}, over {format_figures(span_s)} s{stay}{more}): "


def sentence_of(answer: SimulateResponse) -> str:
    """`Llama-3.1-8B on H100 serves 5.0 requests/s with TTFT p50 41 ms, p99 180 ms and TPOT p50 ...`"""
    deployment = answer.deployment
    what = f"{short_name(deployment.model)} on {hardware(deployment)}"
    start = f"Interrupted after {answer.ended:,} of {answer.requests:,} requests: " if answer.interrupted else ""
    if answer.short:
        start = _short(answer)
    if not answer.counted:
        if answer.rejected:
            why = "each is larger than its KV memory"
            return f"{start}{what} holds none of the {answer.rejected:,} requests that came: {why}."
        return f"{start}{what} ended none of the requests that count."
    latency = f"TTFT {_percentile(answer.ttft)}"
    if answer.tpot is not None:
        latency += f" and TPOT {_percentile(answer.tpot)}"
    rate = f"{format_figures(answer.requests_per_s)} requests/s"
    if answer.capacity is not None:
        return f"{start}{_capacity(answer, what, latency)}"
    if answer.loads:
        return f"{start}{_knee(answer, what, latency)}"
    slo = "" if answer.slo_share is None else f"; {_share(answer.slo_share)} requests meet the SLO"
    if answer.percentiles:
        slo = f"; {_verdicts(answer)}"
    if answer.overload is not None:
        came = "" if answer.request_rate is None else f" of the {format_figures(answer.request_rate)} that come"
        since = (
            f"from {format_figures(answer.overload.from_s)} s on" if answer.overload.from_s > 0.0 else "from the start"
        )
        return (
            f"{start}{what} does not keep up: it serves {rate}{came}, and {since} the queue grows without bound, to "
            f"{answer.overload.waiting:,} requests at the last arrival ({latency}){slo}."
        )
    return f"{start}{what} serves {rate} with {latency}{slo}."
