"""A system file from anywhere ends in a System or in one TokenroofError of one line: never another exception."""

import math
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog import load_system, load_system_file
from tokenroof.catalog.machine_index import DATA
from tokenroof.errors import TokenroofError
from tokenroof.types.machine import System

SEEDS = [
    *(path.read_text(encoding="utf-8") for path in sorted((DATA / "systems").glob("*nvl72.toml"))),
    """
id = "own"
name = "Own"
[defaults]
source = "me"
as_of = "2026-11-01"
[size]
n_chips = 16
domain = 4
[links]
scaleup = {value = 300, unit = "GB/s", grade = "measured"}
scaleout = "400 Gbit/s"
[rental]
low = "1 USD/GPU/h"
median = "2 USD/GPU/h"
high = "3 USD/GPU/h"
[chip]
id = "c"
name = "C"
vendor = "V"
kind = "asic"
year = 2026
[chip.memory]
label = "100 GB"
bandwidth = "5 TB/s"
[chip.flops]
bf16 = "1 PFLOP/s"
[chip.links]
domain = 8
scaleup = "300 GB/s"
scaleup_peer = "50 GB/s"
[chip.achievable]
bf16 = "800 TFLOP/s"
""",
]
VALUES = st.one_of(
    st.sampled_from(
        ["nan", "inf", "-inf", "0", "-1", "1e400", "true", "[]", "{}", '""', "2026-01-01", "1979-05-27T07:32:00Z",
         '"1e308 TB/s"', '"0 GB"', '"3.35"', '"TB/s"', '"1 /"', '"1 */s"', '"1 GB/s/s/s"', '"9999999 PB"', "9" * 400,
         '"nan GB/s"', '"1_0 GB/s"', "'''\n'''", "[[[[1]]]]", "{a = {b = {c = 1}}}",
         '"\\u0000"', '"h100"', '"x' + "y" * 999 + '"', '1\n"a\\nb" = 2']
    ),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=20).map(lambda s: '"' + s.replace("\\", "").replace('"', "").replace("\n", "") + '"'),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real file with lines dropped, doubled, moved, or given another value."""
    lines = draw(st.sampled_from(SEEDS)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["drop", "double", "value", "swap", "key"]))
        key, equals, _ = lines[at].partition("=")
        if what == "drop" and len(lines) > 1:
            del lines[at]
        elif what == "double":
            lines.insert(at, lines[at])
        elif what == "value" and equals:
            lines[at] = f"{key}= {draw(VALUES)}"
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] = lines[at].replace("a", "q", 1)
    return "\n".join(lines)


def _numbers(system: System) -> list[float]:
    chip = system.chip
    facts = [*system.facts.values(), *chip.facts.values()]
    return [system.n_chips, system.domain_size, chip.memory_bytes, chip.bytes_per_s, *(fact.value for fact in facts)]


def _load(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.toml"
        path.write_bytes(content)
        try:
            system = load_system_file(path)
        except TokenroofError as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert all(math.isfinite(number) and number > 0 for number in _numbers(system))
            assert 1 <= system.domain_size <= system.n_chips


@given(mutated())
def test_mutated_files(text: str) -> None:
    _load(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=300))
def test_bytes(content: bytes) -> None:
    _load(content)


@given(st.text(max_size=60))
def test_names(name: str) -> None:
    try:
        system = load_system(name)
    except TokenroofError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert system.n_chips >= 1


@given(st.integers(1, 10_000), st.sampled_from(["h100", "mi300x", "gb200", "v5p", "l4", "tpu-8i"]))
def test_composed_systems_keep_their_limits(n: int, chip: str) -> None:
    system = load_system(f"{n}x{chip}")
    assert system.n_chips == n
    assert system.domain_size == min(n, system.chip.reach)
    if system.scaleup_bytes_per_s is not None:
        assert system.chip.scaleup_bytes_per_s is not None
        assert system.scaleup_bytes_per_s <= system.chip.scaleup_bytes_per_s
