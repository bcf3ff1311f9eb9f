"""Spec files: what they may say, and every fault at once, each with the path of its field."""

import json
import re
import tomllib
from pathlib import Path

import pytest

import tokenroof
from tokenroof.cli.main import VERBS
from tokenroof.errors import InputError, UnknownName
from tokenroof.schema import MOST_BYTES, REQUESTS, json_schema, parse_sweep_spec, read_sweep_spec
from tokenroof.usecases.sweep.plan import plan_sweep, points_asked
from tokenroof.usecases.sweep.spec import Range, SpecError, SweepSpec, axis_values, layout_of

GOOD = 'model = "llama-3.1-8b"\nsystem = "h200"\nbatch = [1, 2]\ncontext = 4096\n'


def parse(text: str) -> SweepSpec:
    return parse_sweep_spec(tomllib.loads(text), "spec.toml")


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    return caught.value.faults


def test_one_value_many_values_and_ranges() -> None:
    spec = parse(
        GOOD.replace("[1, 2]", "{ from = 1, to = 64, points = 7, scale = 'log' }")
        + "price_per_gpu_hour = { from = 1, to = 2, step = 0.25 }\nrule = ['operators', 'book']\n"
        + "layout = ['auto', { tp = 8, ep = 8 }, 'dp=4']\noutputs = ['decode_step_s']"
    )
    assert spec.model == ("llama-3.1-8b",)
    assert spec.context == (4096.0,)
    assert spec.layout == ("auto", "tp=8,ep=8", "dp=4")
    assert spec.rule == ("operators", "book")
    assert axis_values(spec, "batch").tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert axis_values(spec, "price_per_gpu_hour").tolist() == [1, 1.25, 1.5, 1.75, 2]
    assert spec.numeric_axes() == ("batch", "context", "price_per_gpu_hour")
    assert SweepSpec.from_dict(spec.as_dict()) == spec


def test_a_table_of_degrees_in_its_own_section() -> None:
    assert parse(GOOD + "[layout]\nep = 8\ntp = 2\ndp = 4").layout == ("tp=2,ep=8,dp=4",)
    assert parse(GOOD + "[[layout]]\ntp = 2\n[[layout]]\n").layout == ("tp=2", "tp=1")


def test_counts_in_a_range_are_rounded_and_prices_are_not() -> None:
    spec = parse(GOOD + "price_per_gpu_hour = { from = 1, to = 2, points = 4 }")
    assert axis_values(spec, "price_per_gpu_hour") == pytest.approx([1, 4 / 3, 5 / 3, 2])
    many = SweepSpec(model=("a",), system=("b",), batch=Range(start=1, stop=3, points=100), context=(1.0,))
    assert axis_values(many, "batch").tolist() == [1, 2, 3]


