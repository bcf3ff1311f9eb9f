"""SGLang: --tp-size is tp * dp, --dp-size groups of it with attention of their own; its chunk counts all groups.

Flags are those of the releases of 2026.
"""

from typing import Any

from tokenroof.engines.memory_facts import GIB, OUTSIDE_BYTES, REDUCING_BYTES, SAMPLED_SEQUENCES
from tokenroof.engines.shell import CONTEXT_PARALLEL, DECODE_CONTEXT, lines
from tokenroof.types.engine import (
    Dispatched,
    Doubt,
    Engine,
    Generation,
    HostPriors,
    Launcher,
    Prior,
    Scheduler,
    Worker,
)
from tokenroof.types.layout import Layout
from tokenroof.types.memory_rule import MemoryRule, MemoryTerms
from tokenroof.xp import Num

__all__ = ["SGLANG"]


def _fraction(total_bytes: float, layout: Layout, xp: Any) -> Num:
    """What is left after 0.5 GiB for backends, 12 for activations of 8,192 tokens, 1 for graphs, 1 for 8 ranks.

    Releases of 2025 left half a GiB for each rank, which on 64 of them would be more than half of an H100.
    """
    small = (13.5 + layout.tp * layout.dp * layout.pp / 8.0) * GIB
    left = (small if total_bytes < 160 * GIB else 32.0 * GIB) + xp.where(layout.dp > 1, 4.0 * GIB, 0.0)
    return xp.maximum(0.0, 1.0 - left / total_bytes)


def _pool_bytes(one: MemoryTerms) -> Num:
    """Free after loading - (1 - fraction) * total; activations live in what the fraction leaves."""
    return one.fraction * one.total_bytes - one.weights_bytes - one.outside_bytes


def _inexpressible(layout: Layout) -> str:
    if layout.dcp > 1:
        return DECODE_CONTEXT
    return CONTEXT_PARALLEL if layout.cp > 1 else ""


def _command(worker: Worker) -> str:
    layout = worker.layout
    words = ["python -m sglang.launch_server", f"--model-path {worker.checkpoint}",
             f"--tp-size {layout.tp * layout.dp}"]  # fmt: skip
    if layout.pp > 1:
        words.append(f"--pp-size {layout.pp}")
    if layout.dp > 1:
        words += [f"--dp-size {layout.dp}", "--enable-dp-attention"]
    if layout.ep > 1:
        words.append(f"--ep-size {layout.ep}")
    if layout.ep > 1 and layout.dp > 1:
        words.append(f"--moe-a2a-backend {layout.moe_a2a_backend}")
        if layout.two_batch_overlap:
            words.append("--enable-two-batch-overlap")
    if layout.redundant_experts:
        words += ["--enable-eplb", f"--ep-num-redundant-experts {layout.redundant_experts}"]
    words += [f"--max-running-requests {worker.sequences * layout.dp}", f"--context-length {worker.length}"]
    if worker.role != "decode":
        words.append(f"--chunked-prefill-size {worker.chunk * layout.dp}")
    if worker.kv == "fp8":
        words.append("--kv-cache-dtype fp8_e4m3")
    if worker.drafts and worker.role != "prefill":
        words += ["--speculative-algorithm EAGLE", f"--speculative-num-steps {worker.drafts}",
                  "--speculative-eagle-topk 1", f"--speculative-num-draft-tokens {worker.drafts + 1}"]  # fmt: skip
    if worker.role != "both":
        words.append(f"--disaggregation-mode {worker.role}")
    return lines(words)


_MEMORY = MemoryRule(
    pool_bytes=_pool_bytes, fraction=_fraction, outside_bytes=OUTSIDE_BYTES,
    outside_per_rank_bytes=REDUCING_BYTES, sampled_sequences=SAMPLED_SEQUENCES,
    source="SGLang: mem_fraction_static leaves 13.5 GiB + 1/8 per rank, 32 GiB from 160 GiB up, 4 more with dp",
)  # fmt: skip
_SCHEDULER = Scheduler(
    name="sglang", mixed=False, token_budget=16384.0,
    source="SGLang: mixed chunks off; chunked prefill of 8192 or 16384 tokens by GPU memory",
)  # fmt: skip

SGLANG = Engine(
    name="sglang",
    display_name="SGLang",
    aliases=("sglang",),
    generations=(
        Generation(
            name="sglang", first=(0,),
            memory=(_MEMORY,), schedulers=(_SCHEDULER,),
            host=HostPriors(
                pass_s=Prior(0.5e-3, 0.4), amd=Prior(1.0, 0.3), streams=True, warmup_s=Prior(0.3, 1.0),
                draft_pass_s=Prior(0.5e-3, 1.0),
            ),
            doubts=(
                Doubt(
                    source="inferencex", before="2026-01",
                    reason="first wave waits seconds for just-in-time compilation",
                ),
            ),
        ),
    ),
    inexpressible=_inexpressible,
    sends=(
        Dispatched(
            weights="fp8_block", dispatch="fp8_block", as_of="2026-11-30",
            source="SGLang token_dispatcher/deepep.py: groups of 128 in FP8 unless SGLANG_DEEPEP_BF16_DISPATCH",
        ),
    ),
    launcher=Launcher(command=_command, fraction_flag="--mem-fraction-static", names_fraction=True),
)  # fmt: skip
