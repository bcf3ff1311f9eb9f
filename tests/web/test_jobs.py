"""A job that is ended leaves nothing locked behind it."""

import asyncio
import importlib
import sys
import threading
from pathlib import Path

import pytest

from tokenroof.web.jobs import Cancelled, Jobs, OnProgress, result_of

SLOW = """
import threading, time
from tests_of_jobs import begun
begun.set()
for _ in range(100):
    time.sleep(0.002)
whole = True
"""


class _Told:
    """Stands for a module, so that the one under import says when it has begun."""

    begun = threading.Event()


def test_a_job_is_ended_after_the_import_it_is_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended inside it, the lock of imports stayed locked: the next import never came back, nor did Ctrl-C."""
    (tmp_path / "slow_to_import.py").write_text(SLOW, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "tests_of_jobs", _Told)  # type: ignore[arg-type]
    _Told.begun.clear()
    went_on = threading.Event()

    def work(tell: OnProgress) -> bytes:
        importlib.import_module("slow_to_import")
        while not went_on.is_set():
            pass
        return b""

    async def asked() -> None:
        jobs = Jobs(threads=1)
        job = jobs.join("one", work)
        await asyncio.to_thread(_Told.begun.wait, 20)
        jobs.leave(job)
        try:
            with pytest.raises(Cancelled):
                await asyncio.wait_for(result_of(job), 20)
        finally:
            went_on.set()
            jobs.close()

    asyncio.run(asked())
    assert sys.modules["slow_to_import"].whole
    monkeypatch.delitem(sys.modules, "slow_to_import")
