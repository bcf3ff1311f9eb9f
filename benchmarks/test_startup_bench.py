"""Start-up as a user feels it: whole processes, interpreter included.

Budgets (docs/dev/architecture.md): `import tokenroof` at most 0.1 s on top of a bare interpreter, `analyze` at most
0.6 s as a process. Look at the median; the machines these run on are shared.
"""

import subprocess
import sys

import pytest

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import tokenroof": ["-c", "import tokenroof"],
    "--help": ["-m", "tokenroof", "--help"],
    "analyze deepseek-v3 gb200-nvl72": ["-m", "tokenroof", "analyze", "deepseek-v3", "--system", "gb200-nvl72"],
    "analyze --mode lecture": [
        "-m",
        "tokenroof",
        "analyze",
        "deepseek-v3",
        "--system",
        "gb200-nvl72",
        "--mode",
        "lecture",
    ],
    "roofline": ["-m", "tokenroof", "roofline", "--params", "671e9", "--flops", "1e18", "--bandwidth", "1e15"],
    "lecture R1": ["-m", "tokenroof", "lecture", "R1"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_whole_process(benchmark, name: str) -> None:
    command = [sys.executable, *COMMANDS[name]]
    benchmark.pedantic(
        lambda: subprocess.run(command, check=True, capture_output=True), rounds=7, iterations=1, warmup_rounds=1
    )
