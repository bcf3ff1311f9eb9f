"""Patterns over results that name a cause: each is data in, words out, and silent where the data do not show it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median, pstdev

from tokenroof.types.run import Run
from tokenroof.units import format_figures
from tokenroof.usecases.compare.answer import ComparedRun, Hint
from tokenroof.usecases.compare.points import Point

__all__ = ["hints_of"]

_FEWEST = 3
_EVEN = 0.35  # spread of an offset over its size: below it, it does not grow with context or batch
_LEAST = 0.08  # of the TPOT: smaller offsets are within any range
_CHUNK = 1.5
_FEWER = 0.9
_SLOWER = 1.03


def _offset(runs: Sequence[ComparedRun]) -> Iterator[Hint]:
    """The same number of milliseconds in every run, whatever its context and batch."""
    pairs = [one for one in (run.of("tpot") for run in runs) if one is not None]
    loads = {(run.load_value, run.isl, run.osl) for run in runs}
    if len(pairs) < _FEWEST or len(loads) < _FEWEST:
        return
    offsets = [one.measured - one.predicted.value for one in pairs]
    middle = median(offsets)
    grows = max(one.measured for one in pairs) > 1.5 * min(one.measured for one in pairs)
    if grows and middle > _LEAST * median(one.measured for one in pairs) and pstdev(offsets) < _EVEN * middle:
        yield Hint(
            pattern="constant offset",
            text=f"every run is {format_figures(1e3 * middle)} ms slower than predicted, whatever its load: a fixed "
            "cost of each step; look for eager mode or CUDA graphs that do not cover these batches",
        )


def _chunks(points: Sequence[Point]) -> Iterator[Hint]:
    """Gaps between chunks that are a multiple of the time per token."""
    ratios = []
    for one in points:
        tpot, itl = one.runs.get("tpot"), one.itl
        if tpot is not None and itl is not None and not tpot.metric.startswith("itl"):
            ratios.append(itl.value / tpot.value)
    if ratios and median(ratios) >= _CHUNK:
        times = format_figures(median(ratios), 2)
        text = f"ITL is {times} x TPOT: {times} tokens a chunk (stream interval, or drafts); TPOT is the one to compare"
        yield Hint(pattern="chunks", text=text)


def _sick(runs: Sequence[ComparedRun], points: Sequence[Point]) -> Iterator[Hint]:
    """A smaller load that was slower than a larger one of the same lengths, on one deployment under one engine."""
    same: dict[tuple[Run, float, float], list[ComparedRun]] = {}
    for run, point in zip(runs, points, strict=True):
        if run.load_kind == "concurrency" and run.of("tpot") is not None:
            same.setdefault((point.deployed, run.isl, run.osl), []).append(run)
    for members in same.values():
        members.sort(key=lambda run: run.load_value)
        for few, many in pairwise(members):
            slow, fast = few.of("tpot"), many.of("tpot")
            assert slow is not None and fast is not None
            if slow.measured > _SLOWER * fast.measured and many.load_value > few.load_value:
                yield Hint(
                    pattern="sick point",
                    text=f"{few.file}:{few.line} with {few.load} is slower than with {many.load_value:,.0f} "
                    f"({format_figures(1e3 * slow.measured)} against {format_figures(1e3 * fast.measured)} ms): a cold "
                    "or disturbed run; measure it again",
                )
                break


def _fewer(points: Sequence[Point]) -> Iterator[Hint]:
    """Rate times stay is less than what the client was asked to keep."""
    for one in points:
        load, work = one.setup.load, one.setup.workload
        output, tpot, ttft = one.si("output"), one.si("tpot"), one.si("ttft")
        if load.kind != "concurrency" or output is None or tpot is None or ttft is None:
            continue
        flying = output / work.osl * (ttft + (work.osl - 1.0) * tpot)
        drained = 0.0 if not load.requests else 0.5 * min(1.0, load.value / load.requests)
        if flying < (_FEWER - drained) * load.value:
            yield Hint(
                pattern="fewer in flight",
                text=f"{one.first.file}:{one.first.line}: rate x E2E is {format_figures(flying)} in flight where "
                f"{load.value:,.0f} were asked for: the client or a cap (max-num-seqs) held them back",
            )
            return


def _over(runs: Sequence[ComparedRun]) -> Iterator[Hint]:
    broken = [run for run in runs if run.reason]
    if broken:
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        yield Hint(pattern="above the roof", text=f"{first.file}:{first.line}{more}: {first.reason}")


def hints_of(runs: Sequence[ComparedRun], points: Sequence[Point]) -> tuple[Hint, ...]:
    """What the results show together."""
    return (*_over(runs), *_chunks(points), *_offset(runs), *_sick(runs, points), *_fewer(points))
