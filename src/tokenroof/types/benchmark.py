"""One run of a benchmark tool with all that was measured in it. SI units; None or blank where nobody said.

Benchmark     one record of a result file
Deployed      what answered the requests, whoever said it: the file, the launch command or the user
Spread        how one quantity is spread over requests
Request       one request of a run, where the tool kept them
Note          what was read otherwise than it is written, or is to be kept in mind, and why
Given         what a user says beside a file
"""

from dataclasses import dataclass, fields, replace

from tokenroof.types.run import Role

__all__ = ["NOTES", "Benchmark", "Deployed", "Given", "Note", "Request", "Spread"]

# kind of a note -> what it is about
NOTES = {
    "chunks": "ITL is the gap between chunks of several tokens",
    "frames": "ITL is the gap between frames, several to a token",
    "speculation": "a gap between chunks is a verify step that gives several tokens",
    "definition": "the tool means something else by the word",
    "lengths": "lengths are spread, or other than the nominal ones",
    "rate": "requests were served at another rate than asked",
    "client": "the client did not keep in flight, or did not send, what it was asked to",
    "shared": "all requests share a context",
    "failed": "requests failed, or were cut off",
    "warm-up": "the means hold the first requests to a cold server",
    "units": "per-GPU figures have another denominator",
    "output": "the output rate is not that of lengths and requests",
    "names": "the name of the model is what the server calls it",
    "merged": "the file, the command and the user differ",
    "command": "flags of the command that are not known",
    "unsaid": "something that changes the answer is not in the file",
    "offload": "weights are in the memory of the host",
    "engine": "the engine is taken to be the tool's own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`text` is one line. `said` is what the file has and `used` what stands in its place, in SI units."""

    kind: str
    text: str
    said: float | None = None
    used: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A quantity over the requests of a run. `percentiles` are (percentile, value) in rising order."""

    mean: float | None = None
    std: float | None = None
    percentiles: tuple[tuple[float, float], ...] = ()

    def at(self, percentile: float) -> float | None:
        """A percentile that the tool gave."""
        return next((value for place, value in self.percentiles if place == percentile), None)

    @property
    def median(self) -> float | None:
        """The 50th percentile."""
        return self.at(50.0)

    @property
    def middle(self) -> float | None:
        """The mean; the median where there is none."""
        return self.median if self.mean is None else self.mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What answered the requests.

    `model` is the name that the server goes by and `tokenizer` names the checkpoint. `gpus` are those of the whole
    deployment; degrees are those of one replica, and of one of `decode_workers` where `prefill` workers stand beside
    it. `max_num_seqs` and `max_batched_tokens` are those of one dp group, as the planner counts them. `eager`: no CUDA
    graphs. `moe_a2a_backend` and `two_batch_overlap` are those of Layout. `speculation` is the method, "none" where it
    is said to be off; `acceptance` is the share of drafts that were accepted and `accepted_length` the tokens of one
    verify step. `prefix_hits` is the share of input tokens that were found in the cache. `weights_bytes` is the size of
    the weights where it was counted and not worked out.
    """

    model: str = ""
    tokenizer: str = ""
    hardware: str = ""
    gpus: int | None = None
    tp: int | None = None
    pp: int | None = None
    ep: int | None = None
    dp: int | None = None
    dcp: int | None = None
    prefill: Role | None = None
    decode_workers: int | None = None
    weight_dtype: str = ""
    kv_dtype: str = ""
    engine: str = ""
    engine_version: str = ""
    max_num_seqs: int | None = None
    max_batched_tokens: int | None = None
    max_length: int | None = None
    memory_fraction: float | None = None
    eager: bool | None = None
    moe_a2a_backend: str = ""
    two_batch_overlap: bool | None = None
    prefix_caching: bool | None = None
    speculation: str = ""
    drafts: int | None = None
    acceptance: float | None = None
    accepted_length: float | None = None
    prefix_hits: float | None = None
    weights_bytes: float | None = None

    def over(self, below: "Deployed") -> "Deployed":
        """What this one says, and what `below` says where this one says nothing."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(below, **{name: value for name, value in said.items() if value is not None and value != ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `gaps_s` are those between the chunks of its answer."""

    start_s: float | None = None
    isl: float | None = None
    osl: float | None = None
    ttft_s: float | None = None
    e2e_s: float | None = None
    gaps_s: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a user says beside a file; it is believed before the file. `format` is the name of an importer.

    `deployed` is said in options and `command` in a launch command, which stands below them. `otherwise` stands below
    the file. `machine_gpus` are the GPUs of the machine, all taken where nobody says how many are; `prefix` is tokens.
    `interval_s` is the time that a file covers where it does not say so itself: that between two scrapes.
    """

    deployed: Deployed = Deployed()
    command: Deployed = Deployed()
    otherwise: Deployed = Deployed()
    machine_gpus: int | None = None
    unknown_flags: tuple[str, ...] = ()
    isl: float | None = None
    osl: float | None = None
    prefix: float | None = None
    concurrency: float | None = None
    request_rate: float | None = None
    interval_s: float | None = None
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One run: what was asked, what was served, and what every request saw.

    `position` is the place of the record in its file, from 1; in a table it is the row. `mode` is that of Run, blank
    until the load says it. `concurrency` and `request_rate` are what the client was asked for (an infinite rate: all at
    once), `served_rate` and `in_flight` what came of it. Lengths are real means unless `mean_lengths` is off: then they
    are as their source has them; `nominal_isl` and `nominal_osl` are those that were asked for. `tpot` is that of
    requests, (e2e - ttft) / (osl - 1); `itl` is the gap between chunks as the tool has it, whatever a chunk holds.
    Rates are of the whole deployment. `looked_at` are the keys of the file that could have said what the deployment is.
    """

    tool: str
    file: str
    position: int
    mode: str = ""
    deployed: Deployed = Deployed()
    date: str = ""
    label: str = ""
    isl: Spread = Spread()
    osl: Spread = Spread()
    nominal_isl: float | None = None
    nominal_osl: float | None = None
    concurrency: float | None = None
    request_rate: float | None = None
    burstiness: float | None = None
    evenly: bool = False
    served_rate: float | None = None
    in_flight: float | None = None
    requests: float | None = None
    completed: float | None = None
    failed: float | None = None
    duration_s: float | None = None
    ttft: Spread = Spread()
    tpot: Spread = Spread()
    itl: Spread = Spread()
    e2e: Spread = Spread()
    output_tok_s: float | None = None
    input_tok_s: float | None = None
    total_tok_s: float | None = None
    joules_per_output_token: float | None = None
    shared_context: bool = False
    details: tuple[Request, ...] = ()
    notes: tuple[Note, ...] = ()
    looked_at: tuple[str, ...] = ()
    row: str = ""
    source: str = ""
    mean_lengths: bool = True
