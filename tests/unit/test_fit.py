"""Fitting: the solver against scipy, curves and engine constants recovered from timings made up with known ones."""

import math
import random
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from tokenroof.catalog import load_chip, load_model
from tokenroof.catalog.efficiency import kernel_curves
from tokenroof.catalog.systems import compose_system
from tokenroof.engines import engine as engine_of
from tokenroof.errors import InputError
from tokenroof.measure.constants import PRIORS
from tokenroof.measure.fit_links import fit_collectives
from tokenroof.measure.fit_ops import fit_curves
from tokenroof.measure.fit_runs import Case, fit_groups, group_cases, linearise, predict_groups, refit
from tokenroof.measure.fit_select import read_cases, why_not_fitted
from tokenroof.measure.held_out import Residual, coverage, coverage_by_deployment, leave_out, ranges, spreads, summarise
from tokenroof.measure.ops_data import CollectiveRow, KernelRow, read_kernels
from tokenroof.measure.paired import pair_spreads, pairs_of
from tokenroof.measure.profile_files import toml_text, write_toml
from tokenroof.measure.robust import huber_loss, solve, weighted_quantile
from tokenroof.measure.setups import Setup
from tokenroof.types.layout import Layout
from tokenroof.types.workload import Load, Workload
from tokenroof.usecases.measured.refit import FitRequest, fit_profiles


