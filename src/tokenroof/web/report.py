"""A view of the page as one file: data, evaluator and style inside, no server, nothing fetched."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from tokenroof.errors import DataMissing, InputError
from tokenroof.present.json import versions, with_versions
from tokenroof.reading import read_text
from tokenroof.types.limits import OneOf
from tokenroof.types.scenario import Scenario

__all__ = ["MOST_BYTES", "VIEWS", "ReportRequest", "report"]

MOST_BYTES = 400_000
_FIGURES = 7
_CHAPTER = "batch"  # of the lecture, where none is named: all of them are too large for one mail
STATIC = Path(__file__).parent / "static"
_PLACE = re.compile(r'(<script type="application/json" id="tokenroof-state">).*?(</script>)', re.DOTALL)
_SCRIPT = re.compile(r'<script\b[^>]*\bsrc="\./([^"]+)"[^>]*></script>')
_STYLE = re.compile(r'<link\b[^>]*\brel="stylesheet"[^>]*\bhref="\./([^"]+)"[^>]*>')

# view -> the answers that it draws: those of the scenario, and those asked for only where they can be
VIEWS: Mapping[str, tuple[str, ...]] = {
    "blackboard": ("analyze", "curves"),
    "context": ("analyze", "curves", "kv", "price"),
    "operators": ("analyze", "curves"),
    "layout": ("analyze", "curves"),
    "plan": ("plan",),
    "machines": ("plan",),
    "money": ("price", "break-even"),
    "speculation": ("speculate",),
    "simulate": ("simulate",),
    "training": ("train",),
    "deduce": ("deduce",),
    "learn": ("lecture",),
}
# field of a request -> its name in a link, and what it is multiplied by there
_LINK: Mapping[str, tuple[str, float | None]] = {
    "model": ("m", None), "system": ("s", None), "engine": ("e", None), "tp": ("tp", 1.0), "pp": ("pp", 1.0),
    "ep": ("ep", 1.0), "dp": ("dp", 1.0), "weight_dtype": ("w", None), "kv_dtype": ("kv", None), "isl": ("isl", 1.0),
    "osl": ("osl", 1.0), "tpot": ("tpot", 1e3), "ttft": ("ttft", 1e3), "price_per_gpu_hour": ("p", 1.0),
    "batch": ("b", 1.0), "offer": ("offer", None), "request_rate": ("rate", 1.0), "acceptance": ("accept", 1.0),
    "chapter": ("chapter", None), "owner": ("owner", None),
}  # fmt: skip
# of some views, other names of the same fields
_LINK_OF: Mapping[str, Mapping[str, tuple[str, float | None]]] = {
    "money": {"offer": ("api", None)}, "machines": {"concurrency": ("users", 1.0)},
    "training": {"tokens_per_s": ("served", 1.0)},
}  # fmt: skip
_UNSAID = {"engine": "vllm", "tp": 0, "pp": 0, "ep": 0, "dp": 0}  # what the page would take for something else


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A view, and the fields of the question that it answers: those of its verb."""

    view: Annotated[str, OneOf(tuple(VIEWS))]
    fields: Mapping[str, str]


def report(request: ReportRequest, static: Path = STATIC) -> str:
    """The page; InputError where it would be larger than what can be mailed."""
    page = static / "index.html"
    if not page.is_file():
        raise DataMissing("this copy of tokenroof", "built page", "web/static", "install the wheel, or build frontend/")
    answers = {name: _drawn(request.view, with_versions(answer)) for name, answer in _answers(request).items()}
    state = {
        "report": True, "view": request.view, "query": _query(request, answers), "answers": answers, "made": versions(),
    }  # fmt: skip
    built = read_text(page, "page")
    found = _inlined(built, static, state)
    if len(found.encode()) > MOST_BYTES:  # most of it is digits that no chart shows
        found = _inlined(built, static, {**state, "answers": _rounded(answers)})
    if len(found.encode()) > MOST_BYTES:
        size = f"{len(found.encode()) / 1e3:,.0f} KB"
        raise InputError("view", request.view, f"a page of at most {MOST_BYTES / 1e3:,.0f} KB", f"this one has {size}")
    return found


