"""How benchmark tools are told to make one run against a server that is up: closed loops of one length."""

__all__ = ["TOOLS", "bench_command"]

TOOLS = ("vllm", "sglang", "guidellm")
_SGLANG_BACKENDS = {"vllm": "vllm", "sglang": "sglang", "trtllm": "sglang-oai"}


def bench_command(
    tool: str, *, model: str, engine: str, isl: int, osl: int, concurrency: int, requests: int, file: str
) -> str:
    """One command; `file` is the name of its result without an ending."""
    if tool == "sglang":
        backend = _SGLANG_BACKENDS.get(engine, "sglang-oai")
        return (
            f"python -m sglang.bench_serving --backend {backend} --model {model} --dataset-name random "
            f"--random-input-len {isl} --random-output-len {osl} --random-range-ratio 1 "
            f"--max-concurrency {concurrency} --num-prompts {requests} --output-file {file}.jsonl"
        )
    if tool == "guidellm":
        return (
            f"guidellm benchmark --target http://localhost:8000 --model {model} --profile concurrent "
            f"--rate {concurrency} --max-requests {requests} --data prompt_tokens={isl},output_tokens={osl} "
            f"--output-path {file}.json"
        )
    return (
        f"vllm bench serve --model {model} --dataset-name random --random-input-len {isl} --random-output-len {osl} "
        f"--ignore-eos --max-concurrency {concurrency} --num-prompts {requests} --save-result "
        f"--result-filename {file}.json"
    )
