"""The options of a scenario, one set for every verb, made from its fields; scenario files; `-o FILE` and `--json`.

Values reach the schema as they were typed, so that all that is wrong with a command is told at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from tokenroof.cli.complete import complete_models, complete_offers, complete_systems
from tokenroof.cli.render import note
from tokenroof.engines import ENGINES
from tokenroof.errors import InputError, InputFaults, faults_of
from tokenroof.files import put
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.scenario import Scenario, over

__all__ = [
    "model_argument",
    "offer_option",
    "output_options",
    "request_from",
    "scenario_from",
    "scenario_options",
    "some_options",
    "warn",
]

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S", bound=Scenario)
R = TypeVar("R")

# field -> (what stands for the value in --help, what the option says); the order is that of --help
_WORDS: dict[str, tuple[str, str]] = {
    "system": ("NAME", "A system such as gb200-nvl72 or 8xh100 (NxCHIP), or a TOML file."),
    "isl": ("TOKENS", "Input tokens of a request: 4096, 8k, 128Ki. [default: 4096]"),
    "osl": ("TOKENS", "Output tokens of a request. [default: 512]"),
    "prefix": ("TOKENS", "Input tokens that are found in the prefix cache. [default: 0]"),
    "context": ("TOKENS", "Mean length of a sequence in decode, where isl and osl are not given."),
    "concurrency": ("N", "Load: requests at once in the whole system. [default: as many as fit the limits]"),
    "batch": ("N", "Load: requests decoded in one step of one replica."),
    "request_rate": ("PER_S", "Load: requests that arrive per second."),
    "users": ("N", "Load: people who read for --think seconds between requests."),
    "think": ("TIME", "Time between an answer and the next request of a user. [default: 30s]"),
    "tp": ("N", "Tensor parallel degree. [default: the best layout is looked for]"),
    "pp": ("N", "Pipeline stages."),
    "ep": ("N", "Expert parallel degree."),
    "dp": ("N", "Attention data parallel degree of one replica."),
    "cp": ("N", "Context parallel degree."),
    "dcp": ("N", "Decode context parallel degree, on the tp GPUs."),
    "redundant_experts": ("N", "Experts that are kept twice."),
    "prefill_layout": ("DEGREES", "Layout of workers that only prefill: 'tp4 pp2'. With --decode-layout."),
    "decode_layout": ("DEGREES", "Layout of workers that only decode: 'dp72 ep72 redundant32'."),
    "prefill_workers": ("N", "Prefill workers of one unit. [default: 1]"),
    "decode_workers": ("N", "Decode workers of one unit. [default: 1]"),
    "decode_system": ("NAME", "System of the decode workers, where prompts have --system to themselves."),
    "replicas": ("N", "Copies of the layout that serve side by side. [default: as many as the system holds]"),
    "mode": ("MODE", "agg: prefill and decode on the same GPUs; disagg: on GPUs of their own; auto: the better one."),
    "weight_dtype": ("DTYPE", "bf16, fp8, nvfp4 ... [default: the checkpoint's own]"),
    "kv_dtype": ("DTYPE", "Format of the KV cache. [default: the engine's for this checkpoint]"),
    "engine": ("ENGINE", f"{', '.join(ENGINES)}; none reserves nothing. [default: {DEFAULT_ENGINE}]"),
    "engine_version": ("VERSION", "Its version. [default: the newest known]"),
    "memory_fraction": ("SHARE", "Share of GPU memory that the engine takes. [default: the engine's]"),
    "max_num_seqs": ("N", "Most requests in a step, as the engine's option. [default: the engine's]"),
    "max_batched_tokens": ("TOKENS", "Most tokens in a step, as the engine's option. [default: the engine's]"),
    "gather_passes": (
        "N",
        "With dp: passes that prompts wait until every rank has one. [default: the engine's]",
    ),
    "moe_a2a_backend": (
        "NAME",
        "How tokens reach experts between dp groups: deepep (or another library that sends each to the ranks of its "
        "experts), none (all are gathered on every rank). [default: deepep]",
    ),
    "dispatch_dtype": ("DTYPE", "Format of tokens on their way to experts. [default: the engine's for these weights]"),
    "two_batch_overlap": ("", "Two half batches at once: the work of one hides what the other's experts exchange."),
    "acceptance": ("SHARE", "Acceptance rate of drafted tokens, for speculative decoding."),
    "drafts": ("N", "Tokens drafted for each step."),
    "ttft": ("TIME", "Limit on mean TTFT: 1s, 300ms."),
    "tpot": ("TIME", "Limit on mean TPOT: 50ms. [default: 50ms where nothing else limits the load]"),
    "slo": ("SLO", "Both limits: ttft:1s,tpot:50ms (bare numbers: ms), or chat, rag, code, content."),
    "profile": (
        "PROFILE",
        "auto: fitted to measured runs; peak: each operator at peak rates; or a name or FILE that `calibrate` saved. "
        "[default: auto]",
    ),
    "price_per_gpu_hour": ("USD", "Price of one GPU for one hour. [default: median rental]"),
    "set": ("FACT=VALUE", "Override a fact for this question, chip.memory_bandwidth=1.5x. Repeatable."),
}


def _option(name: str) -> Callable[[F], F]:
    metavar, words = _WORDS[name]
    flag = f"--{name.replace('_', '-')}"
    if not metavar:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=words)
    completed = complete_systems if name in ("system", "decode_system") else None
    also = ("--efficiency",) if name == "profile" else ()
    return click.option(
        flag, *also, name, metavar=metavar, help=words, multiple=name == "set",
        shell_complete=completed,
    )  # fmt: skip


def scenario_options(*left_out: str) -> Callable[[F], F]:
    """All options of a scenario but those left out, `--scenario FILE` and `--save-scenario FILE`."""
    unknown = set(left_out) - set(_WORDS)
    if unknown:
        raise TypeError(f"no such options: {', '.join(sorted(unknown))}")
    made: list[Callable[[Any], Any]] = [_option(name) for name in _WORDS if name not in left_out]
    file = click.Path(path_type=Path, dir_okay=False)
    read = "Read what is not given here from FILE.toml or FILE.json."
    made.append(click.option("--scenario", "scenario_file", metavar="FILE", type=file, help=read))
    written = "Write the scenario to FILE.toml, for --scenario."
    made.append(click.option("--save-scenario", metavar="FILE", type=file, help=written))

    def decorate(function: F) -> F:
        for option in reversed(made):
            function = option(function)
        return function

    return decorate


def some_options(*names: str) -> Callable[[F], F]:
    """These options of a scenario, for a verb that takes no others."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            function = _option(name)(function)
        return function

    return decorate


