"""One application for all tests of a process, asked without a network: what one asked the next need not compute."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from web.browser import browser, page, server

from tokenroof.web.app import create_app

__all__ = ["browser", "page", "server"]  # one server for all tests of a worker, a browser for those of a module

HERE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(threads=2), base_url=HERE) as found:
        yield found


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The same on a real socket, for those who want one."""
    import threading
    import time

    import uvicorn

    config = uvicorn.Config(create_app(threads=2), log_level="critical", port=0, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
