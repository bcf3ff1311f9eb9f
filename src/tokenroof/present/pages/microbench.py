"""The page of `microbench`: rates of this machine with their spread, then every probe."""

from tokenroof.measure.probes.sample import Sample
from tokenroof.present.asked import Ask
from tokenroof.present.numbers import GB_PER_S, UNKNOWN, Unit, count, percent, quantity
from tokenroof.present.page import Block, KeyValues, Page, Remark, Table, note, numbers, warning, words
from tokenroof.units import format_bytes
from tokenroof.usecases.microbench.answer import MicrobenchResponse, Reached

__all__ = ["page_of"]

_GFLOPS = Unit(scale=1e-9, after=" GFLOP/s")
_TFLOPS = Unit(scale=1e-12, after=" TFLOP/s")
_MICRO = Unit(scale=1e6, after=" us")


def _arithmetic_unit(answer: MicrobenchResponse) -> Unit:
    return _TFLOPS if max(one.rate for one in answer.arithmetic.values()) >= 1e12 else _GFLOPS


def _row(name: str, one: Reached, unit: Unit) -> tuple[str, ...]:
    if one.basis:
        return name, quantity(one.rate, unit), quantity(one.best, unit), UNKNOWN, one.basis
    return name, quantity(one.rate, unit), quantity(one.best, unit), percent(one.spread, decimals=1), one.shape


def _rates(answer: MicrobenchResponse) -> Table:
    unit = _arithmetic_unit(answer)
    rows = [
        _row("memory, read", answer.read, GB_PER_S), _row("memory, copied", answer.copied, GB_PER_S),
        *(_row(f"matmul, {format}", one, unit) for format, one in answer.arithmetic.items()),
    ]  # fmt: skip
    if answer.link is not None:
        rows.append(_row(f"all-reduce, {answer.ranks} ranks", answer.link, GB_PER_S))
    return Table(
        title="What it reaches", rows=rows,
        columns=(words("rate"), numbers("median"), numbers("fastest"), numbers("spread"), words("at", drop=1)),
        lines=("a copy counts what it reads and what it writes; an all-reduce what each rank sends",),
    )  # fmt: skip


def _sample(one: Sample) -> tuple[str, ...]:
    rate = quantity(one.flops_per_s, _GFLOPS) if one.probe == "matmul" else ""
    return (
        f"{one.probe}{', cached' if one.cached else ''}", one.format, one.shape, quantity(one.median_s, _MICRO),
        quantity(one.bytes_per_s, GB_PER_S) if one.moved_bytes else "", rate, percent(one.spread, decimals=1),
        count(one.repeats),
    )  # fmt: skip


def _probes(answer: MicrobenchResponse) -> Table:
    heads = ("time", "bytes", "arithmetic", "spread", "repetitions")
    return Table(
        title="Every probe", full=True, rows=[_sample(one) for one in answer.samples],
        columns=(words("probe"), words("format"), words("size"), *(numbers(head) for head in heads)),
    )  # fmt: skip


def _machine(answer: MicrobenchResponse) -> KeyValues:
    load = UNKNOWN if answer.load_average is None else f"{answer.load_average:.2f}"
    pairs = [
        ("device", answer.device, answer.name),
        ("cores", count(answer.cores), f"last cache {format_bytes(answer.cache_bytes)}"),
        ("memory", format_bytes(answer.memory_bytes), ""),
        ("launch", quantity(answer.launch_s, _MICRO), "the least that a call costs"),
        ("load average", load, "processes that wanted the machine when it began"),
    ]
    return KeyValues(title="Machine", pairs=pairs, remarks=_remarks(answer))


def _remarks(answer: MicrobenchResponse) -> list[Remark]:
    found = [note(text) for text in answer.notes]
    if answer.wide:
        told = f"{', '.join(answer.wide)}: spread over {percent(answer.max_spread)}, not saved without `force`"
        found.insert(0, warning(told))
    return found


def page_of(answer: MicrobenchResponse) -> Page:
    """The answer as a page."""
    blocks: tuple[Block, ...] = (_rates(answer), _machine(answer), _probes(answer))
    following: list[str | Ask] = [
        "`full` for every probe", "`output` my-box.toml: the chip, for `system`", "`output` rates.svg",
        Ask("analyze", ("qwen3-0.6b",), (("system", "my-box.toml"), ("engine", "llama.cpp"))),
    ]  # fmt: skip
    return Page(
        title=f"microbench {answer.name}", sentence=answer.sentence, scenario=(answer.device, answer.as_of),
        scenario_label="Measured", blocks=blocks, next=following, kind="Microbench", brief=(answer.device,),
        left_out=("power", "clocks that fall after minutes of work"),
    )  # fmt: skip
