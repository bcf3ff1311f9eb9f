"""Bodies in and out: bounded, JSON with finite numbers alone, problems as their own type."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tokenroof.reading import parse_json
from tokenroof.web.problems import Problem

__all__ = ["MOST_BYTES", "body_of", "json_of", "json_response", "problem_response"]

MOST_BYTES = 1_000_000
_DEEPEST = 40


async def body_of(request: Request, most: int) -> bytes:
    """The whole body; a problem as soon as it is too large."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > most:
        raise Problem(413, f"the body has {int(said):,} bytes; at most {most:,} are read")
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise Problem(413, f"the body has more than {most:,} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise Problem(499, "the client left before its question was complete") from None
    return b"".join(parts)


def json_of(body: bytes, kind: str) -> Mapping[str, Any]:
    """A table of fields out of a body."""
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "the body must be application/json")
    try:
        data = parse_json(body.decode("utf-8"), "body", "body", _DEEPEST)
        # no NaN in JSON, and half of a surrogate pair is no text
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # InputError is one
        raise Problem(400, f"the body is not JSON: {str(error)[:160]}") from None
    if not isinstance(data, dict):
        raise Problem(400, "the body must be a table of fields and values")
    return data


def json_response(content: bytes, status: int = 200) -> Response:
    """An answer: not kept by caches, being of this scenario and this version."""
    return Response(content, status, {"cache-control": "no-store"}, "application/json")


def problem_response(problem: Problem) -> Response:
    """A problem in the form of RFC 9457."""
    headers = {"cache-control": "no-store"} | ({"retry-after": "2"} if problem.status == 503 else {})
    content = json.dumps(problem.body(), ensure_ascii=True).encode()
    return Response(content, problem.status, headers, "application/problem+json")
