"""Caps of the one place that reads files: what is no file, too large, too long a line, a bomb, too deep."""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tokenroof.catalog.models.importer import model_from_path
from tokenroof.catalog.offers.files import read_offer_file
from tokenroof.catalog.systems import load_system_file
from tokenroof.errors import FileError, InputError, TokenroofError
from tokenroof.measure.importers import read_results
from tokenroof.reading import expanded, lines, opened, parse_json, parse_toml, read_bytes, read_json, read_text
from tokenroof.schema import read_scenario, read_sweep_spec
from tokenroof.simulate.traces import read_trace
from tokenroof.usecases.money.traffic import traffic_of

DOORS: dict[str, Callable[[Path], object]] = {
    "s.json": read_scenario,
    "s.toml": read_scenario,
    "sweep.toml": read_sweep_spec,
    "system.toml": load_system_file,
    "offers.toml": read_offer_file,
    "config.json": model_from_path,
    "loads.csv": lambda path: traffic_of(str(path)),
    "runs.csv": lambda path: list(read_results(path)),
    "trace.csv": read_trace,
}


@pytest.mark.parametrize("name", DOORS)
def test_a_pipe_and_a_device_are_refused_unread(tmp_path: Path, name: str) -> None:
    """Opening the pipe would wait for ever; the device has no end."""
    pipe, device = tmp_path / name, tmp_path / f"zero-{name}"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(TokenroofError, match="write it to a file first"):
            DOORS[name](path)


@pytest.mark.parametrize("name", [name for name in DOORS if name.endswith(".toml")])
def test_a_key_of_thousands_of_parts_is_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a." * 100_000 + "b = 1")
    with pytest.raises(TokenroofError, match="more than 32 parts"):
        DOORS[name](tmp_path / name)


@pytest.mark.parametrize("name", ["s.json", "config.json"])
def test_json_of_many_levels_is_refused(tmp_path: Path, name: str) -> None:
    for text in ("[" * 100 + "]" * 100, '{"a":' * 500 + "1" + "}" * 500, "[" * 200_000):
        (tmp_path / name).write_text(text)
        with pytest.raises(TokenroofError, match="JSON nested at most"):
            DOORS[name](tmp_path / name)


@pytest.mark.parametrize("name", DOORS)
def test_a_home_of_nobody_is_bad_input(name: str) -> None:
    if name in ("s.json", "s.toml", "sweep.toml", "system.toml", "config.json", "loads.csv"):
        with pytest.raises(InputError, match="there is no such user"):
            DOORS[name](Path(f"~nobody-of-this-name/{name}"))
    else:  # these open what the shell or their caller has expanded
        with pytest.raises(TokenroofError):
            DOORS[name](Path(f"~nobody-of-this-name/{name}"))


_ENDLESS = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
from tokenroof.errors import TokenroofError
from tokenroof.measure.importers import read_results
from tokenroof.simulate.traces import read_trace
from tokenroof.simulate.traces.table import columns_from
try:
    for one in read_results(sys.argv[2]) if sys.argv[1] == "runs" else [read_trace(sys.argv[2], columns=sys.argv[3])]:
        pass
except TokenroofError as error:
    print(error)
"""


def _within_a_gigabyte(*args: str) -> str:
    child = [sys.executable, "-c", _ENDLESS, *args]
    done = subprocess.run(child, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def test_an_endless_line_takes_no_memory(tmp_path: Path) -> None:
    """10 GB without a line end, which once took 9.5 GB; a hole in a file is quick to make."""
    runs, trace = tmp_path / "runs.csv", tmp_path / "trace.csv"
    columns = "model,hardware,engine,mode,input_len,output_len,batch_or_concurrency,metric,value,unit\n"
    for path, head in ((runs, columns), (trace, "isl,osl\n")):
        path.write_text(head + "a" * 10)
        os.truncate(path, 10_000_000_000)
    assert "line longer than 1,000,000 characters" in _within_a_gigabyte("runs", str(runs))
    assert "line longer than 32,000,000 characters" in _within_a_gigabyte("trace", str(trace), "isl=isl,osl=osl")


def test_long_lines_end_a_block_early(tmp_path: Path) -> None:
    """Lines of 8 MB of lists, 40 times as large as objects: four are more than there is; one is held at a time."""
    path = tmp_path / "trace.jsonl.gz"
    line = b'{"isl": 1, "osl": 1, "x": [' + b"[]," * 2_700_000 + b"1]}\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(line * 4)
    assert _within_a_gigabyte("trace", str(path), "isl=isl,osl=osl") == ""


def test_a_bomb_is_refused_and_what_packs_well_is_not(tmp_path: Path) -> None:
    bomb, good = tmp_path / "bomb.csv.gz", tmp_path / "good.csv.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(b"isl,osl,note\n")
        for _ in range(70):
            file.write((b"1000,100," + b" " * 99_990 + b"\n") * 10)
    with pytest.raises(FileError, match="unpacks to more than 100 times its size; gunzip it first"):
        read_trace(bomb)
    with gzip.open(good, "wb") as file:
        file.write(b"isl,osl\n" + b"1000,100\n" * 100_000)
    assert read_trace(good).isl.size == 100_000


def test_sizes_and_text(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbfab")
    assert read_text(path) == "ab" and read_bytes(path, most=5) == b"\xef\xbb\xbfab"
    with pytest.raises(InputError, match=r"f.*must be at most 4 bytes; it holds 5; cut it"):
        read_bytes(path, most=4, fix="cut it")
    path.write_bytes(b"a\xff")
    with pytest.raises(InputError, match="UTF-8 text; byte 1 is not"):
        read_text(path)
    with opened(path) as file, pytest.raises(FileError, match="f:1: a line longer than 2 characters"):
        list(lines(file, "f", 2))
    with pytest.raises(InputError, match="there is no such user"):
        expanded("~nobody-of-this-name/x")
    assert expanded("~/x") == Path.home() / "x"


def test_data_of_a_few_levels(tmp_path: Path) -> None:
    assert parse_json("[" * 64 + "]" * 64, "f") is not None
    with pytest.raises(InputError, match="nested at most 64 deep"):
        parse_json("[" * 65 + "]" * 65, "f")
    with pytest.raises(InputError, match="numbers of a sane length"):
        parse_json("9" * 5000, "f")
    with pytest.raises(InputError, match=r"line 2, column 1: .*; is the file cut off"):
        parse_json("[\n", "f")
    assert parse_toml("a.b = 1", "f") == {"a": {"b": 1}}
    (tmp_path / "f.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "f.json") == {"a": 1}
