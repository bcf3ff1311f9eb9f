"""vLLM: tensor x data parallel; experts over all of them (--enable-expert-parallel) or cut like everything else.

Flags are those of the releases of 2026.
"""

import json

from tokenroof.engines.shell import CONTEXT_PARALLEL, lines
from tokenroof.engines.vllm_settings import MEMORY, SCHEDULERS
from tokenroof.types.engine import (
    Dispatched,
    Engine,
    Generation,
    HostPriors,
    Launcher,
    Prior,
    Worker,
)
from tokenroof.types.layout import GATHERED, Layout

__all__ = ["VLLM"]


# Not part of the joint fit, which cannot tell a request's own time from prompts that it takes for too quick (38 ms).
# scripts/fit_request_time.py leaves the time of prompts free.
_REQUEST_S = 9.9e-3
_PROMPT_TOKEN_S = 6e-6


def _inexpressible(layout: Layout) -> str:
    if layout.cp > 1:
        return CONTEXT_PARALLEL
    return "" if layout.ep in (1, layout.stage) else "ep other than 1 or tp * dp"


def _backend(worker: Worker) -> str:
    """Kernels for many tokens, or those that a graph of a decode pass can hold."""
    if worker.layout.moe_a2a_backend == GATHERED:
        return "allgather_reducescatter"
    return "deepep_high_throughput" if worker.role == "prefill" else "deepep_low_latency"


def _command(worker: Worker) -> str:
    layout = worker.layout
    words = [f"vllm serve {worker.checkpoint}", f"--tensor-parallel-size {layout.tp}"]
    if layout.dcp > 1:
        words.append(f"--decode-context-parallel-size {layout.dcp}")
    if layout.pp > 1:
        words.append(f"--pipeline-parallel-size {layout.pp}")
    if layout.dp > 1:
        words.append(f"--data-parallel-size {layout.dp}")
    if layout.ep > 1:
        words.append("--enable-expert-parallel")
    if layout.ep > 1 and layout.dp > 1:
        words.append(f"--all2all-backend {_backend(worker)}")
        if layout.two_batch_overlap:
            words.append("--enable-dbo")
    if layout.redundant_experts:
        words += ["--enable-eplb", f"--eplb-config '{json.dumps({'num_redundant_experts': layout.redundant_experts})}'"]
    words += [f"--max-num-seqs {worker.sequences}", f"--max-model-len {worker.length}"]
    if worker.role != "decode":
        words.append(f"--max-num-batched-tokens {worker.chunk}")
    if worker.kv == "fp8":
        words.append("--kv-cache-dtype fp8")
    if worker.drafts and worker.role != "prefill":
        drafts = {"method": "mtp", "num_speculative_tokens": worker.drafts}
        words.append(f"--speculative-config '{json.dumps(drafts)}'")
    if worker.role != "both":
        words.append(f"--kv-transfer-config '{json.dumps({'kv_connector': 'NixlConnector', 'kv_role': 'kv_both'})}'")
    return lines(words)


VLLM = Engine(
    name="vllm",
    display_name="vLLM",
    aliases=("vllm",),
    version_words=r"vllm v?(\d+\.\d+\.\d+)",
    generations=(
        Generation(
            name="vllm-v0", first=(0,), memory=(MEMORY[0],), schedulers=(SCHEDULERS[0],),
            host=HostPriors(pass_s=Prior(4e-3, 0.7), amd=Prior(1.0, 0.7), sequence_s=Prior(75e-6, 0.7)),
        ),
        Generation(
            name="vllm", first=(0, 8), since="2025-02", ahead_since="2026-02", memory=MEMORY[1:],
            schedulers=SCHEDULERS[1:],
            host=HostPriors(
                pass_s=Prior(0.5e-3, 0.4), amd=Prior(1.0, 0.3), streams=True, draft_pass_s=Prior(0.5e-3, 1.0),
                request_s=_REQUEST_S,
                prompt_token_s=_PROMPT_TOKEN_S,
            ),
        ),
    ),
    inexpressible=_inexpressible,
    sends=(
        Dispatched(
            weights="fp8_block", dispatch="fp8_block", as_of="2026-11-30",
            source="vLLM deepep_ht_prepare_finalize.py and deepep_ll: quantised before it is sent, in blocks of 128",
        ),
    ),
    launcher=Launcher(command=_command, fraction_flag="--gpu-memory-utilization"),
)  # fmt: skip