def test_every_fault_is_named_with_its_path() -> None:
    found = faults(
        'modle = "x"\nsystem = 3\nbatch = [1, -2, "x"]\ncontext = { from = 1, too = 3 }\nprofile = "pek"\n'
        "[[layout]]\ntpp = 3\n[[layout]]\ntp = 1.5\n"
    )
    assert set(found) == {
        "modle: unknown field; nearest: model",
        "model: missing",
        "system = 3: must be text",
        "batch[2] = 'x': must be a number",
        "context.to: missing",
        "context.too: unknown field; nearest: to",
        "profile = 'pek': must be one of auto, peak",
        "layout[0].tpp: unknown field; nearest: tp",
        "layout[1].tp = 1.5: must be a whole number",
    }


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("batch = []", "batch: empty; give at least one value"),
        ("batch = 0", "batch = 0: must be from 1 to 1e+09"),
        ("batch = [1, -4]", "batch[1] = -4: must be from 1 to 1e+09"),
        ("batch = [2, 2.0]", "batch: the same value twice"),
        ("batch = true", "batch = True: must be a number"),
        ("batch = nan", "batch = nan: must be a finite number"),
        ("batch = [inf]", "batch = inf: must be a finite number"),
        (f"batch = 1{'0' * 400}", "batch = 1000000000000000000000000000000000000...: must be a finite number"),
        ("batch = 1979-05-27", "batch = datetime.date(1979, 5, 27): must be a number"),
        ("batch = { from = 5, to = 2, points = 3 }", "batch.to = 2: must be at least from = 5"),
        ("batch = { from = 1, to = 2 }", "batch: give points or step, one of the two"),
        ("batch = { from = 1, to = 2, points = 2, step = 1 }", "batch: give points or step, one of the two"),
        ("batch = { from = 1, to = 2, points = 0 }", "batch.points = 0: must be from 1 to 1,000,000"),
        ("batch = { from = 1, to = 1e9, step = 1 }", "batch.step = 1: gives more than 1,000,000 points"),
        ("batch = { from = 1, to = 9, step = -1 }", "batch.step = -1: must be a finite number above 0"),
        ("batch = { from = 1, to = inf, points = 3 }", "batch.to = inf: must be a finite number"),
        ("batch = { from = 1, to = 9, points = 3, scale = 'lg' }", "batch.scale = 'lg': must be linear or log"),
    ],
)  # fmt: skip
def test_numbers_out_of_bounds(line: str, fault: str) -> None:
    assert faults(GOOD.replace("batch = [1, 2]", line)) == (fault,)


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("model = []", "model: empty; give at least one value"),
        ("rule = ['book', 'book']", "rule: the same value twice"),
        ("rule = ['book', 'boook']", "rule[1] = 'boook': must be one of lecture, text, book, operators"),
        ("engine = 'vlm'", "engine = 'vlm': must be one of vllm, sglang, trtllm, llama.cpp, none"),
        ("layout = 'tp=x'", "layout.tp = 'x': must be a whole number from 1 to 1,000,000"),
        ("layout = ['auto', { tp = 0 }]", "layout[1].tp = '0': must be a whole number from 1 to 1,000,000"),
        ("layout = 'tq=8'", "layout = 'tq=8': must be one of tp, pp, ep, dp, cp, dcp, redundant_experts = a whole "
                            "number; nearest: tp"),
        ("layout = 'tp=2,tp=4'", "layout = 'tp=2,tp=4': must be each degree once; tp is given twice"),
        ("price_per_gpu_hour = 'rent'", "price_per_gpu_hour = 'rent': must be rental"),
        ("isl = 3", "context: given with isl; give one or the other"),
        ("prefix = 3", "prefix: needs isl and osl"),
        ("block_points = 0", "block_points = 0: must be from 1 to 1,000,000"),
        ("block_points = true", "block_points = True: must be a whole number"),
    ],
)  # fmt: skip
def test_other_values_out_of_bounds(lines: str, fault: str) -> None:
    kept = [line for line in GOOD.splitlines() if line.partition(" ")[0] != lines.partition(" ")[0]]
    assert fault in faults("\n".join([*kept, lines]))


def test_the_load_is_context_or_isl_and_osl() -> None:
    base = GOOD.replace("context = 4096\n", "")
    assert faults(base) == ("context: missing; give context, or isl and osl",)
    assert faults(base + "isl = 3") == ("osl: missing; isl and osl are given as a pair",)
    assert faults(base + "isl = [512, 1024]\nosl = 10\nprefix = [0, 512]") == (
        "prefix = 512: must be below the least isl, 512",
    )
    assert faults(base + "isl = 512\nosl = [1, 10]") == (
        "osl[0] = 1: must be from 2 to 1e+09; one token has no time per output token; with 2 read TTFT",
    )
    assert parse(base + "isl = 512\nosl = 10\nprefix = 511").numeric_axes() == ("batch", "isl", "osl", "prefix")


def test_all_unknown_names_are_reported_with_the_nearest() -> None:
    spec = parse(GOOD.replace('"llama-3.1-8b"', '["llama-3.1-8b", "deepsek-v3"]').replace('"h200"', '"h20o"'))
    with pytest.raises(SpecError) as caught:
        plan_sweep(spec)
    model, system = caught.value.faults
    assert model.startswith("model[1]: unknown model 'deepsek-v3'; nearest: ")
    assert "deepseek-v3" in model
    assert system.startswith("system[0]: ")
    assert "h200" in system


def test_two_names_of_one_model_are_one_model() -> None:
    spec = parse(GOOD.replace('"llama-3.1-8b"', '["llama-3.1-8b", "meta-llama/Llama-3.1-8B"]'))
    with pytest.raises(SpecError, match=r"are the same, llama-3\.1-8b"):
        plan_sweep(spec)


def test_impossible_combinations_are_set_aside_with_their_reason() -> None:
    plan = plan_sweep(parse(GOOD + "layout = ['tp=1', 'tp=5', 'tp=16']\nrule = ['operators', 'text']"))
    assert [dict(case.labels)["layout"] for case in plan.cases] == ["tp=1"]
    reasons = {(skip.labels["layout"], skip.labels["rule"]): skip.reason for skip in plan.skipped}
    assert reasons["tp=1", "text"] == "rule text knows no layout: only auto goes with it"
    assert "at most 1 chip" in reasons["tp=5", "operators"]
    assert "at most 1 chip" in reasons["tp=16", "operators"]


def test_nothing_that_can_be_evaluated_is_a_fault_of_the_spec() -> None:
    with pytest.raises(SpecError, match=r"no combination can be evaluated: .*pp = 5"):
        plan_sweep(parse(GOOD + "layout = 'tp=5'"))


