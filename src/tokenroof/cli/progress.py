"""A bar on anything that takes over a second."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["progress"]

_QUIET_S = 1.0  # before a bar is shown


@contextlib.contextmanager
def progress(words: str) -> Iterator[Callable[[float], None] | None]:
    """A bar on stderr where that is a terminal and the run takes a while. rich loads here and only then."""
    if not sys.stderr.isatty():
        yield None
        return
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        shown: list[Any] = []

        def show(share: float) -> None:
            if not shown and time.monotonic() - started > _QUIET_S:
                from rich.console import Console
                from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

                columns = (TextColumn(words), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
                bar = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
                shown.extend((bar, bar.add_task(words, total=1.0)))
            if shown:
                bar, task = shown
                bar.update(task, completed=share)

        yield show
