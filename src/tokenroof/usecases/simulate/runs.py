"""Several runs: one after the other, on threads, or on a Dask cluster; the answers are the same bytes."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tokenroof.types.checks import check_number
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.setup import Setup
from tokenroof.usecases.sweep.dask import Cluster, Words, cluster_at
from tokenroof.usecases.sweep.threads import in_threads

__all__ = ["Runs", "runs_on"]

OnProgress = Callable[[float], None]
OnTokens = Callable[[int], None]
Run = Callable[[Setup, OnTokens | None], SimulateResponse]

_WORDS = Words(field="cluster", lasts="up until all runs have ended", piece="run", left="")


@dataclass(slots=True, eq=False)
class Runs:
    """Carries runs out. `width` is how many there can be at once; `expected` how many there will be, for progress.

    One that is interrupted ends all: half a search is no answer.
    """

    run: Run
    width: int = 1
    cluster: Cluster | None = None
    on_progress: OnProgress | None = None
    expected: int = 1
    ended: int = 0

    def of(self, setups: Sequence[Setup]) -> list[SimulateResponse]:
        """The answers, in the order of the questions."""
        found = dict[int, SimulateResponse]()

        def done(job: tuple[int, Setup], answer: SimulateResponse) -> None:
            if answer.interrupted:
                raise KeyboardInterrupt
            found[job[0]] = answer
            self.ended += 1
            if self.on_progress is not None:
                self.on_progress(min(self.ended / self.expected, 1.0))

        jobs = iter(enumerate(setups))
        if self.cluster is not None:
            self.cluster.run(self.run, jobs, lambda job: (job[1], None), done)
        elif self.width > 1 and len(setups) > 1:
            stopped = threading.Event()
            in_threads(lambda job: self.run(job[1], _until(stopped)), jobs, done, self.width, stopped.set)
        else:
            for job in jobs:
                done(job, self.run(job[1], None))
        return [found[at] for at in range(len(setups))]


def _until(stopped: threading.Event) -> OnTokens:
    """Threads see no interrupt: their runs end when they are told to."""

    def watch(tokens: int) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt

    return watch


@contextlib.contextmanager
def runs_on(
    run: Run, *, cluster: str | None, threads: int | None, on_progress: OnProgress | None, expected: int
) -> Iterator[Runs]:
    """Where runs go: to a cluster, to threads, or, where neither is named, one by one."""
    if cluster is not None:
        with cluster_at(cluster, _WORDS) as known:
            yield Runs(run, max(known.threads(), 1), known, on_progress, expected)
        return
    width = 1 if threads is None else int(check_number("threads", threads, low=1, high=1024))
    yield Runs(run, width, None, on_progress, expected)