@pytest.mark.parametrize("seed", range(5))
def test_the_solver_finds_what_scipy_finds(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(0.1, 3, 60)
    truth = np.array([0.7, -0.4, 0.3])

    def curve(points):  # convex in the loss: one minimum
        a, b, c = (np.atleast_2d(points)[:, at][:, None] for at in range(3))
        return a + b * x + c * x**2

    target = curve(truth)[0] + 0.05 * rng.standard_normal(60)
    target[::11] += 2.0  # outliers
    prior, width, sigma, delta = np.zeros(3), np.full(3, 2.0), 0.05, 1.345

    def residuals(point):
        r = (curve(point)[0] - target) / sigma
        return np.concatenate([np.sign(r) * np.sqrt(2 * huber_loss(r, delta)), (point - prior) / width])

    found = solve(curve, target, sigma, prior=prior, width=width, start=np.ones(3), delta=delta, steps=200,
                  tolerance=1e-12)  # fmt: skip
    best = least_squares(residuals, np.ones(3), xtol=1e-12, ftol=1e-12)
    assert found.objective == pytest.approx(best.cost, rel=1e-4)
    assert found.x == pytest.approx(best.x, abs=5e-3)
    assert found.x == pytest.approx(truth, abs=0.15)  # outliers of 40 sigma hardly move it


def test_without_data_the_solver_stays_at_the_prior():
    found = solve(lambda points: np.zeros((len(points), 3)), np.zeros(3), 1.0, prior=np.array([1.0, -2.0]),
                  width=np.ones(2))  # fmt: skip
    assert found.x == pytest.approx([1.0, -2.0])


def test_weighted_quantile_counts_weights():
    assert weighted_quantile([3.0, 1.0, 2.0], [1, 1, 1], 0.5) == 2.0
    assert weighted_quantile([3.0, 1.0, 2.0], [1, 1, 98], 0.5) == 2.0
    assert weighted_quantile([1.0, 2.0], [9, 1], 0.8) == 1.0
    assert weighted_quantile([1.0, 2.0], [7, 3], 0.8) == 2.0


def made_up_gemms(fixed, compute, memory, chips=("h100",), noise=0.03):
    rng, rows = random.Random(1), []
    for name in chips:
        chip = load_chip(name)
        for n, k in ((4096, 4096), (8192, 4096), (10240, 8192)):
            for m in (2**power for power in range(16)):
                flops, moved = 2.0 * m * n * k, 2.0 * (m * n + n * k + m * k)
                a, b = flops / (compute * chip.flops_per_s["bf16"]), moved / (memory * chip.bytes_per_s)
                time = fixed + math.hypot(a, b)
                time *= math.exp(noise * rng.gauss(0, 1)) * (3.0 if rng.random() < 0.05 else 1.0)
                rows.append(KernelRow(name, "gemm", "bf16", "bf16", flops, moved, time, f"{n}x{k}"))
    return rows


def test_a_curve_is_recovered_from_noisy_timings_with_outliers():
    rows = made_up_gemms(5e-6, 0.8, 0.9)
    found = fit_curves(rows, {"h100": "hopper"})["h100"]["gemm.bf16"]
    assert found.fixed_s == pytest.approx(5e-6, rel=0.15)
    assert found.flops_share == pytest.approx(0.8, rel=0.10)
    assert found.bytes_share == pytest.approx(0.9, rel=0.08)
    assert found.n == len(rows) and found.median_error < 0.08 and found.held_out_error < 0.08


def test_a_chip_is_shrunk_toward_its_family():
    rows = made_up_gemms(5e-6, 0.8, 0.9, ("h200",)) + made_up_gemms(5e-6, 0.5, 0.9, ("h100",))[::12]
    found = fit_curves(rows, {"h100": "hopper", "h200": "hopper"})
    assert "h100" not in found  # four rows are no evidence
    assert found["hopper"]["gemm.bf16"].flops_share == pytest.approx(0.78, rel=0.10)


def test_an_engine_has_its_own_attention_and_its_own_line_where_both_were_timed():
    chip, link = load_chip("h200"), load_chip("h200").scaleup_bytes_per_s
    shares, rows = {"vllm": 0.5, "trtllm": 0.8}, []
    for engine, share in shares.items():
        for length in (2.0**power for power in range(8, 18)):
            for batch in (1, 4, 16, 64):
                moved = batch * length * 2048.0
                seconds = 1e-5 + moved / (share * chip.bytes_per_s)
                rows.append(KernelRow("h200", "attention_decode", "fp8", "bf16", moved, moved, seconds, f"{batch}",
                                      engine=engine))  # fmt: skip
    found = fit_curves(rows, {"h200": "hopper"})["h200"]
    for engine, share in shares.items():
        assert found[f"{engine}/attention_decode.fp8"].bytes_share == pytest.approx(share, rel=0.1)
    assert 0.5 < found["attention_decode.fp8"].bytes_share < 0.8  # of engines that nobody timed
    calls = {"vllm": 5e-6, "trtllm": 3e-6}
    lines = fit_collectives(
        CollectiveRow("h200", "all_reduce", engine, ranks, 2.0**at, call + 2.0**at / (0.4 * link))
        for engine, call in calls.items() for ranks in (2, 4) for at in range(10, 21)
    )["h200"]  # fmt: skip
    costs = {key: lines[key]["call_s"] + 2.0 * lines[key]["step_s"] for key in lines}
    assert costs["all_reduce.custom@vllm"] == pytest.approx(5e-6, rel=0.15)
    assert costs["all_reduce.custom@trtllm"] == pytest.approx(3e-6, rel=0.15)
    assert costs["all_reduce.custom@trtllm"] < costs["all_reduce.custom"] < costs["all_reduce.custom@vllm"]


def test_collectives_are_recovered():
    link = load_chip("h100").scaleup_bytes_per_s
    rows = [
        CollectiveRow("h100", kind, "nccl", ranks, float(size), 6e-6 + steps * 1e-6 + volume * size / (0.6 * link))
        for ranks in (2, 4, 8)
        for size in (2**power for power in range(10, 28, 2))
        for kind, steps, volume in (("all_reduce", 2 * (ranks - 1), 2 * (ranks - 1) / ranks),
                                    ("all_to_all", 0, (ranks - 1) / ranks))
    ]  # fmt: skip
    found = fit_collectives(rows)["h100"]
    assert found["all_reduce.nccl"]["call_s"] == pytest.approx(6e-6, rel=0.1)
    assert found["all_reduce.nccl"]["step_s"] == pytest.approx(1e-6, rel=0.1)
    assert found["all_reduce.nccl"]["bytes_share"] == pytest.approx(0.6, rel=0.05)
    assert found["all_to_all.nccl"]["step_s"] == 0.0


def kernels(chip):
    return kernel_curves(load_chip(chip))


def made_up_cases(host_s):
    """Runs as the engine itself would measure them, with another host time than the prior's."""
    cases = []
    for name, tp in (("llama-3.1-8b", 1), ("llama-3.1-70b", 8), ("qwen3-32b", 4)):
        model = load_model(name)
        for load in (1.0, 2.0, 4.0, 8.0, 16.0, 64.0):
            setup = Setup(model=model, system=compose_system(load_chip("h100"), tp),
                          layout=Layout(tp=tp, kv_dtype="bf16"), engine="vllm", generation="vllm",
                          scheduler=engine_of("vllm").scheduler, memory_fraction=None,
                          workload=Workload(isl=500.0, osl=500.0),
                          load=Load(kind="concurrency", value=load, requests=10 * load))  # fmt: skip
            cases.append(Case(set="made up", setup=setup, quantity="tpot", metric="tpot_ms", value=1.0, model=name,
                              chip="h100", family="hopper"))  # fmt: skip
    point = np.log([host_s if name == "host.vllm" else one.value for name, one in PRIORS.items()])
    groups = group_cases(cases, kernels)
    logs = predict_groups(groups, point)[0]

    order = [case for group in groups for case in group.cases]
    return [replace(case, value=math.exp(log)) for case, log in zip(order, logs, strict=True)]


def test_runs_move_the_constants_that_they_speak_of_and_no_others():
    cases = made_up_cases(0.8e-3)
    found = dict(zip(PRIORS, np.exp(fit_groups(group_cases(cases, kernels))), strict=True))
    assert found["host.vllm"] > 1.05 * PRIORS["host.vllm"].value  # the rest goes into what acts alike
    assert found["host.sglang"] == pytest.approx(PRIORS["host.sglang"].value, rel=1e-3)  # no run speaks of it
    predicted = np.exp(predict_groups(group_cases(cases, kernels), np.log(list(found.values())))[0])
    assert np.median(np.abs(predicted / [case.value for case in cases] - 1)) < 0.02


def test_held_out_models_are_predicted_by_the_others(monkeypatch):
    cases = made_up_cases(2e-3)
    groups = group_cases(cases, kernels)
    monkeypatch.setattr("tokenroof.measure.held_out._FEWEST", 3)
    ordered, near = linearise(groups, fit_groups(groups))
    found = list(leave_out(ordered, near, lambda case: case.model, kernels))
    assert len(found) == len(cases) and {one.left_out for one in found} == {case.model for case in cases}
    (table,) = [one for one in summarise(found) if one.set == "all"]
    assert table.metric == "tpot" and table.median_error < 0.12


def test_a_fit_near_another_predicts_as_the_fit_itself():
    """One Jacobian for every leave-out, against the whole fit without the model."""
    off = {"llama-3.1-8b": 1.2, "llama-3.1-70b": 0.9, "qwen3-32b": 1.0}
    cases = [replace(case, value=case.value * off[case.model]) for case in made_up_cases(2e-3)]
    groups = group_cases(cases, kernels)
    ordered, near = linearise(groups, fit_groups(groups))
    for name in off:
        kept = np.array([case.model != name for case in ordered])
        out = group_cases([case for case in ordered if case.model == name], kernels)
        whole = fit_groups(group_cases([case for case in ordered if case.model != name], kernels))
        found, expected, before = (predict_groups(out, one)[0] for one in (refit(ordered, near, kept), whole, near.at))
        moved = np.abs(expected - before).max()
        assert moved > 0.03 and np.abs(found - expected).max() < 0.25 * moved


def test_ranges_hold_the_share_that_they_promise():
    case = made_up_cases(1e-3)[0]
    found = [Residual(case, "x", size / 100) for size in range(-50, 51)]
    assert ranges(found)["tpot"] == pytest.approx(0.40, abs=0.02)
    one_more = [*found, *(Residual(case, "y", 0.9) for _ in range(100))]
    assert ranges(one_more)["tpot"] == pytest.approx(0.9)


def _residuals(case, model, left_out, size, n=400):
    """Errors with a normal spread of `size`."""
    numbers = random.Random(f"{left_out} {size}")
    setup = replace(case.setup, model=load_model(model))
    one = replace(case, model=model, chip="h100", family="hopper", setup=setup)
    return [Residual(one, left_out, numbers.gauss(0.0, size)) for _ in range(n)]


def test_models_with_experts_have_ranges_of_their_own():
    case = made_up_cases(1e-3)[0]
    assert load_model("gpt-oss-120b").has_experts and not load_model("llama-3.1-8b").has_experts
    tested = _residuals(case, "llama-3.1-8b", "a", 0.1) + _residuals(case, "gpt-oss-120b", "b", 0.3)
    found = spreads(tested)
    assert found[False]["hopper"]["tpot"] == pytest.approx(1.28 * 0.1, rel=0.15)
    assert found[True]["hopper"]["tpot"] == pytest.approx(1.28 * 0.3, rel=0.15)
    assert found[True]["untested"]["tpot"] >= 0.45 and found[False]["hopper"]["ttft"] == 0.8  # nothing tested it


def _on(case, left_out, tp, size, concurrency, kv_dtype="bf16"):
    setup = replace(
        case.setup, layout=replace(case.setup.layout, tp=tp, kv_dtype=kv_dtype),
        load=replace(case.setup.load, value=float(concurrency)),
    )  # fmt: skip
    return Residual(replace(case, setup=setup, model=left_out), left_out, size)


def _pairs_made_up(case, left_out, own, loads=400):
    """Each workload is off by up to a half, and each of its two layouts by `own` standard deviations of its own."""
    numbers = random.Random(left_out)
    for load in range(1, loads + 1):
        shared = numbers.uniform(-0.5, 0.5)
        yield from (_on(case, left_out, tp, shared + numbers.gauss(0.0, own), load) for tp in (1, 2))


BY_MODEL = {"model": lambda case: case.model}


def test_layouts_of_one_machine_share_most_of_their_error():
    case = made_up_cases(1e-3)[0]
    tested = [one for name in ("a", "b") for one in _pairs_made_up(case, name, 0.1)]
    (found,) = pair_spreads({"model": tested}, BY_MODEL)
    assert (found.kind, found.metric, found.n) == ("layouts", "tpot", 800)
    assert found.width == pytest.approx(1.2816 * 0.1 * math.sqrt(2.0), rel=0.1)
    assert found.held == pytest.approx(0.8, abs=0.05)
    assert ranges(tested)["tpot"] > 2.0 * found.width


def test_a_width_is_tried_on_models_that_it_was_not_taken_from():
    """Two models alike hold each other's pairs; a third, whose layouts err five times as far apart, is held by none."""
    case = made_up_cases(1e-3)[0]
    tested = [one for name in ("a", "b") for one in _pairs_made_up(case, name, 0.1)]
    (alike,) = pair_spreads({"model": tested}, BY_MODEL)
    (odd,) = pair_spreads({"model": [*tested, *_pairs_made_up(case, "c", 0.5)]}, BY_MODEL)
    assert odd.held < alike.held
    (alone,) = pair_spreads({"model": list(_pairs_made_up(case, "a", 0.1))}, BY_MODEL)
    assert alone.held is None  # no other model to take a width from


def test_only_other_deployments_under_the_same_workload_are_paired():
    case = made_up_cases(1e-3)[0]
    same = [_on(case, "a", 2, 0.1, 8), _on(case, "a", 2, 0.3, 8)]
    other_load, other_fit = _on(case, "a", 4, 0.2, 16), _on(case, "b", 4, 0.2, 8)
    assert not list(pairs_of([*same, other_load, other_fit]))
    found = list(pairs_of([*same, _on(case, "a", 4, 0.2, 8)]))
    assert sorted((pair.kind, round(pair.value, 6)) for pair in found) == [("layouts", -0.1), ("layouts", 0.1)]
    (formats,) = pairs_of([same[0], _on(case, "a", 2, 0.4, 8, kv_dtype="fp8")])
    assert (formats.kind, round(formats.value, 6)) == ("formats", -0.3)
    assert pair_spreads({"model": [*same, _on(case, "a", 4, 0.2, 8)]}, BY_MODEL) == ()  # too few to state a width


def test_formats_that_a_chip_does_not_multiply_in_are_not_paired():
    case = made_up_cases(1e-3)[0]
    chip = replace(case.setup.system.chip, flops_per_s={"bf16": 1e15})
    old = replace(case, setup=replace(case.setup, system=replace(case.setup.system, chip=chip)))
    assert not list(pairs_of([_on(old, "a", 2, 0.1, 8), _on(old, "a", 2, 0.4, 8, kv_dtype="fp8")]))
    assert len(list(pairs_of([_on(old, "a", 2, 0.1, 8), _on(old, "a", 4, 0.4, 8)]))) == 1


def test_coverage_is_counted_with_ranges_that_have_not_seen_the_group():
    """Three models alike are covered; a fourth, five times as far off, is not, though its own errors are known."""
    case = made_up_cases(1e-3)[0]
    alike = [one for m in ("llama-3.1-8b", "qwen3-32b", "llama-3.3-70b") for one in _residuals(case, m, m, 0.1)]
    odd = _residuals(case, "mistral-7b-v0.1", "mistral-7b-v0.1", 0.5)
    by_model = {"model": lambda one: one.model}
    (together,) = [c for c in coverage({"model": alike}, by_model) if c.experts is None]
    assert together.n == 1200 and 0.76 < together.share < 0.84
    hidden = coverage({"model": [*alike, *odd]}, by_model)
    missed = next(c for c in hidden if c.experts is None)
    odd_hits = missed.share * 1600 - sum(abs(one.value) < 0.3 for one in alike)
    assert odd_hits < 0.25 * 400  # a range that had seen it would hold more


def test_a_deployment_that_no_range_holds_is_named_though_the_pooled_share_is_right():
    case = made_up_cases(1e-3)[0]
    names = ("llama-3.1-8b", "qwen3-32b", "llama-3.3-70b")
    alike = [one for m in names for one in _residuals(replace(case, model=m), m, m, 0.1)]
    odd = [replace(one, value=2.0) for one in alike[:20]]
    odd = [replace(one, case=replace(one.case, model="odd"), left_out="odd") for one in odd]
    few = [replace(one, case=replace(one.case, chip="rare")) for one in alike[:9]]
    found = coverage_by_deployment({"model": [*alike, *odd, *few]})
    assert (found[0].model, found[0].n, found[0].share) == ("odd", 20, 0.0)
    assert len(found) == 4 and all(0.7 < one.share < 0.95 for one in found[1:])  # nine say nothing


def test_toml_is_read_back_as_it_was_written(tmp_path):
    tables = {"id": "x", "n": 3, "operators": {"": {"fixed_s": 1.5e-6}, "gemm.fp8": {"share": 1.0}},
              "collectives": {"all_reduce": [{"algorithm": "ring", "call_s": 0.0}]},
              "text": 'a "quoted" \\ line'}  # fmt: skip
    assert tomllib.loads(toml_text(tables, "a comment")) == tables
    write_toml(tmp_path / "x.toml", tables)
    assert tomllib.loads((tmp_path / "x.toml").read_text()) == tables
    assert [path.name for path in tmp_path.iterdir()] == ["x.toml"]


def test_fit_refuses_folders_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="ops"):
        fit_profiles(FitRequest(output=tmp_path))
    with pytest.raises(InputError, match="runs"):
        fit_profiles(FitRequest(runs=tmp_path / "none", output=tmp_path))
    with pytest.raises(InputError, match="ops_gemm_subset"):
        fit_profiles(FitRequest(ops=tmp_path, output=tmp_path))


