"""`tokenroof plan` as a process: the page, JSON, files by ending, exit codes, one line for each kind of bad input."""

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from economics_process import run as process
from economics_process import run_inside as run

SMALL = (
    "plan",
    "llama-3.1-8b",
    "--system",
    "4xh100",
    "--isl",
    "1024",
    "--osl",
    "256",
    "--ttft",
    "500ms",
    "--tpot",
    "30ms",
)


def test_the_page_answers_and_can_be_pasted():
    done = process(*SMALL, "--full", NO_COLOR="1")
    assert done.returncode == 0, done.stderr
    for words in ("4 replicas of tp1", "TPOT, mean", "80 % range", "Alternatives", "Frontier", "Searched", "a month",
                  "vllm serve", "sglang.launch_server", "trtllm-serve", "limits hold on means"):  # fmt: skip
        assert words in done.stdout, words
    assert done.stderr == ""
    assert "\x1b[" not in done.stdout


def test_ranges_are_those_of_analyze_for_the_same_deployment():
    """TTFT, TPOT and, without a load that was asked for, throughput and cost."""
    asked = ("llama-3.1-8b", "--system", "h100", "--isl", "1024", "--osl", "256")
    page = run("plan", *asked, "--tp", "1", "--mode", "agg", "--weight-dtype", "bf16", "--kv-dtype", "bf16").stdout
    held = re.findall(r"requests at once +([\d,]+)", page)[0].replace(",", "")
    answer = json.loads(run("analyze", *asked, "--tp", "1", "--concurrency", held, "--json").stdout)
    rows = {line.split("  ")[1].strip(): line for line in page.splitlines() if " to " in line and line[:2] == "  "}
    for label, key, scale in (
        ("TTFT, mean", "ttft_s", 1e3), ("TPOT, mean", "tpot_s", 1e3), ("cost, output", None, 1.0),
        ("output throughput", "output_tokens_per_s_per_gpu", 1.0),
    ):  # fmt: skip
        number = answer["cost"]["output_usd_per_mtok"] if key is None else answer[key]
        low, high = re.findall(r"([\d.,]+) to ([\d.,]+)", rows[label])[0]
        assert float(low.replace(",", "")) == pytest.approx(number["low"] * scale, rel=0.02, abs=0.006), label
        assert float(high.replace(",", "")) == pytest.approx(number["high"] * scale, rel=0.02, abs=0.006), label


def test_json_is_strict_and_has_the_winner():
    done = run(*SMALL, "--json")
    answer = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    assert answer["winner"]["tpot_s"] <= 0.03
    assert answer["machines"][0]["frontier"]
    assert answer["winner"]["layout"]["tp"] >= 1
    assert "space" not in answer["machines"][0]


def test_files_by_ending(tmp_path: Path):
    names = [f"plan.{ending}" for ending in ("csv", "json", "parquet", "svg", "png", "html")]
    done = run(*SMALL, *(word for name in names for word in ("-o", str(tmp_path / name))))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    rows = list(csv.DictReader((tmp_path / "plan.csv").read_text().splitlines()))
    assert [row["kind"] for row in rows].count("winner") == 1
    assert json.loads((tmp_path / "plan.json").read_text())["winner"]
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "plan.parquet")
    assert table.num_rows == len(rows)
    assert table.schema.field("ttft_s").metadata[b"unit"] == b"s"
    assert table.column("tpot_s").to_pylist() == pytest.approx([float(row["tpot_s"]) for row in rows])
    text = "".join(ElementTree.parse(tmp_path / "plan.svg").getroot().itertext())
    for words in ("Frontier: up and to the right is better", "Memory of one GPU", "TPOT 30 ms", "KV in use"):
        assert words in text, words
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "plan.html").read_bytes()


