"""The evaluator that the browser has, in Python: sums, maxima, norms, and straight lines between knots."""

import math
from bisect import bisect_right
from typing import Any

Json = dict[str, Any]


def _seen(variable: Json, context: float) -> float:
    rule, size = variable["rule"], variable["size"]
    if rule == "window":
        return min(context, size)
    if rule == "chunk":
        return float(context - size * max(0.0, math.ceil(context / size) - 1.0))
    return {"": 1.0, "full": context, "sqrt": math.sqrt(context)}[rule]


def _between(points: list[list[float]], at: float) -> float:
    if at <= points[0][0]:
        return points[0][1]
    if at >= points[-1][0]:
        return points[-1][1]
    place = bisect_right(points, at, key=lambda point: point[0])
    (left, low), (right, high) = points[place - 1], points[place]
    return low + (high - low) * (at - left) / (right - left)


def _form(form: list[list[float]], values: list[float]) -> float:
    return sum(coefficient * values[int(position)] for position, coefficient in form)


def _roof(row: Json, values: list[float]) -> float:
    compute, memory = _form(row["compute_s"], values), _form(row["memory_s"], values)
    power = row["sharpness"]
    larger = max(compute, memory)
    if power is None or larger <= 0.0:
        return larger
    return float(larger * (1.0 + (min(compute, memory) / larger) ** power) ** (1.0 / power))


def _link(link: Json, values: list[float]) -> float:
    size = _form(link["size"], values)
    lines = [one for one in link["lines"] if one["max_bytes"] is None or size <= one["max_bytes"]]
    best = min((one["latency_s"] + size * one["s_per_byte"] for one in lines), default=0.0)
    return float(link["count"] * (link["wait_s"] + best))


def step_at(step: Json, batch: float, context: float) -> Json:
    """A decode step and its parts, between two tokens of a request."""
    values = [
        _between(one["points"], batch)
        if one["points"]
        else max(one["slope"] * batch, one["floor"]) * _seen(one, context)
        for one in step["variables"]
    ]
    links, beside = (
        sum(_link(link, values) for link in step["links"] if link["beside"] is one) for one in (False, True)
    )
    roofs, fixed = (sum(_roof(row, values) for row in step["rows"]), sum(row["fixed_s"] for row in step["rows"]))
    work = max(roofs + (1.0 - step["overlap"]) * links, links) + fixed
    whole = max(work, beside) + step["host_s"] + step["host_per_batch_s"] * batch
    parts = {f"{name}_s": _form(step[name], values) for name in ("weights", "kv", "compute")}
    found = {"decode_step_s": whole, "communication_s": links + beside, **parts}
    return {name: seconds * step["rounds"] for name, seconds in found.items()}


def room_at(memory: Json, context: float) -> float:
    """Requests that one replica holds at once."""
    pages = math.ceil((context + memory["beyond"]) / memory["page_tokens"]) * memory["page_tokens"]
    each = memory["state_bytes"] + sum(
        term["bytes_per_token"] * (pages if term["keeps"] is None else min(pages, term["keeps"]))
        for term in memory["terms"]
    )
    most = float(memory["most"])
    return min(most, memory["groups"] * math.floor(memory["pool_bytes"] / each)) if each else most


def _cell(knots: list[float], at: float) -> tuple[int, float]:
    if len(knots) == 1:
        return 0, 0.0
    place = min(max(bisect_right(knots, at) - 1, 0), len(knots) - 2)
    return place, math.log(at / knots[place]) / math.log(knots[place + 1] / knots[place])


def surface_at(served: Json, name: str, batch: float, new_tokens: float) -> float:
    """A surface between its knots: bilinear in logarithms."""
    (i, x), (j, y) = _cell(served["batches"], batch), _cell(served["new_tokens"], new_tokens)
    rows = served["values"][name]
    total = 0.0
    for down, row in ((1.0 - x, i), (x, min(i + 1, len(rows) - 1))):
        for right, column in ((1.0 - y, j), (y, min(j + 1, len(rows[row]) - 1))):
            total += down * right * math.log(rows[row][column])
    return math.exp(total)
