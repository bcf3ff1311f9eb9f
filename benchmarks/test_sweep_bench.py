"""Speed and memory of sweeps: `make bench ARGS="-k sweep"`. Targets are in the design notes, not asserted here."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tokenroof.usecases.sweep.evaluate import evaluate_block, prepare
from tokenroof.usecases.sweep.plan import plan_sweep
from tokenroof.usecases.sweep.run import sweep
from tokenroof.usecases.sweep.spec import Range, SweepSpec
from tokenroof.usecases.sweep.threads import block_bytes

TEN_MILLION = SweepSpec(
    model=("deepseek-v3",), system=("8xh200",), layout=("tp=8,ep=8",), batch=Range(start=1, stop=3163, step=1),
    context=Range(start=41, stop=131_072, step=41.43), price_per_gpu_hour=(2.5,),
)  # fmt: skip


@pytest.fixture
def fresh(tmp_path):
    return (tmp_path / str(number) for number in itertools.count())


@pytest.mark.parametrize("threads", [1, 2])
def test_ten_million_points_of_one_program(benchmark, fresh, threads):
    """Target: 10 s on two cores."""
    answer = benchmark.pedantic(
        lambda directory: sweep(TEN_MILLION, directory, threads=threads), setup=lambda: ((next(fresh),), {}), rounds=3
    )  # fmt: skip
    benchmark.extra_info["MB"] = answer.bytes_written / 1e6
    assert answer.points == 3163 * 3163


def test_ten_million_points_as_a_process(benchmark, fresh, tmp_path):
    """Target: 1 GB. The whole process, from the shell's point of view; peak memory goes into extra_info."""
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'model = "deepseek-v3"\nsystem = "8xh200"\nlayout = "tp=8,ep=8"\nbatch = { from = 1, to = 3163, step = 1 }\n'
        "context = { from = 41, to = 131072, step = 41.43 }\nprice_per_gpu_hour = 2.5\n"
    )
    code = (
        "import resource, sys\nfrom tokenroof.cli.main import main\nsys.argv = ['tokenroof', 'sweep', *sys.argv[1:]]\n"
        "try:\n    main()\nfinally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )

    def run(directory: Path) -> str:
        command = [sys.executable, "-c", code, str(spec), "-o", str(directory), "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert json.loads(done.stdout)["points"] == 3163 * 3163
        return done.stderr

    said = benchmark.pedantic(run, setup=lambda: ((next(fresh),), {}), rounds=3)
    benchmark.extra_info["peak_MB"] = int(said.split()[-1]) / 1e3


@pytest.mark.parametrize("rule", ["operators", "lecture"])
def test_one_block(benchmark, rule):
    """Evaluation alone: 63,260 points."""
    layout = TEN_MILLION.layout if rule == "operators" else ("auto",)
    plan = plan_sweep(SweepSpec.from_dict(TEN_MILLION.as_dict() | {"rule": [rule], "layout": list(layout)}))
    case, block = next(plan.blocks())
    ready, grid = prepare(case), plan.grid(block)
    assert set(benchmark(evaluate_block, case, ready, grid, plan.columns)) >= set(plan.columns)


def test_one_block_of_what_requests_see(benchmark):
    """With isl and osl: 65,000 points, service and cost beside decode."""
    lengths = {"context": None, "isl": [float(n) for n in range(41, 131_072, 131)], "osl": [512.0]}
    plan = plan_sweep(SweepSpec.from_dict(TEN_MILLION.as_dict() | lengths))
    case, block = next(plan.blocks())
    ready, grid = prepare(case), plan.grid(block)
    assert set(benchmark(evaluate_block, case, ready, grid, plan.columns)) >= set(plan.columns)


def test_one_block_with_its_file(benchmark):
    plan = plan_sweep(TEN_MILLION)
    case, block = next(plan.blocks())
    data = benchmark(block_bytes, case, block, plan.grid(block), plan.columns, plan.sweep_hash)
    benchmark.extra_info["bytes_per_point"] = len(data) / block.points


def test_a_finished_sweep_again(benchmark, tmp_path):
    """What resuming costs: every block's file is looked into."""
    sweep(TEN_MILLION, tmp_path / "out")
    answer = benchmark(sweep, TEN_MILLION, tmp_path / "out", yes=True)
    assert answer.blocks_kept == answer.blocks


def test_read_one_column_back(benchmark, tmp_path):
    answer = sweep(TEN_MILLION, tmp_path / "out")
    grid = benchmark.pedantic(answer.to_xarray, args=(("decode_step_s",),), rounds=3)
    assert grid.decode_step_s.size == 3163 * 3163
