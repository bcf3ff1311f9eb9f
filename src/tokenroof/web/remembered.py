"""Questions that were asked before in the very same bytes: answered before anything is read, checked or routed."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

__all__ = ["Again", "Remembered"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LONGEST = 64_000  # of a body that is looked up
_KEPT = 4096  # spellings of questions


class Again:
    """Which question a body asks, by its digest. The answers stay where they are: one that is gone is asked anew."""

    def __init__(self, answer_of: Callable[[str], bytes | None]) -> None:
        self._answer_of = answer_of
        self._keys: OrderedDict[bytes, str] = OrderedDict()

    def keep(self, path: str, body: bytes, key: str) -> None:
        """This body, sent there, is the question with this key."""
        if len(body) <= _LONGEST:
            self._keys[_digest(path, body)] = key
            if len(self._keys) > _KEPT:
                self._keys.popitem(last=False)

    def found(self, path: str, body: bytes) -> bytes | None:
        """The answer, where the question is known and its answer remembered."""
        digest = _digest(path, body)
        key = self._keys.get(digest)
        if key is None:
            return None
        self._keys.move_to_end(digest)
        return self._answer_of(key)


def _digest(path: str, body: bytes) -> bytes:
    return hashlib.sha256(path.encode() + b"\n" + body).digest()


class Remembered:
    """Middleware: a plain question that is known has its answer sent at once; all else goes on untouched."""

    def __init__(self, app: App, again: Again, paths: Collection[str]) -> None:
        self._app, self._again, self._paths = app, again, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not self._plain(scope):
            await self._app(scope, receive, send)
            return
        first = await receive()
        body = first.get("body", b"")
        whole = first["type"] == "http.request" and not first.get("more_body", False) and len(body) <= _LONGEST
        answer = self._again.found(scope["path"], body) if whole else None
        if answer is None:
            await self._app(scope, _put_back(first, receive), send)
            return
        head = [
            (b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer)),
            (b"cache-control", b"no-store"),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    def _plain(self, scope: Scope) -> bool:
        """Whether it asks a verb in JSON and wants the answer in one piece."""
        if scope["path"] not in self._paths:
            return False
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return kind == b"application/json" and b"text/event-stream" not in headers.get(b"accept", b"")


def _put_back(first: Message, receive: Receive) -> Receive:
    """The channel as if `first` had not been taken from it."""
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
