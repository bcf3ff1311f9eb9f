"""Result files of measured runs: one file a format, one line each in IMPORTERS.

read_benchmarks(path, given=...)   every run of a benchmark tool, with all that was measured in it
read_results(path, given=...)      the same as rows of one metric each
read_metrics(texts, name, given)   the run that two scrapes of a server hold
importer_of(path)                  the format that a file has
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenroof.errors import InputError, UnknownName
from tokenroof.measure.benchmarks import gathered, lacking, runs_of
from tokenroof.measure.given import with_given
from tokenroof.measure.importers.aiperf import AIPERF, AIPERF_CSV
from tokenroof.measure.importers.decode_bench import DECODE_BENCH
from tokenroof.measure.importers.documents import keys_of
from tokenroof.measure.importers.guidellm import GUIDELLM
from tokenroof.measure.importers.inference_perf import INFERENCE_PERF
from tokenroof.measure.importers.inferencex import INFERENCEX
from tokenroof.measure.importers.inferencex_agg import INFERENCEX_AGG
from tokenroof.measure.importers.llama_bench import LLAMA_BENCH, LLAMA_BENCH_CSV, LLAMA_BENCH_MD
from tokenroof.measure.importers.locust import LOCUST
from tokenroof.measure.importers.server_metrics import SERVER_METRICS, read_scrapes
from tokenroof.measure.importers.sglang_bench import SGLANG_BENCH
from tokenroof.measure.importers.table import Importer, columns_of, head_of
from tokenroof.measure.importers.tidy import TIDY
from tokenroof.measure.importers.trtllm_bench import TRTLLM_BENCH
from tokenroof.measure.importers.vllm_bench import VLLM_BENCH
from tokenroof.measure.recompute import recomputed
from tokenroof.registry import nearest
from tokenroof.types.benchmark import Benchmark, Given
from tokenroof.types.run import Fault, Run

__all__ = ["IMPORTERS", "Importer", "importer_of", "read_benchmarks", "read_metrics", "read_results"]

_NOTHING = Given()

IMPORTERS: tuple[Importer, ...] = (
    TIDY,
    INFERENCEX,
    VLLM_BENCH,
    SGLANG_BENCH,
    GUIDELLM,
    AIPERF,
    AIPERF_CSV,
    INFERENCE_PERF,
    LLAMA_BENCH,
    LLAMA_BENCH_CSV,
    LLAMA_BENCH_MD,
    TRTLLM_BENCH,
    INFERENCEX_AGG,
    LOCUST,
    DECODE_BENCH,
    SERVER_METRICS,
)


def importer_of(path: str | Path, name: str = "") -> Importer:
    """The format of a file, or the one of that name; where no known one is its, InputError says what is lacking."""
    path = Path(path)
    if name:
        return _named(name)
    head = head_of(path)
    if not head.strip("\ufeff \t\r\n"):
        raise InputError("file", path.name, "results of a benchmark, or a table of runs", "it is empty")
    for one in IMPORTERS:
        if one.detect(head):
            return one
    kind, has, needs = "columns", set(columns_of(head)), {one.name: set(one.columns) for one in IMPORTERS}
    if head.lstrip()[:1] in ("{", "["):
        kind, has, needs = "keys", set(keys_of(head)), {one.name: set(one.keys) for one in IMPORTERS}
    raise _unknown(path, kind, has, {name: wanted for name, wanted in needs.items() if wanted})


def _unknown(path: Path, kind: str, has: set[str], needs: dict[str, set[str]]) -> InputError:
    name = min(needs, key=lambda one: len(needs[one] - has) / len(needs[one]))
    absent = ", ".join(sorted(needs[name] - has))
    hint = f"nearest is {name}, missing: {absent}"
    if path.name.endswith(".pytorch.json"):
        hint = "vLLM writes it beside its result: give that one"
    return InputError(kind, path.name, "those of a known format", hint)


def _named(name: str) -> Importer:
    for one in IMPORTERS:
        if one.name.lower() == name.strip().lower():
            return one
    raise UnknownName("format", name, nearest(name, [one.name for one in IMPORTERS]))


def read_benchmarks(path: str | Path, *, given: Given = _NOTHING) -> Iterator[Benchmark | Fault]:
    """Every run of a result file, in order, with what is `given` beside it.

    What cannot be used is a Fault and the rest is read. What nobody said stays blank: `lacking` tells of it.
    """
    one = importer_of(path, given.format)
    for found in gathered(one.read(Path(path)), one.name):
        yield found if isinstance(found, Fault) else _settled(found, given, tells_all=bool(one.columns))


def read_metrics(texts: Sequence[str], name: str, given: Given) -> Iterator[Benchmark | Fault]:
    """The run that two scrapes of a server hold, in a text that is at hand or in one each."""
    for found in read_scrapes(texts, name):
        yield found if isinstance(found, Fault) else _settled(found, given, tells_all=False)


def _settled(found: Benchmark, given: Given, tells_all: bool) -> Benchmark:
    """With what was given, and recomputed where it is a tool's own file and not a table that somebody made of such."""
    whole = with_given(found, given)
    return whole if tells_all else recomputed(whole)


def read_results(path: str | Path, *, given: Given = _NOTHING) -> Iterator[Run | Fault]:
    """Every metric of a result file, in order; a row that cannot be used is a Fault and the rest is read."""
    one = importer_of(path, given.format)
    if one.columns and given == _NOTHING:
        rows = one.read(Path(path))
        yield from (row for row in rows if not isinstance(row, Benchmark))
        return
    unsaid: list[tuple[Benchmark, InputError]] = []
    for found in read_benchmarks(path, given=given):
        if isinstance(found, Fault):
            yield found
        elif (lacks := lacking(found)) is not None:
            unsaid.append((found, lacks))
        else:
            yield from runs_of(found)
    if unsaid:
        yield _unsaid(unsaid)


def _unsaid(those: list[tuple[Benchmark, InputError]]) -> Fault:
    """One fault for all records of a file that do not say what was measured."""
    first, lacks = those[0]
    several = f", and {len(those) - 1} more records" if len(those) > 1 else ""
    way = f"tokenroof runs {first.file} makes a table of it, with what is lacking given there"
    return Fault(file=first.file, line=first.position, text=f"{lacks}{several}; {way}", place="record")