def _drawn(view: str, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what its view never shows: machines are compared by their picks and frontiers."""
    if view != "machines":
        return answer
    return {**answer, "machines": [{**one, "runner_ups": []} for one in answer["machines"]]}


def _rounded(value: Any) -> Any:
    """The same with numbers of seven figures: what is drawn and computed from them moves by a ten-millionth."""
    if isinstance(value, float):
        return float(f"{value:.{_FIGURES}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def _answers(request: ReportRequest) -> dict[str, Any]:
    """What the view draws; every field must mean something to one of its verbs."""
    if request.view == "learn":
        from tokenroof.web.verbs import listing

        return {"lecture": listing("lecture", "", {"chapter": _CHAPTER, **request.fields})}
    asked = {name: _own(name, request.fields) for name in VIEWS[request.view]}
    return {name: _run(name, data) for name, data in asked.items() if data is not None}


def _own(verb: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    """The part of the fields that a verb of a view takes beside the view's first; None where it cannot be asked."""
    if verb == "kv":
        return {"models": [given["model"]]} if "model" in given else None
    if verb == "break-even" and "offer" not in given:
        return None
    if verb == "price":
        from tokenroof.usecases.money.price import PriceRequest

        return {name: value for name, value in given.items() if name in PriceRequest.__dataclass_fields__}
    return dict(given)


def _run(verb: str, data: Mapping[str, Any]) -> Any:
    from tokenroof.web.verbs import VERBS

    return VERBS[verb].run(VERBS[verb].read(data), lambda share: None)


def _query(request: ReportRequest, answers: Mapping[str, Any]) -> str:
    """The link of the page's state: what the scenario says, and the lengths that were chosen for it."""
    pairs = {"v": "1", "view": request.view}
    given: dict[str, Any] = dict(request.fields)
    if "model" in given:
        first = next(iter(answers.values()))
        lengths = first.get("workload") or first
        chosen = {name: lengths[name] for name in ("isl", "osl") if isinstance(lengths.get(name), int | float)}
        given = {**_UNSAID, **chosen, **given}
        if "analyze" in answers:
            given["batch"] = max(1.0, answers["analyze"]["batch"])
    from tokenroof.schema import parse

    links = {**_LINK, **_LINK_OF.get(request.view, {})}
    if request.view == "machines":  # the first is the scenario's own
        given["system"], _, pairs["vs"] = str(given.get("system", "")).partition(",")
    # an acceptance means nothing to a scenario without drafts
    known = {name: value for name, value in given.items() if name in links and value and name != "acceptance"}
    known = {name: value for name, value in known.items() if name in Scenario.__dataclass_fields__}
    read = parse(Scenario, {"model": "", "system": "", **known})
    for name, (short, times) in links.items():
        if name in given:
            value = getattr(read, name, None) or given[name] if given[name] else given[name]
            pairs[short] = str(value) if times is None or isinstance(value, str) else f"{value * times:.12g}"
    return f"?{urlencode(pairs)}"


def _inlined(page: str, static: Path, state: Mapping[str, Any]) -> str:
    """The built page with its script, style and state inside, and a policy that lets nothing else in."""
    scripts: list[str] = []

    def script(found: re.Match[str]) -> str:
        code = read_text(static / found[1], "page").replace("</script", "<\\/script")
        scripts.append(base64.b64encode(hashlib.sha256(code.encode()).digest()).decode())
        return f'<script type="module">{code}</script>'

    def style(found: re.Match[str]) -> str:
        return f"<style>{read_text(static / found[1], 'page')}</style>"

    data = json.dumps(state, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    whole = _STYLE.sub(style, _SCRIPT.sub(script, page))
    whole = _PLACE.sub(lambda found: f"{found[1]}{data}{found[2]}", whole)
    hashes = " ".join(f"'sha256-{one}'" for one in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    return whole.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
