"""One question over HTTP: remembered, computed in a thread, streamed, cancelled when nobody waits for it."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tokenroof.web.bodies import json_response
from tokenroof.web.jobs import Cancelled, Job, Jobs, Work, result_of
from tokenroof.web.problems import Problem, problem_of

__all__ = ["LIMIT_S", "STREAM_LIMIT_S", "ask", "key_of"]

LIMIT_S = 60.0
STREAM_LIMIT_S = 600.0
_ALIVE_S = 10.0  # a sign of life where there is no progress
_CANCELLED = Problem(499, "cancelled")


def key_of(address: str, data: Mapping[str, Any]) -> str:
    """Equal questions have equal keys, whatever the order of their fields."""
    return f"{address} {json.dumps(data, sort_keys=True, separators=(',', ':'))}"


def failure(error: BaseException) -> Problem:
    """What ended a job, told to the one who asked; a fault of ours also to the terminal."""
    if isinstance(error, Cancelled):
        return _CANCELLED
    problem = problem_of(error)
    if problem.status == 500:
        logging.getLogger("tokenroof.web").error("an answer failed", exc_info=error)
    return problem


async def ask(request: Request, jobs: Jobs, key: str, work: Work) -> Response:
    """The answer to a question, as JSON or as a stream."""
    found = jobs.remembered(key)
    if "text/event-stream" in request.headers.get("accept", ""):
        return _streamed(found, jobs, key, work)
    if found is not None:
        return json_response(found)
    job = jobs.join(key, work)
    try:
        return json_response(await _while_there(request, job))
    except Problem:
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
            raise
        raise failure(error) from None
    finally:
        jobs.leave(job)


async def _while_there(request: Request, job: Job) -> bytes:
    """The answer, unless the client leaves or time is up first."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    answer, left = asyncio.ensure_future(result_of(job)), asyncio.ensure_future(gone())
    try:
        done, _ = await asyncio.wait({answer, left}, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        if answer in done:
            return answer.result()
        if left in done:
            raise Problem(499, "the client left")
        raise Problem(
            504, f"no answer in {LIMIT_S:g} s; ask with Accept: text/event-stream for up to {STREAM_LIMIT_S:g} s"
        )
    finally:
        for task in (answer, left):
            task.cancel()
            with contextlib.suppress(BaseException):
                await task


def _event(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def _streamed(found: bytes | None, jobs: Jobs, key: str, work: Work) -> Response:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    if found is not None:
        content = iter([_event("job", b'{"job":""}'), _event("answer", found)])
        return StreamingResponse(content, 200, headers, "text/event-stream")
    job = jobs.join(key, work)  # here, so that a full queue is a status and not an event
    return StreamingResponse(_events(jobs, job), 200, headers, "text/event-stream")


async def _events(jobs: Jobs, job: Job) -> AsyncIterator[bytes]:
    try:
        yield _event("job", json.dumps({"job": job.id}).encode())
        until = job.loop.time() + STREAM_LIMIT_S
        told: float | None = None
        while not job.done.done():
            if job.loop.time() > until:
                raise Problem(504, f"no answer in {STREAM_LIMIT_S:g} s")
            job.moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(job.moved.wait(), _ALIVE_S)
            if job.share is not None and job.share != told:
                told = job.share
                yield _event("progress", json.dumps({"share": round(told, 4)}).encode())
            elif not job.done.done():
                yield _event("progress", b"{}")
        yield _event("answer", await result_of(job))
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except Cancelled:
        yield _event("cancelled", b"{}")
    except BaseException as error:
        yield _event("problem", json.dumps(failure(error).body()).encode())
    finally:
        jobs.leave(job)
