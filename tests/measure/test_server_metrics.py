"""Metrics of a server and what engines print at their start, as files; and two scrapes of a server on this machine."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tokenroof.errors import InputError
from tokenroof.measure.engine_logs import read_engine_log
from tokenroof.measure.importers import read_benchmarks
from tokenroof.measure.scraping import scraped
from tokenroof.types.benchmark import Benchmark, Given
from tokenroof.types.run import Fault
from tokenroof.usecases.runs.request import RunsRequest
from tokenroof.usecases.runs.run import runs

pytest.importorskip("prometheus_client")
GIB = 2**30


def scrape(requests: float, *, engine: str = "vllm", old: bool = False, running: float = 16.0) -> str:
    """What a server says after so many requests of 1,000 and 200 tokens: 80 ms, then 9 ms each."""
    gap = "time_per_output_token_seconds" if old or engine == "sglang" else "inter_token_latency_seconds"
    names = {"vllm": "num_requests_running", "sglang": "num_running_reqs"}
    sums = {"time_to_first_token_seconds": (1, 0.08), "e2e_request_latency_seconds": (1, 1.871), gap: (199, 0.009)}
    text = f"# HELP {engine}:{names[engine]} how many\n# TYPE {engine}:{names[engine]} gauge\n"
    text += f'{engine}:{names[engine]}{{model_name="m",engine="0"}} {running}\n'
    for name, each in (("prompt_tokens_total", 1000), ("generation_tokens_total", 200)):
        text += f'# TYPE {engine}:{name} counter\n{engine}:{name}{{model_name="m"}} {each * requests}\n'
    for name, (count, seconds) in sums.items():
        full = f"{engine}:{name}"
        text += f"# TYPE {full} histogram\n"
        for edge, share in (("0.05", 0.25), ("0.1", 0.75), ("+Inf", 1.0)):
            text += f'{full}_bucket{{le="{edge}",model_name="m"}} {share * count * requests}\n'
        text += f'{full}_count{{model_name="m"}} {count * requests}\n'
        text += f'{full}_sum{{model_name="m"}} {count * requests * seconds}\n'
    if engine == "vllm":
        text += f"# TYPE vllm:prefix_cache_queries_total counter\nvllm:prefix_cache_queries_total {1000 * requests}\n"
        text += f"# TYPE vllm:prefix_cache_hits_total counter\nvllm:prefix_cache_hits_total {250 * requests}\n"
        text += '# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{cache_dtype="fp8",'
        text += 'gpu_memory_utilization="0.85",enable_prefix_caching="True"} 1.0\n'
    return text


def read(path: Path, text: str, given: Given | None = None) -> Benchmark | Fault:
    path.write_text(text, encoding="utf-8")
    (found,) = read_benchmarks(path, given=given or Given())
    return found


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize("old", [False, True])
def test_two_scrapes_are_means_of_what_lay_between(tmp_path: Path, engine: str, old: bool) -> None:
    two = scrape(100, engine=engine, old=old) + scrape(260, engine=engine, old=old)
    found = read(tmp_path / "a.prom", two)
    assert isinstance(found, Benchmark)
    assert (found.completed, found.isl.mean, found.osl.mean) == (160, 1000, 200)
    assert (found.ttft.mean, found.tpot.mean, found.e2e.mean) == pytest.approx((0.08, 0.009, 1.871))
    assert found.ttft.median == pytest.approx(0.075)
    assert found.ttft.at(99.0) is None
    assert found.in_flight == pytest.approx(16)
    assert found.served_rate == pytest.approx(16 / 1.871)
    assert (found.mode, found.deployed.model, found.deployed.engine) == ("server", "m", engine)


@pytest.mark.parametrize("turned", [False, True])
def test_two_scrapes_in_two_files_are_one_run_in_whatever_order(tmp_path: Path, turned: bool) -> None:
    texts = {"a.prom": scrape(100), "b.prom": scrape(260), "c.prom": scrape(50, engine="sglang")}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    paths = [str(tmp_path / name) for name in texts]
    other, between = runs(RunsRequest(results=tuple(paths[::-1] if turned else paths), interval_s=20.0)).runs
    assert (other.file, other.requests) == ("c.prom", 50)  # another server: alone, all since it started
    assert between.file == ("b.prom + a.prom" if turned else "a.prom + b.prom")
    assert between.source.completed == 160
    assert between.source.served_rate == pytest.approx(8.0)


def test_the_time_between_scrapes_is_given_and_gives_the_rate(tmp_path: Path) -> None:
    found = read(tmp_path / "a.prom", scrape(100) + scrape(260), Given(interval_s=20.0))
    assert isinstance(found, Benchmark)
    assert (found.served_rate, found.request_rate, found.output_tok_s) == pytest.approx((8.0, 8.0, 1600.0))
    assert found.in_flight == pytest.approx(8 * 1.871)


def test_one_scrape_is_all_since_the_start_and_says_its_cache(tmp_path: Path) -> None:
    found = read(tmp_path / "a.prom", scrape(260))
    assert isinstance(found, Benchmark)
    assert (found.completed, found.deployed.prefix_hits, found.deployed.kv_dtype) == (260, 0.25, "fp8")
    assert (found.deployed.memory_fraction, found.deployed.prefix_caching) == (0.85, True)
    assert "since the server started" in found.notes[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [(scrape(260) + scrape(100), "went down between the scrapes: the server was started anew"),
     (scrape(100) + scrape(100), "no request ended between the scrapes"),
     ("# HELP vllm:x y\nvllm:x{ 1\n", "no metrics in Prometheus text"),
     ("# HELP vllm:x y\nvllm:x NaN\n", "no request ended"), ("# HELP vllm:0", "no metric of vLLM"),
     (scrape(260).replace('le="0.1"', 'le="+a"', 1), "bucket's edge le='+a' is no number"),
     (scrape(260).replace('le="+Inf"', 'le="nan"'), "bucket's edge le='nan' is no number")],
)  # fmt: skip
def test_metrics_that_cannot_be_used_are_one_line(tmp_path: Path, text: str, said: str) -> None:
    found = read(tmp_path / "a.prom", text)
    assert isinstance(found, Fault)
    assert str(found).startswith("a.prom scrape 1: ")
    assert said in str(found)
    assert "\n" not in str(found)


class _Server(http.server.BaseHTTPRequestHandler):
    """Metrics of a server that ends 160 requests between two looks; other paths lead astray."""

    seen: list[tuple[str, str]] = []  # noqa: RUF012 - shared by all requests of a test on purpose

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path))
        if self.path in ("/away", "/near"):
            self.send_response(302)
            self.send_header("Location", "http://example.com/" if self.path == "/away" else "/metrics")
            self.end_headers()
            return
        body = {"/metrics": scrape(100.0 + 160.0 * (len(self.seen) > 1)).encode(), "/huge": b"x" * 5_001,
                "/bytes": b"\xff\xfe"}.get(self.path)  # fmt: skip
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def address() -> Iterator[str]:
    _Server.seen.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_is_asked_twice_with_a_get(tmp_path: Path, address: str) -> None:
    waited: list[float] = []
    text = scraped(address, 20.0, waited.append)
    assert (_Server.seen, waited) == ([("GET", "/metrics")] * 2, [20.0])
    found = read(tmp_path / "a.prom", text, Given(interval_s=20.0))
    assert isinstance(found, Benchmark)
    assert (found.completed, found.served_rate) == (160, 8.0)
    assert scraped(f"{address}/near", 0.0, waited.append).count("# HELP vllm:num_requests_running") == 2


@pytest.mark.parametrize(
    ("path", "said"), [("/away", "redirects to another host, example.com"), ("/huge", "at most 5,000 bytes"),
                       ("/bytes", "UTF-8"), ("/none", "Not Found")],
)  # fmt: skip
def test_a_server_that_leads_astray_is_one_line(
    address: str, path: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenroof.measure.scraping._MOST_BYTES", 5_000)
    with pytest.raises(InputError, match=said) as caught:
        scraped(address + path, 0.0, lambda _: None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/b", "http://", "http://a:b@c/d", "http://a:99999/", "gopher://x", "",
     "http://["],
)  # fmt: skip
def test_only_plain_http_is_asked(url: str) -> None:
    with pytest.raises(InputError, match=r"^url"):
        scraped(url, 0.0, lambda _: None)


VLLM_LOG = """INFO 07-01 10:00:00 [core.py:58] Initializing a V1 LLM engine (v0.19.0) with config: model='org/model', \
tensor_parallel_size=2, pipeline_parallel_size=1, data_parallel_size=1, quantization=fp8, kv_cache_dtype=fp8
INFO 07-01 10:01:00 [gpu_model_runner.py:1] Model loading took 14.99 GiB and 5.2 seconds
INFO 07-01 10:01:10 [gpu_worker.py:2] Available KV cache memory: 58.11 GiB
INFO 07-01 10:01:11 [kv_cache_utils.py:3] GPU KV cache size: 476,000 tokens
INFO 07-01 10:01:40 [gpu_model_runner.py:4] Graph capturing finished in 20 secs, took 0.55 GiB
"""
SGLANG_LOG = """[2026-07-01 10:00:00] server_args=ServerArgs(model_path='a/b', tp_size=8, dp_size=4, \
enable_dp_attention=True, chunked_prefill_size=32768, mem_fraction_static=0.8)
[2026-07-01 10:00:20 TP0] Load weight end. type=Model, dtype=torch.bfloat16, avail mem=62.1 GB, mem usage=15.0 GB.
[2026-07-01 10:00:21 TP0] KV Cache is allocated. #tokens: 443878, K size: 27.09 GB, V size: 27.09 GB
[2026-07-01 10:00:30 TP0] Capture cuda graph end. Time elapsed: 3.5 s. mem usage=0.5 GB.
"""
TRTLLM_LOG = """[TensorRT-LLM] TensorRT-LLM version: 1.2.0
[TRT-LLM] [I] [MemUsageChange] Allocated 63.77 GiB for max tokens in paged KV cache (522432).
"""


def test_what_engines_print_at_their_start(tmp_path: Path) -> None:
    path = tmp_path / "start.log"
    path.write_text(VLLM_LOG)
    log = read_engine_log(path)
    assert (log.kv_tokens, log.kv_bytes, log.weights_bytes) == (476_000, 58.11 * GIB, 14.99 * GIB)
    assert log.graphs_bytes == 0.55 * GIB
    assert log.kv_bytes_per_token == pytest.approx(131_082, rel=1e-3)
    where = log.deployed
    assert (where.engine, where.engine_version, where.tp, where.kv_dtype) == ("vllm", "0.19.0", 2, "fp8")
    path.write_text(SGLANG_LOG)
    log = read_engine_log(path)
    assert (log.kv_tokens, log.weights_bytes, log.graphs_bytes) == (443_878, 15 * GIB, 0.5 * GIB)
    assert (log.deployed.tp, log.deployed.dp, log.deployed.max_batched_tokens) == (2, 4, 8192)
    path.write_text(TRTLLM_LOG)
    log = read_engine_log(path)
    assert (log.deployed.engine, log.kv_tokens, log.kv_bytes) == ("trtllm", 522_432, 63.77 * GIB)


@pytest.mark.parametrize("text", ["", "nothing of it\n", "x" * 200_000, "GPU KV cache size: ,,, tokens"])
def test_a_log_that_says_nothing_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "start.log"
    path.write_text(text)
    with pytest.raises(InputError, match="engine log") as caught:
        read_engine_log(path)
    assert "\n" not in str(caught.value)


def test_part_of_a_request_is_no_count(tmp_path: Path) -> None:
    text = scrape(64).replace(
        'vllm:e2e_request_latency_seconds_count{model_name="m"} 64', "vllm:e2e_request_latency_seconds_count 1e-320"
    )
    found = read(tmp_path / "a.prom", text)
    assert isinstance(found, Fault)
    assert "counts whole requests" in found.text
