"""The API as OpenAPI 3.1: requests from the schema that reads them, answers from the classes that the verbs give."""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, get_args, get_origin

from tokenroof import __version__
from tokenroof.schema import json_schema
from tokenroof.schema.responses import keys_of, response_classes
from tokenroof.usecases.explained import EXPLAINED
from tokenroof.web.verbs import LISTS, VERBS

__all__ = ["document", "document_bytes"]

Json = dict[str, Any]

_PLAIN = {float: ["number", "null"], int: "integer", str: "string", bool: "boolean", type(None): "null"}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457: what went wrong, with every fault of the input.",
    "required": ["type", "title", "status", "detail", "faults"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"},
        "faults": {
            "type": "array",
            "items": {
                "type": "object", "required": ["field", "limit", "fix"],
                "properties": {
                    "field": {"type": "string"}, "value": {}, "limit": {"type": "string"}, "fix": {"type": "string"},
                    "suggestions": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}  # fmt: skip
_VERSIONS: Json = {
    "type": "object", "required": ["package", "catalogue", "schema"],
    "properties": {"package": {"type": "string"}, "catalogue": {"type": "string"}, "schema": {"type": "integer"}},
}  # fmt: skip


class _Answers:
    """Schemas of answers, each class once."""

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}
        self._names: dict[type, str] = {}

    def of(self, hint: Any) -> Json:
        """The schema of what `finite_json` makes of a value of this type."""
        origin, parts = get_origin(hint), get_args(hint)
        if hint in _PLAIN:
            return {"type": _PLAIN[hint]}
        if origin is typing.Annotated:
            return self.of(parts[0])
        if origin is Literal:
            return {"enum": list(parts)}
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(part) for part in parts]}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"enum": [one.value for one in hint]}
        if isinstance(hint, type) and is_dataclass(hint):
            return self._object(hint)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(parts[1])}
        if origin in (tuple, list, frozenset, set):
            return self._array(parts)
        return {}

    def _array(self, parts: tuple[Any, ...]) -> Json:
        if len(parts) == 1 or parts[1:] == (...,):
            return {"type": "array", "items": self.of(parts[0])}
        return {"type": "array", "prefixItems": [self.of(part) for part in parts], "minItems": len(parts)}

    def _object(self, cls: type) -> Json:
        if cls not in self._names:
            name = cls.__name__
            while name in self.schemas:
                name = f"{name}_"
            self._names[cls] = name
            self.schemas[name] = {}  # a class may hold itself
            keys = keys_of(cls)
            self.schemas[name] = {
                "type": "object", "description": (cls.__doc__ or "").strip(), "required": list(keys),
                "properties": {key: self.of(hint) for key, hint in keys.items()},
            }  # fmt: skip
        return {"$ref": f"#/components/schemas/{self._names[cls]}"}


def _moved(schema: Any, into: dict[str, Json], prefix: str) -> Any:
    """A request's schema with its own definitions moved to the document's."""
    if isinstance(schema, list):
        return [_moved(one, into, prefix) for one in schema]
    if not isinstance(schema, dict):
        return schema
    for name, part in schema.get("$defs", {}).items():
        into[f"{prefix}{name}"] = _moved(part, into, prefix)
    rest = {key: _moved(value, into, prefix) for key, value in schema.items() if key not in ("$defs", "$schema")}
    if isinstance(rest.get("$ref"), str):
        rest["$ref"] = rest["$ref"].replace("#/$defs/", f"#/components/schemas/{prefix}")
    return rest


def _request_schema(name: str) -> Json:
    if name == "deduce":
        return _deduce_schema()
    if name == "diff":
        side = json_schema("analyze")
        return {
            "type": "object", "required": ["a", "b"], "additionalProperties": False, "$defs": side.pop("$defs", {}),
            "properties": {"a": side, "b": side}, "description": "Two scenarios.",
        }  # fmt: skip
    schema = json_schema("analyze" if name == "curves" else name)
    for field, most in VERBS[name].most.items():
        for part in (schema["properties"][field], *schema["properties"][field].get("anyOf", [])):
            if part.get("type") in ("number", "integer"):
                part["maximum"] = min(part.get("maximum", most), most)
    return schema


