"""Schemathesis against the description: no status that it does not know, no answer that it does not describe."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tokenroof.web.openapi import document

EXAMPLES = 3
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# names that exist, so that examples get as far as an answer
NAMES = {"model": ["llama-3.1-8b"], "system": ["h100"], "offer": ["anthropic/claude-opus-5"]}
QUICK = {"weight_dtype": "fp8", "kv_dtype": "fp8", "max_batched_tokens": 2048}  # of a search: one format, one chunk


def described() -> dict[str, object]:
    """The description with names of the catalogue in the place of any text, and small numbers of what takes time."""
    import copy

    found = copy.deepcopy(document())
    for name, schema in found["components"]["schemas"].items():
        if name.endswith("Question"):
            for field, values in NAMES.items():
                if field in schema.get("properties", {}):
                    schema["properties"][field] = {"enum": values}
            if name == "PlanQuestion":
                schema["properties"] |= {field: {"const": value} for field, value in QUICK.items()}
                schema["required"] = [*schema.get("required", []), *QUICK]
            for field, most in {"draws": 20_000, "requests": 50, "seeds": 2, "concurrency": 50, "users": 50}.items():
                for part in schema.get("properties", {}).get(field, {}).get("anyOf", []):
                    part["maximum"] = most
                if field in schema.get("properties", {}) and "maximum" in schema["properties"][field]:
                    schema["properties"][field]["maximum"] = most
    return found


api = schemathesis.openapi.from_dict(described())
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@api.parametrize()
@BOUNDED
def test_every_address_keeps_to_its_description(case: schemathesis.Case, address: str) -> None:
    case.call_and_validate(base_url=address, checks=CHECKS, timeout=120)


@pytest.mark.parametrize("name", sorted(document()["components"]["schemas"]))
def test_every_reference_of_a_schema_leads_somewhere(name: str) -> None:
    schemas = document()["components"]["schemas"]

    def followed(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                assert value["$ref"].removeprefix("#/components/schemas/") in schemas, value
            for one in value.values():
                followed(one)
        elif isinstance(value, list):
            for one in value:
                followed(one)

    followed(schemas[name])
