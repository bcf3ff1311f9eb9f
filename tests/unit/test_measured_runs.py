"""Published runs in the catalogue: what is carried is whole and plausible, what is wrong in a file is said."""

from pathlib import Path

import pytest

from tokenroof.catalog import load_chip, load_model
from tokenroof.catalog.measured import MEASURED, MeasuredSeries, measured_on, read_measured
from tokenroof.engines import engine
from tokenroof.errors import InputError
from tokenroof.provenance import Grade

FILES = sorted(MEASURED.glob("*.toml"))
SERIES = [one for path in FILES for one in measured_on(path.stem)]
GOOD = """chip = "h100"
mean_share = {value = 0.9, unit = "1", source = "a paper", as_of = "2026-01-01", grade = "reported"}

[defaults]
grade = "measured"

[[series]]
model = "llama-3.3-70b"
gpus = 2
tp = 2
weight_dtype = "fp8"
engine = "vllm"
isl = 1024
osl = 1024
statistic = "mean"
fitted = true
source = "a paper"
as_of = "2026-01-01"
concurrency = [4, 8]
tpot_s = [0.02, 0.03]
"""


def test_the_files_are_small_and_their_runs_many() -> None:
    assert sum(path.stat().st_size for path in FILES) <= 200_000
    assert sum(len(one.concurrency) for one in SERIES) > 1000


def test_models_chips_and_engines_are_those_of_the_catalogue() -> None:
    assert {load_chip(one.chip).id for one in SERIES} == {path.stem for path in FILES}
    for name in {one.model for one in SERIES}:
        assert load_model(name).id == name
    assert {engine(one.engine).name for one in SERIES} == {one.engine for one in SERIES}


def test_each_series_says_who_measured_it_and_when() -> None:
    for one in SERIES:
        assert one.source.startswith("InferenceX") and one.as_of >= "2025-10-01" and one.grade is Grade.MEASURED


def test_no_token_is_faster_than_the_weights_can_be_read() -> None:
    """Of a dense model all are read for every token: faster than memory would be a slip of units or of GPUs."""
    for one in SERIES:
        chip, model = load_chip(one.chip), load_model(one.model)
        if not model.has_experts:
            bytes_each = {"fp8": 1.0, "bf16": 2.0}.get(one.weight_dtype, 0.5)
            floor_s = 69e9 * bytes_each / (one.gpus / one.dp * chip.bytes_per_s)
            assert min(one.tpot_s) > floor_s, one
    assert any(not load_model(one.model).has_experts for one in SERIES)


def test_tokens_in_flight_are_those_of_the_loop() -> None:
    """Output tokens a second times TPOT is how many decode at once: not more than the loop holds, medians a bit."""
    checked = 0
    for one in SERIES:
        for users, tpot_s, total in zip(one.concurrency, one.tpot_s, one.total_tokens_per_s_per_gpu, strict=False):
            output = total * one.gpus * one.osl / (one.isl + one.osl)
            assert 0.2 * users < output * tpot_s < 1.25 * users, one
            checked += 1
    assert checked > 200


def test_a_chip_that_nobody_measured_has_none() -> None:
    assert measured_on("no-such-chip") == ()
    assert measured_on("../chips/h100") == ()


def _read(folder: Path, text: str) -> MeasuredSeries:
    path = folder / "h100.toml"
    path.write_text(text, encoding="utf-8")
    return read_measured(path)[0]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    one = _read(tmp_path, GOOD)
    assert (one.chip, one.gpus, one.tp, one.ep, one.concurrency, one.tpot_s) == ("h100", 2, 2, 1, (4, 8), (0.02, 0.03))
    assert (one.ttft_s, one.source, one.as_of, one.mean_share) == ((), "a paper", "2026-01-01", 0.9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gpus = 2", "gpus = 3", "tp x pp x dp"),
        ("tpot_s = [0.02, 0.03]", "tpot_s = [0.02]", "as many as concurrency"),
        ("tpot_s = [0.02, 0.03]", "tpot_s = [0.02, -1]", "from 1e-06"),
        ("tpot_s = [0.02, 0.03]", "tpot_s = [0.02, nan]", "from 1e-06"),
        ("tpot_s = [0.02, 0.03]", "", "a list of 1 to 64"),
        ("concurrency = [4, 8]", "concurrency = [4, 8.5]", "whole number"),
        ("fitted = true", "", "true or false"),
        ('statistic = "mean"', 'statistic = "p99"', "mean, median"),
        ('weight_dtype = "fp8"', 'weight_dtype = "fp9"', "one of"),
        ('source = "a paper"\nas_of = "2026-01-01"\nconc', "conc", "given here or in"),
        ('chip = "h100"', 'chip = "h200"', "name of its file"),
        ("osl = 1024", "osl = 1024\nttl = 3", "unknown key"),
        ("osl = 1024", "osl = 0", "whole number from 1"),
        ("as_of = \"2026-01-01\"\nconc", "as_of = \"2026-13-01\"\nconc", "ISO date"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=said):
        _read(tmp_path, GOOD.replace(old, new))


def test_too_many_points_are_refused(tmp_path: Path) -> None:
    many = GOOD.replace("concurrency = [4, 8]", f"concurrency = {list(range(1, 67))}")
    with pytest.raises(InputError, match="1 to 64"):
        _read(tmp_path, many)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        _read(tmp_path, GOOD + "#" * 300_000)