def test_kernels_of_the_public_tables_are_fitted_to_unseen_shapes(shared_data, tmp_path):
    answer = fit_profiles(FitRequest(ops=shared_data / "measured", output=tmp_path))
    held = {key: one.held_out_error for key, one in answer.curves["h100"].items()}
    assert held["gemm.bf16"] < 0.10 and held["gemm.fp8_block"] < 0.12 and held["attention_decode.bf16"] < 0.16
    assert (tmp_path / "h100.toml").is_file() and (tmp_path / "hopper.toml").is_file()
    curves, _ = kernel_curves(load_chip("h100"), tmp_path)
    assert 0.7 < curves["gemm"].bytes_share < 1.0


def test_kernel_tables_are_read_as_counts(shared_data):
    row = next(row for row in read_kernels(shared_data / "measured") if row.kind == "gemm" and row.chip == "h100")
    n, k = (float(part) for part in row.site.split("x"))
    m = row.flops / (2 * n * k)
    assert m == round(m) and row.bytes > n * k and 1e-6 < row.seconds < 1.0


def test_doubtful_runs_and_quality_c_never_move_a_constant(shared_data):
    cases = list(read_cases(shared_data / "measured", sets=("argonne_llm_inference_bench",)))
    assert len(cases) > 500 and all("mixtral" not in case.setup.model.id for case in cases)
    assert {case.chip for case in cases} == {"a100-40", "h100"}
    assert why_not_fitted.__doc__
