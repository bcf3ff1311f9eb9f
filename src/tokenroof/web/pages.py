"""The page and its files, as they were built, and a page of the API's documentation that needs no other machine."""

import hashlib
import mimetypes
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from starlette.responses import Response

from tokenroof.reading import read_bytes
from tokenroof.web.problems import Problem

__all__ = ["STATIC", "docs_page", "is_page", "page_text", "static_file"]

_MOST_BYTES = 10_000_000  # of a file of the bundle
STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
          ".html": "text/html", ".json": "application/json", ".webmanifest": "application/manifest+json"}  # fmt: skip
_UNBUILT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tokenroof</title></head>
<body><h1>tokenroof</h1><p>The page is not built in this copy; the API is there: <a href="/api/docs">/api/docs</a>.</p>
</body></html>"""


@cache
def _files() -> dict[str, Path]:
    """The files of the bundle by address: nothing else can be asked for, whatever a path says."""
    return {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}


@cache
def _content(name: str) -> tuple[bytes, str, str]:
    path = _files()[name]
    content = read_bytes(path, "page", _MOST_BYTES)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return content, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"'


def page_text() -> str:
    """The page as it was built; empty where it is not."""
    return _content("index.html")[0].decode("utf-8") if "index.html" in _files() else ""


def is_page(path: str) -> bool:
    """Whether an address is that of a view, which has no ending, and gets the page itself."""
    return path == "index.html" or (path not in _files() and "." not in path and not path.startswith("api/"))


def static_file(path: str, known: str) -> Response:
    """A file of the bundle, or the page itself."""
    name = "index.html" if is_page(path) else path if path in _files() else ""
    if name and name not in _files():
        return Response(_UNBUILT, 200, {"cache-control": "no-cache"}, "text/html")
    if not name:
        raise Problem(404, f"no such address: /{path[:120]}")
    content, kind, tag = _content(name)
    headers = {"cache-control": "no-cache", "etag": tag}
    return Response(status_code=304, headers=headers) if known == tag else Response(content, 200, headers, kind)


def _operation(address: str, method: str, said: dict[str, Any]) -> str:
    name = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    reads = name.get("$ref", "").rpartition("/")[2]
    shown = f" <small>reads <a href='#{escape(reads)}'>{escape(reads)}</a></small>" if reads else ""
    return f"<li><code>{method.upper()} {escape(address)}</code> {escape(said.get('summary', ''))}{shown}</li>"


def _row(field: str, value: dict[str, Any], required: list[str]) -> str:
    parts = [value, *value.get("anyOf", [])]
    kinds = " or ".join(dict.fromkeys(_kind(part) for part in parts if _kind(part)))
    limits = ", ".join(
        f"{word} {part[key]:g}"
        for part in parts
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in part
    )
    needed = "required" if field in required else "" if value.get("default") is None else f"{value['default']}"
    cells = (f"<code>{escape(field)}</code>", escape(kinds), limits, escape(needed))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _kind(part: dict[str, Any]) -> str:
    kind = part.get("type", part.get("$ref", "").rpartition("/")[2])
    return "" if kind == "null" else " or ".join(kind) if isinstance(kind, list) else str(kind)


@cache
def _docs() -> str:
    from tokenroof.web.openapi import document

    said = document()
    items = "".join(
        _operation(address, method, operation)
        for address, methods in said["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "delete")
    )
    tables = "".join(
        f"<h3 id='{escape(name)}'>{escape(name)}</h3><p>{escape(schema.get('description', ''))}</p><table>"
        "<tr><th>field</th><th>value</th><th>limits</th><th>default</th></tr>"
        + "".join(_row(field, value, schema.get("required", [])) for field, value in schema["properties"].items())
        + "</table>"
        for name, schema in said["components"]["schemas"].items()
        if schema.get("properties")
    )
    style = (
        "body{font:15px/24px system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        ":root{color-scheme:light dark}"
        "table{border-collapse:collapse}td,th{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tokenroof API</title><style>{style}</style>'
        f"</head><body><h1>tokenroof API</h1><p>{escape(said['info']['description'])} "
        f"<a href='/api/v1/openapi.json'>OpenAPI {said['openapi']}</a></p><ul>{items}</ul><h2>Schemas</h2>{tables}"
        "</body></html>"
    )


def docs_page() -> Response:
    """Addresses, requests and answers for people, without a script."""
    return Response(_docs(), 200, {"cache-control": "no-cache"}, "text/html")
