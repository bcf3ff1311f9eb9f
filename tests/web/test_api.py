"""The API answers what the command line prints, says what is wrong, and reads nothing that it was not given."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from tokenroof.cli.main import cli
from tokenroof.web.remembered import Again
from tokenroof.web.verbs import LISTS, VERBS

SCENARIO = {"model": "llama-3.1-8b", "system": "h100"}
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "analyze": ({**SCENARIO, "tpot": "50ms"}, "analyze llama-3.1-8b --system h100 --tpot 50ms"),
    "break-even": (
        {**SCENARIO, "offer": "market/llama-3.3-70b"},
        "break-even llama-3.1-8b --system h100 --offer market/llama-3.3-70b",
    ),
    "deduce": (
        {"input": 3, "output": 15, "step": ["200K:2:1.5"], "draws": 10_000},
        "deduce --input 3 --output 15 --step 200K:2:1.5 --draws 10000",
    ),
    "kv": ({"models": ["qwen3-8b", "deepseek-v3"]}, "kv qwen3-8b deepseek-v3"),
    "plan": (
        {**SCENARIO, "weight_dtype": "fp8", "kv_dtype": "fp8", "max_batched_tokens": 2048, "ttft": 1.0, "tpot": 0.05},
        "plan llama-3.1-8b --system h100 --weight-dtype fp8 --kv-dtype fp8 --max-batched-tokens 2048 --ttft 1s "
        "--tpot 50ms",
    ),
    "price": (SCENARIO, "price llama-3.1-8b --system h100"),
    "roofline": (
        {"params": 8e9, "flops_per_s": 989e12, "bytes_per_s": "3.35TB/s"},
        "roofline --params 8e9 --flops 989e12 --bandwidth 3.35TB/s",
    ),
    "simulate": (
        {**SCENARIO, "request_rate": 5, "requests": 100},
        "simulate llama-3.1-8b --system h100 --request-rate 5 --requests 100",
    ),
    "speculate": ({"model": "glm-5.2-fp8", "system": "8xb200"}, "speculate glm-5.2-fp8 --system 8xb200"),
    "train": ({"model": "llama-3.1-8b"}, "train llama-3.1-8b"),
}
DIFF = ({"a": SCENARIO, "b": {**SCENARIO, "system": "h200"}}, "diff llama-3.1-8b@h100 llama-3.1-8b@h200")
LISTED = {
    "chips?vendor=amd": "chips --vendor amd", "models?filters=moe": "models --filter moe", "systems": "systems",
    "tiers?chip=b200": "tiers --chip b200", "offers?words=claude": "offers --filter claude",
    "lecture?claim=S1": "lecture S1", "models/deepseek-v3": "model deepseek-v3", "chips/h100": "chip h100",
    "systems/8xh100": "systems 8xh100", "offers/anthropic/claude-opus-5": "offers anthropic/claude-opus-5",
}  # fmt: skip


def said(command: str) -> Any:
    done = CliRunner().invoke(cli, [*command.split(), "--json"], catch_exceptions=False)
    assert done.exit_code in (0, 1), done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("verb", sorted({*ASKED, "diff"}))
def test_a_verb_answers_what_the_command_line_prints(client: TestClient, verb: str) -> None:
    body, command = DIFF if verb == "diff" else ASKED[verb]
    answer = client.post(f"/api/v1/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == said(command)


@pytest.mark.parametrize("address", sorted(LISTED))
def test_a_list_and_one_of_it_are_those_of_the_command_line(client: TestClient, address: str) -> None:
    answer = client.get(f"/api/v1/{address}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == said(LISTED[address])


def test_every_verb_and_list_is_compared() -> None:
    """`curves` has no verb on the command line, a sweep writes files there, results are uploads here."""
    assert {*ASKED, "diff"} == set(VERBS) - {"calibrate", "compare", "curves", "sweep"}
    assert {address.partition("?")[0].partition("/")[0] for address in LISTED} == set(LISTS)


@pytest.mark.parametrize(
    ("verb", "number", "command"),
    [
        ("analyze", "tpot_s", "analyze llama-3.1-8b --system h100 --explain tpot_s"),
        ("price", "usd_per_mtok_output", "price llama-3.1-8b --system h100 --explain usd_per_mtok_output"),
        ("plan", "users_per_mw", ASKED["plan"][1] + " --explain users_per_mw"),
        ("break-even", "duty_cycle", ASKED["break-even"][1] + " --explain duty_cycle"),
        ("speculate", "speedup", ASKED["speculate"][1] + " --explain speedup"),
        ("train", "overtraining", ASKED["train"][1] + " --explain overtraining"),
        ("deduce", "active_params", ASKED["deduce"][1] + " --explain active_params"),
    ],
)
def test_a_number_is_explained_as_on_the_command_line(client: TestClient, verb: str, number: str, command: str) -> None:
    answer = client.post(f"/api/v1/explain/{verb}/{number}", json=SCENARIO if verb == "analyze" else ASKED[verb][0])
    assert answer.status_code == 200, answer.text
    assert answer.json() == said(command)


def test_a_sweep_has_a_value_in_each_column_for_each_point(client: TestClient) -> None:
    grid = {**SCENARIO, "batch": [1, 8, 64], "context": [1000, 4000]}
    answer = client.post("/api/v1/sweep", json=grid).json()
    assert answer["sweep"]["points"] == 6
    assert {len(column) for column in answer["columns"].values()} == {6}
    steps = dict(zip(zip(answer["columns"]["batch"], answer["columns"]["context"], strict=True),
                     answer["columns"]["decode_step_s"], strict=True))  # fmt: skip
    one = client.post("/api/v1/analyze", json={**SCENARIO, "batch": 8, "context": 4000, "replicas": 1}).json()
    assert steps[8, 4000] == pytest.approx(one["step"]["step_s"], rel=1e-6)
    large = client.post(
        "/api/v1/sweep", json={**SCENARIO, "batch": {"from": 1, "to": 30_000, "points": 30_000}, "context": 9}
    )
    assert large.status_code == 422 and "20,000 points" in large.json()["detail"]


def test_infeasible_is_an_answer(client: TestClient) -> None:
    body = {"model": "deepseek-v3", "system": "h100"}
    answer = client.post("/api/v1/analyze", json=body)
    assert answer.status_code == 200
    assert answer.json()["infeasible"]["limit"] == "memory" and answer.json()["fits"] is False
    assert "GPU" in client.post("/api/v1/price", json=body).json()["reason"]


def test_every_fault_is_told_with_field_value_limit_and_fix(client: TestClient) -> None:
    body = {**SCENARIO, "batch": 0, "osl": 1, "isl": "many", "colour": "red"}
    answer = client.post("/api/v1/analyze", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422 and problem["title"] == "bad input" and problem["type"] == "about:blank"
    faults = {fault["field"]: fault for fault in problem["faults"]}
    assert set(faults) == {"batch", "osl", "isl", "colour"}
    assert faults["batch"]["value"] == 0 and faults["batch"]["limit"].startswith("from 1 to")
    assert "TTFT" in faults["osl"]["fix"] and faults["isl"]["value"] == "many"


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (b"", 400, "not JSON"), (b"{", 400, "not JSON"), (b"[1]", 400, "table"), (b'{"batch": NaN}', 400, "JSON"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, ""), (b'{"model": "\\ud800"}', 400, ""),
        (b'{"batch": 1' + b"0" * 6000 + b"}", 400, ""), (b"\xff\xfe", 400, ""),
        (b'{"model": "' + b"x" * 1_000_001 + b'"}', 413, "1,000,000"),
    ],
)  # fmt: skip
def test_what_is_not_a_request_is_refused(client: TestClient, content: bytes, status: int, word: str) -> None:
    answer = client.post("/api/v1/analyze", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status and word in answer.json()["detail"]


def test_a_body_without_a_stated_length_is_cut_off(client: TestClient) -> None:
    answer = client.post(
        "/api/v1/analyze", content=iter([b"x" * 500_000] * 4), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_a_form_of_another_site_is_not_read(client: TestClient) -> None:
    answer = client.post("/api/v1/analyze", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize("name", ["nope", "llama-3.1", "../../etc", "deepseek-ai/Nope"])
def test_a_name_that_nobody_knows(client: TestClient, name: str) -> None:
    answer = client.post("/api/v1/analyze", json={**SCENARIO, "model": name})
    assert answer.status_code in (404, 422) and answer.json()["faults"][0]["field"] == "model"


def test_addresses_and_methods_that_are_not_there(client: TestClient) -> None:
    for address in ("/api/v1/nope", "/api/nope", "/../secret.txt", "/x.js", "/api/v1/models/nope", "/api/v1/tiers/x"):
        assert client.get(address).status_code == 404, address
    assert client.get("/api/v1/analyze").status_code == 405
    assert client.delete("/api/v1/jobs/none").status_code == 404
    assert client.post("/api/v1/explain/kv/x", json={}).json()["faults"][0]["field"] == "verb"
    assert client.post("/api/v1/explain/analyze/speed", json=SCENARIO).status_code == 404


def test_files_of_this_machine_are_not_read(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it told whether they are there."""
    secret = tmp_path / "secret"
    secret.write_text('{"model_type": "llama"}', encoding="utf-8")
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("secret", "secret.json", str(secret), "./secret", "~/secret", f"..{secret}"):
        answer = client.post("/api/v1/analyze", json={**SCENARIO, "model": name})
        gone = client.post("/api/v1/analyze", json={**SCENARIO, "model": name.replace("secret", "absent")})
        assert answer.status_code == gone.status_code in (404, 422), name
        assert answer.text.replace("secret", "absent") == gone.text
    for body in ({"system": "a/b"}, {"system": "rack.toml"}, {"trace": "/etc/hosts"}, {"trace": "t.csv"}):
        assert client.post("/api/v1/simulate", json={**SCENARIO, **body}).status_code in (404, 422), body
    assert client.post("/api/v1/deduce", json={"offer": "sheet.toml#x"}).status_code == 422
    assert client.get("/api/v1/offers", params={"source": "sheets"}).status_code == 422