def test_measured_runs_stand_beside_the_frontier(tmp_path: Path):
    table = tmp_path / "runs.csv"
    head = "model,hardware,engine,mode,input_len,output_len,batch_or_concurrency,metric,value,num_gpus,tp\n"
    line = "llama-3.1-8b,h100,vllm,server-closed-loop,1024,256,{},{},{},1,1\n"
    table.write_text(
        head
        + line.format(16, "tpot_ms", 9.5) + line.format(16, "output_tok_s", 1500)
        + line.format(64, "tpot_ms", 14.0) + line.format(64, "ttft_ms", 120)
        + line.format(8, "ttft_ms", 60)
        + "gpt-2,h100,vllm,server-closed-loop,1024,256,8,tpot_ms,5,1,1\n"
        + "llama-3.1-8b,h100,vllm,server-closed-loop,9000,256,8,tpot_ms,5,1,1\n"
        + "llama-3.1-8b,h100,vllm,server-closed-loop,1024,256,8,tpot_ms,none,1,1\n"
    )  # fmt: skip
    chart = tmp_path / "plan.svg"
    done = run(*SMALL, "--measured", str(table), "-o", str(chart), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    points = {point["label"]: point for point in answer["measured"]}
    assert points["tp1, 16 at once"]["output_tokens_per_s_per_gpu"] == pytest.approx(1500)
    assert points["tp1, 16 at once"]["tokens_per_s_per_user"] == pytest.approx(1000 / 9.5)
    # Little's law: 64 requests in flight over 0.12 s + 255 x 14 ms
    assert points["tp1, 64 at once"]["output_tokens_per_s_per_gpu"] == pytest.approx(64 * 256 / (0.12 + 255 * 0.014))
    assert len(points) == 2
    remark = next(choice for choice in answer["defaults"] if choice["field"] == "measured")
    assert "1 rows at other lengths" in remark["reason"]
    assert "1 unreadable rows" in remark["reason"]
    assert "measured" in "".join(ElementTree.parse(chart).getroot().itertext())


def test_same_question_same_bytes(tmp_path: Path):
    for name, ask in (("a", run), ("b", process)):
        assert ask(*SMALL, "-o", str(tmp_path / f"{name}.svg"), "-o", str(tmp_path / f"{name}.json")).returncode == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_limits_that_nobody_meets_end_in_one_with_the_nearest_change():
    done = run("plan", "llama-3.1-70b", "--system", "8xh100", "--ttft", "50ms", "--tpot", "3ms")
    assert done.returncode == 1
    assert done.stdout.startswith("Not met: neither limit can be met")
    assert "--ttft" in done.stdout and "tok/s/GPU" not in done.stdout
    assert "Traceback" not in done.stderr


def test_several_machines_one_of_which_cannot():
    done = run("plan", "llama-3.1-70b", "--system", "h100,8xh200", "--tpot", "40ms", "--weight-dtype", "own")
    assert done.returncode == 0, done.stderr
    page = " ".join(done.stdout.split())
    assert "Systems" in page and "no layout holds one request" in page


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--tpot", "fast"), "tpot"),
        (("--rate", "5", "--users", "9"), "one of batch, concurrency, request_rate, users"),
        (("--slo", "chatty"), "chat"),
        (("--chunk", "many"), "must be a whole number of tokens"),
        (("--weight-dtype", "fp7"), "fp8"),
        (("-o", "plan.doc"), "ending in"),
        (("-o", "nowhere/plan.csv"), "directory that exists"),
        (("--gpus", "0"), "gpus"),
        (("--measured", "absent.csv"), "csv"),
        (("--acceptance", "0.8"), "draft head"),
        (("--isl", "0"), "isl"),
        (("--explain", "profit"), "tpot_s"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], words: str):
    monkeypatch.chdir(tmp_path)
    done = run(*SMALL, *more)
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_explain_shows_the_parts_of_a_number():
    told = run(*SMALL, "--explain", "tpot_s").stdout
    assert told.startswith("tpot_s = ") and "attention (decode)" in told and "held-out" in told
