"""`calibrate`: what was put in is found, what data cannot move stays, ranges are those of results left out."""

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tokenroof.catalog import load_chip, load_model, load_system
from tokenroof.catalog.efficiency import engine_tables, load_profile, shipped_serving
from tokenroof.catalog.personal import check_name, personal_names, personal_profile
from tokenroof.catalog.profile import profile_for
from tokenroof.errors import DataMissing, InputError
from tokenroof.measure.calibrate import PARAMETERS, Observed, Problem, calibrated_tables, fit, half_width, held_out
from tokenroof.measure.deployments import Deployments
from tokenroof.present.pages.calibrate import page_of
from tokenroof.present.text import text
from tokenroof.usecases.calibrate.answer import CalibrateRequest, CalibrateResponse
from tokenroof.usecases.calibrate.run import calibrate, observed
from tokenroof.usecases.compare.points import points_of
from tokenroof.usecases.measured.predict import Forecaster
from tokenroof.usecases.runs.request import Told

SWEEP = Path(__file__).parents[2] / "examples" / "results" / "sweep.csv"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[CalibrateResponse, Path]:
    path = tmp_path_factory.mktemp("profiles") / "mine.toml"
    return calibrate(CalibrateRequest(results=(str(SWEEP),), save=str(path), as_of="2026-11-29")), path


def factor(answer: CalibrateResponse, name: str) -> float:
    return next(one.value for one in answer.factors if one.name == name)


def test_eager_mode_is_found_as_host_time(saved: tuple[CalibrateResponse, Path]) -> None:
    """The made-up server takes 3.5 ms more a step than the shipped 0.521 ms: 7.72 times."""
    answer, _ = saved
    assert factor(answer, "host") == pytest.approx(1.0 + 3.5e-3 / 0.5211e-3, rel=0.10)
    still = {one.name for one in answer.factors if not one.moved}
    assert {"experts", "communication", "warmup"} <= still  # no experts, no second GPU, no compilation in this engine
    assert all(one.value == 1.0 for one in answer.factors if not one.moved)


def test_errors_of_results_left_out(saved: tuple[CalibrateResponse, Path]) -> None:
    answer, _ = saved
    by = {one.metric: one for one in answer.widths}
    assert by["tpot"].shipped_error > 0.2 and by["tpot"].held_out_error is not None
    assert by["tpot"].held_out_error < 0.03 and by["ttft"].held_out_error is not None
    assert by["ttft"].held_out_error < 0.06
    assert by["tpot"].width < by["tpot"].shipped_width
    inside = [abs(math.log(one.held_out / one.measured)) <= by["tpot"].width
              for one in answer.rows if one.quantity == "tpot" and one.held_out]  # fmt: skip
    assert sum(inside) / len(inside) >= 0.8


