"""Any bytes and any data at the door of `sweep`: a spec or a one-line error, never anything else."""

import math
import string
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenroof.errors import TokenroofError
from tokenroof.schema import parse_sweep_spec, parse_toml, read_sweep_spec
from tokenroof.usecases.sweep.blocks import blocks_of, chunk_shape
from tokenroof.usecases.sweep.spec import CATEGORICAL, LIMITS, NUMERIC, Range, SweepSpec, axis_values, check_spec

FIELDS = (*CATEGORICAL, *NUMERIC, "outputs", "block_points")
WORDS = ("auto", "own", "peak", "operators", "lecture", "vllm", "fp8", "rental", "tp=8", "tp=2,ep=2", "h200", "")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 1 << 70), st.floats(), st.sampled_from(WORDS), st.text(max_size=5)
)  # fmt: skip
ranges = st.fixed_dictionaries(
    {"from": st.floats(-1, 1e4) | scalars, "to": st.floats(-1, 1e6) | scalars},
    optional={"points": st.integers(-1, 50) | scalars, "step": st.floats(0.01, 99) | scalars,
              "scale": st.sampled_from(["log", "linear", "x"]), "extra": scalars},
)  # fmt: skip
values = st.one_of(scalars, st.lists(scalars, max_size=4), ranges, st.lists(ranges, max_size=2))
good_axes = st.one_of(
    st.floats(1, 1e9),
    st.lists(st.floats(1, 1e9), min_size=1, max_size=5, unique=True),
    st.builds(lambda low, more, points, scale: {"from": low, "to": low + more, "points": points, "scale": scale},
              st.floats(1, 1e6), st.floats(0, 1e8), st.integers(1, 500), st.sampled_from(["log", "linear"])),
    st.builds(lambda low, steps, step: {"from": low, "to": low + steps * step, "step": step},
              st.floats(1, 1e3), st.floats(0, 999), st.floats(0.5, 1e3)),
)  # fmt: skip


def one_line(error: TokenroofError) -> bool:
    text = str(error)
    return bool(text) and not any(end in text for end in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), values, max_size=10))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_data_is_a_spec_or_a_one_line_error(data: dict[str, object]) -> None:
    try:
        spec = parse_sweep_spec(data)
    except TokenroofError as error:
        assert one_line(error)
        return
    assert check_spec(spec) is spec


@given(st.binary(max_size=300) | st.text(alphabet=string.printable + "é\u2028", max_size=300).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_spec_or_a_one_line_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    try:
        read_sweep_spec(path)
    except TokenroofError as error:
        assert one_line(error)


@given(
    st.lists(
        st.sampled_from(["a", '"', "'", ".", " ", "=", "[", "]", "{", "}", ",", "1", "\n", "#", "\\", "é"]),
        max_size=200,
    )
)
def test_any_heap_of_toml_marks_is_refused_or_read(marks: list[str]) -> None:
    try:
        assert isinstance(parse_toml("".join(marks), "spec.toml"), dict)
    except TokenroofError as error:
        assert one_line(error)


@given(good_axes, good_axes)
def test_axes_are_finite_inside_their_limits_and_survive_the_manifest(batch: object, context: object) -> None:
    spec = parse_sweep_spec({"model": "m", "system": "s", "batch": batch, "context": context})
    assert SweepSpec.from_dict(spec.as_dict()) == spec
    for name in ("batch", "context"):
        found = axis_values(spec, name)
        _, low, high, whole = LIMITS[name]
        assert found.size >= 1
        assert np.isfinite(found).all()
        assert found.min() >= low * (1 - 1e-9)
        assert found.max() <= high * (1 + 1e-9)
        axis = getattr(spec, name)
        if isinstance(axis, Range):
            assert (np.diff(found) > 0).all()
            assert found.size <= (axis.points or math.inf)
            assert not whole or (found == np.round(found)).all()
            assert found.min() >= axis.start - 0.5
            assert found.max() <= axis.stop + 0.5


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 200))
def test_blocks_tile_the_grid_once_and_in_order(sizes: list[int], most: int) -> None:
    seen = np.zeros(sizes, dtype=int)
    order = np.arange(math.prod(sizes)).reshape(sizes)
    firsts = []
    for number, block in enumerate(blocks_of(tuple(sizes), most)):
        assert block.index == number
        assert 1 <= block.points <= most
        box = tuple(slice(start, stop) for start, stop in block.box)
        seen[box] += 1
        firsts.append(order[box].min())
    assert (seen == 1).all()
    assert firsts == sorted(firsts)
    assert math.prod(chunk_shape(tuple(sizes), most)) <= most