def _deduce_schema() -> Json:
    """An offer by name, or prices of one's own."""
    from tokenroof.usecases.deduce.own_offer import PricesGiven

    schema, own = json_schema("deduce"), json_schema(PricesGiven)
    schema["properties"]["offer"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    schema["properties"]["draws"]["maximum"] = VERBS["deduce"].most["draws"]
    schema["properties"] = {**own["properties"], **schema["properties"]}
    schema.pop("required", None)
    schema.pop("$defs", None)
    return schema


def _answer_classes(name: str) -> tuple[type, ...]:
    if name == "curves":
        from tokenroof.usecases.curves.answer import Curves

        return (Curves,)
    if name == "calibrate":
        from tokenroof.web.calibrated import Calibrated

        return (Calibrated,)
    if name == "sweep":
        from tokenroof.web.sweeps import Swept

        return (Swept,)
    return response_classes(name)


def _problems(*statuses: int) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": "a problem", "content": content} for status in statuses}


def _json(schema: Json) -> Json:
    return {"description": "the answer", "content": {"application/json": {"schema": schema}}}


def _streamed(schema: Json) -> Json:
    found = _json(schema)
    found["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return found


def _any_of(answers: _Answers, classes: tuple[type, ...]) -> Json:
    found = [answers.of(cls) for cls in classes]
    return found[0] if len(found) == 1 else {"anyOf": found}


_WRONG = (400, 403, 404, 413, 415, 422, 503, 504)


def _verb_path(name: str, answers: _Answers, schemas: dict[str, Json]) -> Json:
    title = "".join(word.capitalize() for word in name.split("-")) + "Question"
    schemas[title] = _moved(_request_schema(name), schemas, f"{title}_")
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{title}"}}}}
    answer = _streamed(_any_of(answers, _answer_classes(name)))
    return {
        "post": {
            "operationId": name, "summary": VERBS[name].summary, "requestBody": body,
            "responses": {"200": answer, **_problems(*_WRONG)},
        }
    }  # fmt: skip


def _explain_path(name: str) -> Json:
    title = "".join(word.capitalize() for word in name.split("-")) + "Question"
    number = {"name": "number", "in": "path", "required": True, "schema": {"type": "string"}, "example": "tpot_s"}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{title}"}}}}
    return {
        "post": {
            "operationId": f"explain-{name}", "summary": f"Where a number of {name} comes from", "parameters": [number],
            "requestBody": body, "responses": {"200": _streamed({"type": "object"}), **_problems(*_WRONG)},
        }
    }  # fmt: skip


def _list_paths(name: str, answers: _Answers) -> Json:
    rows = {"chips": "ChipRow", "models": "ModelRow", "systems": "SystemRow", "tiers": "TierRow"}
    classes = response_classes(name)
    whole = answers.of(classes[0])
    if name in rows:
        whole = {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": whole}}}
    schema = json_schema(name)
    query = [
        {"name": option, "in": "query", "required": False, "schema": _moved(value, {}, ""), "style": "form"}
        for option, value in schema["properties"].items()
        if value.get("type") in ("string", "boolean", "array") or "anyOf" in value
    ]
    get = {"operationId": name, "summary": LISTS[name].summary, "parameters": query}
    paths: Json = {
        f"/api/v1/{name}": {"get": {**get, "responses": {"200": _json(whole), **_problems(403, 404, 422, 503)}}}
    }
    if LISTS[name].one is not None:
        one = response_classes({"chips": "chip", "models": "model"}.get(name, name))
        path = {"name": "entry", "in": "path", "required": True, "schema": {"type": "string"}}
        answer = _json(_any_of(answers, one))
        paths[f"/api/v1/{name}/{{entry}}"] = {
            "get": {
                "operationId": f"{name}-entry", "summary": f"{LISTS[name].summary}: one of them", "parameters": [path],
                "responses": {"200": answer, **_problems(403, 404, 422, 503)},
            }
        }  # fmt: skip
    return paths


def _other_paths() -> Json:
    upload = {
        "type": "object", "required": ["id", "bytes"],
        "properties": {"id": {"type": "string"}, "bytes": {"type": "integer"}},
    }  # fmt: skip
    ending = {"name": "ending", "in": "query", "required": True, "schema": {"type": "string"}, "example": ".jsonl"}
    job = {"name": "job", "in": "path", "required": True, "schema": {"type": "string"}}
    raw = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
    return {
        "/api/v1/uploads": {
            "post": {
                "operationId": "upload", "summary": "A file, to be named by its id", "parameters": [ending],
                "requestBody": raw, "responses": {"201": _json(upload), **_problems(403, 413, 422)},
            }
        },
        "/api/v1/jobs/{job}": {
            "delete": {
                "operationId": "cancel", "summary": "End a job", "parameters": [job],
                "responses": {"204": {"description": "it ends"}, **_problems(403, 404)},
            }
        },
        "/api/v1/about": {
            "get": {
                "operationId": "about", "summary": "Versions",
                "responses": {"200": _json({"type": "object"}), **_problems(403)},
            }
        },
    }  # fmt: skip


@cache
def document() -> Json:
    """The whole document."""
    answers, schemas = _Answers(), dict[str, Json]()
    paths: Json = {}
    for name in VERBS:
        paths[f"/api/v1/{name}"] = _verb_path(name, answers, schemas)
    for name in EXPLAINED:
        paths[f"/api/v1/explain/{name}/{{number}}"] = _explain_path(name)
    for name in LISTS:
        paths |= _list_paths(name, answers)
    paths |= _other_paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tokenroof", "version": __version__,
            "description": "What serving a language model can cost and how fast it can go. Requests and answers are "
            "those of the command line; numbers are in SI units, without limit null; every object has `versions`.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**schemas, **answers.schemas, "Problem": _PROBLEM, "Versions": _VERSIONS}},
    }  # fmt: skip


@cache
def document_bytes() -> bytes:
    """The document as it is sent."""
    return json.dumps(document(), separators=(",", ":"), ensure_ascii=False).encode()
