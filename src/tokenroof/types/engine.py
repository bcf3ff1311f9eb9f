"""What is known of a serving engine: one record, and by version how it divides memory, schedules and times passes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tokenroof.types.layout import SENT, Layout
from tokenroof.types.machine import Chip
from tokenroof.types.memory_rule import MemoryRule

__all__ = [
    "DEFAULT_ENGINE", "Dispatched", "Doubt", "Engine", "Generation", "HostPriors", "Launcher", "Prior", "Scheduler",
    "Tier", "Worker",
]  # fmt: skip

DEFAULT_ENGINE = "vllm"

Num = Any


@dataclass(frozen=True, slots=True)
class Tier:
    """What an engine takes where it is not told, on a chip of at least `from_bytes` whose id has none of `but_not`."""

    from_bytes: float
    max_sequences: float
    token_budget: float
    but_not: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """One engine's policy.

    `mixed`: prompts ride on decode passes, in pieces of at most `token_budget` tokens per dp group and pass.
    `reserves_output`: a request starts only when there is room for its longest answer; otherwise pages are taken as
    the answer grows. `puts_back`: nothing is kept free for that growth, so that where memory is full who was admitted
    last loses its pages. `max_sequences` is the most that run at once in a dp group. `wait_passes`: passes that a new
    prompt waits before the scheduler looks at it, on average, where it polls seldom or collects prompts on purpose.
    `gather_passes`: with several dp groups, how many passes it waits at most until every group has a prompt, so that
    none idles while another prefills; `gathers` is what people set it to where the engine can. `ahead`: its host plans
    a pass and handles its tokens while another runs. Tokens are sent every `stream_interval` passes. `tiers` are its
    settings by chip, from the largest memory down (the first that a chip reaches counts). It counts from version
    `first` on; `version` is the engine's.
    """

    name: str
    mixed: bool = True
    token_budget: Num = 8192.0
    reserves_output: bool = False
    puts_back: bool = False
    max_sequences: float = 1024.0
    wait_passes: Num = 0.0
    gather_passes: float = 0.0
    gathers: float = 0.0
    ahead: bool = False
    stream_interval: float = 1.0
    tiers: tuple[Tier, ...] = ()
    first: tuple[int, ...] = (0,)
    version: str = ""
    source: str = ""

    def on(self, chip: str, memory_bytes: float) -> "Scheduler":
        """With the settings that the engine takes on a chip."""
        for tier in self.tiers:
            if memory_bytes >= tier.from_bytes and not any(word in chip for word in tier.but_not):
                return replace(self, max_sequences=tier.max_sequences, token_budget=tier.token_budget)
        return self


@dataclass(frozen=True, slots=True)
class Prior:
    """A positive constant: the value expected before any run, and the width of its logarithm."""

    value: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPriors:
    """What the host times of a generation usually are; a fit starts from these.

    `pass_s` of one pass, `amd` times that on AMD's GPUs, `sequence_s` of one sequence, `warmup_s` of the first wave and
    `draft_pass_s` of a pass with drafts where the generation has its own, `request_s` of one request, and
    `prompt_token_s` of each token of its prompt, where they are known and not fitted. `streams`: its loop hands every
    token on by itself, sequence by sequence, which takes time beside the pass unless it is put off or done while the
    next one runs.
    """

    pass_s: Prior
    amd: Prior | None = None
    sequence_s: Prior | None = None
    streams: bool = False
    warmup_s: Prior | None = None
    draft_pass_s: Prior | None = None
    request_s: float | None = None
    prompt_token_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """First tokens that must not move a constant: of these models, sources, runs before a date; blank is any."""

    reason: str
    model: str = ""
    source: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """In which format tokens go to experts stored in `weights`, by a library (`backend` as in Layout) on `chips`.

    `chips`: a part of the vendor's name. What is not told of goes in 16 bits, and so do answers.
    """

    weights: str
    dispatch: str
    source: str
    as_of: str
    backend: str = SENT
    chips: str = "nvidia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Versions of an engine that share one set of rules and host times.

    `first` is the first version that belongs to it. Where a table leaves the version out, runs made from `since` on
    (year-month) count as this generation, and so do those whose engine column has one of `marks`, or whose source has
    one of `sources`; from `ahead_since` on their host planned passes ahead. `memory` and `schedulers` are its rules,
    oldest first, for versions inside it. `host` None: another engine's host times of the same name are used.
    """

    name: str
    first: tuple[int, ...]
    memory: tuple[MemoryRule, ...]
    schedulers: tuple[Scheduler, ...]
    host: HostPriors | None = None
    since: str = ""
    ahead_since: str = ""
    marks: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def version(self) -> str:
        """Its first version, as text."""
        return ".".join(str(number) for number in self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker of a deployment, as a launch command says it. `role`: both, prefill, decode.

    `chunk` and `sequences` are those of one dp group, `length` the longest sequence, `drafts` the tokens guessed by the
    model's own draft head, `experts` the routed experts of one layer.
    """

    checkpoint: str
    layout: Layout
    role: str
    chunk: int
    sequences: int
    length: int
    kv: str
    drafts: int = 0
    experts: int = 0
    gather_passes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """How an engine is started: the command of a worker, and its flag for the share of memory.

    `names_fraction`: the flag is always given, since the engine's own share has another value in every release.
    """

    command: Callable[[Worker], str]
    fraction_flag: str
    names_fraction: bool = False


_Rule = TypeVar("_Rule", MemoryRule, Scheduler)


def _at(rules: tuple[_Rule, ...], number: tuple[int, ...]) -> _Rule:
    """The rules of a version, of those told oldest first; the newest where it is blank."""
    return [one for one in rules if not number or one is rules[0] or number >= one.first][-1]


def _numbers(text: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in text.strip().lstrip("vV").replace("-", ".").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits[:9]))
    return tuple(numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A serving engine at a version; blank is the newest.

    `aliases` are the words by which tables and result files name it, `version_words` a pattern that finds the version
    among them. `generations` are told oldest first. `inexpressible` gives the reason why the engine's options cannot
    say a layout, blank where they can. `launcher` None: no command is written. `fp8_cache_with` are the weight
    formats whose published checkpoints make it keep an 8-bit cache without being told, `sends` the formats in which
    tokens go to experts.
    """

    name: str
    display_name: str
    generations: tuple[Generation, ...]
    inexpressible: Callable[[Layout], str]
    launcher: Launcher | None
    aliases: tuple[str, ...] = ()
    version_words: str = ""
    fp8_cache_with: tuple[str, ...] = ()
    sends: tuple[Dispatched, ...] = ()
    version: str = ""

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers; none where it is blank or begins with no number."""
        return _numbers(self.version)

    @property
    def generation(self) -> Generation:
        """The generation that the version belongs to; what is no version counts as the newest."""
        number = self.number
        if not number:
            return self.generations[-1]
        return [one for one in self.generations if number >= one.first][-1]

    @property
    def memory(self) -> MemoryRule:
        """How this version divides memory."""
        return _at(self.generation.memory, self.number)

    @property
    def scheduler(self) -> Scheduler:
        """How this version schedules."""
        return replace(_at(self.generation.schedulers, self.number), version=self.version)

    def dispatched(self, weights: str, backend: str, chip: Chip) -> str | None:
        """The format in which tokens go to experts stored in `weights`; None for 16 bits."""
        for one in self.sends:
            if one.weights == weights and one.backend == backend and one.chips in chip.vendor.lower():
                return one.dispatch
        return None

    def of_generation(self, name: str) -> "Engine":
        """This engine at the first version of a generation of its."""
        return replace(self, version=next(one.version for one in self.generations if one.name == name))
