"""The first paint: what the page starts from is sent inside it."""

import asyncio
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from tokenroof.web.first import first_answer, first_question
from tokenroof.web.jobs import Jobs
from tokenroof.web.uploads import Uploads


def _embedded(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="tokenroof-state">(.*?)</script>', text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_page_holds_the_answer_of_its_first_question(client: TestClient) -> None:
    page = client.get("/?v=1&view=plan&tp=4")
    first = _embedded(page.text)["first"]
    asked = client.post(first["path"], json=first["body"])
    assert asked.json() == first["answer"]
    assert first["answer"]["layout"]["tp"] == first["body"]["tp"]
    assert client.get("/", headers={"if-none-match": page.headers["etag"]}).status_code == 304


def test_a_page_comes_without_it_where_it_takes_too_long() -> None:
    async def impatient() -> bytes | None:
        jobs, uploads = Jobs(1), Uploads()
        try:
            return await first_answer(jobs, uploads, 0.0)
        finally:
            jobs.close()

    assert first_question() is not None
    assert asyncio.run(impatient()) is None


@pytest.mark.parametrize(("verb", "field"), [("simulate", "trace"), ("compare", "results")])
def test_a_file_of_no_known_format_is_not_named_by_where_it_is_kept(client: TestClient, verb: str, field: str) -> None:
    upload = client.post("/api/v1/uploads?ending=.jsonl", content=b'{"what": 1}\n').json()["id"]
    deployment = {"model": "llama-3.1-8b", "system": "h100"} if verb == "simulate" else {}
    said = client.post(f"/api/v1/{verb}", json={**deployment, field: [upload] if verb == "compare" else upload})
    assert said.status_code == 422
    assert not re.search(r"[0-9a-f]{32}|/tokenroof-|/tmp/", said.text)
    assert "the file" in said.text