def test_a_metric_that_gets_worse_is_named_and_what_stays_is_not_counted(tmp_path: Path) -> None:
    """TTFTs that no factor explains beside TPOTs that some do: fitted as a whole, and said."""
    tpot_ms = (6.80, 8.08, 10.20, 13.48, 19.18, 7.55, 8.73, 10.99, 14.31, 21.40)
    ttft_ms = (38.2, 49.0, 95.3, 161.1, 265.1, 73.3, 95.4, 195.8, 327.1, 530.3)
    lines = ["model,hardware,num_gpus,tp,engine,engine_version,mode,weight_dtype,input_len,output_len,"
             "batch_or_concurrency,requests,metric,value,date"]  # fmt: skip
    for at, values in enumerate(zip(tpot_ms, ttft_ms, strict=True)):
        lengths, users = ("1024,256", "2048,512")[at // 5], (1, 8, 32, 64, 128)[at % 5]
        start = f"Llama-3.1-8B,H100,1,1,vLLM,0.11.0,server-closed-loop,bf16,{lengths},{users},{10 * users}"
        lines += [f"{start},{name}_ms,{value},2025-10-10" for name, value in zip(("tpot", "ttft"), values, strict=True)]
    (tmp_path / "sweep.csv").write_text("\n".join(lines) + "\n")
    answer = calibrate(CalibrateRequest(results=(str(tmp_path / "sweep.csv"),)))
    tpot, ttft, whole = answer.widths
    assert not answer.kept and ttft.worse and not tpot.worse and not whole.worse
    assert ttft.held_out_error is not None and ttft.held_out_error > ttft.shipped_error
    page = " ".join(text(page_of(answer)).split())
    assert "; as shipped TTFT would be predicted better." in page and "warning: TTFT left out is" in page
    still = [one for one in answer.factors if one.moved and not one.changed]
    assert [one.name for one in still] == ["compute"] and "as shipped by these results too: compute (" in page
    assert f"{sum(one.moved for one in answer.factors) - 1} parameters moved" in answer.sentence
    # E2E is TTFT and the gaps of the answer, so that its error as shipped lies between theirs
    assert min(tpot.shipped_error, ttft.shipped_error) - 0.02 < whole.shipped_error < ttft.shipped_error


def test_the_saved_profile_predicts_what_the_fit_did(saved: tuple[CalibrateResponse, Path]) -> None:
    answer, path = saved
    forecaster = Forecaster(deployments=Deployments(profile=str(path)))
    rows = {(row.line, row.quantity): row for row in answer.rows}
    for point in points_of(Told(results=(str(SWEEP),))).points:
        found = forecaster.quantities(point.setup)
        for name in ("tpot", "ttft"):
            # the file keeps four digits of each number
            assert found[name].value == pytest.approx(rows[point.first.line, name].calibrated, rel=2e-3)


def test_every_verb_takes_it(saved: tuple[CalibrateResponse, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = saved
    monkeypatch.setenv("XDG_DATA_HOME", str(path.parent))
    folder = path.parent / "tokenroof" / "profiles"
    folder.mkdir(parents=True)
    (folder / "my-h100.toml").write_bytes(path.read_bytes())
    assert personal_names() == ("my-h100",)
    model, machine = load_model("llama-3.1-8b"), load_system("h100")
    mine, shipped = (profile_for(machine, "vllm", name, model=model) for name in ("my-h100", "auto"))
    assert mine.host_s > 5.0 * shipped.host_s and mine.spread["tpot"] < shipped.spread["tpot"]
    other = profile_for(machine, "vllm", "my-h100", model=load_model("llama-3.3-70b"))
    assert other.host_s == mine.host_s and other.spread == load_profile(machine.chip, "vllm", experts=False).spread
    assert "ranges are as shipped" in other.notes[-1]
    for engine, chip in (("sglang", "h100"), ("vllm", "b200")):
        with pytest.raises(DataMissing, match="it is of hopper chips under vllm"):
            personal_profile("my-h100", load_chip(chip), engine, "", model)
    with pytest.raises(InputError, match="my-h100"):
        profile_for(machine, "vllm", "my-h10")


def test_factors_of_one_leave_the_profile_as_it_is() -> None:
    factors, host = engine_tables(shipped_serving(), "hopper", "vllm")
    inside, times = calibrated_tables(factors, host, ["gemm", "grouped_gemm"], dict.fromkeys(PARAMETERS, 1.0))
    assert inside["gemm.bytes"] == factors["gemm.bytes"] and inside["communication"] == 1.0
    assert inside["gemm.fixed"] == inside["fixed"] == factors["fixed"]
    assert times["host_s"] == host["host_s"] and times["factors"] == host["factors"]


def test_what_was_put_in_comes_out() -> None:
    """Measurements of a machine with collectives half as long again and slower memory, on four layouts, no noise."""
    base = points_of(Told(results=(str(SWEEP),), model="llama-3.3-70b", system="8xh100", tp=8)).points
    known = observed(base)
    problem = Problem.of(known)
    import numpy as np

    truth = np.zeros(len(PARAMETERS))
    names = list(PARAMETERS)
    truth[names.index("communication")], truth[names.index("request")] = 0.4, 0.5
    values = np.exp(problem.predict(truth)[0])
    made = [
        Observed(setup=case.setup, quantity=case.quantity, value=float(value), result=int(case.set))
        for case, value in zip(problem.cases, values, strict=True)
    ]
    again = Problem.of(made)
    found = fit(again)
    assert found.point[names.index("communication")] == pytest.approx(0.4, abs=0.15)
    assert {"communication", "request"} <= set(found.moved)
    errors = [abs(one.value) for one in held_out(again, found) if one.quantity == "tpot"]
    assert max(errors) < 0.02


def test_half_widths_count_the_next_one() -> None:
    """Of 9 errors the 8th, since 0.8 x 10 = 8; of 3 none says where four of five lie."""
    assert half_width([0.01 * n for n in range(1, 10)]) == pytest.approx(0.08)
    assert half_width([-0.5, 0.1, 0.2, 0.3]) == pytest.approx(0.5)
    assert half_width([0.1, 0.2, 0.3]) is None


def test_where_results_are_noise_the_shipped_profile_stays() -> None:
    """Errors of 30 % either way, by turns: nothing of them can be learnt."""
    known = observed(points_of(Told(results=(str(SWEEP),))).points)
    loud = []
    for one in known:
        exact = Forecaster().quantities(one.setup)[one.quantity].value
        loud.append(replace(one, value=exact * (1.35 if one.result % 2 else 0.74)))
    problem = Problem.of(loud)
    found = fit(problem)
    assert max(abs(found.at_rest(held_out(problem, found)))) < 0.15


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"save": "vllm"}, "no profile of the catalogue"), ({"save": "No Name"}, "small letters"),
        ({"save": "/nowhere/x.toml"}, "directory that exists"),
        ({"engine": "none"}, "no host times are known"),
    ],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_one_line(given: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        calibrate(CalibrateRequest(results=(str(SWEEP),), **given))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "engines"), ("[engines]\nvllm = 3\n", "in_engine"), ("not toml", "must be a TOML file"),
        ("[engines.vllm]\nhost_s = -1\n[in_engine]\n[spread]\n[spread_dense]\n[calibrated]\n", "host_s"),
        ("[engines]\n[in_engine]\n[spread]\n[spread_dense]\n[calibrated]\nchips = 3\n", "chips"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_profile_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        profile_for(load_system("h100"), "vllm", str(path))
    assert "\n" not in str(error.value)


def test_names_of_the_catalogue_are_taken() -> None:
    for name in ("auto", "peak", "h100", "serving", "sglang", "hopper"):
        with pytest.raises(InputError, match="such as my-"):
            check_name(name)
    assert check_name("my-h100") == "my-h100"


def test_the_file_has_the_schema_of_the_catalogue(saved: tuple[CalibrateResponse, Path]) -> None:
    table = tomllib.loads(saved[1].read_text())
    shipped = shipped_serving()
    assert set(table["engines"]["vllm"]) == set(shipped["engines"]["vllm"])
    assert set(shipped["in_engine"]["hopper"]) <= set(table["in_engine"]["hopper"])
    assert set(table["spread_dense"]["hopper"]) == set(shipped["spread_dense"]["hopper"])
    assert table["as_of"] == "2026-11-29" and table["n"] == 16
