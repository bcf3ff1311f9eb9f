"""Tables on narrow and wide windows: a number is never cut, whatever the width."""

import os
import re
import subprocess
import sys

import pytest

from tokenroof.cli.render import print_table


def run(*arguments: str, columns: int) -> str:
    environment = {**os.environ, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "tokenroof", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        ("lecture", "--chapter", "rack"),
    ],
    ids=lambda a: a[0],
)
def test_narrow_windows_cut_no_number(arguments: tuple[str, ...], columns: int) -> None:
    narrow, wide = run(*arguments, columns=columns), run(*arguments, columns=400)
    assert "…" not in narrow
    assert max(len(line) for line in narrow.splitlines() if line.startswith("─")) <= columns
    figures = re.compile(r"(?<![\w.])\d[\d,]*\.?\d*(?![\w.])")
    assert set(figures.findall(wide)) <= set(figures.findall(narrow))


def test_a_table_too_wide_goes_on_below_under_its_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    names = [f"figure{n}" for n in range(8)]
    print_table(["id", *names], [["one", *(str(10**n) for n in range(8))]], right=range(1, 9))
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("id") for line in lines) == sum(line.startswith("one") for line in lines) > 1
    assert all(sum(name in line for line in lines) == 1 for name in names)


@pytest.mark.parametrize("columns", ["", "x", "-5", "0", "9999999999", "1"])
def test_a_senseless_width_is_not_followed(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_table(["id", "value"], [["a", "123,456"]], right=(1,))
    assert "123,456" in capsys.readouterr().out
