"""A page as verbs build it, its numbers typed in: `analyze llama-3.3-70b --system 8xh100 --tp 8 --batch 64 ...`."""

from tokenroof.present.numbers import (
    GB,
    MS,
    TOK_PER_S_PER_GPU,
    TOK_PER_S_PER_USER,
    USD_PER_MTOK,
    bound,
    change,
    column,
    count,
    percent,
    quantity,
    ranged,
)  # fmt: skip
from tokenroof.present.page import (
    BarRow,
    Bars,
    KeyValues,
    Kind,
    Lines,
    Page,
    Table,
    numbers,
    ranges,
    warning,
    words,
)  # fmt: skip
from tokenroof.types.served import Ranged

TPOT = Ranged(value=65.9e-3, low=47.3e-3, high=92.0e-3)
STEP = Ranged(value=22.9e-3, low=19.4e-3, high=27.0e-3, bound=12.2e-3)
PARTS: tuple[tuple[str, float, Kind, str], ...] = (
    ("attention over KV cache", 8.63e-3, "memory", "memory-bound"),
    ("matmuls", 7.65e-3, "memory", "memory-bound"),
    ("all-reduce between GPUs", 5.04e-3, "network", "network"),
    ("norms, embedding, sampling", 0.81e-3, "other", ""),
    ("host", 0.77e-3, "other", ""),
)
FACTS = (
    ("TPOT, served", TPOT, MS),
    ("TPOT, decode steps alone", STEP, MS),
    ("TTFT", Ranged(value=0.747), MS),
    ("interactivity", Ranged(value=15.2, low=10.9, high=21.1), TOK_PER_S_PER_USER),
    ("output throughput", Ranged(value=119, low=85, high=166), TOK_PER_S_PER_GPU),
    ("cost, output", Ranged(value=2.73, low=1.96, high=3.81), USD_PER_MTOK),
    ("cost, input", Ranged(value=0.40, low=0.29, high=0.55), USD_PER_MTOK),
)


def analyze_page() -> Page:
    times = column([part[1] for part in PARTS], MS)
    movers = ((0.10, "memory bandwidth", -0.058), (0.10, "network", -0.020), (0.10, "FLOP/s", -0.001))
    return Page(
        kind="Analysis",
        title="llama-3.3-70b on 8xh100",
        brief=("tp8", "batch 64", "8192/512", "vllm"),
        sentence="Llama-3.3-70B fits on 8 x H100. 64 requests at once get 15 tok/s each (TPOT 66 ms) and cost $2.73 "
        "per M output tokens; two thirds of that TPOT is the prefill of newly arriving prompts.",
        scenario=("bf16 weights, bf16 KV", "tp8, 1 replica", "8,192 in, 512 out", "vLLM", "$3.89 per GPU-hour"),
        blocks=(
            Table(
                name="main",
                columns=(words(), numbers("predicted"), ranges(), numbers("hardware bound", empty="-")),
                rows=[(label, *ranged(number, unit), bound(number, unit)) for label, number, unit in FACTS],
                remarks=(warning("two thirds of TPOT is prefill: tokenroof plan --disaggregated"),),
            ),
            Bars(
                name="operators",
                title=f"Where a decode step of {quantity(STEP.value, MS)} goes",
                rows=[
                    BarRow(label, text, seconds, kind, percent(seconds / STEP.value), remark)
                    for (label, seconds, kind, remark), text in zip(PARTS, times, strict=True)
                ],
                lines=("    ".join(f"{change(a)} {what}: {change(b, decimals=1)}" for a, what, b in movers),),
            ),
            KeyValues(
                name="limits",
                title="How many requests at once (8,448 tokens each)",
                pairs=(
                    ("TPOT of 50 ms", count(46), "served, prefill included; set --tpot"),
                    ("KV memory", count(165), f"{quantity(57.3e9, GB)} per GPU, 346 MB per request"),
                    ("critical batch", count(295), "where matmul arithmetic equals weight reads"),
                ),
                summary="46 (TPOT 50 ms), 165 (KV memory), 295 (critical batch)",
            ),
            KeyValues(
                name="memory",
                title="Memory of one GPU",
                inline=True,
                pairs=(
                    ("weights", f"{quantity(17.6e9, GB)} ({percent(0.21)})"),
                    ("activations, reserve", f"{quantity(9.9e9, GB)} ({percent(0.12)})"),
                    ("KV", f"{quantity(57.3e9, GB)} ({percent(0.67)})"),
                ),
            ),
            Lines(name="launch", title="Launch", lines=("vllm serve $MODEL --tensor-parallel-size 8",), full=True),
        ),
        defaults=("dtypes from the checkpoint", "price: median of 21 offers, $2.58 to $12.29, 2026-11-09"),
        left_out=("queueing from bursts (tokenroof simulate)", "checkpoint quality"),
        next=("--full for every operator", "--explain tpot", "tokenroof plan for the best layout"),
    )
