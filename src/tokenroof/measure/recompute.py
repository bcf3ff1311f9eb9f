"""One rule for all tools: recompute, then compare with what the file says.

    tpot       = (e2e - ttft) / (osl - 1)
    in flight  = served rate x e2e
    output     = served rate x osl

Where a file differs by more than 5 % a note says why, and what was recomputed is used.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from tokenroof.types.benchmark import Benchmark, Note, Spread

__all__ = ["recomputed"]

FAR = 0.05  # of the recomputed figure: the limit that the task of importers sets
_FAILED = 0.01  # of requests, above which a run is not what was asked for
_SPREAD = 0.3  # deviation of lengths over their mean, from which on a mean is no request
_COLD = 1.5  # mean TTFT over its median, from which on a few slow first requests make the mean
_FEW_WAVES = 4.0  # requests over concurrency, below which filling and draining show
_SERVED = frozenset({"server-closed-loop", "server", "offline", "disaggregated", "server-interactive"})
_OPEN = ("server", "server-interactive")


def recomputed(one: Benchmark) -> Benchmark:
    """The benchmark with what follows from its figures filled in, contradictions settled, and the mode of its load."""
    if one.mode and one.mode not in _SERVED:
        return replace(one, notes=(*one.notes, *_failed(one), *_names(one)))
    for step in (_rates, _tpot, _flight, _output, _mode):
        one = step(one)
    told = (_chunks, _nominal, _mixed, _failed, _warm, _names)
    return replace(one, notes=(*one.notes, *(note for tell in told for note in tell(one))))


def _off(said: float | None, true: float | None) -> bool:
    return said is not None and true is not None and true > 0.0 and abs(said / true - 1.0) > FAR


def _noted(one: Benchmark, kind: str, text: str, said: float | None = None, used: float | None = None) -> Benchmark:
    return replace(one, notes=(*one.notes, Note(kind=kind, text=text, said=said, used=used)))


def _rates(one: Benchmark) -> Benchmark:
    """Requests a second: of those that completed, or by Little's law in a closed loop."""
    counted = one.completed / one.duration_s if one.completed and one.duration_s else None
    served = one.served_rate
    if counted is not None and _off(served, counted):
        one = _noted(one, "rate", "the rate of requests is not completed / duration, which is used", served, counted)
        served = counted
    served = served or counted
    osl, e2e = one.osl.middle, one.e2e.mean
    if served is None and one.output_tok_s and osl:
        served = one.output_tok_s / osl
    if served is None and one.concurrency and e2e and not _finite(one.request_rate):
        served = one.concurrency / e2e
    return replace(one, served_rate=served)


def _finite(rate: float | None) -> bool:
    return rate is not None and math.isfinite(rate)


def _tpot(one: Benchmark) -> Benchmark:
    ttft, e2e, osl, said = one.ttft.mean, one.e2e.mean, one.osl.middle, one.tpot.mean
    if osl is None or osl <= 1.0:
        return one
    if e2e is None:
        if ttft is None or said is None:
            return one
        return replace(one, e2e=Spread(mean=ttft + said * (osl - 1.0)))
    if ttft is None or e2e <= ttft:
        return one
    true = (e2e - ttft) / (osl - 1.0)
    if said is None:
        return replace(one, tpot=replace(one.tpot, mean=true))
    if not _off(said, true):
        return one
    kind, why = _why_tpot(one, said / true)
    text = f"TPOT is {said * 1e3:.3g} ms in the file and {true * 1e3:.3g} ms by (E2E - TTFT) / (osl - 1): {why}"
    return _noted(replace(one, tpot=Spread(mean=true)), kind, text, said, true)


def _why_tpot(one: Benchmark, ratio: float) -> tuple[str, str]:
    if 0.4 < ratio < 0.6:
        return "frames", "two frames a token"
    if ratio < 0.4:
        return "frames", f"{1.0 / ratio:.1f} frames a token"
    whole = (one.e2e.mean or 0.0) / (one.osl.middle or 1.0)
    if one.tpot.mean is not None and abs(one.tpot.mean / whole - 1.0) < 0.02:
        return "definition", "it counts the first token too, as E2E / osl"
    if _drafted(one) and ratio > 1.0:
        return "speculation", "it is the time of a verify step"
    if ratio > 1.5:
        return "chunks", f"{ratio:.1f} tokens a chunk"
    if one.osl.std and one.osl.middle and one.osl.std / one.osl.middle > _SPREAD:
        return "lengths", "a mean over requests weighs short answers as much as long ones"
    return "definition", "the tool counts tokens or time otherwise"


def _drafted(one: Benchmark) -> bool:
    where = one.deployed
    return where.accepted_length is not None or where.speculation not in ("", "none")


def _chunks(one: Benchmark) -> Iterator[Note]:
    """Gaps between chunks beside the time of a token."""
    gap, tpot = one.itl.mean, one.tpot.mean
    if gap is None or tpot is None or not _off(gap, tpot):
        return
    tokens = gap / tpot
    shown = f"ITL is {gap * 1e3:.3g} ms and TPOT {tpot * 1e3:.3g} ms"
    if tokens < 1.0:
        yield Note(kind="frames", text=f"{shown}: {1.0 / tokens:.1f} frames a token", said=gap, used=tpot)
    elif _drafted(one):
        length = one.deployed.accepted_length
        step = f"; the file says {length:.2f}" if length else ""
        text = f"{shown}: a verify step gives {tokens:.2f} tokens{step}"
        yield Note(kind="speculation", text=text, said=gap, used=tpot)
    else:
        yield Note(kind="chunks", text=f"{shown}: {tokens:.3g} tokens a chunk", said=gap, used=tpot)


