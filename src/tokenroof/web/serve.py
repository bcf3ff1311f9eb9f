"""Runs the application on this machine: a free port, a line with its address, an end without noise."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tokenroof.errors import InputError, MissingExtra

__all__ = ["serve"]

_HOST = "127.0.0.1"
_SWITCH_S = 0.001  # threads that compute let the event loop in after so long


def _listening(port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((_HOST, port))
    except OSError as error:
        found.close()
        raise InputError("port", port, "a free port", f"{error.strerror}; 0 takes any") from None
    found.listen(2048)
    return found


def serve(port: int = 0, *, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve until interrupted; `on_ready` gets the address as soon as it answers."""
    try:
        import uvicorn

        from tokenroof.web.app import create_app
    except ImportError:
        raise MissingExtra("the web app", "web") from None
    sys.setswitchinterval(_SWITCH_S)
    listening = _listening(port)
    url = f"http://{_HOST}:{listening.getsockname()[1]}/"
    app = create_app(warm=True)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="on", timeout_keep_alive=30,
        timeout_graceful_shutdown=2, server_header=False, date_header=False, ws="none",
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    told = threading.Thread(target=_tell, args=(server, on_ready, url), daemon=True)
    told.start()
    asyncio.run(_until_signalled(server, listening, app.state.jobs.close))


def _tell(server: Any, on_ready: Callable[[str], None], url: str) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.02)
    on_ready(url)


async def _until_signalled(server: Any, listening: socket.socket, close: Callable[[], None]) -> None:
    """Ctrl-C and a plea to end stop jobs and server and are done with: the server alone would raise them anew."""
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        server.force_exit = server.should_exit  # the second time at once
        server.should_exit = True
        loop.call_soon_threadsafe(close)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        await server.serve(sockets=[listening])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
