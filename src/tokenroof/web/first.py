"""The first paint: the curves of the scenario that the page starts from are sent inside the page."""

import asyncio
import contextlib
import hashlib
import json
import re
from html import unescape
from typing import Any

from starlette.responses import Response

from tokenroof.reading import parse_json
from tokenroof.web import verbs
from tokenroof.web.asking import key_of
from tokenroof.web.jobs import Jobs, result_of
from tokenroof.web.pages import page_text
from tokenroof.web.problems import Problem
from tokenroof.web.uploads import Uploads

__all__ = ["first_answer", "first_page", "first_question"]

_VERB = "curves"
_PATIENCE_S = 5.0  # on a cold start; a page that asks beats one that does not come
_QUESTION = re.compile(r'<meta name="tokenroof-first" content="([^"]*)"')
_PLACE = '<script type="application/json" id="tokenroof-state">{}</script>'


def first_question() -> dict[str, Any] | None:
    """What the page asks of `curves` when a link says nothing: the build wrote it into the page."""
    found = _QUESTION.search(page_text())
    return None if found is None else dict(parse_json(unescape(found[1]), "index.html", "page"))


async def first_answer(jobs: Jobs, uploads: Uploads, patience_s: float = _PATIENCE_S) -> bytes | None:
    """The answer to it, computed once for all; None where it takes too long or there is no page."""
    data = first_question()
    if data is None:
        return None
    key = key_of(_VERB, data)
    if (found := jobs.remembered(key)) is not None:
        return found
    verb = verbs.VERBS[_VERB]
    with contextlib.suppress(Problem):  # a full queue: the page asks by itself
        asked = verbs.asked_of(verb, data, uploads)
        job = jobs.join(key, lambda tell: verbs.answer_bytes(verb.run(asked, tell)))
        waiting = asyncio.ensure_future(result_of(job))
        done, _ = await asyncio.wait({waiting}, timeout=patience_s)
        # who waits longer keeps it alive; nobody else does
        waiting.add_done_callback(lambda _: jobs.leave(job))
        return waiting.result() if done and waiting.exception() is None else None
    return None


def first_page(answer: bytes, known: str) -> Response:
    """The page with its first answer inside."""
    first = {"path": f"/api/v1/{_VERB}", "body": first_question()}
    data = f'{{"first":{json.dumps(first, separators=(",", ":"))[:-1]},"answer":{answer.decode()}}}}}'
    place = _PLACE.replace("{}", data.replace("<", "\\u003c"))
    content = page_text().replace(_PLACE, place).encode()
    headers = {"cache-control": "no-cache", "etag": f'"{hashlib.sha256(content).hexdigest()[:20]}"'}
    if known == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "text/html")