def _flight(one: Benchmark) -> Benchmark:
    e2e, served, said, asked = one.e2e.mean, one.served_rate, one.in_flight, one.concurrency
    if not e2e or not served:
        return one
    true = served * e2e
    if _off(said, true):
        text = f"{said:.3g} requests in flight in the file and {true:.3g} by rate x E2E"
        one = _noted(one, "client", text, said, true)
    one = replace(one, in_flight=true)
    if asked and not _finite(one.request_rate) and _off(true, asked):
        text = f"{true:.3g} requests in flight of {asked:g} asked: {_why_flight(one)}"
        one = _noted(one, "client", text, asked, true)
    return one


def _why_flight(one: Benchmark) -> str:
    assert one.in_flight is not None and one.concurrency is not None
    if one.in_flight > one.concurrency:
        return "E2E holds waiting in the client, or the duration is too short"
    waves = (one.completed or one.requests or math.inf) / one.concurrency
    if waves < _FEW_WAVES:
        return f"the run fills and drains in {waves:.2g} waves of requests"
    cap = one.deployed.max_num_seqs
    if cap and one.in_flight <= cap * 1.05:
        return f"the engine takes {cap}"
    return "the client does not keep them in flight"


def _output(one: Benchmark) -> Benchmark:
    served, osl, isl, said = one.served_rate, one.osl.middle, one.isl.middle, one.output_tok_s
    if not served or not osl:
        return one
    true = served * osl
    if _off(said, true):
        text = f"output is {said:,.0f} tok/s in the file and {true:,.0f} by rate x osl"
        one = replace(_noted(one, "output", text, said, true), output_tok_s=true)
    elif said is None:
        one = replace(one, output_tok_s=true)
    if isl and (one.total_tok_s is None or _off(one.total_tok_s, served * (isl + osl))):
        one = replace(one, total_tok_s=served * (isl + osl))
    return one


def _mode(one: Benchmark) -> Benchmark:
    """Which load it was. An open loop whose client holds requests back at its limit is a closed one."""
    rate, limit, flight = one.request_rate, one.concurrency, one.in_flight
    if one.mode:
        return one
    if rate is not None and math.isfinite(rate):
        if limit and flight and flight > limit * (1.0 - FAR):
            text = f"asked for {rate:g} requests/s, but {limit:g} in flight is the client's limit: a closed loop"
            return _noted(replace(one, mode="server-closed-loop"), "rate", text, rate, one.served_rate)
        return _arrivals(replace(one, mode="server"), rate)
    if limit:
        return replace(one, mode="server-closed-loop")
    if flight and one.completed and flight < 0.35 * one.completed:
        # sent all at once half of them would be in flight on average: the client kept to a number, by Little's law this
        number = float(round(flight)) or 1.0
        text = f"the load is not in the file: {number:g} in flight by rate x E2E are taken as kept so by the client"
        told = f"{text}; `concurrency` or `request_rate` says otherwise"
        return _noted(replace(one, mode="server-closed-loop", concurrency=number), "unsaid", told, None, number)
    return replace(one, mode="offline")


def _arrivals(one: Benchmark, rate: float) -> Benchmark:
    """The rate at which requests came: as asked, unless more than the end of the run tells them apart."""
    served, e2e, duration, count = one.served_rate, one.e2e.mean, one.duration_s, one.completed
    if not _off(served, rate) or served is None:
        return one
    text = f"asked for {rate:g} requests/s and served {served:.3g}"
    if count and duration and e2e and duration > 2.0 * e2e and not _off(count / (duration - e2e), rate):
        return _noted(one, "rate", f"{text}: the last requests end after all have come", rate, rate)
    return _noted(replace(one, request_rate=served), "rate", f"{text}, which is used", rate, served)


def _nominal(one: Benchmark) -> Iterator[Note]:
    pairs = (("isl", one.nominal_isl, one.isl.middle), ("osl", one.nominal_osl, one.osl.middle))
    far = [(name, asked, true) for name, asked, true in pairs if true and asked and _off(true, asked)]
    other = [f"{name} {true:,.0f} of {asked:,.0f}" for name, asked, true in far]
    if other:
        yield Note(kind="lengths", text=f"real mean lengths are used, not the nominal ones: {', '.join(other)}")


def _mixed(one: Benchmark) -> Iterator[Note]:
    for name, spread in (("isl", one.isl), ("osl", one.osl)):
        if spread.std and spread.mean and spread.std > _SPREAD * spread.mean:
            text = f"{name} is mixed, {spread.mean:,.0f} on average, deviation {spread.std:,.0f}: the mean is used"
            yield Note(kind="lengths", text=text, said=spread.std, used=spread.mean)


def _failed(one: Benchmark) -> Iterator[Note]:
    if one.failed and one.failed > _FAILED * ((one.completed or 0.0) + one.failed):
        share = one.failed / ((one.completed or 0.0) + one.failed)
        text = f"{one.failed:g} requests failed ({share:.1%}): what is left is an easier load than asked"
        yield Note(kind="failed", text=text, said=one.failed)


def _warm(one: Benchmark) -> Iterator[Note]:
    mean, median = one.ttft.mean, one.ttft.median
    if mean and median and mean > _COLD * median:
        text = f"mean TTFT is {mean / median:.1f} times its median: the first requests met a cold or an idle server"
        yield Note(kind="warm-up", text=text, said=mean, used=median)


def _names(one: Benchmark) -> Iterator[Note]:
    where = one.deployed
    if where.tokenizer and where.model and where.tokenizer != where.model:
        text = f"the server calls the model {where.model}; its tokenizer says {where.tokenizer}, which is used"
        yield Note(kind="names", text=text)
