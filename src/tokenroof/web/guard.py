"""What stands before every request: this machine's names alone, and the headers that keep a page to itself."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from tokenroof.web.problems import Problem

__all__ = ["CSP", "Guard"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


def _name(host: str) -> str:
    """A host without its port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _allowed(headers: dict[bytes, bytes]) -> bool:
    """Whether a page of this machine asks, or none: another site's cannot say so under this name (DNS rebinding)."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if _name(host) not in _NAMES:
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        return (urlsplit(origin.decode("latin-1")).hostname or "") in _NAMES
    except ValueError:
        return False


class Guard:
    """Middleware: refuses other machines' names and puts the headers on every answer."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        if _allowed(dict(scope["headers"])):
            await self._app(scope, receive, headed)
            return
        problem = Problem(
            403, "Host and Origin must be 127.0.0.1 or localhost: this door is open to this machine alone"
        )
        body = json.dumps(problem.body()).encode()
        head = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
        await headed({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})
