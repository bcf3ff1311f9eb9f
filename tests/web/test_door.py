"""Who may ask, what headers say, the page, the description, and the server itself on a real socket."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tokenroof.web import pages
from tokenroof.web.app import create_app
from tokenroof.web.guard import CSP

ROOT = Path(__file__).resolve().parents[2]
BODY = {"model": "llama-3.1-8b", "system": "h100"}


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost", "LOCALHOST:1", "[::1]:8642"])
def test_names_of_this_machine_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/about", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "192.168.1.5:8642", ""])
def test_another_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/about", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["title"] == "another machine" and answer.headers["content-security-policy"] == CSP


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[bad"])
def test_a_page_of_another_site_is_refused(client: TestClient, origin: str) -> None:
    assert client.post("/api/v1/analyze", json=BODY, headers={"origin": origin}).status_code == 403


def test_no_header_lets_another_site_in_and_no_script_but_ours_runs(client: TestClient) -> None:
    for address in ("/", "/api/v1/about", "/api/docs", "/nope.js"):
        headers = client.get(address, headers={"origin": "http://127.0.0.1:8642"}).headers
        assert not [name for name in headers if name.startswith("access-control-")]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy and headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_documentation_needs_no_other_machine(client: TestClient) -> None:
    text = client.get("/api/docs").text
    assert "<script" not in text and "AnalyzeQuestion" in text and "POST /api/v1/plan" in text
    assert re.findall(r'(?:src|href)=["\'](?!#|/api/)[^"\']*', text) == []


def test_files_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>page", encoding="utf-8")
    (tmp_path / "assets/a.js").write_text("1", encoding="utf-8")
    (tmp_path.parent / "outside.js").write_text("secret", encoding="utf-8")
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    pages._files.cache_clear()
    pages._content.cache_clear()
    try:
        with TestClient(create_app(threads=1), base_url="http://127.0.0.1") as client:
            page = client.get("/plan?v=1")
            assert page.text == "<p>page" and page.headers["content-type"].startswith("text/html")
            script = client.get("/assets/a.js")
            assert script.headers["content-type"].startswith("text/javascript")
            again = client.get("/assets/a.js", headers={"if-none-match": script.headers["etag"]})
            assert again.status_code == 304 and again.content == b""
            for address in ("/../outside.js", "/%2e%2e/outside.js", "/assets/../../outside.js", "/b.js"):
                assert client.get(address).status_code == 404
    finally:
        pages._files.cache_clear()
        pages._content.cache_clear()


# ---------------------------------------------------------------- on a socket


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tokenroof", "web", "--no-open"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment, cwd=tmp_path_factory.mktemp("web"),
    )  # fmt: skip
    assert process.stdout is not None
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", process.stdout.readline())
    assert found is not None
    yield process, int(found[1])
    process.kill()
    process.communicate()


def asked(port: int, method: str, address: str, body: object = None) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    content = None if body is None else json.dumps(body)
    link.request(method, address, content, {"content-type": "application/json"})
    answer = link.getresponse()
    found = answer.status, answer.read()
    link.close()
    return found


def events(port: int, body: object, verb: str = "simulate") -> Iterator[tuple[str, dict[str, object]]]:
    """Events of a job, one by one."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    link.request("POST", f"/api/v1/{verb}", json.dumps(body), headers)
    answer = link.getresponse()
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
    try:
        while line := answer.readline().decode().strip("\n"):
            name = line.removeprefix("event: ")
            data = answer.readline().decode().removeprefix("data: ")
            answer.readline()
            yield name, json.loads(data)
    finally:
        answer.close()
        link.close()


LONG = {**BODY, "request_rate": 20, "requests": 1_000_000}


def test_it_answers_on_loopback_alone(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    status, content = asked(port, "POST", "/api/v1/analyze", BODY)
    assert status == 200 and json.loads(content)["fits"]
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8") if Path("/proc/net/tcp").exists() else ""
    assert f"00000000:{port:04X} " not in lines


def test_a_simulation_tells_how_far_it_is(server: tuple[subprocess.Popen[str], int]) -> None:
    found = list(events(server[1], {**BODY, "request_rate": 20, "requests": 4000}))
    names = [name for name, _ in found]
    assert names[0] == "job" and names[-1] == "answer" and "progress" in names
    shares = [float(str(data["share"])) for name, data in found if name == "progress" and data]
    assert shares == sorted(shares) and 0.0 < shares[-1] <= 1.0
    plain = asked(server[1], "POST", "/api/v1/simulate", {**BODY, "request_rate": 20, "requests": 4000})
    assert json.loads(plain[1]) == found[-1][1]


def test_a_job_is_cancelled_by_its_id(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    names = []
    for name, data in events(port, LONG):
        names.append(name)
        if name == "job":
            assert asked(port, "DELETE", f"/api/v1/jobs/{data['job']}")[0] == 204
    assert names[-1] == "cancelled"


SEARCH = {"model": "deepseek-v3", "system": "gb300-nvl72", "engine": "trtllm", "isl": 1024, "osl": 512, "tpot": 0.05}


def test_a_search_on_one_machine_tells_how_far_it_is_and_is_cancelled(
    server: tuple[subprocess.Popen[str], int],
) -> None:
    _, port = server
    names = []
    for name, data in events(port, SEARCH, "plan"):
        names.append(name)
        if name == "job":
            job = data["job"]
        if name == "progress" and data and names.count("progress") == 1:
            assert asked(port, "DELETE", f"/api/v1/jobs/{job}")[0] == 204
    assert names[-1] == "cancelled"
    found = list(events(port, SEARCH, "plan"))
    shares = [float(str(data["share"])) for name, data in found if name == "progress" and data]
    assert found[-1][0] == "answer" and shares == sorted(shares) and len(set(shares)) >= 4 and shares[-1] <= 1.0


def test_a_job_ends_when_its_client_leaves_and_others_are_served(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    stream = events(port, {**LONG, "seed": 5})
    job = next(stream)[1]["job"]
    stream.close()
    until = time.monotonic() + 20
    while asked(port, "DELETE", f"/api/v1/jobs/{job}")[0] != 404:  # 204 as long as it runs
        assert time.monotonic() < until
        time.sleep(0.05)
    assert asked(port, "POST", "/api/v1/analyze", {**BODY, "batch": 2})[0] == 200


def test_half_a_request_and_noise_end_nothing(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    for noise in (
        b"\x16\x03\x01\x00\xa5",
        b"POST /api/v1/analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(noise)
    assert asked(port, "GET", "/api/v1/about")[0] == 200


def test_the_command_ends_without_noise(server: tuple[subprocess.Popen[str], int]) -> None:
    """Last of this module: with a job under way."""
    process, port = server
    stream = events(port, {**LONG, "seed": 6})
    next(stream)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "Ctrl-C ends it\n")
