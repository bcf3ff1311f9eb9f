"""What all verbs share: the options of a scenario, scenario files, old names, errors, completion, the first page."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tokenroof.cli.complete import SHELLS, complete_models, complete_offers, complete_systems
from tokenroof.cli.faults import error_text, spelled
from tokenroof.cli.main import VERBS, cli
from tokenroof.cli.old_options import OLD_OPTIONS, renamed
from tokenroof.cli.options import model_argument, offer_option, output_options, scenario_from, scenario_options
from tokenroof.cli.welcome import QUESTIONS, welcome
from tokenroof.errors import DataMissing, InputFaults, TokenroofError, UnknownName
from tokenroof.types.scenario import Scenario

TOKENROOF = [sys.executable, "-m", "tokenroof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest(Scenario):
    speed: float = 1.0


def ask(seen: list[AskRequest]) -> click.Command:
    @click.command("ask")
    @model_argument
    @scenario_options("acceptance")
    @click.option("--speed", default=2.0)
    @offer_option
    @output_options
    def command(**options: Any) -> None:
        """Ask."""
        seen.append(scenario_from(options, AskRequest))

    return command


def asked(*arguments: str) -> AskRequest:
    seen: list[AskRequest] = []
    result = CliRunner().invoke(ask(seen), arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen[0]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOKENROOF, *arguments], check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_every_field_of_a_scenario_has_its_option() -> None:
    params = {param.name: param for param in ask([]).params}
    for one in fields(Scenario):
        if one.name not in ("model", "acceptance"):
            param = params[one.name]
            assert isinstance(param, click.Option) and param.help
            assert param.opts == [
                f"--{one.name.replace('_', '-')}",
                *(["--efficiency"] if one.name == "profile" else []),
            ]
    assert "acceptance" not in params
    with pytest.raises(TypeError, match="no such options: fast"):
        scenario_options("fast")


def test_options_become_the_fields() -> None:
    found = asked(
        "llama-3.3-70b", "--system", "8xh100", "--isl", "8Ki", "--osl", "1k", "--users", "500", "--ttft", "1s",
        "--tpot", "50ms", "--tp", "2", "--kv-dtype", "fp8", "--set", "chip.memory_bandwidth=1.5x", "--set", "a=b",
    )  # fmt: skip
    assert found == AskRequest(
        model="llama-3.3-70b", system="8xh100", isl=8192.0, osl=1000.0, users=500.0, ttft=1.0, tpot=0.05, tp=2,
        kv_dtype="fp8", set=(("chip.memory_bandwidth", "1.5x"), ("a", "b")), speed=2.0,
    )  # fmt: skip


def told(arguments: tuple[str, ...]) -> list[str]:
    command = ask([])
    with pytest.raises(TokenroofError) as caught:
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    return error_text(caught.value, command).splitlines()


def test_all_faults_are_told_in_the_spelling_of_the_command() -> None:
    assert told(("--batch", "-1", "--context", "128Q", "--tpot", "50")) == [
        "error: --batch -1 must be from 1 to 1e9 requests in one step",
        "error: --context 128Q must be a number of tokens; write 128000, 128k (128,000) or 128Ki (131,072)",
        'error: --tpot 50 must be more than 0 and at most 10 seconds; write 0.05 or "50ms"',
        "error: MODEL must be given",
        "error: --system must be given",
    ]


def test_a_scenario_is_saved_read_and_overridden(tmp_path: Path) -> None:
    path = str(tmp_path / "s.toml")
    first = asked("m", "--system", "h100", "--tpot", "50ms", "--set", "a=b", "--save-scenario", path)
    assert asked("--scenario", path) == first
    assert asked("n", "--scenario", path, "--tpot", "0.03") == AskRequest(
        model="n", system="h100", tpot=0.03, set=(("a", "b"),), speed=2.0
    )
    assert list(tmp_path.iterdir()) == [Path(path)]


def test_a_file_gives_what_an_option_has_only_by_default(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"model": "m", "system": "s", "speed": 7}')
    assert asked("--scenario", str(path)).speed == 7.0
    assert asked("--scenario", str(path), "--speed", "3").speed == 3.0


def test_faults_of_a_file_carry_its_name(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('model = "m"\ntpot = 50\nmodl = 3\n')
    assert told(("--scenario", str(path), "--tp", "0")) == [
        "error: --tp 0 must be from 1 to 100,000 GPUs",
        'error: s.toml: tpot = 50: must be more than 0 and at most 10 seconds; write 0.05 or "50ms"',
        "error: s.toml: modl: must be the name of a field; nearest: model",
        "error: --system must be given",
    ]
    (line,) = told(("--scenario", str(tmp_path / "none.toml")))
    assert "No such file" in line
    (line,) = told(("m", "--system", "s", "--save-scenario", str(tmp_path / "s.ini")))
    assert line.startswith("error: --save-scenario") and ".toml" in line


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (("--rate", "3", "--", "--rate"), ["--request-rate", "3", "--", "--rate"]),
        (("--plot=a.svg",), ["-o", "a.svg"]),
        (("--apart", "--profile", "peak"), ["--apart", "--profile", "peak"]),
    ],
)
def test_old_names_work_and_say_the_new_one(
    given: tuple[str, ...], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert renamed(ask([]), given) == found
    said = capsys.readouterr().err
    assert (said == "") if list(given) == found else said.startswith(f"note: {given[0].partition('=')[0]} is now ")


def test_a_verb_that_has_the_old_name_keeps_it() -> None:
    @click.command()
    @click.option("--rate")
    @click.option("--request-rate")
    def command(**_: Any) -> None: ...

    assert renamed(command, ["--rate", "3"]) == ["--rate", "3"]
    assert not set(OLD_OPTIONS) & set(OLD_OPTIONS.values())


def test_an_old_name_at_the_door(tmp_path: Path) -> None:
    done = run("kv", "qwen3-8b", "--plot", str(tmp_path / "kv.svg"), "-o", str(tmp_path / "kv.csv"), "--json")
    assert done.returncode == 0 and "note: --plot is now -o" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"kv.svg", "kv.csv"}
    assert (tmp_path / "kv.csv").read_text().startswith("model,kv_dtype,")


def test_errors_at_the_door() -> None:
    done = run("analyze", "deepseek-v4", "--system", "8xh100")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == 'error: there is no model "deepseek-v4"'
    assert done.stderr.splitlines()[1].startswith("  did you mean   deepseek-v3, ")
    assert error_text(DataMissing("h100", "x"), None) == "error: h100 has no x"
    assert error_text(UnknownName("model", "x"), None) == 'error: there is no model "x"'


@pytest.mark.parametrize(("verb", "known"), [("analyze", True), ("plan", True), ("kv", True), ("model", False)])
def test_a_machine_in_the_place_of_a_model_is_told_its_option(verb: str, known: bool) -> None:
    done = run(verb, "qwen3-8b", "8xh100")
    assert (done.returncode, done.stdout) == (2, "")
    assert ("  8xh100 is a machine: --system 8xh100" in done.stderr.splitlines()) == known


@pytest.mark.parametrize("shown", [False, True])
def test_a_fault_of_tokenroof_is_no_bad_input(shown: bool) -> None:
    code = (
        "import sys\nimport tokenroof.usecases.listing.kv as kv\n"
        "def broken(request): return kv.kv_rows(None)\n"
        "kv.compare_kv = broken\n"
        f"sys.argv = {['tokenroof', 'kv', 'qwen3-8b', '--traceback'][: 4 if shown else 3]}\n"
        "from tokenroof.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (70, "")
    assert ("Traceback" in done.stderr) is shown
    assert done.stderr.splitlines()[-2].startswith("internal error: 'NoneType'")
    assert "(usecases/listing/kv.py:" in done.stderr.splitlines()[-2]


def test_the_first_page_asks_and_its_commands_parse() -> None:
    text = welcome()
    assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 100
    for question, command in QUESTIONS:
        assert question.endswith("?")
        name, verb, *arguments = shlex.split(command)
        assert name == "tokenroof"
        found = cli.get_command(click.Context(cli), verb)
        assert found is not None
        assert renamed(found, arguments) == arguments, "an option's old name"
        found.make_context(verb, arguments)
    verbs = {
        word.strip(",")
        for line in text.splitlines()
        if line.startswith(("More", "Look", "Make"))
        for word in line.split()
    }
    assert set(VERBS) <= verbs | {command.split()[1] for _, command in QUESTIONS}


@pytest.mark.parametrize(
    ("complete", "start", "some"),
    [
        (complete_models, "deepseek-v3", "deepseek-v3.1"),
        (complete_systems, "gb2", "gb200-nvl72"),
        (complete_systems, "16xh1", "16xh100"),
        (complete_offers, "market/llama-3.3", "market/llama-3.3-70b"),
        (complete_offers, "deepseek/", "deepseek/"),
        (complete_models, "no such", None),
    ],
)
def test_names_are_completed(complete: Callable[..., Any], start: str, some: str | None) -> None:
    command = ask([])
    found = [item.value for item in complete(click.Context(command), command.params[0], start)]
    assert found == sorted(found) and all(value.startswith(start) for value in found)
    assert not found if some is None else any(value.startswith(some) for value in found)


def test_the_shell_completes_verbs_and_models() -> None:
    def completed(words: str) -> str:
        count = len(words.split()) - 1
        return run(_TOKENROOF_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count)).stdout

    assert completed("tokenroof ana") == "plain,analyze\n"
    assert "plain,qwen3-8b\n" in completed("tokenroof kv qwen3-8")


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_completion_is_installed_below_home(shell: str, tmp_path: Path) -> None:
    done = run("--install-completion", HOME=str(tmp_path), SHELL=f"/bin/{shell}")
    assert done.returncode == 0, done.stderr
    path = tmp_path / SHELLS[shell][0]
    assert f"written: {path}" in done.stdout and "_TOKENROOF_COMPLETE" in path.read_text()


def test_completion_of_another_shell_is_refused(tmp_path: Path) -> None:
    done = run("--install-completion", "tcsh", HOME=str(tmp_path))
    assert done.returncode == 2 and "one of bash, fish, zsh" in done.stderr
    assert not list(tmp_path.iterdir())


def test_input_faults_are_never_a_traceback() -> None:
    assert issubclass(InputFaults, TokenroofError)


@pytest.mark.parametrize(
    ("verb", "field", "option"),
    [
        ("price", "capex_per_gpu", "--capex-per-gpu"),
        ("train", "price_per_gpu_hour", "--price-per-gpu-hour"),
        ("deduce", "speed", "--speed"),
        ("deduce", "rate", "--rate"),
        ("offers", "from", "--from"),
        ("import", "online", "--online"),
        ("plan", "no_such_field", "`no_such_field`"),
    ],
)
def test_a_field_in_backquotes_is_written_as_the_option_of_the_command(verb: str, field: str, option: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert spelled(f"give `{field}` 3, twice `{field}`", command) == f"give {option} 3, twice {option}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "nobody/nothing"), "add --online to fetch it from the hub"),
        (("fit",), "error: --ops must be a folder of kernel timings; or give --runs, or both"),
        (("offers", "--diff"), "add --from genai-prices or a path"),
        (("speculate", "llama-3.1-8b", "--system", "h100", "--measured", "none"), "--list shows them all"),
    ],
)
def test_remedies_are_options_of_the_command(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