def model_argument(function: F) -> F:
    """The model: a name of the catalogue or a path; a scenario file may hold it instead."""
    return click.argument("model", required=False, shell_complete=complete_models)(function)


def offer_option(function: F) -> F:
    """`--offer SELLER/MODEL`, completed from the snapshot."""
    return click.option(
        "--offer", metavar="OFFER", shell_complete=complete_offers, help="An offer, SELLER/MODEL or FILE.toml#ID."
    )(function)


def output_options(function: F) -> F:
    """`-o FILE`, repeatable, and `--json`; the function gets `outputs` and `as_json`."""
    function = click.option("--json", "as_json", is_flag=True, help="Print as JSON; what has no limit is null.")(
        function
    )
    return click.option(
        "-o", "--output", "outputs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
        help="Write to FILE.csv, .json, .svg, .png or .html. Repeatable.",
    )(function)  # fmt: skip


def _given(options: Mapping[str, Any], request: type) -> dict[str, Any]:
    names = {one.name for one in fields(request)}
    return {name: value for name, value in options.items() if name in names and value not in (None, ())}


def _by_default(name: str) -> bool:
    """Whether the command line did not say it: click's own default gives way to a scenario file."""
    context = click.get_current_context(silent=True)
    source = None if context is None else context.get_parameter_source(name)
    return source in (click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP)


def _named(error: InputError, file: Path, held: Mapping[str, Any]) -> InputError:
    """The fault under the name of the file where the file said it."""
    if error.field.partition(".")[0].partition("[")[0] not in held:
        return error
    return InputError(f"{file.name}: {error.field}", error.value, error.limit, error.fix)


def request_from(options: Mapping[str, Any], request: type[R], file: Path | None = None) -> R:
    """The request that the options make; a file holds what they leave open. InputFaults has every fault."""
    from tokenroof.scenario.files import read_data
    from tokenroof.schema import parse

    held = {} if file is None else read_data(file)
    given = _given(options, request)
    typed = {name: value for name, value in given.items() if name not in held or not _by_default(name)}
    held = {name: value for name, value in over(held, typed).items() if name not in typed}
    try:
        return parse(request, {**given, **held})
    except InputError as error:
        if file is None or not held:
            raise
        raise InputFaults(_named(fault, file, held) for fault in faults_of(error)) from None


def warn(answer: Any) -> None:
    """What in the question goes beyond the model, to stderr: pages that have room for it say it themselves."""
    for text in answer.warnings:
        note(f"warning: {text}")


def scenario_from(options: Mapping[str, Any], request: type[S]) -> S:
    """The request of a verb that has `scenario_options`, with its file read and `--save-scenario` done."""
    found = request_from(options, request, options.get("scenario_file"))
    saved = options.get("save_scenario")
    if saved is not None:
        _save(found, saved)
    return found


def _save(scenario: Scenario, path: Path) -> None:
    from tokenroof.scenario.files import to_toml

    if path.suffix.lower() != ".toml":
        raise InputError("save_scenario", str(path), "a file ending in .toml")
    put(path, to_toml(scenario))
    note(f"scenario written to {path}")
