#!/usr/bin/env python3
"""Load on the web door: many clients on loopback who ask for analyses, each again as soon as it is answered.

    .venv/bin/python benchmarks/web_load.py                       200 clients, 30 s
    .venv/bin/python benchmarks/web_load.py --clients 50 --seconds 10

The server is a process of its own, the clients are another. Scenarios are few, as people who look at the same page ask:
the first of each is computed, the rest are remembered.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = 40


def bodies() -> list[bytes]:
    """Requests as they go over the wire."""
    found = []
    for batch in range(1, SCENARIOS + 1):
        body = json.dumps({"model": "llama-3.3-70b", "system": "8xh100", "tp": 8, "batch": batch}).encode()
        head = (
            f"POST /api/v1/analyze HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


async def client(port: int, number: int, until: float, asked: list[bytes], took: list[float], wrong: list[str]) -> None:
    """One connection that is kept; each answer is read whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    at = number
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(asked[at % len(asked)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            wrong.append(head.partition(b"\r\n")[0].decode())
            break
        await reader.readexactly(int(length[1]))
        took.append(time.perf_counter() - start)
        at += 1
    writer.close()


def cpu_s(process: int) -> float:
    """Seconds of a processor that a process has had: what others do on this machine does not count."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, server: int, clients: int, seconds: float) -> None:
    """All clients at once, then what they saw."""
    took: list[float] = []
    wrong: list[str] = []
    asked = bodies()
    warm = time.perf_counter() + 0.0
    for number in range(len(asked)):  # each scenario once, as a page that is open has done
        await client(port, number, time.perf_counter() + 1e-3, asked, [], wrong)
    spent = time.perf_counter() - warm
    until, before = time.perf_counter() + seconds, cpu_s(server)
    done = await asyncio.gather(
        *(client(port, number, until, asked, took, wrong) for number in range(clients)), return_exceptions=True
    )
    wrong += [repr(one) for one in done if isinstance(one, BaseException)]
    each_ms = (cpu_s(server) - before) / max(len(took), 1) * 1e3
    took.sort()
    middle, worst = (took[int(len(took) * share)] * 1e3 for share in (0.5, 0.99))
    print(
        f"{clients} clients, {seconds:g} s: {len(took):,} answers, {len(took) / seconds:,.0f}/s, {len(wrong)} errors, "
        f"p50 {middle:.0f} ms, p99 {worst:.0f} ms, worst {took[-1] * 1e3:.0f} ms, server {each_ms:.2f} ms of CPU "
        f"for each, load average {os.getloadavg()[0]:.0f}; {SCENARIOS} scenarios first "
        f"computed in {spent:.1f} s"
    )
    for one in wrong[:5]:
        print("  ", one)


def main() -> None:
    """Start the server, load it, end it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--seconds", type=float, default=30.0)
    given = options.parse_args()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tokenroof", "web", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().rstrip("/\n").rpartition(":")[2])
        try:
            asyncio.run(load(port, server.pid, given.clients, given.seconds))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
