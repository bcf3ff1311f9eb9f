"""A measured run: one row of a tidy table, typed. Blank means unknown and stays None."""

from dataclasses import dataclass

__all__ = ["Fault", "Role", "Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Workers that only prefill: degrees of one, and how many."""

    tp: int = 1
    pp: int = 1
    ep: int = 1
    dp: int = 1
    workers: int = 1

    @property
    def each(self) -> int:
        """GPUs of one worker."""
        return self.tp * self.pp * self.dp


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measurement of one metric.

    `mode`: prefill, decode, mixed (static batch), offline (saturated), server (open loop), server-closed-loop
    (`concurrency` requests kept in flight), server-interactive, disaggregated, microbench. `value` is in `unit` as
    written. `prefix` of the `isl` tokens were in the cache, `requests` is how many the run had, `evenly` that they
    arrived one by one at equal times. Of `generated` tokens an answer the client counted `osl`. Where `prefill`
    workers stand beside it, degrees are those of one of `decode_workers`. `drafts` are verified with each token and
    accepted at the rate `acceptance`. `memory_fraction` is what the engine was told to take. `mean_lengths`:
    isl and osl are means, whatever the convention of the source. `eager`: no pass was captured in a graph. How tokens
    reached experts, `moe_a2a_backend`, `dispatch_dtype` and `two_batch_overlap`, as in Layout.
    `quality` A is controlled and complete, B has a stated unknown, C is never scored.
    """

    row_id: str
    line: int
    file: str
    source: str
    date: str
    model: str
    model_key: str
    hardware: str
    hw_key: str
    num_gpus: int | None
    tp: int | None
    pp: int | None
    ep: int | None
    dp: int | None
    weight_dtype: str
    kv_dtype: str
    engine: str
    engine_version: str
    mode: str
    isl: float | None
    osl: float | None
    concurrency: float | None
    request_rate: float | None
    load: str
    metric: str
    value: float
    unit: str
    spec_decode: str
    quality: str
    split: str
    note: str = ""
    prefix: float | None = None
    requests: float | None = None
    evenly: bool = False
    generated: float | None = None
    max_num_seqs: float | None = None
    max_batched_tokens: float | None = None
    prefill: Role | None = None
    decode_workers: int | None = None
    drafts: int | None = None
    acceptance: float | None = None
    gather_passes: float | None = None
    dcp: int | None = None
    memory_fraction: float | None = None
    mean_lengths: bool = False
    eager: bool = False
    moe_a2a_backend: str = ""
    dispatch_dtype: str = ""
    two_batch_overlap: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row that could not be read, and why; line 0 is the table itself. `place`: what a line of the file is."""

    file: str
    line: int
    text: str
    place: str = "row"

    def __str__(self) -> str:
        return f"{self.file} {self.place} {self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"
