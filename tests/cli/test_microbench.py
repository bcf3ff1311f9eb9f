"""`tokenroof microbench`: real runs at small sizes, the chip file through the loader, what is refused."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from economics_process import assert_one_line, run_inside

from tokenroof.catalog.systems import load_system
from tokenroof.measure.probes.sample import sample_of
from tokenroof.measure.probes.tensors import torch_or_none
from tokenroof.measure.profile_files import toml_text
from tokenroof.usecases.microbench.answer import MicrobenchResponse, Reached
from tokenroof.usecases.microbench.chip_file import chip_table

SMALL = ("microbench", "--device", "cpu", "--seconds", "0.1", "--largest", "300kB", "--as-of", "2026-11-29")


def made_up(**changes) -> MicrobenchResponse:
    """An answer of round numbers: 30 GB/s read, 33 at best; 90 TFLOP/s, 100 at best."""
    one = sample_of("read", [1.0, 1.0], shape="1 GB", moved_bytes=30e9)
    reached = Reached(rate=30e9, best=33e9, spread=0.01, shape="1 GB")
    arithmetic = {
        "fp32": Reached(rate=45e12, best=50e12, spread=0.02, shape="512 x 8 x 8"),
        "bf16": Reached(rate=90e12, best=100e12, spread=0.02, shape="", basis="2 times fp32"),
        "fp64": Reached(rate=1e12, best=1e12, spread=0.02, shape="512 x 8 x 8"),
    }
    whole = MicrobenchResponse(
        sentence="", device="cpu", id="my-box", name='My "own" box', vendor="AMD", kind="cpu", cores=2,
        cache_bytes=32e6, memory_bytes=16e9, as_of="2026-11-29", read=reached, copied=reached, arithmetic=arithmetic,
        launch_s=1e-6, link=None, ranks=1, samples=(one,), elapsed_s=1.0, load_average=0.5, max_spread=0.2, wide=(),
        notes=(),
    )  # fmt: skip
    return replace(whole, **changes)


def saved(answer: MicrobenchResponse, folder: Path):
    path = folder / "chip.toml"
    path.write_text(toml_text(chip_table(answer)), encoding="utf-8")
    return load_system(str(path))


def test_a_chip_file_comes_back_through_the_loader(tmp_path: Path) -> None:
    system = saved(made_up(), tmp_path)
    chip = system.chip
    assert (system.id, system.n_chips, system.domain_size, chip.kind) == ("my-box", 1, 1, "cpu")
    assert (chip.bytes_per_s, chip.achievable_bytes_per_s, chip.memory_bytes) == (33e9, 30e9, 16e9)
    assert chip.flops_per_s == {"fp32": 50e12, "bf16": 100e12}  # no rate key for fp64: shown, not saved
    assert chip.achievable_flops_per_s == {"fp32": 45e12, "bf16": 90e12}
    grades = {name: fact.grade.value for name, fact in chip.facts.items()}
    assert grades["bytes_per_s"] == grades["flops_per_s.fp32"] == "measured"
    assert grades["flops_per_s.bf16"] == "derived"
    assert all(fact.as_of == "2026-11-29" and "tokenroof microbench" in fact.source for fact in chip.facts.values())


def test_peaks_of_a_known_gpu_are_its_data_sheet(tmp_path: Path) -> None:
    """H200: 4.8 TB/s and 989.4 TFLOP/s on the sheet; what was measured stands beside it, unless it beat the sheet."""
    rate = Reached(rate=700e12, best=720e12, spread=0.01, shape="4096 x 8192 x 8192")
    read = Reached(rate=4.1e12, best=4.3e12, spread=0.01, shape="1 GB")
    link = Reached(rate=3e11, best=3e11, spread=0.1, shape="16 MB, 8 ranks")
    gpu = made_up(
        kind="gpu", name="NVIDIA H200", id="nvidia-h200", vendor="NVIDIA", memory_bytes=150e9, read=read,
        arithmetic={"bf16": rate}, ranks=8, link=link,
    )  # fmt: skip
    chip = saved(gpu, tmp_path).chip
    assert (chip.bytes_per_s, chip.achievable_bytes_per_s) == (4.8e12, 4.1e12)
    assert chip.achievable_flops_per_s == {"bf16": 700e12}
    assert chip.facts["bytes_per_s"].grade.value == "spec"
    assert (chip.scaleup_domain, chip.scaleup_bytes_per_s) == (8, 3e11)
    faster = replace(gpu, read=replace(read, best=5e12))
    assert saved(faster, tmp_path).chip.bytes_per_s == 5e12


def test_a_run_its_files_and_an_analysis_of_the_chip(tmp_path: Path) -> None:
    chip, table = tmp_path / "my-box.toml", tmp_path / "probes.csv"
    done = run_inside(
        *SMALL, "--ranks", "2", "--name", "my box", "--force", "--json", "-o", str(chip), "-o", str(table)
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} in JSON"))
    probes = {one["probe"] for one in answer["samples"]}
    assert probes == {"launch", "read", "copy", "matmul", "all-reduce"}
    assert len(table.read_text().splitlines()) == 1 + len(answer["samples"])
    written = tomllib.loads(chip.read_text(encoding="utf-8"))
    assert written["id"] == "my-box"
    assert written["memory"]["bandwidth"]["value"] == pytest.approx(answer["read"]["best"], rel=1e-3)
    assert written["achievable"]["fp32"]["value"] == pytest.approx(answer["arithmetic"]["fp32"]["rate"], rel=1e-3)
    asked = ("analyze", "qwen3-0.6b", "--system", str(chip), "--engine", "llama.cpp", "--weight-dtype", "q8_0")
    page = run_inside(*asked, "--batch", "1", "--json")
    assert page.returncode == 0, page.stderr
    assert json.loads(page.stdout)["claim"] == "default efficiencies"
    full = run_inside(*asked, "--tpot", "1us")  # nothing holds it, and no more of this chip can be asked for by name
    assert full.returncode == 1, full.stderr


def test_what_spreads_too_far_is_shown_and_not_saved(tmp_path: Path) -> None:
    chip = tmp_path / "chip.toml"
    done = run_inside(*SMALL, "--ranks", "1", "--max-spread", "1e-9", "--full", "-o", str(chip))
    assert done.returncode == 2
    assert "What it reaches" in done.stdout and "Every probe" in done.stdout
    assert "spread by at most" in done.stderr and "--force" in done.stderr
    assert not chip.exists()


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        (("--seconds", "0"), ("--seconds",)),
        (("--largest", "1"), ("--largest",)),
        (("--largest", "90GB"), ("memory",)),
        (("--ranks", "0"), ("--ranks",)),
        (("--max-spread", "0"), ("--max-spread",)),
        (("--device", "tpu"), ("--device",)),
        (("-o", "x.gif"), ("output",)),
        (("--as-of", "yesterday"), ("--as-of", "2026")),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], needles: tuple[str, ...]) -> None:
    assert_one_line(run_inside("microbench", *arguments), *needles)


@pytest.mark.skipif(torch_or_none() is not None, reason="torch is installed")
def test_a_gpu_needs_torch() -> None:
    assert_one_line(run_inside("microbench", "--device", "cuda"), "torch")
