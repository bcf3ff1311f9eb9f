"""The application: addresses and what answers them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tokenroof.errors import UnknownName
from tokenroof.present.json import versions
from tokenroof.registry import nearest
from tokenroof.usecases.explained import EXPLAINED, explain_answer, numbers_of
from tokenroof.web import verbs
from tokenroof.web.asking import ask, failure, key_of
from tokenroof.web.bodies import MOST_BYTES, body_of, json_of, json_response, problem_response
from tokenroof.web.first import first_answer, first_page
from tokenroof.web.guard import Guard
from tokenroof.web.jobs import Jobs, Recent
from tokenroof.web.pages import docs_page, is_page, static_file
from tokenroof.web.problems import Problem
from tokenroof.web.remembered import Again, Remembered
from tokenroof.web.uploads import ENDINGS, Uploads
from tokenroof.web.uploads import MOST_BYTES as MOST_UPLOAD_BYTES

__all__ = ["create_app"]

API = "/api/v1"
# newer versions of the framework export traces where the environment asks for it; this door tells nobody anything
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(*, threads: int | None = None, waiting: int = 256, warm: bool = False) -> FastAPI:
    """An application with threads, memory and uploads of its own. `warm` answers the page's first question at once."""
    jobs, uploads = Jobs(threads, waiting), Uploads()

    @asynccontextmanager
    async def alive(_: FastAPI) -> AsyncIterator[None]:
        first = asyncio.create_task(first_answer(jobs, uploads)) if warm else None
        yield
        if first is not None:
            first.cancel()
        jobs.close()
        uploads.close()

    app = FastAPI(
        title="tokenroof", openapi_url=None, docs_url=None, redoc_url=None, lifespan=alive, telemetry=_NO_TELEMETRY
    )
    again = Again(jobs.remembered)
    app.add_middleware(Remembered, again=again, paths=[f"{API}/{name}" for name in verbs.VERBS])
    app.add_middleware(Guard)  # the last one added stands first
    app.state.jobs, app.state.uploads, app.state.recent, app.state.again = jobs, uploads, Recent(), again
    for address, endpoint, method in _addresses():
        app.router.routes.append(Route(address, partial(_answered, endpoint), methods=[method]))
    app.add_exception_handler(HTTPException, _refused)
    return app


def _addresses() -> Iterator[tuple[str, Endpoint, str]]:
    for name in verbs.VERBS:
        yield f"{API}/{name}", partial(_verb, name), "POST"
    yield f"{API}/explain/{{verb}}/{{number}}", _explain, "POST"
    for name in verbs.LISTS:
        yield f"{API}/{name}", partial(_list, name), "GET"
        yield f"{API}/{name}/{{entry:path}}", partial(_list, name), "GET"
    yield f"{API}/uploads", _upload, "POST"
    yield f"{API}/jobs/{{job}}", _cancel, "DELETE"
    yield f"{API}/about", _about, "GET"
    yield f"{API}/openapi.json", _openapi, "GET"
    yield "/api/docs", _docs, "GET"
    yield "/{path:path}", _page, "GET"


async def _answered(endpoint: Endpoint, request: Request) -> Response:
    """The answer of an address, or the problem that it met."""
    try:
        return await endpoint(request)
    except Exception as error:
        return problem_response(failure(error))


async def _refused(_: Request, error: Exception) -> Response:
    """No such address, or not that method."""
    assert isinstance(error, HTTPException)
    status = error.status_code if error.status_code in (404, 405) else 400
    return problem_response(Problem(status, str(error.detail)))


async def _asked(request: Request) -> dict[str, Any]:
    return dict(json_of(await body_of(request, MOST_BYTES), request.headers.get("content-type", "")))


async def _verb(name: str, request: Request) -> Response:
    body = await body_of(request, MOST_BYTES)
    data = dict(json_of(body, request.headers.get("content-type", "")))
    jobs, recent = request.app.state.jobs, request.app.state.recent
    key, verb = key_of(name, data), verbs.VERBS[name]
    request.app.state.again.keep(request.url.path, body, key)
    if jobs.remembered(key) is None:
        asked = verbs.asked_of(verb, data, request.app.state.uploads)
    else:
        asked = None  # the answer is there

    def work(tell: Callable[[float], None]) -> bytes:
        answer = verb.run(asked, tell)
        if name in EXPLAINED:
            recent.keep(key, answer)
        return verbs.answer_bytes(answer)

    return await ask(request, jobs, key, work)


async def _explain(request: Request) -> Response:
    name, number = request.path_params["verb"], request.path_params["number"]
    known = numbers_of(name)
    if number not in known:
        raise UnknownName("number", number[:80], nearest(number[:80], known), f"known: {', '.join(known)}")
    data, recent = await _asked(request), request.app.state.recent
    asked = verbs.asked_of(verbs.VERBS[name], data, request.app.state.uploads)

    def work(tell: Callable[[float], None]) -> bytes:
        answer = recent.found(key_of(name, data)) or verbs.VERBS[name].run(asked, tell)
        recent.keep(key_of(name, data), answer)
        return verbs.answer_bytes(explain_answer(name, answer, number).to_dict())

    return await ask(request, request.app.state.jobs, key_of(f"explain {name} {number}", data), work)


_FLAGS = {"true": True, "false": False}


def _query(request: Request) -> dict[str, Any]:
    """Options as the schema reads them: a name given several times is a list."""
    found: dict[str, Any] = {}
    for name in request.query_params:
        values = [_FLAGS.get(value, value) for value in request.query_params.getlist(name)]
        found[name] = values[0] if len(values) == 1 else values
    return found


async def _list(name: str, request: Request) -> Response:
    entry, query = request.path_params.get("entry", ""), _query(request)
    asked = verbs.asked_of(_LISTED, {**query, "entry": entry}, request.app.state.uploads)
    asked.pop("entry")

    def work(tell: Callable[[float], None]) -> bytes:
        return verbs.answer_bytes(verbs.listing(name, entry, asked))

    return await ask(request, request.app.state.jobs, key_of(f"{name}/{entry}", query), work)


_LISTED = verbs.Verb(summary="", read=dict, run=lambda request, tell: request)


async def _upload(request: Request) -> Response:
    ending = request.query_params.get("ending", "")
    content = await body_of(request, MOST_UPLOAD_BYTES)
    upload = request.app.state.uploads.keep(content, ending)
    return json_response(json.dumps({"id": upload, "bytes": len(content)}).encode(), 201)


async def _cancel(request: Request) -> Response:
    if not request.app.state.jobs.cancel(request.path_params["job"]):
        raise Problem(404, "no such job: it has ended")
    return Response(status_code=204)


async def _about(request: Request) -> Response:
    about = {"versions": versions(), "report": False, "uploads": {"endings": ENDINGS, "most_bytes": MOST_UPLOAD_BYTES}}
    return json_response(json.dumps(about).encode())


async def _openapi(request: Request) -> Response:
    from tokenroof.web.openapi import document_bytes

    return json_response(document_bytes())


async def _docs(request: Request) -> Response:
    return docs_page()


async def _page(request: Request) -> Response:
    path = request.path_params["path"]
    if path.removeprefix("api/v1/") in verbs.VERBS and path.startswith("api/v1/"):
        raise Problem(405, f"/{path} takes POST")
    known = request.headers.get("if-none-match", "")
    if is_page(path):
        answer = await first_answer(request.app.state.jobs, request.app.state.uploads)
        if answer is not None:
            return first_page(answer, known)
    return static_file(path, known)
