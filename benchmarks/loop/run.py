"""Closes the loop: microbench this machine, serve random models by llama.cpp, benchmark them, predict what came out.

    PYTHONPATH=benchmarks python -m loop.run --folder build/loop

Everything is made on the spot and nothing is downloaded. `--device cuda` measures the GPU by torch and serves with all
layers on it (llama-cpp-python built with CMAKE_ARGS=-DGGML_CUDA=on), by default a model of 7 billion parameters.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from loop.calibrated import errors_after
from loop.client import bench, complete, wait_until_up
from loop.model import SHAPES, alphabet, write_config, write_gguf
from loop.predict import Point, lines_of, point_of, result_name, summary_of

_SETTLE = 3  # requests that warm the server up
_DEFAULTS = {"cpu": ("wide,medium", "q8_0,f16"), "cuda": ("large", "f16,q8_0")}


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--shapes", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--formats", help="of q8_0, f16")
    parser.add_argument("--contexts", default="64,256,768", help="prompt lengths")
    parser.add_argument(
        "--in-flight",
        default="1,2",
        help="requests kept in flight; all but the first with the first prompt length alone",
    )
    parser.add_argument("--tokens", type=int, default=32, help="length of answers")
    parser.add_argument("--repeats", type=int, default=3, help="requests of a point, times those in flight")
    parser.add_argument("--folder", type=Path, default=Path("build/loop"))
    parser.add_argument("--chip", type=Path, help="a chip file of this machine instead of measuring it")
    parser.add_argument("--as-of", default=date.today().isoformat())
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _chip(asked: argparse.Namespace) -> tuple[Path, str]:
    """The chip file, measured now unless one was given, and what was found."""
    if asked.chip is not None:
        return asked.chip, f"chip of {asked.chip}"
    from tokenroof.usecases.microbench.answer import MicrobenchRequest
    from tokenroof.usecases.microbench.chip_file import save_chip
    from tokenroof.usecases.microbench.run import microbench

    answer = microbench(MicrobenchRequest(device=asked.device, as_of=asked.as_of, ranks=1))
    path = asked.folder / "chip.toml"
    save_chip(answer, path, force=True)
    return path, answer.sentence


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _serve(model: Path, device: str, length: int, port: int) -> subprocess.Popen:
    command = [
        sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--host", "127.0.0.1", "--port", str(port),
        "--n_ctx", str(length), "--interrupt_requests", "False", "--verbose", "False",
        "--n_threads", str(len(os.sched_getaffinity(0))), "--n_threads_batch", str(len(os.sched_getaffinity(0))),
        "--n_gpu_layers", "-1" if device == "cuda" else "0",
    ]  # fmt: skip
    log = (model.parent / f"{model.stem}.log").open("w", encoding="utf-8")
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def _prompts(count: int, length: int, draw: random.Random) -> list[str]:
    letters = alphabet()
    return ["".join(draw.choices(letters, k=length)) for _ in range(count)]


def _points(asked: argparse.Namespace, shape: str, format: str, chip: Path) -> list[Point]:
    """One model: written, served, benchmarked at every context and load, predicted."""
    folder, draw = asked.folder, random.Random(0)
    config, model = folder / f"{shape}.json", folder / f"{shape}-{format}.gguf"
    write_config(SHAPES[shape], config)
    if not model.exists():
        _say(f"writing {model}")
        write_gguf(SHAPES[shape], format, model)
    contexts, loads = ([int(one) for one in text.split(",")] for text in (asked.contexts, asked.in_flight))
    port = _free_port()
    url, server = f"http://127.0.0.1:{port}", _serve(model, asked.device, max(contexts) + asked.tokens + 64, port)
    found = []
    try:
        wait_until_up(url, server)
        for prompt in _prompts(_SETTLE, 64, draw):
            complete(url, prompt, asked.tokens)
        for context in contexts:
            for held in loads if context == contexts[0] else loads[:1]:
                told = bench(url, _prompts(asked.repeats * held, context, draw), asked.tokens, held, model.stem)
                path = folder / result_name(shape, format, context, held)
                path.write_text(json.dumps(told), encoding="utf-8")
                found.append(point_of(path, chip, config, shape, format))
                _say(lines_of(found)[-1])
    finally:
        server.terminate()
        server.wait(30)
    return found


def main() -> int:
    """Runs the loop; exit 1 where a run beats the roof or a prediction is further off than 25 %."""
    asked = _asked()
    asked.folder.mkdir(parents=True, exist_ok=True)
    shapes, formats = _DEFAULTS[asked.device]
    started, load = time.monotonic(), os.getloadavg()
    chip, sentence = _chip(asked)
    _say(sentence)
    points = [
        point
        for shape in (asked.shapes or shapes).split(",")
        for format in (asked.formats or formats).split(",")
        for point in _points(asked, shape, format, chip)
    ]
    told = summary_of(points) | {
        "date": asked.as_of, "device": asked.device, "machine": sentence, "command": " ".join(sys.argv[1:]),
        "load_average": [load[0], os.getloadavg()[0]], "minutes": (time.monotonic() - started) / 60.0,
    }  # fmt: skip
    after = errors_after(points, asked.folder, chip)
    told["errors_after_calibration"] = after
    (asked.folder / "summary.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    table = "\n".join(lines_of(points))
    (asked.folder / "table.md").write_text(f"{sentence}\n\n{table}\n", encoding="utf-8")
    print(table)
    print(
        f"\nTPOT: median error {told['median_error']:.1%}, worst {told['worst_error']:.1%}, "
        f"{told['within_25_percent']} of {told['n']} within 25 %, {told['above_the_roof']} above the roof; "
        f"TTFT: median error {told['median_ttft_error']:.1%}"
    )
    if after:
        worst, middle = max(map(abs, after)), statistics.median(map(abs, after))
        print(f"Calibrated on the first model: the other {len(after)} points {middle:.1%} off, {worst:.1%} at worst")
    return int(told["above_the_roof"] > 0 or told["within_25_percent"] < told["n"])


if __name__ == "__main__":
    sys.exit(main())