def test_outputs_are_checked_against_the_columns_of_this_sweep() -> None:
    assert plan_sweep(parse(GOOD + "outputs = ['mfu']")).columns == ("batch", "context", "mfu")
    with pytest.raises(SpecError, match="outputs: no 'decode_usd_per_mtok' in this sweep"):
        plan_sweep(parse(GOOD + "outputs = ['decode_usd_per_mtok']"))  # no price, no costs


def test_rental_prices_come_from_the_catalogue_or_are_missing_aloud() -> None:
    priced = plan_sweep(parse(GOOD + "price_per_gpu_hour = 'rental'"))
    system = priced.cases[0].system
    assert system.rental is not None
    assert priced.cases[0].rental_usd_per_h == system.rental.median_usd_per_h
    assert "price_per_gpu_hour" in priced.columns
    with pytest.raises(SpecError, match="no rental price is recorded for 8xapple-m4-max"):
        plan_sweep(parse(GOOD.replace("h200", "8xapple-m4-max") + "price_per_gpu_hour = 'rental'"))


def test_points_are_counted_without_looking_anything_up() -> None:
    spec = parse(GOOD.replace('"h200"', '["x", "y"]').replace("4096", "{ from = 1, to = 1e6, step = 1 }"))
    assert points_asked(spec) == 2 * 2 * 1_000_000


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    names = ", ".join(f'"m{i}"' for i in range(30_000))
    with pytest.raises(SpecError, match="30,000 combinations of names and formats; at most 20,000"):
        plan_sweep(parse(GOOD.replace('"llama-3.1-8b"', f"[{names}]")))


def test_layout_words() -> None:
    assert layout_of("auto") is None
    layout = layout_of("tp=8, ep = 8,redundant_experts=0,activation_dtype=bf16")
    assert layout is not None
    assert (layout.tp, layout.ep, layout.activation_dtype) == (8, 8, "bf16")
    with pytest.raises(InputError, match="activation_dtype"):
        layout_of("activation_dtype=bf17")


# ---------------------------------------------------------------------------------------------- the file itself


def read(tmp_path: Path, content: bytes) -> SweepSpec:
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    return read_sweep_spec(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.encode()).batch == (1.0, 2.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = [[[", "must be a TOML file; Invalid value"),
        (b"\xff\xfe", "must be UTF-8 text; byte 0 is not"),
        (b"x=" + b"[" * 100_000, "nested too deep"),
        (b"a." * 100_000 + b"a=1", "a key in it has more than 32 parts"),
        (b'"a" . ' * 40 + b"a=1", "a key in it has more than 32 parts"),
        (b"x=" + b"9" * 5000, "must be a TOML file"),
        (b"#" * (MOST_BYTES + 1), "must be at most 1,000,000 bytes"),
        (b"a=1\na=2\n", "must be a TOML file; Cannot overwrite a value"),
    ],
)  # fmt: skip
def test_what_is_not_a_spec_file(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a directory"):
        read_sweep_spec(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_sweep_spec(tmp_path / "none.toml")


def test_many_faults_are_counted_and_cut(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read(tmp_path, GOOD.encode() + b"\n".join(b"z%d = 1" % i for i in range(50)))
    assert len(caught.value.faults) == 50
    assert str(caught.value).startswith("spec.toml: 50 faults: ")
    assert str(caught.value).endswith("; and 30 more")


@pytest.mark.parametrize("request_name", sorted(REQUESTS))
def test_every_request_has_a_json_schema_that_is_json(request_name: str) -> None:
    assert request_name in VERBS
    schema = json.loads(json.dumps(json_schema(request_name), allow_nan=False))
    assert schema["type"] == "object"
    assert schema["properties"]


def test_json_schema_of_requests() -> None:
    schema = json_schema("sweep")
    assert set(schema["required"]) == {"model", "system", "batch"}
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(SweepSpec.__dataclass_fields__)
    assert json_schema("roofline")["properties"]["flops_per_s"]["type"] == "number"
    assert {"model", "system"} <= set(json_schema("analyze")["required"])
    with pytest.raises(UnknownName, match="nearest: sweep"):
        json_schema("swep")


def test_the_guide_names_every_field_and_its_spec_is_one(repo_root: Path) -> None:
    text = (repo_root / "docs/guide/sweep.md").read_text(encoding="utf-8")
    table = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) == set(SweepSpec.__dataclass_fields__)
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 1
    assert plan_sweep(parse(blocks[0])).cases


def test_a_path_in_place_of_a_spec_is_answered_with_how_to_read_it(tmp_path):
    with pytest.raises(InputError, match="read_sweep_spec"):
        tokenroof.sweep("grid.toml", tmp_path / "out")
    assert not (tmp_path / "out").exists()