def test_an_upload_stands_where_the_command_line_takes_a_path(client: TestClient) -> None:
    trace = b"arrival_s,isl,osl\n" + b"".join(b"%d,500,50\n" % at for at in range(40))
    kept = client.post("/api/v1/uploads?ending=.csv", content=trace)
    assert kept.status_code == 201 and kept.json()["bytes"] == len(trace)
    answer = client.post("/api/v1/simulate", json={**SCENARIO, "trace": kept.json()["id"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["requests"] == 40
    config = Path(__file__).parents[1] / "fixtures/configs"
    file = next(path for path in sorted(config.rglob("*.json")))
    model = client.post("/api/v1/uploads?ending=.json", content=file.read_bytes()).json()["id"]
    found = client.post("/api/v1/kv", json={"models": [model]})
    assert found.status_code == 200, found.text
    assert found.json()["models"][0]["id"] == "upload", "no name of a folder is shown"


def test_results_are_compared_as_on_the_command_line(client: TestClient) -> None:
    """But for the file's name, which is not used here."""
    file = Path(__file__).parents[2] / "examples/results/sweep.csv"
    kept = client.post("/api/v1/uploads?ending=.csv", content=file.read_bytes()).json()["id"]
    answer = client.post("/api/v1/compare", json={"results": [kept], "changes": False})
    wanted = said(f"compare {file} --no-changes")
    found = json.loads(answer.text.replace("upload.csv", "sweep.csv"))
    assert answer.status_code == 200 and found == wanted


def test_results_are_calibrated_as_on_the_command_line(client: TestClient) -> None:
    """With the curve that `compare` draws by the profile, which nobody keeps."""
    file = Path(__file__).parents[2] / "examples/results/sweep.csv"
    kept = client.post("/api/v1/uploads?ending=.csv", content=file.read_bytes()).json()["id"]
    answer = client.post("/api/v1/calibrate", json={"results": [kept]})
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.text.replace("upload.csv", "sweep.csv"))
    wanted = said(f"calibrate {file}")
    assert found["calibration"] == {name: value for name, value in wanted.items() if name != "versions"}
    shipped = client.post("/api/v1/compare", json={"results": [kept], "changes": False}).json()["curve"]
    own = {one["concurrency"]: one["tpot"]["value"] for one in found["curve"]}
    assert list(own) == [one["concurrency"] for one in shipped]
    assert any(abs(own[one["concurrency"]] / one["tpot"]["value"] - 1) > 0.01 for one in shipped)
    refused = client.post("/api/v1/calibrate", json={"results": [kept], "save": "mine"})
    assert refused.status_code == 422 and "no file is written" in refused.text


def test_uploads_that_are_refused(client: TestClient) -> None:
    assert client.post("/api/v1/uploads?ending=.exe", content=b"x").status_code == 422
    assert client.post("/api/v1/uploads?ending=/../x.csv", content=b"x").status_code == 422
    missing = client.post("/api/v1/simulate", json={**SCENARIO, "trace": "upload:" + "A" * 22})
    assert missing.status_code == 404 and "no such upload" in missing.json()["detail"]
    bad = client.post("/api/v1/uploads?ending=.csv", content=b"\x00\x01 not a trace").json()["id"]
    answer = client.post("/api/v1/simulate", json={**SCENARIO, "trace": bad})
    assert answer.status_code == 422 and "not a trace" not in answer.text


def test_limits_that_the_command_line_does_not_have(client: TestClient) -> None:
    for verb, body in (
        ("deduce", {"offer": "anthropic/claude-opus-5", "draws": 10**9}),
        ("simulate", {**SCENARIO, "request_rate": 1, "requests": 10**7}),
        ("simulate", {**SCENARIO, "request_rate": 1, "seeds": 1000}),
    ):
        problem = client.post(f"/api/v1/{verb}", json=body).json()
        assert problem["status"] == 422 and problem["faults"][0]["fix"] == "ask the command line", problem


def test_the_same_bytes_are_answered_with_the_same_bytes_and_headers(client: TestClient) -> None:
    """The second time before anything is read: what a page of another site may not ask stays refused."""
    body = b'{"model": "llama-3.1-8b", "system": "h100", "batch": 3}'
    kind = {"content-type": "application/json"}
    first, second = (client.post("/api/v1/analyze", content=body, headers=kind) for _ in range(2))
    assert first.status_code == second.status_code == 200 and first.content == second.content
    assert dict(first.headers) == dict(second.headers)
    assert (
        client.post("/api/v1/analyze", content=body, headers={**kind, "origin": "http://evil.example"}).status_code
        == 403
    )
    assert client.post("/api/v1/analyze", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/api/v1/price", content=body, headers=kind).content != first.content
    stream = client.post("/api/v1/analyze", content=body, headers={**kind, "accept": "text/event-stream"})
    assert stream.headers["content-type"].startswith("text/event-stream") and first.content in stream.content


def test_a_bad_question_asked_again_is_as_bad(client: TestClient) -> None:
    for _ in range(2):
        assert client.post("/api/v1/analyze", json={"model": "llama-3.1-8b", "batch": 0}).status_code == 422


def test_spellings_are_forgotten_oldest_first_and_answers_may_be_gone() -> None:
    answers = {"k": b"yes"}
    again = Again(answers.get)
    again.keep("/a", b"first", "k")
    assert again.found("/a", b"first") == b"yes" and again.found("/b", b"first") is None
    for number in range(4096):
        again.keep("/a", b"%d" % number, "k")
    assert again.found("/a", b"first") is None and again.found("/a", b"4095") == b"yes"
    answers.clear()
    assert again.found("/a", b"4095") is None
    again.keep("/a", b"x" * 64_001, "k")
    answers["k"] = b"yes"
    assert again.found("/a", b"x" * 64_001) is None


def test_no_other_server_is_asked(client: TestClient) -> None:
    answer = client.post("/api/v1/compare", json={"results": [], "url": "http://127.0.0.1:1/metrics"})
    assert answer.status_code == 422 and "no other server is asked" in answer.text
